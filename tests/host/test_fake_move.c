/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does the fake host's pages_move() behave as move_pages(2) was measured to do
 * on Linux 6.1 and 6.12? The mover is tested against the fake, so a fault here
 * would make those tests worthless. This file: batches, errors and rights;
 * test_fake_pages.c: kinds of pages.
 */
#include <errno.h>

#include "move_scene.h"
#include "run.h"

#define U PAGE_STATUS_UNWRITTEN

static const enum fake_kernel kernels[] = { FAKE_LINUX_6_1, FAKE_LINUX_6_12 };

START_TEST(zero_means_all_moved_and_all_told)
{
	struct move_scene *s = move_scene_create(kernels[_i]);

	move_scene_4k(s, 2048);
	ck_assert_int_eq(move_scene_call(s, 2048, 4096, false), 0);
	for (int i = 0; i < 2048; i++)
		ck_assert_int_eq(s->status[i], 1);
	ck_assert_uint_eq(fake_bytes_on(s->fake, PID, 1), 8 * MIB);
	ck_assert_uint_eq(fake_bytes_on(s->fake, PID, 0), 0);
	ck_assert_uint_eq(fake_books(s->fake).moved_folios, 2048);
	move_scene_destroy(s);
}
END_TEST

START_TEST(one_pinned_page_of_2048_leaves_all_statuses_unwritten)
{
	struct move_scene *s = move_scene_create(kernels[_i]);

	move_scene_4k(s, 2048);
	move_scene_folio(s, 700 * 4096)->pin_calls = FAKE_ALWAYS;
	ck_assert_int_eq(move_scene_call(s, 2048, 4096, true), 1);
	ck_assert_uint_eq(move_scene_unwritten(s, 0, 2048), 2048);
	ck_assert_uint_eq(fake_bytes_on(s->fake, PID, 1), 2047 * 4096);
	ck_assert_uint_eq(fake_bytes_on(s->fake, PID, 0), 4096);
	move_scene_destroy(s);
}
END_TEST

START_TEST(failure_before_a_breaker_ends_the_call_there)
{
	struct move_scene *s = move_scene_create(kernels[_i]);

	move_scene_4k(s, 2048);
	move_scene_folio(s, 700 * 4096)->pin_calls = FAKE_ALWAYS;
	move_scene_folio(s, 1000 * 4096)->node = 1;
	ck_assert_int_eq(move_scene_call(s, 2048, 4096, true), 1048);
	ck_assert_uint_eq(move_scene_unwritten(s, 0, 1000), 1000);
	ck_assert_int_eq(s->status[1000], 1);
	ck_assert_uint_eq(move_scene_unwritten(s, 1001, 2048), 1047);
	ck_assert_uint_eq(fake_bytes_on(s->fake, PID, 1), 1000 * 4096);
	move_scene_destroy(s);
}
END_TEST

START_TEST(breakers_confine_a_failure_to_their_run)
{
	struct move_scene *s = move_scene_create(kernels[_i]);

	move_scene_4k(s, 64);
	move_scene_folio(s, 20 * 4096)->node = 1;
	move_scene_folio(s, 40 * 4096)->pin_calls = FAKE_ALWAYS;
	ck_assert_int_eq(move_scene_call(s, 64, 4096, true), 1);
	for (int i = 0; i <= 20; i++)
		ck_assert_int_eq(s->status[i], 1);
	ck_assert_uint_eq(move_scene_unwritten(s, 21, 64), 43);
	move_scene_destroy(s);
}
END_TEST

START_TEST(change_of_target_flushes_too_and_counts_the_address)
{
	struct move_scene *s = move_scene_create(kernels[_i]);

	move_scene_4k(s, 4);
	fake_node(s->fake, 2, GIB);
	move_scene_folio(s, 0)->pin_calls = FAKE_ALWAYS;
	move_scene_call(s, 0, 0, false);
	for (size_t i = 0; i < 4; i++) {
		s->pages[i].v = BASE + i * 4096;
		s->nodes[i] = i < 2 ? 1 : 2;
		s->status[i] = U;
	}
	/* One failed, addresses 2 and 3 untried. */
	ck_assert_int_eq(s->sys.ops->pages_move(s->sys.self, PID, s->pages,
						s->nodes, 4, false, s->status),
			 3);
	ck_assert_uint_eq(move_scene_unwritten(s, 0, 4), 4);
	ck_assert_uint_eq(fake_bytes_on(s->fake, PID, 2), 0);
	move_scene_destroy(s);
}
END_TEST

START_TEST(enomem_leaves_a_part_moved_and_nothing_told)
{
	struct move_scene *s = move_scene_create(kernels[_i]);

	move_scene_4k(s, 1000);
	fake_node(s->fake, 1, 400 * 4096);
	ck_assert_int_eq(move_scene_call(s, 1000, 4096, true), -ENOMEM);
	ck_assert_uint_eq(move_scene_unwritten(s, 0, 1000), 1000);
	ck_assert_uint_eq(fake_bytes_on(s->fake, PID, 1), 400 * 4096);
	/* The rest can be moved by a later call. */
	fake_node(s->fake, 1, GIB);
	ck_assert_int_eq(move_scene_call(s, 1000, 4096, true), 0);
	ck_assert_uint_eq(fake_bytes_on(s->fake, PID, 1), 1000 * 4096);
	move_scene_destroy(s);
}
END_TEST

START_TEST(busy_page_says_so_n_times_then_moves)
{
	struct move_scene *s = move_scene_create(kernels[_i]);

	move_scene_4k(s, 3);
	move_scene_folio(s, 4096)->busy_calls = 2;
	for (int call = 0; call < 2; call++) {
		ck_assert_int_eq(move_scene_call(s, 3, 4096, true), 0);
		ck_assert_int_eq(s->status[1], -EBUSY);
	}
	ck_assert_int_eq(move_scene_call(s, 3, 4096, true), 0);
	ck_assert_int_eq(s->status[1], 1);
	move_scene_destroy(s);
}
END_TEST

START_TEST(page_with_a_passing_reference_fails_n_times_then_moves)
{
	struct move_scene *s = move_scene_create(kernels[_i]);

	move_scene_4k(s, 1);
	move_scene_folio(s, 0)->pin_calls = 2;
	ck_assert_int_eq(move_scene_call(s, 1, 4096, true), 1);
	ck_assert_int_eq(move_scene_call(s, 1, 4096, true), 1);
	ck_assert_int_eq(move_scene_call(s, 1, 4096, true), 0);
	ck_assert_uint_eq(fake_books(s->fake).failed_folios, 2);
	ck_assert_uint_eq(fake_bytes_on(s->fake, PID, 1), 4096);
	move_scene_destroy(s);
}
END_TEST

START_TEST(target_cpuset_is_errno_eacces)
{
	struct move_scene *s = move_scene_create(kernels[_i]);

	move_scene_4k(s, 4);
	fake_process_mems(s->fake, PID, node_mask_of(0));
	ck_assert_int_eq(move_scene_call(s, 4, 4096, true), -EACCES);
	ck_assert_uint_eq(move_scene_unwritten(s, 0, 4), 4);
	move_scene_destroy(s);
}
END_TEST

START_TEST(node_without_memory_is_errno_enodev_after_the_run)
{
	struct move_scene *s = move_scene_create(kernels[_i]);

	move_scene_4k(s, 4);
	s->nodes[0] = s->nodes[1] = 1;
	s->nodes[2] = 5;
	s->nodes[3] = 1;
	for (size_t i = 0; i < 4; i++) {
		s->pages[i].v = BASE + i * 4096;
		s->status[i] = U;
	}
	ck_assert_int_eq(s->sys.ops->pages_move(s->sys.self, PID, s->pages,
						s->nodes, 4, false, s->status),
			 -ENODEV);
	ck_assert_int_eq(s->status[0], 1);
	ck_assert_int_eq(s->status[1], 1);
	ck_assert_int_eq(s->status[2], U);
	ck_assert_int_eq(s->status[3], U);
	move_scene_destroy(s);
}
END_TEST

START_TEST(own_cpuset_is_errno_enomem)
{
	struct move_scene *s = move_scene_create(kernels[_i]);

	move_scene_4k(s, 4);
	fake_set_own_mems(s->fake, node_mask_of(0));
	ck_assert_int_eq(move_scene_call(s, 4, 4096, false), -ENOMEM);
	ck_assert_uint_eq(fake_bytes_on(s->fake, PID, 1), 0);
	move_scene_destroy(s);
}
END_TEST

START_TEST(move_all_without_the_right_is_eperm)
{
	struct move_scene *s = move_scene_create(kernels[_i]);

	move_scene_4k(s, 1);
	fake_set_sys_nice(s->fake, false);
	ck_assert_int_eq(move_scene_call(s, 1, 4096, true), -EPERM);
	ck_assert_int_eq(move_scene_call(s, 1, 4096, false), 0);
	fake_process_deny(s->fake, PID, true);
	ck_assert_int_eq(move_scene_call(s, 1, 4096, false), -EPERM);
	move_scene_destroy(s);
}
END_TEST

START_TEST(end_of_the_process_is_einval_then_esrch)
{
	struct move_scene *s = move_scene_create(kernels[_i]);

	move_scene_4k(s, 1);
	fake_process_exit(s->fake, PID);
	ck_assert_int_eq(move_scene_call(s, 1, 4096, false), -EINVAL);
	ck_assert_int_eq(s->sys.ops->pages_where(s->sys.self, PID, s->pages, 1,
						 s->status),
			 -EINVAL);
	fake_process_reap(s->fake, PID);
	ck_assert_int_eq(move_scene_call(s, 1, 4096, false), -ESRCH);
	ck_assert_int_eq(s->sys.ops->pages_where(s->sys.self, PID, s->pages, 1,
						 s->status),
			 -ESRCH);
	move_scene_destroy(s);
}
END_TEST

START_TEST(after_exec_every_address_is_a_fault)
{
	struct move_scene *s = move_scene_create(kernels[_i]);

	move_scene_4k(s, 4);
	fake_process_exec(s->fake, PID);
	ck_assert_int_eq(move_scene_call(s, 4, 4096, false), 0);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(s->status[i], -EFAULT);
	move_scene_destroy(s);
}
END_TEST

#define EACH_KERNEL(tests, test) tcase_add_loop_test(tests, test, 0, 2)

static void add(TCase *t)
{
	EACH_KERNEL(t, zero_means_all_moved_and_all_told);
	EACH_KERNEL(t, one_pinned_page_of_2048_leaves_all_statuses_unwritten);
	EACH_KERNEL(t, failure_before_a_breaker_ends_the_call_there);
	EACH_KERNEL(t, breakers_confine_a_failure_to_their_run);
	EACH_KERNEL(t, change_of_target_flushes_too_and_counts_the_address);
	EACH_KERNEL(t, enomem_leaves_a_part_moved_and_nothing_told);
	EACH_KERNEL(t, busy_page_says_so_n_times_then_moves);
	EACH_KERNEL(t, page_with_a_passing_reference_fails_n_times_then_moves);
	EACH_KERNEL(t, target_cpuset_is_errno_eacces);
	EACH_KERNEL(t, node_without_memory_is_errno_enodev_after_the_run);
	EACH_KERNEL(t, own_cpuset_is_errno_enomem);
	EACH_KERNEL(t, move_all_without_the_right_is_eperm);
	EACH_KERNEL(t, end_of_the_process_is_einval_then_esrch);
	EACH_KERNEL(t, after_exec_every_address_is_a_fault);
}

int main(void)
{
	return run_tests("fake move", add);
}
