/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An administrator's rebalance: the wish is taken as given, only what makes it
 * impossible or unsafe is asked. Changes nothing that is remembered. Called by
 * the control socket.
 */
#include <errno.h>
#include <string.h>

#include "addr.h"
#include "policy/decide.h"
#include "policy/home.h"
#include "policy/placement.h"
#include "policy/policy.h"
#include "policy/request.h"

static int refuse(struct refused *ret_refused, enum refusal refusal, int err)
{
	if (ret_refused)
		*ret_refused = (struct refused) { .refusal = refusal };
	return err;
}

static const struct request_cell *named_cell(const struct request *req, int id)
{
	for (size_t i = 0; i < req->n_cells; i++)
		if (req->cells[i].cell == id)
			return &req->cells[i];
	return NULL;
}

static bool has_cell(const struct snap_guest *guest, int id)
{
	for (size_t i = 0; i < guest->n_cells; i++)
		if (guest->cells[i].id == id)
			return true;
	return false;
}

/* Is the request about cells and nodes that exist? */
static int check_words(const struct snapshot *s, const struct snap_guest *guest,
		       const struct request *req, struct refused *ret_refused)
{
	struct node_mask wanted = req->to;

	for (size_t i = 0; i < req->n_cells; i++) {
		if (!has_cell(guest, req->cells[i].cell))
			return refuse(ret_refused, REFUSAL_NO_CELL, -EINVAL);
		if (node_mask_is_empty(req->cells[i].to))
			return refuse(ret_refused, REFUSAL_BAD_NODE, -EINVAL);
		wanted.bits |= req->cells[i].to.bits;
	}
	if (wanted.bits & ~home_memory_nodes(s).bits)
		return refuse(ret_refused, REFUSAL_BAD_NODE, -EINVAL);
	return 0;
}

static int check_gates(const struct snap_guest *guest,
		       struct refused *ret_refused)
{
	unsigned int gates = guest->gates & REQUEST_HARD_GATES;

	if (guest->mode == MODE_OFF)
		return refuse(ret_refused, REFUSAL_OFF, -EPERM);
	if (!gates)
		return 0;
	refuse(ret_refused, REFUSAL_GATE, -EPERM);
	if (ret_refused)
		ret_refused->gate = gates & -gates;
	return -EPERM;
}

/* What the cell should have. False: the request does not concern it. */
static bool wanted_home(const struct policy_config *cfg,
			const struct snapshot *s,
			const struct snap_guest *guest, int cell,
			const struct request *req, struct cell_home *ret_home)
{
	const struct request_cell *named = named_cell(req, cell);
	struct node_mask to = named ? named->to : req->to;

	memset(ret_home, 0, sizeof(*ret_home));
	if (to.bits) {
		ret_home->is_known = true;
		ret_home->is_settled = true;
		ret_home->confidence = WEIGHT_WHOLE;
		ret_home->home = home_evenly(to);
		return true;
	}
	if (req->n_cells > 0)
		return false;
	home_of_cell(cfg, s, guest, cell, ret_home);
	return true;
}

static void judge_cell(const struct policy_config *cfg,
		       const struct snapshot *s, const struct snap_guest *guest,
		       const struct snap_cell *cell, const struct request *req,
		       struct decision *d)
{
	struct placement_need need;
	struct cell_home home;

	d->cell = cell->id;
	if (!wanted_home(cfg, s, guest, cell->id, req, &home))
		return;
	d->home = home.home;
	d->by_affinity = home.by_affinity;
	d->confidence = home.confidence;
	if (!cell->is_measured) {
		d->reason = REASON_UNMEASURED;
		return;
	}
	if (!home.is_known) {
		d->reason = REASON_NO_VCPU;
		return;
	}
	placement_need(s, cell, &home.home, home.is_settled,
		       placement_granule(guest), &need);
	d->resident_bytes = need.resident_bytes;
	/* a little excess is rounding, not a wrong proportion */
	d->with_shares =
		home.is_settled &&
		need.excess_bytes > decide_slack(cfg, need.resident_bytes);
	d->wrong_bytes = d->with_shares ? need.deal.bytes : need.outside_bytes;
	d->reason =
		d->wrong_bytes >= PAGE_4K_BYTES ? REASON_REQUEST : REASON_LOCAL;
}

/* Nothing is planned: is that an answer, or must the request be refused? */
static int check_plan(const struct plan *plan, struct refused *ret_refused)
{
	static const struct {
		enum reason reason;
		enum refusal refusal;
		int err;
	} table[] = {
		{ REASON_NO_ROOM, REFUSAL_NO_ROOM, -ENOSPC },
		{ REASON_BOUND, REFUSAL_BOUND, -EPERM },
		{ REASON_CPUSET, REFUSAL_CPUSET, -EPERM },
		{ REASON_UNMEASURED, REFUSAL_UNMEASURED, -ENODATA },
		{ REASON_NO_VCPU, REFUSAL_NO_HOME, -ENODATA },
	};

	if (plan->n_moves > 0)
		return 0;
	for (size_t t = 0; t < sizeof(table) / sizeof(table[0]); t++)
		for (size_t i = 0; i < plan->n_decisions; i++)
			if (plan->decisions[i].reason == table[t].reason)
				return refuse(ret_refused, table[t].refusal,
					      table[t].err);
	return 0;
}

int policy_request(const struct policy_config *cfg, const struct snapshot *s,
		   size_t guest, const struct request *req,
		   struct plan *ret_plan, struct refused *ret_refused)
{
	const struct snap_guest *g;
	int r;

	ret_plan->n_moves = 0;
	ret_plan->n_decisions = 0;
	ret_plan->is_cut = false;
	if (ret_refused)
		*ret_refused = (struct refused) { 0 };
	if (guest >= s->n_guests)
		return refuse(ret_refused, REFUSAL_NO_GUEST, -EINVAL);
	g = &s->guests[guest];
	r = check_words(s, g, req, ret_refused);
	if (r < 0)
		return r;
	r = check_gates(g, ret_refused);
	if (r < 0)
		return r;
	for (size_t c = 0; c < g->n_cells; c++) {
		struct decision *d;

		if (ret_plan->n_decisions == ret_plan->cap_decisions) {
			ret_plan->is_cut = true;
			break;
		}
		d = &ret_plan->decisions[ret_plan->n_decisions++];
		memset(d, 0, sizeof(*d));
		d->guest = guest;
		judge_cell(cfg, s, g, &g->cells[c], req, d);
	}
	placement_plan(cfg, s, true, req->rehome, ret_plan);
	return check_plan(ret_plan, ret_refused);
}
