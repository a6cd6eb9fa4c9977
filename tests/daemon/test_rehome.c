/* SPDX-License-Identifier: Apache-2.0 */
/* When a re-homing is needed, and when cpusets cannot do what is ordered. */
#include "rehome.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon.h"

#define N(array) ((int)(sizeof(array) / sizeof((array)[0])))
#define NONE     NODE_NONE

/* Two cells of 1 GiB each, all of a cell on one node. Masks of nodes in
 * binary. */
static const struct {
	const char *what; /* the case */
	int node[2]; /* where each cell lies */
	uint64_t bound[2]; /* what numatune strict binds it to */
	uint64_t cpuset; /* what the guest may use */
	int to[2]; /* where the order wants it, NODE_NONE: left out */
	bool is_needed; /* expected */
	int err; /* expected of rehome_check() */
} cases[] = {
	{ "one node to another", { 0, 0 }, { 1, 1 }, 1, { 1, 1 }, true, 0 },
	{ "and back", { 1, 1 }, { 2, 2 }, 2, { 0, 0 }, true, 0 },
	{ "both cells, in their order",
	  { 0, 1 },
	  { 1, 2 },
	  3,
	  { 2, 3 },
	  true,
	  0 },
	{ "down again", { 2, 3 }, { 4, 8 }, 12, { 0, 1 }, true, 0 },
	{ "crosswise", { 0, 1 }, { 1, 2 }, 3, { 3, 2 }, true, -EINVAL },
	{ "places swapped", { 0, 1 }, { 1, 2 }, 3, { 1, 0 }, true, -EINVAL },
	{ "gathered", { 0, 1 }, { 1, 2 }, 3, { 0, 0 }, true, 0 },
	{ "one cell past the other",
	  { 0, 1 },
	  { 1, 2 },
	  3,
	  { 2, NONE },
	  true,
	  -EINVAL },
	{ "the upper cell further up",
	  { 0, 1 },
	  { 1, 2 },
	  3,
	  { NONE, 3 },
	  true,
	  0 },
	{ "bound to both, parted", { 0, 1 }, { 3, 3 }, 3, { 2, 3 }, true, 0 },
	{ "cpuset alone", { 0, 0 }, { 0, 0 }, 1, { 3, 2 }, true, 0 },
	{ "inside what is allowed", { 0, 0 }, { 3, 3 }, 3, { 1, 1 }, false, 0 },
};

START_TEST(what_cpusets_can_do_is_told_from_what_they_cannot)
{
	struct guest *guest = calloc(1, sizeof(*guest));
	struct snap_cell cells[2] = { { .id = 0 }, { .id = 1 } };
	struct plan_move moves[2];
	struct plan plan = { .moves = moves };
	struct job_order order = { 0 };
	struct why why;

	ck_assert_ptr_nonnull(guest);
	guest->cells = cells;
	guest->n_cells = 2;
	guest->mems_allowed.bits = cases[_i].cpuset;
	for (int c = 0; c < 2; c++) {
		cells[c].bound.bits = cases[_i].bound[c];
		cells[c].node_bytes[cases[_i].node[c]] = GIB;
		if (cases[_i].to[c] == NONE)
			continue;
		order.cells[order.n_cells++] = (struct request_cell) {
			.cell = c,
			.to = node_mask_of(cases[_i].to[c]),
		};
		if (cases[_i].to[c] == cases[_i].node[c])
			continue;
		moves[plan.n_moves++] = (struct plan_move) {
			.cell = c,
			.from = cases[_i].node[c],
			.to = cases[_i].to[c],
			.bytes = GIB,
		};
	}
	ck_assert_msg(rehome_is_needed(guest, &plan) == cases[_i].is_needed,
		      "%s", cases[_i].what);
	ck_assert_msg(rehome_check(guest, &order, &plan, &why) == cases[_i].err,
		      "%s", cases[_i].what);
	free(guest);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rehome");
	TCase *tc = tcase_create("rehome");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tc,
			    what_cpusets_can_do_is_told_from_what_they_cannot,
			    0, N(cases));
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
