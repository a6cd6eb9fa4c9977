/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is anything wrong, and may it be mended now: tests of policy/decide.c and of
 * the hold in policy/policy.c.
 */
#include "policy/decide.h"

#include "suite.h"
#include "world.h"

/* A guest of 1 GiB on node 0 of two, that ran there for a while. */
static struct world *settled_world(void)
{
	struct world *w = world_create(2, 64 * GIB, 1, 1, 2);

	world_put(w, 0, 0, 0, GIB);
	world_ticks(w, 60, SEC);
	ck_assert_int_eq(world_decision(w, 0, 0)->reason, REASON_LOCAL);
	return w;
}

static enum reason reason_of(const struct world *w)
{
	return world_decision(w, 0, 0)->reason;
}

START_TEST(a_settled_guest_is_never_moved)
{
	struct world *w = settled_world();

	for (int i = 0; i < 3600; i++) {
		world_ticks(w, 1, SEC);
		ck_assert_uint_eq(w->plan.n_moves, 0);
	}
	world_destroy(w);
}
END_TEST

START_TEST(drift_is_followed_after_the_dwell_time)
{
	struct world *w = settled_world();
	unsigned int seconds = 0;

	world_run_all(w, 0, 1);
	while (w->plan.n_moves == 0 && seconds < 100) {
		world_ticks(w, 1, SEC);
		seconds++;
	}
	/* some 7 s until the habit has changed, then the dwell time */
	ck_assert_uint_ge(seconds, 14);
	ck_assert_uint_le(seconds, 20);
	ck_assert_int_eq(reason_of(w), REASON_DRIFT);
	ck_assert_uint_eq(world_planned(w, 0, 1), GIB);
	world_destroy(w);
}
END_TEST

START_TEST(a_short_visit_to_another_node_is_ignored)
{
	struct world *w = settled_world();

	for (int i = 0; i < 100; i++) {
		world_run_all(w, 0, 1);
		world_ticks(w, 4, SEC);
		ck_assert_uint_eq(w->plan.n_moves, 0);
		world_run_all(w, 0, 0);
		world_ticks(w, 20, SEC);
		ck_assert_uint_eq(w->plan.n_moves, 0);
	}
	world_destroy(w);
}
END_TEST

START_TEST(the_dwell_time_begins_anew_after_a_gap)
{
	struct world *w = settled_world();

	world_run_all(w, 0, 1);
	world_ticks(w, 12, SEC);
	ck_assert_int_eq(reason_of(w), REASON_DWELL);
	world_ticks(w, 1, 600 * SEC);
	ck_assert_int_eq(reason_of(w), REASON_DWELL);
	ck_assert_uint_eq(world_decision(w, 0, 0)->again_ns,
			  w->s.now_ns + w->cfg.dwell_ns);
	world_destroy(w);
}
END_TEST

START_TEST(vcpus_that_float_are_followed_to_their_nodes_only)
{
	struct world *w = world_create(4, 64 * GIB, 1, 1, 2);

	world_put(w, 0, 0, 2, GIB);
	for (int i = 0; i < 60 && w->plan.n_moves == 0; i++) {
		world_run(w, 0, 0, i % 2);
		world_run(w, 0, 1, 1 - i % 2);
		world_ticks(w, 1, SEC);
	}
	ck_assert_int_eq(reason_of(w), REASON_DRIFT);
	ck_assert_uint_gt(world_planned(w, 0, 0), 400 * MIB);
	ck_assert_uint_gt(world_planned(w, 0, 1), 400 * MIB);
	world_apply(w);
	/* and once there, floating moves nothing any more */
	for (int i = 0; i < 600; i++) {
		world_run_all(w, 0, i / 3 % 2);
		world_ticks(w, 1, SEC);
		ck_assert_uint_eq(w->plan.n_moves, 0);
	}
	world_destroy(w);
}
END_TEST

START_TEST(a_big_idle_guest_waits_until_the_move_pays)
{
	struct world *w = world_create(2, 512 * GIB, 1, 1, 2);
	const struct decision *d;

	world_put(w, 0, 0, 0, 100 * GIB);
	world_ticks(w, 20, SEC);
	world_run_all(w, 0, 1);
	world_ticks(w, 60, SEC);
	d = world_decision(w, 0, 0);
	ck_assert_int_eq(d->reason, REASON_PAYBACK);
	/* 215 s of moving at the assumed rate: repaid in some 11 minutes */
	ck_assert_uint_gt(d->again_ns, w->s.now_ns + 500 * SEC);
	ck_assert_uint_lt(d->again_ns, w->s.now_ns + 900 * SEC);
	world_ticks(w, 900, SEC);
	ck_assert_int_eq(reason_of(w), REASON_DRIFT);
	world_destroy(w);
}
END_TEST

START_TEST(an_idle_guest_does_not_drift_but_follows_a_pin)
{
	struct world *w = world_create(2, 64 * GIB, 1, 1, 2);

	world_put(w, 0, 0, 0, 8 * GIB);
	w->guests[0].busy[0] = w->guests[0].busy[1] = 0;
	world_run_all(w, 0, 1);
	world_ticks(w, 600, SEC);
	ck_assert_int_eq(reason_of(w), REASON_DWELL);
	world_pin_all(w, 0, node_mask_of(1));
	world_decide(w);
	ck_assert_int_eq(reason_of(w), REASON_AFFINITY);
	world_destroy(w);
}
END_TEST

START_TEST(modes_allow_what_they_say)
{
	static const struct {
		enum guest_mode mode;
		enum reason pinned;
		enum reason drifted;
	} table[] = {
		{ MODE_AUTO, REASON_AFFINITY, REASON_DRIFT },
		{ MODE_PIN, REASON_AFFINITY, REASON_MODE },
		{ MODE_OBSERVE, REASON_MODE, REASON_MODE },
		{ MODE_OFF, REASON_MODE, REASON_MODE },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct world *w = settled_world();

		w->views[0].mode = table[i].mode;
		world_run_all(w, 0, 1);
		world_ticks(w, 40, SEC);
		ck_assert_int_eq(reason_of(w), table[i].drifted);
		world_pin_all(w, 0, node_mask_of(1));
		world_ticks(w, 1, SEC);
		ck_assert_int_eq(reason_of(w), table[i].pinned);
		world_destroy(w);
	}
}
END_TEST

START_TEST(each_closed_gate_puts_off_and_is_named)
{
	for (unsigned int gate = GATE_NO_MAP; gate <= GATE_DENIED; gate *= 2) {
		struct world *w = settled_world();

		/* higher gates are less important */
		w->views[0].gates = gate | GATE_DENIED;
		world_ticks(w, 1, SEC);
		ck_assert_int_eq(reason_of(w), REASON_LOCAL);
		world_pin_all(w, 0, node_mask_of(1));
		world_ticks(w, 1, SEC);
		ck_assert_uint_eq(w->plan.n_moves, 0);
		ck_assert_int_eq(reason_of(w), REASON_GATE);
		ck_assert_uint_eq(world_decision(w, 0, 0)->gate, gate);
		w->views[0].gates = 0;
		world_ticks(w, 1, SEC);
		ck_assert_int_eq(reason_of(w), REASON_AFFINITY);
		world_destroy(w);
	}
}
END_TEST

START_TEST(memory_that_is_spread_on_purpose_stays_so)
{
	struct world *w = settled_world();

	w->guests[0].cells[0].is_spread = true;
	world_pin_all(w, 0, node_mask_of(1));
	world_ticks(w, 5, SEC);
	ck_assert_int_eq(reason_of(w), REASON_SPREAD);
	ck_assert_uint_eq(w->plan.n_moves, 0);
	world_destroy(w);
}
END_TEST

START_TEST(a_guest_that_has_just_started_is_left_alone)
{
	struct world *w = settled_world();

	w->views[0].started_ns = w->s.now_ns;
	world_pin_all(w, 0, node_mask_of(1));
	world_ticks(w, 5, SEC);
	ck_assert_uint_eq(world_decision(w, 0, 0)->gate, GATE_STARTING);
	ck_assert_uint_eq(world_decision(w, 0, 0)->again_ns,
			  w->views[0].started_ns + w->cfg.grace_ns);
	world_ticks(w, 5, SEC);
	ck_assert_int_eq(reason_of(w), REASON_AFFINITY);
	world_destroy(w);
}
END_TEST

START_TEST(a_guest_whose_cpuset_others_have_changed_is_left_alone_for_a_while)
{
	struct world *w = settled_world();

	w->views[0].cpuset_ns = w->s.now_ns;
	world_pin_all(w, 0, node_mask_of(1));
	world_ticks(w, 29, SEC);
	ck_assert_int_eq(reason_of(w), REASON_GATE);
	ck_assert_uint_eq(world_decision(w, 0, 0)->gate, GATE_SETTLING);
	ck_assert_uint_eq(world_decision(w, 0, 0)->again_ns,
			  w->views[0].cpuset_ns + 30 * SEC);
	world_ticks(w, 1, SEC);
	ck_assert_int_eq(reason_of(w), REASON_AFFINITY);
	/* a gate that does not pass by itself is the better reason */
	w->views[0].cpuset_ns = w->s.now_ns;
	w->views[0].gates = GATE_PINNED;
	world_ticks(w, 1, SEC);
	ck_assert_uint_eq(world_decision(w, 0, 0)->gate, GATE_PINNED);
	ck_assert_uint_eq(world_decision(w, 0, 0)->again_ns, 0);
	world_destroy(w);
}
END_TEST

START_TEST(unmeasured_memory_and_unknown_vcpus_are_not_moved)
{
	struct world *w = settled_world();

	w->guests[0].cells[0].is_measured = false;
	world_pin_all(w, 0, node_mask_of(1));
	world_ticks(w, 1, SEC);
	ck_assert_int_eq(reason_of(w), REASON_UNMEASURED);
	w->views[0].gates = GATE_CONFIDENTIAL;
	world_ticks(w, 1, SEC);
	ck_assert_int_eq(reason_of(w), REASON_GATE);
	world_destroy(w);

	w = world_create(2, 64 * GIB, 1, 1, 1);
	world_put(w, 0, 0, 0, GIB);
	w->guests[0].vcpus[0].node = NODE_NONE;
	world_ticks(w, 60, SEC);
	ck_assert_int_eq(reason_of(w), REASON_NO_VCPU);
	world_destroy(w);
}
END_TEST

START_TEST(cells_beyond_the_memory_are_unmeasured_not_lost)
{
	struct world *w = world_create(2, 64 * GIB, 1, POLICY_CELLS_MAX + 1, 1);

	world_put(w, 0, POLICY_CELLS_MAX, 0, GIB);
	world_pin_all(w, 0, node_mask_of(1));
	world_ticks(w, 1, SEC);
	ck_assert_int_eq(world_decision(w, 0, POLICY_CELLS_MAX)->reason,
			 REASON_UNMEASURED);
	world_destroy(w);
}
END_TEST

START_TEST(a_held_guest_stays_until_its_vcpus_move)
{
	struct world *w = settled_world();

	/* an administrator puts the memory on node 1; vCPUs are on node 0 */
	world_put(w, 0, 0, 0, 0);
	world_put(w, 0, 0, 1, GIB);
	policy_guest_hold(&w->guests[0].memory);
	world_ticks(w, 600, SEC);
	ck_assert_uint_eq(world_decision(w, 0, 0)->gate, GATE_HELD);
	/* a pin to where they are changes nothing, one elsewhere does */
	world_pin_all(w, 0, node_mask_of(0));
	world_ticks(w, 1, SEC);
	ck_assert_uint_eq(world_decision(w, 0, 0)->gate, GATE_HELD);
	world_pin_all(w, 0, node_mask_of(1));
	world_ticks(w, 1, SEC);
	ck_assert_int_eq(reason_of(w), REASON_LOCAL);
	world_pin_all(w, 0, node_mask_of(0));
	world_ticks(w, 1, SEC);
	ck_assert_int_eq(reason_of(w), REASON_AFFINITY);
	world_destroy(w);
}
END_TEST

START_TEST(a_hold_ends_by_drift_only_after_the_dwell_time)
{
	struct world *w = settled_world();

	policy_guest_hold(&w->guests[0].memory);
	world_run_all(w, 0, 1);
	world_ticks(w, 12, SEC);
	ck_assert_uint_eq(world_decision(w, 0, 0)->gate, GATE_HELD);
	world_ticks(w, 10, SEC);
	ck_assert_int_eq(reason_of(w), REASON_DRIFT);
	policy_guest_hold(&w->guests[0].memory);
	world_ticks(w, 1, SEC);
	ck_assert_uint_eq(world_decision(w, 0, 0)->gate, GATE_HELD);
	policy_guest_release(&w->guests[0].memory);
	world_ticks(w, 1, SEC);
	ck_assert_int_eq(reason_of(w), REASON_DRIFT);
	world_destroy(w);
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		a_settled_guest_is_never_moved,
		drift_is_followed_after_the_dwell_time,
		a_short_visit_to_another_node_is_ignored,
		the_dwell_time_begins_anew_after_a_gap,
		vcpus_that_float_are_followed_to_their_nodes_only,
		a_big_idle_guest_waits_until_the_move_pays,
		an_idle_guest_does_not_drift_but_follows_a_pin,
		modes_allow_what_they_say,
		each_closed_gate_puts_off_and_is_named,
		memory_that_is_spread_on_purpose_stays_so,
		a_guest_that_has_just_started_is_left_alone,
		a_guest_whose_cpuset_others_have_changed_is_left_alone_for_a_while,
		unmeasured_memory_and_unknown_vcpus_are_not_moved,
		cells_beyond_the_memory_are_unmeasured_not_lost,
		a_held_guest_stays_until_its_vcpus_move,
		a_hold_ends_by_drift_only_after_the_dwell_time,
	};

	return suite_run("decide", tests, ARRAY_LEN(tests));
}
