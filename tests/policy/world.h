/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small host on paper for the policy tests: nodes, guests, vCPUs that run,
 * and moves that take place at once. Not a simulation of Linux. Used by the
 * tests in this folder and by the policy benchmark.
 */
#ifndef TESTS_POLICY_WORLD_H
#define TESTS_POLICY_WORLD_H

#include "addr.h"
#include "policy/policy.h"

#define SEC POLICY_NS_PER_S

/* One guest of the world. */
struct world_guest {
	struct snap_vcpu *vcpus; /* owned */
	unsigned int *busy; /* owned; thousandths of time each vCPU runs */
	struct snap_cell *cells; /* owned */
	struct policy_guest memory; /* policy's own */
	struct policy_vcpu *storage; /* owned; lent to memory */
};

/* The host. */
struct world {
	struct policy_config cfg; /* defaults unless changed */
	struct snapshot s; /* what policy sees */
	struct snap_guest *views; /* owned; s.guests */
	struct world_guest *guests; /* owned */
	struct plan plan; /* of the last tick or request; owned arrays */
	uint64_t moved_bytes; /* by world_apply(), in all */
};

/* A host of n_nodes nodes of total_bytes each, distance 20, all free but a
 * reserve of 256 MiB, and n_guests guests of n_cells cells and n_vcpus vCPUs
 * each. vCPUs belong to cells in equal runs, may run everywhere, run on node
 * 0 all the time. Time begins at 1000 s. */
struct world *world_create(int n_nodes, uint64_t total_bytes, size_t n_guests,
			   size_t n_cells, size_t n_vcpus);
void world_destroy(struct world *w);

/* Set what a cell has on a node; the node's free bytes follow. */
void world_put(struct world *w, size_t guest, size_t cell, int node,
	       uint64_t bytes);

/* Bind vCPU number v to the nodes and let it run on the lowest of them. */
void world_pin(struct world *w, size_t guest, size_t v, struct node_mask nodes);
void world_pin_all(struct world *w, size_t guest, struct node_mask nodes);

/* Let vCPU number v run on a node; its affinity stays. */
void world_run(struct world *w, size_t guest, size_t v, int node);
void world_run_all(struct world *w, size_t guest, int node);

/* Let time pass and the vCPUs run, without deciding. */
void world_pass(struct world *w, uint64_t ns);

/* Let time pass, in ticks of step_ns, and decide after each. */
void world_ticks(struct world *w, unsigned int ticks, uint64_t step_ns);

/* Decide now, without time passing. */
void world_decide(struct world *w);

/* Carry out the plan at once and wholly, and tell the outcome. */
void world_apply(struct world *w);

/* The decision for one cell in the last plan. */
const struct decision *world_decision(const struct world *w, size_t guest,
				      int cell);

/* Sum of the plan's moves of one guest; to NODE_NONE: to any node. */
uint64_t world_planned(const struct world *w, size_t guest, int to);

/* A mask of the nodes, ended by NODE_NONE. */
struct node_mask world_mask(int first, ...);

/* The plan as text, a line for each decision and move; the caller frees it. */
char *world_format(const struct world *w);

#endif
