/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a cell wants: the weight of its vCPUs over the nodes that have memory.
 * Used by policy.c and request.c.
 */
#ifndef POLICY_HOME_H
#define POLICY_HOME_H

#include "policy/policy.h"

/* The wish of one cell at one moment. */
struct cell_home {
	bool is_known; /* home holds something */
	bool by_affinity; /* from affinity alone, so certain at once */
	bool is_settled; /* its vCPUs each live on one node, so that the
			  * proportions of home mean something */
	unsigned int confidence; /* thousandths of its vCPUs' run time that is
				  * spent on the nodes of home */
	struct home home; /* weights, on nodes with memory only */
};

/* What the guest's cell number cell wants now. A cell without vCPUs wants what
 * the guest's other cells want together. */
void home_of_cell(const struct policy_config *cfg, const struct snapshot *s,
		  const struct snap_guest *guest, int cell,
		  struct cell_home *ret_home);

/* The nodes that home gives weight to. */
struct node_mask home_nodes(const struct home *home);

/* Thousandths of a cell that differ between two homes. */
unsigned int home_difference(const struct home *a, const struct home *b);

/* The same weight on each node of mask, which must not be empty. */
struct home home_evenly(struct node_mask mask);

/* A home on nodes without memory becomes one on the nearest nodes with it. */
struct home home_with_memory(const struct snapshot *s, const struct home *home);

/* Distance between two nodes; what is unknown is taken for usual (20). */
unsigned int home_distance(const struct snapshot *s, int from, int to);

/* The nearest node to node, itself included, that is in mask; the lowest of
 * equals; NODE_NONE when mask is empty. */
int home_nearest(const struct snapshot *s, int node, struct node_mask mask);

/* Nodes on which memory can be allocated. */
struct node_mask home_memory_nodes(const struct snapshot *s);

#endif
