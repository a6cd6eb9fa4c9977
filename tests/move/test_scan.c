/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies where: whichever way the kernel and our rights offer, the same
 * memory gives the same counts, with few questions and bounded windows.
 */
#include "move/scan.h"

#include <errno.h>

#include "run.h"
#include "scene.h"

/* Ways to tell huge pages, best first. */
enum means {
	BY_SCAN,
	BY_PAGEMAP,
	BY_NOTHING,
	MEANS
};

static void set_means(struct scene *s, enum means means)
{
	fake_set_pagemap_scan(s->fake, means == BY_SCAN);
	fake_set_pagemap_rights(s->fake, means != BY_NOTHING);
}

/* What a whole walk showed. */
struct walk {
	uint64_t size_bytes; /* looked at */
	uint64_t absent_bytes; /* not there */
	uint64_t node_bytes[NODES_MAX]; /* there */
	uint64_t n_folios; /* entries */
	uint64_t n_windows; /* windows */
	uint64_t queried_pages; /* addresses asked for */
	uint64_t largest_bytes; /* largest window */
};

static struct walk walk_as(struct scene *s, bool is_sampling)
{
	struct scan_cursor cursor = { 0 };
	struct scan_window window;
	struct walk walk = { 0 };
	struct scan scan;

	scene_build_map(s);
	scan_init(&scan, &s->sys, PID);
	ck_assert(!scan.is_sampling);
	scan.is_sampling = is_sampling;
	while (scan_next(&scan, s->map, &cursor, &window) == 1) {
		uint64_t sum = window.absent_bytes;

		for (int node = 0; node < NODES_MAX; node++) {
			walk.node_bytes[node] += window.node_bytes[node];
			sum += window.node_bytes[node];
		}
		if (window.region->backing != BACKING_FILE)
			ck_assert_uint_eq(sum, window.size_bytes);
		ck_assert(is_sampling || window.n_samples == 0);
		for (size_t i = window.n_samples + 1; i < window.n_folios; i++)
			ck_assert_uint_ge(window.folios[i].at.v,
					  window.folios[i - 1].at.v +
						  window.folios[i - 1].pages *
							  PAGE_4K_BYTES);
		walk.size_bytes += window.size_bytes;
		walk.absent_bytes += window.absent_bytes;
		walk.n_folios += window.n_folios;
		walk.n_windows++;
		walk.largest_bytes =
			u64_max(walk.largest_bytes, window.size_bytes);
	}
	walk.queried_pages = scan.queried_pages;
	scan_finish(&scan);
	return walk;
}

/* As a job does. */
static struct walk walk_map(struct scene *s)
{
	return walk_as(s, false);
}

/* Every kind of memory that a guest has, on all nodes. */
static void add_everything(struct scene *s)
{
	scene_memory(s, 0, 64 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	for (uint64_t at = 0; at < 64 * MIB; at += 6 * MIB)
		scene_folio(s, at)->node = 2;
	scene_folio(s, 2 * MIB)->node = NODE_NONE;
	scene_folio(s, 4 * MIB)->pmd_split = true;

	scene_memory(s, GIB, 16 * MIB, PAGE_4K_BYTES, 1, FAKE_ANON, 0);
	scene_folio(s, GIB + 64 * KIB)->is_zero = true;
	scene_folio(s, GIB + 68 * KIB)->is_swapped = true;
	for (uint64_t at = 0; at < PAGE_2M_BYTES; at += PAGE_4K_BYTES)
		scene_folio(s, GIB + 8 * MIB + at)->node = NODE_NONE;

	fake_region(s->fake, PID, BASE + 2 * GIB, 16 * MIB, PAGE_2M_BYTES, 3,
		    FAKE_ANON);
	scene_region(s, 2 * GIB + 0xc0000, 8 * MIB, PAGE_4K_BYTES, FAKE_ANON,
		     0);

	scene_memory(s, 3 * GIB, 32 * MIB, PAGE_2M_BYTES, 2, FAKE_HUGETLB, 0);
	fake_region(s->fake, PID, BASE + 4 * GIB, 4 * GIB, GIB, 1,
		    FAKE_HUGETLB);
	scene_region(s, 4 * GIB + 0x100000, 3 * GIB, GIB, FAKE_HUGETLB, 0);
	scene_memory(s, 8 * GIB, 2 * MIB, PAGE_4K_BYTES, 0, FAKE_SHMEM, 0);
	scene_memory(s, 9 * GIB, 4 * MIB, 64 * KIB, 1, FAKE_ANON, 0);
	scene_memory(s, 10 * GIB, 4 * MIB, PAGE_4K_BYTES, 0, FAKE_DISK, 0);
}

/* By all means, on both kernels, with samples and without. */
START_TEST(all_means_count_the_same)
{
	struct scene *s =
		scene_create(_i / MEANS % 2 ? FAKE_LINUX_6_12 : FAKE_LINUX_6_1);
	struct walk walk;

	set_means(s, _i % MEANS);
	add_everything(s);
	walk = walk_as(s, _i / MEANS / 2);
	ck_assert_uint_eq(walk.size_bytes, 64 * MIB + 16 * MIB + 8 * MIB +
						   32 * MIB + 3 * GIB +
						   10 * MIB);
	ck_assert_uint_eq(walk.absent_bytes,
			  2 * MIB + 2 * MIB + 2 * PAGE_4K_BYTES);
	ck_assert_uint_eq(walk.node_bytes[0], 40 * MIB + 2 * MIB);
	ck_assert_uint_eq(walk.node_bytes[1],
			  14 * MIB - 2 * PAGE_4K_BYTES + 3 * GIB + 4 * MIB);
	ck_assert_uint_eq(walk.node_bytes[2], 22 * MIB + 32 * MIB);
	ck_assert_uint_eq(walk.node_bytes[3], 8 * MIB);
	scene_destroy(s);
}
END_TEST

START_TEST(huge_page_is_asked_for_by_one_address)
{
	struct scene *s = scene_create(FAKE_LINUX_6_12);
	struct walk walk;

	set_means(s, _i);
	scene_memory(s, 0, GIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	walk = walk_map(s);
	ck_assert_uint_eq(walk.queried_pages, 512);
	ck_assert_uint_eq(walk.n_folios, 512);
	scene_destroy(s);
}
END_TEST

START_TEST(small_page_is_asked_for_once)
{
	struct scene *s = scene_create(FAKE_LINUX_6_12);
	struct walk walk;

	set_means(s, _i);
	scene_memory(s, 0, 64 * MIB, PAGE_4K_BYTES, 0, FAKE_ANON, 0);
	walk = walk_map(s);
	ck_assert_uint_eq(walk.queried_pages, 16384);
	scene_destroy(s);
}
END_TEST

/* 1 GiB and some pages, from the middle of a block on: the two blocks at the
 * ends are asked for in full, and what lies outside is not counted. */
START_TEST(samples_stand_for_whole_blocks_only)
{
	struct scene *s = scene_create(FAKE_LINUX_6_12);
	struct walk walk;

	set_means(s, _i);
	fake_region(s->fake, PID, BASE, 2 * GIB, PAGE_4K_BYTES, 1, FAKE_ANON);
	scene_region(s, 0x1ff000, GIB + 0x3000, PAGE_4K_BYTES, FAKE_ANON, 0);
	walk = walk_as(s, true);
	ck_assert_uint_eq(walk.size_bytes, GIB + 0x3000);
	ck_assert_uint_eq(walk.node_bytes[1], GIB + 0x3000);
	ck_assert_uint_eq(walk.queried_pages,
			  _i == BY_SCAN ? 512 * SCAN_SAMPLES + 3
					: (GIB + 0x3000) / PAGE_4K_BYTES);
	scene_destroy(s);
}
END_TEST

START_TEST(huge_pages_cost_the_same_with_samples)
{
	struct scene *s = scene_create(FAKE_LINUX_6_12);

	set_means(s, _i);
	scene_memory(s, 0, GIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	ck_assert_uint_eq(walk_as(s, true).queried_pages, 512);
	scene_destroy(s);
}
END_TEST

START_TEST(windows_are_bounded)
{
	struct scene *s = scene_create(FAKE_LINUX_6_12);
	struct walk walk;

	set_means(s, _i);
	scene_memory(s, 0, 4 * GIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	walk = walk_map(s);
	ck_assert_uint_le(walk.largest_bytes, WINDOW_BYTES_MAX);
	ck_assert_uint_le(walk.n_windows, 16 + 5);
	scene_destroy(s);
}
END_TEST

START_TEST(sparse_tib_costs_few_calls)
{
	struct scene *s = scene_create(FAKE_LINUX_6_12);
	struct fake_books books;
	struct walk walk;

	scene_memory(s, 0, TIB, GIB, NODE_NONE, FAKE_ANON, 0);
	walk = walk_map(s);
	books = fake_books(s->fake);
	ck_assert_uint_eq(walk.absent_bytes, TIB);
	ck_assert_uint_eq(books.where_pages, 0);
	ck_assert_uint_le(books.calls[FAKE_PAGEMAP_SCAN], 4200);
	scene_destroy(s);
}
END_TEST

START_TEST(region_in_the_middle_of_one_huge_page_is_counted)
{
	struct scene *s = scene_create(FAKE_LINUX_6_12);
	struct walk walk;

	set_means(s, _i);
	fake_region(s->fake, PID, BASE, 2 * MIB, PAGE_2M_BYTES, 1, FAKE_ANON);
	scene_region(s, 0x3000, 0x5000, PAGE_4K_BYTES, FAKE_ANON, 0);
	walk = walk_map(s);
	ck_assert_uint_eq(walk.size_bytes, 0x5000);
	ck_assert_uint_eq(walk.node_bytes[1], 0x5000);
	scene_destroy(s);
}
END_TEST

START_TEST(unaligned_region_of_many_windows_is_counted_once)
{
	struct scene *s = scene_create(FAKE_LINUX_6_12);
	struct walk walk;

	set_means(s, _i);
	fake_region(s->fake, PID, BASE, 2 * GIB, PAGE_2M_BYTES, 1, FAKE_ANON);
	scene_region(s, 0x1ff000, GIB + 0x7000, PAGE_4K_BYTES, FAKE_ANON, 0);
	walk = walk_map(s);
	ck_assert_uint_eq(walk.size_bytes, GIB + 0x7000);
	ck_assert_uint_eq(walk.node_bytes[1], GIB + 0x7000);
	scene_destroy(s);
}
END_TEST

static const int refusals[] = { -ESRCH, -EPERM, -EINVAL };

START_TEST(process_that_cannot_be_asked_is_an_error)
{
	struct scene *s = scene_create(FAKE_LINUX_6_12);
	struct scan_cursor cursor = { 0 };
	struct scan_window window;
	struct scan scan;

	scene_memory(s, 0, 64 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	scene_build_map(s);
	fake_fault(s->fake, FAKE_PAGES_WHERE, 1, refusals[_i]);
	scan_init(&scan, &s->sys, PID);
	ck_assert_int_eq(scan_next(&scan, s->map, &cursor, &window),
			 refusals[_i]);
	ck_assert_int_eq(scan_next(&scan, s->map, &cursor, &window), 1);
	ck_assert_uint_eq(window.region->gpa.v, 0);
	scan_finish(&scan);
	scene_destroy(s);
}
END_TEST

START_TEST(scan_pages_asks_for_each_page)
{
	struct scene *s = scene_create(FAKE_LINUX_6_12);
	struct scan_window window;
	struct scan scan;

	scene_memory(s, 0, 4 * MIB, PAGE_4K_BYTES, 2, FAKE_ANON, 0);
	scene_folio(s, 0x3000)->node = NODE_NONE;
	scene_build_map(s);
	scan_init(&scan, &s->sys, PID);
	ck_assert_int_eq(scan_pages(&scan, &s->map->regions[0],
				    (struct hva) { BASE + 0x1000 }, 511,
				    &window),
			 0);
	ck_assert_uint_eq(window.size_bytes, 511 * PAGE_4K_BYTES);
	ck_assert_uint_eq(window.absent_bytes, PAGE_4K_BYTES);
	ck_assert_uint_eq(window.node_bytes[2], 510 * PAGE_4K_BYTES);
	ck_assert_uint_eq(window.n_folios, 510);
	scan_finish(&scan);
	scan_finish(&scan);
	scene_destroy(s);
}
END_TEST

START_TEST(fault_of_a_better_way_falls_back_to_the_next)
{
	struct scene *s = scene_create(FAKE_LINUX_6_12);
	struct walk walk;

	fake_fault(s->fake, FAKE_PAGEMAP_SCAN, 2, -EIO);
	fake_fault(s->fake, FAKE_PAGEMAP_READ, 30, -EIO);
	scene_memory(s, 0, GIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	walk = walk_map(s);
	ck_assert_uint_eq(walk.node_bytes[0], GIB);
	scene_destroy(s);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, all_means_count_the_same, 0, 4 * MEANS);
	tcase_add_loop_test(tests, huge_page_is_asked_for_by_one_address, 0,
			    BY_NOTHING);
	tcase_add_loop_test(tests, small_page_is_asked_for_once, 0, MEANS);
	tcase_add_loop_test(tests, samples_stand_for_whole_blocks_only, 0,
			    MEANS);
	tcase_add_loop_test(tests, huge_pages_cost_the_same_with_samples, 0,
			    BY_NOTHING);
	tcase_add_loop_test(tests, windows_are_bounded, 0, MEANS);
	tcase_add_test(tests, sparse_tib_costs_few_calls);
	tcase_add_loop_test(tests,
			    region_in_the_middle_of_one_huge_page_is_counted, 0,
			    MEANS);
	tcase_add_loop_test(tests,
			    unaligned_region_of_many_windows_is_counted_once, 0,
			    MEANS);
	tcase_add_loop_test(tests, process_that_cannot_be_asked_is_an_error, 0,
			    (int)(sizeof(refusals) / sizeof(*refusals)));
	tcase_add_test(tests, scan_pages_asks_for_each_page);
	tcase_add_test(tests, fault_of_a_better_way_falls_back_to_the_next);
	tcase_set_timeout(tests, 60);
}

int main(void)
{
	return run_tests("move: scanning", add_tests);
}
