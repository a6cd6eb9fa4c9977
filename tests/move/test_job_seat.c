/* SPDX-License-Identifier: Apache-2.0 */
/*
 * On which CPUs the thread runs that makes a job's calls: on their target where
 * vCPUs leave it time, on others once they are seen to wait for CPUs, in the place
 * of vCPUs where that makes the calls of a busy guest much shorter.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "run.h"
#include "scene.h"

#define VCPUS     8
#define FIRST_CPU 16 /* where vCPU 0 runs, and so on */

/* In s->arg: nanoseconds that vCPU 0 has waited so far, of its own account. All
 * have run for run_ns. */
static void write_running_vcpus(struct scene *s, uint64_t run_ns)
{
	char path[64], text[160];

	for (int i = 0; i < VCPUS; i++) {
		snprintf(path, sizeof(path), "/proc/%d/task/%d/comm", PID,
			 PID + 1 + i);
		snprintf(text, sizeof(text), "CPU %d/KVM\n", i);
		fake_file(s->fake, path, text);
		snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", PID,
			 PID + 1 + i);
		snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64 " 70\n",
			 run_ns, 5000 + (i == 0 ? s->arg : 0));
		fake_file(s->fake, path, text);
		snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", PID,
			 PID + 1 + i);
		snprintf(text, sizeof(text), "1 (CPU %d/KVM) R 1%s %d 0 0\n", i,
			 " 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0"
			 " 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0",
			 FIRST_CPU + i);
		fake_file(s->fake, path, text);
	}
}

static void write_vcpus(struct scene *s)
{
	write_running_vcpus(s, 90000000);
}

/* A guest with vCPUs, and memory for many gentle calls. */
static struct scene *guest_create(void)
{
	struct scene *s = scene_create(FAKE_LINUX_6_12);

	scene_memory(s, 0, GIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	write_vcpus(s);
	return s;
}

static uint64_t moving_calls(struct scene *s)
{
	return fake_books(s->fake).calls[FAKE_PAGES_MOVE];
}

static uint64_t seat_calls(struct scene *s)
{
	return fake_books(s->fake).calls[FAKE_SIT];
}

static void check_seat(struct scene *s, int where, int node)
{
	struct seat seat = fake_books(s->fake).seat;

	ck_assert_int_eq(seat.where, where);
	if (where != SEAT_ANY)
		ck_assert_int_eq(seat.node, node);
}

static void check_moved(struct scene *s)
{
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(s->receipt.moved_bytes, GIB);
	ck_assert_uint_gt(moving_calls(s), 10);
}

START_TEST(gentle_call_is_made_from_its_target_and_asks_once)
{
	struct scene *s = guest_create();

	scene_move(s);
	check_moved(s);
	check_seat(s, SEAT_ON_NODE, 1);
	ck_assert_uint_eq(fake_books(s->fake).seated_calls, moving_calls(s));
	ck_assert_uint_eq(seat_calls(s), 1);
	scene_destroy(s);
}
END_TEST

/* What lies on node 3 goes to node 2, after all else went to node 1. */
START_TEST(seat_follows_the_target)
{
	struct scene *s = guest_create();

	scene_memory(s, GIB, 64 * MIB, PAGE_2M_BYTES, 3, FAKE_ANON, 0);
	s->cells[0].home.bits |= 1ull << 2;
	s->routes[1] =
		(struct job_route) { .from = 3, .to = 2, .bytes = UINT64_MAX };
	s->spec.n_routes = 2;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	check_seat(s, SEAT_ON_NODE, 2);
	ck_assert_uint_eq(fake_books(s->fake).seated_calls, moving_calls(s));
	ck_assert_uint_eq(seat_calls(s), 2);
	scene_destroy(s);
}
END_TEST

/* In the third call, and in none after it, one of eight vCPUs waits for half of
 * it: for all of them together that is far below what changes the pace. */
static void wait_in_third_call(struct scene *s, enum fake_op op)
{
	if (op != FAKE_PAGES_MOVE || moving_calls(s) != 3)
		return;
	s->arg += 800000;
	write_vcpus(s);
}

START_TEST(node_is_left_for_good_when_a_vcpu_waits)
{
	struct scene *s = guest_create();

	s->on_op = wait_in_third_call;
	scene_move(s);
	check_moved(s);
	check_seat(s, SEAT_OFF_NODE, 1);
	ck_assert_uint_eq(fake_books(s->fake).seated_calls, 3);
	ck_assert_uint_eq(fake_books(s->fake).away_calls, moving_calls(s) - 3);
	ck_assert_uint_eq(seat_calls(s), 2);
	scene_destroy(s);
}
END_TEST

/* The next job has to learn it anew: it may have another target. */
START_TEST(next_job_sits_again)
{
	struct scene *s = guest_create();
	uint64_t calls;

	s->on_op = wait_in_third_call;
	scene_move(s);
	calls = moving_calls(s);
	for (uint64_t gpa = 0; gpa < 256 * MIB; gpa += PAGE_2M_BYTES)
		scene_folio(s, gpa)->node = 0;
	scene_move(s);
	ck_assert_uint_gt(moving_calls(s), calls);
	ck_assert_uint_eq(fake_books(s->fake).seated_calls,
			  3 + moving_calls(s) - calls);
	scene_destroy(s);
}
END_TEST

/* Always a little, in calls as between them. */
static void wait_always(struct scene *s, enum fake_op op)
{
	s->arg = scene_now_ns(s) / 2;
	if (op == FAKE_READ_FD)
		write_vcpus(s);
}

START_TEST(busy_host_gets_no_seat)
{
	struct scene *s = guest_create();

	s->on_op = wait_always;
	scene_move(s);
	check_moved(s);
	check_seat(s, SEAT_ANY, 0);
	ck_assert_uint_eq(fake_books(s->fake).seated_calls, 0);
	scene_destroy(s);
}
END_TEST

/* vCPUs run for nine tenths of the time, and it is they who are in the way. */
static void be_slow_in_place(struct scene *s, enum fake_op op)
{
	if (op == FAKE_READ_FD)
		write_running_vcpus(s, scene_now_ns(s) / 10 * 9);
	if (op == FAKE_PAGES_MOVE &&
	    fake_books(s->fake).seat.where == SEAT_ON_CPU)
		fake_advance_ns(s->fake, 20 * NS_PER_MS);
}

START_TEST(busy_guest_keeps_its_cpus)
{
	struct scene *s = guest_create();

	s->on_op = be_slow_in_place;
	scene_move(s);
	check_moved(s);
	ck_assert_uint_gt(fake_books(s->fake).in_place_calls, 0); /* tried */
	ck_assert_uint_le(fake_books(s->fake).in_place_calls, 6);
	check_seat(s, SEAT_OFF_NODE, 1);
	scene_destroy(s);
}
END_TEST

/* Calls take 20 ms more where other threads are in their way. In s->arg: the CPUs
 * that they were made on, by bit. */
static void be_slow_elsewhere(struct scene *s, enum fake_op op)
{
	struct seat seat = fake_books(s->fake).seat;

	if (op == FAKE_READ_FD)
		write_running_vcpus(s, scene_now_ns(s) / 10 * 9);
	if (op != FAKE_PAGES_MOVE)
		return;
	if (seat.where == SEAT_ON_CPU)
		s->seen |= 1ull << seat.cpu;
	else
		fake_advance_ns(s->fake, 20 * NS_PER_MS);
}

START_TEST(call_is_made_in_the_place_of_vcpus_where_it_is_shorter)
{
	struct scene *s = guest_create();

	s->on_op = be_slow_elsewhere;
	scene_move(s);
	check_moved(s);
	ck_assert_uint_ge(fake_books(s->fake).in_place_calls,
			  moving_calls(s) - 8);
	ck_assert_uint_eq(s->seen, 0xffull << FIRST_CPU); /* each in its turn */
	scene_destroy(s);
}
END_TEST

/* Threads that have become unreadable, or lie about it, have no place. */
static void hide_cpus(struct scene *s, enum fake_op op)
{
	char path[64];

	be_slow_elsewhere(s, op);
	for (int i = 0; i < VCPUS; i++) {
		snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", PID,
			 PID + 1 + i);
		fake_file(s->fake, path, "1 (CPU) R 1\n");
	}
}

START_TEST(vcpu_whose_cpu_is_unknown_keeps_it)
{
	struct scene *s = guest_create();

	s->on_op = hide_cpus;
	scene_move(s);
	check_moved(s);
	ck_assert_uint_eq(fake_books(s->fake).in_place_calls, 0);
	check_seat(s, SEAT_OFF_NODE, 1);
	scene_destroy(s);
}
END_TEST

static void hurry(struct scene *s)
{
	s->spec.pace = pace_config_hurry();
	s->spec.pace.lanes_max = 1;
	s->spec.pace.huge_max = 16;
	s->spec.pace.huge_min = 16;
}

START_TEST(hurried_job_of_a_calm_guest_never_sits)
{
	struct scene *s = guest_create();

	hurry(s);
	scene_move(s);
	check_moved(s);
	ck_assert_uint_eq(seat_calls(s), 0);
	scene_destroy(s);
}
END_TEST

START_TEST(hurried_job_takes_the_place_of_vcpus_too)
{
	struct scene *s = guest_create();

	hurry(s);
	s->on_op = be_slow_elsewhere;
	scene_move(s);
	check_moved(s);
	ck_assert_uint_ge(fake_books(s->fake).in_place_calls,
			  moving_calls(s) - 8);
	scene_destroy(s);
}
END_TEST

/* In s->seen: when the first call was made. */
static void note_first_call(struct scene *s, enum fake_op op)
{
	if (op == FAKE_PAGES_MOVE && s->seen == 0)
		s->seen = scene_now_ns(s);
}

/* How busy it is cannot be seen at once. */
START_TEST(guest_is_looked_at_before_the_first_call)
{
	struct scene *s = guest_create();
	uint64_t start_ns = scene_now_ns(s);

	hurry(s);
	s->on_op = note_first_call;
	scene_move(s);
	check_moved(s);
	ck_assert_uint_ge(s->seen, start_ns + 20 * NS_PER_MS);
	scene_destroy(s);
}
END_TEST

START_TEST(hurried_job_leaves_the_seat_of_another)
{
	struct scene *s = guest_create();

	scene_move(s);
	check_seat(s, SEAT_ON_NODE, 1);
	scene_folio(s, 0)->node = 0;
	s->spec.pace = pace_config_hurry();
	scene_move(s);
	check_seat(s, SEAT_ANY, 0);
	ck_assert_uint_eq(seat_calls(s), 2);
	scene_destroy(s);
}
END_TEST

/* The threads of vCPUs from that one on are gone. */
static void forget_vcpus(struct scene *s, int first)
{
	char path[64];

	for (int i = first; i < VCPUS; i++) {
		snprintf(path, sizeof(path), "/proc/%d/task/%d/", PID,
			 PID + 1 + i);
		fake_file_remove(s->fake, path);
	}
}

START_TEST(guest_whose_waits_are_unknown_gives_no_seat)
{
	struct scene *s = guest_create();

	forget_vcpus(s, 0);
	scene_move(s);
	check_moved(s);
	ck_assert_uint_eq(seat_calls(s), 0);
	scene_destroy(s);
}
END_TEST

/* Refused once, and not asked again at each call. */
START_TEST(target_without_cpus_is_moved_to_from_anywhere)
{
	struct scene *s = guest_create();

	s->nodes[1]->has_no_cpus = true;
	scene_move(s);
	check_moved(s);
	check_seat(s, SEAT_ANY, 0);
	ck_assert_uint_eq(fake_books(s->fake).seated_calls, 0);
	ck_assert_uint_eq(seat_calls(s), 2);
	scene_destroy(s);
}
END_TEST

START_TEST(guest_of_one_vcpu_has_one_call_at_a_time)
{
	struct scene *s = guest_create();

	forget_vcpus(s, 1);
	scene_job(s);
	ck_assert_uint_eq(job_lanes(s->job), 2);
	scene_run(s);
	ck_assert_uint_eq(job_lanes(s->job), 1);
	check_moved(s);
	scene_destroy(s);
}
END_TEST

/* Once for all calls that have begun; then it is not tried again. */
START_TEST(isolated_cpu_is_asked_for_once)
{
	struct scene *s = guest_create();

	s->on_op = be_slow_elsewhere;
	fake_fault(s->fake, FAKE_SIT, 1, -ENODEV);
	scene_move(s);
	check_moved(s);
	ck_assert_uint_eq(s->seen, 0);
	check_seat(s, SEAT_OFF_NODE, 1);
	scene_destroy(s);
}
END_TEST

static void add_tests(TCase *tests)
{
	const TTest *const all[] = {
		gentle_call_is_made_from_its_target_and_asks_once,
		seat_follows_the_target,
		node_is_left_for_good_when_a_vcpu_waits,
		next_job_sits_again,
		busy_host_gets_no_seat,
		busy_guest_keeps_its_cpus,
		call_is_made_in_the_place_of_vcpus_where_it_is_shorter,
		vcpu_whose_cpu_is_unknown_keeps_it,
		hurried_job_of_a_calm_guest_never_sits,
		hurried_job_takes_the_place_of_vcpus_too,
		guest_is_looked_at_before_the_first_call,
		hurried_job_leaves_the_seat_of_another,
		guest_whose_waits_are_unknown_gives_no_seat,
		target_without_cpus_is_moved_to_from_anywhere,
		guest_of_one_vcpu_has_one_call_at_a_time,
		isolated_cpu_is_asked_for_once,
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		tcase_add_test(tests, all[i]);
	tcase_set_timeout(tests, 60);
}

int main(void)
{
	return run_tests("move: the seat of a mover", add_tests);
}
