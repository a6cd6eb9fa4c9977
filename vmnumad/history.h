/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last things that happened and were decided, in a ring of fixed size, and
 * who wants to hear of the next ones. Knows nothing of how they come about
 * (tell.c) or of how they are shown (serve/answer_events.c). Belongs to the
 * loop's thread.
 */
#ifndef HISTORY_H
#define HISTORY_H

#include <stdint.h>

#include "uuid.h"
#include "why.h"

/* Happenings that are remembered; the oldest makes way for the next one. */
#define HISTORY_KEPT 512

/* What kind of thing happened. */
enum happening_kind {
	HAPPENING_PLAN, /* moves were planned */
	HAPPENING_DEFERRED, /* moves were put off */
	HAPPENING_REFUSED, /* an administrator's wish was refused */
	HAPPENING_START, /* a job starts */
	HAPPENING_END, /* a job has ended */
	HAPPENING_GUEST, /* a guest came or went */
	HAPPENING_LIBVIRT, /* libvirt came or went */
	HAPPENING_CONFIG, /* the configuration was read again */
	HAPPENING_CONFLICT, /* something that works against us began or ended */
	HAPPENING_CPUSET, /* a guest's cpuset was changed by others */
	HAPPENING_KINDS
};

/* One thing. All texts are NUL terminated; what does not fit is cut. */
struct happening {
	uint64_t number; /* from 1 on, without gaps; given by history_add() */
	int64_t time_ms; /* since 1970, by the host's wall clock */
	enum happening_kind kind; /* what it is */
	struct uuid uuid; /* the guest's; its text is "" without a guest */
	char guest[128]; /* the guest's name then, "" without a guest */
	int cell; /* the cell it is about, -1: the whole guest, or none */
	uint64_t job; /* the job it is about, 0 none */
	char text[192]; /* what happened */
	struct why reason; /* why; may be "" */
};

struct history;
struct history_watch;

/* Called for each happening as it is added. It must neither add one nor end
 * any watch. */
typedef void history_fn(void *arg, const struct happening *happening);

struct history *history_create(void);

/* There must be no watches any more. Takes NULL. */
void history_destroy(struct history *history);

/* Copies happening, but for its number, and tells those who watch. history may
 * be NULL: then nobody remembers. */
void history_add(struct history *history, const struct happening *happening);

/* fn(arg, h) for all that is remembered, the oldest first. */
void history_each(const struct history *history, history_fn *fn, void *arg);

/* fn(arg, h) for each one that comes, until history_unwatch(). */
struct history_watch *history_watch(struct history *history, history_fn *fn,
				    void *arg);
void history_unwatch(struct history_watch *watch);

/* One word: "plan", "deferred", ...; never NULL. */
const char *happening_text(enum happening_kind kind);

#endif
