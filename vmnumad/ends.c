/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of jobs: who watches one hears how it goes; at its end the
 * journal and the guest's cpuset are seen to, and the core (outcome.c) is told.
 * Jobs are started in moves.c.
 */
#include "ends.h"

#include <stdlib.h>

#include "core.h"
#include "log.h"
#include "loop.h"
#include "rehome.h"
#include "resume.h"
#include "serve/answer.h"
#include "serve/control.h"
#include "xalloc.h"

#define NS_PER_MS 1000000ull
#define WATCH_NS  (200 * NS_PER_MS)

/* Ending -------------------------------------------------------------------- */

static void close_entry(struct daemon *daemon, struct job_entry *entry)
{
	resume_release(daemon, &entry->uuid);
	core_close_job(daemon, entry);
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

	core_end_job(daemon, entry);
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
