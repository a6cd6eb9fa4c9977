/* SPDX-License-Identifier: Apache-2.0 */
/* Orders over a restart; see resume.h. */
#include "resume.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon.h"
#include "journal.h"
#include "log.h"
#include "rehome.h"
#include "tell.h"
#include "xalloc.h"

static void make_folder(const char *path)
{
	autofree char *copy = xstrdup(path);

	mkdir(dirname(copy), 0700); /* if it fails, saving will say so */
}

void resume_load(struct daemon *daemon)
{
	struct why why;

	make_folder(daemon->config.journal_path);
	if (journal_load(daemon->config.journal_path, &daemon->journal, &why) <
	    0) {
		log_warning("mover", "%s; beginning a new one", why.text);
		return;
	}
	if (daemon->journal.n_records > 0)
		log_info("mover",
			 "%zu jobs were cut off by the last end; going on with "
			 "them as their guests are found",
			 daemon->journal.n_records);
}

static void add_record(struct journal *journal,
		       const struct journal_record *record)
{
	if (journal->n_records == JOURNAL_RECORDS_MAX)
		return;
	journal->records =
		xreallocarray(journal->records, journal->n_records + 1,
			      sizeof(*journal->records));
	journal->records[journal->n_records++] = *record;
}

/* SIZE_MAX: none of that guest. */
static size_t find_record(const struct journal *journal,
			  const struct uuid *uuid)
{
	for (size_t i = 0; i < journal->n_records; i++)
		if (uuid_is_equal(&journal->records[i].uuid, uuid))
			return i;
	return SIZE_MAX;
}

/* False: there is none of that guest. */
static bool take_record(struct journal *journal, const struct uuid *uuid,
			struct journal_record *ret_record)
{
	size_t i = find_record(journal, uuid);

	if (i == SIZE_MAX)
		return false;
	*ret_record = journal->records[i];
	journal->records[i] = journal->records[--journal->n_records];
	return true;
}

void resume_forget_adopted(struct daemon *daemon, pid_t pid)
{
	struct journal *journal = &daemon->journal;

	for (size_t i = 0; i < journal->n_adopted; i++) {
		if (journal->adopted[i].pid != pid)
			continue;
		journal->adopted[i] = journal->adopted[--journal->n_adopted];
		return;
	}
}

static void add_adopted(struct journal *journal,
			const struct journal_adopted *adopted)
{
	if (journal->n_adopted == JOURNAL_RECORDS_MAX)
		return;
	journal->adopted =
		xreallocarray(journal->adopted, journal->n_adopted + 1,
			      sizeof(*journal->adopted));
	journal->adopted[journal->n_adopted++] = *adopted;
}

static void add_all_adopted(const struct daemon *daemon,
			    struct journal *journal)
{
	for (size_t i = 0; i < daemon->journal.n_adopted; i++)
		add_adopted(journal, &daemon->journal.adopted[i]);
	for (const struct guest *g = daemon->guests; g; g = g->next) {
		struct journal_adopted adopted = {
			.pid = g->identity.pid,
			.start_ticks = g->identity.start_ticks,
		};

		if (!g->adopted)
			continue;
		if (g->adopted->qmp_path)
			strcpy(adopted.qmp_path, g->adopted->qmp_path);
		strcpy(adopted.name, g->name);
		add_adopted(journal, &adopted);
	}
}

void resume_save(struct daemon *daemon)
{
	struct journal journal = { .last_id = jobs_next_id(daemon->jobs) - 1 };
	struct why why;

	for (size_t i = 0; i < daemon->journal.n_records; i++)
		add_record(&journal, &daemon->journal.records[i]);
	for (size_t i = 0; i < daemon->held.n_records; i++)
		add_record(&journal, &daemon->held.records[i]);
	for (struct job_entry *e = jobs_first(daemon->jobs); e; e = e->next) {
		struct journal_record record = {
			.id = e->id,
			.uuid = e->uuid,
			.pid = e->pid,
			.start_ticks = e->start_ticks,
			.order = e->order,
		};

		if (e->job && !e->order.is_automatic && !e->order.is_part &&
		    find_record(&daemon->held, &e->uuid) == SIZE_MAX)
			add_record(&journal, &record);
	}
	add_all_adopted(daemon, &journal);
	if (journal_save(daemon->config.journal_path, &journal, &why) < 0 &&
	    !daemon->has_journal_failed) {
		log_warning("mover",
			    "%s; jobs and adopted guests will not survive a "
			    "restart of vmnumad",
			    why.text);
		daemon->has_journal_failed = true;
	}
	journal_finish(&journal);
}

void resume_hold(struct daemon *daemon, const struct guest *guest,
		 const struct job_order *order)
{
	struct journal_record record = {
		.id = jobs_next_id(daemon->jobs),
		.uuid = guest->uuid,
		.pid = guest->identity.pid,
		.start_ticks = guest->identity.start_ticks,
		.order = *order,
	};
	struct journal_record old;

	take_record(&daemon->held, &guest->uuid, &old);
	add_record(&daemon->held, &record);
	resume_save(daemon);
}

void resume_release(struct daemon *daemon, const struct uuid *uuid)
{
	struct journal_record old;

	take_record(&daemon->held, uuid, &old);
	resume_save(daemon);
}

/* Going on ------------------------------------------------------------------ */

/* An order that is taken up again. */
struct resuming {
	struct daemon *daemon; /* borrowed: outlives the loop */
	struct journal_record record; /* of the order */
	bool is_wide; /* the cpuset was widened for it */
};

/* Say how it goes; why empty: well. */
static void report(struct daemon *daemon, const struct journal_record *record,
		   const struct guest *guest, const struct why *why)
{
	log_info("mover", "job %llu: guest %s: %s%s",
		 (unsigned long long)record->id, guest->name,
		 *why->text ? "cannot go on: " : "went on after a restart",
		 why->text);
	if (*why->text)
		tell_refused(daemon, guest, "going on after a restart",
			     why->text);
}

static void on_narrowed(void *arg, int err, const struct why *why)
{
	struct resuming *resuming = arg;
	struct daemon *daemon = resuming->daemon;
	struct guest *guest =
		daemon_find_guest(daemon, resuming->record.uuid.text);
	static const struct why fine = { "" };

	if (guest)
		report(daemon, &resuming->record, guest, err < 0 ? why : &fine);
	resume_release(daemon, &resuming->record.uuid);
	free(resuming);
}

static void go_on(struct resuming *resuming, struct guest *guest);

static void on_widened(void *arg, int err, const struct why *why)
{
	struct resuming *resuming = arg;
	struct daemon *daemon = resuming->daemon;
	struct guest *guest =
		daemon_find_guest(daemon, resuming->record.uuid.text);

	resuming->is_wide = true;
	if (err == 0 && guest) {
		go_on(resuming, guest);
		return;
	}
	if (guest)
		report(daemon, &resuming->record, guest, why);
	resume_release(daemon, &resuming->record.uuid);
	free(resuming);
}

/* A re-homing is taken up wherever it was cut off: before the cpuset was wide,
 * while memory moved, or when only the narrowing was left. */
static void go_on(struct resuming *resuming, struct guest *guest)
{
	const struct job_order *order = &resuming->record.order;
	struct daemon *daemon = resuming->daemon;
	struct node_mask closed;
	struct refused refused;
	struct why why = { "" };
	struct plan plan;
	int err;

	err = daemon_plan_order(daemon, guest, order, &plan, &refused);
	closed = rehome_closed(guest, &plan);
	if (err < 0) {
		why_set(&why, "%s", refusal_text(refused.refusal));
	} else if (plan.n_moves > 0 && order->is_rehome && closed.bits &&
		   !resuming->is_wide) {
		rehome_widen(daemon, guest, closed, on_widened, resuming);
		resuming = NULL;
	} else if (plan.n_moves > 0) {
		daemon_start_job(daemon, guest, &plan, order, &why);
	} else if (order->is_rehome) {
		rehome_narrow(daemon, guest, order, on_narrowed, resuming);
		resuming = NULL;
	}
	daemon_free_plan(&plan);
	if (!resuming)
		return;
	report(daemon, &resuming->record, guest, &why);
	if (guest->active_job)
		resume_save(daemon);
	else
		resume_release(daemon, &guest->uuid);
	free(resuming);
}

void resume_guest(struct daemon *daemon, struct guest *guest)
{
	struct journal_record record;
	struct resuming *resuming;

	if (!guest->built.map || guest->n_cells == 0 || guest->active_job ||
	    !take_record(&daemon->journal, &guest->uuid, &record))
		return;
	if (guest->identity.pid != record.pid ||
	    guest->identity.start_ticks != record.start_ticks) {
		log_info("mover",
			 "job %llu: guest %s was started anew; forgetting it",
			 (unsigned long long)record.id, guest->name);
		return;
	}
	record.order.trigger_ns = daemon->sys.ops->now_ns(daemon->sys.self);
	if (record.order.is_rehome)
		add_record(&daemon->held, &record);
	resuming = xcalloc(1, sizeof(*resuming));
	*resuming = (struct resuming) { .daemon = daemon, .record = record };
	go_on(resuming, guest);
}
