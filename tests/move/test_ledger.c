/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges of residue: noting, forgetting, merging, splitting, and the cap. */
#include "move/ledger.h"

#include <string.h>

#include "run.h"

static void note(struct ledger *ledger, uint64_t gpa, uint64_t size_bytes,
		 enum residue residue, int cell)
{
	struct ledger_range range = { { gpa }, size_bytes, residue, cell };

	ledger_note(ledger, &range);
}

START_TEST(ranges_that_touch_and_are_alike_become_one)
{
	struct ledger ledger;

	ledger_init(&ledger);
	note(&ledger, 0, 10, RESIDUE_BUSY, 0);
	note(&ledger, 20, 10, RESIDUE_BUSY, 0);
	ck_assert_uint_eq(ledger.n_ranges, 2);
	note(&ledger, 10, 10, RESIDUE_BUSY, 0);
	ck_assert_uint_eq(ledger.n_ranges, 1);
	ck_assert_uint_eq(ledger.ranges[0].size_bytes, 30);
	ledger_finish(&ledger);
}
END_TEST

START_TEST(ranges_of_other_class_or_cell_stay_apart)
{
	struct ledger ledger;

	ledger_init(&ledger);
	note(&ledger, 0, 10, RESIDUE_BUSY, 0);
	note(&ledger, 10, 10, RESIDUE_PINNED, 0);
	note(&ledger, 20, 10, RESIDUE_PINNED, 1);
	ck_assert_uint_eq(ledger.n_ranges, 3);
	ledger_finish(&ledger);
}
END_TEST

START_TEST(newer_note_replaces_the_part_it_covers)
{
	struct ledger ledger;

	ledger_init(&ledger);
	note(&ledger, 0, 30, RESIDUE_BUSY, 0);
	note(&ledger, 10, 10, RESIDUE_PINNED, 0);
	ck_assert_uint_eq(ledger.n_ranges, 3);
	ck_assert_int_eq(ledger_find(&ledger, (struct gpa) { 9 })->residue,
			 RESIDUE_BUSY);
	ck_assert_int_eq(ledger_find(&ledger, (struct gpa) { 10 })->residue,
			 RESIDUE_PINNED);
	ck_assert_int_eq(ledger_find(&ledger, (struct gpa) { 20 })->residue,
			 RESIDUE_BUSY);
	ck_assert_ptr_null(ledger_find(&ledger, (struct gpa) { 30 }));
	ledger_finish(&ledger);
}
END_TEST

/* A DIMM is gone, and a region between two has shrunk. */
START_TEST(what_is_not_in_the_map_is_forgotten)
{
	const struct region regions[] = {
		{ .gpa = { 0x1000 },
		  .size_bytes = 0x3000,
		  .hva = { 0x10000 },
		  .page_bytes = PAGE_4K_BYTES },
		{ .gpa = { 0x8000 },
		  .size_bytes = 0x1000,
		  .hva = { 0x20000 },
		  .page_bytes = PAGE_4K_BYTES },
	};
	struct guest_map *map;
	struct ledger ledger;
	struct why why;

	ck_assert_int_eq(guest_map_build(regions, 2, &map, &why), 0);
	ledger_init(&ledger);
	note(&ledger, 0, 0x2000, RESIDUE_BUSY, 0);
	note(&ledger, 0x2000, 0x7000, RESIDUE_PINNED, 0);
	note(&ledger, 0x100000000, 0x1000, RESIDUE_SHARED, 1);
	ledger_keep(&ledger, map);
	ck_assert_uint_eq(ledger.n_ranges, 3);
	ck_assert_uint_eq(ledger.ranges[0].gpa.v, 0x1000);
	ck_assert_uint_eq(ledger.ranges[0].size_bytes, 0x1000);
	ck_assert_uint_eq(ledger.ranges[1].gpa.v, 0x2000);
	ck_assert_uint_eq(ledger.ranges[1].size_bytes, 0x2000);
	ck_assert_uint_eq(ledger.ranges[2].gpa.v, 0x8000);
	ck_assert_uint_eq(ledger.ranges[2].size_bytes, 0x1000);
	ledger_finish(&ledger);
	guest_map_unref(map);
}
END_TEST

START_TEST(forgetting_cuts_ranges)
{
	struct ledger ledger;

	ledger_init(&ledger);
	ledger_forget(&ledger, (struct gpa) { 0 }, 100);
	note(&ledger, 0, 10, RESIDUE_BUSY, 0);
	note(&ledger, 20, 20, RESIDUE_BUSY, 0);
	note(&ledger, 60, 10, RESIDUE_BUSY, 0);
	ledger_forget(&ledger, (struct gpa) { 5 }, 60);
	ck_assert_uint_eq(ledger.n_ranges, 2);
	ck_assert_uint_eq(ledger.ranges[0].size_bytes, 5);
	ck_assert_uint_eq(ledger.ranges[1].gpa.v, 65);
	ck_assert_uint_eq(ledger.ranges[1].size_bytes, 5);
	ledger_finish(&ledger);
}
END_TEST

START_TEST(full_ledger_counts_what_it_does_not_list)
{
	struct ledger ledger;

	ledger_init(&ledger);
	for (uint64_t i = 0; i < LEDGER_RANGES_MAX + 10; i++)
		note(&ledger, i * 20, 10, RESIDUE_BUSY, 0);
	ck_assert_uint_eq(ledger.n_ranges, LEDGER_RANGES_MAX);
	ck_assert_uint_eq(ledger.unlisted_bytes, 100);
	note(&ledger, 10, 10, RESIDUE_BUSY, 0);
	ck_assert_uint_eq(ledger.n_ranges, LEDGER_RANGES_MAX - 1);
	ledger_finish(&ledger);
}
END_TEST

START_TEST(copy_is_independent)
{
	struct ledger ledger, copy, empty;

	ledger_init(&ledger);
	ledger_copy(&ledger, &empty);
	note(&ledger, 0, 10, RESIDUE_BUSY, 0);
	ledger_copy(&ledger, &copy);
	note(&ledger, 100, 10, RESIDUE_BUSY, 0);
	note(&copy, 200, 10, RESIDUE_PINNED, 0);
	ck_assert_uint_eq(empty.n_ranges, 0);
	ck_assert_uint_eq(ledger.n_ranges, 2);
	ck_assert_uint_eq(copy.n_ranges, 2);
	ck_assert_uint_eq(copy.ranges[0].size_bytes, 10);
	ledger_finish(&ledger);
	ledger_finish(&copy);
	ledger_finish(&empty);
}
END_TEST

#define BYTES 400

/* What the ledger should hold: a mark for each byte, 0 none. */
static void compare(const struct ledger *ledger, const uint8_t *bytes)
{
	for (uint64_t at = 0; at < BYTES; at++) {
		const struct ledger_range *range =
			ledger_find(ledger, (struct gpa) { at });
		int mark =
			range ? 1 + (int)range->residue + 16 * range->cell : 0;

		if (mark != bytes[at])
			ck_abort_msg("byte %d: %d, not %d", (int)at, mark,
				     bytes[at]);
	}
	for (size_t i = 1; i < ledger->n_ranges; i++)
		if (ledger->ranges[i].gpa.v <
		    ledger->ranges[i - 1].gpa.v +
			    ledger->ranges[i - 1].size_bytes)
			ck_abort_msg("range %zu overlaps", i);
}

START_TEST(any_sequence_agrees_with_a_mark_for_each_byte)
{
	uint64_t state = (uint64_t)_i * 2654435761u + 1;
	uint8_t bytes[BYTES] = { 0 };
	struct ledger ledger;

	ledger_init(&ledger);
	for (int step = 0; step < 500; step++) {
		uint64_t gpa, size;
		enum residue residue;
		int cell;

		state = state * 6364136223846793005ull + 1442695040888963407ull;
		gpa = (state >> 33) % (BYTES - 1);
		size = 1 + (state >> 13) % 40 % (BYTES - gpa);
		residue = (enum residue)((state >> 45) % 3);
		cell = (int)(state >> 50) & 1;
		if (state >> 62 == 0) {
			ledger_forget(&ledger, (struct gpa) { gpa }, size);
			memset(bytes + gpa, 0, size);
		} else {
			note(&ledger, gpa, size, residue, cell);
			memset(bytes + gpa, 1 + (int)residue + 16 * cell, size);
		}
		compare(&ledger, bytes);
	}
	ledger_finish(&ledger);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, ranges_that_touch_and_are_alike_become_one);
	tcase_add_test(tests, ranges_of_other_class_or_cell_stay_apart);
	tcase_add_test(tests, newer_note_replaces_the_part_it_covers);
	tcase_add_test(tests, forgetting_cuts_ranges);
	tcase_add_test(tests, what_is_not_in_the_map_is_forgotten);
	tcase_add_test(tests, full_ledger_counts_what_it_does_not_list);
	tcase_add_test(tests, copy_is_independent);
	tcase_add_loop_test(
		tests, any_sequence_agrees_with_a_mark_for_each_byte, 0, 20);
}

int main(void)
{
	return run_tests("move: the ledger", add_tests);
}
