/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guests of 2 MiB pool pages, and what their moves leave of the pools. Node 0
 * has 70 pages, 6 of them free; the guest has 64 and goes to node 1.
 */
#include "move/pools.h"

#include <errno.h>
#include <string.h>

#include "run.h"
#include "scene.h"

#define GUEST_PAGES 64
#define HOME_PAGES  70
#define GUEST_BYTES (GUEST_PAGES * PAGE_2M_BYTES)

static const enum fake_kernel kernels[] = { FAKE_LINUX_6_1, FAKE_LINUX_6_12 };

#define KERNELS (int)(sizeof(kernels) / sizeof(*kernels))

/* pages: of node 1, all free. */
static struct scene *pool_scene(enum fake_kernel kernel, uint64_t pages)
{
	struct scene *s = scene_create(kernel);

	scene_memory(s, 0, GUEST_BYTES, PAGE_2M_BYTES, 0, FAKE_HUGETLB, 0);
	s->nodes[0]->pool_2m = HOME_PAGES;
	s->nodes[0]->pool_2m_free = HOME_PAGES - GUEST_PAGES;
	s->nodes[1]->pool_2m = pages;
	s->nodes[1]->pool_2m_free = pages;
	s->spec.grows_pools = true;
	s->spec.pools = pools_create(&s->sys);
	return s;
}

static void pool_scene_destroy(struct scene *s)
{
	struct pools *pools = s->spec.pools;

	scene_destroy(s);
	pools_destroy(pools);
}

static void check_pool(struct scene *s, int node, uint64_t pages,
		       uint64_t surplus)
{
	ck_assert_uint_eq(s->nodes[node]->pool_2m, pages);
	ck_assert_uint_eq(s->nodes[node]->pool_2m_surplus, surplus);
}

static void check_change(struct scene *s, int node, uint64_t before,
			 uint64_t after, uint64_t now, uint64_t lent)
{
	const struct pool_change *pool = &s->receipt.pools.pools[node];

	ck_assert_int_eq(pool->node, node);
	ck_assert_uint_eq(pool->before_pages, before);
	ck_assert_uint_eq(pool->after_pages, after);
	ck_assert_uint_eq(pool->now_pages, now);
	ck_assert_uint_eq(pool->lent_pages, lent);
}

static uint64_t writes(struct scene *s)
{
	return fake_books(s->fake).calls[FAKE_WRITE_FILE];
}

START_TEST(pools_with_enough_free_pages_are_not_touched)
{
	struct scene *s = pool_scene(kernels[_i], GUEST_PAGES);

	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	check_pool(s, 0, HOME_PAGES, 0);
	check_pool(s, 1, GUEST_PAGES, 0);
	ck_assert_uint_eq(s->receipt.pools.n_pools, 0);
	ck_assert_str_eq(s->receipt.pools.why.text, "");
	ck_assert_uint_eq(writes(s), 0);
	pool_scene_destroy(s);
}
END_TEST

START_TEST(pool_that_may_grow_takes_all_and_is_put_back)
{
	struct scene *s = pool_scene(kernels[_i], 24);

	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(s->receipt.moved_bytes, GUEST_BYTES);
	check_pool(s, 0, HOME_PAGES, 0);
	check_pool(s, 1, GUEST_PAGES, 40);
	ck_assert_uint_eq(s->receipt.pools.n_pools, 2);
	check_change(s, 0, HOME_PAGES, 30, HOME_PAGES, 0);
	check_change(s, 1, 24, GUEST_PAGES, 24, 40);
	ck_assert_str_eq(s->receipt.pools.why.text, "");
	pool_scene_destroy(s);
}
END_TEST

START_TEST(empty_pool_that_may_grow_takes_all)
{
	struct scene *s = pool_scene(kernels[_i], 0);

	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	check_pool(s, 0, HOME_PAGES, 0);
	check_pool(s, 1, GUEST_PAGES, GUEST_PAGES);
	pool_scene_destroy(s);
}
END_TEST

START_TEST(lent_pages_that_go_home_leave_no_trace)
{
	struct scene *s = pool_scene(kernels[_i], 24);

	scene_move(s);
	s->cells[0].home = node_mask_of(0);
	s->routes[0] =
		(struct job_route) { .from = 1, .to = 0, .bytes = UINT64_MAX };
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(s->receipt.pools.n_pools, 0);
	check_pool(s, 0, HOME_PAGES, 0);
	check_pool(s, 1, 24, 0);
	pool_scene_destroy(s);
}
END_TEST

START_TEST(pool_that_may_not_grow_leaves_the_rest)
{
	struct scene *s = pool_scene(kernels[_i], 24);

	s->spec.grows_pools = false;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_PARTIAL);
	ck_assert_uint_eq(s->receipt.moved_bytes, 48 * MIB);
	scene_check_residue(s, RESIDUE_NOMEM, 80 * MIB, RESIDUE_COUNT);
	check_pool(s, 0, HOME_PAGES, 0);
	check_pool(s, 1, 24, 0);
	ck_assert_uint_eq(s->receipt.pools.n_pools, 0);
	ck_assert_uint_eq(writes(s), 0);
	pool_scene_destroy(s);
}
END_TEST

START_TEST(growing_stops_at_the_reserve)
{
	struct scene *s = pool_scene(kernels[_i], 24);

	s->nodes[1]->free_bytes = 132 * MIB;
	s->nodes[1]->free_2m_blocks = 66;
	s->spec.reserve_bytes = 100 * MIB;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_PARTIAL);
	ck_assert_uint_eq(s->receipt.moved_bytes, (48 + 32) * MIB);
	scene_check_residue(s, RESIDUE_NOMEM, 48 * MIB, RESIDUE_COUNT);
	check_pool(s, 0, HOME_PAGES, 0);
	check_pool(s, 1, 40, 16);
	pool_scene_destroy(s);
}
END_TEST

START_TEST(refused_write_is_told)
{
	struct scene *s = pool_scene(kernels[_i], 24);

	fake_fault(s->fake, FAKE_WRITE_FILE, 1, -EROFS);
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(writes(s), 1);
	check_pool(s, 0, 30, 0);
	check_pool(s, 1, GUEST_PAGES, 0);
	ck_assert_uint_eq(s->receipt.pools.n_pools, 2);
	check_change(s, 0, HOME_PAGES, 30, 30, 0);
	check_change(s, 1, 24, GUEST_PAGES, GUEST_PAGES, 0);
	ck_assert_ptr_nonnull(
		strstr(s->receipt.pools.why.text, strerror(EROFS)));
	pool_scene_destroy(s);
}
END_TEST

/* 80 MiB came free on node 0, of which 60 are kept. */
START_TEST(source_is_filled_up_as_far_as_its_memory_goes)
{
	struct scene *s = pool_scene(kernels[_i], 24);

	s->nodes[0]->free_bytes = 0;
	s->nodes[0]->free_2m_blocks = 0;
	s->spec.reserve_bytes = 60 * MIB;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	check_change(s, 0, HOME_PAGES, 30, 40, 0);
	check_change(s, 1, 24, GUEST_PAGES, 24, 40);
	ck_assert_ptr_nonnull(strstr(s->receipt.pools.why.text, "node 0"));
	pool_scene_destroy(s);
}
END_TEST

/* An administrator gives node 2 a pool while the job is at work. */
static void give_pages(struct scene *s, enum fake_op op)
{
	if (op == FAKE_PAGES_MOVE)
		s->nodes[2]->pool_2m = s->nodes[2]->pool_2m_free = 5;
}

START_TEST(pools_that_others_changed_are_left_alone)
{
	struct scene *s = pool_scene(kernels[_i], 24);

	s->on_op = give_pages;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(writes(s), 0);
	ck_assert_uint_eq(s->receipt.pools.n_pools, 3);
	check_change(s, 0, HOME_PAGES, 30, 30, 0);
	check_change(s, 2, 0, 5, 5, 0);
	ck_assert_ptr_nonnull(
		strstr(s->receipt.pools.why.text, "somebody else"));
	pool_scene_destroy(s);
}
END_TEST

START_TEST(job_that_began_in_the_midst_of_another_puts_back_the_same)
{
	struct scene *s = pool_scene(kernels[_i], 24);
	struct pools_report report;
	struct room room;

	room_init(&room, &s->sys, 0, true);
	pools_begin(s->spec.pools);
	s->nodes[0]->pool_2m -= 3;
	s->nodes[0]->pool_2m_free -= 3;
	s->nodes[1]->pool_2m += 3;
	scene_move(s); /* 3 pages are already on their way */
	check_pool(s, 0, HOME_PAGES, 0);
	check_pool(s, 1, GUEST_PAGES + 3, 43);
	s->nodes[0]->pool_2m -= 2;
	s->nodes[0]->pool_2m_free -= 2;
	s->nodes[1]->pool_2m += 2;
	pools_end(s->spec.pools, &room, &report);
	ck_assert_uint_eq(report.n_pools, 2);
	check_pool(s, 0, HOME_PAGES, 0);
	check_pool(s, 1, GUEST_PAGES + 5, 45);
	pool_scene_destroy(s);
}
END_TEST

START_TEST(job_that_is_cut_short_puts_pools_back)
{
	struct scene *s = pool_scene(kernels[_i], 0);
	struct scene *t = pool_scene(kernels[_i], 0);

	scene_job(s);
	scene_job(t);
	while (s->n_calls < 3)
		scene_step(s, 0);
	while (t->n_calls < 3)
		scene_step(t, 0);
	ck_assert_uint_lt(s->nodes[0]->pool_2m, HOME_PAGES);
	job_cancel(s->job, "a test");
	scene_run(s);
	ck_assert_int_eq(s->receipt.result, JOB_CANCELLED);
	check_pool(s, 0, HOME_PAGES, 0);
	job_destroy(t->job); /* as at the end of the daemon */
	t->job = NULL;
	check_pool(t, 0, HOME_PAGES, 0);
	pool_scene_destroy(s);
	pool_scene_destroy(t);
}
END_TEST

/* While a second lane is at work the guest ends, and a page of that lane is
 * counted on both nodes. */
static void end_in_mid_call(struct scene *s, enum fake_op op)
{
	if (s->n_calls != 2 || s->arg)
		return;
	s->arg = op;
	scene_kill(s);
	s->nodes[1]->pool_2m++;
	s->turn = job_step(s->job, &s->calls[1], &s->wake_ns);
	ck_assert_int_eq(s->turn, JOB_WAIT);
	ck_assert_uint_gt(s->wake_ns, scene_now_ns(s));
	s->nodes[1]->pool_2m--;
}

START_TEST(pools_are_put_back_when_the_last_lane_has_ended)
{
	struct scene *s = pool_scene(kernels[_i], 0);

	s->on_move = end_in_mid_call;
	scene_job(s);
	scene_run(s);
	ck_assert_uint_eq(s->n_calls, 2);
	ck_assert_int_eq(s->receipt.result, JOB_FAILED);
	ck_assert_uint_gt(s->receipt.pools.n_pools, 0);
	ck_assert_str_eq(s->receipt.pools.why.text, "");
	check_pool(s, 0, HOME_PAGES, 0);
	pool_scene_destroy(s);
}
END_TEST

/* Somebody takes the target's free pages while the job is at work: the
 * administrator out of the pool, another process for itself. */
static void take_pages(struct scene *s, enum fake_op op)
{
	if (op != FAKE_PAGES_MOVE || s->n_calls != 3)
		return;
	if (s->arg)
		s->nodes[1]->pool_2m -= s->nodes[1]->pool_2m_free;
	s->nodes[1]->pool_2m_free = 0;
}

START_TEST(pool_that_is_emptied_meanwhile_leaves_the_rest)
{
	for (int is_shrunk = 0; is_shrunk < 2; is_shrunk++) {
		struct scene *s = pool_scene(kernels[_i], HOME_PAGES);

		s->spec.grows_pools = false;
		s->nodes[1]->free_bytes = 0; /* nor does the kernel grow it */
		s->nodes[1]->free_2m_blocks = 0;
		s->on_op = take_pages;
		s->arg = is_shrunk;
		scene_move(s);
		ck_assert_int_eq(s->receipt.result, JOB_PARTIAL);
		ck_assert_uint_gt(s->receipt.moved_bytes, 0);
		scene_check_residue(s, RESIDUE_NOMEM,
				    GUEST_BYTES - s->receipt.moved_bytes,
				    RESIDUE_COUNT);
		ck_assert_uint_le(s->n_calls, 3);
		ck_assert_uint_eq(writes(s), 0);
		pool_scene_destroy(s);
	}
}
END_TEST

START_TEST(gigantic_pages_never_grow_a_pool)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 2 * GIB, GIB, 0, FAKE_HUGETLB, 0);
	s->nodes[1]->pool_1g = s->nodes[1]->pool_1g_free = 1;
	s->spec.grows_pools = true;
	s->spec.pools = pools_create(&s->sys);
	scene_move(s);
	ck_assert_uint_eq(s->receipt.moved_bytes, GIB);
	scene_check_residue(s, RESIDUE_NOMEM, GIB, RESIDUE_COUNT);
	ck_assert_uint_eq(s->n_calls, 1);
	ck_assert_uint_eq(s->receipt.pools.n_pools, 0);
	ck_assert_uint_eq(writes(s), 0);
	pool_scene_destroy(s);
}
END_TEST

static void add_tests(TCase *tests)
{
	const TTest *const all[] = {
		pools_with_enough_free_pages_are_not_touched,
		pool_that_may_grow_takes_all_and_is_put_back,
		empty_pool_that_may_grow_takes_all,
		lent_pages_that_go_home_leave_no_trace,
		pool_that_may_not_grow_leaves_the_rest,
		growing_stops_at_the_reserve,
		refused_write_is_told,
		source_is_filled_up_as_far_as_its_memory_goes,
		pools_that_others_changed_are_left_alone,
		job_that_began_in_the_midst_of_another_puts_back_the_same,
		job_that_is_cut_short_puts_pools_back,
		pools_are_put_back_when_the_last_lane_has_ended,
		pool_that_is_emptied_meanwhile_leaves_the_rest,
		gigantic_pages_never_grow_a_pool,
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		tcase_add_loop_test(tests, all[i], 0, KERNELS);
}

int main(void)
{
	return run_tests("move: pools of huge pages", add_tests);
}
