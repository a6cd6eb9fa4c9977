/* SPDX-License-Identifier: Apache-2.0 */
/* What happens, in words; see tell.h. */
#include "tell.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "addr.h"
#include "daemon.h"
#include "history.h"
#include "host/list.h"
#include "log.h"

#define NS_PER_S 1000000000ull

/* A reason that comes back after so long is told again. */
#define TOLD_NS (60 * NS_PER_S)

static struct happening happening_of(enum happening_kind kind)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (struct happening) {
		.time_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000,
		.kind = kind,
		.cell = -1,
	};
}

static void name_guest(struct happening *h, const struct uuid *uuid,
		       const char *name)
{
	h->uuid = *uuid;
	snprintf(h->guest, sizeof(h->guest), "%s", name);
}

__attribute__((format(printf, 2, 3))) static void say(struct happening *h,
						      const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(h->text, sizeof(h->text), fmt, ap);
	va_end(ap);
}

/* A size in a few characters. */
struct size_text {
	char s[32]; /* NUL terminated */
};

static struct size_text size_text(uint64_t bytes)
{
	struct size_text text;
	bool is_large = bytes >= MIB;

	snprintf(text.s, sizeof(text.s), "%llu %s",
		 (unsigned long long)(bytes / (is_large ? MIB : KIB)),
		 is_large ? "MiB" : "KiB");
	return text;
}

/* The world around ---------------------------------------------------------- */

void tell_guest(struct daemon *daemon, const struct guest *guest, bool is_here)
{
	struct happening h = happening_of(HAPPENING_GUEST);

	name_guest(&h, &guest->uuid, guest->name);
	say(&h, is_here ? "it is watched from now on" : "it is gone");
	if (is_here && guest->adopted)
		why_set(&h.reason, "process %d was adopted",
			(int)guest->identity.pid);
	history_add(daemon->history, &h);
}

void tell_let_go(struct daemon *daemon, const struct guest *guest,
		 const char *why)
{
	struct happening h = happening_of(HAPPENING_GUEST);

	name_guest(&h, &guest->uuid, guest->name);
	say(&h, "it is watched no more");
	why_set(&h.reason, "%s", why);
	history_add(daemon->history, &h);
}

void tell_libvirt(struct daemon *daemon, bool is_up, const struct why *why)
{
	struct happening h = happening_of(HAPPENING_LIBVIRT);

	say(&h, is_up ? "libvirt is connected" : "libvirt is not connected");
	if (why)
		h.reason = *why;
	history_add(daemon->history, &h);
}

void tell_config(struct daemon *daemon, const struct why *why)
{
	struct happening h = happening_of(HAPPENING_CONFIG);

	say(&h, why ? "the old configuration is kept"
		    : "the configuration was read again");
	if (why)
		h.reason = *why;
	history_add(daemon->history, &h);
}

/* Nothing when it is as it was. */
static void tell_conflict(struct daemon *daemon, bool was, bool is,
			  const char *text, const char *reason)
{
	struct happening h = happening_of(HAPPENING_CONFLICT);

	if (was == is)
		return;
	say(&h, "%s: %s", is ? "begins" : "has ended", text);
	if (is) {
		why_set(&h.reason, "%s", reason);
		log_warning("host", "%s: %s", text, reason);
	} else {
		log_info("host", "no more: %s", text);
	}
	history_add(daemon->history, &h);
}

void tell_conflicts(struct daemon *daemon, const struct host_conflicts *now)
{
	const struct host_conflicts *was = &daemon->conflicts;

	tell_conflict(daemon, was->numa_balancing > 0, now->numa_balancing > 0,
		      "kernel.numa_balancing is on",
		      "it moves the same pages by other rules; with pinned "
		      "guests, set it to 0");
	tell_conflict(daemon, was->has_numad, now->has_numad,
		      "numad is running",
		      "it moves the same pages and pins vCPUs to other CPUs; "
		      "stop one of the two");
	tell_conflict(daemon, !node_mask_is_empty(was->closed),
		      !node_mask_is_empty(now->closed),
		      "our own cpuset lacks some memory nodes",
		      "moves to them would fail and are not planned; run "
		      "vmnumad outside of it");
}

void tell_cpuset(struct daemon *daemon, const struct guest *guest)
{
	struct happening h = happening_of(HAPPENING_CPUSET);
	char was[LIST_NODES_TEXT], now[LIST_NODES_TEXT];

	name_guest(&h, &guest->uuid, guest->name);
	h.job = guest->active_job;
	list_format_nodes(guest->cpuset.was, was, sizeof(was));
	list_format_nodes(guest->cpuset.known, now, sizeof(now));
	say(&h, "others have changed the nodes that its cpuset allows");
	why_set(&h.reason,
		"from nodes %s to nodes %s; it is not moved by itself for "
		"%llu s",
		was, now,
		(unsigned long long)(daemon->config.policy.settle_ns /
				     NS_PER_S));
	log_info("host", "guest %s: %s: %s", guest->name, h.text,
		 h.reason.text);
	history_add(daemon->history, &h);
}

void tell_mended(struct daemon *daemon, const struct guest *guest,
		 struct node_mask nodes, int err, const struct why *why)
{
	struct happening h = happening_of(HAPPENING_CPUSET);
	char text[LIST_NODES_TEXT];

	name_guest(&h, &guest->uuid, guest->name);
	list_format_nodes(nodes, text, sizeof(text));
	say(&h,
	    err ? "its cpuset lacks nodes %s"
		: "its cpuset was given nodes %s too",
	    text);
	if (err)
		why_set(&h.reason,
			"memory of it lies there since a re-homing that others "
			"came in between of: %s",
			why->text);
	else
		why_set(&h.reason,
			"memory of it lies there since a re-homing that others "
			"came in between of");
	log_warning("mover", "guest %s: %s: %s", guest->name, h.text,
		    h.reason.text);
	history_add(daemon->history, &h);
}

void tell_refused(struct daemon *daemon, const struct guest *guest,
		  const char *what, const char *reason)
{
	struct happening h = happening_of(HAPPENING_REFUSED);

	if (guest)
		name_guest(&h, &guest->uuid, guest->name);
	say(&h, "%s was refused", what);
	why_set(&h.reason, "%s", reason);
	history_add(daemon->history, &h);
}

/* Jobs ---------------------------------------------------------------------- */

static struct happening happening_of_job(enum happening_kind kind,
					 const struct job_entry *entry)
{
	struct happening h = happening_of(kind);

	name_guest(&h, &entry->uuid, entry->guest_name);
	h.job = entry->id;
	if (entry->n_moves > 0)
		why_set(&h.reason, "%s", reason_text(entry->moves[0].reason));
	return h;
}

/* Its first moves, as many as fit whole. */
static void say_moves(struct happening *h, const struct job_entry *entry)
{
	size_t len = 0;

	for (size_t i = 0; i < entry->n_moves; i++) {
		const struct plan_move *move = &entry->moves[i];
		char one[128];
		int n = snprintf(one, sizeof(one),
				 "%s%s of cell %d from node %d to node %d",
				 i ? ", " : "", size_text(move->bytes).s,
				 move->cell, move->from, move->to);

		if (len + (size_t)n + sizeof(", ...") > sizeof(h->text)) {
			strcpy(h->text + len, ", ...");
			return;
		}
		strcpy(h->text + len, one);
		len += (size_t)n;
	}
}

void tell_start(struct daemon *daemon, const struct job_entry *entry)
{
	struct happening plan = happening_of_job(HAPPENING_PLAN, entry);
	struct happening start = happening_of_job(HAPPENING_START, entry);

	say_moves(&plan, entry);
	say(&start, "job %" PRIu64 " starts to move %s, in about %.1f s",
	    entry->id, size_text(entry->receipt.planned_bytes).s,
	    entry->price.seconds);
	history_add(daemon->history, &plan);
	history_add(daemon->history, &start);
}

void tell_end(struct daemon *daemon, const struct job_entry *entry)
{
	const struct receipt *r = &entry->receipt;
	struct happening h = happening_of_job(HAPPENING_END, entry);

	say(&h, "job %" PRIu64 " ended (%s): moved %s of %s in %.1f s",
	    entry->id, job_result_text(r->result), size_text(r->moved_bytes).s,
	    size_text(r->planned_bytes).s,
	    (double)(r->ended_ns - r->started_ns) / NS_PER_S);
	if (*r->why.text)
		h.reason = r->why;
	history_add(daemon->history, &h);
}

void tell_held(struct daemon *daemon, const struct job_entry *entry)
{
	struct happening h = happening_of_job(
		entry->held_by ? HAPPENING_DEFERRED : HAPPENING_START, entry);

	say(&h,
	    entry->held_by ? "job %" PRIu64 " waits"
			   : "job %" PRIu64 " goes on",
	    entry->id);
	why_set(&h.reason, "%s",
		entry->held_by ? gate_text(entry->held_by)
			       : "libvirt has done its work on the guest");
	history_add(daemon->history, &h);
}

/* Decisions ----------------------------------------------------------------- */

/* Why moves of the cell are put off; REASON_NONE: nothing is put off, or it is
 * not news: a job at work has said so itself. */
static enum reason why_deferred(const struct decision *d)
{
	switch (d->reason) {
	case REASON_AFFINITY:
	case REASON_DRIFT:
	case REASON_REQUEST:
		return d->rest;
	case REASON_NONE:
	case REASON_LOCAL:
	case REASON_NO_VCPU:
		return REASON_NONE;
	case REASON_GATE:
		return d->gate == GATE_MOVING ? REASON_NONE : REASON_GATE;
	default:
		return d->reason;
	}
}

/* What was told of a cell; NULL: there is no room to remember it. */
static struct guest_told *told_of(struct guest *guest, int cell)
{
	size_t i = 0;

	while (i < guest->n_told && guest->told[i].cell != cell)
		i++;
	if (i == sizeof(guest->told) / sizeof(guest->told[0]))
		return NULL;
	if (i == guest->n_told) {
		guest->told[i] = (struct guest_told) { .cell = cell };
		guest->n_told++;
	}
	return &guest->told[i];
}

static bool is_news(struct guest_told *told, enum reason reason,
		    unsigned int gate, uint64_t now_ns)
{
	bool is_same = told->reason == reason && told->gate == gate &&
		       now_ns - told->seen_ns <= TOLD_NS;

	told->reason = reason;
	told->gate = gate;
	told->seen_ns = now_ns;
	return !is_same;
}

static void tell_deferred(struct daemon *daemon, struct guest *guest,
			  const struct decision *d)
{
	struct happening h = happening_of(HAPPENING_DEFERRED);
	enum reason reason = why_deferred(d);
	unsigned int gate = reason == REASON_GATE ? d->gate : 0;
	uint64_t left_bytes = d->wrong_bytes > d->planned_bytes
				      ? d->wrong_bytes - d->planned_bytes
				      : 0;
	struct guest_told *told;

	if (reason == REASON_NONE)
		return;
	told = told_of(guest, d->cell);
	if (!told || !is_news(told, reason, gate, daemon->snapshot.now_ns))
		return;
	name_guest(&h, &guest->uuid, guest->name);
	h.cell = d->cell;
	if (left_bytes > 0)
		say(&h, "cell %d waits with %s in the wrong place", d->cell,
		    size_text(left_bytes).s);
	else
		say(&h, "cell %d is left alone", d->cell);
	why_set(&h.reason, "%s", gate ? gate_text(gate) : reason_text(reason));
	history_add(daemon->history, &h);
}

void tell_decisions(struct daemon *daemon)
{
	const struct plan *plan = &daemon->plan;
	struct guest *guest = daemon->guests;
	size_t index = 0;

	for (size_t i = 0; i < plan->n_decisions; i++) {
		while (index < plan->decisions[i].guest) {
			guest = guest->next;
			index++;
		}
		tell_deferred(daemon, guest, &plan->decisions[i]);
	}
}
