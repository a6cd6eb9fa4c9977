/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What holds moves back: tests of policy/budget.c.
 */
#include "policy/budget.h"

#include "suite.h"
#include "world.h"

#define MINUTE (60 * SEC)
#define HOUR   (60 * MINUTE)

START_TEST(bytes_count_for_an_hour_and_are_free_again_after)
{
	/* a guest of 4 GiB may move 8 GiB in an hour */
	static const struct {
		const char *what;
		uint64_t at_ns;
		uint64_t charge_gib;
		uint64_t left_gib;
	} steps[] = {
		{ "all is left at first", 100 * HOUR, 0, 8 },
		{ "a move uses it up", 100 * HOUR, 3, 5 },
		{ "another one too", 100 * HOUR + 30 * MINUTE, 5, 0 },
		{ "before an hour it stays so", 101 * HOUR - SEC, 0, 0 },
		{ "at the hour as well", 101 * HOUR, 0, 0 },
		{ "a slot later the first is free", 101 * HOUR + 5 * MINUTE, 0,
		  3 },
		{ "then the second", 101 * HOUR + 35 * MINUTE, 0, 8 },
		{ "and much later all", 900 * HOUR, 1, 7 },
	};
	struct world *w = world_create(1, 64 * GIB, 1, 1, 1);

	world_put(w, 0, 0, 0, 4 * GIB);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		budget_charge(&w->guests[0].memory, steps[i].at_ns,
			      steps[i].charge_gib * GIB);
		ck_assert_msg(
			budget_left(&w->cfg, &w->views[0], steps[i].at_ns) ==
				steps[i].left_gib * GIB,
			"%s", steps[i].what);
	}
	world_destroy(w);
}
END_TEST

START_TEST(the_budget_says_when_it_is_free_again)
{
	struct world *w = world_create(1, 64 * GIB, 1, 1, 1);
	struct policy_guest *m = &w->guests[0].memory;

	world_put(w, 0, 0, 0, 4 * GIB);
	ck_assert_uint_eq(budget_again_ns(m, 100 * HOUR), 0);
	budget_charge(m, 100 * HOUR, 8 * GIB);
	ck_assert_uint_eq(budget_again_ns(m, 100 * HOUR + SEC),
			  101 * HOUR + 5 * MINUTE);
	ck_assert_uint_eq(
		budget_left(&w->cfg, &w->views[0], 101 * HOUR + 5 * MINUTE),
		8 * GIB);
	world_destroy(w);
}
END_TEST

START_TEST(the_host_budget_is_shared_by_all_guests)
{
	struct world *w = world_create(2, 64 * GIB, 2, 1, 1);

	ck_assert_uint_eq(budget_host_left(&w->cfg, &w->s), UINT64_MAX);
	w->cfg.host_bytes_per_hour = 5 * GIB;
	world_put(w, 0, 0, 0, 4 * GIB);
	world_put(w, 1, 0, 0, 4 * GIB);
	world_pin_all(w, 0, node_mask_of(1));
	world_pin_all(w, 1, node_mask_of(1));
	world_ticks(w, 1, SEC);
	ck_assert_uint_eq(world_planned(w, 0, 1), 4 * GIB);
	ck_assert_uint_eq(world_planned(w, 1, 1), GIB);
	world_apply(w);
	ck_assert_uint_eq(budget_host_left(&w->cfg, &w->s), 0);
	world_ticks(w, 1, SEC);
	ck_assert_uint_eq(w->plan.n_moves, 0);
	ck_assert_int_eq(world_decision(w, 1, 0)->reason, REASON_BUDGET);
	world_destroy(w);
}
END_TEST

START_TEST(the_host_budget_counts_jobs_at_work)
{
	struct world *w = world_create(2, 64 * GIB, 2, 1, 1);

	w->cfg.host_bytes_per_hour = 5 * GIB;
	world_put(w, 0, 0, 0, 4 * GIB);
	world_put(w, 1, 0, 0, 4 * GIB);
	world_pin_all(w, 0, node_mask_of(1));
	world_ticks(w, 1, SEC);
	ck_assert_uint_eq(world_planned(w, 0, 1), 4 * GIB);
	w->views[0].gates = GATE_MOVING;
	world_pin_all(w, 1, node_mask_of(1));
	world_ticks(w, 1, SEC);
	ck_assert_uint_eq(world_planned(w, 1, 1), GIB);
	world_destroy(w);
}
END_TEST

START_TEST(cooldown_doubles_with_each_reversal_up_to_an_hour)
{
	static const unsigned int want_s[] = { 60,  120,  240,  480,
					       960, 1920, 3600, 3600 };
	struct policy_config cfg = policy_config_default();
	struct policy_cell pc = { 0 };
	uint64_t now = 1000 * SEC;

	for (size_t i = 0; i < ARRAY_LEN(want_s); i++) {
		struct node_mask a = node_mask_of((int)(i % 2));
		struct node_mask b = node_mask_of((int)(1 - i % 2));

		budget_cool(&cfg, &pc, a, b, now, false);
		ck_assert_uint_eq(pc.cool_until_ns, now + want_s[i] * SEC);
		now = pc.cool_until_ns;
	}
	/* two quiet hours forgive everything */
	now += 3 * HOUR;
	budget_cool(&cfg, &pc, node_mask_of(0), node_mask_of(1), now, false);
	ck_assert_uint_eq(pc.cool_until_ns, now + 60 * SEC);
}
END_TEST

START_TEST(cooldown_holds_back_drift_and_reversals_not_the_rest)
{
	struct policy_config cfg = policy_config_default();
	struct node_mask n0 = node_mask_of(0), n1 = node_mask_of(1);
	struct policy_cell pc = { 0 };
	uint64_t now = 1000 * SEC;

	ck_assert(!budget_is_cooling(&pc, n1, false, now));
	budget_cool(&cfg, &pc, n0, n1, now, false);
	now += SEC;
	/* going on with the same work */
	ck_assert(!budget_is_cooling(&pc, n1, false, now));
	/* elsewhere: an administrator may, the scheduler may not */
	ck_assert(!budget_is_cooling(&pc, n0, true, now));
	ck_assert(budget_is_cooling(&pc, n0, false, now));
	/* after a reversal nobody may go back again */
	budget_cool(&cfg, &pc, n1, n0, now, false);
	ck_assert(budget_is_cooling(&pc, n1, true, now + SEC));
	ck_assert(!budget_is_cooling(&pc, n0, false, now + SEC));
	ck_assert(!budget_is_cooling(&pc, n1, false, now + 121 * SEC));
}
END_TEST

START_TEST(a_futile_job_is_not_repeated_at_once)
{
	struct world *w = world_create(2, 64 * GIB, 1, 1, 1);
	struct outcome out = { .moved_bytes = 0 };

	world_put(w, 0, 0, 0, 4 * GIB);
	world_pin_all(w, 0, node_mask_of(1));
	world_ticks(w, 1, SEC);
	ck_assert_uint_eq(w->plan.n_moves, 1);
	out.moves = w->plan.moves;
	out.n_moves = 1;
	out.end_ns = w->s.now_ns;
	policy_outcome(&w->cfg, &w->guests[0].memory, &out);
	world_ticks(w, 1, SEC);
	ck_assert_uint_eq(w->plan.n_moves, 0);
	ck_assert_int_eq(world_decision(w, 0, 0)->reason, REASON_COOLDOWN);
	world_ticks(w, 120, SEC);
	ck_assert_uint_eq(w->plan.n_moves, 1);
	world_destroy(w);
}
END_TEST

START_TEST(a_futile_job_holds_back_what_it_was_for_and_no_more)
{
	struct policy_config cfg = policy_config_default();
	struct node_mask n0 = node_mask_of(0), n1 = node_mask_of(1);
	struct policy_cell pc = { 0 };
	uint64_t now = 1000 * SEC;

	budget_look_again(&pc, 512 * MIB, 16 * MIB);
	budget_cool(&cfg, &pc, n0, n1, now, true);
	budget_look_again(&pc, 528 * MIB, 16 * MIB); /* no news */
	ck_assert(budget_is_cooling(&pc, n1, true, now + SEC));
	budget_look_again(&pc, 128 * MIB, 16 * MIB); /* nor is less */
	ck_assert(budget_is_cooling(&pc, n1, true, now + SEC));
	budget_look_again(&pc, 529 * MIB, 16 * MIB);
	ck_assert(!budget_is_cooling(&pc, n1, true, now + SEC));
	/* in vain again: longer, and the new amount is no news */
	budget_cool(&cfg, &pc, n0, n1, now + 2 * SEC, true);
	ck_assert_uint_eq(pc.strikes, 2);
	budget_look_again(&pc, 529 * MIB, 16 * MIB);
	ck_assert(budget_is_cooling(&pc, n1, true, now + 200 * SEC));
}
END_TEST

/* A job that has moved a part and makes way for a newer plan. */
static void supersede(struct world *w, int from, int to, uint64_t moved_bytes)
{
	struct plan_move move = {
		.from = from,
		.to = to,
		.bytes = 4 * GIB,
		.reason = REASON_AFFINITY,
	};
	struct outcome out = {
		.moves = &move,
		.n_moves = 1,
		.end_ns = w->s.now_ns,
		.moved_bytes = moved_bytes,
		.is_cancelled = true,
		.is_superseded = true,
	};

	policy_outcome(&w->cfg, &w->guests[0].memory, &out);
}

START_TEST(superseded_jobs_count_as_reversals_too)
{
	struct world *w = world_create(2, 64 * GIB, 1, 1, 1);
	struct policy_cell *pc = &w->guests[0].memory.cells[0];
	struct node_mask n0 = node_mask_of(0), n1 = node_mask_of(1);

	world_put(w, 0, 0, 0, 4 * GIB);
	world_ticks(w, 1, SEC);
	supersede(w, 0, 1, 0);
	supersede(w, 1, 0, 0); /* nothing was moved, nothing is concluded */
	ck_assert(!budget_is_cooling(pc, n1, true, w->s.now_ns));
	supersede(w, 0, 1, GIB / 8);
	ck_assert(!budget_is_cooling(pc, n0, true, w->s.now_ns));
	supersede(w, 1, 0, GIB / 8);
	ck_assert(budget_is_cooling(pc, n1, true, w->s.now_ns));
	ck_assert_uint_eq(pc->strikes, 1);
	/* going on with the return: no second strike, and still a return */
	supersede(w, 1, 0, GIB / 8);
	ck_assert(!budget_is_cooling(pc, n0, true, w->s.now_ns));
	ck_assert(budget_is_cooling(pc, n1, true, w->s.now_ns));
	ck_assert_uint_eq(pc->strikes, 1);
	world_destroy(w);
}
END_TEST

START_TEST(what_an_administrator_asked_for_is_not_charged)
{
	struct world *w = world_create(2, 64 * GIB, 1, 1, 1);
	struct request req = { 0 };

	world_put(w, 0, 0, 0, 4 * GIB);
	world_ticks(w, 1, SEC);
	for (int to = 1; to < 9; to++) {
		req.to = node_mask_of(to % 2);
		ck_assert_int_eq(
			policy_request(&w->cfg, &w->s, 0, &req, &w->plan, NULL),
			0);
		ck_assert_uint_eq(w->plan.n_moves, 1);
		world_apply(w);
	}
	ck_assert_uint_eq(budget_left(&w->cfg, &w->views[0], w->s.now_ns),
			  8 * GIB);
	world_pin_all(w, 0, node_mask_of(1));
	world_ticks(w, 1, SEC);
	ck_assert_int_eq(world_decision(w, 0, 0)->reason, REASON_AFFINITY);
	world_destroy(w);
}
END_TEST

START_TEST(the_price_follows_size_rate_activity_and_distance)
{
	static const struct {
		double busy;
		uint64_t rate;
		unsigned int distance;
		double seconds;
		double payback_s;
	} table[] = {
		/* cost 4 s * (1 + 0.3 * 2), gain 2 * 0.25 */
		{ 2, 0, 20, 4, 12.8 },
		{ 2, 1000000000, 20, 2, 6.4 },
		/* a fifth as far, a fifth of the gain */
		{ 2, 0, 12, 4, 64 },
		/* nobody works, nobody gains */
		{ 0, 0, 20, 4, -1 },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct world *w = world_create(2, 64 * GIB, 1, 1, 2);
		struct price price;

		world_put(w, 0, 0, 0, 2000000000);
		w->guests[0].busy[0] = (unsigned int)(table[i].busy * 500);
		w->guests[0].busy[1] = w->guests[0].busy[0];
		w->s.rate_bytes_per_s = table[i].rate;
		w->s.nodes[0].distance[1] = (uint8_t)table[i].distance;
		/* short ticks: activity is nearly exact */
		world_ticks(w, 1200, SEC / 20);
		world_pin_all(w, 0, node_mask_of(1));
		world_decide(w);
		policy_price(&w->cfg, &w->s, &w->plan, 0, &price);
		ck_assert_double_eq_tol(price.seconds, table[i].seconds, 0.05);
		ck_assert_double_eq_tol(price.payback_s, table[i].payback_s,
					table[i].payback_s / 50 + 0.3);
		world_destroy(w);
	}
}
END_TEST

START_TEST(big_pages_stall_longer_and_no_moves_cost_nothing)
{
	struct world *w = world_create(2, 64 * GIB, 1, 1, 2);
	struct price small, big, none;

	world_put(w, 0, 0, 0, 4 * GIB);
	world_decide(w);
	policy_price(&w->cfg, &w->s, &w->plan, 0, &none);
	ck_assert_double_eq(none.seconds, 0);
	ck_assert_double_eq(none.stall_ms, 0);
	policy_price(&w->cfg, &w->s, &w->plan, 7, &none);
	ck_assert_double_eq(none.seconds, 0);
	world_pin_all(w, 0, node_mask_of(1));
	world_decide(w);
	policy_price(&w->cfg, &w->s, &w->plan, 0, &small);
	w->views[0].page_bytes = GIB;
	policy_price(&w->cfg, &w->s, &w->plan, 0, &big);
	ck_assert_double_lt(small.stall_ms, 1);
	ck_assert_double_gt(big.stall_ms, 100);
	world_destroy(w);
}
END_TEST

START_TEST(the_price_is_what_earlier_jobs_of_the_guest_have_cost)
{
	static const struct {
		struct snap_cost cost;
		double seconds;
		double stall_ms;
		double payback_s;
		bool is_measured;
	} table[] = {
		/* cost 4 s * (1 + 0.3 * 2), gain 2 * 0.25 */
		{ { 0 }, 4, 0.562, 12.8, false },
		/* slower, and longer stalls */
		{ { .rate_bytes_per_s = 100000000,
		    .stall_ns = 7500000,
		    .copying = 1000 },
		  20,
		  7.5,
		  64,
		  true },
		/* a tenth of the time in calls: 4 s * (0.1 + 0.3 * 2) */
		{ { .rate_bytes_per_s = 500000000,
		    .stall_ns = 1,
		    .copying = 100 },
		  4,
		  0,
		  5.6,
		  true },
		/* the guest lost nothing, or all */
		{ { .has_lost = true, .lost = 0 }, 4, 0.562, 8, false },
		{ { .has_lost = true, .lost = 1000 }, 4, 0.562, 24, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct world *w = world_create(2, 64 * GIB, 1, 1, 2);
		struct price price;

		world_put(w, 0, 0, 0, 2000000000);
		w->views[0].cost = table[i].cost;
		world_ticks(w, 1200, SEC / 20);
		world_pin_all(w, 0, node_mask_of(1));
		world_decide(w);
		policy_price(&w->cfg, &w->s, &w->plan, 0, &price);
		ck_assert_double_eq_tol(price.seconds, table[i].seconds, 0.05);
		ck_assert_double_eq_tol(price.stall_ms, table[i].stall_ms,
					1e-3);
		ck_assert_double_eq_tol(price.payback_s, table[i].payback_s,
					table[i].payback_s / 50 + 0.3);
		ck_assert(price.is_measured == table[i].is_measured);
		world_destroy(w);
	}
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		bytes_count_for_an_hour_and_are_free_again_after,
		the_budget_says_when_it_is_free_again,
		the_host_budget_is_shared_by_all_guests,
		the_host_budget_counts_jobs_at_work,
		cooldown_doubles_with_each_reversal_up_to_an_hour,
		cooldown_holds_back_drift_and_reversals_not_the_rest,
		a_futile_job_is_not_repeated_at_once,
		a_futile_job_holds_back_what_it_was_for_and_no_more,
		superseded_jobs_count_as_reversals_too,
		what_an_administrator_asked_for_is_not_charged,
		the_price_follows_size_rate_activity_and_distance,
		big_pages_stall_longer_and_no_moves_cost_nothing,
		the_price_is_what_earlier_jobs_of_the_guest_have_cost,
	};

	return suite_run("budget", tests, ARRAY_LEN(tests));
}
