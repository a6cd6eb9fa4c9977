/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small pages that are made huge ones before they are moved. Where that does
 * not work they go as small pages, and the books have to be right.
 */
#include "run.h"
#include "scene.h"

static const enum fake_kernel kernels[] = { FAKE_LINUX_6_1, FAKE_LINUX_6_12 };

#define KERNELS (int)(sizeof(kernels) / sizeof(*kernels))

/* 64 MiB of small pages on node 0. */
static struct scene *small_scene(enum fake_kernel kernel,
				 enum fake_backing backing)
{
	struct scene *s = scene_create(kernel);

	scene_memory(s, 0, 64 * MIB, PAGE_4K_BYTES, 0, backing, 0);
	s->spec.is_collapsing = true;
	return s;
}

static uint64_t collapse_calls(struct scene *s)
{
	return fake_books(s->fake).calls[FAKE_COLLAPSE];
}

START_TEST(small_pages_become_huge_and_move_by_one_address)
{
	struct scene *s = small_scene(kernels[_i], FAKE_ANON);

	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(s->receipt.moved_bytes, 64 * MIB);
	ck_assert_uint_eq(fake_books(s->fake).collapsed, 32);
	ck_assert_uint_eq(fake_books(s->fake).move_pages, 32);
	ck_assert_uint_eq(scene_folio(s, 0)->bytes, PAGE_2M_BYTES);
	scene_destroy(s);
}
END_TEST

START_TEST(without_the_right_they_go_as_small_pages)
{
	struct scene *s = small_scene(kernels[_i], FAKE_ANON);

	fake_set_sys_nice(s->fake, false);
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(s->receipt.moved_bytes, 64 * MIB);
	ck_assert_uint_eq(collapse_calls(s), 1);
	scene_destroy(s);
}
END_TEST

START_TEST(without_a_free_block_at_home_it_is_tried_once)
{
	struct scene *s = small_scene(kernels[_i], FAKE_ANON);

	s->nodes[0]->free_2m_blocks = 0;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(s->receipt.moved_bytes, 64 * MIB);
	ck_assert_uint_eq(fake_books(s->fake).collapsed, 0);
	ck_assert_uint_eq(collapse_calls(s), 1);
	scene_destroy(s);
}
END_TEST

START_TEST(pinned_page_keeps_only_itself_back)
{
	struct scene *s = small_scene(kernels[_i], FAKE_ANON);

	scene_folio(s, 33 * MIB)->pin_calls = FAKE_ALWAYS;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_PARTIAL);
	scene_check_residue(s, RESIDUE_PINNED, PAGE_4K_BYTES, RESIDUE_COUNT);
	ck_assert_uint_eq(scene_on(s, 1), 64 * MIB - PAGE_4K_BYTES);
	ck_assert_uint_eq(fake_books(s->fake).collapsed, 31);
	scene_destroy(s);
}
END_TEST

START_TEST(block_with_a_hole_is_not_filled)
{
	struct scene *s = small_scene(kernels[_i], FAKE_ANON);

	scene_folio(s, 5 * MIB)->node = NODE_NONE;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	scene_check_residue(s, RESIDUE_ABSENT, PAGE_4K_BYTES, RESIDUE_COUNT);
	ck_assert_uint_eq(fake_books(s->fake).collapsed, 31);
	scene_destroy(s);
}
END_TEST

START_TEST(shared_memory_stays_as_it_is)
{
	struct scene *s = small_scene(kernels[_i], FAKE_SHMEM);

	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(collapse_calls(s), 0);
	scene_destroy(s);
}
END_TEST

START_TEST(nobody_asked_for_it)
{
	struct scene *s = small_scene(kernels[_i], FAKE_ANON);

	s->spec.is_collapsing = false;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(collapse_calls(s), 0);
	scene_destroy(s);
}
END_TEST

static void add_tests(TCase *tests)
{
	const TTest *const all[] = {
		small_pages_become_huge_and_move_by_one_address,
		without_the_right_they_go_as_small_pages,
		without_a_free_block_at_home_it_is_tried_once,
		pinned_page_keeps_only_itself_back,
		block_with_a_hole_is_not_filled,
		shared_memory_stays_as_it_is,
		nobody_asked_for_it,
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		tcase_add_loop_test(tests, all[i], 0, KERNELS);
	tcase_set_timeout(tests, 60);
}

int main(void)
{
	return run_tests("move: small pages made huge", add_tests);
}
