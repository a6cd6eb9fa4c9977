/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that is plugged in and out while a job works: at every step of it. The
 * door of the scene sees that nothing outside of the newest map is touched.
 */
#include <string.h>

#include "run.h"
#include "scene.h"

#define STEPS_CUT 40
#define DIMM_GPA  (4 * GIB)

/* 64 MiB that stay, and 64 MiB above 4 GiB that do not. */
static struct scene *dimm_scene(void)
{
	struct scene *s = scene_create(FAKE_LINUX_6_12);

	scene_memory(s, 0, 64 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	scene_memory(s, DIMM_GPA, 62 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	scene_memory(s, DIMM_GPA + 62 * MIB, 2 * MIB, PAGE_4K_BYTES, 0,
		     FAKE_ANON, 0);
	return s;
}

static void run_steps(struct scene *s, int n)
{
	for (int i = 0; i < n; i++) {
		uint64_t now_ns = scene_now_ns(s);

		if (scene_step(s, 0) == JOB_WAIT && s->wake_ns > now_ns)
			fake_advance_ns(s->fake, s->wake_ns - now_ns);
	}
}

/* The regions have changed: the daemon looks, and tells the job. */
static void map_anew(struct scene *s)
{
	guest_map_unref(s->map);
	s->map = NULL;
	scene_build_map(s);
	job_set_map(s->job, s->map);
}

static void unplug(struct scene *s)
{
	fake_unmap(s->fake, PID, BASE + DIMM_GPA);
	fake_unmap(s->fake, PID, BASE + DIMM_GPA + 62 * MIB);
	s->n_regions = 1;
	map_anew(s);
}

START_TEST(memory_that_is_gone_is_never_touched_again)
{
	struct scene *s = dimm_scene();

	scene_folio(s, DIMM_GPA)->pin_calls = FAKE_ALWAYS;
	scene_folio(s, DIMM_GPA + 62 * MIB)->busy_calls = FAKE_ALWAYS;
	scene_job(s);
	run_steps(s, _i);
	if (s->turn != JOB_ENDED) {
		unplug(s);
		scene_run(s);
		scene_check_end(s);
		ck_assert_int_eq(s->receipt.result, JOB_DONE);
		ck_assert_uint_eq(s->receipt.scope_bytes, 64 * MIB);
		ck_assert_uint_eq(scene_on(s, 1), 64 * MIB);
		ck_assert_uint_eq(job_ledger(s->job)->n_ranges, 0);
	}
	scene_destroy(s);
}
END_TEST

START_TEST(memory_that_comes_goes_the_way_of_the_rest)
{
	struct scene *s = dimm_scene();

	scene_job(s);
	run_steps(s, _i);
	if (s->turn != JOB_ENDED) {
		scene_memory(s, 8 * GIB, 32 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON,
			     0);
		map_anew(s);
		scene_run(s);
		scene_check_end(s);
		ck_assert_int_eq(s->receipt.result, JOB_DONE);
		ck_assert_uint_eq(s->receipt.moved_bytes, 160 * MIB);
	}
	scene_destroy(s);
}
END_TEST

/* Another DIMM in the same slot: what was known of the old one says nothing. */
START_TEST(memory_in_place_of_other_memory_is_tried)
{
	struct scene *s = dimm_scene();

	scene_folio(s, DIMM_GPA)->pin_calls = FAKE_ALWAYS;
	s->spec.pace = pace_config_hurry();
	scene_job(s);
	run_steps(s, _i);
	if (s->turn != JOB_ENDED) {
		unplug(s);
		scene_memory(s, DIMM_GPA, 32 * MIB, PAGE_2M_BYTES, 0,
			     FAKE_SHMEM, 0);
		map_anew(s);
		scene_run(s);
		scene_check_end(s);
		ck_assert_int_eq(s->receipt.result, JOB_DONE);
		ck_assert_uint_eq(scene_on(s, 1), 96 * MIB);
	}
	scene_destroy(s);
}
END_TEST

/* The guest is looked at each second while it is moved. */
START_TEST(same_map_again_changes_nothing)
{
	struct scene *s = dimm_scene();
	uint64_t steps;

	scene_move(s);
	steps = s->steps;
	scene_destroy(s);
	s = dimm_scene();
	scene_job(s);
	while (s->turn != JOB_ENDED) {
		map_anew(s);
		run_steps(s, 1);
	}
	ck_assert_uint_eq(s->steps, steps - 1); /* scene_run() adds one */
	scene_check_end(s);
	scene_destroy(s);
}
END_TEST

/* While lane 0 makes its call the map changes and lane 1 comes by. */
static void change_in_call(struct scene *s, enum fake_op op)
{
	s->on_move = NULL;
	s->n_regions = 1;
	map_anew(s);
	ck_assert_int_eq(scene_step(s, 1), JOB_WAIT);
	ck_assert_uint_gt(s->wake_ns, 0);
	ck_assert_uint_eq(s->n_calls, 1);
}

START_TEST(calls_under_way_end_with_the_map_they_began_with)
{
	struct scene *s = dimm_scene();

	s->spec.pace.lanes_max = 2;
	scene_job(s);
	s->on_move = change_in_call;
	run_steps(s, 3);
	ck_assert_ptr_null(s->on_move);
	scene_run(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(s->receipt.scope_bytes, 64 * MIB);
	scene_destroy(s);
}
END_TEST

START_TEST(cancelled_before_it_is_taken_the_map_is_let_go)
{
	struct scene *s = dimm_scene();

	scene_job(s);
	run_steps(s, 5);
	unplug(s);
	job_cancel(s->job, "enough");
	ck_assert_int_eq(scene_step(s, 0), JOB_ENDED);
	ck_assert_uint_eq(s->receipt.scope_bytes, 128 * MIB);
	scene_destroy(s);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, memory_that_is_gone_is_never_touched_again,
			    0, STEPS_CUT);
	tcase_add_loop_test(tests, memory_that_comes_goes_the_way_of_the_rest,
			    0, STEPS_CUT);
	tcase_add_loop_test(tests, memory_in_place_of_other_memory_is_tried, 0,
			    STEPS_CUT);
	tcase_add_test(tests, same_map_again_changes_nothing);
	tcase_add_test(tests, calls_under_way_end_with_the_map_they_began_with);
	tcase_add_test(tests, cancelled_before_it_is_taken_the_map_is_let_go);
}

int main(void)
{
	return run_tests("move: memory plugged while it is moved", add_tests);
}
