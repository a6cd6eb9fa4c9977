/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a cell wants: tests of policy/home.c.
 */
#include "policy/home.h"

#include "suite.h"
#include "world.h"

static struct cell_home home_of(const struct world *w, int cell)
{
	struct cell_home h;

	home_of_cell(&w->cfg, &w->s, &w->views[0], cell, &h);
	return h;
}

START_TEST(pinned_vcpus_weigh_a_cell_in_proportion)
{
	static const struct {
		int pins[4];
		unsigned int want[3];
	} table[] = {
		{ { 0, 0, 0, 0 }, { 1000, 0, 0 } },
		{ { 1, 1, 1, 1 }, { 0, 1000, 0 } },
		{ { 0, 0, 1, 1 }, { 500, 500, 0 } },
		{ { 0, 1, 1, 1 }, { 250, 750, 0 } },
		{ { 0, 1, 2, 2 }, { 250, 250, 500 } },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct world *w = world_create(3, GIB, 1, 1, 4);
		struct cell_home h;

		for (size_t v = 0; v < 4; v++)
			world_pin(w, 0, v, node_mask_of(table[i].pins[v]));
		h = home_of(w, 0);
		ck_assert(h.is_known && h.by_affinity && h.is_settled);
		for (int n = 0; n < 3; n++)
			ck_assert_uint_eq(h.home.weight[n], table[i].want[n]);
		world_destroy(w);
	}
}
END_TEST

START_TEST(weights_sum_to_the_whole_when_they_do_not_divide)
{
	struct world *w = world_create(3, GIB, 1, 1, 3);
	unsigned int sum = 0;
	struct cell_home h;

	for (size_t v = 0; v < 3; v++)
		world_pin(w, 0, v, node_mask_of((int)v));
	h = home_of(w, 0);
	for (int n = 0; n < NODES_MAX; n++)
		sum += h.home.weight[n];
	ck_assert_uint_eq(sum, WEIGHT_WHOLE);
	ck_assert_uint_eq(h.home.weight[0], 334);
	world_destroy(w);
}
END_TEST

START_TEST(each_cell_follows_its_own_vcpus)
{
	struct world *w = world_create(4, GIB, 1, 2, 4);

	world_pin(w, 0, 0, node_mask_of(3));
	world_pin(w, 0, 1, node_mask_of(3));
	world_pin(w, 0, 2, node_mask_of(1));
	world_pin(w, 0, 3, node_mask_of(1));
	ck_assert_uint_eq(home_of(w, 0).home.weight[3], WEIGHT_WHOLE);
	ck_assert_uint_eq(home_of(w, 1).home.weight[1], WEIGHT_WHOLE);
	world_destroy(w);
}
END_TEST

START_TEST(a_cell_without_vcpus_wants_what_the_others_want_together)
{
	struct world *w = world_create(4, GIB, 1, 3, 4);
	struct cell_home h;

	for (size_t v = 0; v < 4; v++) {
		w->guests[0].vcpus[v].cell = v < 2 ? 0 : 1;
		world_pin(w, 0, v, node_mask_of(v < 2 ? 2 : 3));
	}
	h = home_of(w, 2);
	ck_assert(h.is_known && h.by_affinity);
	/* a union: which part goes where means nothing */
	ck_assert(!h.is_settled);
	ck_assert_uint_eq(h.home.weight[2], 500);
	ck_assert_uint_eq(h.home.weight[3], 500);
	world_destroy(w);
}
END_TEST

START_TEST(one_stray_vcpu_of_eight_does_not_widen_a_drifting_cell)
{
	struct world *w = world_create(2, GIB, 1, 1, 8);
	struct cell_home h;

	world_run(w, 0, 7, 1);
	world_ticks(w, 20, SEC);
	h = home_of(w, 0);
	ck_assert(!h.by_affinity);
	ck_assert_uint_eq(h.home.weight[0], WEIGHT_WHOLE);
	ck_assert_uint_eq(h.confidence, 875);
	world_destroy(w);
}
END_TEST

START_TEST(a_drifting_cell_on_two_nodes_is_wide)
{
	struct world *w = world_create(4, GIB, 1, 1, 4);
	struct cell_home h;

	world_run(w, 0, 2, 3);
	world_run(w, 0, 3, 3);
	world_ticks(w, 20, SEC);
	h = home_of(w, 0);
	ck_assert_uint_eq(h.home.weight[0], 500);
	ck_assert_uint_eq(h.home.weight[3], 500);
	ck_assert(h.is_settled);
	world_destroy(w);
}
END_TEST

START_TEST(affinity_over_two_nodes_is_certain_of_the_nodes_only)
{
	struct world *w = world_create(4, GIB, 1, 1, 2);
	struct cell_home h;

	world_pin_all(w, 0, world_mask(0, 1, NODE_NONE));
	for (int i = 0; i < 40; i++) {
		world_run_all(w, 0, i % 2);
		world_ticks(w, 1, SEC);
	}
	h = home_of(w, 0);
	ck_assert(!h.by_affinity && !h.is_settled);
	ck_assert_uint_eq(h.confidence, WEIGHT_WHOLE);
	ck_assert_uint_gt(h.home.weight[0], 400);
	ck_assert_uint_gt(h.home.weight[1], 400);
	world_destroy(w);
}
END_TEST

START_TEST(a_node_without_memory_is_replaced_by_the_nearest_with_it)
{
	struct world *w = world_create(4, GIB, 1, 1, 2);
	struct cell_home h;

	w->s.nodes[1].has_memory = false;
	w->s.nodes[1].distance[0] = 21;
	w->s.nodes[1].distance[2] = 17;
	w->s.nodes[1].distance[3] = 12;
	world_pin_all(w, 0, node_mask_of(1));
	h = home_of(w, 0);
	ck_assert_uint_eq(h.home.weight[3], WEIGHT_WHOLE);
	w->s.nodes[3].is_online = false;
	h = home_of(w, 0);
	ck_assert_uint_eq(h.home.weight[2], WEIGHT_WHOLE);
	world_destroy(w);
}
END_TEST

START_TEST(without_vcpus_or_memory_nodes_no_home_is_known)
{
	struct world *w = world_create(2, GIB, 1, 1, 1);

	w->guests[0].vcpus[0].node = NODE_NONE;
	ck_assert(!home_of(w, 0).is_known);
	world_pin_all(w, 0, node_mask_of(1));
	w->s.nodes[0].has_memory = false;
	w->s.nodes[1].has_memory = false;
	ck_assert(!home_of(w, 0).is_known);
	w->views[0].n_vcpus = 0;
	ck_assert(!home_of(w, 0).is_known);
	world_destroy(w);
}
END_TEST

START_TEST(the_difference_of_homes_is_what_would_have_to_move)
{
	struct home a = home_evenly(world_mask(0, 1, NODE_NONE));
	struct home b = home_evenly(world_mask(1, 2, NODE_NONE));
	struct home none = { 0 };

	ck_assert_uint_eq(home_difference(&a, &a), 0);
	ck_assert_uint_eq(home_difference(&a, &b), 500);
	ck_assert_uint_eq(home_difference(&a, &none), 500);
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		pinned_vcpus_weigh_a_cell_in_proportion,
		weights_sum_to_the_whole_when_they_do_not_divide,
		each_cell_follows_its_own_vcpus,
		a_cell_without_vcpus_wants_what_the_others_want_together,
		one_stray_vcpu_of_eight_does_not_widen_a_drifting_cell,
		a_drifting_cell_on_two_nodes_is_wide,
		affinity_over_two_nodes_is_certain_of_the_nodes_only,
		a_node_without_memory_is_replaced_by_the_nearest_with_it,
		without_vcpus_or_memory_nodes_no_home_is_known,
		the_difference_of_homes_is_what_would_have_to_move,
	};

	return suite_run("home", tests, ARRAY_LEN(tests));
}
