/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Huge pages that a call has split are made whole again at the end of the job:
 * those that are all there, on one node, where a 2 MiB block is free. Whatever
 * the kernel says of it, the job's own result stays.
 */
#include <errno.h>

#include "move/verdict.h"
#include "run.h"
#include "scene.h"

#define BLOCKS       16
#define MEMORY_BYTES (BLOCKS * PAGE_2M_BYTES)
#define BLOCKS_FREE  1000 /* as the gate sees it: more than there are */

/* Somebody takes all but two free blocks of the target between our look and our
 * call; arg is what there is again after it. */
static void steal_blocks(struct scene *s, enum fake_op op)
{
	if (op == FAKE_PAGES_MOVE && s->n_calls == 1)
		s->nodes[1]->free_2m_blocks = 2;
	else if (op == FAKE_READ_FILE)
		s->nodes[1]->free_2m_blocks = s->n_calls ? s->arg : BLOCKS_FREE;
}

/* Somebody takes all of them before the second call, which has the whole second
 * window. */
static void steal_all_blocks(struct scene *s, enum fake_op op)
{
	if (op == FAKE_PAGES_MOVE && s->n_calls == 2)
		s->nodes[1]->free_2m_blocks = 0;
	else if (op == FAKE_READ_FILE)
		s->nodes[1]->free_2m_blocks = BLOCKS_FREE;
}

/* Two huge pages of a call find a free block, the others are split. */
static struct scene *split_scene(void)
{
	struct scene *s = scene_create(FAKE_LINUX_6_12);

	scene_memory(s, 0, MEMORY_BYTES, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	s->arg = BLOCKS_FREE;
	s->on_op = steal_blocks;
	return s;
}

static uint64_t count_huge(struct scene *s)
{
	uint64_t n = 0;

	for (uint64_t at = 0; at < MEMORY_BYTES; at += PAGE_2M_BYTES)
		n += scene_folio(s, at)->bytes == PAGE_2M_BYTES;
	return n;
}

/* Steps until it repairs, or has ended. */
static void run_to_repair(struct scene *s)
{
	scene_job(s);
	while (scene_step(s, 0) != JOB_ENDED &&
	       s->receipt.phase != PHASE_REPAIR)
		if (s->turn == JOB_WAIT && s->wake_ns > scene_now_ns(s))
			fake_advance_ns(s->fake, s->wake_ns - scene_now_ns(s));
}

static uint64_t collapses(struct scene *s)
{
	return fake_books(s->fake).calls[FAKE_COLLAPSE];
}

START_TEST(split_pages_are_rebuilt)
{
	struct scene *s = split_scene();

	scene_move(s);
	ck_assert_uint_gt(s->receipt.thp_splits, 0);
	ck_assert_uint_eq(s->receipt.thp_splits,
			  fake_books(s->fake).thp_splits);
	ck_assert_uint_eq(s->receipt.thp_repaired, s->receipt.thp_splits);
	ck_assert_uint_eq(fake_books(s->fake).collapsed,
			  s->receipt.thp_repaired);
	ck_assert_uint_eq(count_huge(s), BLOCKS);
	ck_assert_uint_gt(scene_on(s, 1), 0);
	scene_destroy(s);
}
END_TEST

START_TEST(what_khugepaged_has_rebuilt_is_left_alone_and_counted)
{
	struct scene *s = split_scene();
	uint64_t all;

	run_to_repair(s);
	ck_assert_uint_lt(count_huge(s), BLOCKS);
	for (uint64_t at = 0; at < MEMORY_BYTES; at += PAGE_2M_BYTES)
		if (scene_folio(s, at)->bytes != PAGE_2M_BYTES)
			s->sys.ops->collapse(
				s->sys.self, s->spec.identity.pidfd,
				(struct hva) { BASE + at }, PAGE_2M_BYTES);
	all = collapses(s);
	scene_run(s);
	ck_assert_uint_eq(collapses(s), all);
	ck_assert_uint_eq(s->receipt.thp_repaired, s->receipt.thp_splits);
	scene_destroy(s);
}
END_TEST

/* The target has room for half of the pieces, too, until the call is over. */
static void steal_blocks_and_room(struct scene *s, enum fake_op op)
{
	if (op == FAKE_PAGES_MOVE && s->n_calls == 1)
		s->nodes[1]->free_bytes = 5 * MIB;
	else if (op == FAKE_READ_FILE)
		s->nodes[1]->free_bytes = 4 * GIB;
	steal_blocks(s, op);
}

START_TEST(pieces_that_stayed_behind_follow_before_they_are_rebuilt)
{
	struct scene *s = split_scene();

	s->on_op = steal_blocks_and_room;
	scene_move(s);
	ck_assert_uint_gt(s->receipt.thp_splits, 1);
	ck_assert_uint_eq(s->receipt.thp_repaired, s->receipt.thp_splits);
	ck_assert_uint_eq(count_huge(s), BLOCKS);
	/* those of the call; no more huge pages were to follow */
	ck_assert_uint_eq(scene_on(s, 1), 10 * MIB);
	scene_destroy(s);
}
END_TEST

START_TEST(clean_answer_does_not_hide_that_pages_were_split)
{
	struct scene *s = split_scene();
	uint64_t splits;

	scene_job(s);
	while (s->n_calls < 1)
		scene_step(s, 0);
	/* all pieces have moved, and no more huge pages follow */
	splits = fake_books(s->fake).thp_splits;
	ck_assert_uint_gt(splits, 0);
	ck_assert_uint_eq(s->receipt.thp_splits, splits);
	scene_run(s);
	ck_assert_uint_eq(fake_books(s->fake).thp_splits, splits);
	ck_assert_int_eq(s->receipt.result, JOB_PARTIAL);
	scene_destroy(s);
}
END_TEST

START_TEST(splits_of_others_do_not_close_the_target)
{
	struct scene *s = scene_create(FAKE_LINUX_6_12);

	scene_memory(s, 0, MEMORY_BYTES, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	scene_job(s);
	while (s->n_calls < 1)
		scene_step(s, 0);
	fake_region(s->fake, PID, 4 * TIB, PAGE_2M_BYTES, PAGE_2M_BYTES, 0,
		    FAKE_ANON);
	s->nodes[2]->free_bytes = 0;
	s->nodes[2]->free_2m_blocks = 0;
	ck_assert_int_eq(s->pass.inner.ops->pages_move(
				 s->pass.inner.self, PID,
				 &(struct hva) { 4 * TIB }, &(int) { 2 }, 1,
				 false, &(int) { 0 }),
			 1);
	ck_assert_uint_eq(fake_books(s->fake).thp_splits, 1);
	scene_run(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(s->receipt.thp_splits, 0);
	ck_assert_uint_eq(collapses(s), 0);
	scene_destroy(s);
}
END_TEST

START_TEST(pages_with_holes_are_left_in_pieces)
{
	struct scene *s = split_scene();
	uint64_t holes = 0;

	run_to_repair(s);
	ck_assert_int_eq(s->receipt.phase, PHASE_REPAIR);
	for (uint64_t at = 0; at < MEMORY_BYTES; at += PAGE_2M_BYTES) {
		if (scene_folio(s, at)->bytes == PAGE_2M_BYTES)
			continue;
		scene_folio(s, at + MIB)->node = NODE_NONE;
		holes++;
	}
	ck_assert_uint_gt(holes, 0);
	scene_run(s);
	ck_assert_uint_eq(count_huge(s), BLOCKS - holes);
	ck_assert_uint_eq(s->receipt.thp_repaired,
			  s->receipt.thp_splits - holes);
	scene_destroy(s);
}
END_TEST

START_TEST(pages_of_zeros_are_no_holes)
{
	struct scene *s = split_scene();
	uint64_t zeros = 0;

	run_to_repair(s);
	for (uint64_t at = 0; at < MEMORY_BYTES; at += PAGE_2M_BYTES) {
		if (scene_folio(s, at)->bytes == PAGE_2M_BYTES)
			continue;
		scene_folio(s, at + MIB)->is_zero = true;
		zeros++;
	}
	ck_assert_uint_gt(zeros, 0);
	scene_run(s);
	ck_assert_uint_eq(count_huge(s), BLOCKS);
	ck_assert_uint_eq(s->receipt.thp_repaired, s->receipt.thp_splits);
	scene_destroy(s);
}
END_TEST

START_TEST(pages_on_two_nodes_are_left_in_pieces)
{
	struct scene *s = split_scene();
	uint64_t repaired;

	run_to_repair(s);
	repaired = s->receipt.thp_repaired;
	for (uint64_t at = 0; at < MEMORY_BYTES; at += PAGE_2M_BYTES)
		if (scene_folio(s, at)->bytes == PAGE_4K_BYTES)
			scene_folio(s, at + MIB)->node = 3;
	scene_run(s);
	ck_assert_uint_eq(s->receipt.thp_repaired, repaired);
	ck_assert_uint_eq(collapses(s), repaired);
	scene_destroy(s);
}
END_TEST

START_TEST(without_room_nothing_is_rebuilt)
{
	struct scene *s = split_scene();

	s->arg = 0;
	scene_move(s);
	ck_assert_uint_gt(s->receipt.thp_splits, 0);
	ck_assert_uint_eq(s->receipt.thp_repaired, 0);
	ck_assert_uint_eq(collapses(s), 0);
	scene_destroy(s);
}
END_TEST

static const int refusals[] = { -EPERM, -ENOSYS };

START_TEST(refusal_ends_the_repair_and_not_the_job)
{
	struct scene *s = split_scene();
	enum job_result result;

	scene_move(s);
	result = s->receipt.result;
	scene_destroy(s);

	s = split_scene();
	fake_fault(s->fake, FAKE_COLLAPSE, 1, refusals[_i]);
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, result);
	ck_assert_uint_gt(s->receipt.thp_splits, 1);
	ck_assert_uint_eq(s->receipt.thp_repaired, 0);
	ck_assert_uint_eq(collapses(s), 1);
	ck_assert_str_eq(s->receipt.why.text, "");
	scene_destroy(s);
}
END_TEST

/* A kernel that cannot says so of each. */
START_TEST(repair_is_given_up_after_some_refusals)
{
	struct scene *s = scene_create(FAKE_LINUX_6_12);

	scene_memory(s, 0, 3 * MEMORY_BYTES, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	s->on_op = steal_all_blocks;
	s->spec.pace.huge_min = BLOCKS;
	s->spec.pace.huge_max = BLOCKS;
	for (uint64_t i = 1; i <= BLOCKS; i++)
		fake_fault(s->fake, FAKE_COLLAPSE, i, -EINVAL);
	scene_move(s);
	ck_assert_uint_gt(s->receipt.thp_splits, COLLAPSE_REFUSALS_MAX);
	ck_assert_uint_eq(s->receipt.thp_repaired, 0);
	ck_assert_uint_eq(collapses(s), COLLAPSE_REFUSALS_MAX);
	scene_destroy(s);
}
END_TEST

static const int one_block[] = { -EAGAIN, -EBUSY, -EINVAL, -ENOMEM };

START_TEST(page_that_cannot_be_rebuilt_does_not_hold_up_the_others)
{
	struct scene *s = split_scene();

	fake_fault(s->fake, FAKE_COLLAPSE, 1, one_block[_i]);
	scene_move(s);
	ck_assert_uint_gt(s->receipt.thp_repaired, 0);
	ck_assert_uint_eq(s->receipt.thp_repaired, s->receipt.thp_splits - 1);
	scene_destroy(s);
}
END_TEST

START_TEST(without_the_right_to_look_nothing_is_rebuilt)
{
	struct scene *s = split_scene();

	fake_set_pagemap_rights(s->fake, false);
	scene_move(s);
	ck_assert_uint_gt(fake_books(s->fake).thp_splits, 0);
	ck_assert_uint_eq(s->receipt.thp_repaired, 0);
	ck_assert_uint_eq(collapses(s), 0);
	scene_destroy(s);
}
END_TEST

START_TEST(shared_memory_is_left_alone)
{
	struct scene *s = scene_create(FAKE_LINUX_6_12);

	scene_memory(s, 0, MEMORY_BYTES, PAGE_2M_BYTES, 0, FAKE_SHMEM, 0);
	s->arg = BLOCKS_FREE;
	s->on_op = steal_blocks;
	scene_move(s);
	ck_assert_uint_gt(fake_books(s->fake).thp_splits, 0);
	ck_assert_uint_eq(collapses(s), 0);
	scene_destroy(s);
}
END_TEST

START_TEST(cancelled_job_stops_repairing_at_once)
{
	struct scene *s = split_scene();
	struct receipt before;

	run_to_repair(s);
	ck_assert_int_eq(s->receipt.phase, PHASE_REPAIR);
	ck_assert_uint_eq(s->receipt.thp_repaired, 1);
	before = s->receipt;
	job_cancel(s->job, "a test");
	scene_run(s);
	ck_assert_int_eq(s->receipt.result, JOB_CANCELLED);
	ck_assert_uint_eq(collapses(s), 1);
	ck_assert_uint_eq(s->receipt.thp_repaired, 1);
	ck_assert_uint_eq(s->receipt.moved_bytes, before.moved_bytes);
	scene_destroy(s);
}
END_TEST

START_TEST(job_cancelled_while_it_moves_repairs_nothing)
{
	struct scene *s = split_scene();

	scene_job(s);
	while (s->n_calls < 1)
		scene_step(s, 0);
	ck_assert_uint_gt(s->receipt.thp_splits, 0);
	job_cancel(s->job, "a test");
	scene_run(s);
	ck_assert_int_eq(s->receipt.result, JOB_CANCELLED);
	ck_assert_uint_eq(collapses(s), 0);
	scene_destroy(s);
}
END_TEST

START_TEST(paused_job_repairs_when_it_is_resumed)
{
	struct scene *s = split_scene();

	run_to_repair(s);
	job_pause(s->job);
	scene_run(s);
	ck_assert_int_eq(s->receipt.phase, PHASE_PAUSED);
	ck_assert_uint_eq(collapses(s), 1);
	job_resume(s->job);
	scene_run(s);
	ck_assert_uint_eq(s->receipt.thp_repaired, s->receipt.thp_splits);
	scene_check_end(s);
	scene_destroy(s);
}
END_TEST

START_TEST(dead_guest_is_not_touched)
{
	struct scene *s = split_scene();

	run_to_repair(s);
	ck_assert_int_eq(s->receipt.phase, PHASE_REPAIR);
	scene_kill(s);
	scene_run(s);
	ck_assert_int_eq(s->receipt.result, JOB_FAILED);
	ck_assert_uint_eq(collapses(s), 1);
	scene_destroy(s);
}
END_TEST

START_TEST(repair_keeps_the_pace_of_moves)
{
	struct scene *s = split_scene();
	uint64_t start_ns;

	run_to_repair(s);
	ck_assert_int_eq(s->turn, JOB_CALLED);
	start_ns = scene_now_ns(s);
	ck_assert_int_eq(scene_step(s, 0), JOB_WAIT);
	ck_assert_uint_gt(s->wake_ns, start_ns);
	ck_assert_uint_eq(collapses(s), 1);
	scene_destroy(s);
}
END_TEST

/* Before the first lane learns what became of its call, the other one makes one.
 */
static int other_lane_is_quicker(void *self, pid_t pid, const struct hva *pages,
				 size_t n, int *status)
{
	struct scene *s = self;
	const struct sys *in = &s->pass.inner;

	if (s->n_calls == 1) {
		s->ops.pages_where = sys_pass_ops().pages_where;
		while (s->n_calls == 1)
			job_step(s->job, &s->calls[1], &s->wake_ns);
	}
	return in->ops->pages_where(in->self, pid, pages, n, status);
}

/* As steal_blocks(), from both lanes. */
static void steal_blocks_twice(struct scene *s, enum fake_op op)
{
	if (op == FAKE_PAGES_MOVE && s->n_calls == 2)
		s->nodes[1]->free_2m_blocks = 2;
	else
		steal_blocks(s, op);
}

static scene_fn *const thieves[] = { steal_blocks, steal_blocks_twice };

START_TEST(split_is_seen_when_another_lane_comes_in_between)
{
	struct scene *s = scene_create(FAKE_LINUX_6_12);

	scene_memory(s, 0, 512 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	/* one that stays, so that the first call is asked about */
	scene_folio(s, 0)->pin_calls = 1;
	s->spec.pace = pace_config_hurry();
	s->arg = BLOCKS_FREE;
	s->on_op = thieves[_i];
	s->ops.pages_where = other_lane_is_quicker;
	scene_move(s);
	ck_assert_uint_gt(fake_books(s->fake).thp_splits, 0);
	ck_assert_uint_eq(s->receipt.thp_splits,
			  fake_books(s->fake).thp_splits);
	ck_assert_uint_eq(s->receipt.thp_repaired, s->receipt.thp_splits);
	scene_destroy(s);
}
END_TEST

static void add_tests(TCase *tests)
{
	const TTest *const all[] = {
		split_pages_are_rebuilt,
		what_khugepaged_has_rebuilt_is_left_alone_and_counted,
		pieces_that_stayed_behind_follow_before_they_are_rebuilt,
		clean_answer_does_not_hide_that_pages_were_split,
		splits_of_others_do_not_close_the_target,
		pages_with_holes_are_left_in_pieces,
		pages_of_zeros_are_no_holes,
		pages_on_two_nodes_are_left_in_pieces,
		without_room_nothing_is_rebuilt,
		repair_is_given_up_after_some_refusals,
		without_the_right_to_look_nothing_is_rebuilt,
		shared_memory_is_left_alone,
		cancelled_job_stops_repairing_at_once,
		job_cancelled_while_it_moves_repairs_nothing,
		paused_job_repairs_when_it_is_resumed,
		dead_guest_is_not_touched,
		repair_keeps_the_pace_of_moves,
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		tcase_add_test(tests, all[i]);
	tcase_add_loop_test(tests, refusal_ends_the_repair_and_not_the_job, 0,
			    sizeof(refusals) / sizeof(*refusals));
	tcase_add_loop_test(
		tests, page_that_cannot_be_rebuilt_does_not_hold_up_the_others,
		0, sizeof(one_block) / sizeof(*one_block));
	tcase_add_loop_test(tests,
			    split_is_seen_when_another_lane_comes_in_between, 0,
			    sizeof(thieves) / sizeof(*thieves));
}

int main(void)
{
	return run_tests("move: repair of huge pages", add_tests);
}
