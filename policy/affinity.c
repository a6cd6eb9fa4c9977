/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a vCPU lives: by its CPU affinity when that lies within one node,
 * else by where it has run of late: each tick's run time is credited to the
 * node it was seen on and old credit fades by half each half-life. It knows
 * nothing of memory or cells. Called once a tick by policy.c, read by home.c.
 */
#include "policy/affinity.h"

#include <string.h>

#include "addr.h"

#define ONE_16 65536ull /* 1.0 with 16 bits of fraction */

/* A settled vCPU may spend so many thousandths less at home than it took to
 * settle, so that one at the edge does not flap. */
#define UNSETTLE 100u

/* 2^-x for x = elapsed / half_life, as a 16 bit fraction. Cubic fit of 2^-f on
 * [0, 1], exact at both ends and off by less than 0.0003 between. */
static uint64_t fade_factor(uint64_t elapsed_ns, uint64_t half_life_ns)
{
	uint64_t halvings, f, f2, f3, up, down;

	if (half_life_ns == 0)
		return 0;
	halvings = elapsed_ns / half_life_ns;
	if (halvings >= 16)
		return 0;
	f = (elapsed_ns % half_life_ns) * ONE_16 / half_life_ns;
	f2 = f * f / ONE_16;
	f3 = f2 * f / ONE_16;
	up = ONE_16 * ONE_16 + 15575 * f2;
	down = 45419 * f + 2924 * f3;
	return (up - down) / ONE_16 >> halvings;
}

static struct node_mask allowed_nodes(const struct snap_vcpu *v)
{
	/* an unknown affinity forbids nothing */
	return v->allowed.bits ? v->allowed : (struct node_mask) { UINT64_MAX };
}

/* Index of the first remembered vCPU whose id is not below id. */
static size_t memory_index(const struct policy_guest *m, int id)
{
	size_t lo = 0, hi = m->n_vcpus;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (m->vcpus[mid].id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct policy_vcpu *memory_find(const struct policy_guest *m, int id)
{
	size_t i = memory_index(m, id);

	return i < m->n_vcpus && m->vcpus[i].id == id ? &m->vcpus[i] : NULL;
}

/* Forget vCPUs that are gone, begin remembering those that came. */
static void memory_sync(struct policy_guest *m, const struct snap_guest *guest)
{
	size_t n = 0, at = 0;

	for (size_t i = 0; i < m->n_vcpus; i++) {
		while (at < guest->n_vcpus &&
		       guest->vcpus[at].id < m->vcpus[i].id)
			at++;
		if (at < guest->n_vcpus &&
		    guest->vcpus[at].id == m->vcpus[i].id) {
			if (n != i)
				m->vcpus[n] = m->vcpus[i];
			n++;
		}
	}
	m->n_vcpus = n;
	for (size_t i = 0; i < guest->n_vcpus; i++) {
		int id = guest->vcpus[i].id;

		at = memory_index(m, id);
		if (at < m->n_vcpus && m->vcpus[at].id == id)
			continue;
		if (m->n_vcpus == m->cap_vcpus)
			break;
		memmove(&m->vcpus[at + 1], &m->vcpus[at],
			(m->n_vcpus - at) * sizeof(m->vcpus[0]));
		m->vcpus[at] = (struct policy_vcpu) { .id = id,
						      .home = NODE_NONE,
						      .seen = NODE_NONE };
		m->n_vcpus++;
	}
}

/* Run time remembered on the nodes of mask. */
static uint64_t run_total(const struct policy_vcpu *pv, struct node_mask mask)
{
	uint64_t sum = 0;

	node_each (n, mask)
		sum += pv->run_ns[n];
	return sum;
}

/* Let the vCPU's habit decide where it lives. It changes home only to a node
 * that has most of its run time; when no node has, it counts as spread. */
static void vcpu_settle(const struct policy_config *cfg, struct policy_vcpu *pv,
			struct node_mask allowed)
{
	uint64_t total = run_total(pv, allowed);

	if (!node_mask_has(allowed, pv->home))
		pv->home = NODE_NONE;
	if (total == 0 || total < cfg->evidence_ns)
		return;
	node_each (n, allowed) {
		if (pv->run_ns[n] * WEIGHT_WHOLE >= total * cfg->confidence) {
			pv->home = n;
			return;
		}
	}
	if (pv->home != NODE_NONE &&
	    pv->run_ns[pv->home] * WEIGHT_WHOLE <
		    total * (cfg->confidence -
			     u64_min(cfg->confidence, UNSETTLE)))
		pv->home = NODE_NONE;
}

/* Credit the time that the vCPU has run since the look before. Looks that are
 * further apart than a period do not tell when it came here: that long it is
 * taken to have been here, and before that where it was seen. */
static void vcpu_credit(const struct policy_config *cfg, struct policy_vcpu *pv,
			const struct snap_vcpu *v, struct node_mask allowed,
			uint64_t elapsed_ns)
{
	uint64_t ran_ns = u64_min(v->run_ns - pv->base_run_ns, elapsed_ns);
	uint64_t here_ns = ran_ns;

	if (elapsed_ns > cfg->period_ns && pv->seen != v->node &&
	    node_mask_has(allowed, pv->seen)) {
		here_ns = u64_min(ran_ns, cfg->period_ns);
		pv->run_ns[pv->seen] += ran_ns - here_ns;
	}
	pv->run_ns[v->node] += here_ns;
}

/* One vCPU's sample; elapsed_ns 0: only take the baseline. */
static void vcpu_sample(const struct policy_config *cfg, struct policy_vcpu *pv,
			const struct snap_vcpu *v, uint64_t elapsed_ns)
{
	struct node_mask allowed = allowed_nodes(v);
	uint64_t factor = fade_factor(elapsed_ns, cfg->half_life_ns);
	bool is_vote = elapsed_ns > 0 && pv->has_base &&
		       v->run_ns >= pv->base_run_ns &&
		       node_mask_has(allowed, v->node);

	for (int n = 0; n < NODES_MAX; n++) {
		if (!node_mask_has(allowed, n))
			pv->run_ns[n] = 0;
		else if (elapsed_ns > 0)
			pv->run_ns[n] = pv->run_ns[n] * factor / ONE_16;
	}
	if (is_vote)
		vcpu_credit(cfg, pv, v, allowed, elapsed_ns);
	pv->seen = v->node;
	pv->has_base = true;
	pv->base_run_ns = v->run_ns;
	vcpu_settle(cfg, pv, allowed);
}

bool affinity_sample(const struct policy_config *cfg, const struct snapshot *s,
		     const struct snap_guest *guest)
{
	struct policy_guest *m = guest->memory;
	uint64_t sampled_ns = guest->sampled_ns ? guest->sampled_ns : s->now_ns;
	uint64_t elapsed_ns = 0;
	bool is_gap = !m->has_sample || s->now_ns < m->ticked_ns ||
		      s->now_ns - m->ticked_ns > 3 * cfg->period_ns;

	if (!is_gap && sampled_ns > m->sampled_ns)
		elapsed_ns = sampled_ns - m->sampled_ns;
	memory_sync(m, guest);
	for (size_t i = 0; i < guest->n_vcpus; i++) {
		struct policy_vcpu *pv = memory_find(m, guest->vcpus[i].id);

		if (pv && (is_gap || elapsed_ns > 0))
			vcpu_sample(cfg, pv, &guest->vcpus[i], elapsed_ns);
	}
	m->has_sample = true;
	m->ticked_ns = s->now_ns;
	/* after a gap the next look tells of the time since the gap alone */
	m->sampled_ns = is_gap ? s->now_ns : sampled_ns;
	return !is_gap;
}

static void home_one(struct vcpu_home *h, int node, unsigned int confidence)
{
	h->is_known = true;
	h->confidence = confidence;
	h->share[node] = WEIGHT_WHOLE;
	h->spent[node] = (uint16_t)confidence;
}

/* Thousandths of total for each node of mask; what rounding loses goes to the
 * node with most, so that the sum is WEIGHT_WHOLE. */
static void home_spread(struct vcpu_home *h, const struct policy_vcpu *pv,
			struct node_mask mask, uint64_t total)
{
	unsigned int left = WEIGHT_WHOLE;
	int most = node_mask_first(mask);

	h->is_known = true;
	node_each (n, mask) {
		h->spent[n] = (uint16_t)(pv->run_ns[n] * WEIGHT_WHOLE / total);
		left -= h->spent[n];
		if (pv->run_ns[n] > pv->run_ns[most])
			most = n;
	}
	h->spent[most] = (uint16_t)(h->spent[most] + left);
	memcpy(h->share, h->spent, sizeof(h->share));
}

/* Nothing is known of where it runs, but it can run nowhere else. */
static void home_even(struct vcpu_home *h, struct node_mask mask)
{
	unsigned int count = (unsigned int)node_mask_count(mask), i = 0;

	h->is_known = true;
	node_each (n, mask) {
		/* the first nodes take what does not divide */
		h->share[n] = (uint16_t)(WEIGHT_WHOLE / count +
					 (i++ < WEIGHT_WHOLE % count));
		h->spent[n] = h->share[n];
	}
}

/* Nodes with CPUs that are online. */
static struct node_mask cpu_nodes(const struct snapshot *s)
{
	struct node_mask mask = { 0 };

	for (int n = 0; n < NODES_MAX; n++)
		if (s->nodes[n].is_online && s->nodes[n].has_cpu)
			node_mask_add(&mask, n);
	return mask;
}

void affinity_home(const struct policy_config *cfg, const struct snapshot *s,
		   const struct policy_guest *m, const struct snap_vcpu *v,
		   struct vcpu_home *ret_home)
{
	struct node_mask allowed = allowed_nodes(v), cpus = cpu_nodes(s);
	const struct policy_vcpu *pv = memory_find(m, v->id);
	uint64_t total = pv ? run_total(pv, allowed) : 0;
	bool is_active = total > 0 && total >= cfg->evidence_ns;

	memset(ret_home, 0, sizeof(*ret_home));
	if (node_mask_count(allowed) == 1) {
		home_one(ret_home, node_mask_first(allowed), WEIGHT_WHOLE);
		ret_home->is_pinned = true;
		ret_home->is_settled = true;
		return;
	}
	if (is_active)
		home_spread(ret_home, pv, allowed, total);
	if (pv && node_mask_has(allowed, pv->home)) {
		memset(ret_home->share, 0, sizeof(ret_home->share));
		ret_home->is_known = true;
		ret_home->is_settled = true;
		ret_home->share[pv->home] = WEIGHT_WHOLE;
		/* an idle vCPU stays as sure as it was to become settled */
		if (!is_active)
			ret_home->spent[pv->home] = (uint16_t)cfg->confidence;
		ret_home->confidence = ret_home->spent[pv->home];
		return;
	}
	if (is_active)
		return;
	allowed.bits &= cpus.bits;
	if (allowed.bits && allowed.bits != cpus.bits)
		home_even(ret_home, allowed);
	else if (node_is_valid(v->node))
		home_one(ret_home, v->node, 0);
}

uint64_t affinity_activity(const struct policy_config *cfg,
			   const struct policy_guest *m)
{
	uint64_t sum = 0;

	/* a vCPU that runs all the time settles at half_life / ln 2 of credit */
	for (size_t i = 0; i < m->n_vcpus; i++)
		sum += run_total(&m->vcpus[i],
				 (struct node_mask) { UINT64_MAX }) /
		       1000;
	if (cfg->half_life_ns < 1000000)
		return 0;
	return sum * 693 / (cfg->half_life_ns / 1000);
}
