/* SPDX-License-Identifier: Apache-2.0 */
/* What a job's receipt teaches of the price of the next move. */
#include "learn.h"

#include "addr.h"
#include "run.h"

#define NS_PER_S  1000000000ull
#define NS_PER_MS 1000000ull

/* 1000 MB in 10 s, a fifth of them in calls. */
static struct job_entry typical_job(void)
{
	return (struct job_entry) {
		.receipt = { .result = JOB_DONE,
			     .started_ns = 50 * NS_PER_S,
			     .ended_ns = 60 * NS_PER_S,
			     .moved_bytes = 1000000000,
			     .call_ns = 2 * NS_PER_S,
			     .longest_call_ns = 40 * NS_PER_MS,
			     .longest_stall_ns = 4 * NS_PER_MS,
			     .has_lost = true,
			     .lost = 80 },
	};
}

START_TEST(first_job_is_taken_as_it_was_and_the_next_in_part)
{
	struct job_entry entry = typical_job();
	struct snap_cost cost = { 0 };
	uint64_t rate = 0;

	learn_cost(&entry, &cost, &rate);
	ck_assert_uint_eq(rate, 100000000);
	ck_assert_uint_eq(cost.rate_bytes_per_s, 100000000);
	ck_assert_uint_eq(cost.stall_ns, 4 * NS_PER_MS);
	ck_assert_uint_eq(cost.copying, 200);
	ck_assert(cost.has_lost);
	ck_assert_uint_eq(cost.lost, 80);
	entry.receipt.ended_ns = 55 * NS_PER_S;
	entry.receipt.longest_stall_ns = 14 * NS_PER_MS;
	entry.receipt.lost = 0;
	learn_cost(&entry, &cost, &rate);
	ck_assert_uint_eq(rate, 130000000);
	ck_assert_uint_eq(cost.rate_bytes_per_s, 130000000);
	ck_assert_uint_eq(cost.stall_ns, 7 * NS_PER_MS);
	ck_assert_uint_eq(cost.copying, 260);
	ck_assert_uint_eq(cost.lost, 56);
	/* one that could not tell changes nothing of that */
	entry.receipt.has_lost = false;
	learn_cost(&entry, &cost, &rate);
	ck_assert(cost.has_lost);
	ck_assert_uint_eq(cost.lost, 56);
}
END_TEST

START_TEST(guest_that_is_gone_leaves_the_rate)
{
	struct job_entry entry = typical_job();
	uint64_t rate = 200000000;

	learn_cost(&entry, NULL, &rate);
	ck_assert_uint_eq(rate, 170000000);
}
END_TEST

static void hurry(struct job_entry *e)
{
	e->order.is_hurried = true;
}

static void limit_rate(struct job_entry *e)
{
	e->order.rate_bytes_per_s = MIB;
}

static void limit_stall(struct job_entry *e)
{
	e->order.stall_ns = NS_PER_MS;
}

static void move_little(struct job_entry *e)
{
	e->receipt.moved_bytes = 64 * MIB - 1;
}

static void wait_long(struct job_entry *e)
{
	e->receipt.ended_ns += 71 * NS_PER_S;
}

static void take_no_time(struct job_entry *e)
{
	e->receipt.ended_ns = e->receipt.started_ns;
}

START_TEST(job_of_another_kind_teaches_nothing)
{
	static void (*const ways[])(struct job_entry *) = {
		hurry,       limit_rate, limit_stall,
		move_little, wait_long,  take_no_time,
	};
	const struct snap_cost known = { .rate_bytes_per_s = 5, .stall_ns = 6 };

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct job_entry entry = typical_job();
		struct snap_cost cost = known;
		uint64_t rate = 7;

		ways[i](&entry);
		learn_cost(&entry, &cost, &rate);
		ck_assert_uint_eq(rate, 7);
		ck_assert_uint_eq(cost.rate_bytes_per_s, 5);
		ck_assert_uint_eq(cost.stall_ns, 6);
		ck_assert(!cost.has_lost);
	}
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests,
		       first_job_is_taken_as_it_was_and_the_next_in_part);
	tcase_add_test(tests, guest_that_is_gone_leaves_the_rate);
	tcase_add_test(tests, job_of_another_kind_teaches_nothing);
}

int main(void)
{
	return run_tests("daemon: what a move cost", add_tests);
}
