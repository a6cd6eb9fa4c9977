/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Without the right to pagemap a job takes whole blocks for huge pages and
 * finds out by moving them. Whatever the guess, the same memory has to move and
 * the books have to be right.
 */
#include "run.h"
#include "scene.h"

static const enum fake_kernel kernels[] = { FAKE_LINUX_6_1, FAKE_LINUX_6_12 };

#define KERNELS (int)(sizeof(kernels) / sizeof(*kernels))

static struct scene *blind_scene(enum fake_kernel kernel)
{
	struct scene *s = scene_create(kernel);

	fake_set_pagemap_rights(s->fake, false);
	return s;
}

START_TEST(right_guess_moves_huge_pages_by_one_address)
{
	struct scene *s = blind_scene(kernels[_i]);

	scene_memory(s, 0, 256 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(s->receipt.moved_bytes, 256 * MIB);
	ck_assert_uint_eq(fake_books(s->fake).move_pages, 128);
	scene_destroy(s);
}
END_TEST

START_TEST(wrong_guess_is_made_once_and_all_moves)
{
	struct scene *s = blind_scene(kernels[_i]);

	scene_memory(s, 0, 256 * MIB, PAGE_4K_BYTES, 0, FAKE_ANON, 0);
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(s->receipt.moved_bytes, 256 * MIB);
	ck_assert_uint_eq(fake_books(s->fake).move_pages, 65536);
	scene_destroy(s);
}
END_TEST

START_TEST(mixed_memory_moves)
{
	struct scene *s = blind_scene(kernels[_i]);

	scene_memory(s, 0, 64 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	scene_memory(s, GIB, 16 * MIB, PAGE_4K_BYTES, 0, FAKE_ANON, 0);
	scene_memory(s, 2 * GIB, 64 * MIB, PAGE_2M_BYTES, 0, FAKE_SHMEM, 0);
	scene_folio(s, GIB + 4 * MIB)->node = NODE_NONE;
	scene_folio(s, GIB + 6 * MIB)->node = 2;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(scene_on(s, 1), 144 * MIB - PAGE_4K_BYTES);
	scene_destroy(s);
}
END_TEST

START_TEST(pinned_first_page_of_a_block_does_not_hold_its_neighbours)
{
	struct scene *s = blind_scene(kernels[_i]);

	scene_memory(s, 0, 16 * MIB, PAGE_4K_BYTES, 0, FAKE_ANON, 0);
	scene_folio(s, 0)->pin_calls = FAKE_ALWAYS;
	scene_move(s);
	scene_check_residue(s, RESIDUE_PINNED, PAGE_4K_BYTES, RESIDUE_COUNT);
	ck_assert_uint_eq(scene_on(s, 1), 16 * MIB - PAGE_4K_BYTES);
	scene_destroy(s);
}
END_TEST

START_TEST(merged_first_page_of_a_block_does_not_hold_its_neighbours)
{
	struct scene *s = blind_scene(kernels[_i]);

	scene_memory(s, 0, 16 * MIB, PAGE_4K_BYTES, 0, FAKE_ANON, 0);
	scene_folio(s, 0)->is_ksm = true;
	scene_move(s);
	scene_check_residue(s, RESIDUE_SHARED, PAGE_4K_BYTES, RESIDUE_COUNT);
	ck_assert_uint_eq(scene_on(s, 1), 16 * MIB - PAGE_4K_BYTES);
	scene_destroy(s);
}
END_TEST

/* The guest's balloon takes the page between the scan and the call. */
static void take_first_page(struct scene *s, enum fake_op op)
{
	if (op == FAKE_PAGES_MOVE && s->n_calls == 1)
		scene_folio(s, 0)->node = NODE_NONE;
}

START_TEST(first_page_that_vanishes_does_not_hide_its_neighbours)
{
	struct scene *s = blind_scene(kernels[_i]);

	scene_memory(s, 0, 16 * MIB, PAGE_4K_BYTES, 0, FAKE_ANON, 0);
	s->on_op = take_first_page;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	scene_check_residue(s, RESIDUE_ABSENT, PAGE_4K_BYTES, RESIDUE_COUNT);
	ck_assert_uint_eq(scene_on(s, 1), 16 * MIB - PAGE_4K_BYTES);
	scene_destroy(s);
}
END_TEST

START_TEST(pinned_huge_page_stays_whole)
{
	struct scene *s = blind_scene(kernels[_i]);

	scene_memory(s, 0, 64 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	scene_folio(s, 32 * MIB)->pin_calls = FAKE_ALWAYS;
	scene_move(s);
	scene_check_residue(s, RESIDUE_PINNED, PAGE_2M_BYTES, RESIDUE_COUNT);
	ck_assert_uint_eq(scene_on(s, 1), 62 * MIB);
	ck_assert_uint_le(fake_books(s->fake).failed_folios, 8);
	ck_assert_uint_eq(fake_books(s->fake).thp_splits, 0);
	scene_destroy(s);
}
END_TEST

START_TEST(pinned_pages_inside_blocks_are_all_that_stays)
{
	struct scene *s = blind_scene(kernels[_i]);

	scene_memory(s, 0, 32 * MIB, PAGE_4K_BYTES, 0, FAKE_ANON, 0);
	for (uint64_t at = MIB; at < 32 * MIB; at += 4 * MIB)
		scene_folio(s, at)->pin_calls = FAKE_ALWAYS;
	scene_move(s);
	scene_check_residue(s, RESIDUE_PINNED, 8 * PAGE_4K_BYTES,
			    RESIDUE_COUNT);
	scene_destroy(s);
}
END_TEST

START_TEST(huge_pages_without_blocks_on_the_target_are_not_split)
{
	struct scene *s = blind_scene(kernels[_i]);

	scene_memory(s, 0, 64 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	s->nodes[1]->free_2m_blocks = 0;
	scene_move(s);
	scene_check_residue(s, RESIDUE_NOMEM, 64 * MIB, RESIDUE_COUNT);
	ck_assert_uint_eq(fake_books(s->fake).thp_splits, 0);
	scene_destroy(s);
}
END_TEST

START_TEST(hurried_job_with_many_wrong_guesses_moves_all)
{
	struct scene *s = blind_scene(kernels[_i]);

	scene_memory(s, 0, 512 * MIB, PAGE_4K_BYTES, 0, FAKE_ANON, 0);
	s->spec.pace = pace_config_hurry();
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(s->receipt.moved_bytes, 512 * MIB);
	scene_destroy(s);
}
END_TEST

static void add_tests(TCase *tests)
{
	const TTest *const all[] = {
		right_guess_moves_huge_pages_by_one_address,
		wrong_guess_is_made_once_and_all_moves,
		mixed_memory_moves,
		pinned_first_page_of_a_block_does_not_hold_its_neighbours,
		merged_first_page_of_a_block_does_not_hold_its_neighbours,
		first_page_that_vanishes_does_not_hide_its_neighbours,
		pinned_huge_page_stays_whole,
		pinned_pages_inside_blocks_are_all_that_stays,
		huge_pages_without_blocks_on_the_target_are_not_split,
		hurried_job_with_many_wrong_guesses_moves_all,
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		tcase_add_loop_test(tests, all[i], 0, KERNELS);
	tcase_set_timeout(tests, 60);
}

int main(void)
{
	return run_tests("move: without the right to pagemap", add_tests);
}
