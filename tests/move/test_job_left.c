/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that cannot be moved: everything else moves, the rest is tried again
 * as often as it makes sense and ends in its class.
 */
#include <string.h>

#include "run.h"
#include "scene.h"

static const enum fake_kernel kernels[] = { FAKE_LINUX_6_1, FAKE_LINUX_6_12 };

#define KERNELS (int)(sizeof(kernels) / sizeof(*kernels))

/* Moving calls that the same job takes without a fault. */
static size_t calls_without_fault(enum fake_kernel kernel, uint64_t folio_bytes,
				  uint64_t size_bytes)
{
	struct scene *s = scene_create(kernel);
	size_t n_calls;

	scene_memory(s, 0, size_bytes, folio_bytes, 0, FAKE_ANON, 0);
	scene_move(s);
	n_calls = s->n_calls;
	scene_destroy(s);
	return n_calls;
}

START_TEST(one_pinned_huge_page_of_a_gib_is_all_that_stays)
{
	size_t plain_calls =
		calls_without_fault(kernels[_i], PAGE_2M_BYTES, GIB);
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, GIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	scene_folio(s, 300 * MIB)->pin_calls = FAKE_ALWAYS;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_PARTIAL);
	scene_check_residue(s, RESIDUE_PINNED, PAGE_2M_BYTES, RESIDUE_COUNT);
	ck_assert_uint_eq(scene_on(s, 1), GIB - PAGE_2M_BYTES);
	ck_assert_uint_le(s->n_calls, plain_calls + 20);
	ck_assert_uint_le(fake_books(s->fake).failed_folios, 4);
	ck_assert_uint_ge(s->receipt.ended_ns - s->receipt.started_ns,
			  71 * NS_PER_S);
	ck_assert_uint_le(s->receipt.ended_ns - s->receipt.started_ns,
			  75 * NS_PER_S);
	ck_assert_uint_eq(job_ledger(s->job)->ranges[0].gpa.v, 300 * MIB);
	scene_destroy(s);
}
END_TEST

START_TEST(one_pinned_small_page_is_all_that_stays)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 64 * MIB, PAGE_4K_BYTES, 0, FAKE_ANON, 0);
	scene_folio(s, 33 * MIB)->pin_calls = FAKE_ALWAYS;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_PARTIAL);
	scene_check_residue(s, RESIDUE_PINNED, PAGE_4K_BYTES, RESIDUE_COUNT);
	ck_assert_uint_eq(scene_on(s, 1), 64 * MIB - PAGE_4K_BYTES);
	ck_assert_uint_le(fake_books(s->fake).failed_folios, 4);
	scene_destroy(s);
}
END_TEST

START_TEST(page_that_is_let_go_moves_after_all)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 64 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	scene_folio(s, 32 * MIB)->pin_calls = 3;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(s->receipt.moved_bytes, 64 * MIB);
	ck_assert_uint_eq(s->receipt.retried_bytes, 3 * PAGE_2M_BYTES);
	ck_assert_uint_ge(s->receipt.ended_ns - s->receipt.started_ns,
			  71 * NS_PER_S);
	scene_destroy(s);
}
END_TEST

START_TEST(guest_whose_memory_is_all_pinned_is_left_after_three_calls)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, GIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	for (uint64_t at = 0; at < GIB; at += PAGE_2M_BYTES)
		scene_folio(s, at)->pin_calls = FAKE_ALWAYS;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_PARTIAL);
	scene_check_residue(s, RESIDUE_PINNED, GIB, RESIDUE_COUNT);
	ck_assert_uint_eq(s->n_calls, 3);
	ck_assert_uint_gt(strlen(s->receipt.why.text), 0);
	scene_destroy(s);
}
END_TEST

START_TEST(pinned_memory_in_front_does_not_hide_what_moves)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 64 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	scene_memory(s, GIB, 512 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	for (uint64_t at = 0; at < 40 * MIB; at += PAGE_2M_BYTES)
		scene_folio(s, at)->pin_calls = FAKE_ALWAYS;
	scene_move(s);
	ck_assert_uint_eq(scene_on(s, 1), 536 * MIB);
	scene_check_residue(s, RESIDUE_PINNED, 40 * MIB, RESIDUE_COUNT);
	scene_destroy(s);
}
END_TEST

START_TEST(busy_page_moves_when_it_is_free_again)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 16 * MIB, PAGE_4K_BYTES, 0, FAKE_ANON, 0);
	scene_folio(s, 0)->busy_calls = 1;
	scene_folio(s, MIB)->busy_calls = 3;
	scene_folio(s, 16 * MIB - PAGE_4K_BYTES)->busy_calls = 5;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(s->receipt.moved_bytes, 16 * MIB);
	scene_destroy(s);
}
END_TEST

START_TEST(page_that_stays_busy_is_left_as_busy)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 16 * MIB, PAGE_4K_BYTES, 0, FAKE_ANON, 0);
	scene_folio(s, MIB)->busy_calls = FAKE_ALWAYS;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_PARTIAL);
	scene_check_residue(s, RESIDUE_BUSY, PAGE_4K_BYTES, RESIDUE_COUNT);
	ck_assert_uint_le(s->receipt.ended_ns - s->receipt.started_ns,
			  10 * NS_PER_S);
	scene_destroy(s);
}
END_TEST

START_TEST(busy_and_pinned_pages_side_by_side_end_in_their_classes)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 8 * MIB, PAGE_4K_BYTES, 0, FAKE_ANON, 0);
	for (uint64_t at = 0; at < MIB; at += 2 * PAGE_4K_BYTES) {
		scene_folio(s, at)->busy_calls = FAKE_ALWAYS;
		scene_folio(s, at + PAGE_4K_BYTES)->pin_calls = FAKE_ALWAYS;
	}
	scene_move(s);
	scene_check_residue(s, RESIDUE_BUSY, 512 * KIB, RESIDUE_PINNED,
			    512 * KIB, RESIDUE_COUNT);
	ck_assert_uint_eq(scene_on(s, 1), 7 * MIB);
	scene_destroy(s);
}
END_TEST

START_TEST(merged_pages_are_left_as_shared)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 16 * MIB, PAGE_4K_BYTES, 0, FAKE_ANON, 0);
	for (uint64_t at = 0; at < MIB; at += 16 * KIB)
		scene_folio(s, at)->is_ksm = true;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_PARTIAL);
	scene_check_residue(s, RESIDUE_SHARED, 256 * KIB, RESIDUE_COUNT);
	ck_assert_str_eq(s->receipt.why.text, "");
	ck_assert_uint_eq(fake_books(s->fake).move_all_calls, 0);
	ck_assert_uint_eq(scene_on(s, 1), 16 * MIB - 256 * KIB);
	scene_destroy(s);
}
END_TEST

START_TEST(without_the_right_to_move_all_only_shared_pages_stay)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 16 * MIB, PAGE_4K_BYTES, 0, FAKE_SHMEM, 0);
	scene_memory(s, GIB, 16 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	scene_folio(s, 8 * MIB)->is_shared = true;
	fake_set_sys_nice(s->fake, false);
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_PARTIAL);
	scene_check_residue(s, RESIDUE_SHARED, PAGE_4K_BYTES, RESIDUE_COUNT);
	ck_assert_ptr_nonnull(strstr(s->receipt.why.text, "CAP_SYS_NICE"));
	ck_assert_uint_eq(fake_books(s->fake).move_all_calls, 1);
	ck_assert_uint_eq(scene_on(s, 1), 32 * MIB - PAGE_4K_BYTES);
	scene_destroy(s);
}
END_TEST

START_TEST(file_memory_is_unmovable_and_not_asked_about)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 16 * MIB, PAGE_4K_BYTES, 0, FAKE_DISK, 0);
	scene_job(s);
	scene_run(s);
	ck_assert_int_eq(s->receipt.result, JOB_PARTIAL);
	scene_check_residue(s, RESIDUE_UNMOVABLE, 16 * MIB, RESIDUE_COUNT);
	ck_assert_uint_eq(fake_books(s->fake).where_pages, 0);
	scene_destroy(s);
}
END_TEST

START_TEST(page_on_a_node_beyond_all_nodes_counts_as_absent)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 4 * MIB, PAGE_4K_BYTES, 0, FAKE_ANON, 0);
	scene_folio(s, MIB)->node = 5000;
	scene_folio(s, 2 * MIB)->node = 64;
	scene_job(s);
	scene_run(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	scene_check_residue(s, RESIDUE_ABSENT, 2 * PAGE_4K_BYTES,
			    RESIDUE_COUNT);
	scene_destroy(s);
}
END_TEST

START_TEST(positive_answer_with_stale_statuses_is_not_believed)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 64 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	fake_fault(s->fake, FAKE_PAGES_MOVE, 1, 7);
	fake_fault(s->fake, FAKE_PAGES_MOVE, 2, 100000);
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(s->receipt.moved_bytes, 64 * MIB);
	scene_destroy(s);
}
END_TEST

/* Another mover has left the page that was pinned where it shall be. */
static void unpin_and_move(struct scene *s, enum fake_op op)
{
	struct fake_folio *folio;

	if (op != FAKE_IS_ALIVE || s->receipt.residue_bytes[RESIDUE_BUSY] ||
	    s->receipt.residue_bytes[RESIDUE_PINNED] == 0)
		return;
	folio = scene_folio(s, 32 * MIB);
	folio->pin_calls = 0;
	folio->node = 1;
}

START_TEST(ledger_forgets_what_others_have_brought_home)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 64 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	scene_folio(s, 32 * MIB)->pin_calls = FAKE_ALWAYS;
	s->on_op = unpin_and_move;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(job_ledger(s->job)->n_ranges, 0);
	scene_destroy(s);
}
END_TEST

static void add_tests(TCase *tests)
{
	const TTest *const all[] = {
		one_pinned_huge_page_of_a_gib_is_all_that_stays,
		one_pinned_small_page_is_all_that_stays,
		page_that_is_let_go_moves_after_all,
		guest_whose_memory_is_all_pinned_is_left_after_three_calls,
		pinned_memory_in_front_does_not_hide_what_moves,
		busy_page_moves_when_it_is_free_again,
		page_that_stays_busy_is_left_as_busy,
		busy_and_pinned_pages_side_by_side_end_in_their_classes,
		merged_pages_are_left_as_shared,
		without_the_right_to_move_all_only_shared_pages_stay,
		file_memory_is_unmovable_and_not_asked_about,
		page_on_a_node_beyond_all_nodes_counts_as_absent,
		positive_answer_with_stale_statuses_is_not_believed,
		ledger_forgets_what_others_have_brought_home,
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		tcase_add_loop_test(tests, all[i], 0, KERNELS);
	tcase_set_timeout(tests, 60);
}

int main(void)
{
	return run_tests("move: what stays behind", add_tests);
}
