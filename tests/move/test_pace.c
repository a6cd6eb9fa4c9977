/* SPDX-License-Identifier: Apache-2.0 */
/* How much in a call, and when the next one. */
#include "move/pace.h"

#include "addr.h"
#include "run.h"

#define NS_PER_MS 1000000ull
#define NS_PER_S  1000000000ull

static struct pace paced(const struct pace_config *config)
{
	struct pace pace;

	pace_init(&pace, config);
	return pace;
}

/* What a call costs is learned from many of the same. */
static void learn(struct pace *pace, bool is_huge, uint64_t ns_per_page)
{
	for (int i = 0; i < 50; i++)
		pace_note_call(pace, is_huge, 10, pace_next_ns(pace),
			       10 * ns_per_page);
}

START_TEST(first_call_is_not_the_longest)
{
	struct pace_config config = pace_config_gentle();
	struct pace pace = paced(&config);
	unsigned int first = pace_call_pages(&pace, true);

	ck_assert_uint_eq(pace_next_ns(&pace), 0);
	learn(&pace, true, 200000);
	ck_assert_uint_le(first, pace_call_pages(&pace, true));
}
END_TEST

START_TEST(call_lasts_as_long_as_it_shall)
{
	struct pace_config config = pace_config_gentle();
	struct pace pace = paced(&config);

	config.call_ns = 10 * NS_PER_MS;
	config.huge_max = 128;
	pace = paced(&config);
	learn(&pace, true, NS_PER_MS);
	ck_assert_uint_ge(pace_call_pages(&pace, true), 9);
	ck_assert_uint_le(pace_call_pages(&pace, true), 10);
	learn(&pace, true, 100 * NS_PER_MS);
	ck_assert_uint_eq(pace_call_pages(&pace, true), config.huge_min);
	learn(&pace, true, 1);
	ck_assert_uint_eq(pace_call_pages(&pace, true), 128);
}
END_TEST

START_TEST(small_pages_are_bounded_both_ways)
{
	struct pace_config config = pace_config_gentle();
	struct pace pace = paced(&config);

	learn(&pace, false, NS_PER_S);
	ck_assert_uint_eq(pace_call_pages(&pace, false), config.small_min);
	learn(&pace, false, 1);
	ck_assert_uint_eq(pace_call_pages(&pace, false), 16384);
}
END_TEST

START_TEST(calls_have_their_share_of_the_time)
{
	struct pace_config config = { .call_ns = 10 * NS_PER_MS,
				      .stall_ns = NS_PER_MS,
				      .huge_min = 1,
				      .huge_max = 128,
				      .huge_duty = 200,
				      .small_duty = 50,
				      .lanes_max = 1 };
	struct pace pace = paced(&config);

	pace_note_call(&pace, true, 10, NS_PER_S, 10 * NS_PER_MS);
	ck_assert_uint_eq(pace_next_ns(&pace), NS_PER_S + 50 * NS_PER_MS);
	pace_note_call(&pace, false, 10, 2 * NS_PER_S, 10 * NS_PER_MS);
	ck_assert_uint_eq(pace_next_ns(&pace), 2 * NS_PER_S + 200 * NS_PER_MS);
}
END_TEST

START_TEST(hurry_makes_no_pause)
{
	struct pace_config config = pace_config_hurry();
	struct pace pace = paced(&config);

	pace_note_call(&pace, true, 10, NS_PER_S, 10 * NS_PER_MS);
	ck_assert_uint_eq(pace_next_ns(&pace), NS_PER_S + 10 * NS_PER_MS);
	pace_note_wait(&pace, 1000);
	pace_note_call(&pace, true, 10, 2 * NS_PER_S, 10 * NS_PER_MS);
	ck_assert_uint_eq(pace_next_ns(&pace), 2 * NS_PER_S + 10 * NS_PER_MS);
}
END_TEST

START_TEST(rate_is_a_bound)
{
	struct pace_config config = pace_config_hurry();
	struct pace pace;

	config.rate_bytes_per_s = 100 * MIB;
	pace = paced(&config);
	pace_note_call(&pace, true, 50, NS_PER_S, NS_PER_MS);
	ck_assert_uint_eq(pace_next_ns(&pace), 2 * NS_PER_S);
	pace_note_call(&pace, false, 25600, 2 * NS_PER_S, NS_PER_MS);
	ck_assert_uint_eq(pace_next_ns(&pace), 3 * NS_PER_S);
}
END_TEST

/* Three begin together, and each later one when the pace allows it: no more than
 * the rate in the end, whoever makes the calls. */
START_TEST(rate_is_a_bound_for_calls_at_the_same_time)
{
	struct pace_config config = pace_config_hurry();
	struct pace pace;
	uint64_t start_ns = 0, bytes = 0;

	config.rate_bytes_per_s = 100 * MIB;
	pace = paced(&config);
	for (int round = 0; round < 10; round++) {
		for (int lane = 0; lane < 3; lane++) {
			pace_note_call(&pace, true, 10, start_ns,
				       50 * NS_PER_MS);
			bytes += 10 * PAGE_2M_BYTES;
		}
		start_ns = pace_next_ns(&pace);
	}
	ck_assert_uint_eq(start_ns, bytes * NS_PER_S / (100 * MIB));
}
END_TEST

START_TEST(guest_that_waits_gets_more_time)
{
	struct pace_config config = { .call_ns = 10 * NS_PER_MS,
				      .stall_ns = NS_PER_MS,
				      .huge_min = 1,
				      .huge_max = 128,
				      .huge_duty = 800,
				      .small_duty = 400,
				      .lanes_max = 1 };
	struct pace pace = paced(&config);

	pace_note_wait(&pace, 900);
	ck_assert_uint_eq(pace_duty(&pace, true), 400);
	ck_assert_uint_eq(pace_duty(&pace, false), 200);
	for (int i = 0; i < 20; i++)
		pace_note_wait(&pace, 1000);
	ck_assert_uint_eq(pace_duty(&pace, false), 100);
	for (int i = 0; i < 100; i++)
		pace_note_wait(&pace, 0);
	ck_assert_uint_eq(pace_duty(&pace, true), 800);
	ck_assert_uint_eq(pace_duty(&pace, false), 400);
}
END_TEST

START_TEST(tiny_share_stays_as_it_was_set)
{
	struct pace_config config = { .call_ns = 1,
				      .stall_ns = 1,
				      .huge_min = 1,
				      .huge_max = 1,
				      .huge_duty = 1,
				      .small_duty = 1,
				      .lanes_max = 1 };
	struct pace pace = paced(&config);

	pace_note_wait(&pace, 1000);
	ck_assert_uint_eq(pace_duty(&pace, true), 1);
	pace_note_call(&pace, true, 1, 0, NS_PER_MS);
	ck_assert_uint_eq(pace_next_ns(&pace), NS_PER_S);
}
END_TEST

START_TEST(odd_calls_do_no_harm)
{
	struct pace_config config = pace_config_gentle();
	struct pace pace = paced(&config);

	pace_note_call(&pace, true, 0, NS_PER_S, NS_PER_MS);
	ck_assert_uint_eq(pace_next_ns(&pace), 0);
	pace_note_call(&pace, true, 1, 2 * NS_PER_S, 0);
	pace_note_call(&pace, true, 1, NS_PER_S, 0);
	ck_assert_uint_eq(pace_next_ns(&pace), 2 * NS_PER_S);
	for (int i = 0; i < 2000; i++)
		pace_note_call(&pace, true, 1, 0, 0);
	ck_assert_uint_gt(pace_call_pages(&pace, true), 0);
	ck_assert_uint_le(pace_call_pages(&pace, true), config.huge_max);
}
END_TEST

static void add_tests(TCase *tests)
{
	const TTest *const all[] = {
		first_call_is_not_the_longest,
		call_lasts_as_long_as_it_shall,
		small_pages_are_bounded_both_ways,
		calls_have_their_share_of_the_time,
		hurry_makes_no_pause,
		rate_is_a_bound,
		rate_is_a_bound_for_calls_at_the_same_time,
		guest_that_waits_gets_more_time,
		tiny_share_stays_as_it_was_set,
		odd_calls_do_no_harm,
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		tcase_add_test(tests, all[i]);
}

int main(void)
{
	return run_tests("move: the pace", add_tests);
}
