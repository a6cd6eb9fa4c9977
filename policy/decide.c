/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One cell at one moment: is anything wrong, and may it be mended now? The
 * questions stand in decide_cell() in the order in which an administrator
 * would want the first "no" explained. Room is not asked here but in
 * placement.c, since guests compete for it. Called by policy.c.
 */
#include "policy/decide.h"

#include "addr.h"
#include "policy/affinity.h"
#include "policy/budget.h"
#include "policy/placement.h"

void decide_settle(const struct decide *in, const struct cell_home *now,
		   bool is_gap)
{
	struct policy_cell *pc = in->memory;
	unsigned int change;
	bool is_elsewhere;

	if (is_gap)
		pc->since_ns = in->s->now_ns;
	if (!now->is_known)
		return;
	change = home_difference(&pc->home, &now->home);
	is_elsewhere =
		home_nodes(&pc->home).bits != home_nodes(&now->home).bits;
	if (node_mask_is_empty(home_nodes(&pc->home)) ||
	    change > in->cfg->wide_change || (now->by_affinity && change > 0)) {
		pc->home = now->home;
		/* drifting between the same nodes is staying on them */
		if (is_elsewhere || now->by_affinity)
			pc->since_ns = in->s->now_ns;
	}
}

uint64_t decide_slack(const struct policy_config *cfg, uint64_t resident_bytes)
{
	return u64_max(resident_bytes / WEIGHT_WHOLE * cfg->thin_change,
		       cfg->thin_change_bytes);
}

/* Would an ideal mover have anything to do? Fills the amounts of ret. */
static bool is_wrong(const struct decide *in, const struct cell_home *now,
		     struct placement_need *need, struct decision *ret)
{
	uint64_t granule = placement_granule(in->guest);

	/* Proportions follow affinity only: two drifting vCPUs use all of the
	 * memory alike, so that moving half of it to each gains nothing. */
	placement_need(in->s, in->cell, &ret->home,
		       now->by_affinity && now->is_settled, granule, need);
	ret->with_shares = now->by_affinity && now->is_settled &&
			   need->excess_bytes > need->resident_bytes /
							WEIGHT_WHOLE *
							in->cfg->wide_change;
	if (!ret->with_shares)
		placement_need(in->s, in->cell, &ret->home, false, granule,
			       need);
	ret->resident_bytes = need->resident_bytes;
	ret->wrong_bytes = need->deal.bytes;
	return ret->with_shares ||
	       need->outside_bytes >
		       decide_slack(in->cfg, need->resident_bytes);
}

/* Is what happened then (0: never) less than that long ago? */
static bool is_fresh(uint64_t then_ns, uint64_t long_ns, uint64_t now_ns)
{
	return then_ns && then_ns <= now_ns && now_ns - then_ns < long_ns;
}

/* The gate that is closed for automatic moves, 0 for none. */
static unsigned int closed_gate(const struct decide *in, struct decision *ret)
{
	const struct snap_guest *guest = in->guest;
	const struct policy_config *cfg = in->cfg;
	uint64_t now_ns = in->s->now_ns;
	bool is_young = is_fresh(guest->started_ns, cfg->grace_ns, now_ns);
	bool is_settling = is_fresh(guest->cpuset_ns, cfg->settle_ns, now_ns);
	unsigned int gates = guest->gates;

	if (in->memory && in->memory->is_held)
		gates |= GATE_HELD;
	if (is_young)
		gates |= GATE_STARTING;
	if (is_settling)
		gates |= GATE_SETTLING;
	/* the lowest bit is the gate that matters most */
	gates &= -gates;
	if (is_young && gates == GATE_STARTING)
		ret->again_ns = guest->started_ns + cfg->grace_ns;
	if (is_settling && gates == GATE_SETTLING)
		ret->again_ns = guest->cpuset_ns + cfg->settle_ns;
	return gates;
}

/* Is a move for scheduler drift due? Only if the vCPUs have surely stayed, and
 * for as long as the move takes to repay itself. */
static enum reason judge_drift(const struct decide *in,
			       const struct cell_home *now, struct deal deal,
			       struct decision *ret)
{
	const struct policy_config *cfg = in->cfg;
	uint64_t since_ns = in->memory->since_ns, now_ns = in->s->now_ns;
	uint64_t stayed_ns = now_ns > since_ns ? now_ns - since_ns : 0;
	double payback_ns;
	struct price price;

	if (now->confidence < cfg->confidence)
		return REASON_DWELL;
	if (stayed_ns < cfg->dwell_ns) {
		ret->again_ns = since_ns + cfg->dwell_ns;
		return REASON_DWELL;
	}
	budget_price(cfg, in->s, in->guest, deal, &price);
	payback_ns = price.payback_s * (double)POLICY_NS_PER_S;
	if (payback_ns < 0 || payback_ns > (double)cfg->payback_ns)
		return REASON_PAYBACK;
	if (payback_ns > (double)stayed_ns) {
		ret->again_ns = since_ns + (uint64_t)payback_ns + 1;
		return REASON_PAYBACK;
	}
	return REASON_DRIFT;
}

/* May it be moved, now that it is known to be wrong? */
static enum reason judge_move(const struct decide *in,
			      const struct cell_home *now, struct deal deal,
			      struct decision *ret)
{
	enum reason reason = REASON_AFFINITY;

	ret->gate = closed_gate(in, ret);
	if (ret->gate)
		return REASON_GATE;
	if (in->cell->is_spread)
		return REASON_SPREAD;
	if (in->guest->mode == MODE_OBSERVE ||
	    (in->guest->mode == MODE_PIN && !now->by_affinity))
		return REASON_MODE;
	if (budget_is_cooling(in->memory, home_nodes(&ret->home),
			      now->by_affinity, in->s->now_ns)) {
		ret->again_ns = in->memory->cool_until_ns;
		return REASON_COOLDOWN;
	}
	if (!now->by_affinity)
		reason = judge_drift(in, now, deal, ret);
	if (reason != REASON_AFFINITY && reason != REASON_DRIFT)
		return reason;
	if (budget_left(in->cfg, in->guest, in->s->now_ns) > 0)
		return reason;
	ret->again_ns = budget_again_ns(in->guest->memory, in->s->now_ns);
	return REASON_BUDGET;
}

void decide_cell(const struct decide *in, const struct cell_home *now,
		 struct decision *ret)
{
	struct placement_need need;
	bool has_to_move;

	ret->by_affinity = now->by_affinity;
	ret->confidence = now->confidence;
	if (in->memory)
		ret->home = in->memory->home;
	if (in->guest->mode == MODE_OFF) {
		ret->reason = REASON_MODE;
		return;
	}
	if (!in->memory || !in->cell->is_measured) {
		ret->gate = closed_gate(in, ret);
		ret->reason = ret->gate ? REASON_GATE : REASON_UNMEASURED;
		return;
	}
	if (node_mask_is_empty(home_nodes(&ret->home))) {
		ret->reason = REASON_NO_VCPU;
		return;
	}
	has_to_move = is_wrong(in, now, &need, ret);
	budget_look_again(in->memory, ret->wrong_bytes,
			  decide_slack(in->cfg, ret->resident_bytes));
	if (!has_to_move) {
		ret->reason = REASON_LOCAL;
		return;
	}
	/* in MiB, so that the product cannot overflow */
	ret->gain = (affinity_activity(in->cfg, in->guest->memory) + 1) *
		    (need.deal.far_bytes / MIB) /
		    (need.resident_bytes / MIB + 1);
	ret->reason = judge_move(in, now, need.deal, ret);
}
