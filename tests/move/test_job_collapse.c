/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small pages that are made huge ones before they are moved. Where that does
 * not work they go as small pages, and the books have to be right.
 */
#include <errno.h>

#include "move/verdict.h"
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

START_TEST(without_free_blocks_at_home_it_is_given_up_in_time)
{
	struct scene *s = small_scene(kernels[_i], FAKE_ANON);

	s->nodes[0]->free_2m_blocks = 0;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(s->receipt.moved_bytes, 64 * MIB);
	ck_assert_uint_eq(fake_books(s->fake).collapsed, 0);
	ck_assert_uint_eq(collapse_calls(s), COLLAPSE_REFUSALS_MAX);
	scene_destroy(s);
}
END_TEST

/* The first n calls from nth on are answered so. */
static void refuse(struct scene *s, uint64_t nth, uint64_t n, int answer)
{
	for (uint64_t i = 0; i < n; i++)
		fake_fault(s->fake, FAKE_COLLAPSE, nth + i, answer);
}

/* All has gone, and all but so many blocks as huge pages. */
static void check_moved(struct scene *s, uint64_t refused)
{
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(s->receipt.moved_bytes, 64 * MIB);
	ck_assert_uint_eq(fake_books(s->fake).collapsed, 32 - refused);
}

START_TEST(refusal_of_one_block_is_that_blocks)
{
	static const int answers[] = { -EINVAL, -ENOMEM, -EAGAIN, -EBUSY };

	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		struct scene *s = small_scene(kernels[_i], FAKE_ANON);
		uint64_t n = COLLAPSE_REFUSALS_MAX - 1;

		refuse(s, 1, n, answers[i]);
		refuse(s, n + 2, n, answers[i]);
		scene_move(s);
		check_moved(s, 2 * n);
		ck_assert_uint_eq(collapse_calls(s), 32);
		scene_destroy(s);
	}
}
END_TEST

START_TEST(blocks_in_use_never_end_it)
{
	struct scene *s = small_scene(kernels[_i], FAKE_ANON);

	refuse(s, 1, 30, -EAGAIN);
	scene_move(s);
	check_moved(s, 30);
	scene_destroy(s);
}
END_TEST

START_TEST(kernel_without_it_is_believed_when_it_says_so_again)
{
	struct scene *s = small_scene(kernels[_i], FAKE_ANON);

	refuse(s, 1, 32, -EINVAL);
	scene_move(s);
	check_moved(s, 32);
	ck_assert_uint_eq(collapse_calls(s), COLLAPSE_REFUSALS_MAX);
	scene_destroy(s);

	s = small_scene(kernels[_i], FAKE_ANON);
	refuse(s, 1, 32, -ENOSYS);
	scene_move(s);
	check_moved(s, 32);
	ck_assert_uint_eq(collapse_calls(s), 1);
	scene_destroy(s);
}
END_TEST

/* The first page of a block speaks for it. */
START_TEST(pinned_first_page_keeps_only_itself_back)
{
	struct scene *s = small_scene(kernels[_i], FAKE_ANON);

	scene_folio(s, 32 * MIB)->pin_calls = FAKE_ALWAYS;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_PARTIAL);
	scene_check_residue(s, RESIDUE_PINNED, PAGE_4K_BYTES, RESIDUE_COUNT);
	ck_assert_uint_eq(scene_on(s, 1), 64 * MIB - PAGE_4K_BYTES);
	ck_assert_uint_eq(fake_books(s->fake).collapsed, 31);
	scene_destroy(s);
}
END_TEST

static void make_zeros(struct scene *s, uint64_t gpa, uint64_t pages)
{
	for (uint64_t i = 0; i < pages; i++)
		scene_folio(s, gpa + i * PAGE_4K_BYTES)->is_zero = true;
}

/* Its first and its last page are among them. */
START_TEST(block_with_pages_of_zeros_becomes_huge)
{
	struct scene *s = small_scene(kernels[_i], FAKE_ANON);

	make_zeros(s, 4 * MIB, 100);
	make_zeros(s, 6 * MIB - PAGE_4K_BYTES, 1);
	scene_move(s);
	check_moved(s, 0);
	scene_destroy(s);
}
END_TEST

START_TEST(block_with_pages_of_zeros_that_is_refused_goes_as_small_pages)
{
	struct scene *s = small_scene(kernels[_i], FAKE_ANON);

	make_zeros(s, 0, 100);
	make_zeros(s, 2 * MIB - PAGE_4K_BYTES, 1);
	refuse(s, 1, 1, -EAGAIN);
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	scene_check_residue(s, RESIDUE_ABSENT, 101 * PAGE_4K_BYTES,
			    RESIDUE_COUNT);
	ck_assert_uint_eq(fake_books(s->fake).collapsed, 31);
	scene_destroy(s);
}
END_TEST

/* Memory for so much that is only zeros is too dear, and a hole is none. */
START_TEST(block_of_zeros_or_with_a_hole_is_not_filled)
{
	struct scene *s = small_scene(kernels[_i], FAKE_ANON);

	make_zeros(s, 4 * MIB, 300);
	make_zeros(s, 8 * MIB, 10);
	scene_folio(s, 9 * MIB)->node = NODE_NONE;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	scene_check_residue(s, RESIDUE_ABSENT, 311 * PAGE_4K_BYTES,
			    RESIDUE_COUNT);
	ck_assert_uint_eq(fake_books(s->fake).collapsed, 30);
	scene_destroy(s);
}
END_TEST

START_TEST(without_free_blocks_on_the_target_they_go_as_small_pages)
{
	struct scene *s = small_scene(kernels[_i], FAKE_ANON);

	s->nodes[1]->free_2m_blocks = 0;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(s->receipt.moved_bytes, 64 * MIB);
	scene_check_residue(s, RESIDUE_COUNT);
	scene_destroy(s);
}
END_TEST

static void cancel_in_the_midst(struct scene *s, enum fake_op op)
{
	if (op == FAKE_COLLAPSE && ++s->arg == 5)
		job_cancel(s->job, "a test");
}

START_TEST(cancel_is_seen_between_two_blocks)
{
	struct scene *s = small_scene(kernels[_i], FAKE_ANON);

	s->spec.pace = pace_config_hurry();
	s->on_op = cancel_in_the_midst;
	scene_job(s);
	scene_run(s);
	ck_assert_int_eq(s->receipt.result, JOB_CANCELLED);
	ck_assert_uint_eq(collapse_calls(s), 5);
	ck_assert_uint_eq(fake_books(s->fake).collapsed, 5);
	ck_assert_uint_eq(s->receipt.calls, s->n_calls);
	ck_assert_uint_eq(s->receipt.moved_bytes, scene_on(s, 1));
	ck_assert_uint_le(scene_on(s, 1), 4 * PAGE_2M_BYTES);
	scene_check_residue(s, RESIDUE_UNTRIED,
			    WINDOW_BYTES_FIRST - scene_on(s, 1), RESIDUE_UNSEEN,
			    64 * MIB - WINDOW_BYTES_FIRST, RESIDUE_COUNT);
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
		without_free_blocks_at_home_it_is_given_up_in_time,
		refusal_of_one_block_is_that_blocks,
		blocks_in_use_never_end_it,
		kernel_without_it_is_believed_when_it_says_so_again,
		pinned_first_page_keeps_only_itself_back,
		block_with_pages_of_zeros_becomes_huge,
		block_with_pages_of_zeros_that_is_refused_goes_as_small_pages,
		block_of_zeros_or_with_a_hole_is_not_filled,
		without_free_blocks_on_the_target_they_go_as_small_pages,
		cancel_is_seen_between_two_blocks,
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
