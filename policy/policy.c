/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tick: for each guest take the samples, for each cell decide, and then
 * place what is to be moved. Also the guest's memory: its beginning, the
 * administrator's hold, and the end of jobs. Decides nothing itself: see
 * decide.c and placement.c.
 */
#include "policy/policy.h"

#include <assert.h>
#include <string.h>

#include "addr.h"
#include "policy/affinity.h"
#include "policy/budget.h"
#include "policy/decide.h"
#include "policy/home.h"
#include "policy/placement.h"

struct policy_config policy_config_default(void)
{
	return (struct policy_config) {
		.period_ns = 1 * POLICY_NS_PER_S,
		.half_life_ns = 4 * POLICY_NS_PER_S,
		.evidence_ns = POLICY_NS_PER_S / 200,
		.dwell_ns = 10 * POLICY_NS_PER_S,
		.confidence = 700,
		.minority = 200,
		.wide_change = 100,
		.thin_change = 10,
		.thin_change_bytes = 4 * MIB,
		.part_bytes = 64 * MIB,
		.cooldown_ns = 60 * POLICY_NS_PER_S,
		.cooldown_max_ns = 3600 * POLICY_NS_PER_S,
		.ram_per_hour = 2,
		.host_bytes_per_hour = 0,
		.payback_ns = 3600 * POLICY_NS_PER_S,
		.grace_ns = 10 * POLICY_NS_PER_S,
		.settle_ns = 30 * POLICY_NS_PER_S,
		.rate_bytes_per_s = 500000000,
	};
}

void policy_guest_init(struct policy_guest *g, struct policy_vcpu *storage,
		       size_t n_vcpus)
{
	memset(g, 0, sizeof(*g));
	g->vcpus = storage;
	g->cap_vcpus = n_vcpus;
}

void policy_guest_lend(struct policy_guest *g, struct policy_vcpu *storage,
		       size_t n_vcpus)
{
	if (g->n_vcpus > n_vcpus)
		g->n_vcpus = n_vcpus;
	if (g->n_vcpus > 0)
		memcpy(storage, g->vcpus, g->n_vcpus * sizeof(*storage));
	g->vcpus = storage;
	g->cap_vcpus = n_vcpus;
}

void policy_guest_hold(struct policy_guest *g)
{
	for (size_t i = 0; i < g->n_cells; i++) {
		g->cells[i].is_held = true;
		g->cells[i].held_home = home_nodes(&g->cells[i].home);
	}
}

void policy_guest_release(struct policy_guest *g)
{
	for (size_t i = 0; i < g->n_cells; i++)
		g->cells[i].is_held = false;
}

/* The cell's memory, begun when it is met for the first time; NULL when there
 * is no room for one more. */
static struct policy_cell *cell_memory(struct policy_guest *m, int id)
{
	for (size_t i = 0; i < m->n_cells; i++)
		if (m->cells[i].id == id)
			return &m->cells[i];
	if (m->n_cells == POLICY_CELLS_MAX)
		return NULL;
	m->cells[m->n_cells] = (struct policy_cell) { .id = id };
	return &m->cells[m->n_cells++];
}

/* A hold ends when the vCPUs have moved: at once by affinity, or by habit after
 * the dwell time. */
static void hold_check(const struct policy_config *cfg, struct policy_cell *pc,
		       const struct cell_home *now, uint64_t now_ns)
{
	struct node_mask nodes = home_nodes(&pc->home);

	if (!pc->is_held || node_mask_is_empty(nodes))
		return;
	/* the hold began before anything was known of the vCPUs */
	if (node_mask_is_empty(pc->held_home))
		pc->held_home = nodes;
	if (pc->held_home.bits == nodes.bits)
		return;
	if (now->by_affinity ||
	    (now->confidence >= cfg->confidence && now_ns >= pc->since_ns &&
	     now_ns - pc->since_ns >= cfg->dwell_ns))
		pc->is_held = false;
}

static void tick_cell(struct decide *in, bool is_gap, struct decision *ret)
{
	struct cell_home now = { 0 };

	in->memory = cell_memory(in->guest->memory, in->cell->id);
	if (in->memory && in->guest->mode != MODE_OFF) {
		home_of_cell(in->cfg, in->s, in->guest, in->cell->id, &now);
		decide_settle(in, &now, is_gap);
		hold_check(in->cfg, in->memory, &now, in->s->now_ns);
	}
	decide_cell(in, &now, ret);
}

static void tick_guest(const struct policy_config *cfg,
		       const struct snapshot *s, size_t index,
		       struct plan *plan)
{
	const struct snap_guest *guest = &s->guests[index];
	bool is_gap = false;

	assert(guest->memory);
	/* what a job at work was planned to move is not charged before its end,
	 * and is no less spent: of the host's bytes, others may not have it */
	if (!(guest->gates & GATE_MOVING))
		guest->memory->planned_bytes = 0;
	if (guest->mode != MODE_OFF)
		is_gap = !affinity_sample(cfg, s, guest);
	for (size_t c = 0; c < guest->n_cells; c++) {
		struct decide in = { .cfg = cfg, .s = s, .guest = guest };
		struct decision *d;

		if (plan->n_decisions == plan->cap_decisions) {
			plan->is_cut = true;
			return;
		}
		d = &plan->decisions[plan->n_decisions++];
		/* with its padding: plans are compared byte for byte */
		memset(d, 0, sizeof(*d));
		d->guest = index;
		d->cell = guest->cells[c].id;
		in.cell = &guest->cells[c];
		tick_cell(&in, is_gap, d);
	}
}

void policy_decide(const struct policy_config *cfg, const struct snapshot *s,
		   struct plan *ret_plan)
{
	ret_plan->n_moves = 0;
	ret_plan->n_decisions = 0;
	ret_plan->is_cut = false;
	for (size_t i = 0; i < s->n_guests; i++)
		tick_guest(cfg, s, i, ret_plan);
	placement_plan(cfg, s, false, false, ret_plan);
}

void policy_price(const struct policy_config *cfg, const struct snapshot *s,
		  const struct plan *plan, size_t guest,
		  struct price *ret_price)
{
	struct deal deal = { 0 };

	*ret_price = (struct price) { 0 };
	if (guest >= s->n_guests)
		return;
	for (size_t i = 0; i < plan->n_moves; i++) {
		const struct plan_move *m = &plan->moves[i];

		if (m->guest != guest)
			continue;
		deal.bytes += m->bytes;
		deal.far_bytes +=
			m->bytes / 10 * (home_distance(s, m->from, m->to) - 10);
	}
	budget_price(cfg, s, &s->guests[guest], deal, ret_price);
}

/* Add what it is to bring the cell of a decision home. */
static void add_wrong(const struct snapshot *s, const struct decision *d,
		      struct deal *deal)
{
	const struct snap_guest *guest = &s->guests[d->guest];
	struct placement_need need;

	for (size_t c = 0; c < guest->n_cells; c++) {
		if (guest->cells[c].id != d->cell)
			continue;
		placement_need(s, &guest->cells[c], &d->home, d->with_shares,
			       placement_granule(guest), &need);
		deal->bytes += need.deal.bytes;
		deal->far_bytes += need.deal.far_bytes;
		return;
	}
}

void policy_price_wrong(const struct policy_config *cfg,
			const struct snapshot *s, const struct plan *plan,
			size_t guest, struct price *ret_price)
{
	struct deal deal = { 0 };

	*ret_price = (struct price) { 0 };
	if (guest >= s->n_guests)
		return;
	for (size_t i = 0; i < plan->n_decisions; i++) {
		const struct decision *d = &plan->decisions[i];

		if (d->guest == guest && d->wrong_bytes > 0)
			add_wrong(s, d, &deal);
	}
	budget_price(cfg, s, &s->guests[guest], deal, ret_price);
}

void policy_outcome(const struct policy_config *cfg, struct policy_guest *g,
		    const struct outcome *outcome)
{
	uint64_t planned_bytes = 0;
	bool is_futile;

	if (outcome->n_moves == 0 || outcome->moves[0].reason == REASON_REQUEST)
		return;
	for (size_t i = 0; i < outcome->n_moves; i++)
		planned_bytes += outcome->moves[i].bytes;
	is_futile = !outcome->is_superseded &&
		    (outcome->is_cancelled ||
		     outcome->moved_bytes < planned_bytes / 10);
	budget_charge(g, outcome->end_ns, outcome->moved_bytes);
	if (outcome->is_superseded && outcome->moved_bytes == 0)
		return;
	for (size_t c = 0; c < g->n_cells; c++) {
		struct node_mask from = { 0 }, to = { 0 };

		for (size_t i = 0; i < outcome->n_moves; i++) {
			if (outcome->moves[i].cell != g->cells[c].id)
				continue;
			node_mask_add(&from, outcome->moves[i].from);
			node_mask_add(&to, outcome->moves[i].to);
		}
		if (!to.bits)
			continue;
		budget_cool(cfg, &g->cells[c], from, to, outcome->end_ns,
			    is_futile);
		if (outcome->is_cancelled) /* whatever else is wrong */
			g->cells[c].futile_bytes = UINT64_MAX;
	}
}
