/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second of the simulated host: jobs move a part, end and tell their outcome
 * as teach_guest() of vmnumad/ends.c does; policy decides; jobs make way for
 * newer plans as in vmnumad/tick.c; new ones begin. Called by script.c.
 */
#include <string.h>

#include "sim.h"

static struct snap_cell *find_cell(struct sim *sim, size_t guest, int cell)
{
	struct snap_cell *c = sim->w->guests[guest].cells;

	while (c->id != cell)
		c++;
	return c;
}

/* The reserve is for policy to keep: check.c looks whether it did. */
static uint64_t room_of(const struct snap_node *node)
{
	return node->is_online ? node->free_bytes : 0;
}

/* So much of one move in this second; what cannot move is given up. */
static void move_part(struct sim *sim, size_t guest, size_t i, uint64_t part)
{
	struct sim_guest *g = &sim->guests[guest];
	const struct plan_move *m = &g->moves[i];
	struct snap_node *nodes = sim->w->s.nodes;
	struct snap_cell *c = find_cell(sim, guest, m->cell);
	uint64_t bytes = part * g->success / 1000;

	bytes = u64_min(bytes, c->node_bytes[m->from]);
	bytes = u64_min(bytes, room_of(&nodes[m->to]));
	nodes[m->to].promised_bytes -= part;
	c->node_bytes[m->from] -= bytes;
	c->node_bytes[m->to] += bytes;
	nodes[m->from].free_bytes += bytes;
	nodes[m->to].free_bytes -= bytes;
	g->done_bytes[i] += part;
	g->job_bytes += bytes;
	check_moved(sim, guest, m, bytes);
}

static void close_job(struct sim *sim, size_t guest)
{
	struct sim_guest *g = &sim->guests[guest];

	for (size_t i = 0; i < g->n_moves; i++)
		sim->w->s.nodes[g->moves[i].to].promised_bytes -=
			g->moves[i].bytes - g->done_bytes[i];
	sim->w->views[guest].gates &= ~(unsigned int)GATE_MOVING;
	g->has_job = false;
	g->job_end_s = sim->lived_s;
}

static void end_job(struct sim *sim, size_t guest, bool is_superseded)
{
	struct sim_guest *g = &sim->guests[guest];
	struct policy_guest *memory = &sim->w->guests[guest].memory;
	struct outcome out = {
		.moves = g->moves,
		.n_moves = g->n_moves,
		.end_ns = sim->w->s.now_ns,
		.moved_bytes = g->job_bytes,
		.is_cancelled = is_superseded,
		.is_superseded = is_superseded,
	};

	close_job(sim, guest);
	policy_outcome(&sim->w->cfg, memory, &out);
	if (g->moves[0].reason == REASON_REQUEST)
		policy_guest_hold(memory);
}

static void run_job(struct sim *sim, size_t guest)
{
	struct sim_guest *g = &sim->guests[guest];
	uint64_t left_bytes = sim->rate_bytes;
	bool is_done = true;

	for (size_t i = 0; i < g->n_moves; i++) {
		uint64_t part = u64_min(left_bytes,
					g->moves[i].bytes - g->done_bytes[i]);

		if (part > 0)
			move_part(sim, guest, i, part);
		left_bytes -= part;
		is_done = is_done && g->done_bytes[i] == g->moves[i].bytes;
	}
	if (is_done)
		end_job(sim, guest, false);
}

void host_start(struct sim *sim, size_t guest)
{
	struct sim_guest *g = &sim->guests[guest];
	const struct plan *plan = &sim->w->plan;
	size_t n = 0;

	for (size_t i = 0; i < plan->n_moves && n < SIM_MOVES_MAX; i++) {
		const struct plan_move *m = &plan->moves[i];

		if (m->guest != guest)
			continue;
		g->done_bytes[n] = 0;
		g->moves[n++] = *m;
		sim->w->s.nodes[m->to].promised_bytes += m->bytes;
		if (!sim->log)
			continue;
		fprintf(sim->log,
			"%llu: guest %zu cell %d: %llu MiB from node %d to "
			"%d, because %s\n",
			(unsigned long long)sim->lived_s, guest, m->cell,
			(unsigned long long)(m->bytes / MIB), m->from, m->to,
			reason_text(m->reason));
	}
	if (n == 0)
		return;
	g->n_moves = n;
	g->has_job = true;
	g->job_bytes = 0;
	sim->w->views[guest].gates |= GATE_MOVING;
	sim->last_job_s = sim->lived_s;
	sim->has_run_job = true;
}

void host_restart(struct sim *sim, size_t guest)
{
	struct world_guest *wg = &sim->w->guests[guest];
	struct sim_guest *g = &sim->guests[guest];

	if (g->has_job)
		close_job(sim, guest);
	g->n_moves = 0;
	memset(&g->hour, 0, sizeof(g->hour));
	policy_guest_init(&wg->memory, wg->storage, sim->vcpus_max);
	for (size_t v = 0; v < sim->vcpus_max; v++)
		wg->vcpus[v].run_ns = 0;
	sim->w->views[guest].started_ns = sim->w->s.now_ns;
}

/* The vCPUs have moved on from where the job brings their memory. */
static bool is_outdated(const struct sim_guest *g, const struct decision *d)
{
	for (size_t i = 0; i < g->n_moves; i++)
		if (g->moves[i].cell == d->cell &&
		    !d->home.weight[g->moves[i].to])
			return true;
	return false;
}

/* True when a job has made way. */
static bool review_jobs(struct sim *sim)
{
	const struct plan *plan = &sim->w->plan;
	bool is_ended = false;

	for (size_t i = 0; i < plan->n_decisions; i++) {
		const struct decision *d = &plan->decisions[i];
		struct sim_guest *g = &sim->guests[d->guest];

		if (!g->has_job || !d->by_affinity ||
		    g->moves[0].reason == REASON_REQUEST || !is_outdated(g, d))
			continue;
		end_job(sim, d->guest, true);
		is_ended = true;
	}
	return is_ended;
}

static void start_jobs(struct sim *sim)
{
	for (size_t g = 0; sim->w->plan.n_moves && g < sim->w->s.n_guests;
	     g++) {
		if (sim->guests[g].has_job)
			continue;
		check_start(sim, g);
		host_start(sim, g);
	}
}

void host_second(struct sim *sim)
{
	sim->lived_s++;
	check_second(sim);
	for (size_t g = 0; g < sim->w->s.n_guests; g++)
		if (sim->guests[g].has_job)
			run_job(sim, g);
	world_ticks(sim->w, 1, SEC);
	start_jobs(sim);
	if (!review_jobs(sim))
		return;
	/* the daemon looks again at once when a job has ended */
	world_decide(sim->w);
	start_jobs(sim);
}
