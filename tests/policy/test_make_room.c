/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Room for a guest to come: tests of policy/make_room.c. Nodes of 64 GiB have
 * 256 MiB in reserve.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"

#include "suite.h"
#include "world.h"

static uint64_t free_there; /* as the last ask() found it */

static int ask(struct world *w, int node, uint64_t bytes)
{
	struct make_room want = { .node = node, .bytes = bytes };

	return policy_make_room(&w->cfg, &w->s, &want, &w->plan, &free_there);
}

static uint64_t room(const struct world *w, int node)
{
	return w->s.nodes[node].free_bytes - w->s.nodes[node].reserve_bytes;
}

/* "guest cell from>to MiB" of each move, in order. */
static const char *moves(const struct world *w)
{
	static char text[1024];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < w->plan.n_moves; i++) {
		const struct plan_move *move = &w->plan.moves[i];

		len += (size_t)snprintf(
			text + len, sizeof(text) - len, "%s%zu %d %d>%d %llu",
			i ? ", " : "", move->guest, move->cell, move->from,
			move->to, (unsigned long long)(move->bytes / MIB));
	}
	return text;
}

/* Three guests on node 0 of two: guest 0 lives there, guest 1 over both nodes,
 * guest 2 on node 1; with 20, 20 and 10 GiB on node 0. */
static struct world *three_guests(void)
{
	struct world *w = world_create(2, 64 * GIB, 3, 1, 2);

	world_put(w, 0, 0, 0, 20 * GIB);
	world_put(w, 1, 0, 0, 20 * GIB);
	world_put(w, 1, 0, 1, 1 * GIB);
	world_put(w, 2, 0, 0, 10 * GIB);
	world_pin_all(w, 0, node_mask_of(0));
	world_pin(w, 1, 0, node_mask_of(0));
	world_pin(w, 1, 1, node_mask_of(1));
	world_pin_all(w, 2, node_mask_of(1));
	return w;
}

static const struct {
	const char *what; /* the case */
	uint64_t more_mib; /* wanted beyond what is free */
	const char *moves; /* are planned */
} steps[] = {
	{ "what is not at home goes first", 1024, "2 0 0>1 1024" },
	{ "whole pieces of 2 MiB", 1025, "2 0 0>1 1026" },
	{ "all of it", 10240, "2 0 0>1 10240" },
	{ "then what has a home on both nodes", 11264,
	  "2 0 0>1 10240, 1 0 0>1 1024" },
	{ "and what lives there last", 31744,
	  "2 0 0>1 10240, 1 0 0>1 20480, 0 0 0>1 1024" },
};

START_TEST(cheapest_bytes_go_first_and_no_more_than_asked_for)
{
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct world *w = three_guests();
		uint64_t have = room(w, 0);

		ck_assert_int_eq(ask(w, 0, have + steps[i].more_mib * MIB), 0);
		ck_assert_uint_eq(free_there, have);
		ck_assert_msg(strcmp(moves(w), steps[i].moves) == 0, "%s: %s",
			      steps[i].what, moves(w));
		world_destroy(w);
	}
}
END_TEST

START_TEST(what_is_free_already_needs_no_move)
{
	struct world *w = three_guests();

	ck_assert_int_eq(ask(w, 0, room(w, 0)), 0);
	ck_assert_uint_eq(w->plan.n_moves, 0);
	ck_assert_int_eq(ask(w, 1, 1), 0);
	ck_assert_uint_eq(w->plan.n_moves, 0);
	world_destroy(w);
}
END_TEST

START_TEST(one_guest_that_suffices_goes_before_several)
{
	struct world *w = world_create(2, 64 * GIB, 4, 1, 1);

	world_put(w, 0, 0, 0, 2 * GIB);
	world_put(w, 1, 0, 0, 9 * GIB);
	world_put(w, 2, 0, 0, 5 * GIB);
	world_put(w, 3, 0, 0, 3 * GIB);
	for (size_t g = 0; g < 4; g++)
		world_pin_all(w, g, node_mask_of(1));
	ck_assert_int_eq(ask(w, 0, room(w, 0) + 4 * GIB), 0);
	ck_assert_str_eq(moves(w), "2 0 0>1 4096");
	ck_assert_int_eq(ask(w, 0, room(w, 0) + 11 * GIB), 0);
	ck_assert_str_eq(moves(w), "1 0 0>1 9216, 0 0 0>1 2048");
	world_destroy(w);
}
END_TEST

START_TEST(memory_goes_home_or_to_the_nearest_node)
{
	struct world *w = world_create(4, 64 * GIB, 2, 1, 1);

	for (int n = 0; n < 4; n++)
		for (int k = 0; k < 4; k++)
			w->s.nodes[n].distance[k] =
				(uint8_t)(10 + 10 * abs(n - k));
	world_put(w, 0, 0, 1, 4 * GIB);
	world_put(w, 1, 0, 1, 4 * GIB);
	world_pin_all(w, 0, node_mask_of(3));
	world_pin_all(w, 1, node_mask_of(1));
	ck_assert_int_eq(ask(w, 1, room(w, 1) + 5 * GIB), 0);
	ck_assert_str_eq(moves(w), "0 0 1>3 4096, 1 0 1>0 1024");
	world_destroy(w);
}
END_TEST

START_TEST(other_nodes_keep_their_reserve_and_what_is_promised)
{
	struct world *w = three_guests();

	w->s.nodes[1].free_bytes = w->s.nodes[1].reserve_bytes + 3 * GIB;
	w->s.nodes[1].promised_bytes = 1 * GIB;
	ck_assert_int_eq(ask(w, 0, room(w, 0) + 8 * GIB), -ENOSPC);
	ck_assert_str_eq(moves(w), "2 0 0>1 2048");
	w->s.nodes[1].promised_bytes = UINT64_MAX;
	ck_assert_int_eq(ask(w, 0, room(w, 0) + 8 * GIB), -ENOSPC);
	ck_assert_uint_eq(w->plan.n_moves, 0);
	world_destroy(w);
}
END_TEST

START_TEST(part_that_fits_goes_and_the_rest_to_another_node)
{
	struct world *w = world_create(3, 64 * GIB, 1, 1, 1);

	world_put(w, 0, 0, 0, 4 * GIB);
	world_pin_all(w, 0, node_mask_of(1));
	w->s.nodes[1].free_bytes = w->s.nodes[1].reserve_bytes + 1 * GIB;
	ck_assert_int_eq(ask(w, 0, room(w, 0) + 3 * GIB), 0);
	ck_assert_str_eq(moves(w), "0 0 0>1 1024, 0 0 0>2 2048");
	world_destroy(w);
}
END_TEST

/* Guest 2 would go first; with each of these it stays, and says why. */
static const struct {
	unsigned int gates; /* closed */
	enum guest_mode mode; /* of the guest */
	uint64_t page_bytes; /* behind it */
	bool is_unmeasured; /* its cell */
	bool is_held; /* on node 0 by its cpuset */
	bool is_bound; /* to node 0 by numatune strict */
	bool is_spread; /* by numatune interleave */
	enum reason reason; /* is said */
} staying[] = {
	{ .gates = GATE_NO_MAP, .reason = REASON_GATE },
	{ .gates = GATE_MIGRATING | GATE_HELD, .reason = REASON_GATE },
	{ .gates = GATE_PINNED, .reason = REASON_GATE },
	{ .gates = GATE_MOVING, .reason = REASON_GATE },
	{ .mode = MODE_OFF, .reason = REASON_MODE },
	{ .page_bytes = PAGE_2M_BYTES, .reason = REASON_NONE },
	{ .is_unmeasured = true, .reason = REASON_UNMEASURED },
	{ .is_held = true, .reason = REASON_REQUEST },
	{ .is_bound = true, .reason = REASON_REQUEST },
	{ .is_spread = true, .reason = REASON_SPREAD },
};

START_TEST(guest_that_an_order_could_not_move_stays)
{
	for (size_t i = 0; i < ARRAY_LEN(staying); i++) {
		struct world *w = three_guests();
		struct snap_guest *guest = &w->views[2];

		guest->gates = staying[i].gates;
		guest->mode = staying[i].mode;
		guest->page_bytes = staying[i].page_bytes;
		if (staying[i].is_unmeasured)
			w->guests[2].cells[0].is_measured = false;
		if (staying[i].is_held)
			guest->mems_allowed = node_mask_of(0);
		if (staying[i].is_bound)
			w->guests[2].cells[0].bound = node_mask_of(0);
		w->guests[2].cells[0].is_spread = staying[i].is_spread;
		ck_assert_int_eq(ask(w, 0, room(w, 0) + 1 * GIB), 0);
		ck_assert_msg(strcmp(moves(w), "1 0 0>1 1024") == 0,
			      "case %zu: %s", i, moves(w));
		ck_assert_int_eq(world_decision(w, 2, 0)->reason,
				 staying[i].reason);
		world_destroy(w);
	}
}
END_TEST

START_TEST(mode_observe_and_pause_do_not_hold_an_order_back)
{
	struct world *w = three_guests();

	w->views[2].mode = MODE_OBSERVE;
	w->views[2].gates = GATE_PAUSED | GATE_HELD;
	ck_assert_int_eq(ask(w, 0, room(w, 0) + 1 * GIB), 0);
	ck_assert_str_eq(moves(w), "2 0 0>1 1024");
	world_destroy(w);
}
END_TEST

START_TEST(room_in_pools_comes_from_guests_with_huge_pages)
{
	struct world *w = three_guests();
	struct make_room want = { .node = 0, .is_huge = true };

	w->views[0].page_bytes = PAGE_2M_BYTES;
	w->guests[0].cells[0].pool_bytes = w->guests[0].cells[0].size_bytes;
	want.pool_bytes[0] = 1 * GIB;
	want.pool_bytes[1] = 2 * GIB;
	want.bytes = 2 * GIB;
	ck_assert_int_eq(
		policy_make_room(&w->cfg, &w->s, &want, &w->plan, &free_there),
		0);
	ck_assert_uint_eq(free_there, 1 * GIB);
	ck_assert_str_eq(moves(w), "0 0 0>1 1024");
	want.bytes = 9 * GIB;
	ck_assert_int_eq(
		policy_make_room(&w->cfg, &w->s, &want, &w->plan, &free_there),
		-ENOSPC);
	ck_assert_str_eq(moves(w), "0 0 0>1 2048");
	want.grows_pools = true;
	ck_assert_int_eq(
		policy_make_room(&w->cfg, &w->s, &want, &w->plan, &free_there),
		0);
	ck_assert_str_eq(moves(w), "0 0 0>1 8192");
	world_destroy(w);
}
END_TEST

/* 20 GiB on the node, but 16 MiB somewhere are video memory. */
START_TEST(only_what_surely_is_of_the_pool_counts)
{
	struct world *w = three_guests();
	struct snap_cell *cell = &w->guests[0].cells[0];
	struct make_room want = { .node = 0, .is_huge = true };

	w->views[0].page_bytes = PAGE_2M_BYTES;
	cell->pool_bytes = cell->size_bytes - 16 * MIB;
	want.pool_bytes[1] = 64 * GIB;
	want.bytes = 20 * GIB - 16 * MIB;
	ck_assert_int_eq(
		policy_make_room(&w->cfg, &w->s, &want, &w->plan, &free_there),
		0);
	ck_assert_str_eq(moves(w), "0 0 0>1 20464");
	want.bytes++;
	ck_assert_int_eq(
		policy_make_room(&w->cfg, &w->s, &want, &w->plan, &free_there),
		-ENOSPC);
	w->views[0].page_bytes = GIB;
	ck_assert_int_eq(
		policy_make_room(&w->cfg, &w->s, &want, &w->plan, &free_there),
		-ENOSPC);
	ck_assert_uint_eq(w->plan.n_moves, 0);
	world_destroy(w);
}
END_TEST

START_TEST(impossible_hosts_are_refused)
{
	struct world *w = three_guests();

	ck_assert_int_eq(ask(w, -1, GIB), -EINVAL);
	ck_assert_int_eq(ask(w, 2, GIB), -EINVAL);
	ck_assert_int_eq(ask(w, NODES_MAX, GIB), -EINVAL);
	ck_assert_int_eq(ask(w, 0, UINT64_MAX), -ENOSPC);
	ck_assert_uint_eq(w->plan.n_moves, 3);
	w->s.nodes[1].has_memory = false;
	ck_assert_int_eq(ask(w, 1, GIB), -EINVAL);
	ck_assert_int_eq(ask(w, 0, room(w, 0) + 1), -ENOSPC);
	ck_assert_uint_eq(w->plan.n_moves, 0);
	w->s.nodes[0].reserve_bytes = UINT64_MAX;
	ck_assert_int_eq(ask(w, 0, 1), -ENOSPC);
	ck_assert_uint_eq(free_there, 0);
	world_destroy(w);
}
END_TEST

START_TEST(absurd_sizes_end_in_a_plan_or_a_refusal)
{
	struct world *w = three_guests();

	w->guests[0].cells[0].node_bytes[0] = UINT64_MAX;
	w->guests[1].cells[0].node_bytes[0] = UINT64_MAX - 1;
	w->s.nodes[1].free_bytes = UINT64_MAX;
	ck_assert_int_eq(ask(w, 0, UINT64_MAX), 0);
	ck_assert_uint_le(w->plan.n_moves, 5);
	w->plan.cap_moves = 1;
	ck_assert_int_eq(ask(w, 0, UINT64_MAX), -ENOSPC);
	ck_assert(w->plan.is_cut);
	world_destroy(w);
}
END_TEST

START_TEST(same_question_gets_the_same_plan_byte_for_byte)
{
	struct world *w = three_guests();
	struct plan_move first[8];
	size_t n;

	memset(w->plan.moves, 0xaa, w->plan.cap_moves * sizeof(first[0]));
	ck_assert_int_eq(ask(w, 0, room(w, 0) + 31 * GIB), 0);
	n = w->plan.n_moves;
	ck_assert_uint_le(n, ARRAY_LEN(first));
	memcpy(first, w->plan.moves, n * sizeof(first[0]));
	memset(w->plan.moves, 0x55, w->plan.cap_moves * sizeof(first[0]));
	ck_assert_int_eq(ask(w, 0, room(w, 0) + 31 * GIB), 0);
	ck_assert_uint_eq(w->plan.n_moves, n);
	ck_assert_int_eq(memcmp(first, w->plan.moves, n * sizeof(first[0])), 0);
	world_destroy(w);
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		cheapest_bytes_go_first_and_no_more_than_asked_for,
		what_is_free_already_needs_no_move,
		one_guest_that_suffices_goes_before_several,
		memory_goes_home_or_to_the_nearest_node,
		other_nodes_keep_their_reserve_and_what_is_promised,
		part_that_fits_goes_and_the_rest_to_another_node,
		guest_that_an_order_could_not_move_stays,
		mode_observe_and_pause_do_not_hold_an_order_back,
		room_in_pools_comes_from_guests_with_huge_pages,
		only_what_surely_is_of_the_pool_counts,
		impossible_hosts_are_refused,
		absurd_sizes_end_in_a_plan_or_a_refusal,
		same_question_gets_the_same_plan_byte_for_byte,
	};

	return suite_run("make_room", tests, ARRAY_LEN(tests));
}
