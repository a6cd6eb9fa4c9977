/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was observed, at one moment, of the host and of every guest: the input
 * of policy/. Plain values and borrowed arrays; filled by vmnumad/observe.c,
 * read by nobody else but policy/ and the tests.
 */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node.h"

/* How automatic mode treats a guest. */
enum guest_mode {
	MODE_AUTO, /* follow affinity at once and drift after the dwell time */
	MODE_PIN, /* follow affinity only */
	MODE_OBSERVE, /* watch and explain, move on request only */
	MODE_OFF, /* neither watch nor move; requests are refused */
};

/* Reasons why a guest's memory must not move now. A set of bits: the observer
 * sets what it sees, policy/ turns the lowest set bit into the reason of a
 * deferral. Those marked (wait) pass by themselves. */
enum gate {
	GATE_NO_MAP = 1 << 0, /* where its memory lies is not known */
	GATE_INFERRED_MAP = 1 << 1, /* known by inference only */
	GATE_PAUSED = 1 << 2, /* (wait) not running */
	GATE_STARTING = 1 << 3, /* (wait) started a moment ago */
	GATE_MIGRATING =
		1 << 4, /* (wait) live migration in or out, post-copy */
	GATE_JOB = 1 << 5, /* (wait) save, dump, snapshot or backup */
	GATE_CONFIDENTIAL = 1 << 6, /* SEV, TDX: memory cannot be moved */
	GATE_PINNED = 1 << 7, /* a device holds (nearly) all of its memory */
	GATE_MONITOR = 1 << 8, /* (wait) its monitor does not answer */
	GATE_MOVING = 1 << 9, /* (wait) a job of ours is at work on it */
	GATE_HELD = 1 << 10, /* an explicit rebalance placed it */
	GATE_DENIED = 1 << 11, /* the kernel refuses us this process */
	GATE_SETTLING = 1 << 12, /* (wait) others have rewritten its cpuset */
};

/* Those of memory that nobody can move: its vCPUs can come to it. */
#define GATES_IN_PLACE (GATE_CONFIDENTIAL | GATE_PINNED)

/* One host node. */
struct snap_node {
	bool is_online; /* the node exists now */
	bool has_cpu; /* at least one online CPU */
	bool has_memory; /* memory can be allocated on it */
	uint64_t total_bytes; /* its memory */
	uint64_t free_bytes; /* free now */
	uint64_t reserve_bytes; /* must stay free: watermark and reserve */
	uint64_t promised_bytes; /* that jobs at work will still bring here */
	uint8_t distance[NODES_MAX]; /* to other nodes, 10 is local, 0 unknown */
};

/* One vCPU thread. */
struct snap_vcpu {
	int id; /* guest's number of the vCPU */
	int cell; /* the guest cell it belongs to */
	struct node_mask allowed; /* nodes its CPU affinity spans */
	int node; /* node of the CPU it last ran on, NODE_NONE unknown */
	uint64_t run_ns; /* time it has run since it exists, monotonic */
};

/* One guest cell's memory. */
struct snap_cell {
	int id; /* libvirt's number of the cell */
	uint64_t size_bytes; /* guest-physical memory of the cell */
	uint64_t pool_bytes; /* of these, in pages of the guest's page_bytes: the
			      * rest is firmware, video memory and the like */
	bool is_measured; /* node_bytes holds a measurement */
	uint64_t node_bytes[NODES_MAX]; /* resident bytes on each node */
	struct node_mask bound; /* numatune strict binds it to these nodes,
				 * inside the cpuset; empty: it does not */
	bool is_spread; /* numatune interleave spreads it on purpose */
};

/* What moving a guest's memory was like of late, by its own jobs at the usual
 * pace. Zeroed: nothing is known. */
struct snap_cost {
	uint64_t rate_bytes_per_s; /* from begin to end of a job; 0 unknown */
	uint64_t stall_ns; /* longest wait for a page in flight; 0 unknown */
	unsigned int copying; /* thousandths of a job in moving calls, those of
			       * several movers added up; 0 unknown */
	bool has_lost; /* lost is known */
	unsigned int lost; /* thousandths of its work that the guest lost while
			    * a job went on */
};

struct policy_guest;

/* One guest. */
struct snap_guest {
	const char *name; /* borrowed; for texts only, never for decisions */
	enum guest_mode mode; /* how automatic mode treats it */
	unsigned int gates; /* bits of enum gate */
	struct node_mask mems_allowed; /* nodes its cpuset lets it use */
	uint64_t ram_bytes; /* all of its memory */
	uint64_t page_bytes; /* largest page of a pool behind it; 0: none, the
			      * kernel chooses */
	uint64_t started_ns; /* CLOCK_MONOTONIC of its start, 0 long ago */
	uint64_t cpuset_ns; /* when others changed mems_allowed last, 0 never */
	uint64_t sampled_ns; /* CLOCK_MONOTONIC of the last look at its vCPUs,
			      * which may be some ticks old; 0: now_ns */
	const struct snap_vcpu *vcpus; /* borrowed, sorted by id */
	size_t n_vcpus; /* length of vcpus */
	const struct snap_cell *cells; /* borrowed, sorted by id */
	size_t n_cells; /* length of cells */
	struct snap_cost cost; /* of moving it */
	struct policy_guest *memory; /* policy's own memory of this guest, lent
				      * by the daemon from tick to tick */
};

/* Everything, at one moment. */
struct snapshot {
	uint64_t now_ns; /* CLOCK_MONOTONIC */
	struct snap_node nodes[NODES_MAX]; /* by node number */
	const struct snap_guest *guests; /* borrowed, in a stable order */
	size_t n_guests; /* length of guests */
	uint64_t rate_bytes_per_s; /* measured speed of moving any guest, 0
				    * unknown */
};

#endif
