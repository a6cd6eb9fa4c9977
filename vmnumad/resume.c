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

void resume_save(struct daemon *daemon)
{
	struct journal journal = { .last_id = jobs_next_id(daemon->jobs) - 1 };
	struct why why;

	for (size_t i = 0; i < daemon->journal.n_records; i++)
		add_record(&journal, &daemon->journal.records[i]);
	for (struct job_entry *e = jobs_first(daemon->jobs); e; e = e->next) {
		struct journal_record record = {
			.id = e->id,
			.uuid = e->uuid,
			.pid = e->pid,
			.start_ticks = e->start_ticks,
			.order = e->order,
		};

		if (e->job && !e->order.is_automatic)
			add_record(&journal, &record);
	}
	if (journal_save(daemon->config.journal_path, &journal, &why) < 0 &&
	    !daemon->has_journal_failed) {
		log_warning("mover",
			    "%s; jobs will not survive a restart of vmnumad",
			    why.text);
		daemon->has_journal_failed = true;
	}
	journal_finish(&journal);
}

/* The guest's record, taken out of what waits; false: there is none. */
static bool take_record(struct daemon *daemon, const struct guest *guest,
			struct journal_record *ret_record)
{
	struct journal *journal = &daemon->journal;

	for (size_t i = 0; i < journal->n_records; i++) {
		if (!uuid_is_equal(&journal->records[i].uuid, &guest->uuid))
			continue;
		*ret_record = journal->records[i];
		journal->records[i] = journal->records[--journal->n_records];
		return true;
	}
	return false;
}

void resume_guest(struct daemon *daemon, struct guest *guest)
{
	struct journal_record record;
	struct refused refused;
	struct plan plan;
	struct why why = { "" };

	if (!guest->built.map || guest->n_cells == 0 || guest->active_job ||
	    !take_record(daemon, guest, &record))
		return;
	if (guest->identity.pid != record.pid ||
	    guest->identity.start_ticks != record.start_ticks) {
		log_info("mover",
			 "job %llu: guest %s was started anew; forgetting it",
			 (unsigned long long)record.id, guest->name);
		return;
	}
	record.order.trigger_ns = daemon->sys.ops->now_ns(daemon->sys.self);
	if (daemon_plan_order(daemon, guest, &record.order, &plan, &refused) <
	    0)
		why_set(&why, "%s", refusal_text(refused.refusal));
	else if (plan.n_moves > 0)
		daemon_start_job(daemon, guest, &plan, &record.order, &why);
	log_info("mover", "job %llu: guest %s: %s%s",
		 (unsigned long long)record.id, guest->name,
		 *why.text ? "cannot go on: " : "went on after a restart",
		 why.text);
	if (*why.text)
		tell_refused(daemon, guest, "going on after a restart",
			     why.text);
	daemon_free_plan(&plan);
	resume_save(daemon);
}
