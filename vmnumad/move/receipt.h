/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a job did: the numbers of a job while it runs and the receipt when it
 * has ended. Plain values, copied out of a job at any time.
 */
#ifndef MOVE_RECEIPT_H
#define MOVE_RECEIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node.h"
#include "why.h"

/* Classes of bytes that a job could not move. Every byte of a job's scope ends
 * on a wanted node or in exactly one class. */
enum residue {
	RESIDUE_ABSENT, /* not populated: nothing to move */
	RESIDUE_BUSY, /* in use by the kernel each time it was tried */
	RESIDUE_PINNED, /* failed three retries: a long-term reference */
	RESIDUE_SHARED, /* mapped elsewhere too: merged by KSM, or by another
			 * process and we lack CAP_SYS_NICE */
	RESIDUE_NOMEM, /* no room or no huge page on the target */
	RESIDUE_CPUSET, /* the guest's cpuset forbids the target */
	RESIDUE_DENIED, /* the kernel refuses us this process */
	RESIDUE_UNMOVABLE, /* confidential, device or file memory; a huge page of
			    * which another cell has more */
	RESIDUE_GONE, /* the guest ended */
	RESIDUE_UNTRIED, /* the job ended before its turn */
	RESIDUE_UNSEEN, /* the job ended before it had looked there: on which
			 * node it lies, if anywhere, is not known */
	RESIDUE_COUNT
};

enum job_result {
	JOB_RUNNING, /* not ended */
	JOB_DONE, /* all bytes are right, or absent */
	JOB_PARTIAL, /* residue other than absent is left */
	JOB_REFUSED, /* a gate was closed before the first move */
	JOB_CANCELLED, /* by request */
	JOB_FAILED, /* by an error; receipt.why says which */
};

enum job_phase {
	PHASE_SCAN, /* looking at the next window */
	PHASE_MOVE, /* moving what the window showed */
	PHASE_ROOM, /* waiting for room on the target */
	PHASE_RETRY, /* waiting to try failed pages again */
	PHASE_REPAIR, /* rebuilding huge pages that were split */
	PHASE_PAUSED, /* by request */
	PHASE_HELD, /* until libvirt has done its work on the guest */
	PHASE_ENDED, /* see result */
};

/* Bytes of one cell on each node. */
struct cell_count {
	int cell; /* the cell's number */
	struct node_mask home; /* its wanted nodes */
	uint64_t before_bytes[NODES_MAX]; /* as first scanned */
	uint64_t after_bytes[NODES_MAX]; /* now, as far as known */
};

/* The pool of 2 MiB huge pages of a node, as set: without surplus pages. */
struct pool_change {
	int node; /* whose */
	uint64_t before_pages; /* its size when the job began */
	uint64_t after_pages; /* and when the job had moved its last page */
	uint64_t now_pages; /* and after it was put back; then as before */
	uint64_t lent_pages; /* surplus that the guest keeps until it ends */
};

/* What became of the pools of huge pages; see pools.h. */
struct pools_report {
	struct pool_change pools[NODES_MAX]; /* those that changed, by node */
	size_t n_pools; /* length of pools */
	struct why why; /* reason that one is not as before; or empty */
};

struct receipt {
	enum job_result result; /* JOB_RUNNING until the end */
	enum job_phase phase; /* what it does now */
	struct why why; /* reason of refused, cancelled or failed */
	uint64_t started_ns; /* first step, CLOCK_MONOTONIC; 0 not yet; the end
			      * of a job that ended without one */
	uint64_t ended_ns; /* end, 0 while it runs */
	uint64_t seen_ns; /* the newest step */
	uint64_t first_call_ns; /* time of the first moving call, 0 none */

	uint64_t scope_bytes; /* guest-physical bytes looked at */
	uint64_t planned_bytes; /* found on wrong nodes, at the start as
				 * estimated by the plan */
	uint64_t moved_bytes; /* brought to a wanted node */
	uint64_t already_bytes; /* were on a wanted node, or more than the plan
				 * wanted of the node where they are */
	uint64_t residue_bytes[RESIDUE_COUNT]; /* the rest, by class */

	uint64_t calls; /* moving calls of move_pages */
	uint64_t retried_bytes; /* bytes tried more than once */
	uint64_t thp_splits; /* host's thp_migration_split in that time */
	uint64_t thp_repaired; /* of the guest's among them, whole again when the
				* job ended: by it, or by khugepaged before */
	uint64_t longest_call_ns; /* longest moving call */
	uint64_t call_ns; /* time in moving calls, all together */
	uint64_t longest_stall_ns; /* longest share of a call that one page of
				    * 2 MiB or larger had, or as many small
				    * ones: so long a vCPU may have waited */
	bool has_lost; /* lost is known */
	unsigned int lost; /* thousandths of the guest's work in this time that
			    * the calls have cost it */
	uint64_t kvm_pages_2m_before; /* 2 MiB mappings of the guest in KVM as
				       * the job began; UINT64_MAX: unknown */
	uint64_t kvm_pages_2m_after; /* as it ended; UINT64_MAX: unknown */
	struct pools_report pools; /* of the host; empty until the end */
};

/* "absent", "busy", … and "done", "partial", …: the contract's words. */
const char *residue_text(enum residue residue);
const char *job_result_text(enum job_result result);
const char *job_phase_text(enum job_phase phase);

/* Bytes that were planned and did not arrive: all residue but absent; of what
 * was not seen no more than the plan still lacks. */
uint64_t receipt_left_bytes(const struct receipt *receipt);

#endif
