/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop (loop.h) in virtual time, as far as the core uses it: timers, and
 * letters. Time passes in whole seconds; what is set to less takes none, but
 * comes after what happens now.
 */
#include "loop.h"

#include "sim.h"
#include "xalloc.h"

/* So much in one moment is a loop that feeds itself. */
#define ROUNDS_MAX 10000

struct loop_timer {
	struct loop_timer *next; /* in loop.timers */
	struct loop *loop; /* borrowed: the list's */
	loop_fn *fn; /* what to call */
	void *arg; /* with what */
	bool is_set; /* it runs */
	uint64_t due_ns; /* until then */
};

struct letter {
	struct letter *next; /* later letter */
	loop_fn *fn; /* what to call */
	void *arg; /* with what */
};

struct loop {
	uint64_t now_ns; /* time passed */
	struct loop_timer *timers; /* owned by who added them */
	struct letter *first; /* oldest letter, owned */
	struct letter **last; /* where the next one goes */
};

struct loop *loop_create(void)
{
	struct loop *loop = xcalloc(1, sizeof(*loop));

	loop->last = &loop->first;
	return loop;
}

static struct letter *take_letter(struct loop *loop)
{
	struct letter *letter = loop->first;

	if (!letter)
		return NULL;
	loop->first = letter->next;
	if (!loop->first)
		loop->last = &loop->first;
	return letter;
}

void loop_destroy(struct loop *loop)
{
	struct letter *letter;

	if (!loop)
		return;
	while ((letter = take_letter(loop)))
		free(letter);
	free(loop);
}

struct loop_timer *loop_timer_add(struct loop *loop, loop_fn *fn, void *arg)
{
	struct loop_timer *timer = xcalloc(1, sizeof(*timer));

	*timer = (struct loop_timer) {
		.next = loop->timers, .loop = loop, .fn = fn, .arg = arg
	};
	loop->timers = timer;
	return timer;
}

void loop_timer_set(struct loop_timer *timer, uint64_t delay_ns)
{
	timer->is_set = true;
	timer->due_ns = timer->loop->now_ns + delay_ns / SEC * SEC;
}

void loop_timer_remove(struct loop_timer *timer)
{
	struct loop_timer **link;

	if (!timer)
		return;
	link = &timer->loop->timers;
	while (*link != timer)
		link = &(*link)->next;
	*link = timer->next;
	free(timer);
}

void loop_post(struct loop *loop, loop_fn *fn, void *arg)
{
	struct letter *letter = xcalloc(1, sizeof(*letter));

	*letter = (struct letter) { .fn = fn, .arg = arg };
	*loop->last = letter;
	loop->last = &letter->next;
}

/* True when there was something to do. */
static bool call_one(struct loop *loop)
{
	struct letter *letter = take_letter(loop);

	if (letter) {
		letter->fn(letter->arg);
		free(letter);
		return true;
	}
	for (struct loop_timer *t = loop->timers; t; t = t->next) {
		if (!t->is_set || t->due_ns > loop->now_ns)
			continue;
		t->is_set = false;
		t->fn(t->arg);
		return true;
	}
	return false;
}

bool clock_pass(struct loop *loop, uint64_t ns)
{
	loop->now_ns += ns;
	for (unsigned int i = 0; i < ROUNDS_MAX; i++)
		if (!call_one(loop))
			return true;
	return false;
}
