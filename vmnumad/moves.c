/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Act: the last third of a tick, and what an administrator asks for. Turns the
 * moves that policy/ planned for one guest into a job for the mover threads,
 * and takes the outcome back.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon.h"
#include "log.h"
#include "loop.h"
#include "moves.h"
#include "rehome.h"
#include "resume.h"
#include "move/crew.h"
#include "serve/answer.h"
#include "serve/control.h"
#include "xalloc.h"

#define NS_PER_MS 1000000ull
#define WATCH_NS  (200 * NS_PER_MS)

struct pace_config daemon_pace(const struct daemon *daemon,
			       const struct job_order *order)
{
	const struct config *config = &daemon->config;
	struct pace_config pace =
		order->is_hurried ? pace_config_hurry() : pace_config_gentle();

	if (!order->is_hurried) {
		pace.stall_ns = config->stall_ns;
		pace.duty = config->duty;
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

int daemon_plan_order(struct daemon *daemon, struct guest *guest,
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
	int index;

	plan.moves = xcalloc(plan.cap_moves, sizeof(*plan.moves));
	plan.decisions = xcalloc(plan.cap_decisions, sizeof(*plan.decisions));
	*ret_plan = plan;
	/* its cpuset may be another one since it was read last, by our hand too */
	if (guest->sampler)
		sampler_refresh(guest->sampler);
	daemon_observe(daemon);
	index = daemon_snapshot_index(daemon, guest);
	return policy_request(&daemon->config.policy, &daemon->snapshot,
			      (size_t)index, &request, ret_plan, ret_refused);
}

void daemon_free_plan(struct plan *plan)
{
	free(plan->moves);
	free(plan->decisions);
	*plan = (struct plan) { 0 };
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

/* is_open: without regard to what was measured, all that is found goes. */
static void make(struct making *making, const struct guest *guest,
		 const struct plan *plan, size_t index, bool is_open)
{
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

struct job_entry *daemon_start_job(struct daemon *daemon, struct guest *guest,
				   const struct plan *plan,
				   const struct job_order *order,
				   struct why *why)
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
	make(&making, guest, plan, (size_t)index, !order->is_automatic);
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
	entry->job = job_create(&spec, &daemon->sys);
	guest->active_job = entry->id;
	guest->stirred_ns = 0;
	job_entry_refresh(entry);
	log_start(entry, order);
	crew_add(daemon->crew, entry->job);
	resume_save(daemon);
	making_finish(&making);
	return entry;
}

/* Ending -------------------------------------------------------------------- */

static void log_end(const struct job_entry *entry)
{
	const struct receipt *r = &entry->receipt;
	uint64_t first_ns = r->first_call_ns > entry->order.trigger_ns
				    ? r->first_call_ns - entry->order.trigger_ns
				    : 0;

	log_info(
		"mover",
		"job %llu: guest %s: %s%s%s: moved %llu KiB in %.1f s and %llu "
		"calls, left %llu KiB; first call %.1f ms after the event",
		(unsigned long long)entry->id, entry->guest_name,
		job_result_text(r->result), *r->why.text ? ": " : "",
		r->why.text, (unsigned long long)(r->moved_bytes / KIB),
		(double)(r->ended_ns - r->started_ns) / 1e9,
		(unsigned long long)r->calls,
		(unsigned long long)(receipt_left_bytes(r) / KIB),
		(double)first_ns / NS_PER_MS);
}

/* What an administrator can do where the daemon could not. */
static void log_pools(const struct job_entry *entry)
{
	const struct pools_report *report = &entry->receipt.pools;

	for (size_t i = 0; i < report->n_pools; i++) {
		const struct pool_change *pool = &report->pools[i];

		if (pool->now_pages == pool->before_pages)
			continue;
		log_warning(
			"mover",
			"job %llu: guest %s: the pool of 2 MiB pages of node "
			"%d has %llu pages, %llu before, and was not put back: "
			"%s; this does it: echo %llu > /sys/devices/system/"
			"node/node%d/hugepages/hugepages-2048kB/nr_hugepages",
			(unsigned long long)entry->id, entry->guest_name,
			pool->node, (unsigned long long)pool->now_pages,
			(unsigned long long)pool->before_pages,
			report->why.text,
			(unsigned long long)pool->before_pages, pool->node);
	}
}

/* What moving cost teaches what it will cost. */
static void learn_rate(struct daemon *daemon, const struct receipt *r)
{
	double seconds = (double)(r->ended_ns - r->started_ns) / 1e9;
	double rate;

	if (r->moved_bytes < 64 * MIB || seconds <= 0)
		return;
	rate = (double)r->moved_bytes / seconds;
	if (daemon->rate_bytes_per_s)
		rate = 0.7 * (double)daemon->rate_bytes_per_s + 0.3 * rate;
	daemon->rate_bytes_per_s = (uint64_t)rate;
}

static void tell_guest(struct daemon *daemon, struct guest *guest,
		       struct job_entry *entry)
{
	const struct receipt *r = &entry->receipt;
	struct outcome outcome = {
		.moves = entry->moves,
		.n_moves = entry->n_moves,
		.end_ns = r->ended_ns,
		.moved_bytes = r->moved_bytes,
		.is_cancelled = r->result == JOB_CANCELLED,
		.is_superseded = entry->is_superseded,
	};

	guest->active_job = 0;
	policy_outcome(&daemon->config.policy, &guest->memory, &outcome);
	if (!entry->order.is_automatic && r->result != JOB_CANCELLED)
		policy_guest_hold(&guest->memory);
	guest_take_counts(guest, entry->cells, entry->n_cells, r->ended_ns);
	ledger_finish(&guest->ledger);
	ledger_copy(&entry->ledger, &guest->ledger);
}

/* All is done for this job: tell everybody. */
static void close_entry(struct daemon *daemon, struct job_entry *entry)
{
	struct guest *guest = daemon_find_guest(daemon, entry->uuid.text);

	if (guest && guest->active_job == entry->id)
		tell_guest(daemon, guest, entry);
	resume_save(daemon);
	job_entry_tell(entry);
	loop_timer_set(daemon->tick_timer, 0); /* what is next? */
}

/* A re-homing whose last step is under way. */
struct narrowing {
	struct daemon *daemon; /* borrowed: outlives the loop */
	uint64_t id; /* of the job */
};

static void on_narrowed(void *arg, int err, const struct why *why)
{
	struct narrowing *narrowing = arg;
	struct job_entry *entry =
		jobs_find(narrowing->daemon->jobs, narrowing->id);

	if (err < 0) {
		log_warning("mover",
			    "guest %s: its cpuset stays wide: %s; its memory "
			    "is moved",
			    entry->guest_name, why->text);
		entry->receipt.result = JOB_PARTIAL;
		why_set(&entry->receipt.why, "its cpuset stays wide: %s",
			why->text);
	}
	close_entry(narrowing->daemon, entry);
	free(narrowing);
}

static void narrow(struct daemon *daemon, struct job_entry *entry)
{
	struct guest *guest = daemon_find_guest(daemon, entry->uuid.text);
	struct narrowing *narrowing = xcalloc(1, sizeof(*narrowing));

	*narrowing = (struct narrowing) { .daemon = daemon, .id = entry->id };
	if (guest)
		guest_take_counts(guest, entry->cells, entry->n_cells,
				  entry->receipt.ended_ns);
	rehome_narrow(daemon, entry, on_narrowed, narrowing);
}

void daemon_on_job_ended(void *arg, struct job *job)
{
	struct daemon *daemon = arg;
	struct job_entry *entry = jobs_find(daemon->jobs, job_id(job));

	job_entry_end(entry);
	log_end(entry);
	log_pools(entry);
	learn_rate(daemon, &entry->receipt);
	if (rehome_is_due(entry))
		narrow(daemon, entry);
	else
		close_entry(daemon, entry);
}

/* Control ------------------------------------------------------------------- */

void daemon_cancel_job(struct daemon *daemon, struct job_entry *entry,
		       const char *why)
{
	if (!entry->job)
		return;
	job_cancel(entry->job, why);
	crew_wake(daemon->crew, entry->job);
}

void daemon_pause_job(struct daemon *daemon, struct job_entry *entry,
		      bool is_paused)
{
	if (!entry->job)
		return;
	if (is_paused)
		job_pause(entry->job);
	else
		job_resume(entry->job);
	crew_wake(daemon->crew, entry->job);
}

/* A client waits: the answer at the end, or nothing if it went away. */
static void on_watched_end(void *arg, struct job_entry *entry)
{
	control_reply(arg, answer_job(entry));
}

static void on_watcher_gone(void *arg)
{
	struct job_watcher *watcher = arg;

	control_reply(watcher->call, NULL);
	job_watcher_drop(watcher);
}

void daemon_watch_job(struct daemon *daemon, struct job_entry *entry,
		      struct control_call *call)
{
	struct job_watcher *watcher =
		job_entry_watch(entry, on_watched_end, call);

	watcher->call = call;
	control_on_gone(call, on_watcher_gone, watcher);
	loop_timer_set(daemon->watch_timer, 0);
}

void daemon_on_watch(void *arg)
{
	struct daemon *daemon = arg;
	bool has_watchers = false;

	for (struct job_entry *e = jobs_first(daemon->jobs); e; e = e->next) {
		struct json_object *progress;

		if (!e->job || !e->watchers)
			continue;
		has_watchers = true;
		job_entry_refresh(e);
		progress = answer_job(e);
		for (struct job_watcher *w = e->watchers; w; w = w->next)
			if (w->call)
				control_notify(w->call, "progress", progress);
		answer_free(progress);
	}
	if (has_watchers)
		loop_timer_set(daemon->watch_timer, WATCH_NS);
}
