/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From homes to moves, under the room that the nodes have. It neither knows
 * why a home is wanted nor whether the time is right: the decisions say so.
 * Called by policy.c once a tick and by request.c.
 *
 * Theory of operation
 *
 * Each cell has a home: weights over nodes. Multiplied with the bytes it has
 * now they give a target for each node. Bytes on nodes that are no home are
 * `outside`; bytes on a home node beyond its target are `excess`. Outside
 * bytes are moved to home nodes that lack some; excess is moved only if the
 * decision asks for it, so that memory on a wanted node otherwise stays.
 *
 * The first outside node is paired with the first lacking node, the second
 * with the second, and so on: when a wide home {0,1} becomes {2,3}, what lay
 * together stays together. What is left after pairing goes wherever bytes
 * are lacking.
 *
 * Room on a node is its free memory less its reserve, less what jobs at work
 * will still bring, less what this tick has planned. Memory that this tick's
 * moves will free does not count, since they may fail. So two guests that
 * must trade two full nodes move a window at a time, each making room for the
 * other. Nothing is ever put on a second-best node for want of room: it would
 * have to be moved again.
 *
 * Every move goes from where a cell has too much to where it has too little,
 * so a plan carried out never gives rise to its own reversal.
 */
#include "policy/placement.h"

#include <string.h>

#include "addr.h"
#include "policy/home.h"

/* What is left while a plan is made. */
struct room {
	const struct policy_config *cfg; /* borrowed */
	const struct snapshot *s; /* borrowed */
	struct plan *plan; /* borrowed; receives the moves */
	bool is_request; /* budgets do not count */
	bool rehome; /* neither cpusets nor numatune strict count */
	uint64_t host_bytes; /* left of the host's budget */
	uint64_t node_bytes[NODES_MAX]; /* room on each node */
};

/* Bytes that one cell still has to give away and still lacks, by node. */
struct ledger {
	uint64_t source[NODES_MAX]; /* to be given away */
	uint64_t lack[NODES_MAX]; /* wanted */
	struct node_mask bound; /* the only nodes it may go to; empty: all */
};

uint64_t placement_granule(const struct snap_guest *guest)
{
	return u64_max(guest->page_bytes, PAGE_2M_BYTES);
}

/* bytes * weight / WEIGHT_WHOLE, without overflow: sizes are untrusted. */
static uint64_t share_of(uint64_t bytes, unsigned int weight)
{
	return bytes / WEIGHT_WHOLE * weight +
	       bytes % WEIGHT_WHOLE * weight / WEIGHT_WHOLE;
}

/* Shares in whole granules; the heaviest node gets the remainder. */
static void set_targets(const struct home *home, uint64_t granule_bytes,
			struct placement_need *need)
{
	struct node_mask nodes = home_nodes(home);
	uint64_t left = need->resident_bytes;
	int most = node_mask_first(nodes);

	node_each (n, nodes) {
		uint64_t bytes =
			share_of(need->resident_bytes, home->weight[n]);

		bytes -= bytes % granule_bytes;
		need->target_bytes[n] = bytes;
		left -= bytes;
		if (home->weight[n] > home->weight[most])
			most = n;
	}
	need->target_bytes[most] += left;
}

/* How much nearer to home bytes on node come: 1 for a distance of 10. */
static uint64_t far_bytes(const struct snapshot *s, const struct home *home,
			  int node, uint64_t bytes)
{
	struct node_mask nodes;
	uint64_t weighted = 0;

	if (bytes == 0)
		return 0;
	nodes = home_nodes(home);
	node_each (n, nodes)
		weighted += (uint64_t)home->weight[n] *
			    (home_distance(s, node, n) - 10);
	return bytes / (WEIGHT_WHOLE * 10) * weighted;
}

void placement_need(const struct snapshot *s, const struct snap_cell *cell,
		    const struct home *home, bool with_shares,
		    uint64_t granule_bytes, struct placement_need *ret_need)
{
	struct node_mask nodes = home_nodes(home);

	memset(ret_need, 0, sizeof(*ret_need));
	for (int n = 0; n < NODES_MAX; n++)
		ret_need->resident_bytes += cell->node_bytes[n];
	if (node_mask_is_empty(nodes))
		return;
	set_targets(home, granule_bytes, ret_need);
	for (int n = 0; n < NODES_MAX; n++) {
		uint64_t have = cell->node_bytes[n], bytes = 0;

		if (!node_mask_has(nodes, n)) {
			ret_need->outside_bytes += have;
			bytes = have;
		} else if (have > ret_need->target_bytes[n]) {
			bytes = have - ret_need->target_bytes[n];
			ret_need->excess_bytes += bytes;
			bytes = with_shares ? bytes : 0;
		}
		ret_need->deal.bytes += bytes;
		ret_need->deal.far_bytes += far_bytes(s, home, n, bytes);
	}
}

static void room_init(struct room *r, const struct policy_config *cfg,
		      const struct snapshot *s, struct plan *plan)
{
	struct node_mask nodes = home_memory_nodes(s);

	*r = (struct room) { .cfg = cfg, .s = s, .plan = plan };
	r->host_bytes = budget_host_left(cfg, s);
	node_each (n, nodes) {
		uint64_t taken = s->nodes[n].reserve_bytes;

		if (!addr_add(taken, s->nodes[n].promised_bytes, &taken))
			taken = UINT64_MAX;
		if (s->nodes[n].free_bytes > taken)
			r->node_bytes[n] = s->nodes[n].free_bytes - taken;
	}
}

/* All of bytes if limit allows, else the part that is worth moving, else 0. */
static uint64_t part_of(const struct room *r, uint64_t bytes, uint64_t limit,
			uint64_t granule_bytes)
{
	if (bytes <= limit)
		return bytes;
	limit -= limit % granule_bytes;
	return limit >= r->cfg->part_bytes ? limit : 0;
}

/* How much of bytes can go to node now. Less than all: *ret_rest says why. */
static uint64_t room_for(const struct room *r, const struct snap_guest *guest,
			 struct node_mask bound, int node, uint64_t bytes,
			 enum reason *ret_rest)
{
	struct node_mask allowed = guest->mems_allowed;
	uint64_t granule = placement_granule(guest), fit, budget;

	if (!r->rehome && bound.bits && !node_mask_has(bound, node)) {
		*ret_rest = REASON_BOUND;
		return 0;
	}
	if (!r->rehome && allowed.bits && !node_mask_has(allowed, node)) {
		*ret_rest = REASON_CPUSET;
		return 0;
	}
	fit = part_of(r, bytes, r->node_bytes[node], granule);
	if (fit < bytes)
		*ret_rest = REASON_NO_ROOM;
	if (fit == 0 || r->is_request)
		return fit;
	budget = u64_min(budget_left(r->cfg, guest, r->s->now_ns),
			 r->host_bytes);
	if (budget < fit) {
		*ret_rest = REASON_BUDGET;
		fit = part_of(r, fit, budget, granule);
	}
	return fit;
}

/* Plan what can be planned of bytes from one node to another, and strike all
 * of them from the ledger: what does not go now is not tried again. */
static void place(struct room *r, struct decision *d, struct ledger *l,
		  int from, int to)
{
	const struct snap_guest *guest = &r->s->guests[d->guest];
	uint64_t bytes = u64_min(l->source[from], l->lack[to]), fit;
	struct plan_move *move;

	l->source[from] -= bytes;
	l->lack[to] -= bytes;
	bytes = addr_down(bytes, PAGE_4K_BYTES);
	if (bytes == 0)
		return;
	if (r->plan->n_moves == r->plan->cap_moves) {
		r->plan->is_cut = true;
		return;
	}
	fit = room_for(r, guest, l->bound, to, bytes, &d->rest);
	if (fit == 0)
		return;
	move = &r->plan->moves[r->plan->n_moves++];
	/* with its padding: plans are compared byte for byte */
	memset(move, 0, sizeof(*move));
	move->guest = d->guest;
	move->cell = d->cell;
	move->from = from;
	move->to = to;
	move->bytes = fit;
	move->reason = d->reason;
	d->planned_bytes += fit;
	r->node_bytes[to] -= fit;
	if (r->is_request)
		return;
	guest->memory->planned_bytes += fit;
	if (r->host_bytes != UINT64_MAX)
		r->host_bytes -= fit;
}

static void ledger_open(const struct snap_cell *cell, const struct decision *d,
			const struct placement_need *need, struct ledger *l)
{
	memset(l, 0, sizeof(*l));
	l->bound = cell->bound;
	for (int n = 0; n < NODES_MAX; n++) {
		uint64_t have = cell->node_bytes[n];
		uint64_t want = need->target_bytes[n];

		if (d->home.weight[n] == 0)
			l->source[n] = have;
		else if (have < want)
			l->lack[n] = want - have;
		else if (d->with_shares)
			l->source[n] = have - want;
	}
}

/* Too little of a cell to be worth a way of its own. */
static bool is_crumb(const struct decision *d, uint64_t bytes)
{
	return bytes <= d->resident_bytes / 100;
}

/* Pair the nodes that give with the nodes that lack, by rank. Crumbs on a node,
 * or lacking there, give it no rank: they must not turn the pairing. */
static void place_by_rank(struct room *r, struct decision *d, struct ledger *l)
{
	struct node_mask sources = { 0 }, lacks = { 0 };
	int to;

	for (int n = 0; n < NODES_MAX; n++) {
		if (!is_crumb(d, l->source[n]))
			node_mask_add(&sources, n);
		if (!is_crumb(d, l->lack[n]))
			node_mask_add(&lacks, n);
	}
	to = node_mask_first(lacks);
	node_each (from, sources) {
		if (to == NODE_NONE)
			return;
		place(r, d, l, from, to);
		to = node_mask_next(lacks, to);
	}
}

/* What the ranks have left, in the order of the nodes. For a crumb, as rounding
 * leaves it, nothing leaves a home node. */
static void place_rest(struct room *r, struct decision *d, struct ledger *l)
{
	struct node_mask nodes = home_nodes(&d->home);

	for (int from = 0; from < NODES_MAX; from++) {
		if (l->source[from] == 0)
			continue;
		node_each (to, nodes)
			if (l->source[from] > 0 && l->lack[to] > 0 &&
			    !(node_mask_has(nodes, from) &&
			      is_crumb(d, l->lack[to])))
				place(r, d, l, from, to);
	}
}

static void place_cell(struct room *r, struct decision *d)
{
	const struct snap_guest *guest = &r->s->guests[d->guest];
	const struct snap_cell *cell = guest->cells;
	struct placement_need need;
	struct ledger l;

	/* a decision with a move's reason is about a cell of the snapshot */
	while (cell->id != d->cell)
		cell++;
	placement_need(r->s, cell, &d->home, d->with_shares,
		       placement_granule(guest), &need);
	ledger_open(cell, d, &need, &l);
	place_by_rank(r, d, &l);
	place_rest(r, d, &l);
	if (d->planned_bytes == 0 && d->rest != REASON_NONE)
		d->reason = d->rest;
	if (d->rest == REASON_BUDGET)
		d->again_ns = budget_again_ns(guest->memory, r->s->now_ns);
}

static bool is_move(const struct decision *d)
{
	return d->reason == REASON_AFFINITY || d->reason == REASON_DRIFT ||
	       d->reason == REASON_REQUEST;
}

/* True when decision a of the plan goes before decision b: what an
 * administrator did, then what is worth most, then the order of guests. */
static bool is_before(const struct plan *plan, size_t a, size_t b)
{
	const struct decision *da = &plan->decisions[a];
	const struct decision *db = &plan->decisions[b];
	bool a_drifts = da->reason == REASON_DRIFT;
	bool b_drifts = db->reason == REASON_DRIFT;

	if (a_drifts != b_drifts)
		return b_drifts;
	if (da->gain != db->gain)
		return da->gain > db->gain;
	return a < b;
}

void placement_plan(const struct policy_config *cfg, const struct snapshot *s,
		    bool is_request, bool rehome, struct plan *plan)
{
	struct room r;

	room_init(&r, cfg, s, plan);
	r.is_request = is_request;
	r.rehome = rehome;
	/* Choosing the best again and again is quadratic, in the number of
	 * cells that are to be moved in one tick: a few. */
	for (;;) {
		size_t best = plan->n_decisions;

		for (size_t i = 0; i < plan->n_decisions; i++) {
			const struct decision *d = &plan->decisions[i];

			if (is_move(d) && !d->is_placed &&
			    (best == plan->n_decisions ||
			     is_before(plan, i, best)))
				best = i;
		}
		if (best == plan->n_decisions)
			return;
		plan->decisions[best].is_placed = true;
		place_cell(&r, &plan->decisions[best]);
	}
}
