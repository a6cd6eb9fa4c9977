/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a cell wants: the weight of its vCPUs. A thin cell gets one node, a
 * wide one several in proportion. It only looks at vCPUs and nodes, never at
 * where memory lies now: that is placement.c. Called by policy.c and request.c.
 */
#include "policy/home.h"

#include <string.h>

#include "policy/affinity.h"

#define DISTANCE_LOCAL 10u
#define DISTANCE_USUAL 20u

/* Sums over the vCPUs of a cell. */
struct tally {
	unsigned int vcpus; /* that are known */
	bool all_pinned; /* each by affinity alone */
	uint64_t settled; /* sum of the settled vCPUs' confidence */
	uint64_t share[NODES_MAX]; /* sum of shares */
	uint64_t spent[NODES_MAX]; /* sum of run time, in thousandths */
};

struct node_mask home_nodes(const struct home *home)
{
	struct node_mask mask = { 0 };

	for (int n = 0; n < NODES_MAX; n++)
		if (home->weight[n] > 0)
			node_mask_add(&mask, n);
	return mask;
}

unsigned int home_difference(const struct home *a, const struct home *b)
{
	unsigned int sum = 0;

	for (int n = 0; n < NODES_MAX; n++)
		sum += a->weight[n] > b->weight[n]
			       ? (unsigned int)a->weight[n] - b->weight[n]
			       : (unsigned int)b->weight[n] - a->weight[n];
	return (sum + 1) / 2;
}

struct home home_evenly(struct node_mask mask)
{
	unsigned int count = (unsigned int)node_mask_count(mask), i = 0;
	struct home home = { 0 };

	/* the first nodes take what does not divide */
	node_each (n, mask)
		home.weight[n] = (uint16_t)(WEIGHT_WHOLE / count +
					    (i++ < WEIGHT_WHOLE % count));
	return home;
}

unsigned int home_distance(const struct snapshot *s, int from, int to)
{
	unsigned int d = s->nodes[from].distance[to];

	if (from == to)
		return DISTANCE_LOCAL;
	return d > DISTANCE_LOCAL ? d : DISTANCE_USUAL;
}

int home_nearest(const struct snapshot *s, int node, struct node_mask mask)
{
	int best = NODE_NONE;

	node_each (n, mask)
		if (best == NODE_NONE ||
		    home_distance(s, node, n) < home_distance(s, node, best))
			best = n;
	return best;
}

struct node_mask home_memory_nodes(const struct snapshot *s)
{
	struct node_mask mask = { 0 };

	for (int n = 0; n < NODES_MAX; n++)
		if (s->nodes[n].is_online && s->nodes[n].has_memory)
			node_mask_add(&mask, n);
	return mask;
}

struct home home_with_memory(const struct snapshot *s, const struct home *home)
{
	struct node_mask memory = home_memory_nodes(s);
	struct node_mask nodes = home_nodes(home);
	struct home out = { 0 };

	node_each (n, nodes) {
		int to = home_nearest(s, n, memory);

		if (to != NODE_NONE)
			out.weight[to] =
				(uint16_t)(out.weight[to] + home->weight[n]);
	}
	return out;
}

/* Sum over the vCPUs of the cell, or of all cells. */
static void tally_vcpus(const struct policy_config *cfg,
			const struct snapshot *s,
			const struct snap_guest *guest, int cell, bool is_all,
			struct tally *t)
{
	struct vcpu_home h;

	memset(t, 0, sizeof(*t));
	t->all_pinned = true;
	for (size_t i = 0; i < guest->n_vcpus; i++) {
		if (!is_all && guest->vcpus[i].cell != cell)
			continue;
		affinity_home(cfg, s, guest->memory, &guest->vcpus[i], &h);
		if (!h.is_known) {
			t->all_pinned = false;
			continue;
		}
		t->vcpus++;
		t->all_pinned = t->all_pinned && h.is_pinned;
		t->settled += h.is_settled ? h.confidence : 0;
		for (int n = 0; n < NODES_MAX; n++) {
			t->share[n] += h.share[n];
			t->spent[n] += h.spent[n];
		}
	}
}

/* Weights from summed shares, leaving out nodes with less than least
 * thousandths; what rounding loses goes to the heaviest. */
static struct home tally_home(const struct tally *t, unsigned int least)
{
	uint64_t whole = (uint64_t)t->vcpus * WEIGHT_WHOLE, kept = 0;
	unsigned int left = WEIGHT_WHOLE;
	struct home home = { 0 };
	int most = 0;

	for (int n = 0; n < NODES_MAX; n++) {
		if (t->share[n] > t->share[most])
			most = n;
		if (t->share[n] * WEIGHT_WHOLE >= whole * least)
			kept += t->share[n];
	}
	/* spread so thinly that no node counts: then the heaviest does */
	if (kept == 0) {
		home.weight[most] = WEIGHT_WHOLE;
		return home;
	}
	for (int n = 0; n < NODES_MAX; n++) {
		if (t->share[n] * WEIGHT_WHOLE < whole * least)
			continue;
		home.weight[n] = (uint16_t)(t->share[n] * WEIGHT_WHOLE / kept);
		left -= home.weight[n];
	}
	home.weight[most] = (uint16_t)(home.weight[most] + left);
	return home;
}

void home_of_cell(const struct policy_config *cfg, const struct snapshot *s,
		  const struct snap_guest *guest, int cell,
		  struct cell_home *ret_home)
{
	struct tally t;
	struct node_mask nodes;
	uint64_t spent = 0;
	bool is_own;

	memset(ret_home, 0, sizeof(*ret_home));
	tally_vcpus(cfg, s, guest, cell, false, &t);
	is_own = t.vcpus > 0;
	if (!is_own)
		tally_vcpus(cfg, s, guest, cell, true, &t);
	if (t.vcpus == 0)
		return;
	ret_home->home = tally_home(&t, t.all_pinned ? 0 : cfg->minority);
	nodes = home_nodes(&ret_home->home);
	node_each (n, nodes)
		spent += t.spent[n];
	ret_home->confidence = (unsigned int)(spent / t.vcpus);
	ret_home->by_affinity = t.all_pinned;
	ret_home->is_settled =
		is_own && t.settled >= (uint64_t)t.vcpus * cfg->confidence;
	ret_home->home = home_with_memory(s, &ret_home->home);
	ret_home->is_known = home_nodes(&ret_home->home).bits != 0;
}
