/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second of the simulated host: jobs end and tell their outcome as the
 * daemon's tell_guest() does, policy decides, new jobs begin. Called by
 * script.c.
 */
#include "sim.h"

static void end_job(struct sim *sim, size_t guest)
{
	struct sim_guest *g = &sim->guests[guest];
	struct world *w = sim->w;
	struct outcome out = {
		.moves = g->moves,
		.n_moves = g->n_moves,
		.end_ns = w->s.now_ns,
	};

	for (size_t i = 0; i < g->n_moves; i++) {
		const struct plan_move *m = &g->moves[i];
		struct snap_node *to = &w->s.nodes[m->to];
		struct snap_cell *c = w->guests[guest].cells;
		uint64_t bytes = m->bytes;

		while (c->id != m->cell)
			c++;
		if (bytes > c->node_bytes[m->from])
			bytes = c->node_bytes[m->from];
		to->promised_bytes -= m->bytes;
		if (!to->is_online || to->free_bytes < bytes)
			continue;
		c->node_bytes[m->from] -= bytes;
		c->node_bytes[m->to] += bytes;
		w->s.nodes[m->from].free_bytes += bytes;
		to->free_bytes -= bytes;
		out.moved_bytes += bytes;
	}
	policy_outcome(&w->cfg, &w->guests[guest].memory, &out);
	check_moved(sim, guest, out.moved_bytes);
	w->views[guest].gates &= ~(unsigned int)GATE_MOVING;
	g->n_moves = 0;
}

static void start_job(struct sim *sim, size_t guest)
{
	struct sim_guest *g = &sim->guests[guest];
	uint64_t now_ns = sim->w->s.now_ns, bytes = 0;

	for (size_t i = 0; i < sim->w->plan.n_moves; i++) {
		const struct plan_move *m = &sim->w->plan.moves[i];

		if (m->guest != guest || g->n_moves == SIM_MOVES_MAX)
			continue;
		g->moves[g->n_moves++] = *m;
		sim->w->s.nodes[m->to].promised_bytes += m->bytes;
		bytes += m->bytes;
		fprintf(sim->log,
			"%llu: guest %zu cell %d: %llu MiB from node %d to "
			"%d, because %s\n",
			(unsigned long long)((now_ns - sim->begin_ns) / SEC),
			guest, m->cell, (unsigned long long)(m->bytes / MIB),
			m->from, m->to, reason_text(m->reason));
	}
	if (!g->n_moves)
		return;
	check_start(sim, guest);
	g->end_ns = now_ns + bytes / MIB * SEC / (sim->rate_bytes_per_s / MIB);
	sim->w->views[guest].gates |= GATE_MOVING;
	sim->last_job_ns = now_ns;
}

void host_second(struct sim *sim)
{
	for (size_t g = 0; g < sim->w->s.n_guests; g++)
		if (sim->guests[g].n_moves &&
		    sim->guests[g].end_ns <= sim->w->s.now_ns)
			end_job(sim, g);
	world_ticks(sim->w, 1, SEC);
	check_second(sim);
	for (size_t g = 0; sim->w->plan.n_moves && g < sim->w->s.n_guests; g++)
		if (!sim->guests[g].n_moves)
			start_job(sim, g);
}
