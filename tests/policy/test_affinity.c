/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a vCPU lives: tests of policy/affinity.c.
 */
#include "policy/affinity.h"

#include "suite.h"
#include "world.h"

static struct vcpu_home home_of(const struct world *w, size_t v)
{
	struct vcpu_home h;

	affinity_home(&w->cfg, &w->s, &w->guests[0].memory,
		      &w->guests[0].vcpus[v], &h);
	return h;
}

START_TEST(a_vcpu_pinned_inside_one_node_lives_there_at_once)
{
	struct world *w = world_create(4, GIB, 1, 1, 1);
	struct vcpu_home h;

	world_ticks(w, 20, SEC);
	world_pin(w, 0, 0, node_mask_of(2));
	h = home_of(w, 0);
	ck_assert(h.is_pinned && h.is_settled);
	ck_assert_uint_eq(h.share[2], WEIGHT_WHOLE);
	ck_assert_uint_eq(h.confidence, WEIGHT_WHOLE);
	world_destroy(w);
}
END_TEST

START_TEST(run_time_decides_where_an_unpinned_vcpu_lives)
{
	/* after 20 s on node 0: seconds on node 1, then where it lives */
	static const struct {
		unsigned int seconds;
		int lives;
	} table[] = { { 1, 0 }, { 2, 0 }, { 4, NODE_NONE }, { 8, 1 } };

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct world *w = world_create(2, GIB, 1, 1, 1);

		world_ticks(w, 20, SEC);
		world_run(w, 0, 0, 1);
		world_ticks(w, table[i].seconds, SEC);
		ck_assert_int_eq(w->guests[0].storage[0].home, table[i].lives);
		world_destroy(w);
	}
}
END_TEST

START_TEST(the_tick_length_does_not_matter_to_the_fading)
{
	struct world *slow = world_create(2, GIB, 1, 1, 1);
	struct world *fast = world_create(2, GIB, 1, 1, 1);
	struct vcpu_home a, b;

	world_ticks(slow, 20, SEC);
	world_ticks(fast, 200, SEC / 10);
	world_run(slow, 0, 0, 1);
	world_run(fast, 0, 0, 1);
	world_ticks(slow, 4, SEC);
	world_ticks(fast, 40, SEC / 10);
	a = home_of(slow, 0);
	b = home_of(fast, 0);
	/* a half-life on node 1: about half each; long ticks round it up */
	ck_assert_uint_ge(a.spent[1], 480);
	ck_assert_uint_le(a.spent[1], 560);
	ck_assert_uint_ge(b.spent[1], 480);
	ck_assert_uint_le(b.spent[1], 560);
	world_destroy(slow);
	world_destroy(fast);
}
END_TEST

START_TEST(an_idle_vcpu_keeps_its_last_home)
{
	struct world *w = world_create(2, GIB, 1, 1, 1);
	struct vcpu_home h;

	world_ticks(w, 20, SEC);
	w->guests[0].busy[0] = 0;
	world_run(w, 0, 0, 1); /* a stray wake-up elsewhere, no run time */
	world_ticks(w, 3600, SEC);
	h = home_of(w, 0);
	ck_assert(h.is_settled);
	ck_assert_uint_eq(h.share[0], WEIGHT_WHOLE);
	world_destroy(w);
}
END_TEST

START_TEST(a_time_gap_makes_no_vote)
{
	struct world *w = world_create(2, GIB, 1, 1, 1);
	uint64_t before;

	world_ticks(w, 20, SEC);
	before = w->guests[0].storage[0].run_ns[1];
	world_run(w, 0, 0, 1);
	world_ticks(w, 1, 3600 * SEC);
	ck_assert_uint_eq(w->guests[0].storage[0].run_ns[1], before);
	ck_assert_int_eq(w->guests[0].storage[0].home, 0);
	world_destroy(w);
}
END_TEST

/* Ticks of which each fourth has a new look at the vCPU, which runs all the time;
 * the others show the look before. */
static void calm_ticks(struct world *w, unsigned int looks)
{
	struct snap_guest *view = &w->views[0];
	struct world_guest *guest = &w->guests[0];
	unsigned int busy = guest->busy[0];

	guest->busy[0] = 0;
	for (unsigned int i = 0; i < looks; i++) {
		view->sampled_ns = w->s.now_ns;
		world_ticks(w, 3, SEC);
		guest->vcpus[0].run_ns += 4 * SEC;
		view->sampled_ns = w->s.now_ns + SEC;
		world_ticks(w, 1, SEC);
	}
	view->sampled_ns = 0;
	guest->busy[0] = busy;
}

START_TEST(ticks_without_a_look_neither_vote_nor_fade)
{
	struct world *w = world_create(2, GIB, 1, 1, 1);
	const struct policy_vcpu *pv = &w->guests[0].storage[0];
	uint64_t before;

	world_ticks(w, 60, SEC);
	before = pv->run_ns[0];
	w->views[0].sampled_ns = w->s.now_ns;
	world_ticks(w, 3, SEC);
	ck_assert_uint_eq(pv->run_ns[0], before);
	ck_assert_int_eq(pv->home, 0);
	world_destroy(w);
}
END_TEST

START_TEST(look_after_a_long_while_votes_for_one_period_here)
{
	struct world *w = world_create(2, GIB, 1, 1, 1);
	const struct policy_vcpu *pv = &w->guests[0].storage[0];

	world_ticks(w, 60, SEC);
	calm_ticks(w, 4);
	ck_assert_uint_eq(pv->run_ns[1], 0);
	world_run(w, 0, 0, 1);
	calm_ticks(w, 1);
	ck_assert_uint_eq(pv->run_ns[1], SEC);
	ck_assert_int_eq(pv->home, 0);
	/* seen there again: all of the time since is of there */
	calm_ticks(w, 1);
	ck_assert_uint_gt(pv->run_ns[1], 4 * SEC);
	world_destroy(w);
}
END_TEST

START_TEST(look_after_a_gap_tells_of_the_time_since_it)
{
	struct world *w = world_create(2, GIB, 1, 1, 1);

	world_ticks(w, 20, SEC);
	w->views[0].sampled_ns = w->s.now_ns;
	w->guests[0].busy[0] = 0;
	world_ticks(w, 1, 3600 * SEC);
	world_run(w, 0, 0, 1);
	w->guests[0].vcpus[0].run_ns += 3600 * SEC;
	w->views[0].sampled_ns = w->s.now_ns + SEC;
	world_ticks(w, 1, SEC);
	ck_assert_uint_eq(w->guests[0].storage[0].run_ns[1], SEC);
	world_destroy(w);
}
END_TEST

START_TEST(time_or_counters_that_go_backwards_make_no_vote)
{
	struct world *w = world_create(2, GIB, 1, 1, 1);

	world_ticks(w, 20, SEC);
	world_run(w, 0, 0, 1);
	w->guests[0].vcpus[0].run_ns = 5;
	w->s.now_ns += SEC;
	world_decide(w);
	ck_assert_uint_eq(w->guests[0].storage[0].run_ns[1], 0);
	w->s.now_ns -= 500 * SEC;
	w->guests[0].vcpus[0].run_ns += 100 * SEC;
	world_decide(w);
	ck_assert_uint_eq(w->guests[0].storage[0].run_ns[1], 0);
	/* and the next tick is an ordinary one again */
	world_ticks(w, 1, SEC);
	ck_assert_uint_eq(w->guests[0].storage[0].run_ns[1], SEC);
	world_destroy(w);
}
END_TEST

START_TEST(run_time_counts_no_more_than_the_time_that_passed)
{
	struct world *w = world_create(2, GIB, 1, 1, 1);

	world_ticks(w, 2, SEC);
	w->guests[0].vcpus[0].node = 1;
	w->guests[0].vcpus[0].run_ns = UINT64_MAX;
	w->s.now_ns += SEC;
	world_decide(w);
	ck_assert_uint_eq(w->guests[0].storage[0].run_ns[1], SEC);
	world_destroy(w);
}
END_TEST

START_TEST(a_node_no_longer_allowed_is_forgotten_at_once)
{
	struct world *w = world_create(4, GIB, 1, 1, 1);
	struct vcpu_home h;

	world_ticks(w, 20, SEC);
	w->guests[0].vcpus[0].allowed = world_mask(2, 3, NODE_NONE);
	w->guests[0].busy[0] = 0;
	world_ticks(w, 1, SEC);
	h = home_of(w, 0);
	/* nothing known but that it can run nowhere else */
	ck_assert(h.is_known && !h.is_settled);
	ck_assert_uint_eq(h.share[0], 0);
	ck_assert_uint_eq(h.share[2], 500);
	ck_assert_uint_eq(h.share[3], 500);
	world_destroy(w);
}
END_TEST

START_TEST(vcpus_are_known_by_id_through_plugging_and_lending)
{
	struct world *w = world_create(2, GIB, 1, 1, 4);
	struct policy_vcpu more[8];
	struct snap_vcpu left[2];

	world_run(w, 0, 2, 1);
	world_ticks(w, 20, SEC);
	left[0] = w->guests[0].vcpus[2];
	left[1] = w->guests[0].vcpus[3];
	left[1].id = 9;
	w->views[0].vcpus = left;
	w->views[0].n_vcpus = 2;
	policy_guest_lend(&w->guests[0].memory, more, 8);
	w->s.now_ns += SEC;
	world_decide(w);
	ck_assert_uint_eq(w->guests[0].memory.n_vcpus, 2);
	ck_assert_int_eq(more[0].id, 2);
	ck_assert_int_eq(more[0].home, 1);
	ck_assert_int_eq(more[1].id, 9);
	ck_assert_int_eq(more[1].home, NODE_NONE);
	world_destroy(w);
}
END_TEST

START_TEST(vcpus_beyond_the_storage_are_judged_by_affinity)
{
	struct world *w = world_create(2, GIB, 1, 1, 4);

	policy_guest_init(&w->guests[0].memory, w->guests[0].storage, 1);
	world_ticks(w, 5, SEC);
	world_pin(w, 0, 3, node_mask_of(1));
	ck_assert_uint_eq(w->guests[0].memory.n_vcpus, 1);
	ck_assert_uint_eq(home_of(w, 3).share[1], WEIGHT_WHOLE);
	ck_assert_uint_eq(home_of(w, 2).share[0], WEIGHT_WHOLE);
	ck_assert_uint_eq(home_of(w, 2).confidence, 0);
	world_destroy(w);
}
END_TEST

START_TEST(activity_counts_busy_cpus)
{
	struct world *w = world_create(2, GIB, 1, 1, 4);
	uint64_t busy;

	w->guests[0].busy[3] = 500;
	world_ticks(w, 60, SEC);
	busy = affinity_activity(&w->cfg, &w->guests[0].memory);
	/* a tick is added whole before it fades: up to 10 % too much */
	ck_assert_uint_ge(busy, 3400);
	ck_assert_uint_le(busy, 3900);
	world_destroy(w);
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		a_vcpu_pinned_inside_one_node_lives_there_at_once,
		run_time_decides_where_an_unpinned_vcpu_lives,
		the_tick_length_does_not_matter_to_the_fading,
		an_idle_vcpu_keeps_its_last_home,
		a_time_gap_makes_no_vote,
		ticks_without_a_look_neither_vote_nor_fade,
		look_after_a_long_while_votes_for_one_period_here,
		look_after_a_gap_tells_of_the_time_since_it,
		time_or_counters_that_go_backwards_make_no_vote,
		run_time_counts_no_more_than_the_time_that_passed,
		a_node_no_longer_allowed_is_forgotten_at_once,
		vcpus_are_known_by_id_through_plugging_and_lending,
		vcpus_beyond_the_storage_are_judged_by_affinity,
		activity_counts_busy_cpus,
	};

	return suite_run("affinity", tests, ARRAY_LEN(tests));
}
