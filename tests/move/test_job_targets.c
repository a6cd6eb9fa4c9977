/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Targets that cannot take the memory, and errors of whole calls: no retry
 * storm, no huge page split, and the receipt says why.
 */
#include <errno.h>
#include <string.h>

#include "run.h"
#include "scene.h"

static const enum fake_kernel kernels[] = { FAKE_LINUX_6_1, FAKE_LINUX_6_12 };

#define KERNELS (int)(sizeof(kernels) / sizeof(*kernels))

static void set_free(struct scene *s, int node, uint64_t bytes)
{
	s->nodes[node]->free_bytes = bytes;
	s->nodes[node]->free_2m_blocks = bytes / PAGE_2M_BYTES;
}

START_TEST(full_target_gets_no_call)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 64 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	set_free(s, 1, 0);
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_PARTIAL);
	scene_check_residue(s, RESIDUE_NOMEM, 64 * MIB, RESIDUE_COUNT);
	ck_assert_uint_eq(s->n_calls, 0);
	ck_assert_uint_ge(s->receipt.ended_ns - s->receipt.started_ns,
			  10 * NS_PER_S);
	ck_assert_uint_le(s->receipt.ended_ns - s->receipt.started_ns,
			  12 * NS_PER_S);
	scene_destroy(s);
}
END_TEST

START_TEST(reserve_of_the_target_is_left_free)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 256 * MIB, PAGE_4K_BYTES, 0, FAKE_ANON, 0);
	set_free(s, 1, 128 * MIB);
	s->spec.reserve_bytes = 100 * MIB;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_PARTIAL);
	ck_assert_uint_eq(s->receipt.moved_bytes, 28 * MIB);
	scene_check_residue(s, RESIDUE_NOMEM, 228 * MIB, RESIDUE_COUNT);
	scene_destroy(s);
}
END_TEST

static void make_room_after_a_while(struct scene *s, enum fake_op op)
{
	if (op == FAKE_READ_FILE && s->job && s->receipt.started_ns &&
	    scene_now_ns(s) > s->receipt.started_ns + 5 * NS_PER_S &&
	    s->arg == 0) {
		s->arg = 1;
		set_free(s, 1, GIB);
	}
}

START_TEST(job_waits_for_room_and_goes_on)
{
	struct scene *s = scene_create(kernels[_i]);
	bool has_waited = false;

	scene_memory(s, 0, 64 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	set_free(s, 1, 16 * MIB);
	s->on_op = make_room_after_a_while;
	scene_job(s);
	while (scene_step(s, 0) != JOB_ENDED) {
		has_waited |= s->receipt.phase == PHASE_ROOM;
		if (s->turn == JOB_WAIT && s->wake_ns > scene_now_ns(s))
			fake_advance_ns(s->fake, s->wake_ns - scene_now_ns(s));
	}
	ck_assert(has_waited);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(s->receipt.moved_bytes, 64 * MIB);
	scene_destroy(s);
}
END_TEST

START_TEST(huge_pages_without_blocks_on_the_target_are_not_split)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 64 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	s->nodes[1]->free_2m_blocks = 0;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_PARTIAL);
	scene_check_residue(s, RESIDUE_NOMEM, 64 * MIB, RESIDUE_COUNT);
	ck_assert_uint_eq(fake_books(s->fake).thp_splits, 0);
	ck_assert_uint_eq(s->n_calls, 0);
	ck_assert_str_eq(fake_file_text(s->fake, "/sys/devices/system/node/"
						 "node1/compact"),
			 "1");
	scene_destroy(s);
}
END_TEST

START_TEST(small_pages_need_no_huge_blocks)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 16 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	scene_memory(s, GIB, 16 * MIB, PAGE_4K_BYTES, 0, FAKE_ANON, 0);
	scene_folio(s, 8 * MIB)->node = 1;
	s->nodes[1]->free_2m_blocks = 0;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_PARTIAL);
	scene_check_residue(s, RESIDUE_NOMEM, 14 * MIB, RESIDUE_COUNT);
	ck_assert_uint_eq(s->receipt.moved_bytes, 16 * MIB);
	scene_destroy(s);
}
END_TEST

/* Somebody takes the last blocks between our look and our call. */
static void steal_blocks(struct scene *s, enum fake_op op)
{
	if (op == FAKE_PAGES_MOVE && s->n_calls == s->arg)
		s->nodes[1]->free_2m_blocks = 2;
	if (op == FAKE_READ_FILE && s->n_calls >= s->arg)
		s->nodes[1]->free_2m_blocks = 100;
}

START_TEST(splitting_ends_after_the_first_call_that_split)
{
	struct scene *s = scene_create(kernels[_i]);
	uint64_t splits;

	scene_memory(s, 0, 256 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	s->on_op = steal_blocks;
	s->arg = 3;
	scene_job(s);
	while (s->n_calls < 3)
		scene_step(s, 0);
	splits = fake_books(s->fake).thp_splits;
	ck_assert_uint_gt(splits, 0);
	s->on_op = NULL;
	s->nodes[1]->free_2m_blocks = 0;
	scene_run(s);
	ck_assert_uint_eq(fake_books(s->fake).thp_splits, splits);
	ck_assert_uint_eq(s->receipt.thp_splits, splits);
	ck_assert_int_eq(s->receipt.result, JOB_PARTIAL);
	scene_destroy(s);
}
END_TEST

START_TEST(hugetlb_takes_the_pages_that_the_target_has)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 32 * MIB, PAGE_2M_BYTES, 0, FAKE_HUGETLB, 0);
	s->nodes[1]->pool_2m = 6;
	s->nodes[1]->pool_2m_free = 6;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_PARTIAL);
	ck_assert_uint_eq(s->receipt.moved_bytes, 12 * MIB);
	scene_check_residue(s, RESIDUE_NOMEM, 20 * MIB, RESIDUE_COUNT);
	ck_assert_uint_eq(s->nodes[1]->pool_2m, 6);
	scene_destroy(s);
}
END_TEST

START_TEST(gigantic_page_without_a_free_one_stays)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 2 * GIB, GIB, 0, FAKE_HUGETLB, 0);
	s->nodes[1]->pool_1g_free = 1;
	scene_move(s);
	ck_assert_uint_eq(s->receipt.moved_bytes, GIB);
	scene_check_residue(s, RESIDUE_NOMEM, GIB, RESIDUE_COUNT);
	ck_assert_uint_eq(s->n_calls, 1);
	scene_destroy(s);
}
END_TEST

START_TEST(cpuset_of_the_guest_without_the_target_ends_at_once)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 64 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	fake_process_mems(s->fake, PID, node_mask_of(0));
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_PARTIAL);
	scene_check_residue(s, RESIDUE_CPUSET, 64 * MIB, RESIDUE_COUNT);
	ck_assert_uint_eq(s->n_calls, 1);
	ck_assert_ptr_nonnull(strstr(s->receipt.why.text, "cpuset"));
	scene_destroy(s);
}
END_TEST

START_TEST(one_forbidden_target_does_not_stop_the_other)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 64 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	scene_memory(s, GIB, 32 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 1);
	s->cells[1] = (struct job_cell) { 1, node_mask_of(2) };
	s->routes[1] = (struct job_route) { 1, 0, 2, UINT64_MAX };
	s->spec.n_cells = 2;
	s->spec.n_routes = 2;
	fake_process_mems(s->fake, PID, (struct node_mask) { 1 << 0 | 1 << 2 });
	scene_move(s);
	scene_check_residue(s, RESIDUE_CPUSET, 64 * MIB, RESIDUE_COUNT);
	ck_assert_uint_eq(scene_on(s, 2), 32 * MIB);
	scene_destroy(s);
}
END_TEST

START_TEST(our_own_cpuset_without_the_target_ends_as_no_room)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 64 * MIB, PAGE_4K_BYTES, 0, FAKE_ANON, 0);
	fake_set_own_mems(s->fake, node_mask_of(0));
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_PARTIAL);
	scene_check_residue(s, RESIDUE_NOMEM, 64 * MIB, RESIDUE_COUNT);
	ck_assert_uint_le(s->n_calls, 12);
	scene_destroy(s);
}
END_TEST

START_TEST(target_that_fills_up_during_a_call_is_waited_for)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 64 * MIB, PAGE_4K_BYTES, 0, FAKE_ANON, 0);
	fake_fault(s->fake, FAKE_PAGES_MOVE, 2, -ENOMEM);
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(s->receipt.moved_bytes, 64 * MIB);
	ck_assert_uint_ge(s->receipt.ended_ns - s->receipt.started_ns,
			  NS_PER_S);
	scene_destroy(s);
}
END_TEST

static void set_pressure(struct scene *s, uint64_t total_us)
{
	char text[96];

	snprintf(text, sizeof(text),
		 "some avg10=0.00 avg60=0.00 avg300=0.00 total=%llu\n",
		 (unsigned long long)total_us);
	fake_file(s->fake, "/proc/pressure/memory", text);
}

/* In the second call others wait for memory, for a second. */
static void press_second_call(struct scene *s, enum fake_op op)
{
	if (s->n_calls == 2)
		set_pressure(s, 1000000);
}

START_TEST(target_under_memory_pressure_is_waited_for)
{
	struct scene *s = scene_create(kernels[_i]);
	bool has_waited = false;

	scene_memory(s, 0, 64 * MIB, PAGE_4K_BYTES, 0, FAKE_ANON, 0);
	set_pressure(s, 5);
	s->on_move = press_second_call;
	scene_job(s);
	while (scene_step(s, 0) != JOB_ENDED) {
		has_waited |= s->receipt.phase == PHASE_ROOM;
		if (s->turn == JOB_WAIT && s->wake_ns > scene_now_ns(s))
			fake_advance_ns(s->fake, s->wake_ns - scene_now_ns(s));
	}
	ck_assert(has_waited);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_ge(s->receipt.ended_ns - s->receipt.started_ns,
			  NS_PER_S);
	scene_destroy(s);
}
END_TEST

START_TEST(pressure_between_calls_is_not_waited_for)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 64 * MIB, PAGE_4K_BYTES, 0, FAKE_ANON, 0);
	scene_job(s);
	while (scene_step(s, 0) != JOB_ENDED) {
		set_pressure(s, s->steps * 1000000);
		ck_assert_int_ne(s->receipt.phase, PHASE_ROOM);
		if (s->turn == JOB_WAIT && s->wake_ns > scene_now_ns(s))
			fake_advance_ns(s->fake, s->wake_ns - scene_now_ns(s));
	}
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	scene_destroy(s);
}
END_TEST

static void offline_at_call(struct scene *s, enum fake_op op)
{
	if (op == FAKE_PAGES_MOVE && s->n_calls == s->arg)
		s->nodes[1]->has_memory = false;
}

START_TEST(node_that_goes_offline_is_given_up)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 256 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	s->on_op = offline_at_call;
	s->arg = 4;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_PARTIAL);
	ck_assert_uint_gt(s->receipt.moved_bytes, 0);
	scene_check_residue(s, RESIDUE_NOMEM,
			    256 * MIB - s->receipt.moved_bytes, RESIDUE_COUNT);
	ck_assert_ptr_nonnull(strstr(s->receipt.why.text, "offline (node 1)"));
	ck_assert_uint_eq(s->n_calls, 4);
	scene_destroy(s);
}
END_TEST

/* The kernel's answer to every moving call, and where all memory ends. */
static const struct {
	const char *what; /* the case */
	int result; /* of pages_move, for ever */
	enum job_result ends; /* how the job ends */
	enum residue residue; /* class of all memory */
	unsigned int calls_max; /* moving calls that are made */
} errors[] = {
	{ "ENOMEM", -ENOMEM, JOB_PARTIAL, RESIDUE_NOMEM, 12 },
	{ "EPERM", -EPERM, JOB_PARTIAL, RESIDUE_DENIED, 1 },
	{ "EACCES", -EACCES, JOB_PARTIAL, RESIDUE_CPUSET, 1 },
	{ "ENODEV", -ENODEV, JOB_PARTIAL, RESIDUE_NOMEM, 1 },
	{ "EINVAL", -EINVAL, JOB_FAILED, RESIDUE_GONE, 1 },
	{ "ESRCH", -ESRCH, JOB_FAILED, RESIDUE_GONE, 1 },
	{ "EFAULT", -EFAULT, JOB_PARTIAL, RESIDUE_DENIED, 1 },
	{ "ENOSYS", -ENOSYS, JOB_PARTIAL, RESIDUE_DENIED, 1 },
	{ "EINTR", -EINTR, JOB_PARTIAL, RESIDUE_DENIED, 1 },
	{ "E2BIG", -E2BIG, JOB_PARTIAL, RESIDUE_DENIED, 1 },
	{ "1 page failed", 1, JOB_PARTIAL, RESIDUE_PINNED, 3 },
	{ "more than asked for", 1 << 30, JOB_PARTIAL, RESIDUE_PINNED, 3 },
};

START_TEST(error_of_every_call_ends_in_its_class)
{
	struct scene *s = scene_create(FAKE_LINUX_6_12);

	scene_memory(s, 0, 256 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	for (unsigned int i = 1; i <= 1000; i++)
		fake_fault(s->fake, FAKE_PAGES_MOVE, i, errors[_i].result);
	scene_job(s);
	scene_run(s);
	ck_assert_msg(s->receipt.result == errors[_i].ends, "%s: ends as %s",
		      errors[_i].what, job_result_text(s->receipt.result));
	scene_check_residue(s, errors[_i].residue, 256 * MIB, RESIDUE_COUNT);
	ck_assert_msg(s->n_calls <= errors[_i].calls_max, "%s: %zu calls",
		      errors[_i].what, s->n_calls);
	scene_destroy(s);
}
END_TEST

START_TEST(error_of_one_call_is_accounted_for)
{
	struct scene *s = scene_create(FAKE_LINUX_6_12);

	scene_memory(s, 0, 256 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	fake_fault(s->fake, FAKE_PAGES_MOVE, 4, errors[_i].result);
	scene_job(s);
	scene_run(s);
	ck_assert_uint_gt(s->receipt.moved_bytes, 0);
	ck_assert_uint_eq(s->receipt.moved_bytes, scene_on(s, 1));
	scene_destroy(s);
}
END_TEST

START_TEST(process_that_may_not_be_asked_is_denied)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 64 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	fake_process_deny(s->fake, PID, true);
	scene_job(s);
	scene_run(s);
	ck_assert_int_eq(s->receipt.result, JOB_FAILED);
	scene_check_residue(s, RESIDUE_DENIED, 64 * MIB, RESIDUE_COUNT);
	ck_assert_uint_gt(strlen(s->receipt.why.text), 0);
	scene_destroy(s);
}
END_TEST

static void deny_at_call(struct scene *s, enum fake_op op)
{
	if (op == FAKE_PAGES_MOVE && s->n_calls == s->arg)
		fake_process_deny(s->fake, PID, true);
}

START_TEST(rights_that_are_lost_meanwhile_end_the_job)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 256 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	s->on_op = deny_at_call;
	s->arg = 4;
	scene_job(s);
	scene_run(s);
	ck_assert_uint_eq(s->receipt.residue_bytes[RESIDUE_DENIED],
			  256 * MIB - s->receipt.moved_bytes);
	ck_assert_uint_eq(s->n_calls, 4);
	scene_destroy(s);
}
END_TEST

static void add_tests(TCase *tests)
{
	const TTest *const all[] = {
		full_target_gets_no_call,
		reserve_of_the_target_is_left_free,
		job_waits_for_room_and_goes_on,
		huge_pages_without_blocks_on_the_target_are_not_split,
		small_pages_need_no_huge_blocks,
		splitting_ends_after_the_first_call_that_split,
		hugetlb_takes_the_pages_that_the_target_has,
		gigantic_page_without_a_free_one_stays,
		cpuset_of_the_guest_without_the_target_ends_at_once,
		one_forbidden_target_does_not_stop_the_other,
		our_own_cpuset_without_the_target_ends_as_no_room,
		target_that_fills_up_during_a_call_is_waited_for,
		target_under_memory_pressure_is_waited_for,
		pressure_between_calls_is_not_waited_for,
		node_that_goes_offline_is_given_up,
		process_that_may_not_be_asked_is_denied,
		rights_that_are_lost_meanwhile_end_the_job,
	};
	int n_errors = (int)(sizeof(errors) / sizeof(*errors));

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		tcase_add_loop_test(tests, all[i], 0, KERNELS);
	tcase_add_loop_test(tests, error_of_every_call_ends_in_its_class, 0,
			    n_errors);
	tcase_add_loop_test(tests, error_of_one_call_is_accounted_for, 0,
			    n_errors);
	tcase_set_timeout(tests, 60);
}

int main(void)
{
	return run_tests("move: targets and errors", add_tests);
}
