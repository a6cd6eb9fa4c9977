/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of jobs: who watches one hears how it goes; at its end the log,
 * the guest's policy and its cpuset are told. Jobs are started in moves.c.
 */
#include "ends.h"

#include <stdlib.h>

#include "daemon.h"
#include "learn.h"
#include "log.h"
#include "loop.h"
#include "rehome.h"
#include "resume.h"
#include "serve/answer.h"
#include "serve/control.h"
#include "tell.h"
#include "xalloc.h"

#define NS_PER_MS 1000000ull
#define WATCH_NS  (200 * NS_PER_MS)

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

static void teach_guest(struct daemon *daemon, struct guest *guest,
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
	if (job_entry_has_counted(entry))
		guest_take_counts(guest, entry->cells, entry->n_cells,
				  r->ended_ns);
	else
		guest->wants_measure = true;
	ledger_finish(&guest->ledger);
	ledger_copy(&entry->ledger, &guest->ledger);
	if (guest->built.map) /* it may be newer than the job's */
		ledger_keep(&guest->ledger, guest->built.map);
}

/* All is done for this job: tell everybody. */
static void close_entry(struct daemon *daemon, struct job_entry *entry)
{
	struct guest *guest = daemon_find_guest(daemon, entry->uuid.text);

	if (guest && guest->active_job == entry->id)
		teach_guest(daemon, guest, entry);
	tell_end(daemon, entry);
	resume_release(daemon, &entry->uuid);
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
		log_warning("mover", "guest %s: its memory is moved, but %s",
			    entry->guest_name, why->text);
		entry->receipt.result = JOB_PARTIAL;
		entry->receipt.why = *why;
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
	rehome_narrow(daemon, guest, &entry->order, on_narrowed, narrowing);
}

void daemon_on_job_ended(void *arg, struct job *job)
{
	struct daemon *daemon = arg;
	struct job_entry *entry = jobs_find(daemon->jobs, job_id(job));
	struct guest *guest = daemon_find_guest(daemon, entry->uuid.text);

	job_entry_end(entry);
	log_end(entry);
	log_pools(entry);
	learn_cost(entry, guest ? &guest->cost : NULL,
		   &daemon->rate_bytes_per_s);
	if (rehome_is_due(entry)) {
		narrow(daemon, entry);
		return;
	}
	if (guest && entry->order.is_rehome)
		rehome_is_theirs(daemon, guest, &entry->order);
	close_entry(daemon, entry);
}

/* Watching ------------------------------------------------------------------ */

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
