/* SPDX-License-Identifier: Apache-2.0 */
/* Which pace an order gets. */
#include <stdlib.h>

#include "daemon.h"
#include "run.h"

#define NS_PER_MS 1000000ull

/* The pace of an order, by a configuration with numbers of its own. */
static struct pace_config pace_of(const struct job_order *order)
{
	struct daemon *daemon = calloc(1, sizeof(*daemon));
	struct pace_config pace;

	ck_assert_ptr_nonnull(daemon);
	daemon->config.n_movers = 5;
	daemon->config.duty = 123;
	daemon->config.stall_ns = 7 * NS_PER_MS;
	pace = daemon_pace(daemon, order);
	free(daemon);
	return pace;
}

START_TEST(hurried_order_may_use_all_movers)
{
	struct job_order order = { .is_hurried = true };
	struct pace_config pace = pace_of(&order);

	ck_assert_uint_eq(pace.lanes_max, 5);
	ck_assert_uint_eq(pace.duty, PACE_WHOLE);
}
END_TEST

START_TEST(gentle_order_uses_one_mover_and_its_share)
{
	struct job_order order = { 0 };
	struct pace_config pace = pace_of(&order);

	ck_assert_uint_eq(pace.lanes_max, 1);
	ck_assert_uint_eq(pace.duty, 123);
	ck_assert_uint_eq(pace.stall_ns, 7 * NS_PER_MS);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, hurried_order_may_use_all_movers);
	tcase_add_test(tests, gentle_order_uses_one_mover_and_its_share);
}

int main(void)
{
	return run_tests("daemon: orders become jobs", add_tests);
}
