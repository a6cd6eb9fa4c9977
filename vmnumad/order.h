/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a job was asked to be: by follow mode, by an administrator, or by the
 * journal of a daemon that ran before. Plain values, copied freely.
 */
#ifndef ORDER_H
#define ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node.h"
#include "policy/policy.h"

#define ORDER_CELLS_MAX 64

struct job_order {
	bool is_automatic; /* follow mode wants it; the targets below are
			    * empty then, the plan says all */
	bool is_hurried; /* as fast as it goes */
	bool is_part; /* of what a node holds: its plan and no more; it cannot
		       * be planned again from the targets below */
	uint64_t page_bytes; /* with is_part: only pages of that size, 0: all */
	bool is_rehome; /* widen the guest's cpuset for it, then narrow it */
	uint64_t stall_ns; /* longest call, 0: as configured */
	uint64_t rate_bytes_per_s; /* upper bound, 0: as configured */
	uint64_t trigger_ns; /* what led to it, CLOCK_MONOTONIC */
	struct node_mask to; /* targets of all cells; empty: see cells */
	struct request_cell cells[ORDER_CELLS_MAX]; /* targets by cell */
	size_t n_cells; /* filled; 0 with to empty: where the vCPUs are */
};

#endif
