/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs that end well: memory of each kind goes where it shall, once, with few
 * calls, on each kernel. scene.c checks the books after every step.
 */
#include "run.h"
#include "scene.h"

static const enum fake_kernel kernels[] = { FAKE_LINUX_6_1, FAKE_LINUX_6_12 };

#define KERNELS (int)(sizeof(kernels) / sizeof(*kernels))

START_TEST(huge_pages_follow_and_stay_huge)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, GIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(s->receipt.moved_bytes, GIB);
	ck_assert_uint_eq(scene_on(s, 1), GIB);
	ck_assert_uint_eq(scene_folio(s, 512 * MIB)->bytes, PAGE_2M_BYTES);
	ck_assert_uint_eq(fake_books(s->fake).moved_folios, 512);
	ck_assert_uint_eq(fake_books(s->fake).move_pages, 512);
	ck_assert_uint_eq(fake_books(s->fake).thp_splits, 0);
	ck_assert_uint_eq(fake_books(s->fake).move_all_calls, 0);
	ck_assert_uint_eq(s->receipt.calls, s->n_calls);
	scene_destroy(s);
}
END_TEST

START_TEST(small_pages_follow)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 64 * MIB, PAGE_4K_BYTES, 0, FAKE_ANON, 0);
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(s->receipt.moved_bytes, 64 * MIB);
	ck_assert_uint_eq(scene_on(s, 1), 64 * MIB);
	ck_assert_uint_eq(fake_books(s->fake).move_pages, 16384);
	scene_destroy(s);
}
END_TEST

START_TEST(memory_that_is_there_already_is_left_alone)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 256 * MIB, PAGE_2M_BYTES, 1, FAKE_ANON, 0);
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(s->receipt.already_bytes, 256 * MIB);
	ck_assert_uint_eq(s->n_calls, 0);
	scene_destroy(s);
}
END_TEST

START_TEST(second_run_makes_no_moving_call)
{
	struct scene *s = scene_create(kernels[_i]);
	size_t n_calls;

	scene_memory(s, 0, 64 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	scene_memory(s, GIB, 8 * MIB, PAGE_4K_BYTES, 0, FAKE_SHMEM, 0);
	scene_move(s);
	n_calls = s->n_calls;
	scene_move(s);
	ck_assert_uint_eq(s->n_calls, n_calls);
	ck_assert_uint_eq(s->receipt.already_bytes, 72 * MIB);
	ck_assert_uint_eq(s->receipt.moved_bytes, 0);
	scene_destroy(s);
}
END_TEST

START_TEST(absent_memory_is_nothing_to_move)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 256 * MIB, PAGE_2M_BYTES, NODE_NONE, FAKE_ANON, 0);
	scene_memory(s, GIB, 4 * MIB, PAGE_4K_BYTES, NODE_NONE, FAKE_SHMEM, 0);
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	scene_check_residue(s, RESIDUE_ABSENT, 260 * MIB, RESIDUE_COUNT);
	ck_assert_uint_eq(s->n_calls, 0);
	scene_destroy(s);
}
END_TEST

START_TEST(mixed_block_moves_what_is_there)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 4 * MIB, PAGE_4K_BYTES, 0, FAKE_ANON, 0);
	scene_folio(s, 0)->node = NODE_NONE;
	scene_folio(s, 5 * PAGE_4K_BYTES)->is_swapped = true;
	scene_folio(s, 6 * PAGE_4K_BYTES)->is_zero = true;
	scene_folio(s, 7 * PAGE_4K_BYTES)->node = 1;
	scene_folio(s, 8 * PAGE_4K_BYTES)->node = 3;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	scene_check_residue(s, RESIDUE_ABSENT, 3 * PAGE_4K_BYTES,
			    RESIDUE_COUNT);
	ck_assert_uint_eq(s->receipt.already_bytes, PAGE_4K_BYTES);
	ck_assert_uint_eq(scene_on(s, 1), 4 * MIB - 3 * PAGE_4K_BYTES);
	scene_destroy(s);
}
END_TEST

START_TEST(huge_folio_under_small_entries_moves_once)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 8 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	for (uint64_t at = 0; at < 8 * MIB; at += PAGE_2M_BYTES)
		scene_folio(s, at)->pmd_split = true;
	scene_memory(s, GIB, MIB, 64 * KIB, 0, FAKE_ANON, 0);
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(s->receipt.moved_bytes, 9 * MIB);
	ck_assert_uint_eq(fake_books(s->fake).moved_folios, 4 + 16);
	scene_destroy(s);
}
END_TEST

START_TEST(hugetlb_moves_into_the_pool_of_the_target)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 32 * MIB, PAGE_2M_BYTES, 0, FAKE_HUGETLB, 0);
	s->nodes[1]->pool_2m = 16;
	s->nodes[1]->pool_2m_free = 16;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(s->receipt.moved_bytes, 32 * MIB);
	ck_assert_uint_eq(s->nodes[1]->pool_2m, 16);
	ck_assert_uint_eq(fake_books(s->fake).move_pages, 16);
	scene_destroy(s);
}
END_TEST

START_TEST(gigantic_pages_move_one_by_one)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 2 * GIB, GIB, 0, FAKE_HUGETLB, 0);
	s->nodes[1]->pool_1g_free = 2;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(s->receipt.moved_bytes, 2 * GIB);
	ck_assert_uint_eq(s->n_calls, 2);
	scene_destroy(s);
}
END_TEST

START_TEST(region_that_begins_inside_a_hugetlb_page_moves)
{
	struct scene *s = scene_create(kernels[_i]);

	fake_region(s->fake, PID, BASE, 16 * MIB, PAGE_2M_BYTES, 0,
		    FAKE_HUGETLB);
	scene_region(s, 0xc0000, 8 * MIB, PAGE_2M_BYTES, FAKE_HUGETLB, 0);
	s->nodes[1]->pool_2m_free = 16;
	scene_job(s);
	scene_run(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(s->receipt.moved_bytes, 8 * MIB);
	ck_assert_uint_eq(scene_on(s, 1), 10 * MIB);
	scene_destroy(s);
}
END_TEST

START_TEST(two_regions_share_a_huge_page)
{
	struct scene *s = scene_create(kernels[_i]);

	fake_region(s->fake, PID, BASE, 16 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON);
	scene_region(s, 0, 0xa0000, PAGE_4K_BYTES, FAKE_ANON, 0);
	scene_region(s, 0xc0000, 16 * MIB - 0xc0000, PAGE_4K_BYTES, FAKE_ANON,
		     0);
	scene_job(s);
	scene_run(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(s->receipt.moved_bytes, 16 * MIB - 128 * KIB);
	ck_assert_uint_eq(scene_on(s, 1), 16 * MIB);
	ck_assert_uint_eq(fake_books(s->fake).moved_folios, 8);
	scene_destroy(s);
}
END_TEST

START_TEST(shared_memory_is_moved_for_all)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 16 * MIB, PAGE_4K_BYTES, 0, FAKE_SHMEM, 0);
	for (uint64_t at = 0; at < 16 * MIB; at += PAGE_4K_BYTES)
		scene_folio(s, at)->is_shared = true;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(s->receipt.moved_bytes, 16 * MIB);
	ck_assert_uint_eq(fake_books(s->fake).move_all_calls, s->n_calls);
	scene_destroy(s);
}
END_TEST

START_TEST(first_page_moves_before_the_guest_is_scanned)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 2 * GIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	scene_job(s);
	while (s->n_calls == 0)
		scene_step(s, 0);
	ck_assert_uint_le(s->steps, 3);
	ck_assert_uint_le(fake_books(s->fake).where_pages,
			  WINDOW_BYTES_FIRST / PAGE_2M_BYTES);
	scene_destroy(s);
}
END_TEST

START_TEST(gentle_job_rests_between_calls)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 2 * GIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	scene_move(s);
	ck_assert_uint_le(s->receipt.call_ns * 2,
			  s->receipt.ended_ns - s->receipt.started_ns);
	ck_assert_uint_le(s->receipt.longest_call_ns, 15 * NS_PER_MS);
	ck_assert_uint_gt(s->receipt.longest_call_ns, 2 * NS_PER_MS);
	/* of eight huge pages in a call at least, a vCPU waits for one */
	ck_assert_uint_gt(s->receipt.longest_stall_ns, 0);
	ck_assert_uint_le(s->receipt.longest_stall_ns,
			  s->receipt.longest_call_ns / 8);
	scene_destroy(s);
}
END_TEST

START_TEST(rate_is_kept)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, GIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	s->spec.pace = pace_config_hurry();
	s->spec.pace.rate_bytes_per_s = 100 * MIB;
	scene_move(s);
	ck_assert_uint_ge(s->receipt.ended_ns - s->receipt.started_ns,
			  9 * NS_PER_S);
	ck_assert_uint_le(s->receipt.ended_ns - s->receipt.started_ns,
			  11 * NS_PER_S);
	scene_destroy(s);
}
END_TEST

START_TEST(only_the_planned_bytes_of_a_route_go)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 256 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	s->cells[0].home = (struct node_mask) { 1 << 1 | 1 << 2 };
	s->routes[0].bytes = 64 * MIB;
	s->routes[1] =
		(struct job_route) { .from = 0, .to = 2, .bytes = UINT64_MAX };
	s->spec.n_routes = 2;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(scene_on(s, 1), 64 * MIB);
	ck_assert_uint_eq(scene_on(s, 2), 192 * MIB);
	scene_destroy(s);
}
END_TEST

START_TEST(two_sources_keep_their_places_apart)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 64 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	scene_memory(s, GIB, 64 * MIB, PAGE_2M_BYTES, 1, FAKE_ANON, 0);
	for (uint64_t at = 0; at < 64 * MIB; at += 4 * MIB)
		scene_folio(s, at)->node = 1;
	s->cells[0].home = (struct node_mask) { 1 << 2 | 1 << 3 };
	s->routes[0].to = 2;
	s->routes[1] =
		(struct job_route) { .from = 1, .to = 3, .bytes = UINT64_MAX };
	s->spec.n_routes = 2;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(scene_on(s, 2), 32 * MIB);
	ck_assert_uint_eq(scene_on(s, 3), 96 * MIB);
	scene_destroy(s);
}
END_TEST

START_TEST(each_cell_goes_to_its_own_home)
{
	struct scene *s = scene_create(kernels[_i]);
	struct cell_count cells[2];

	scene_memory(s, 0, 64 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	scene_memory(s, GIB, 32 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 1);
	s->cells[1] = (struct job_cell) { 1, node_mask_of(2) };
	s->routes[1] = (struct job_route) { 1, 0, 2, UINT64_MAX };
	s->spec.n_cells = 2;
	s->spec.n_routes = 2;
	scene_move(s);
	job_cells(s->job, cells);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(cells[0].before_bytes[0], 64 * MIB);
	ck_assert_uint_eq(cells[0].after_bytes[1], 64 * MIB);
	ck_assert_uint_eq(cells[1].before_bytes[0], 32 * MIB);
	ck_assert_uint_eq(cells[1].after_bytes[2], 32 * MIB);
	scene_destroy(s);
}
END_TEST

START_TEST(cell_without_a_home_is_only_counted)
{
	struct scene *s = scene_create(kernels[_i]);
	struct cell_count cells[2];

	scene_memory(s, 0, 64 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	scene_memory(s, GIB, 32 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 1);
	s->cells[1] = (struct job_cell) { .cell = 1 };
	s->spec.n_cells = 2;
	scene_move(s);
	job_cells(s->job, cells);
	ck_assert_uint_eq(s->receipt.moved_bytes, 64 * MIB);
	ck_assert_uint_eq(s->receipt.already_bytes, 32 * MIB);
	ck_assert_uint_eq(cells[1].after_bytes[0], 32 * MIB);
	scene_destroy(s);
}
END_TEST

START_TEST(cell_that_the_job_does_not_know_is_not_touched)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 64 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 1);
	scene_memory(s, GIB, 32 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	scene_job(s);
	scene_run(s);
	ck_assert_uint_eq(s->receipt.scope_bytes, 32 * MIB);
	ck_assert_uint_eq(scene_on(s, 0), 64 * MIB);
	ck_assert_uint_eq(scene_on(s, 1), 32 * MIB);
	scene_destroy(s);
}
END_TEST

/* The guest writes to memory that was absent; it appears on the old node. */
static void populate_late(struct scene *s, enum fake_op op)
{
	if (op == FAKE_PAGES_MOVE && s->n_calls == s->arg)
		scene_folio(s, 0)->node = 0;
}

START_TEST(memory_that_appears_meanwhile_is_met_by_the_next_pass)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 512 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	scene_folio(s, 0)->node = NODE_NONE;
	s->on_op = populate_late;
	s->arg = 5;
	scene_move(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(s->receipt.moved_bytes, 512 * MIB);
	ck_assert_uint_eq(scene_on(s, 1), 512 * MIB);
	scene_destroy(s);
}
END_TEST

static void move_behind_our_back(struct scene *s, enum fake_op op)
{
	uint64_t gpa = s->n_calls * 4 * MIB % (256 * MIB);

	if (op != FAKE_PAGES_MOVE || s->n_calls > 200)
		return;
	scene_folio(s, gpa)->node = s->n_calls % 3 == 0 ? 2 : 1;
	scene_folio(s, 256 * MIB - PAGE_2M_BYTES - gpa)->node =
		s->n_calls % 2 == 0 ? 1 : NODE_NONE;
}

START_TEST(others_who_move_the_same_memory_do_not_confuse_the_books)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 256 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	s->on_op = move_behind_our_back;
	scene_job(s);
	scene_run(s);
	ck_assert(s->receipt.result == JOB_DONE ||
		  s->receipt.result == JOB_PARTIAL);
	ck_assert_uint_eq(scene_on(s, 0), 0);
	scene_destroy(s);
}
END_TEST

static void add_tests(TCase *tests)
{
	const TTest *const all[] = {
		huge_pages_follow_and_stay_huge,
		small_pages_follow,
		memory_that_is_there_already_is_left_alone,
		second_run_makes_no_moving_call,
		absent_memory_is_nothing_to_move,
		mixed_block_moves_what_is_there,
		huge_folio_under_small_entries_moves_once,
		hugetlb_moves_into_the_pool_of_the_target,
		gigantic_pages_move_one_by_one,
		region_that_begins_inside_a_hugetlb_page_moves,
		two_regions_share_a_huge_page,
		shared_memory_is_moved_for_all,
		first_page_moves_before_the_guest_is_scanned,
		gentle_job_rests_between_calls,
		rate_is_kept,
		only_the_planned_bytes_of_a_route_go,
		two_sources_keep_their_places_apart,
		each_cell_goes_to_its_own_home,
		cell_without_a_home_is_only_counted,
		cell_that_the_job_does_not_know_is_not_touched,
		memory_that_appears_meanwhile_is_met_by_the_next_pass,
		others_who_move_the_same_memory_do_not_confuse_the_books,
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		tcase_add_loop_test(tests, all[i], 0, KERNELS);
	tcase_set_timeout(tests, 60);
}

int main(void)
{
	return run_tests("move: jobs that end well", add_tests);
}
