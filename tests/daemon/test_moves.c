/* SPDX-License-Identifier: Apache-2.0 */
/* Which pace an order gets, and whether its job makes huge pages. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon.h"
#include "run.h"
#include "xalloc.h"

#define NS_PER_MS 1000000ull

/* The pace of an order, by a configuration with numbers of its own. */
static struct pace_config pace_of(const struct job_order *order,
				  unsigned int duty)
{
	struct daemon *daemon = calloc(1, sizeof(*daemon));
	struct pace_config pace;

	ck_assert_ptr_nonnull(daemon);
	daemon->config.n_movers = 5;
	daemon->config.duty = duty;
	daemon->config.stall_ns = 7 * NS_PER_MS;
	pace = daemon_pace(daemon, order);
	free(daemon);
	return pace;
}

START_TEST(hurried_order_may_use_all_movers)
{
	struct job_order order = { .is_hurried = true };
	struct pace_config pace = pace_of(&order, 123);

	ck_assert_uint_eq(pace.lanes_max, 5);
	ck_assert_uint_eq(pace.huge_duty, PACE_WHOLE);
	ck_assert_uint_eq(pace.small_duty, PACE_WHOLE);
}
END_TEST

START_TEST(gentle_order_uses_two_movers_and_its_share)
{
	struct job_order order = { 0 };
	struct pace_config pace = pace_of(&order, 123);

	ck_assert_uint_eq(pace.lanes_max, 2);
	ck_assert_uint_eq(pace.huge_duty, 123);
	ck_assert_uint_eq(pace.small_duty, 123);
	ck_assert_uint_eq(pace.stall_ns, 7 * NS_PER_MS);
}
END_TEST

START_TEST(gentle_order_uses_no_more_movers_than_there_are)
{
	autofree struct daemon *daemon = xcalloc(1, sizeof(*daemon));
	struct job_order order = { 0 };

	daemon->config.n_movers = 1;
	ck_assert_uint_eq(daemon_pace(daemon, &order).lanes_max, 1);
}
END_TEST

START_TEST(small_pages_have_a_smaller_share_unless_it_is_said)
{
	struct job_order order = { 0 };
	struct pace_config pace = pace_of(&order, 0);

	ck_assert_uint_gt(pace.small_duty, 0);
	ck_assert_uint_gt(pace.huge_duty, pace.small_duty);
	ck_assert_uint_lt(pace.huge_duty, PACE_WHOLE);
}
END_TEST

/* A wanted stall goes before what calls cost in all. */
START_TEST(short_stall_allows_small_calls)
{
	struct job_order order = { .stall_ns = NS_PER_MS };
	struct pace_config pace = pace_of(&order, 123);

	ck_assert_uint_eq(pace.stall_ns, NS_PER_MS);
	ck_assert_uint_eq(pace.small_min, PACE_SMALL_LEAST);
}
END_TEST

static const struct {
	const char *what; /* the case */
	enum collapse collapse; /* as configured */
	const char *thp; /* text of "enabled", NULL: no such file */
	const char *ksm; /* text of "pages_shared", likewise */
	bool may; /* is expected */
} collapses[] = {
	{ "always", COLLAPSE_AUTO, "[always] madvise never\n", "0\n", true },
	{ "madvise", COLLAPSE_AUTO, "always [madvise] never\n", "0\n", true },
	{ "never", COLLAPSE_AUTO, "always madvise [never]\n", "0\n", false },
	{ "no huge pages at all", COLLAPSE_AUTO, NULL, "0\n", false },
	{ "no KSM", COLLAPSE_AUTO, "[always] madvise never\n", NULL, true },
	{ "merged pages", COLLAPSE_AUTO, "[always] madvise never\n", "12\n",
	  false },
	{ "yes", COLLAPSE_YES, "always madvise [never]\n", "12\n", true },
	{ "no", COLLAPSE_NO, "[always] madvise never\n", "0\n", false },
};

static int read_case(void *self, const char *path, char *buf, size_t size,
		     size_t *ret_len)
{
	size_t i = *(size_t *)self;
	const char *text =
		strstr(path, "ksm") ? collapses[i].ksm : collapses[i].thp;

	if (!text)
		return -ENOENT;
	*ret_len = (size_t)snprintf(buf, size, "%s", text);
	return 0;
}

START_TEST(small_pages_are_made_huge_where_nobody_minds)
{
	const struct sys_ops ops = { .read_file = read_case };
	struct daemon *daemon = calloc(1, sizeof(*daemon));
	size_t i = (size_t)_i;

	ck_assert_ptr_nonnull(daemon);
	daemon->sys = (struct sys) { .ops = &ops, .self = &i };
	daemon->config.collapse = collapses[i].collapse;
	ck_assert_msg(daemon_may_collapse(daemon) == collapses[i].may, "%s",
		      collapses[i].what);
	free(daemon);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, hurried_order_may_use_all_movers);
	tcase_add_test(tests, gentle_order_uses_two_movers_and_its_share);
	tcase_add_test(tests, gentle_order_uses_no_more_movers_than_there_are);
	tcase_add_test(tests,
		       small_pages_have_a_smaller_share_unless_it_is_said);
	tcase_add_test(tests, short_stall_allows_small_calls);
	tcase_add_loop_test(tests, small_pages_are_made_huge_where_nobody_minds,
			    0, (int)(sizeof(collapses) / sizeof(*collapses)));
}

int main(void)
{
	return run_tests("daemon: orders become jobs", add_tests);
}
