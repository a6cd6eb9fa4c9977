/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest/map.c: what a guest map accepts, what it refuses with which words, and
 * that lookups agree with a linear search.
 */
#include "guest/map.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOW_HVA  0x7f0000000000ull
#define HIGH_HVA 0x7e0000000000ull

static struct region anon(uint64_t gpa, uint64_t size, uint64_t hva, int cell,
			  const char *block)
{
	struct region r = {
		.gpa = { gpa },
		.size_bytes = size,
		.hva = { hva },
		.page_bytes = PAGE_4K_BYTES,
		.backing = BACKING_ANON,
		.cell = cell,
	};

	strncpy(r.block, block, sizeof(r.block) - 1);
	return r;
}

/* A 5 GiB pc with two cells, as QEMU 7.2 lays it out, in no order. */
static struct guest_map *pc_map(void)
{
	const struct region r[] = {
		anon(4 * GIB, 2 * GIB, HIGH_HVA + 512 * MIB, 1, "ram-node1"),
		anon(0, 0xa0000, LOW_HVA, 0, "ram-node0"),
		anon(0xa0000000, 512 * MIB, HIGH_HVA, 1, "ram-node1"),
		anon(MIB, 0xa0000000 - MIB, LOW_HVA + MIB, 0, "ram-node0"),
	};
	struct guest_map *map = NULL;

	ck_assert_int_eq(guest_map_build(r, 4, &map, NULL), 0);
	return map;
}

START_TEST(regions_come_out_sorted_by_guest_address)
{
	struct guest_map *map = pc_map();

	ck_assert_uint_eq(map->n_regions, 4);
	for (size_t i = 1; i < map->n_regions; i++)
		ck_assert_uint_lt(map->regions[i - 1].gpa.v,
				  map->regions[i].gpa.v);
	ck_assert_uint_eq(map->total_bytes, 5 * GIB - (MIB - 0xa0000));
	guest_map_unref(map);
}
END_TEST

START_TEST(bytes_of_a_cell_are_the_sum_of_its_regions)
{
	struct guest_map *map = pc_map();

	ck_assert_uint_eq(guest_map_cell_bytes(map, 0),
			  0xa0000000 - (MIB - 0xa0000));
	ck_assert_uint_eq(guest_map_cell_bytes(map, 1), 2 * GIB + 512 * MIB);
	ck_assert_uint_eq(guest_map_cell_bytes(map, 2), 0);
	ck_assert_int_eq(guest_map_n_cells(map), 2);
	guest_map_unref(map);
}
END_TEST

static const struct {
	const char *what;
	uint64_t gpa;
	uint64_t hva; /* 0: not in the map */
} lookups[] = {
	{ "first byte", 0, LOW_HVA },
	{ "last byte below the VGA window", 0x9ffff, LOW_HVA + 0x9ffff },
	{ "VGA window", 0xa0000, 0 },
	{ "last byte of the ROM area", 0xfffff, 0 },
	{ "1 MiB", 0x100000, LOW_HVA + 0x100000 },
	{ "first byte of cell 1", 0xa0000000, HIGH_HVA },
	{ "PCI hole", 0xc0000000, 0 },
	{ "4 GiB", 4 * GIB, HIGH_HVA + 512 * MIB },
	{ "last byte", 6 * GIB - 1, HIGH_HVA + 2 * GIB + 512 * MIB - 1 },
	{ "one past the end", 6 * GIB, 0 },
	{ "end of the address space", UINT64_MAX, 0 },
};

START_TEST(addresses_translate_both_ways_and_holes_do_not)
{
	struct guest_map *map = pc_map();
	struct hva hva = { 0 };
	struct gpa gpa = { 0 };
	bool found =
		guest_map_to_hva(map, (struct gpa) { lookups[_i].gpa }, &hva);

	ck_assert_msg(found == (lookups[_i].hva != 0), "%s", lookups[_i].what);
	if (found) {
		ck_assert_uint_eq(hva.v, lookups[_i].hva);
		ck_assert(guest_map_to_gpa(map, hva, &gpa));
		ck_assert_uint_eq(gpa.v, lookups[_i].gpa);
	}
	guest_map_unref(map);
}
END_TEST

START_TEST(host_address_outside_every_region_is_not_found)
{
	struct guest_map *map = pc_map();
	struct gpa gpa;

	ck_assert(!guest_map_to_gpa(map, (struct hva) { 0 }, &gpa));
	ck_assert(!guest_map_to_gpa(map, (struct hva) { LOW_HVA - 1 }, &gpa));
	ck_assert(!guest_map_to_gpa(map, (struct hva) { LOW_HVA + 0xa0000 },
				    &gpa));
	guest_map_unref(map);
}
END_TEST

#define PAGE PAGE_4K_BYTES

static const struct {
	const char *words; /* in the reason */
	uint64_t gpa, size, hva, page;
	int cell;
} bad_regions[] = {
	{ "is empty", 0, 0, LOW_HVA, PAGE, 0 },
	{ "not aligned", 0x800, PAGE, LOW_HVA, PAGE, 0 },
	{ "not aligned", 0, PAGE, LOW_HVA + 1, PAGE, 0 },
	{ "not aligned", 0, PAGE + 512, LOW_HVA, PAGE, 0 },
	{ "wraps", UINT64_MAX - PAGE + 1, PAGE, LOW_HVA, PAGE, 0 },
	{ "wraps", 0, 1ull << 50, UINT64_MAX - 0xffff, PAGE, 0 },
	{ "wraps", PAGE, UINT64_MAX - PAGE + 1, 0, PAGE, 0 },
	{ "page size", 0, PAGE, LOW_HVA, 0, 0 },
	{ "page size", 0, PAGE, LOW_HVA, 512, 0 },
	{ "page size", 0, PAGE, LOW_HVA, 3 * PAGE, 0 },
	{ "cell", 0, PAGE, LOW_HVA, PAGE, -1 },
	{ "cell", 0, PAGE, LOW_HVA, PAGE, GUEST_CELLS_MAX },
};

START_TEST(impossible_region_is_refused_with_its_reason)
{
	struct region r[2];
	struct guest_map *map = NULL;
	struct why why = { "" };

	r[0] = anon(1 * TIB, MIB, 0x10000000, 0, "fine");
	r[1] = anon(bad_regions[_i].gpa, bad_regions[_i].size,
		    bad_regions[_i].hva, bad_regions[_i].cell, "bad");
	r[1].page_bytes = bad_regions[_i].page;
	ck_assert_int_eq(guest_map_build(r, 2, &map, &why), -EINVAL);
	ck_assert_ptr_null(map);
	ck_assert_msg(strstr(why.text, bad_regions[_i].words) != NULL,
		      "\"%s\" lacks \"%s\"", why.text, bad_regions[_i].words);
	ck_assert(strstr(why.text, "\"bad\"") != NULL);
}
END_TEST

START_TEST(guest_ranges_that_overlap_are_refused)
{
	const struct region r[] = {
		anon(MIB, 2 * MIB, LOW_HVA, 0, "a"),
		anon(2 * MIB, 2 * MIB, HIGH_HVA, 0, "b"),
	};
	struct guest_map *map = NULL;
	struct why why;

	ck_assert_int_eq(guest_map_build(r, 2, &map, &why), -EINVAL);
	ck_assert(strstr(why.text, "overlaps") != NULL);
}
END_TEST

START_TEST(two_guest_ranges_in_one_place_of_qemu_are_refused)
{
	const struct region r[] = {
		anon(0, 2 * MIB, LOW_HVA, 0, "a"),
		anon(4 * MIB, 2 * MIB, LOW_HVA + MIB, 0, "a"),
	};
	struct guest_map *map = NULL;
	struct why why;

	ck_assert_int_eq(guest_map_build(r, 2, &map, &why), -EINVAL);
	ck_assert(strstr(why.text, "shares its place") != NULL);
}
END_TEST

START_TEST(no_region_at_all_is_refused)
{
	struct guest_map *map = NULL;
	struct why why;

	ck_assert_int_eq(guest_map_build(NULL, 0, &map, &why), -EINVAL);
	ck_assert(strstr(why.text, "no guest memory") != NULL);
}
END_TEST

START_TEST(up_to_4096_regions_are_taken_and_one_more_is_refused)
{
	struct region *r = calloc(GUEST_REGIONS_MAX + 1, sizeof(*r));
	struct guest_map *map = NULL;
	struct why why;

	for (size_t i = 0; i <= GUEST_REGIONS_MAX; i++)
		r[i] = anon(i * 2 * PAGE, PAGE, LOW_HVA + i * PAGE, 0, "r");
	ck_assert_int_eq(guest_map_build(r, GUEST_REGIONS_MAX + 1, &map, &why),
			 -E2BIG);
	ck_assert_int_eq(guest_map_build(r, GUEST_REGIONS_MAX, &map, &why), 0);
	ck_assert_uint_eq(map->n_regions, GUEST_REGIONS_MAX);
	guest_map_unref(map);
	free(r);
}
END_TEST

static const struct {
	const char *what;
	struct region second; /* beside [0, 2 MiB) of "a" */
	size_t n_regions;
} merges[] = {
	{ "alike and touching in both spaces",
	  { { 2 * MIB },
	    MIB,
	    { LOW_HVA + 2 * MIB },
	    PAGE,
	    BACKING_ANON,
	    false,
	    0,
	    "a" },
	  1 },
	{ "a hole in QEMU between them",
	  { { 2 * MIB },
	    MIB,
	    { LOW_HVA + 3 * MIB },
	    PAGE,
	    BACKING_ANON,
	    false,
	    0,
	    "a" },
	  2 },
	{ "a hole in the guest between them",
	  { { 3 * MIB },
	    MIB,
	    { LOW_HVA + 2 * MIB },
	    PAGE,
	    BACKING_ANON,
	    false,
	    0,
	    "a" },
	  2 },
	{ "another block",
	  { { 2 * MIB },
	    MIB,
	    { LOW_HVA + 2 * MIB },
	    PAGE,
	    BACKING_ANON,
	    false,
	    0,
	    "b" },
	  2 },
	{ "another cell",
	  { { 2 * MIB },
	    MIB,
	    { LOW_HVA + 2 * MIB },
	    PAGE,
	    BACKING_ANON,
	    false,
	    1,
	    "a" },
	  2 },
	{ "another backing",
	  { { 2 * MIB },
	    MIB,
	    { LOW_HVA + 2 * MIB },
	    PAGE,
	    BACKING_MEMFD,
	    true,
	    0,
	    "a" },
	  2 },
};

START_TEST(only_neighbours_that_are_alike_become_one)
{
	struct region r[2];
	struct guest_map *map = NULL;

	r[0] = merges[_i].second;
	r[1] = anon(0, 2 * MIB, LOW_HVA, 0, "a");
	ck_assert_int_eq(guest_map_build(r, 2, &map, NULL), 0);
	ck_assert_msg(map->n_regions == merges[_i].n_regions, "%s",
		      merges[_i].what);
	ck_assert_uint_eq(map->total_bytes, 3 * MIB);
	guest_map_unref(map);
}
END_TEST

/* A small generator of our own: the same numbers on every machine. */
static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return *state >> 33;
}

START_TEST(random_candidates_give_a_sound_map_or_a_refusal)
{
	uint64_t state = 1000 + (uint64_t)_i;
	struct region r[12];
	struct guest_map *map = NULL;
	size_t n = 1 + next_random(&state) % 12;

	for (size_t i = 0; i < n; i++)
		r[i] = anon(next_random(&state) % 64 * PAGE,
			    next_random(&state) % 6 * PAGE,
			    LOW_HVA + next_random(&state) % 256 * PAGE, 0, "r");
	if (guest_map_build(r, n, &map, NULL) != 0)
		return;
	for (uint64_t page = 0; page < 80; page++) {
		struct gpa gpa = { page * PAGE };
		struct gpa back;
		struct hva hva;
		size_t holders = 0;

		for (size_t i = 0; i < n; i++)
			holders += gpa.v >= r[i].gpa.v &&
				   gpa.v - r[i].gpa.v < r[i].size_bytes;
		ck_assert_uint_le(holders, 1);
		ck_assert(guest_map_to_hva(map, gpa, &hva) == (holders == 1));
		if (holders == 0)
			continue;
		ck_assert(guest_map_to_gpa(map, hva, &back));
		ck_assert_uint_eq(back.v, gpa.v);
	}
	guest_map_unref(map);
}
END_TEST

START_TEST(map_lives_until_its_last_owner_lets_go)
{
	struct guest_map *map = pc_map();
	struct guest_map *mine = guest_map_ref(map);

	guest_map_unref(map);
	ck_assert_uint_eq(guest_map_cell_bytes(mine, 1), 2 * GIB + 512 * MIB);
	guest_map_unref(mine);
	guest_map_unref(NULL);
}
END_TEST

START_TEST(equal_maps_are_told_from_changed_ones)
{
	struct guest_map *a = pc_map();
	struct guest_map *b = pc_map();
	struct guest_map *c = NULL;

	ck_assert(guest_map_is_equal(a, b));
	ck_assert_int_eq(guest_map_build(a->regions, 3, &c, NULL), 0);
	ck_assert(!guest_map_is_equal(a, c));
	b->regions[1].hva.v += PAGE;
	ck_assert(!guest_map_is_equal(a, b));
	guest_map_unref(a);
	guest_map_unref(b);
	guest_map_unref(c);
}
END_TEST

#define N(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
	Suite *suite = suite_create("map");
	TCase *tc = tcase_create("map");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tc, regions_come_out_sorted_by_guest_address);
	tcase_add_test(tc, bytes_of_a_cell_are_the_sum_of_its_regions);
	tcase_add_loop_test(tc, addresses_translate_both_ways_and_holes_do_not,
			    0, N(lookups));
	tcase_add_test(tc, host_address_outside_every_region_is_not_found);
	tcase_add_loop_test(tc, impossible_region_is_refused_with_its_reason, 0,
			    N(bad_regions));
	tcase_add_test(tc, guest_ranges_that_overlap_are_refused);
	tcase_add_test(tc, two_guest_ranges_in_one_place_of_qemu_are_refused);
	tcase_add_test(tc, no_region_at_all_is_refused);
	tcase_add_test(tc,
		       up_to_4096_regions_are_taken_and_one_more_is_refused);
	tcase_add_loop_test(tc, only_neighbours_that_are_alike_become_one, 0,
			    N(merges));
	tcase_add_loop_test(tc, random_candidates_give_a_sound_map_or_a_refusal,
			    0, 300);
	tcase_add_test(tc, map_lives_until_its_last_owner_lets_go);
	tcase_add_test(tc, equal_maps_are_told_from_changed_ones);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
