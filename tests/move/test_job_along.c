/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Huge pages that several regions of a guest have a part of. Each is moved once,
 * and every byte of its parts is booked once.
 */
#include "run.h"
#include "scene.h"

static const enum fake_kernel kernels[] = { FAKE_LINUX_6_1, FAKE_LINUX_6_12 };

#define KERNELS (int)(sizeof(kernels) / sizeof(*kernels))

/* As a PC has it: memory below 640 KiB, from 768 KiB and from 1 MiB on. */
#define LOW_END 0xa0000ull
#define ROM     0xc0000ull
#define ROM_END 0xe8000ull
#define HIGH    0x100000ull

/* One RAM block of 2 GiB on node 0, of which the guest sees three parts. */
static struct scene *pc_scene(enum fake_kernel kernel, uint64_t folio_bytes,
			      enum fake_backing backing)
{
	struct scene *s = scene_create(kernel);
	uint64_t page_bytes =
		backing == FAKE_HUGETLB ? folio_bytes : PAGE_4K_BYTES;

	fake_region(s->fake, PID, BASE, 2 * GIB, folio_bytes, 0, backing);
	scene_region(s, 0, LOW_END, page_bytes, backing, 0);
	scene_region(s, ROM, ROM_END - ROM, page_bytes, backing, 0);
	scene_region(s, HIGH, 2 * GIB - HIGH, page_bytes, backing, 0);
	s->nodes[1]->pool_1g_free = 2;
	s->nodes[1]->pool_2m_free = 1024;
	return s;
}

/* What the guest sees of the 2 GiB. */
static uint64_t seen_bytes(void)
{
	return 2 * GIB - (HIGH - ROM_END) - (ROM - LOW_END);
}

static void check_all_moved_once(struct scene *s, uint64_t folio_bytes)
{
	struct cell_count cell;

	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(s->receipt.moved_bytes, seen_bytes());
	ck_assert_uint_eq(s->receipt.already_bytes, 0);
	ck_assert_uint_eq(fake_books(s->fake).moved_folios,
			  2 * GIB / folio_bytes);
	job_cells(s->job, &cell);
	ck_assert_uint_eq(cell.before_bytes[0], seen_bytes());
	ck_assert_uint_eq(cell.before_bytes[1], 0);
	ck_assert_uint_eq(cell.after_bytes[0], 0);
	ck_assert_uint_eq(cell.after_bytes[1], seen_bytes());
}

START_TEST(all_parts_are_booked_as_moved)
{
	static const struct {
		uint64_t folio_bytes;
		enum fake_backing backing;
	} kinds[] = { { GIB, FAKE_HUGETLB },
		      { PAGE_2M_BYTES, FAKE_HUGETLB },
		      { PAGE_2M_BYTES, FAKE_ANON } };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		uint64_t folio_bytes = kinds[i].folio_bytes;
		struct scene *s =
			pc_scene(kernels[_i], folio_bytes, kinds[i].backing);

		scene_job(s);
		scene_run(s);
		check_all_moved_once(s, folio_bytes);
		scene_destroy(s);
	}
}
END_TEST

/* Once, while the first call is in flight. */
static void step_other_lane(struct scene *s, enum fake_op op)
{
	(void)op;
	if (s->arg)
		return;
	s->arg = 1;
	s->turn = job_step(s->job, &s->calls[1], &s->wake_ns);
}

/* The window of the second part shows the page where it was; what the first one
 * has taken is the last free page, and the page needs no other. */
START_TEST(part_of_a_page_in_flight_waits_for_no_room)
{
	struct scene *s = pc_scene(kernels[_i], GIB, FAKE_HUGETLB);
	uint64_t start_ns;

	s->nodes[1]->pool_1g_free = 1;
	s->routes[0].bytes = seen_bytes() - GIB;
	s->spec.pace = pace_config_hurry();
	s->on_move = step_other_lane;
	scene_job(s);
	start_ns = scene_now_ns(s);
	scene_run(s);
	ck_assert_uint_eq(s->arg, 1);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(s->receipt.moved_bytes, seen_bytes() - GIB);
	ck_assert_uint_eq(fake_books(s->fake).moved_folios, 1);
	ck_assert_uint_lt(scene_now_ns(s) - start_ns, NS_PER_S);
	scene_destroy(s);
}
END_TEST

/* The first part is busy, the second one takes the page along; then the first
 * finds it where it is wanted. */
START_TEST(part_that_is_tried_again_is_booked_once)
{
	struct scene *s = pc_scene(kernels[_i], GIB, FAKE_HUGETLB);

	scene_folio(s, 0)->busy_calls = 1;
	scene_job(s);
	scene_run(s);
	check_all_moved_once(s, GIB);
	scene_destroy(s);
}
END_TEST

START_TEST(page_that_does_not_move_is_left_with_all_its_parts)
{
	struct scene *s = pc_scene(kernels[_i], GIB, FAKE_HUGETLB);

	scene_folio(s, 0)->pin_calls = FAKE_ALWAYS;
	scene_job(s);
	scene_run(s);
	ck_assert_int_eq(s->receipt.result, JOB_PARTIAL);
	ck_assert_uint_eq(s->receipt.moved_bytes, GIB);
	scene_check_residue(s, RESIDUE_PINNED, seen_bytes() - GIB,
			    RESIDUE_COUNT);
	scene_destroy(s);
}
END_TEST

/* So much is wanted as the guest sees of one page: another one does not go. */
START_TEST(limit_counts_all_parts)
{
	struct scene *s = pc_scene(kernels[_i], GIB, FAKE_HUGETLB);

	s->routes[0].bytes = seen_bytes() - GIB;
	scene_job(s);
	scene_run(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	ck_assert_uint_eq(fake_books(s->fake).moved_folios, 1);
	ck_assert_uint_eq(s->receipt.moved_bytes, seen_bytes() - GIB);
	ck_assert_uint_eq(s->receipt.already_bytes, GIB);
	scene_destroy(s);
}
END_TEST

/* The whole page is on its way and takes the time, not 640 KiB of it. */
START_TEST(call_has_the_whole_page)
{
	struct scene *s = pc_scene(kernels[_i], GIB, FAKE_HUGETLB);

	scene_job(s);
	while (s->n_calls == 0)
		scene_step(s, 0);
	ck_assert_uint_eq(s->calls[0].n, 1);
	ck_assert_uint_eq(s->calls[0].folios[0].pages, LOW_END / PAGE_4K_BYTES);
	ck_assert_uint_eq(s->calls[0].bytes, GIB);
	scene_run(s);
	scene_destroy(s);
}
END_TEST

/* Two cells of one RAM block whose border lies in the first page, on the side of
 * the first cell or of the second; each cell wants another node. */
static struct scene *border_scene(enum fake_kernel kernel, uint64_t border,
				  int node)
{
	struct scene *s = scene_create(kernel);

	fake_region(s->fake, PID, BASE, 2 * GIB, GIB, node, FAKE_HUGETLB);
	scene_region(s, 0, border, GIB, FAKE_HUGETLB, 0);
	scene_region(s, border, 2 * GIB - border, GIB, FAKE_HUGETLB, 1);
	s->cells[1] = (struct job_cell) { .cell = 1, .home = node_mask_of(2) };
	s->spec.n_cells = 2;
	s->routes[0].from = node;
	s->routes[1] = (struct job_route) {
		.cell = 1, .from = node, .to = 2, .bytes = UINT64_MAX
	};
	s->spec.n_routes = 2;
	s->nodes[1]->pool_1g_free = 2;
	s->nodes[2]->pool_1g_free = 2;
	return s;
}

START_TEST(page_of_two_cells_goes_where_most_of_it_is_wanted)
{
	struct scene *s = border_scene(kernels[_i], 600 * MIB, 0);

	scene_move(s);
	ck_assert_int_eq(scene_folio(s, 0)->node, 1);
	ck_assert_int_eq(scene_folio(s, GIB)->node, 2);
	ck_assert_uint_eq(fake_books(s->fake).moved_folios, 2);
	ck_assert_int_eq(s->receipt.result, JOB_PARTIAL);
	ck_assert_uint_eq(s->receipt.moved_bytes, GIB + 600 * MIB);
	scene_check_residue(s, RESIDUE_UNMOVABLE, 424 * MIB, RESIDUE_COUNT);
	scene_destroy(s);

	s = border_scene(kernels[_i], 400 * MIB, 0);
	scene_move(s);
	ck_assert_int_eq(scene_folio(s, 0)->node, 2);
	ck_assert_uint_eq(fake_books(s->fake).moved_folios, 2);
	ck_assert_uint_eq(s->receipt.moved_bytes, 2 * GIB - 400 * MIB);
	scene_check_residue(s, RESIDUE_UNMOVABLE, 400 * MIB, RESIDUE_COUNT);
	scene_destroy(s);
}
END_TEST

/* Both cells want the same node: the smaller part comes along. */
START_TEST(part_of_another_cell_comes_along)
{
	for (uint64_t border = 400 * MIB; border < GIB; border += 300 * MIB) {
		struct scene *s = border_scene(kernels[_i], border, 0);

		s->cells[1].home = node_mask_of(1);
		s->routes[1].to = 1;
		scene_move(s);
		ck_assert_int_eq(s->receipt.result, JOB_DONE);
		ck_assert_uint_eq(s->receipt.moved_bytes, 2 * GIB);
		ck_assert_uint_eq(fake_books(s->fake).moved_folios, 2);
		scene_destroy(s);
	}
}
END_TEST

/* A job of the cell that has less of the page has no business with it. */
START_TEST(job_of_the_smaller_part_leaves_the_page_alone)
{
	struct scene *s = border_scene(kernels[_i], 600 * MIB, 0);

	s->cells[0] = s->cells[1];
	s->routes[0] = s->routes[1];
	s->spec.n_cells = 1;
	s->spec.n_routes = 1;
	scene_job(s);
	scene_run(s);
	ck_assert_int_eq(scene_folio(s, 0)->node, 0);
	ck_assert_int_eq(scene_folio(s, GIB)->node, 2);
	ck_assert_uint_eq(s->receipt.moved_bytes, GIB);
	scene_check_residue(s, RESIDUE_UNMOVABLE, 424 * MIB, RESIDUE_COUNT);
	scene_destroy(s);
}
END_TEST

static void add_tests(TCase *tests)
{
	const TTest *const all[] = {
		all_parts_are_booked_as_moved,
		part_of_a_page_in_flight_waits_for_no_room,
		part_that_is_tried_again_is_booked_once,
		page_that_does_not_move_is_left_with_all_its_parts,
		limit_counts_all_parts,
		call_has_the_whole_page,
		page_of_two_cells_goes_where_most_of_it_is_wanted,
		part_of_another_cell_comes_along,
		job_of_the_smaller_part_leaves_the_page_alone,
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		tcase_add_loop_test(tests, all[i], 0, KERNELS);
	tcase_set_timeout(tests, 60);
}

int main(void)
{
	return run_tests("move: pages of several regions", add_tests);
}
