/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From homes to moves under room: tests of policy/placement.c, through the
 * whole of policy_decide().
 */
#include "policy/placement.h"

#include "suite.h"
#include "world.h"

/* Pins the guest from nodes to nodes, having run on the former for a while. */
static void repin(struct world *w, size_t guest, struct node_mask nodes)
{
	int at = node_mask_first(nodes);

	for (size_t v = 0; v < w->views[guest].n_vcpus; v++) {
		world_pin(w, guest, v, node_mask_of(at));
		at = node_mask_next(nodes, at);
		if (at == NODE_NONE)
			at = node_mask_first(nodes);
	}
}

START_TEST(a_pinned_thin_guest_moves_wholly_at_once)
{
	struct world *w = world_create(2, 64 * GIB, 1, 1, 4);

	world_put(w, 0, 0, 0, 8 * GIB);
	world_ticks(w, 30, SEC);
	ck_assert_uint_eq(w->plan.n_moves, 0);
	world_pin_all(w, 0, node_mask_of(1));
	world_decide(w);
	ck_assert_uint_eq(w->plan.n_moves, 1);
	ck_assert_uint_eq(world_planned(w, 0, 1), 8 * GIB);
	ck_assert_int_eq(w->plan.moves[0].reason, REASON_AFFINITY);
	world_destroy(w);
}
END_TEST

START_TEST(a_wide_home_that_moves_wholly_keeps_its_placement)
{
	struct world *w = world_create(4, 64 * GIB, 1, 1, 4);

	world_put(w, 0, 0, 0, 4 * GIB);
	world_put(w, 0, 0, 1, 4 * GIB);
	repin(w, 0, world_mask(0, 1, NODE_NONE));
	world_ticks(w, 5, SEC);
	ck_assert_uint_eq(w->plan.n_moves, 0);
	repin(w, 0, world_mask(2, 3, NODE_NONE));
	world_decide(w);
	ck_assert_uint_eq(w->plan.n_moves, 2);
	ck_assert_int_eq(w->plan.moves[0].from, 0);
	ck_assert_int_eq(w->plan.moves[0].to, 2);
	ck_assert_int_eq(w->plan.moves[1].from, 1);
	ck_assert_int_eq(w->plan.moves[1].to, 3);
	ck_assert_uint_eq(world_planned(w, 0, 3), 4 * GIB);
	world_destroy(w);
}
END_TEST

START_TEST(memory_on_a_wanted_node_stays)
{
	struct world *w = world_create(4, 64 * GIB, 1, 1, 4);

	world_put(w, 0, 0, 0, 4 * GIB);
	world_put(w, 0, 0, 1, 4 * GIB);
	repin(w, 0, world_mask(1, 2, NODE_NONE));
	world_decide(w);
	ck_assert_uint_eq(w->plan.n_moves, 1);
	ck_assert_int_eq(w->plan.moves[0].from, 0);
	ck_assert_int_eq(w->plan.moves[0].to, 2);
	world_destroy(w);
}
END_TEST

START_TEST(proportions_are_corrected_beyond_a_tenth_only)
{
	static const struct {
		uint64_t on_0_mib;
		uint64_t on_1_mib;
		uint64_t want_mib;
	} table[] = {
		{ 5000, 5000, 0 },  { 5900, 4100, 0 },    { 6200, 3800, 1200 },
		{ 10000, 0, 5000 }, { 3000, 7000, 2000 },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct world *w = world_create(2, 64 * GIB, 1, 1, 2);

		world_put(w, 0, 0, 0, table[i].on_0_mib * MIB);
		world_put(w, 0, 0, 1, table[i].on_1_mib * MIB);
		repin(w, 0, world_mask(0, 1, NODE_NONE));
		world_decide(w);
		ck_assert_uint_eq(world_planned(w, 0, NODE_NONE) / MIB,
				  table[i].want_mib);
		world_destroy(w);
	}
}
END_TEST

START_TEST(crumbs_outside_a_thin_home_stay)
{
	/* beyond one per cent and beyond 4 MiB */
	static const struct {
		uint64_t home_mib;
		uint64_t out_mib;
		bool is_moved;
	} table[] = {
		{ 100, 4, false },   { 100, 5, true },    { 9950, 50, false },
		{ 9890, 110, true }, { 10000, 0, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct world *w = world_create(2, 64 * GIB, 1, 1, 2);

		world_put(w, 0, 0, 0, table[i].out_mib * MIB);
		world_put(w, 0, 0, 1, table[i].home_mib * MIB);
		world_pin_all(w, 0, node_mask_of(1));
		world_decide(w);
		ck_assert_uint_eq(w->plan.n_moves, table[i].is_moved);
		world_destroy(w);
	}
}
END_TEST

START_TEST(a_part_is_planned_where_the_whole_has_no_room)
{
	/* room on the target in MiB, and what is planned of 8 GiB */
	static const struct {
		uint64_t room_mib;
		uint64_t want_mib;
		enum reason reason;
	} table[] = {
		{ 0, 0, REASON_NO_ROOM },
		{ 63, 0, REASON_NO_ROOM },
		{ 64, 64, REASON_AFFINITY },
		{ 1001, 1000, REASON_AFFINITY },
		{ 9000, 8192, REASON_AFFINITY },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct world *w = world_create(2, 64 * GIB, 1, 1, 2);
		const struct decision *d;

		world_put(w, 0, 0, 0, 8 * GIB);
		world_pin_all(w, 0, node_mask_of(1));
		w->s.nodes[1].free_bytes = table[i].room_mib * MIB +
					   w->s.nodes[1].reserve_bytes +
					   512 * MIB;
		w->s.nodes[1].promised_bytes = 512 * MIB;
		world_decide(w);
		d = world_decision(w, 0, 0);
		ck_assert_uint_eq(world_planned(w, 0, 1) / MIB,
				  table[i].want_mib);
		ck_assert_int_eq(d->reason, table[i].reason);
		ck_assert_int_eq(d->rest, table[i].want_mib < 8192
						  ? REASON_NO_ROOM
						  : REASON_NONE);
		world_destroy(w);
	}
}
END_TEST

START_TEST(a_small_whole_fits_where_a_small_part_would_not_pay)
{
	struct world *w = world_create(2, 64 * GIB, 1, 1, 2);

	world_put(w, 0, 0, 0, 20 * MIB);
	world_pin_all(w, 0, node_mask_of(1));
	w->s.nodes[1].free_bytes = w->s.nodes[1].reserve_bytes + 21 * MIB;
	world_decide(w);
	ck_assert_uint_eq(world_planned(w, 0, 1), 20 * MIB);
	world_destroy(w);
}
END_TEST

START_TEST(nothing_goes_outside_the_cpuset)
{
	struct world *w = world_create(4, 64 * GIB, 1, 1, 2);

	world_put(w, 0, 0, 0, 8 * GIB);
	w->views[0].mems_allowed = world_mask(0, 2, NODE_NONE);
	world_pin_all(w, 0, node_mask_of(1));
	world_decide(w);
	ck_assert_uint_eq(w->plan.n_moves, 0);
	ck_assert_int_eq(world_decision(w, 0, 0)->reason, REASON_CPUSET);
	/* of a wide home the allowed half is served */
	repin(w, 0, world_mask(1, 2, NODE_NONE));
	world_decide(w);
	ck_assert_uint_eq(world_planned(w, 0, 2), 4 * GIB);
	ck_assert_uint_eq(world_planned(w, 0, 1), 0);
	ck_assert_int_eq(world_decision(w, 0, 0)->rest, REASON_CPUSET);
	world_destroy(w);
}
END_TEST

/* memnode strict: the cpuset has the nodes of both cells, each cell its own. */
START_TEST(a_bound_cell_goes_to_its_own_nodes_only)
{
	struct world *w = world_create(4, 64 * GIB, 1, 2, 2);

	world_put(w, 0, 0, 0, 4 * GIB);
	world_put(w, 0, 1, 0, 4 * GIB);
	w->views[0].mems_allowed = world_mask(0, 1, NODE_NONE);
	w->guests[0].cells[0].bound = node_mask_of(0);
	w->guests[0].cells[1].bound = node_mask_of(1);
	world_pin_all(w, 0, node_mask_of(1));
	world_decide(w);
	ck_assert_int_eq(world_decision(w, 0, 0)->reason, REASON_BOUND);
	ck_assert_int_eq(world_decision(w, 0, 1)->reason, REASON_AFFINITY);
	ck_assert_uint_eq(w->plan.n_moves, 1);
	ck_assert_uint_eq(world_planned(w, 0, 1), 4 * GIB);
	world_destroy(w);
}
END_TEST

START_TEST(the_guest_with_most_to_gain_gets_the_room)
{
	struct world *w = world_create(2, 64 * GIB, 3, 1, 2);

	for (size_t g = 0; g < 3; g++)
		world_put(w, g, 0, 0, 8 * GIB);
	w->guests[0].busy[0] = w->guests[0].busy[1] = 100;
	w->guests[2].busy[0] = w->guests[2].busy[1] = 500;
	world_ticks(w, 30, SEC);
	for (size_t g = 0; g < 3; g++)
		world_pin_all(w, g, node_mask_of(1));
	w->s.nodes[1].free_bytes = 13 * GIB + w->s.nodes[1].reserve_bytes;
	world_decide(w);
	ck_assert_uint_eq(world_planned(w, 1, 1), 8 * GIB);
	ck_assert_uint_eq(world_planned(w, 2, 1), 5 * GIB);
	ck_assert_uint_eq(world_planned(w, 0, 1), 0);
	ck_assert_uint_eq(w->plan.moves[0].guest, 1);
	ck_assert_int_eq(world_decision(w, 0, 0)->reason, REASON_NO_ROOM);
	world_destroy(w);
}
END_TEST

START_TEST(equal_guests_are_served_in_their_order)
{
	struct world *w = world_create(2, 64 * GIB, 2, 1, 2);

	world_put(w, 0, 0, 0, 8 * GIB);
	world_put(w, 1, 0, 0, 8 * GIB);
	world_pin_all(w, 0, node_mask_of(1));
	world_pin_all(w, 1, node_mask_of(1));
	w->s.nodes[1].free_bytes = 8 * GIB + w->s.nodes[1].reserve_bytes;
	world_decide(w);
	ck_assert_uint_eq(world_planned(w, 0, 1), 8 * GIB);
	ck_assert_uint_eq(world_planned(w, 1, 1), 0);
	world_destroy(w);
}
END_TEST

START_TEST(two_guests_trade_full_nodes_through_a_small_window)
{
	struct world *w = world_create(2, 16 * GIB, 2, 1, 2);
	unsigned int ticks = 0;

	/* each node full but for its reserve and a window of 256 MiB */
	world_put(w, 0, 0, 0, 15 * GIB + 512 * MIB);
	world_put(w, 1, 0, 1, 15 * GIB + 512 * MIB);
	world_pin_all(w, 0, node_mask_of(1));
	world_pin_all(w, 1, node_mask_of(0));
	for (; ticks < 500; ticks++) {
		world_ticks(w, 1, SEC);
		if (w->plan.n_moves == 0)
			break;
		world_apply(w);
	}
	ck_assert_uint_ge(w->guests[0].cells[0].node_bytes[1], 15 * GIB);
	ck_assert_uint_ge(w->guests[1].cells[0].node_bytes[0], 15 * GIB);
	ck_assert_uint_lt(ticks, 100);
	/* nothing was moved twice */
	ck_assert_uint_eq(w->moved_bytes, 31 * GIB);
	world_destroy(w);
}
END_TEST

START_TEST(big_pages_move_whole)
{
	struct world *w = world_create(2, 64 * GIB, 1, 1, 2);

	world_put(w, 0, 0, 0, 8 * GIB);
	w->views[0].page_bytes = GIB;
	world_pin_all(w, 0, node_mask_of(1));
	w->s.nodes[1].free_bytes =
		3 * GIB + 500 * MIB + w->s.nodes[1].reserve_bytes;
	world_decide(w);
	ck_assert_uint_eq(world_planned(w, 0, 1), 3 * GIB);
	world_destroy(w);
}
END_TEST

START_TEST(a_plan_that_does_not_fit_its_arrays_says_so)
{
	struct world *w = world_create(2, 64 * GIB, 4, 1, 1);

	for (size_t g = 0; g < 4; g++) {
		world_put(w, g, 0, 0, GIB);
		world_pin_all(w, g, node_mask_of(1));
	}
	w->plan.cap_moves = 2;
	world_decide(w);
	ck_assert(w->plan.is_cut);
	ck_assert_uint_eq(w->plan.n_moves, 2);
	world_apply(w);
	/* the next tick brings the rest */
	world_ticks(w, 1, SEC);
	ck_assert_uint_eq(w->plan.n_moves, 2);
	ck_assert(!w->plan.is_cut);
	world_destroy(w);
}
END_TEST

START_TEST(absurd_sizes_do_no_harm)
{
	struct world *w = world_create(2, GIB, 1, 1, 2);

	w->guests[0].cells[0].node_bytes[0] = UINT64_MAX;
	w->views[0].ram_bytes = UINT64_MAX;
	w->views[0].page_bytes = UINT64_MAX;
	w->s.nodes[1].free_bytes = UINT64_MAX;
	w->s.nodes[1].reserve_bytes = UINT64_MAX;
	w->s.nodes[1].promised_bytes = UINT64_MAX;
	world_pin_all(w, 0, node_mask_of(1));
	world_ticks(w, 5, SEC);
	ck_assert_uint_eq(w->plan.n_moves, 0);
	world_destroy(w);
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		a_pinned_thin_guest_moves_wholly_at_once,
		a_wide_home_that_moves_wholly_keeps_its_placement,
		memory_on_a_wanted_node_stays,
		proportions_are_corrected_beyond_a_tenth_only,
		crumbs_outside_a_thin_home_stay,
		a_part_is_planned_where_the_whole_has_no_room,
		a_small_whole_fits_where_a_small_part_would_not_pay,
		nothing_goes_outside_the_cpuset,
		a_bound_cell_goes_to_its_own_nodes_only,
		the_guest_with_most_to_gain_gets_the_room,
		equal_guests_are_served_in_their_order,
		two_guests_trade_full_nodes_through_a_small_window,
		big_pages_move_whole,
		a_plan_that_does_not_fit_its_arrays_says_so,
		absurd_sizes_do_no_harm,
	};

	return suite_run("placement", tests, ARRAY_LEN(tests));
}
