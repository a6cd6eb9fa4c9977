/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reverse advice: where memory cannot be moved to the vCPUs, say which pinning
 * would bring the vCPUs to the memory. Only advice: vmnumad never touches CPU
 * affinity. Called by the control socket.
 */
#include "policy/home.h"
#include "policy/policy.h"

#include "addr.h"

/* The node that holds most of the memory of a cell, or with cell NULL of all
 * cells; NODE_NONE when none is measured. */
static int fullest_node(const struct snap_guest *guest,
			const struct snap_cell *cell)
{
	uint64_t best_bytes = 0;
	int best = NODE_NONE;

	for (int n = 0; n < NODES_MAX; n++) {
		uint64_t bytes = 0;

		for (size_t c = 0; c < guest->n_cells; c++)
			if ((!cell || cell == &guest->cells[c]) &&
			    guest->cells[c].is_measured)
				bytes += guest->cells[c].node_bytes[n];
		if (bytes > best_bytes) {
			best_bytes = bytes;
			best = n;
		}
	}
	return best;
}

static int memory_node_of(const struct snap_guest *guest, int cell)
{
	int node = NODE_NONE;

	for (size_t c = 0; c < guest->n_cells; c++)
		if (guest->cells[c].id == cell)
			node = fullest_node(guest, &guest->cells[c]);
	return node != NODE_NONE ? node : fullest_node(guest, NULL);
}

void policy_advice(const struct snapshot *s, size_t guest,
		   struct advice *ret_advice)
{
	struct node_mask cpus = { 0 };
	const struct snap_guest *g;

	ret_advice->n_vcpus = 0;
	if (guest >= s->n_guests)
		return;
	g = &s->guests[guest];
	for (int n = 0; n < NODES_MAX; n++)
		if (s->nodes[n].is_online && s->nodes[n].has_cpu)
			node_mask_add(&cpus, n);
	for (size_t i = 0; i < g->n_vcpus; i++) {
		const struct snap_vcpu *v = &g->vcpus[i];
		int node = memory_node_of(g, v->cell);

		if (node != NODE_NONE)
			node = home_nearest(s, node, cpus);
		if (node == NODE_NONE)
			continue;
		if (ret_advice->n_vcpus == ret_advice->cap_vcpus)
			return;
		ret_advice->vcpus[ret_advice->n_vcpus++] = (struct advice_vcpu) {
			.vcpu = v->id,
			.cell = v->cell,
			.node = node,
			.is_there = v->allowed.bits == node_mask_of(node).bits,
		};
	}
}
