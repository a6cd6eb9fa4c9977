/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host on paper as the daemon meets it: the door, what is observed of nodes
 * and guests, guests that come and go, and a second that passes. Called by
 * script.c and words.c.
 */
#include <errno.h>
#include <string.h>

#include "history.h"
#include "log.h"
#include "loop.h"
#include "sim.h"
#include "tell.h"
#include "xalloc.h"

/* The door ------------------------------------------------------------------ */

static uint64_t now_ns(void *self)
{
	const struct sim *sim = self;

	return sim->w->s.now_ns;
}

static int is_alive(void *self, int pidfd)
{
	const struct sim *sim = self;

	for (size_t g = 0; g < sim->w->s.n_guests; g++)
		if (sim->guests[g].pid == pidfd)
			return 1;
	return 0;
}

/* The number of a process is its handle too: it is never used again. */
static int open_process(void *self, pid_t pid, int *ret_pidfd)
{
	*ret_pidfd = pid;
	return is_alive(self, pid) ? 0 : -ESRCH;
}

static void close_fd(void *self, int fd)
{
}

/* Guests -------------------------------------------------------------------- */

static struct sim_guest *sim_guest_of(struct guest *guest)
{
	return (struct sim_guest *)guest;
}

static size_t number_of(const struct sim *sim, struct guest *guest)
{
	return (size_t)(sim_guest_of(guest) - sim->guests);
}

/* What starting is to libvirt's events and to inspections. */
void host_come(struct sim *sim, size_t guest)
{
	struct sim_guest *g = &sim->guests[guest];
	struct world_guest *wg = &sim->w->guests[guest];
	struct guest **link = &sim->daemon.guests;

	g->pid = ++sim->last_pid;
	g->n_moves = 0;
	memset(&g->hour, 0, sizeof(g->hour));
	memset(&g->guest, 0, sizeof(g->guest));
	g->guest.env = &sim->env;
	snprintf(g->guest.uuid.text, sizeof(g->guest.uuid.text),
		 "00000000-0000-4000-8000-%012zu", guest);
	g->guest.name = xasprintf("guest %zu", guest);
	g->guest.has_domain = true;
	g->guest.state = VIRT_STATE_RUNNING;
	g->guest.started_ns = sim->w->s.now_ns;
	g->guest.identity.pid = g->pid;
	g->guest.identity.pidfd = g->pid;
	g->guest.vcpus = wg->vcpus;
	g->guest.cells =
		xcalloc(sim->w->views[guest].n_cells, sizeof(*g->guest.cells));
	ledger_init(&g->guest.ledger);
	policy_guest_init(&g->guest.memory, wg->storage, sim->vcpus_max);
	for (size_t v = 0; v < sim->vcpus_max; v++)
		wg->vcpus[v].run_ns = 0;
	while (*link)
		link = &(*link)->next;
	*link = &g->guest;
	sim->daemon.n_guests++;
	tell_guest(&sim->daemon, &g->guest, true);
}

void host_go(struct sim *sim, size_t guest)
{
	struct sim_guest *g = &sim->guests[guest];

	g->pid = 0;
	core_forget_guest(&sim->daemon, &g->guest);
	ledger_finish(&g->guest.ledger);
	free(g->guest.name);
	free(g->guest.cells);
}

/* Observing ----------------------------------------------------------------- */

static void look_at_nodes(struct sim *sim)
{
	struct topology *topo = &sim->daemon.topo;

	topo->online.bits = topo->has_cpu.bits = topo->has_memory.bits = 0;
	for (int n = 0; n < NODES_MAX; n++) {
		const struct snap_node *from = &sim->w->s.nodes[n];
		uint64_t bit = node_mask_of(n).bits;

		if (!from->is_online)
			continue;
		topo->online.bits |= bit;
		topo->has_cpu.bits |= from->has_cpu ? bit : 0;
		topo->has_memory.bits |= from->has_memory ? bit : 0;
		topo->node[n].total_bytes = from->total_bytes;
		topo->node[n].free_bytes = from->free_bytes;
		topo->node[n].high_bytes = from->reserve_bytes;
		memcpy(topo->distance[n], from->distance,
		       sizeof(topo->distance[n]));
	}
}

static void look_at_guest(struct sim *sim, struct sim_guest *g)
{
	const struct snap_guest *view = &sim->w->views[g - sim->guests];
	bool has_map = !(view->gates & GATE_NO_MAP);

	g->map->total_bytes = view->ram_bytes;
	g->guest.built.map = has_map ? g->map : NULL;
	g->guest.has_mode = true;
	g->guest.mode_said = view->mode;
	g->guest.mems_allowed = view->mems_allowed;
	g->guest.n_vcpus = view->n_vcpus;
	g->guest.n_cells = view->n_cells;
	memcpy(g->guest.cells, view->cells,
	       view->n_cells * sizeof(*view->cells));
}

/* Gates are set by the scenario, and by the daemon itself for its jobs. */
static void observe(struct sim *sim)
{
	struct daemon *daemon = &sim->daemon;
	size_t index = 0;

	look_at_nodes(sim);
	for (struct guest *g = daemon->guests; g; g = g->next)
		look_at_guest(sim, sim_guest_of(g));
	core_view(daemon);
	for (struct guest *g = daemon->guests; g; g = g->next)
		daemon->snap_guests[index++].gates |=
			sim->w->views[number_of(sim, g)].gates;
}

/* A plan of the daemon's, with the guests numbered as in the scenario. */
static void take_plan(struct sim *sim, const struct plan *from)
{
	size_t numbers[SIM_GUESTS_MAX];
	struct plan *to = &sim->w->plan;
	size_t n = 0;

	for (struct guest *g = sim->daemon.guests; g; g = g->next)
		numbers[n++] = number_of(sim, g);
	to->n_moves = from->n_moves;
	to->n_decisions = from->n_decisions;
	to->is_cut = from->is_cut;
	for (size_t i = 0; i < from->n_moves; i++) {
		to->moves[i] = from->moves[i];
		to->moves[i].guest = numbers[from->moves[i].guest];
	}
	for (size_t i = 0; i < from->n_decisions; i++) {
		to->decisions[i] = from->decisions[i];
		to->decisions[i].guest = numbers[from->decisions[i].guest];
	}
}

/* Ticking ------------------------------------------------------------------- */

/* The jobs that have begun. */
static void note_starts(struct sim *sim)
{
	for (size_t g = 0; g < sim->w->s.n_guests; g++) {
		struct job *job = sim->guests[g].job;

		sim->guests[g].job = NULL;
		if (!job)
			continue;
		check_start(sim, g, paper_entry(job));
		sim->last_job_s = sim->lived_s;
		sim->has_run_job = true;
	}
}

/* daemon_tick() without the questions that guests are asked. */
static void on_tick(void *arg)
{
	struct sim *sim = arg;
	struct daemon *daemon = &sim->daemon;

	loop_timer_set(daemon->tick_timer, daemon->config.sample_ns);
	observe(sim);
	core_tick(daemon);
	take_plan(sim, &daemon->plan);
	note_starts(sim);
}

static void settle(struct sim *sim, uint64_t ns)
{
	if (!clock_pass(sim->loop, ns))
		check_failed(sim, 0, "the daemon does not come to rest");
}

void host_second(struct sim *sim)
{
	sim->lived_s++;
	check_second(sim);
	paper_second(sim);
	world_pass(sim->w, SEC);
	settle(sim, SEC);
}

/* Orders -------------------------------------------------------------------- */

static void start_all(struct sim *sim, const struct plan *plan,
		      const struct job_order *order)
{
	struct daemon *daemon = &sim->daemon;
	size_t index = 0;
	struct why why;

	take_plan(sim, plan);
	for (struct guest *g = daemon->guests; g; g = g->next, index++)
		if (core_has_moves(plan, index) &&
		    !core_start_job(daemon, g, plan, order, &why))
			check_failed(sim, number_of(sim, g), "no job: %s",
				     why.text);
	note_starts(sim);
}

/* An administrator's wish goes before follow mode's. */
static void stop_automatic(struct sim *sim, struct guest *guest)
{
	struct job_entry *entry =
		jobs_find(sim->daemon.jobs, guest->active_job);

	if (!entry || !entry->order.is_automatic)
		return;
	job_entry_cancel(entry, "an administrator's rebalance");
	settle(sim, 0);
}

void host_rebalance(struct sim *sim, size_t guest, int node)
{
	struct daemon *daemon = &sim->daemon;
	struct guest *g = &sim->guests[guest].guest;
	struct job_order order = { .to = node_mask_of(node),
				   .trigger_ns = sim->w->s.now_ns };
	struct refused refused;
	struct plan plan;

	stop_automatic(sim, g);
	observe(sim);
	if (core_plan_order(daemon, g, &order, &plan, &refused) < 0)
		check_failed(sim, guest, "the order is refused: %s",
			     refusal_text(refused.refusal));
	start_all(sim, &plan, &order);
	daemon_free_plan(&plan);
}

void host_make_room(struct sim *sim, int node, uint64_t bytes)
{
	struct make_room want = { .node = node, .bytes = bytes };
	struct job_order order = { .is_part = true,
				   .trigger_ns = sim->w->s.now_ns };
	uint64_t free_bytes;
	struct plan plan;

	observe(sim);
	if (core_plan_room(&sim->daemon, &want, &plan, &free_bytes) < 0)
		check_failed(sim, 0, "no room can be made on node %d", node);
	else
		start_all(sim, &plan, &order);
	daemon_free_plan(&plan);
}

/* Life ---------------------------------------------------------------------- */

static void on_happening(void *arg, const struct happening *h)
{
	const struct sim *sim = arg;

	fprintf(sim->log, "%llu: %s: %s: %s%s%s\n",
		(unsigned long long)sim->lived_s, h->guest,
		happening_text(h->kind), h->text, *h->reason.text ? ": " : "",
		h->reason.text);
}

void host_begin(struct sim *sim)
{
	static const struct sys_ops ops = {
		.now_ns = now_ns,
		.is_alive = is_alive,
		.open_process = open_process,
		.close_fd = close_fd,
	};
	struct daemon *daemon = &sim->daemon;

	log_set_level(LOG_LEVEL_ERROR);
	config_init(&daemon->config);
	daemon->config.collapse = COLLAPSE_NO;
	daemon->config.reserve_bytes = 0; /* the world's nodes have theirs */
	daemon->sys = (struct sys) { .ops = &ops, .self = sim };
	daemon->history = history_create();
	if (sim->log)
		sim->watch = history_watch(daemon->history, on_happening, sim);
	daemon->jobs = jobs_create(0, paper_mover(sim));
	sim->env = (struct guest_env) { .sys = &daemon->sys,
					.config = &daemon->config };
	sim->loop = loop_create();
	daemon->tick_timer = loop_timer_add(sim->loop, on_tick, sim);
	loop_timer_set(daemon->tick_timer, daemon->config.sample_ns);
	for (size_t g = 0; g < sim->w->s.n_guests; g++) {
		host_come(sim, g);
		sim->guests[g].guest.started_ns = 0; /* before the daemon */
	}
}

void host_finish(struct sim *sim)
{
	struct daemon *daemon = &sim->daemon;

	if (!sim->w)
		return;
	for (size_t g = 0; g < sim->w->s.n_guests; g++)
		if (sim->guests[g].pid)
			host_go(sim, g);
	settle(sim, 0); /* their jobs end */
	for (size_t g = 0; g < sim->w->s.n_guests; g++)
		free(sim->guests[g].map);
	if (sim->watch)
		history_unwatch(sim->watch);
	jobs_destroy(daemon->jobs);
	history_destroy(daemon->history);
	config_finish(&daemon->config);
	loop_timer_remove(daemon->tick_timer);
	loop_destroy(sim->loop);
	free(daemon->plan.moves);
	free(daemon->plan.decisions);
	free(daemon->snap_guests);
	world_destroy(sim->w);
	free(sim->guests);
}
