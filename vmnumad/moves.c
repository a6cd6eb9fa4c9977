/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Act: turns the moves that policy/ planned for one guest, in a tick or because
 * an administrator asks for it, into a job for the mover. Part of the core
 * (core.h). What becomes of it is in outcome.c and ends.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "log.h"
#include "tell.h"
#include "xalloc.h"

struct pace_config daemon_pace(const struct daemon *daemon,
			       const struct job_order *order)
{
	const struct config *config = &daemon->config;
	struct pace_config pace =
		order->is_hurried ? pace_config_hurry() : pace_config_gentle();

	if (!order->is_hurried) {
		if (pace.lanes_max > config->n_movers)
			pace.lanes_max = config->n_movers;
		pace.stall_ns = config->stall_ns;
		if (config->duty)
			pace.huge_duty = pace.small_duty = config->duty;
	} else {
		pace.lanes_max = config->n_movers;
	}
	if (order->stall_ns) { /* wanted, whatever it costs in all */
		pace.stall_ns = order->stall_ns;
		pace.small_min = PACE_SMALL_LEAST;
	}
	pace.rate_bytes_per_s = order->rate_bytes_per_s
					? order->rate_bytes_per_s
					: config->rate_bytes_per_s;
	return pace;
}

/* Planning ------------------------------------------------------------------ */

int core_plan_order(struct daemon *daemon, struct guest *guest,
		    const struct job_order *order, struct plan *ret_plan,
		    struct refused *ret_refused)
{
	struct request request = {
		.to = order->to,
		.cells = order->cells,
		.n_cells = order->n_cells,
		.rehome = order->is_rehome,
	};
	struct plan plan = {
		/* from each node to each other one, per cell, is more */
		.cap_moves = guest->n_cells * NODES_MAX,
		.cap_decisions = guest->n_cells,
	};

	plan.moves = xcalloc(plan.cap_moves, sizeof(*plan.moves));
	plan.decisions = xcalloc(plan.cap_decisions, sizeof(*plan.decisions));
	*ret_plan = plan;
	return policy_request(&daemon->config.policy, &daemon->snapshot,
			      (size_t)daemon_snapshot_index(daemon, guest),
			      &request, ret_plan, ret_refused);
}

int core_plan_room(struct daemon *daemon, const struct make_room *want,
		   struct plan *ret_plan, uint64_t *ret_free_bytes)
{
	struct plan plan = { 0 };

	for (struct guest *g = daemon->guests; g; g = g->next)
		plan.cap_decisions += g->n_cells;
	plan.cap_moves = plan.cap_decisions + NODES_MAX;
	plan.moves = xcalloc(plan.cap_moves, sizeof(*plan.moves));
	plan.decisions =
		xcalloc(plan.cap_decisions + 1, sizeof(*plan.decisions));
	*ret_plan = plan;
	return policy_make_room(&daemon->config.policy, &daemon->snapshot, want,
				ret_plan, ret_free_bytes);
}

void daemon_free_plan(struct plan *plan)
{
	free(plan->moves);
	free(plan->decisions);
	*plan = (struct plan) { 0 };
}

bool core_has_moves(const struct plan *plan, size_t index)
{
	for (size_t i = 0; i < plan->n_moves; i++)
		if (plan->moves[i].guest == index)
			return true;
	return false;
}

/* Making the spec ----------------------------------------------------------- */

/* What is being put together for a job. */
struct making {
	struct job_cell *cells; /* owned */
	size_t n_cells; /* length of cells */
	struct job_route *routes; /* owned */
	size_t n_routes; /* length of routes */
	struct plan_move *moves; /* owned: the plan's for this guest */
	size_t n_moves; /* length of moves */
	uint64_t planned_bytes; /* of the moves */
};

static void making_finish(struct making *making)
{
	free(making->cells);
	free(making->routes);
	free(making->moves);
}

static const struct snap_cell *find_cell(const struct guest *guest, int cell)
{
	for (size_t i = 0; i < guest->n_cells; i++)
		if (guest->cells[i].id == cell)
			return &guest->cells[i];
	return NULL;
}

static struct job_cell *get_job_cell(struct making *making, int cell)
{
	size_t i = 0;

	while (i < making->n_cells && making->cells[i].cell < cell)
		i++;
	if (i < making->n_cells && making->cells[i].cell == cell)
		return &making->cells[i];
	making->cells = xreallocarray(making->cells, making->n_cells + 1,
				      sizeof(*making->cells));
	memmove(&making->cells[i + 1], &making->cells[i],
		(making->n_cells - i) * sizeof(*making->cells));
	making->cells[i] = (struct job_cell) { .cell = cell };
	making->n_cells++;
	return &making->cells[i];
}

/* A node that the moves do not empty is a wanted one. */
static void set_homes(struct making *making)
{
	for (size_t i = 0; i < making->n_cells; i++)
		making->cells[i].home.bits = ~0ull;
	for (size_t i = 0; i < making->n_moves; i++) {
		const struct plan_move *move = &making->moves[i];

		get_job_cell(making, move->cell)->home.bits &=
			~node_mask_of(move->from).bits;
	}
}

/* True when the plan takes everything that was measured on a node: then what
 * appears there meanwhile goes the same way. */
static bool takes_all(const struct making *making, const struct guest *guest,
		      const struct plan_move *move)
{
	const struct snap_cell *cell = find_cell(guest, move->cell);
	uint64_t planned_bytes = 0;

	for (size_t i = 0; i < making->n_moves; i++)
		if (making->moves[i].cell == move->cell &&
		    making->moves[i].from == move->from)
			planned_bytes += making->moves[i].bytes;
	return !cell || planned_bytes >= cell->node_bytes[move->from];
}

static bool is_last_of_route(const struct making *making, size_t i)
{
	for (size_t k = i + 1; k < making->n_moves; k++)
		if (making->moves[k].cell == making->moves[i].cell &&
		    making->moves[k].from == making->moves[i].from)
			return false;
	return true;
}

static void make(struct making *making, const struct guest *guest,
		 const struct plan *plan, size_t index,
		 const struct job_order *order)
{
	/* without regard to what was measured, all that is found goes */
	bool is_open = !order->is_automatic && !order->is_part;

	making->moves = xcalloc(plan->n_moves, sizeof(*making->moves));
	making->routes = xcalloc(plan->n_moves, sizeof(*making->routes));
	for (size_t i = 0; i < plan->n_moves; i++) {
		if (plan->moves[i].guest != index)
			continue;
		making->moves[making->n_moves++] = plan->moves[i];
		making->planned_bytes += plan->moves[i].bytes;
		get_job_cell(making, plan->moves[i].cell);
	}
	set_homes(making);
	for (size_t i = 0; i < making->n_moves; i++) {
		const struct plan_move *move = &making->moves[i];
		bool is_all = is_last_of_route(making, i) &&
			      (is_open || takes_all(making, guest, move));

		making->routes[making->n_routes++] = (struct job_route) {
			.cell = move->cell,
			.from = move->from,
			.to = move->to,
			.bytes = is_all ? UINT64_MAX : move->bytes,
			.page_bytes = order->page_bytes,
		};
	}
}

/* Starting ------------------------------------------------------------------ */

static void log_start(const struct job_entry *entry,
		      const struct job_order *order)
{
	const struct plan_move *move = &entry->moves[0];

	log_info("mover",
		 "job %llu: guest %s: moving %llu MiB, cell %d from node %d to "
		 "node %d%s, because %s",
		 (unsigned long long)entry->id, entry->guest_name,
		 (unsigned long long)(entry->receipt.planned_bytes / MIB),
		 move->cell, move->from, move->to,
		 entry->n_moves > 1 ? " and more" : "",
		 order->is_automatic ? reason_text(move->reason)
				     : "an administrator asked for it");
}

bool daemon_may_collapse(const struct daemon *daemon)
{
	const struct sys *sys = &daemon->sys;
	char thp[64], merged[64];
	size_t len;

	if (daemon->config.collapse != COLLAPSE_AUTO)
		return daemon->config.collapse == COLLAPSE_YES;
	if (sys->ops->read_file(sys->self,
				"/sys/kernel/mm/transparent_hugepage/enabled",
				thp, sizeof(thp), &len) < 0 ||
	    strstr(thp, "[never]"))
		return false;
	return sys->ops->read_file(sys->self, "/sys/kernel/mm/ksm/pages_shared",
				   merged, sizeof(merged), &len) < 0 ||
	       strtoull(merged, NULL, 10) == 0;
}

struct job_entry *core_start_job(struct daemon *daemon, struct guest *guest,
				 const struct plan *plan,
				 const struct job_order *order, struct why *why)
{
	int index = daemon_snapshot_index(daemon, guest);
	struct making making = { 0 };
	struct job_spec spec = { 0 };
	struct job_entry *entry;

	if (index < 0 || !guest->built.map ||
	    identity_dup(&daemon->sys, &guest->identity, &spec.identity) < 0) {
		why_set(why, "the guest has ended");
		return NULL;
	}
	make(&making, guest, plan, (size_t)index, order);
	spec.id = jobs_next_id(daemon->jobs);
	spec.map = guest->built.map;
	spec.cells = making.cells;
	spec.n_cells = making.n_cells;
	spec.routes = making.routes;
	spec.n_routes = making.n_routes;
	spec.pace = daemon_pace(daemon, order);
	spec.planned_bytes = making.planned_bytes;
	spec.reserve_bytes = daemon->config.reserve_bytes;
	spec.grows_pools = daemon->config.grows_pools;
	spec.pools = daemon->pools;
	spec.room_wait_ns = daemon->config.room_wait_ns;
	spec.is_collapsing = daemon_may_collapse(daemon);

	entry = jobs_add(daemon->jobs, &guest->uuid, guest->name, making.moves,
			 making.n_moves);
	entry->order = *order;
	entry->pid = guest->identity.pid;
	entry->start_ticks = guest->identity.start_ticks;
	policy_price(&daemon->config.policy, &daemon->snapshot, plan,
		     (size_t)index, &entry->price);
	job_entry_start(entry, &spec);
	guest->active_job = entry->id;
	guest->wants_state = true; /* has libvirt begun something meanwhile? */
	guest->stirred_ns = 0;
	log_start(entry, order);
	tell_start(daemon, entry);
	making_finish(&making);
	return entry;
}
