/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several threads step one job, as the crew does: the books stay whole, nothing
 * is moved twice, and they do not take the same room; and a job finds
 * out how many of them are of use.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "run.h"
#include "scene.h"

static const enum fake_kernel kernels[] = { FAKE_LINUX_6_1, FAKE_LINUX_6_12 };

#define KERNELS (int)(sizeof(kernels) / sizeof(*kernels))

/* One thread's share. */
struct lane {
	pthread_t thread; /* steps */
	struct scene *s; /* borrowed */
	unsigned int number; /* which call is its own */
	atomic_uint *n_wrong; /* receipts that did not add up */
};

static uint64_t sum_of(const struct receipt *r)
{
	uint64_t sum = r->moved_bytes + r->already_bytes;

	for (int i = 0; i < RESIDUE_COUNT; i++)
		sum += r->residue_bytes[i];
	return sum;
}

/* Time goes on when somebody waits, as nothing else moves the fake clock. */
static void *step_to_the_end(void *arg)
{
	struct lane *lane = arg;
	struct scene *s = lane->s;
	struct receipt receipt;
	enum job_turn turn;
	uint64_t wake_ns;

	do {
		turn = job_step(s->job, &s->calls[lane->number], &wake_ns);
		job_receipt(s->job, &receipt);
		if (sum_of(&receipt) != receipt.scope_bytes)
			atomic_fetch_add(lane->n_wrong, 1);
		if (turn == JOB_WAIT)
			fake_advance_ns(s->fake, 200000);
	} while (turn != JOB_ENDED);
	return NULL;
}

static void run_lanes(struct scene *s)
{
	struct lane lanes[SCENE_LANES];
	atomic_uint n_wrong = 0;

	s->spec.pace = pace_config_hurry();
	scene_job(s);
	ck_assert_uint_eq(s->spec.pace.lanes_max, SCENE_LANES);
	for (unsigned int i = 0; i < SCENE_LANES; i++) {
		lanes[i] = (struct lane) { .s = s,
					   .number = i,
					   .n_wrong = &n_wrong };
		ck_assert_int_eq(pthread_create(&lanes[i].thread, NULL,
						step_to_the_end, &lanes[i]),
				 0);
	}
	for (unsigned int i = 0; i < SCENE_LANES; i++)
		pthread_join(lanes[i].thread, NULL);
	ck_assert_uint_eq(n_wrong, 0);
	job_receipt(s->job, &s->receipt);
}

START_TEST(lanes_move_all_once)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, GIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	scene_memory(s, 2 * GIB, 16 * MIB, PAGE_4K_BYTES, 0, FAKE_SHMEM, 0);
	run_lanes(s);
	scene_check_end(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(s->receipt.moved_bytes, GIB + 16 * MIB);
	ck_assert_uint_eq(fake_books(s->fake).move_pages, 512 + 4096);
	scene_destroy(s);
}
END_TEST

START_TEST(lanes_retry_what_fails)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 512 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	scene_folio(s, 100 * MIB)->pin_calls = FAKE_ALWAYS;
	scene_folio(s, 200 * MIB)->pin_calls = 2;
	scene_folio(s, 300 * MIB)->busy_calls = 2;
	run_lanes(s);
	scene_check_end(s);
	scene_check_residue(s, RESIDUE_PINNED, PAGE_2M_BYTES, RESIDUE_COUNT);
	scene_destroy(s);
}
END_TEST

START_TEST(lanes_make_wrong_guesses)
{
	struct scene *s = scene_create(kernels[_i]);

	fake_set_pagemap_rights(s->fake, false);
	scene_memory(s, 0, 128 * MIB, PAGE_4K_BYTES, 0, FAKE_ANON, 0);
	run_lanes(s);
	scene_check_end(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(s->receipt.moved_bytes, 128 * MIB);
	scene_destroy(s);
}
END_TEST

/* What has the first lane's call in its hands when the second one chooses. */
static void step_other_lane(struct scene *s, enum fake_op op)
{
	if (s->arg)
		return;
	s->arg = 1;
	s->turn = job_step(s->job, &s->calls[1], &s->wake_ns);
	s->arg = s->turn == JOB_WAIT ? 2 : 3;
}

START_TEST(room_that_one_lane_has_taken_is_not_free_for_the_other)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 256 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	s->spec.pace = pace_config_hurry();
	s->nodes[1]->free_bytes = 16 * MIB;
	s->nodes[1]->free_2m_blocks = 8;
	s->on_move = step_other_lane;
	scene_job(s);
	while (s->n_calls == 0)
		scene_step(s, 0);
	while (s->arg == 0 || scene_step(s, 0) == JOB_GO_ON)
		;
	ck_assert_uint_eq(fake_books(s->fake).thp_splits, 0);
	ck_assert_uint_le(fake_books(s->fake).moved_bytes, 16 * MIB);
	scene_destroy(s);
}
END_TEST

static void kill_at_tenth(struct scene *s, enum fake_op op)
{
	if (op == FAKE_PAGES_MOVE && ++s->arg == 10)
		scene_kill(s);
}

START_TEST(guest_that_ends_stops_all_lanes)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 2 * GIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	s->on_op = kill_at_tenth;
	run_lanes(s);
	if (s->is_dead)
		ck_assert_int_eq(s->receipt.result, JOB_FAILED);
	ck_assert_uint_le(s->late_moves, SCENE_LANES);
	scene_destroy(s);
}
END_TEST

/* A host on which a call costs as if all lanes that the job wants shared up to
 * s->arg times the speed of one. */
static void cost_of_lanes(struct scene *s, enum fake_op op)
{
	unsigned int lanes = job_lanes(s->job);
	uint64_t speed = lanes < s->arg ? lanes : s->arg;

	fake_set_cost(s->fake, (struct fake_cost) { .call_ns = 2000,
						    .address_ns = 200,
						    .mib_ns = 100000 / speed });
}

/* Steps to the end; the most lanes that the job wanted. */
static unsigned int run_counting(struct scene *s)
{
	unsigned int most = 3;

	s->spec.pace.lanes_max = 8;
	s->spec.pace.huge_min = 16;
	s->spec.pace.huge_max = 16;
	s->on_move = cost_of_lanes;
	scene_job(s);
	ck_assert_uint_eq(job_lanes(s->job), most);
	while (scene_step(s, 0) != JOB_ENDED)
		if (job_lanes(s->job) > most)
			most = job_lanes(s->job);
	return most;
}

START_TEST(job_wants_as_many_lanes_as_make_it_faster)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 3 * GIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	s->spec.pace = pace_config_hurry();
	s->arg = 4;
	ck_assert_uint_eq(run_counting(s), 5);
	ck_assert_uint_eq(job_lanes(s->job), 4);
	scene_check_end(s);
	scene_destroy(s);
}
END_TEST

START_TEST(job_goes_back_to_one_lane_where_two_are_no_faster)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 3 * GIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	s->spec.pace = pace_config_hurry();
	s->arg = 1;
	ck_assert_uint_eq(run_counting(s), 4);
	ck_assert_uint_eq(job_lanes(s->job), 1);
	scene_check_end(s);
	scene_destroy(s);
}
END_TEST

/* With a pause after them that is as long as one of them asks for. */
START_TEST(job_with_pauses_makes_its_calls_side_by_side)
{
	struct scene *s = scene_create(kernels[_i]);
	uint64_t before_ns;

	scene_memory(s, 0, GIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	s->spec.pace = pace_config_gentle();
	s->spec.pace.lanes_max = 2;
	s->on_move = step_other_lane;
	scene_job(s);
	while (s->arg == 0)
		scene_step(s, 0);
	ck_assert_uint_eq(s->arg, 3); /* it was not told to wait */
	before_ns = scene_now_ns(s);
	ck_assert_int_eq(scene_step(s, 0), JOB_WAIT);
	ck_assert_uint_gt(s->wake_ns, before_ns);
	scene_run(s);
	scene_check_end(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	scene_destroy(s);
}
END_TEST

static void add_tests(TCase *tests)
{
	const TTest *const all[] = {
		lanes_move_all_once,
		lanes_retry_what_fails,
		lanes_make_wrong_guesses,
		room_that_one_lane_has_taken_is_not_free_for_the_other,
		guest_that_ends_stops_all_lanes,
		job_wants_as_many_lanes_as_make_it_faster,
		job_goes_back_to_one_lane_where_two_are_no_faster,
		job_with_pauses_makes_its_calls_side_by_side,
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		tcase_add_loop_test(tests, all[i], 0, KERNELS);
	tcase_set_timeout(tests, 60);
}

int main(void)
{
	return run_tests("move: lanes", add_tests);
}
