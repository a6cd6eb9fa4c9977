/* SPDX-License-Identifier: Apache-2.0 */
/* Adopted guests; see adopted.h. */
#include "adopted.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon.h"
#include "guest/adopt.h"
#include "log.h"
#include "resume.h"
#include "task.h"
#include "tell.h"
#include "xalloc.h"

/* An adoption under way. */
struct taking {
	struct daemon *daemon; /* borrowed: outlives the loop */
	struct sys sys; /* borrowed door */
	struct adoption *adoption; /* owned */
	int err; /* of looking at the process */
	struct why why; /* sentence for err */
	adopted_fn *fn; /* what to do then */
	void *arg; /* with what */
};

static void run(void *arg)
{
	struct taking *t = arg;

	t->err = adopt_check(&t->sys, t->adoption, &t->why);
}

static int refuse_known(const struct guest *guest, const struct adoption *a,
			struct why *why)
{
	if (guest->adopted)
		why_set(why, "process %d is adopted already, as guest %.100s",
			(int)a->pid, guest->name);
	else
		why_set(why,
			"libvirt manages process %d, as guest %.100s: there is "
			"nothing to adopt",
			(int)a->pid, guest->name);
	return -EEXIST;
}

/* A pid, a uuid and a name mean one guest each. */
static int check_clash(const struct daemon *daemon, const struct adoption *a,
		       struct why *why)
{
	const char *uuid = a->identity.uuid.text;

	for (const struct guest *g = daemon->guests; g; g = g->next) {
		bool is_same_pid =
			g->identity.pidfd >= 0 && g->identity.pid == a->pid;

		if (is_same_pid || (strcmp(g->uuid.text, uuid) == 0 &&
				    (!g->adopted && g->identity.pidfd < 0)))
			return refuse_known(g, a, why);
		if (strcmp(g->uuid.text, uuid) == 0) {
			why_set(why,
				"guest %.100s, process %d, has the same uuid "
				"as process %d",
				g->name, (int)g->identity.pid, (int)a->pid);
			return -EEXIST;
		}
		if (a->name && (strcmp(g->name, a->name) == 0 ||
				strcmp(g->uuid.text, a->name) == 0)) {
			why_set(why,
				"there is a guest called %.100s; give process "
				"%d another name with --name",
				a->name, (int)a->pid);
			return -EEXIST;
		}
	}
	return 0;
}

static struct guest *make_guest(struct daemon *daemon,
				struct adoption *adoption)
{
	struct guest *guest =
		daemon_get_guest(daemon, &adoption->identity.uuid);

	adopt_guest(guest, adoption);
	log_info("adopt", "guest %s: adopted process %d, uuid %s, map %s",
		 guest->name, (int)guest->identity.pid, guest->uuid.text,
		 guest->built.is_inferred ? "inferred" : "by its monitor");
	tell_guest(daemon, guest, true);
	daemon_tick_soon(daemon);
	return guest;
}

static void on_done(void *arg)
{
	struct taking *t = arg;
	struct daemon *daemon = t->daemon;
	struct guest *guest = NULL;

	/* whose process it is says more than what could not be found in it */
	if (t->adoption->identity.pidfd >= 0 &&
	    check_clash(daemon, t->adoption, &t->why) < 0)
		t->err = -EEXIST;
	if (!t->err)
		guest = make_guest(daemon, t->adoption);
	t->fn(t->arg, guest, &t->why);
	resume_save(daemon);
	adoption_free(&t->sys, t->adoption);
	free(t);
}

void adopted_take(struct daemon *daemon, struct adoption *adoption,
		  adopted_fn *fn, void *arg)
{
	struct taking *t = xcalloc(1, sizeof(*t));

	*t = (struct taking) {
		.daemon = daemon,
		.sys = daemon->sys,
		.adoption = adoption,
		.fn = fn,
		.arg = arg,
	};
	if (task_submit(daemon->look_pool, run, on_done, t) == 0)
		return;
	t->err = -EAGAIN;
	why_set(&t->why, "too much is being done at once");
	on_done(t);
}

/* Over a restart ------------------------------------------------------------ */

/* One of the journal, on its way to be a guest again. */
struct resumed {
	struct daemon *daemon; /* borrowed */
	char *name; /* of the guest, owned */
	pid_t pid; /* its process */
};

static void on_resumed(void *arg, struct guest *guest, const struct why *why)
{
	struct resumed *r = arg;

	resume_forget_adopted(r->daemon, r->pid);
	if (!guest)
		log_warning("adopt",
			    "guest %s, adopted before a restart, is let go: %s",
			    r->name, why->text);
	free(r->name);
	free(r);
}

void adopted_resume(struct daemon *daemon)
{
	const struct journal *journal = &daemon->journal;

	/* a task that cannot be queued takes its record out at once */
	for (size_t i = journal->n_adopted; i-- > 0;) {
		const struct journal_adopted *from = &journal->adopted[i];
		struct adoption *adoption = adoption_create(from->pid);
		struct resumed *r = xcalloc(1, sizeof(*r));

		adoption->start_ticks = from->start_ticks;
		adoption->name = xstrdup(from->name);
		if (*from->qmp_path)
			adoption->qmp_path = xstrdup(from->qmp_path);
		adoption->may_lack_map = true;
		*r = (struct resumed) { daemon, xstrdup(from->name),
					from->pid };
		adopted_take(daemon, adoption, on_resumed, r);
	}
}

/* Their end ----------------------------------------------------------------- */

void adopted_drop(struct daemon *daemon, struct guest *guest, const char *why)
{
	struct job_entry *entry = jobs_find(daemon->jobs, guest->active_job);

	if (entry)
		job_entry_cancel(entry, why);
	tell_let_go(daemon, guest, why);
	daemon_drop_guest(daemon, guest);
	resume_save(daemon);
}

void adopted_watch(struct daemon *daemon)
{
	struct guest *next;

	for (struct guest *g = daemon->guests; g; g = next) {
		next = g->next;
		if (!g->adopted)
			continue;
		switch (adopt_poll(g)) {
		case 0:
			guest_refresh_cpuset(g);
			break;
		case -ENOEXEC:
			adopted_drop(daemon, g,
				     "its process runs another program now");
			break;
		default:
			adopted_drop(daemon, g, "its process has ended");
			break;
		}
	}
}
