/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of host NUMA nodes. A node is a small number, 0 to NODES_MAX - 1; hosts
 * with higher node numbers exist on paper (Linux allows 1024), not in KVM use,
 * and the topology reader refuses them with a clear message.
 */
#ifndef NODE_H
#define NODE_H

#include <stdbool.h>
#include <stdint.h>

#define NODES_MAX 64
#define NODE_NONE (-1)

/* A set of nodes; bit n is node n. */
struct node_mask {
	uint64_t bits; /* bit n set: node n is in the set */
};

static inline bool node_is_valid(int node)
{
	return node >= 0 && node < NODES_MAX;
}

static inline struct node_mask node_mask_of(int node)
{
	return (struct node_mask) { node_is_valid(node) ? 1ull << node : 0 };
}

static inline bool node_mask_has(struct node_mask m, int node)
{
	return node_is_valid(node) && (m.bits >> node & 1);
}

static inline void node_mask_add(struct node_mask *m, int node)
{
	m->bits |= node_mask_of(node).bits;
}

static inline bool node_mask_is_empty(struct node_mask m)
{
	return m.bits == 0;
}

static inline int node_mask_count(struct node_mask m)
{
	return __builtin_popcountll(m.bits);
}

/* The lowest node of the set, NODE_NONE for the empty set. */
static inline int node_mask_first(struct node_mask m)
{
	return m.bits ? __builtin_ctzll(m.bits) : NODE_NONE;
}

/* The next node of the set after node, NODE_NONE at the end. */
static inline int node_mask_next(struct node_mask m, int node)
{
	if (node >= NODES_MAX - 1)
		return NODE_NONE;
	return node_mask_first(
		(struct node_mask) { m.bits >> (node + 1) << (node + 1) });
}

/* for each node of mask, lowest first */
#define node_each(node, mask)                                                  \
	for (int node = node_mask_first(mask); node != NODE_NONE;              \
	     node = node_mask_next(mask, node))

#endif
