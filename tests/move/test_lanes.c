/* SPDX-License-Identifier: Apache-2.0 */
/* How many lanes a job settles at, for hosts that scale in different ways. */
#include "move/lanes.h"

#include "addr.h"
#include "run.h"

#define LANES_MAX  8
#define CALL_BYTES (128 * MIB)
#define NS_PER_S   1000000000ull
#define SEEDS      200

/* A host with calls under way. */
struct host {
	struct lanes lanes; /* under test */
	const unsigned int *speed; /* of n lanes together, MiB in a ms */
	unsigned int noise; /* a call's time differs by so many percent */
	uint64_t dice; /* state of its random numbers */
	uint64_t call_bytes; /* what a call moves */
	uint64_t ends_ns[LANES_MAX]; /* of the calls under way, 0: none */
	uint64_t pause_ns; /* between bursts of calls, 0: none */
	uint64_t now_ns; /* the clock */
	unsigned int least; /* lanes that were tried */
	unsigned int most; /* likewise */
	unsigned int changes; /* how often their number changed */
};

/* By lanes, from 1 on. */
static const unsigned int to_four[] = { 10, 20, 30, 40, 40, 40, 40, 40 };
static const unsigned int not_at_all[] = { 10, 10, 10, 10, 10, 10, 10, 10 };
static const unsigned int worse[] = { 10, 7, 5, 4, 3, 2, 1, 1 };
static const unsigned int to_two[] = { 10, 16, 18, 19, 20, 20, 20, 20 };
/* The eighth adds a seventh: less than a lane is worth. */
static const unsigned int to_eight[] = { 10, 20, 30, 40, 50, 60, 70, 80 };

static struct host host_of(const unsigned int *speed, unsigned int max)
{
	struct host h = {
		.speed = speed,
		.call_bytes = CALL_BYTES,
		.now_ns = NS_PER_S,
	};

	lanes_init(&h.lanes, max, true);
	h.least = h.most = h.lanes.now;
	ck_assert_uint_eq(h.lanes.now, max < 3 ? max : 3);
	return h;
}

static uint64_t call_ns(struct host *h)
{
	uint64_t mib = h->call_bytes / MIB + 1;
	uint64_t ns = mib * 1000000 * h->lanes.now / h->speed[h->lanes.now - 1];

	h->dice = h->dice * 6364136223846793005ull + 1442695040888963407ull;
	if (h->noise == 0)
		return ns;
	return ns * (100 - h->noise + (h->dice >> 33) % (2 * h->noise)) / 100;
}

/* Lanes that are free begin, together where there are pauses. */
static void begin_calls(struct host *h)
{
	if (h->pause_ns && h->lanes.in_flight > 0)
		return;
	h->now_ns += h->pause_ns;
	for (unsigned int i = 0; i < h->lanes.now; i++)
		if (h->ends_ns[i] == 0) {
			h->ends_ns[i] = h->now_ns + call_ns(h);
			lanes_begin_call(&h->lanes, h->now_ns);
		}
}

/* The next of the calls under way ends. */
static void end_call(struct host *h)
{
	unsigned int first = LANES_MAX, was = h->lanes.now;

	begin_calls(h);
	for (unsigned int i = 0; i < LANES_MAX; i++)
		if (h->ends_ns[i] &&
		    (first == LANES_MAX || h->ends_ns[i] < h->ends_ns[first]))
			first = i;
	h->now_ns = h->ends_ns[first];
	h->ends_ns[first] = 0;
	lanes_end_call(&h->lanes, h->call_bytes, h->now_ns);
	h->changes += h->lanes.now != was;
	if (h->lanes.now > h->most)
		h->most = h->lanes.now;
	if (h->lanes.now < h->least)
		h->least = h->lanes.now;
}

static void run_calls(struct host *h, unsigned int n)
{
	while (n-- > 0)
		end_call(h);
}

START_TEST(job_settles_where_more_is_no_faster)
{
	static const struct {
		const unsigned int *speed; /* of the host */
		unsigned int max; /* allowed */
		unsigned int settled; /* is right */
		unsigned int least; /* had to be tried */
		unsigned int most; /* likewise */
	} cases[] = {
		{ to_four, 8, 4, 3, 5 },    { to_four, 4, 4, 3, 4 },
		{ to_four, 3, 3, 2, 3 },    { not_at_all, 8, 1, 1, 4 },
		{ not_at_all, 2, 1, 1, 2 }, { worse, 8, 1, 1, 4 },
		{ to_two, 8, 2, 1, 4 },     { to_eight, 8, 7, 3, 8 },
		{ to_eight, 1, 1, 1, 1 },   { to_two, 2, 2, 1, 2 },
	};
	static const uint64_t pauses_ns[] = { 0, 10 * NS_PER_S };

	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(*cases); i++) {
		struct host h = host_of(cases[i / 2].speed, cases[i / 2].max);

		h.pause_ns = pauses_ns[i % 2];
		run_calls(&h, 400);
		ck_assert_uint_eq(h.lanes.now, cases[i / 2].settled);
		ck_assert_uint_eq(h.least, cases[i / 2].least);
		ck_assert_uint_eq(h.most, cases[i / 2].most);
		ck_assert(h.lanes.is_settled);
	}
}
END_TEST

START_TEST(job_that_does_not_try_keeps_what_it_may)
{
	struct host h = host_of(not_at_all, 2);

	lanes_init(&h.lanes, 2, false);
	run_calls(&h, 400);
	ck_assert_uint_eq(h.changes, 0);
	ck_assert_uint_eq(h.lanes.now, 2);
}
END_TEST

/* It may be content with two where one would do, and the last step is the last. */
START_TEST(noise_does_not_make_it_swing)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct host flat = host_of(not_at_all, 8);
		struct host steep = host_of(to_four, 8);

		flat.noise = 10;
		flat.dice = seed;
		run_calls(&flat, 1000);
		ck_assert_uint_le(flat.lanes.now, 2);
		ck_assert_uint_le(flat.changes, 4);
		steep.noise = 10;
		steep.dice = seed;
		run_calls(&steep, 1000);
		ck_assert_uint_eq(steep.lanes.now, 4);
		ck_assert_uint_eq(steep.changes, 3);
	}
}
END_TEST

START_TEST(settled_job_stays_when_the_host_changes)
{
	struct host h = host_of(not_at_all, 8);

	run_calls(&h, 100);
	h.speed = to_eight;
	run_calls(&h, 100);
	ck_assert_uint_eq(h.lanes.now, 1);
	ck_assert_uint_eq(h.changes, 3);
}
END_TEST

/* While the pace learns; they would make the fourth lane look good. */
START_TEST(slow_calls_at_first_do_not_count)
{
	static const unsigned int slow[] = { 1, 1, 1 };
	struct host h = host_of(slow, 8);

	run_calls(&h, 4);
	h.speed = not_at_all;
	run_calls(&h, 100);
	ck_assert_uint_eq(h.most, 4);
	ck_assert_uint_eq(h.lanes.now, 1);
}
END_TEST

START_TEST(small_calls_must_be_many_and_fruitless_ones_say_nothing)
{
	struct host h = host_of(to_four, 8);

	h.call_bytes = MIB;
	run_calls(&h, 200);
	ck_assert_uint_eq(h.changes, 0);
	run_calls(&h, 100);
	ck_assert_uint_eq(h.lanes.now, 4);
	h.call_bytes = 0;
	run_calls(&h, 10000);
	ck_assert_uint_eq(h.lanes.now, 4);
}
END_TEST

START_TEST(clock_that_stands_does_no_harm)
{
	struct lanes lanes;

	lanes_init(&lanes, 4, true);
	for (int i = 0; i < 1000; i++) {
		lanes_begin_call(&lanes, NS_PER_S);
		lanes_end_call(&lanes, GIB, NS_PER_S);
	}
	ck_assert_uint_ge(lanes.now, 1);
	ck_assert_uint_le(lanes.now, 4);
}
END_TEST

static void add_tests(TCase *tests)
{
	const TTest *const all[] = {
		job_settles_where_more_is_no_faster,
		job_that_does_not_try_keeps_what_it_may,
		noise_does_not_make_it_swing,
		settled_job_stays_when_the_host_changes,
		slow_calls_at_first_do_not_count,
		small_calls_must_be_many_and_fruitless_ones_say_nothing,
		clock_that_stands_does_no_harm,
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		tcase_add_test(tests, all[i]);
}

int main(void)
{
	return run_tests("move: how many lanes", add_tests);
}
