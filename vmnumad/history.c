/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of what happened; see history.h. */
#include "history.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

#include "xalloc.h"

struct history_watch {
	struct history_watch *next; /* of the same history */
	struct history *history; /* borrowed: owns this */
	history_fn *fn; /* whom to tell */
	void *arg; /* with what */
};

struct history {
	struct happening ring[HISTORY_KEPT]; /* by number modulo length */
	uint64_t n_added; /* in all; the newest one's number */
	struct history_watch *watches; /* owned */
};

struct history *history_create(void)
{
	return xcalloc(1, sizeof(struct history));
}

void history_destroy(struct history *history)
{
	assert(!history || !history->watches);
	free(history);
}

void history_add(struct history *history, const struct happening *happening)
{
	struct happening *kept;

	if (!history)
		return;
	history->n_added++;
	kept = &history->ring[history->n_added % HISTORY_KEPT];
	*kept = *happening;
	kept->number = history->n_added;
	for (struct history_watch *w = history->watches; w; w = w->next)
		w->fn(w->arg, kept);
}

void history_each(const struct history *history, history_fn *fn, void *arg)
{
	uint64_t number = 1;

	if (history->n_added > HISTORY_KEPT)
		number = history->n_added - HISTORY_KEPT + 1;
	for (; number <= history->n_added; number++)
		fn(arg, &history->ring[number % HISTORY_KEPT]);
}

struct history_watch *history_watch(struct history *history, history_fn *fn,
				    void *arg)
{
	struct history_watch *watch = xcalloc(1, sizeof(*watch));

	*watch = (struct history_watch) {
		.next = history->watches,
		.history = history,
		.fn = fn,
		.arg = arg,
	};
	history->watches = watch;
	return watch;
}

void history_unwatch(struct history_watch *watch)
{
	struct history_watch **at = &watch->history->watches;

	while (*at != watch)
		at = &(*at)->next;
	*at = watch->next;
	free(watch);
}

const char *happening_text(enum happening_kind kind)
{
	static const char *const texts[HAPPENING_KINDS] = {
		[HAPPENING_PLAN] = "plan",
		[HAPPENING_DEFERRED] = "deferred",
		[HAPPENING_REFUSED] = "refused",
		[HAPPENING_START] = "start",
		[HAPPENING_END] = "end",
		[HAPPENING_GUEST] = "guest",
		[HAPPENING_LIBVIRT] = "libvirt",
		[HAPPENING_CONFIG] = "config",
		[HAPPENING_CONFLICT] = "conflict",
		[HAPPENING_CPUSET] = "cpuset",
	};

	return (unsigned int)kind < HAPPENING_KINDS ? texts[kind] : "unknown";
}
