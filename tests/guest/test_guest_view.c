/* SPDX-License-Identifier: Apache-2.0 */
/* guest/guest_view.c: what a snapshot says of the pages behind a guest. */
#include "guest/guest.h"

#include <check.h>
#include <stdlib.h>

#include "config.h"

#define HVA 0x7f0000000000ull

/* A region of a cell at gpa, with pages of that size. */
static struct region paged(uint64_t gpa, uint64_t size_bytes,
			   uint64_t page_bytes, int cell)
{
	return (struct region) {
		.gpa = { gpa },
		.size_bytes = size_bytes,
		.hva = { HVA + gpa },
		.page_bytes = page_bytes,
		.backing = page_bytes > PAGE_4K_BYTES ? BACKING_HUGETLB
						      : BACKING_ANON,
		.cell = cell,
		.block = "ram",
	};
}

/* A guest of two cells with that main memory; cell 0 has video memory too, in
 * small pages. */
static void snapshot_of(const uint64_t page_bytes[2], struct snap_cell cells[2],
			struct snap_guest *ret_snap)
{
	const struct region regions[] = {
		paged(0, GIB, page_bytes[0], 0),
		paged(2 * GIB, 16 * MIB, PAGE_4K_BYTES, 0),
		paged(4 * GIB, 2 * GIB, page_bytes[1], 1),
	};
	struct config *config = calloc(1, sizeof(*config));
	struct guest *guest = calloc(1, sizeof(*guest));
	struct guest_env env = { .config = config };
	char name[] = "web";

	ck_assert(config && guest);
	cells[0] = (struct snap_cell) { .id = 0 };
	cells[1] = (struct snap_cell) { .id = 1 };
	guest->env = &env;
	guest->name = name;
	guest->cells = cells;
	guest->n_cells = 2;
	ck_assert_int_eq(guest_map_build(regions, 3, &guest->built.map, NULL),
			 0);
	guest_snapshot(guest, ret_snap);
	guest_map_unref(guest->built.map);
	free(guest);
	free(config);
}

static const struct {
	const char *what; /* the case */
	uint64_t page_bytes[2]; /* of the cells */
	uint64_t largest_bytes; /* is said */
	uint64_t pool_bytes[2]; /* is said of the cells */
} cases[] = {
	{ "no pool", { PAGE_4K_BYTES, PAGE_4K_BYTES }, 0, { 0, 0 } },
	{ "a pool",
	  { PAGE_2M_BYTES, PAGE_2M_BYTES },
	  PAGE_2M_BYTES,
	  { GIB, 2 * GIB } },
	{ "one cell alone",
	  { PAGE_4K_BYTES, PAGE_2M_BYTES },
	  PAGE_2M_BYTES,
	  { 0, 2 * GIB } },
	{ "two pools", { GIB, PAGE_2M_BYTES }, GIB, { GIB, 0 } },
};

START_TEST(snapshot_tells_the_pages_of_pools)
{
	struct snap_cell cells[2];
	struct snap_guest snap;

	snapshot_of(cases[_i].page_bytes, cells, &snap);
	ck_assert_msg(snap.page_bytes == cases[_i].largest_bytes, "%s",
		      cases[_i].what);
	ck_assert_uint_eq(snap.ram_bytes, 3 * GIB + 16 * MIB);
	for (int i = 0; i < 2; i++)
		ck_assert_msg(cells[i].pool_bytes == cases[_i].pool_bytes[i],
			      "%s: cell %d", cases[_i].what, i);
}
END_TEST

START_TEST(snapshot_without_a_map_tells_nothing_of_pages)
{
	struct config *config = calloc(1, sizeof(*config));
	struct guest *guest = calloc(1, sizeof(*guest));
	struct guest_env env = { .config = config };
	struct snap_guest snap;
	char name[] = "web";

	ck_assert(config && guest);
	guest->env = &env;
	guest->name = name;
	guest_snapshot(guest, &snap);
	ck_assert_uint_eq(snap.page_bytes, 0);
	ck_assert(snap.gates & GATE_NO_MAP);
	free(guest);
	free(config);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("guest view");
	TCase *tc = tcase_create("guest view");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tc, snapshot_tells_the_pages_of_pools, 0,
			    (int)(sizeof(cases) / sizeof(*cases)));
	tcase_add_test(tc, snapshot_without_a_map_tells_nothing_of_pages);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
