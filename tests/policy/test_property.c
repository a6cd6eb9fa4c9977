/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must hold for every plan, tried on random hosts, and what must hold over
 * a day of guests that cannot sit still. The seed is printed and can be set with
 * POLICY_SEED.
 */
#include <stdio.h>
#include <string.h>

#include "policy/budget.h"
#include "policy/home.h"
#include "policy/placement.h"

#include "suite.h"
#include "world.h"

#define HOSTS 400
#define TICKS 12

/* xorshift64*: small, seeded, the same everywhere. */
static uint64_t draw(uint64_t *state, uint64_t below)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (*state * 2685821657736338717ull >> 16) % below;
}

static struct world *random_world(uint64_t *rng)
{
	int n_nodes = 1 + (int)draw(rng, 8);
	size_t n_cells = 1 + draw(rng, 4);
	struct world *w = world_create(n_nodes, 256 * GIB, 1 + draw(rng, 6),
				       n_cells, n_cells + draw(rng, 8));

	for (int n = 0; n < n_nodes; n++) {
		w->s.nodes[n].has_memory = draw(rng, 8) > 0;
		w->s.nodes[n].has_cpu = draw(rng, 8) > 0;
		for (int m = 0; m < n_nodes; m++)
			w->s.nodes[n].distance[m] = (uint8_t)draw(rng, 40);
	}
	for (size_t g = 0; g < w->s.n_guests; g++) {
		for (size_t c = 0; c < n_cells; c++)
			for (int n = 0; n < n_nodes; n++)
				if (draw(rng, 2) == 0)
					world_put(w, g, c, n,
						  draw(rng, 2 * GIB));
		w->views[g].mode = draw(rng, 4) ? MODE_AUTO
						: (enum guest_mode)draw(rng, 4);
		w->views[g].gates = draw(rng, 8) ? 0 : 1u << draw(rng, 13);
		w->views[g].mems_allowed.bits =
			draw(rng, 3) ? 0 : draw(rng, 256);
	}
	for (int n = 0; n < n_nodes; n++) {
		w->s.nodes[n].is_online = draw(rng, 10) > 0;
		if (draw(rng, 3) == 0)
			w->s.nodes[n].free_bytes = draw(rng, 4 * GIB);
		w->s.nodes[n].promised_bytes = draw(rng, GIB);
	}
	if (draw(rng, 4) == 0)
		w->cfg.host_bytes_per_hour = draw(rng, 8 * GIB) + 1;
	return w;
}

static void shake_vcpus(struct world *w, uint64_t *rng)
{
	for (size_t g = 0; g < w->s.n_guests; g++) {
		for (size_t v = 0; v < w->views[g].n_vcpus; v++) {
			struct snap_vcpu *vcpu = &w->guests[g].vcpus[v];

			if (draw(rng, 6) == 0)
				vcpu->allowed.bits =
					draw(rng, 2) ? draw(rng, 256)
						     : 1ull << draw(rng, 8);
			if (draw(rng, 3) == 0)
				vcpu->node = (int)draw(rng, 9) - 1;
			w->guests[g].busy[v] = (unsigned int)draw(rng, 1001);
		}
	}
}

static uint64_t moved_to(const struct world *w, int node)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < w->plan.n_moves; i++)
		if (w->plan.moves[i].to == node)
			sum += w->plan.moves[i].bytes;
	return sum;
}

/* Never to a node that is forbidden, absent or has no room. */
static void check_targets(const struct world *w)
{
	for (size_t i = 0; i < w->plan.n_moves; i++) {
		const struct plan_move *m = &w->plan.moves[i];
		const struct snap_node *to = &w->s.nodes[m->to];
		struct node_mask allowed = w->views[m->guest].mems_allowed;

		ck_assert(m->bytes > 0 && m->from != m->to);
		ck_assert(to->is_online && to->has_memory);
		ck_assert(!allowed.bits || node_mask_has(allowed, m->to));
		ck_assert_uint_le(moved_to(w, m->to) + to->reserve_bytes +
					  to->promised_bytes,
				  to->free_bytes);
		ck_assert_uint_eq(w->views[m->guest].gates, 0);
		ck_assert_int_ne(w->views[m->guest].mode, MODE_OFF);
		ck_assert_int_ne(w->views[m->guest].mode, MODE_OBSERVE);
	}
}

/* Never more than the budgets. used_bytes: moved in this hour, by guest. */
static void check_budgets(const struct world *w, const uint64_t *used_bytes)
{
	uint64_t all = 0;

	for (size_t g = 0; g < w->s.n_guests; g++) {
		uint64_t sum = used_bytes[g] + world_planned(w, g, NODE_NONE);

		ck_assert_uint_le(sum, 2 * w->views[g].ram_bytes);
		all += sum;
	}
	if (w->cfg.host_bytes_per_hour)
		ck_assert_uint_le(all, w->cfg.host_bytes_per_hour);
}

/* Never from a home node, unless its share is exceeded and asked for; never to
 * a node that is no home; never more than lies there. */
static void check_homes(const struct world *w)
{
	for (size_t i = 0; i < w->plan.n_moves; i++) {
		const struct plan_move *m = &w->plan.moves[i];
		const struct decision *d = world_decision(w, m->guest, m->cell);
		const struct snap_cell *cell =
			&w->guests[m->guest].cells[m->cell];
		struct placement_need need;
		uint64_t out = 0, in = 0;

		for (size_t j = 0; j < w->plan.n_moves; j++) {
			const struct plan_move *o = &w->plan.moves[j];

			if (o->guest != m->guest || o->cell != m->cell)
				continue;
			out += o->from == m->from ? o->bytes : 0;
			in += o->to == m->to ? o->bytes : 0;
		}
		placement_need(&w->s, cell, &d->home, d->with_shares,
			       placement_granule(&w->views[m->guest]), &need);
		ck_assert_uint_gt(d->home.weight[m->to], 0);
		ck_assert_uint_le(cell->node_bytes[m->to] + in,
				  need.target_bytes[m->to]);
		ck_assert_uint_le(out, cell->node_bytes[m->from]);
		ck_assert_int_eq(d->reason, m->reason);
		if (d->home.weight[m->from] == 0)
			continue;
		ck_assert(d->with_shares && d->by_affinity);
		ck_assert_uint_gt(need.excess_bytes,
				  need.resident_bytes / 10 - WEIGHT_WHOLE);
		ck_assert_uint_ge(cell->node_bytes[m->from] - out,
				  need.target_bytes[m->from]);
	}
}

static void check_decisions(const struct world *w)
{
	for (size_t i = 0; i < w->plan.n_decisions; i++) {
		const struct decision *d = &w->plan.decisions[i];

		ck_assert_int_ne(d->reason, REASON_NONE);
		ck_assert((d->reason == REASON_GATE) == (d->gate != 0));
		ck_assert_uint_le(d->planned_bytes, d->wrong_bytes);
		ck_assert_msg(d->again_ns == 0 || d->again_ns > w->s.now_ns,
			      "reason %d again %llu now %llu", d->reason,
			      (unsigned long long)d->again_ns,
			      (unsigned long long)w->s.now_ns);
	}
}

START_TEST(no_plan_ever_breaks_the_rules)
{
	const char *seed = getenv("POLICY_SEED");
	uint64_t rng = seed ? strtoull(seed, NULL, 0) : 20240229;
	size_t moves = 0;

	printf("POLICY_SEED=%llu\n", (unsigned long long)rng);
	for (int host = 0; host < HOSTS; host++) {
		struct world *w = random_world(&rng);
		uint64_t used_bytes[8] = { 0 };

		for (int t = 0; t < TICKS; t++) {
			shake_vcpus(w, &rng);
			world_ticks(w, 1 + (unsigned int)draw(&rng, 30), SEC);
			check_targets(w);
			check_budgets(w, used_bytes);
			check_homes(w);
			check_decisions(w);
			moves += w->plan.n_moves;
			for (size_t g = 0; g < w->s.n_guests; g++)
				used_bytes[g] += world_planned(w, g, NODE_NONE);
			world_apply(w);
		}
		world_destroy(w);
	}
	/* the rules were tried on something */
	ck_assert_uint_gt(moves, HOSTS);
}
END_TEST

/* Pin the guest to and fro each second for a day; what each hour moved, in
 * thousandths of its RAM. */
static void ping_pong(bool by_pin, unsigned int ret_hours[24])
{
	struct world *w = world_create(2, 64 * GIB, 1, 1, 4);
	uint64_t minutes[24 * 60] = { 0 };

	world_put(w, 0, 0, 0, 8 * GIB);
	for (int t = 0; t < 24 * 3600; t++) {
		uint64_t before = w->moved_bytes;

		if (by_pin)
			world_pin_all(w, 0, node_mask_of(t % 2));
		else
			world_run_all(w, 0, t % 2);
		world_ticks(w, 1, SEC);
		world_apply(w);
		minutes[t / 60] += w->moved_bytes - before;
	}
	for (int m = 0; m + 60 <= 24 * 60; m++) {
		uint64_t hour = 0;

		for (int i = m; i < m + 60; i++)
			hour += minutes[i];
		ck_assert_uint_le(hour, 16 * GIB);
		if (m % 60 == 0)
			ret_hours[m / 60] =
				(unsigned int)(hour * 1000 / (8 * GIB));
	}
	world_destroy(w);
}

START_TEST(pins_to_and_fro_each_second_cost_less_and_less)
{
	unsigned int hours[24];

	ping_pong(true, hours);
	ck_assert_uint_eq(hours[0], 2000);
	for (int h = 1; h < 24; h++)
		ck_assert_uint_le(hours[h], 2000);
	for (int h = 4; h < 24; h++)
		ck_assert_uint_le(hours[h], 1000);
}
END_TEST

START_TEST(drift_to_and_fro_each_second_costs_nothing)
{
	unsigned int hours[24];

	ping_pong(false, hours);
	for (int h = 0; h < 24; h++)
		ck_assert_uint_eq(hours[h], 0);
}
END_TEST

START_TEST(a_slow_wanderer_is_followed_less_and_less)
{
	struct world *w = world_create(2, 64 * GIB, 1, 1, 4);
	uint64_t first = 0;

	/* five minutes here, five minutes there: each visit long enough for
	 * the dwell time and for payback */
	world_put(w, 0, 0, 0, 2 * GIB);
	for (int t = 0; t < 24 * 3600; t++) {
		world_run_all(w, 0, t / 300 % 2);
		world_ticks(w, 1, SEC);
		world_apply(w);
		if (t == 2 * 3600)
			first = w->moved_bytes;
	}
	ck_assert_uint_gt(first, 0);
	ck_assert_uint_le(first, 8 * GIB);
	/* afterwards an hour's cooldown lies between two moves */
	ck_assert_uint_le(w->moved_bytes - first, 22 * 2 * GIB);
	world_destroy(w);
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
		no_plan_ever_breaks_the_rules,
		pins_to_and_fro_each_second_cost_less_and_less,
		drift_to_and_fro_each_second_costs_nothing,
		a_slow_wanderer_is_followed_less_and_less,
		the_same_inputs_give_the_same_plan_byte_for_byte,
	};

	return suite_run("property", tests, ARRAY_LEN(tests));
}
