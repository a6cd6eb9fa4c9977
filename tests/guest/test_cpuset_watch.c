/* SPDX-License-Identifier: Apache-2.0 */
/* guest/cpuset_watch.c: our own rewriting of a cpuset told from others'. */
#include "guest/cpuset_watch.h"

#include <check.h>
#include <stdlib.h>

/* What happens: a look that shows nodes, or what we do. */
enum doing {
	OVER, /* no more */
	SEE, /* the nodes are in arg, and it is ours or not news */
	THEIRS, /* likewise, and it is others' */
	QUIET, /* likewise, while libvirt makes cgroups */
	BEGIN, /* we write, and make arg of it */
	END, /* we have done */
	FAIL, /* we have put back what was */
};

struct doing_of {
	enum doing doing;
	uint64_t arg;
};

static const struct {
	const char *what; /* the case */
	struct doing_of doings[12];
} cases[] = {
	{ "nothing changes", { { SEE, 1 }, { SEE, 1 }, { SEE, 1 } } },
	{ "others change it, once and again",
	  { { SEE, 1 }, { THEIRS, 3 }, { SEE, 3 }, { THEIRS, 1 } } },
	{ "libvirt starts the guest",
	  { { SEE, 3 }, { QUIET, 1 }, { SEE, 1 }, { THEIRS, 3 } } },
	{ "a re-homing",
	  { { SEE, 1 },
	    { BEGIN, 3 },
	    { END, 0 },
	    { SEE, 3 },
	    { SEE, 3 },
	    { BEGIN, 2 },
	    { END, 0 },
	    { SEE, 2 } } },
	{ "seen before we know that we have done",
	  { { SEE, 1 },
	    { BEGIN, 3 },
	    { SEE, 1 },
	    { SEE, 3 },
	    { END, 0 },
	    { SEE, 3 } } },
	{ "put back after a failure",
	  { { SEE, 1 }, { BEGIN, 3 }, { SEE, 3 }, { FAIL, 0 }, { SEE, 1 } } },
	{ "put back by others",
	  { { SEE, 1 }, { BEGIN, 3 }, { END, 0 }, { SEE, 3 }, { THEIRS, 1 } } },
	{ "put back by others before we have looked again",
	  { { SEE, 1 }, { BEGIN, 3 }, { SEE, 3 }, { END, 0 }, { THEIRS, 1 } } },
	{ "something else by others while we write",
	  { { SEE, 1 },
	    { BEGIN, 3 },
	    { THEIRS, 4 },
	    { END, 0 },
	    { THEIRS, 5 } } },
	{ "what we once wrote, by others",
	  { { SEE, 1 },
	    { BEGIN, 3 },
	    { END, 0 },
	    { SEE, 3 },
	    { THEIRS, 1 },
	    { THEIRS, 3 } } },
	{ "a dry run writes nothing",
	  { { SEE, 1 }, { BEGIN, 3 }, { END, 0 }, { SEE, 1 }, { THEIRS, 3 } } },
};

START_TEST(our_word_is_told_from_that_of_others)
{
	const struct doing_of *d = cases[_i].doings;
	struct cpuset_watch watch = { 0 };
	uint64_t now_ns = 1000;

	for (; d->doing != OVER; d++) {
		struct node_mask was = watch.known, mems = { d->arg };
		bool is_theirs;

		if (d->doing == BEGIN)
			cpuset_watch_begin(&watch, mems);
		if (d->doing == END || d->doing == FAIL)
			cpuset_watch_end(&watch, d->doing == FAIL);
		if (d->doing >= BEGIN)
			continue;
		is_theirs = cpuset_watch_see(&watch, mems, d->doing == QUIET,
					     ++now_ns);
		ck_assert_msg(is_theirs == (d->doing == THEIRS), "%s: look %d",
			      cases[_i].what, (int)(d - cases[_i].doings));
		ck_assert_uint_eq(watch.known.bits, d->arg);
		ck_assert(is_theirs == (watch.changed_ns == now_ns));
		if (is_theirs)
			ck_assert_uint_eq(watch.was.bits, was.bits);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cpuset_watch");
	TCase *tc = tcase_create("cpuset_watch");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tc, our_word_is_told_from_that_of_others, 0,
			    (int)(sizeof(cases) / sizeof(cases[0])));
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
