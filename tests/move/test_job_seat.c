/* SPDX-License-Identifier: Apache-2.0 */
/*
 * On which CPUs the thread runs that makes a job's calls: on their target where
 * vCPUs leave it time, on others once they are seen to wait for CPUs.
 */
#include <inttypes.h>
#include <stdio.h>

#include "run.h"
#include "scene.h"

#define VCPUS 8

/* In s->arg: nanoseconds that vCPU 0 has waited so far, of its own account. All
 * have run for run_ns. */
static void write_running_vcpus(struct scene *s, uint64_t run_ns)
{
	char path[64], text[64];

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

/* The first call of a job finds out how busy the guest is. */
static uint64_t later_calls(struct scene *s)
{
	return moving_calls(s) - 1;
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
	ck_assert_uint_eq(fake_books(s->fake).seated_calls, later_calls(s));
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
	ck_assert_uint_eq(fake_books(s->fake).seated_calls, later_calls(s));
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
	ck_assert_uint_eq(fake_books(s->fake).seated_calls, 2);
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
	ck_assert_uint_gt(later_calls(s), calls);
	ck_assert_uint_eq(fake_books(s->fake).seated_calls,
			  2 + later_calls(s) - calls);
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

/* Nine tenths of the time. */
static void run_always(struct scene *s, enum fake_op op)
{
	if (op == FAKE_READ_FD)
		write_running_vcpus(s, scene_now_ns(s) / 10 * 9);
}

START_TEST(busy_guest_keeps_its_cpus)
{
	struct scene *s = guest_create();

	s->on_op = run_always;
	scene_move(s);
	check_moved(s);
	ck_assert_uint_eq(seat_calls(s), 0);
	scene_destroy(s);
}
END_TEST

/* And in the third call one of them waits for half of it: the scheduler has left
 * the mover beside them. */
static void run_always_and_wait(struct scene *s, enum fake_op op)
{
	if (op == FAKE_PAGES_MOVE && moving_calls(s) == 3)
		s->arg += 800000;
	run_always(s, op);
}

START_TEST(mover_beside_a_busy_vcpu_goes_elsewhere)
{
	struct scene *s = guest_create();

	s->on_op = run_always_and_wait;
	scene_move(s);
	check_moved(s);
	check_seat(s, SEAT_OFF_NODE, 1);
	ck_assert_uint_eq(fake_books(s->fake).away_calls, moving_calls(s) - 3);
	ck_assert_uint_eq(seat_calls(s), 1);
	scene_destroy(s);
}
END_TEST

START_TEST(hurried_job_never_sits)
{
	struct scene *s = guest_create();

	s->spec.pace = pace_config_hurry();
	s->spec.pace.lanes_max = 1;
	s->spec.pace.huge_max = 16;
	s->spec.pace.huge_min = 16;
	scene_move(s);
	check_moved(s);
	ck_assert_uint_eq(seat_calls(s), 0);
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

START_TEST(guest_whose_waits_are_unknown_gives_no_seat)
{
	struct scene *s = guest_create();
	char path[64];

	for (int i = 0; i < VCPUS; i++) {
		snprintf(path, sizeof(path), "/proc/%d/task/%d/", PID,
			 PID + 1 + i);
		fake_file_remove(s->fake, path);
	}
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

static void add_tests(TCase *tests)
{
	const TTest *const all[] = {
		gentle_call_is_made_from_its_target_and_asks_once,
		seat_follows_the_target,
		node_is_left_for_good_when_a_vcpu_waits,
		next_job_sits_again,
		busy_host_gets_no_seat,
		busy_guest_keeps_its_cpus,
		mover_beside_a_busy_vcpu_goes_elsewhere,
		hurried_job_never_sits,
		hurried_job_leaves_the_seat_of_another,
		guest_whose_waits_are_unknown_gives_no_seat,
		target_without_cpus_is_moved_to_from_anywhere,
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		tcase_add_test(tests, all[i]);
	tcase_set_timeout(tests, 60);
}

int main(void)
{
	return run_tests("move: the seat of a mover", add_tests);
}
