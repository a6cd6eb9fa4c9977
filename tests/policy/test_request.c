/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An administrator's rebalance: tests of policy/request.c.
 */
#include <errno.h>

#include "policy/policy.h"

#include "suite.h"
#include "world.h"

static int ask(struct world *w, const struct request *req, struct refused *ret)
{
	return policy_request(&w->cfg, &w->s, 0, req, &w->plan, ret);
}

/* 8 GiB in two cells on node 0 of four, vCPUs of both pinned to node 1. */
static struct world *pinned_world(void)
{
	struct world *w = world_create(4, 64 * GIB, 1, 2, 4);

	world_put(w, 0, 0, 0, 4 * GIB);
	world_put(w, 0, 1, 0, 4 * GIB);
	world_pin_all(w, 0, node_mask_of(1));
	return w;
}

START_TEST(without_a_target_memory_goes_to_the_vcpus)
{
	struct world *w = pinned_world();
	struct request req = { 0 };

	ck_assert_int_eq(ask(w, &req, NULL), 0);
	ck_assert_uint_eq(world_planned(w, 0, 1), 8 * GIB);
	ck_assert_int_eq(w->plan.moves[0].reason, REASON_REQUEST);
	world_destroy(w);
}
END_TEST

START_TEST(several_nodes_share_each_cell)
{
	struct world *w = pinned_world();
	struct request req = { .to = world_mask(2, 3, NODE_NONE) };

	ck_assert_int_eq(ask(w, &req, NULL), 0);
	ck_assert_uint_eq(w->plan.n_moves, 4);
	ck_assert_uint_eq(world_planned(w, 0, 2), 4 * GIB);
	ck_assert_uint_eq(world_planned(w, 0, 3), 4 * GIB);
	world_destroy(w);
}
END_TEST

START_TEST(cells_can_be_named_and_the_others_stay)
{
	struct world *w = pinned_world();
	struct request_cell cell = { .cell = 1, .to = node_mask_of(3) };
	struct request req = { .cells = &cell, .n_cells = 1 };

	ck_assert_int_eq(ask(w, &req, NULL), 0);
	ck_assert_uint_eq(w->plan.n_moves, 1);
	ck_assert_int_eq(w->plan.moves[0].cell, 1);
	ck_assert_uint_eq(world_planned(w, 0, 3), 4 * GIB);
	req.to = node_mask_of(2);
	ck_assert_int_eq(ask(w, &req, NULL), 0);
	ck_assert_uint_eq(world_planned(w, 0, 2), 4 * GIB);
	ck_assert_uint_eq(world_planned(w, 0, 3), 4 * GIB);
	world_destroy(w);
}
END_TEST

START_TEST(memory_that_is_there_gives_an_empty_plan_not_a_refusal)
{
	struct world *w = pinned_world();
	struct request req = { .to = node_mask_of(0) };
	struct refused refused;

	ck_assert_int_eq(ask(w, &req, &refused), 0);
	ck_assert_int_eq(refused.refusal, REFUSAL_NONE);
	ck_assert_uint_eq(w->plan.n_moves, 0);
	ck_assert_int_eq(world_decision(w, 0, 0)->reason, REASON_LOCAL);
	world_destroy(w);
}
END_TEST

START_TEST(what_only_holds_back_automatic_moves_does_not_count)
{
	static const unsigned int gates[] = { GATE_INFERRED_MAP, GATE_PAUSED,
					      GATE_STARTING, GATE_MONITOR,
					      GATE_HELD };
	struct request req = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(gates); i++) {
		struct world *w = pinned_world();

		w->views[0].mode = MODE_OBSERVE;
		w->views[0].gates = gates[i];
		w->views[0].started_ns = w->s.now_ns;
		w->views[0].cpuset_ns = w->s.now_ns;
		w->cfg.ram_per_hour = 0;
		w->cfg.host_bytes_per_hour = 1;
		ck_assert_int_eq(ask(w, &req, NULL), 0);
		ck_assert_uint_eq(world_planned(w, 0, 1), 8 * GIB);
		world_destroy(w);
	}
}
END_TEST

START_TEST(what_makes_moving_impossible_is_refused)
{
	static const unsigned int gates[] = { GATE_NO_MAP, GATE_MIGRATING,
					      GATE_JOB,    GATE_CONFIDENTIAL,
					      GATE_PINNED, GATE_MOVING,
					      GATE_DENIED };
	struct request req = { 0 };
	struct refused refused;

	for (size_t i = 0; i < ARRAY_LEN(gates); i++) {
		struct world *w = pinned_world();

		w->views[0].gates = gates[i] | GATE_HELD | GATE_DENIED;
		ck_assert_int_eq(ask(w, &req, &refused), -EPERM);
		ck_assert_int_eq(refused.refusal, REFUSAL_GATE);
		ck_assert_uint_eq(refused.gate, gates[i]);
		ck_assert_uint_eq(w->plan.n_moves, 0);
		world_destroy(w);
	}
}
END_TEST

START_TEST(rehome_opens_the_cpuset_and_strict)
{
	struct world *w = pinned_world();
	struct request req = { .to = node_mask_of(2) };
	struct refused refused;

	w->views[0].mems_allowed = node_mask_of(0);
	ck_assert_int_eq(ask(w, &req, &refused), -EPERM);
	ck_assert_int_eq(refused.refusal, REFUSAL_CPUSET);
	w->guests[0].cells[0].bound = node_mask_of(0);
	w->guests[0].cells[1].bound = node_mask_of(0);
	ck_assert_int_eq(ask(w, &req, &refused), -EPERM);
	ck_assert_int_eq(refused.refusal, REFUSAL_BOUND);
	req.rehome = true;
	ck_assert_int_eq(ask(w, &req, &refused), 0);
	ck_assert_uint_eq(world_planned(w, 0, 2), 8 * GIB);
	world_destroy(w);
}
END_TEST

START_TEST(spread_memory_is_gathered_on_request)
{
	struct world *w = pinned_world();
	struct request req = { .to = node_mask_of(1) };

	w->guests[0].cells[0].is_spread = true;
	w->guests[0].cells[1].is_spread = true;
	ck_assert_int_eq(ask(w, &req, NULL), 0);
	ck_assert_uint_eq(world_planned(w, 0, 1), 8 * GIB);
	world_destroy(w);
}
END_TEST

START_TEST(nonsense_is_refused)
{
	struct request_cell no_cell = { .cell = 7, .to = { 1 } };
	struct request_cell no_node = { .cell = 0, .to = { 0 } };
	struct request_cell far = { .cell = 0, .to = { 1ull << 50 } };
	struct {
		struct request req;
		enum refusal want;
	} table[] = {
		{ { .cells = &no_cell, .n_cells = 1 }, REFUSAL_NO_CELL },
		{ { .cells = &no_node, .n_cells = 1 }, REFUSAL_BAD_NODE },
		{ { .cells = &far, .n_cells = 1 }, REFUSAL_BAD_NODE },
		{ { .to = { 1 << 4 } }, REFUSAL_BAD_NODE },
	};
	struct world *w = pinned_world();
	struct refused refused;

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		ck_assert_int_eq(ask(w, &table[i].req, &refused), -EINVAL);
		ck_assert_int_eq(refused.refusal, table[i].want);
	}
	ck_assert_int_eq(policy_request(&w->cfg, &w->s, 1, &table[0].req,
					&w->plan, &refused),
			 -EINVAL);
	ck_assert_int_eq(refused.refusal, REFUSAL_NO_GUEST);
	world_destroy(w);
}
END_TEST

START_TEST(off_unmeasured_homeless_and_full_are_refused)
{
	struct request there = { .to = node_mask_of(1) }, home = { 0 };
	struct world *w = pinned_world();
	struct refused refused;

	w->views[0].mode = MODE_OFF;
	ck_assert_int_eq(ask(w, &there, &refused), -EPERM);
	ck_assert_int_eq(refused.refusal, REFUSAL_OFF);
	w->views[0].mode = MODE_AUTO;

	w->s.nodes[1].free_bytes = 0;
	ck_assert_int_eq(ask(w, &there, &refused), -ENOSPC);
	ck_assert_int_eq(refused.refusal, REFUSAL_NO_ROOM);

	w->views[0].n_vcpus = 0;
	ck_assert_int_eq(ask(w, &home, &refused), -ENODATA);
	ck_assert_int_eq(refused.refusal, REFUSAL_NO_HOME);

	w->guests[0].cells[0].is_measured = false;
	w->guests[0].cells[1].is_measured = false;
	ck_assert_int_eq(ask(w, &there, &refused), -ENODATA);
	ck_assert_int_eq(refused.refusal, REFUSAL_UNMEASURED);
	world_destroy(w);
}
END_TEST

START_TEST(a_request_changes_nothing_that_is_remembered)
{
	struct world *w = pinned_world();
	struct request req = { 0 };
	struct policy_guest before;

	world_ticks(w, 5, SEC);
	before = w->guests[0].memory;
	ck_assert_int_eq(ask(w, &req, NULL), 0);
	ck_assert_mem_eq(&before, &w->guests[0].memory, sizeof(before));
	world_destroy(w);
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		without_a_target_memory_goes_to_the_vcpus,
		several_nodes_share_each_cell,
		cells_can_be_named_and_the_others_stay,
		memory_that_is_there_gives_an_empty_plan_not_a_refusal,
		what_only_holds_back_automatic_moves_does_not_count,
		what_makes_moving_impossible_is_refused,
		rehome_opens_the_cpuset_and_strict,
		spread_memory_is_gathered_on_request,
		nonsense_is_refused,
		off_unmeasured_homeless_and_full_are_refused,
		a_request_changes_nothing_that_is_remembered,
	};

	return suite_run("request", tests, ARRAY_LEN(tests));
}
