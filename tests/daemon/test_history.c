/* SPDX-License-Identifier: Apache-2.0 */
/* What the ring remembers, and whom it tells. */
#include <string.h>

#include "history.h"
#include "run.h"

/* Numbers and texts in the order in which they were told. */
struct heard {
	size_t n; /* how many */
	uint64_t first; /* number of the first one */
	uint64_t last; /* number of the last one */
	char text[192]; /* of the last one */
};

static void hear(void *arg, const struct happening *h)
{
	struct heard *heard = arg;

	if (heard->n == 0)
		heard->first = h->number;
	else
		ck_assert_uint_eq(h->number, heard->last + 1);
	heard->n++;
	heard->last = h->number;
	strcpy(heard->text, h->text);
}

static void add(struct history *history, int n)
{
	struct happening h = { .kind = HAPPENING_PLAN, .number = 77 };

	for (int i = 0; i < n; i++) {
		snprintf(h.text, sizeof(h.text), "the %d.", i);
		history_add(history, &h);
	}
}

static const struct {
	const char *what; /* the case */
	int n; /* so many were added */
	struct heard heard; /* are remembered */
} rings[] = {
	{ "nothing", 0, { 0 } },
	{ "one", 1, { 1, 1, 1, "the 0." } },
	{ "just full", 512, { 512, 1, 512, "the 511." } },
	{ "the first made way", 513, { 512, 2, 513, "the 512." } },
	{ "twice around", 1300, { 512, 789, 1300, "the 1299." } },
};

START_TEST(last_512_are_remembered_the_oldest_first)
{
	struct history *history = history_create();
	const struct heard *want = &rings[_i].heard;
	struct heard heard = { 0 };

	add(history, rings[_i].n);
	history_each(history, hear, &heard);
	ck_assert_msg(heard.n == want->n && heard.first == want->first &&
			      heard.last == want->last &&
			      strcmp(heard.text, want->text) == 0,
		      "%s: %zu from %llu to %llu, %s", rings[_i].what, heard.n,
		      (unsigned long long)heard.first,
		      (unsigned long long)heard.last, heard.text);
	history_destroy(history);
}
END_TEST

START_TEST(each_watch_hears_what_comes_until_it_ends)
{
	struct history *history = history_create();
	struct heard a = { 0 }, b = { 0 }, c = { 0 };
	struct history_watch *watches[3];

	add(history, 3);
	watches[0] = history_watch(history, hear, &a);
	watches[1] = history_watch(history, hear, &b);
	watches[2] = history_watch(history, hear, &c);
	add(history, 600);
	history_unwatch(watches[1]);
	add(history, 1);
	ck_assert_uint_eq(a.n, 601);
	ck_assert_uint_eq(a.first, 4);
	ck_assert_uint_eq(b.n, 600);
	ck_assert_uint_eq(c.n, 601);
	history_unwatch(watches[0]);
	history_unwatch(watches[2]);
	add(history, 1);
	ck_assert_uint_eq(c.n, 601);
	history_destroy(history);
}
END_TEST

START_TEST(every_kind_has_a_word_of_its_own)
{
	for (int a = 0; a < HAPPENING_KINDS; a++) {
		ck_assert_str_ne(happening_text(a), "unknown");
		for (int b = 0; b < a; b++)
			ck_assert_str_ne(happening_text(a), happening_text(b));
	}
	ck_assert_str_eq(happening_text(HAPPENING_KINDS), "unknown");
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, last_512_are_remembered_the_oldest_first, 0,
			    (int)(sizeof(rings) / sizeof(*rings)));
	tcase_add_test(tests, each_watch_hears_what_comes_until_it_ends);
	tcase_add_test(tests, every_kind_has_a_word_of_its_own);
}

int main(void)
{
	return run_tests("daemon: history", add_tests);
}
