/* SPDX-License-Identifier: Apache-2.0 */
/* Where a job's calls are made in the end, for hosts of different kinds. */
#include "move/seats.h"

#include "addr.h"
#include "run.h"

#define CALL_BYTES (8 * MIB)
#define NS_PER_MS  1000000ull

/* A guest of four vCPUs, and what a call takes. */
struct host {
	struct seats seats; /* under test */
	uint64_t elsewhere_ns; /* of a call */
	uint64_t in_place_ns; /* likewise */
	unsigned int calls_in_place; /* made so far */
};

static struct host host_of(uint64_t elsewhere_ms, uint64_t in_place_ms)
{
	struct host h = {
		.elsewhere_ns = elsewhere_ms * NS_PER_MS,
		.in_place_ns = in_place_ms * NS_PER_MS,
	};

	seats_init(&h.seats, 4);
	return h;
}

static void call(struct host *h, bool is_busy, bool is_huge)
{
	int vcpu = seats_take(&h->seats, is_busy);
	bool in_place = vcpu != SEATS_ELSEWHERE;

	h->calls_in_place += in_place;
	seats_leave(&h->seats, vcpu, is_busy, is_huge, CALL_BYTES,
		    in_place ? h->in_place_ns : h->elsewhere_ns);
	ck_assert_uint_eq(h->seats.taken, 0);
}

static void run(struct host *h, unsigned int calls)
{
	for (unsigned int i = 0; i < calls; i++)
		call(h, true, true);
}

START_TEST(place_of_a_vcpu_is_kept_where_calls_are_much_shorter)
{
	struct host h = host_of(20, 10);

	run(&h, 100);
	ck_assert(h.seats.is_settled);
	ck_assert(h.seats.is_in_place);
	ck_assert_uint_ge(h.calls_in_place, 90);
}
END_TEST

START_TEST(place_of_a_vcpu_is_given_back_where_it_gains_nothing)
{
	struct host h = host_of(10, 10);

	run(&h, 100);
	ck_assert(h.seats.is_settled);
	ck_assert(!h.seats.is_in_place);
	ck_assert_uint_gt(h.calls_in_place, 0);
	ck_assert_uint_le(h.calls_in_place, 18);
}
END_TEST

START_TEST(what_is_clear_is_not_tried_again)
{
	struct host much_shorter = host_of(20, 10), longer = host_of(10, 18);

	run(&much_shorter, 10);
	ck_assert(much_shorter.seats.is_settled);
	ck_assert(much_shorter.seats.is_in_place);
	run(&longer, 10);
	ck_assert(longer.seats.is_settled);
	ck_assert(!longer.seats.is_in_place);
	ck_assert_uint_eq(longer.calls_in_place, 6);
}
END_TEST

/* By a quarter: not at once, but in the end. */
START_TEST(somewhat_shorter_calls_keep_the_place_too)
{
	struct host h = host_of(25, 20);

	run(&h, 33);
	ck_assert(!h.seats.is_settled);
	run(&h, 1);
	ck_assert(h.seats.is_settled);
	ck_assert(h.seats.is_in_place);
}
END_TEST

/* One of three calls in place meets something that holds it up. */
START_TEST(slow_calls_do_not_decide)
{
	struct host h = host_of(20, 10);

	for (int i = 0; i < 100; i++) {
		h.in_place_ns = (i % 3 == 0 ? 90 : 10) * NS_PER_MS;
		call(&h, true, true);
	}
	ck_assert(h.seats.is_settled);
	ck_assert(h.seats.is_in_place);
}
END_TEST

START_TEST(idle_guest_keeps_its_cpus)
{
	struct host h = host_of(20, 10);

	for (int i = 0; i < 100; i++)
		call(&h, false, true);
	ck_assert(!h.seats.is_settled);
	ck_assert_uint_eq(h.calls_in_place, 0);
}
END_TEST

/* Small pages, which take longer, in place; huge ones elsewhere. */
START_TEST(pages_of_two_kinds_are_not_compared)
{
	struct host h = host_of(20, 10);

	for (int i = 0; i < 100; i++)
		call(&h, true, !h.seats.is_in_place);
	ck_assert(!h.seats.is_settled);
}
END_TEST

START_TEST(calls_that_moved_nothing_are_not_measured)
{
	struct seats seats;
	int vcpu;

	seats_init(&seats, 4);
	for (int i = 0; i < 100; i++) {
		vcpu = seats_take(&seats, true);
		seats_leave(&seats, vcpu, true, true, 0, NS_PER_MS);
	}
	ck_assert(!seats.is_settled);
	ck_assert(seats.is_in_place);
}
END_TEST

START_TEST(each_vcpu_has_its_turn_and_none_two_calls)
{
	struct host h = host_of(20, 10);
	unsigned int turns[4] = { 0 };
	int first, second;

	run(&h, 20);
	ck_assert(h.seats.is_in_place);
	for (int i = 0; i < 40; i++) {
		first = seats_take(&h.seats, true);
		second = seats_take(&h.seats, true);
		ck_assert_int_ge(first, 0);
		ck_assert_int_ge(second, 0);
		ck_assert_int_ne(first, second);
		turns[first]++;
		turns[second]++;
		seats_leave(&h.seats, second, true, true, CALL_BYTES, 1);
		seats_leave(&h.seats, first, true, true, CALL_BYTES, 1);
	}
	for (int i = 0; i < 4; i++)
		ck_assert_uint_eq(turns[i], 20);
}
END_TEST

START_TEST(more_calls_than_vcpus_are_made_elsewhere)
{
	struct host h = host_of(20, 10);

	run(&h, 20);
	for (int i = 0; i < 4; i++)
		ck_assert_int_ne(seats_take(&h.seats, true), SEATS_ELSEWHERE);
	ck_assert_int_eq(seats_take(&h.seats, true), SEATS_ELSEWHERE);
	seats_leave(&h.seats, SEATS_ELSEWHERE, true, true, CALL_BYTES, 1);
	seats_leave(&h.seats, 2, true, true, CALL_BYTES, 1);
	ck_assert_int_eq(seats_take(&h.seats, true), 2);
}
END_TEST

START_TEST(refused_place_is_not_asked_for_again)
{
	struct host h = host_of(20, 10);

	seats_refuse(&h.seats, seats_take(&h.seats, true));
	run(&h, 100);
	ck_assert_uint_eq(h.calls_in_place, 0);
}
END_TEST

/* A call in the place of the only vCPU would stop the guest whole. */
START_TEST(guest_without_a_second_vcpu_gives_no_place)
{
	struct seats seats;

	for (unsigned int n_vcpus = 0; n_vcpus < 2; n_vcpus++) {
		seats_init(&seats, n_vcpus);
		ck_assert(seats.is_settled);
		ck_assert_int_eq(seats_take(&seats, true), SEATS_ELSEWHERE);
	}
}
END_TEST

static void add_tests(TCase *tests)
{
	const TTest *const all[] = {
		place_of_a_vcpu_is_kept_where_calls_are_much_shorter,
		place_of_a_vcpu_is_given_back_where_it_gains_nothing,
		what_is_clear_is_not_tried_again,
		somewhat_shorter_calls_keep_the_place_too,
		slow_calls_do_not_decide,
		idle_guest_keeps_its_cpus,
		pages_of_two_kinds_are_not_compared,
		calls_that_moved_nothing_are_not_measured,
		each_vcpu_has_its_turn_and_none_two_calls,
		more_calls_than_vcpus_are_made_elsewhere,
		refused_place_is_not_asked_for_again,
		guest_without_a_second_vcpu_gives_no_place,
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		tcase_add_test(tests, all[i]);
}

int main(void)
{
	return run_tests("move: the seats of calls", add_tests);
}
