/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Room on a node for a guest to come: which bytes of which guests would have to
 * go, and where to. Changes nothing that is remembered. Called by the control
 * socket; the moves are carried out as an administrator's.
 *
 * Theory of operation
 *
 * A candidate is what one cell has on the node, with another node to go to that
 * has room for it. Its cost is how much farther from the cell's home each byte
 * would lie: below zero for bytes that go home, zero between nodes of a wide
 * home, above zero for a cell that lives on the node. The cheapest candidate is
 * taken, again and again, until enough is planned: bytes that are not at home
 * there first. Of candidates that cost the same, the smallest that suffices
 * alone, else the largest, so that few guests are touched. No more than is
 * asked for is taken from the last one.
 *
 * Memory that a guest has from a pool of huge pages gives room in that pool
 * only, and other memory only outside of pools.
 */
#include <errno.h>
#include <string.h>

#include "addr.h"
#include "policy/home.h"
#include "policy/placement.h"
#include "policy/policy.h"
#include "policy/request.h"

/* What is left while a plan is made. */
struct making {
	const struct policy_config *cfg; /* borrowed */
	const struct snapshot *s; /* borrowed */
	const struct make_room *want; /* borrowed */
	struct plan *plan; /* borrowed; receives the moves */
	uint64_t room_bytes[NODES_MAX]; /* that other nodes have */
	uint64_t left_bytes; /* still to be planned */
};

/* Bytes of one cell that could go to one node. */
struct candidate {
	struct decision *d; /* of the cell; NULL: there is none */
	int to; /* the node */
	bool is_at_home; /* they lie where the cell's vCPUs are, or would
			  * lie farther from there */
	int64_t cost; /* see above; thousandths of distance */
	uint64_t bytes; /* how many */
};

static uint64_t room_of(const struct snap_node *node)
{
	uint64_t taken = node->reserve_bytes;

	if (!addr_add(taken, node->promised_bytes, &taken) ||
	    taken >= node->free_bytes)
		return 0;
	return node->free_bytes - taken;
}

/* Room in a pool of huge pages is what is free in it, and, where it may grow,
 * what is free beside it. */
static uint64_t room_for_guests(const struct making *m, int node)
{
	uint64_t room = room_of(&m->s->nodes[node]);

	if (!m->want->is_huge)
		return room;
	if (!m->want->grows_pools)
		room = 0;
	if (!addr_add(room, m->want->pool_bytes[node], &room))
		return UINT64_MAX;
	return room;
}

/* Judging cells ------------------------------------------------------------- */

/* Of what the cell has on the node, how much surely is of the kind that is
 * wanted. What lies in small pages beside a pool's is taken to be all there. */
static uint64_t bytes_of_kind(const struct making *m,
			      const struct snap_guest *guest,
			      const struct snap_cell *cell)
{
	uint64_t bytes = cell->node_bytes[m->want->node];
	uint64_t other_bytes =
		cell->size_bytes - u64_min(cell->size_bytes, cell->pool_bytes);

	if (!m->want->is_huge)
		return guest->page_bytes ? 0 : addr_down(bytes, PAGE_4K_BYTES);
	if (guest->page_bytes != PAGE_2M_BYTES)
		return 0;
	return addr_down(bytes - u64_min(bytes, other_bytes), PAGE_2M_BYTES);
}

static void judge_cell(const struct making *m, const struct snap_guest *guest,
		       const struct snap_cell *cell, struct decision *d)
{
	struct cell_home home;

	d->cell = cell->id;
	if (!cell->is_measured) {
		d->reason = REASON_UNMEASURED;
		return;
	}
	d->resident_bytes = cell->node_bytes[m->want->node];
	d->wrong_bytes = bytes_of_kind(m, guest, cell);
	d->gate = guest->gates & REQUEST_HARD_GATES;
	d->gate &= -d->gate;
	home_of_cell(m->cfg, m->s, guest, cell->id, &home);
	d->home = home.home;
	if (d->wrong_bytes == 0)
		d->reason = REASON_NONE;
	else if (guest->mode == MODE_OFF)
		d->reason = REASON_MODE;
	else if (d->gate)
		d->reason = REASON_GATE;
	else if (cell->is_spread)
		d->reason = REASON_SPREAD;
	else
		d->reason = home.is_known ? REASON_REQUEST : REASON_NO_VCPU;
}

static void judge_all(struct making *m)
{
	struct plan *plan = m->plan;

	for (size_t g = 0; g < m->s->n_guests; g++) {
		const struct snap_guest *guest = &m->s->guests[g];

		for (size_t c = 0; c < guest->n_cells; c++) {
			struct decision *d;

			if (plan->n_decisions == plan->cap_decisions) {
				plan->is_cut = true;
				return;
			}
			d = &plan->decisions[plan->n_decisions++];
			memset(d, 0, sizeof(*d));
			d->guest = g;
			judge_cell(m, guest, &guest->cells[c], d);
		}
	}
}

/* Choosing ------------------------------------------------------------------ */

int64_t policy_farther(const struct snapshot *s, const struct home *home,
		       int from, int to)
{
	struct node_mask nodes = home_nodes(home);
	int64_t farther = 0;

	node_each (n, nodes) {
		int64_t now = home_distance(s, from, n);
		int64_t then = home_distance(s, to, n);

		farther += home->weight[n] * (then - now);
	}
	return farther;
}

/* May memory of the cell lie there, by its cpuset and numatune strict? */
static bool may_lie_on(const struct snap_guest *guest, int cell, int node)
{
	struct node_mask allowed = guest->mems_allowed;

	for (size_t c = 0; c < guest->n_cells; c++)
		if (guest->cells[c].id == cell && guest->cells[c].bound.bits)
			allowed = guest->cells[c].bound;
	return !allowed.bits || node_mask_has(allowed, node);
}

/* How much of the cell can go to a node; 0: too little to be worth a move. */
static uint64_t bytes_for(const struct making *m, const struct decision *d,
			  int to)
{
	const struct snap_guest *guest = &m->s->guests[d->guest];
	uint64_t granule = placement_granule(guest);
	uint64_t bytes = d->wrong_bytes - d->planned_bytes;
	uint64_t least = u64_min(m->cfg->thin_change_bytes, m->left_bytes);

	if (!may_lie_on(guest, d->cell, to))
		return 0;
	if (bytes > m->room_bytes[to])
		bytes = addr_down(m->room_bytes[to], granule);
	return bytes >= least ? bytes : 0;
}

/* Is a to be taken before b? On a tie the one that was met first stays. */
static bool is_better(const struct making *m, const struct candidate *a,
		      const struct candidate *b)
{
	bool a_suffices = a->bytes >= m->left_bytes;
	bool b_suffices = b->bytes >= m->left_bytes;

	if (!b->d)
		return true;
	if (a->is_at_home != b->is_at_home)
		return b->is_at_home;
	if (a->cost != b->cost)
		return a->cost < b->cost;
	if (a_suffices != b_suffices)
		return a_suffices;
	return a_suffices ? a->bytes < b->bytes : a->bytes > b->bytes;
}

static struct candidate best_candidate(const struct making *m)
{
	struct node_mask nodes = home_memory_nodes(m->s);
	struct candidate best = { 0 };

	nodes.bits &= ~node_mask_of(m->want->node).bits;
	for (size_t i = 0; i < m->plan->n_decisions; i++) {
		struct decision *d = &m->plan->decisions[i];

		if (d->reason != REASON_REQUEST)
			continue;
		node_each (to, nodes) {
			struct candidate c = { .d = d, .to = to };

			c.bytes = bytes_for(m, d, to);
			if (c.bytes == 0)
				continue;
			c.cost = policy_farther(m->s, &d->home, m->want->node,
						to);
			c.is_at_home =
				d->home.weight[m->want->node] > 0 || c.cost > 0;
			if (is_better(m, &c, &best))
				best = c;
		}
	}
	return best;
}

/* What is asked for, in whole pieces, as far as the candidate has it. */
static void take(struct making *m, const struct candidate *c)
{
	uint64_t granule = placement_granule(&m->s->guests[c->d->guest]);
	uint64_t bytes = c->bytes;
	struct plan_move *move = &m->plan->moves[m->plan->n_moves++];

	if (bytes > m->left_bytes)
		bytes -= addr_down(bytes - m->left_bytes, granule);
	/* with its padding: plans are compared byte for byte */
	memset(move, 0, sizeof(*move));
	move->guest = c->d->guest;
	move->cell = c->d->cell;
	move->from = m->want->node;
	move->to = c->to;
	move->bytes = bytes;
	move->reason = REASON_REQUEST;
	c->d->planned_bytes += bytes;
	m->room_bytes[c->to] -= bytes;
	m->left_bytes -= u64_min(bytes, m->left_bytes);
}

int policy_make_room(const struct policy_config *cfg, const struct snapshot *s,
		     const struct make_room *want, struct plan *ret_plan,
		     uint64_t *ret_free_bytes)
{
	struct making m = { .cfg = cfg, .s = s, .want = want, .plan = ret_plan };
	struct node_mask nodes = home_memory_nodes(s);
	uint64_t free_bytes;

	ret_plan->n_moves = 0;
	ret_plan->n_decisions = 0;
	ret_plan->is_cut = false;
	*ret_free_bytes = 0;
	if (want->node < 0 || want->node >= NODES_MAX ||
	    !node_mask_has(nodes, want->node))
		return -EINVAL;
	free_bytes = want->is_huge ? want->pool_bytes[want->node]
				   : room_of(&s->nodes[want->node]);
	*ret_free_bytes = free_bytes;
	if (free_bytes >= want->bytes)
		return 0;
	m.left_bytes = want->bytes - free_bytes;
	node_each (n, nodes)
		m.room_bytes[n] = room_for_guests(&m, n);
	judge_all(&m);
	while (m.left_bytes > 0) {
		struct candidate best = best_candidate(&m);

		if (!best.d)
			return -ENOSPC;
		if (ret_plan->n_moves == ret_plan->cap_moves) {
			ret_plan->is_cut = true;
			return -ENOSPC;
		}
		take(&m, &best);
	}
	return 0;
}
