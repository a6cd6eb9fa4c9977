/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole plans as text, compared with golden/NAME.txt. A reviewer reads there
 * what a change of policy does. UPDATE_GOLDEN=1 in the environment writes the
 * files anew instead.
 */
#include <stdio.h>
#include <string.h>

#include "suite.h"
#include "world.h"

/* Text that grows by plans. */
struct story {
	struct world *w; /* owned */
	FILE *f; /* into text */
	char *text; /* owned */
	size_t size; /* of text */
};

static void story_begin(struct story *st, struct world *w)
{
	*st = (struct story) { .w = w };
	st->f = open_memstream(&st->text, &st->size);
	ck_assert_ptr_nonnull(st->f);
}

/* Add the last plan under a title. */
static void story_tell(struct story *st, const char *title)
{
	char *plan = world_format(st->w);

	fprintf(st->f, "# %llu s: %s\n%s\n",
		(unsigned long long)(st->w->s.now_ns / SEC), title, plan);
	free(plan);
}

static char *read_golden(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = NULL;
	size_t size = 0;

	if (!f)
		return strdup("");
	if (getdelim(&text, &size, '\0', f) < 0) {
		free(text);
		text = strdup("");
	}
	fclose(f);
	return text;
}

static void story_end(struct story *st, const char *name)
{
	char path[4096], *golden;

	fclose(st->f);
	snprintf(path, sizeof(path), "%s/%s.txt", GOLDEN_DIR, name);
	if (getenv("UPDATE_GOLDEN")) {
		FILE *f = fopen(path, "w");

		ck_assert_ptr_nonnull(f);
		fputs(st->text, f);
		fclose(f);
	}
	golden = read_golden(path);
	ck_assert_str_eq(st->text, golden);
	free(golden);
	free(st->text);
	world_destroy(st->w);
}

START_TEST(a_pin_and_back_again)
{
	struct story st;

	story_begin(&st, world_create(2, 64 * GIB, 1, 1, 4));
	world_put(st.w, 0, 0, 0, 8 * GIB);
	world_ticks(st.w, 60, SEC);
	story_tell(&st, "settled on node 0");
	world_pin_all(st.w, 0, node_mask_of(1));
	world_decide(st.w);
	story_tell(&st, "pinned to node 1");
	world_apply(st.w);
	world_ticks(st.w, 10, SEC);
	story_tell(&st, "moved");
	world_pin_all(st.w, 0, node_mask_of(0));
	world_decide(st.w);
	story_tell(&st, "pinned back");
	world_apply(st.w);
	world_ticks(st.w, 10, SEC);
	world_pin_all(st.w, 0, node_mask_of(1));
	world_decide(st.w);
	story_tell(&st, "pinned to node 1 again: now it cools");
	world_ticks(st.w, 120, SEC);
	story_tell(&st, "later: cool, but the hour's bytes are used up");
	story_end(&st, "pin");
}
END_TEST

START_TEST(drift_with_dwell_and_payback)
{
	struct story st;

	story_begin(&st, world_create(2, 64 * GIB, 1, 1, 4));
	world_put(st.w, 0, 0, 0, 16 * GIB);
	world_ticks(st.w, 60, SEC);
	world_run_all(st.w, 0, 1);
	world_ticks(st.w, 2, SEC);
	story_tell(&st, "two seconds on node 1");
	world_ticks(st.w, 8, SEC);
	story_tell(&st, "ten seconds on node 1");
	world_ticks(st.w, 15, SEC);
	story_tell(&st, "twenty-five seconds: stayed, but not repaid");
	world_ticks(st.w, 120, SEC);
	story_tell(&st, "two minutes later");
	story_end(&st, "drift");
}
END_TEST

START_TEST(a_wide_guest_changes_sockets)
{
	struct story st;

	story_begin(&st, world_create(4, 64 * GIB, 1, 2, 8));
	world_put(st.w, 0, 0, 0, 8 * GIB);
	world_put(st.w, 0, 1, 1, 8 * GIB);
	for (size_t v = 0; v < 8; v++)
		world_pin(st.w, 0, v, node_mask_of(v < 4 ? 0 : 1));
	world_ticks(st.w, 30, SEC);
	story_tell(&st, "two cells on nodes 0 and 1");
	for (size_t v = 0; v < 8; v++)
		world_pin(st.w, 0, v, node_mask_of(v < 4 ? 3 : 2));
	st.w->s.nodes[2].free_bytes = 5 * GIB;
	world_decide(st.w);
	story_tell(&st, "pinned crosswise to 3 and 2; little room on 2");
	world_apply(st.w);
	world_ticks(st.w, 1, SEC);
	story_tell(&st, "what did not fit");
	story_end(&st, "wide");
}
END_TEST

START_TEST(a_single_wide_cell_keeps_its_relative_placement)
{
	struct story st;

	story_begin(&st, world_create(4, 64 * GIB, 1, 1, 4));
	world_put(st.w, 0, 0, 0, 10 * GIB);
	world_put(st.w, 0, 0, 1, 6 * GIB);
	for (size_t v = 0; v < 4; v++)
		world_pin(st.w, 0, v, node_mask_of(v < 2 ? 2 : 3));
	world_decide(st.w);
	story_tell(&st, "10 and 6 GiB to 8 and 8");
	for (size_t v = 0; v < 4; v++)
		world_pin(st.w, 0, v, node_mask_of(v < 2 ? 1 : 3));
	world_decide(st.w);
	story_tell(&st, "home 1 and 3: what is on 1 stays");
	story_end(&st, "relative");
}
END_TEST

START_TEST(two_guests_trade_places)
{
	struct story st;

	story_begin(&st, world_create(2, 8 * GIB, 2, 1, 2));
	world_put(st.w, 0, 0, 0, 7 * GIB);
	world_put(st.w, 1, 0, 1, 7 * GIB);
	world_pin_all(st.w, 0, node_mask_of(1));
	world_pin_all(st.w, 1, node_mask_of(0));
	for (int i = 0; i < 12; i++) {
		world_ticks(st.w, 1, SEC);
		story_tell(&st, "trade");
		world_apply(st.w);
	}
	story_end(&st, "trade");
}
END_TEST

START_TEST(guests_that_must_not_move)
{
	static const unsigned int gates[] = { 0, GATE_NO_MAP, GATE_MIGRATING,
					      GATE_CONFIDENTIAL | GATE_PINNED,
					      0 };
	struct story st;

	story_begin(&st, world_create(2, 64 * GIB, 5, 1, 1));
	for (size_t g = 0; g < 5; g++) {
		world_put(st.w, g, 0, 0, 2 * GIB);
		world_pin_all(st.w, g, node_mask_of(1));
		st.w->views[g].gates = gates[g];
	}
	st.w->views[0].mode = MODE_OBSERVE;
	st.w->views[4].mems_allowed = node_mask_of(0);
	world_decide(st.w);
	story_tell(&st, "observed, unmapped, migrating, confidential, cpuset");
	story_end(&st, "gates");
}
END_TEST

START_TEST(the_same_inputs_give_the_same_plan_byte_for_byte)
{
	struct world *a = world_create(4, 64 * GIB, 8, 2, 4);
	struct world *b = world_create(4, 64 * GIB, 8, 2, 4);
	struct world *both[] = { a, b };

	for (size_t i = 0; i < 2; i++) {
		struct world *w = both[i];

		/* what lies in the arrays before must not matter */
		memset(w->plan.moves, (int)i * 0xff,
		       w->plan.cap_moves * sizeof(*w->plan.moves));
		memset(w->plan.decisions, (int)i * 0xff,
		       w->plan.cap_decisions * sizeof(*w->plan.decisions));
		for (size_t g = 0; g < 8; g++) {
			world_put(w, g, 0, (int)(g % 4), 3 * GIB);
			world_put(w, g, 1, (int)(g * 3 % 4), 2 * GIB);
		}
		world_ticks(w, 30, SEC);
		for (size_t g = 0; g < 8; g++)
			world_pin_all(w, g, node_mask_of((int)((g + 1) % 4)));
		world_ticks(w, 1, SEC);
	}
	ck_assert_uint_gt(a->plan.n_moves, 5);
	ck_assert_uint_eq(a->plan.n_moves, b->plan.n_moves);
	ck_assert_mem_eq(a->plan.moves, b->plan.moves,
			 a->plan.n_moves * sizeof(*a->plan.moves));
	ck_assert_mem_eq(a->plan.decisions, b->plan.decisions,
			 a->plan.n_decisions * sizeof(*a->plan.decisions));
	world_destroy(a);
	world_destroy(b);
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		a_pin_and_back_again,
		drift_with_dwell_and_payback,
		a_wide_guest_changes_sockets,
		a_single_wide_cell_keeps_its_relative_placement,
		two_guests_trade_places,
		guests_that_must_not_move,
		the_same_inputs_give_the_same_plan_byte_for_byte,
	};

	return suite_run("golden", tests, ARRAY_LEN(tests));
}
