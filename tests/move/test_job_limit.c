/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs of which only so many bytes are wanted: when these have gone the job is
 * done, and what it was not to take is not left behind. scene.c checks after
 * every step that the receipt's parts make the scope.
 */
#include "run.h"
#include "scene.h"

static const enum fake_kernel kernels[] = { FAKE_LINUX_6_1, FAKE_LINUX_6_12 };

#define KERNELS (int)(sizeof(kernels) / sizeof(*kernels))

/* 256 MiB on node 0, of which only some are to go to node 1. */
static struct scene *limited_scene(enum fake_kernel kernel,
				   uint64_t folio_bytes, uint64_t bytes)
{
	struct scene *s = scene_create(kernel);

	scene_memory(s, 0, 256 * MIB, folio_bytes, 0, FAKE_ANON, 0);
	s->routes[0].bytes = bytes;
	s->spec.planned_bytes = bytes;
	return s;
}

static void check_done(struct scene *s, uint64_t moved_bytes)
{
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(s->receipt.planned_bytes, s->routes[0].bytes);
	ck_assert_uint_eq(s->receipt.moved_bytes, moved_bytes);
	ck_assert_uint_eq(s->receipt.already_bytes, 256 * MIB - moved_bytes);
	ck_assert_uint_eq(scene_on(s, 1), moved_bytes);
	scene_check_residue(s, RESIDUE_COUNT);
}

START_TEST(so_much_goes_and_the_rest_is_not_left_behind)
{
	static const uint64_t folio_bytes[] = { PAGE_2M_BYTES, PAGE_4K_BYTES };

	for (size_t i = 0; i < 2; i++) {
		struct scene *s =
			limited_scene(kernels[_i], folio_bytes[i], 60 * MIB);

		scene_move(s);
		check_done(s, 60 * MIB);
		scene_destroy(s);
	}
}
END_TEST

START_TEST(last_page_goes_whole)
{
	struct scene *s =
		limited_scene(kernels[_i], PAGE_2M_BYTES, 60 * MIB + 1);

	scene_move(s);
	check_done(s, 62 * MIB);
	scene_destroy(s);
}
END_TEST

START_TEST(two_limits_on_one_node_are_kept_apart)
{
	struct scene *s = limited_scene(kernels[_i], PAGE_2M_BYTES, 60 * MIB);

	s->cells[0].home.bits = ~1ull;
	s->routes[1] =
		(struct job_route) { .from = 0, .to = 2, .bytes = 30 * MIB };
	s->spec.n_routes = 2;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(s->receipt.moved_bytes, 90 * MIB);
	ck_assert_uint_eq(scene_on(s, 0), 166 * MIB);
	ck_assert_uint_eq(scene_on(s, 1), 60 * MIB);
	ck_assert_uint_eq(scene_on(s, 2), 30 * MIB);
	scene_destroy(s);
}
END_TEST

/* All of node 3 goes, and only some of node 0. */
START_TEST(limit_holds_beside_a_way_for_all_of_another_node)
{
	struct scene *s = limited_scene(kernels[_i], PAGE_2M_BYTES, 60 * MIB);

	for (uint64_t at = 0; at < 64 * MIB; at += PAGE_2M_BYTES)
		scene_folio(s, at)->node = 3;
	s->routes[1] =
		(struct job_route) { .from = 3, .to = 1, .bytes = UINT64_MAX };
	s->spec.n_routes = 2;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(scene_on(s, 0), 132 * MIB);
	ck_assert_uint_eq(scene_on(s, 1), 124 * MIB);
	ck_assert_uint_eq(scene_on(s, 3), 0);
	scene_destroy(s);
}
END_TEST

START_TEST(page_that_is_pinned_is_made_up_for_by_another)
{
	struct scene *s = limited_scene(kernels[_i], PAGE_2M_BYTES, 60 * MIB);

	scene_folio(s, 8 * MIB)->pin_calls = FAKE_ALWAYS;
	scene_folio(s, 40 * MIB)->pin_calls = FAKE_ALWAYS;
	scene_move(s);
	check_done(s, 60 * MIB);
	ck_assert_int_eq(scene_folio(s, 8 * MIB)->node, 0);
	ck_assert_uint_eq(job_ledger(s->job)->n_ranges, 0);
	scene_destroy(s);
}
END_TEST

START_TEST(without_others_the_pinned_page_is_left_behind)
{
	struct scene *s = limited_scene(kernels[_i], PAGE_2M_BYTES, 256 * MIB);

	scene_folio(s, 8 * MIB)->pin_calls = FAKE_ALWAYS;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_PARTIAL);
	scene_check_residue(s, RESIDUE_PINNED, PAGE_2M_BYTES, RESIDUE_COUNT);
	scene_destroy(s);
}
END_TEST

/* Not the 216 MiB that stay, but what is missing of the 60. */
START_TEST(full_target_leaves_no_more_than_was_wanted)
{
	struct scene *s = limited_scene(kernels[_i], PAGE_2M_BYTES, 60 * MIB);

	s->nodes[1]->free_bytes = 40 * MIB;
	s->nodes[1]->free_2m_blocks = 40 * MIB / PAGE_2M_BYTES;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_PARTIAL);
	ck_assert_uint_eq(s->receipt.moved_bytes, scene_on(s, 1));
	ck_assert_uint_gt(scene_on(s, 1), 0);
	scene_check_residue(s, RESIDUE_NOMEM, 60 * MIB - scene_on(s, 1),
			    RESIDUE_COUNT);
	scene_destroy(s);
}
END_TEST

/* What can never go was not wanted as long as enough of the rest goes. */
START_TEST(file_beside_enough_other_memory_is_not_left_behind)
{
	struct scene *s = limited_scene(kernels[_i], PAGE_2M_BYTES, 60 * MIB);

	scene_memory(s, GIB, 16 * MIB, PAGE_4K_BYTES, 0, FAKE_DISK, 0);
	scene_job(s);
	scene_run(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(s->receipt.moved_bytes, 60 * MIB);
	scene_check_residue(s, RESIDUE_COUNT);
	scene_destroy(s);
}
END_TEST

/* A hugetlb guest with video memory, and pages of its pool are wanted. */
START_TEST(only_pages_of_the_wanted_size_go)
{
	struct scene *s = scene_create(kernels[_i]);

	s->nodes[1]->pool_2m = s->nodes[1]->pool_2m_free = 100;
	scene_memory(s, 0, 16 * MIB, PAGE_4K_BYTES, 0, FAKE_ANON, 0);
	scene_memory(s, GIB, 256 * MIB, PAGE_2M_BYTES, 0, FAKE_HUGETLB, 0);
	s->routes[0].bytes = 60 * MIB;
	s->routes[0].page_bytes = PAGE_2M_BYTES;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(s->receipt.moved_bytes, 60 * MIB);
	ck_assert_uint_eq(s->nodes[1]->pool_2m_free, 70);
	ck_assert_int_eq(scene_folio(s, 0)->node, 0);
	scene_check_residue(s, RESIDUE_COUNT);
	scene_destroy(s);
}
END_TEST

/* Most of the guest was not looked at: that is not left behind, and what was
 * wanted and has not gone is. */
START_TEST(cancelled_in_its_first_pass_it_leaves_what_is_missing_of_the_plan)
{
	struct scene *s = limited_scene(kernels[_i], PAGE_2M_BYTES, 60 * MIB);
	const uint64_t *residue = s->receipt.residue_bytes;

	scene_job(s);
	while (s->receipt.moved_bytes == 0)
		scene_step(s, 0);
	ck_assert_uint_eq(residue[RESIDUE_UNSEEN],
			  256 * MIB - WINDOW_BYTES_FIRST);
	job_cancel(s->job, "enough");
	ck_assert_int_eq(scene_step(s, 0), JOB_ENDED);
	ck_assert_int_eq(s->receipt.result, JOB_CANCELLED);
	ck_assert_uint_gt(s->receipt.moved_bytes, 0);
	ck_assert_uint_eq(receipt_left_bytes(&s->receipt),
			  60 * MIB - s->receipt.moved_bytes);
	scene_check_residue(
		s, RESIDUE_UNTRIED, WINDOW_BYTES_FIRST - s->receipt.moved_bytes,
		RESIDUE_UNSEEN, 256 * MIB - WINDOW_BYTES_FIRST, RESIDUE_COUNT);
	scene_destroy(s);
}
END_TEST

/* The same when the guest ends: what it had there nobody knows. */
START_TEST(guest_that_ends_in_the_first_pass_has_no_more_left_than_was_wanted)
{
	struct scene *s = limited_scene(kernels[_i], PAGE_2M_BYTES, 60 * MIB);

	scene_job(s);
	while (s->receipt.moved_bytes == 0)
		scene_step(s, 0);
	scene_kill(s);
	ck_assert_int_eq(scene_step(s, 0), JOB_ENDED);
	ck_assert_int_eq(s->receipt.result, JOB_FAILED);
	ck_assert_uint_eq(receipt_left_bytes(&s->receipt),
			  60 * MIB - s->receipt.moved_bytes);
	scene_check_residue(s, RESIDUE_GONE, 60 * MIB - s->receipt.moved_bytes,
			    RESIDUE_UNSEEN, 196 * MIB, RESIDUE_COUNT);
	scene_destroy(s);
}
END_TEST

static void add_tests(TCase *tests)
{
	const TTest *const all[] = {
		so_much_goes_and_the_rest_is_not_left_behind,
		last_page_goes_whole,
		two_limits_on_one_node_are_kept_apart,
		limit_holds_beside_a_way_for_all_of_another_node,
		page_that_is_pinned_is_made_up_for_by_another,
		without_others_the_pinned_page_is_left_behind,
		full_target_leaves_no_more_than_was_wanted,
		file_beside_enough_other_memory_is_not_left_behind,
		only_pages_of_the_wanted_size_go,
		cancelled_in_its_first_pass_it_leaves_what_is_missing_of_the_plan,
		guest_that_ends_in_the_first_pass_has_no_more_left_than_was_wanted,
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		tcase_add_loop_test(tests, all[i], 0, KERNELS);
	tcase_set_timeout(tests, 60);
}

int main(void)
{
	return run_tests("move: jobs with a limit", add_tests);
}
