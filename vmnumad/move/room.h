/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is there room on the target: the gate in front of every moving call. The
 * kernel itself does not protect the host here: it reclaims other guests'
 * memory on a full target, and from Linux 6.3 on it splits every huge page of a
 * call that finds no free 2 MiB block. So free memory above the watermarks, and
 * free blocks of the right size, are asked for first.
 */
#ifndef MOVE_ROOM_H
#define MOVE_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "node.h"
#include "sys.h"

struct room {
	struct sys sys; /* borrowed door */
	uint64_t reserve_bytes; /* kept free on each node above its high
				 * watermark */
	bool grows_pools; /* 2 MiB hugetlb pages may take ordinary memory */
	uint64_t high_bytes[NODES_MAX]; /* high watermarks, read at the start */
	struct node_mask compacted; /* nodes that were asked to compact */
};

/* Reads the watermarks; without them the reserve alone counts. */
void room_init(struct room *room, const struct sys *sys, uint64_t reserve_bytes,
	       bool grows_pools);

/*
 * How many bytes of pages of page_bytes (4 KiB, 2 MiB, or a hugetlb size with
 * is_hugetlb) may be moved to node now, up to wanted_bytes. 0: none. A node
 * that has memory but no free 2 MiB block is asked once to compact. hugetlb
 * pages have the free ones of the node's pool; with grows_pools those of 2 MiB
 * also what a transparent huge page would have. Two to four small files.
 */
uint64_t room_allow(struct room *room, int node, uint64_t page_bytes,
		    bool is_hugetlb, uint64_t wanted_bytes);

/* Free bytes of node above watermark and reserve. */
uint64_t room_free_bytes(const struct room *room, int node);

/* The host's counters that grow when moving goes at the cost of others; 0 when
 * the kernel does not have them. */
struct room_counters {
	uint64_t thp_splits; /* thp_migration_split: huge pages that were split
			      * because no whole one was free */
	uint64_t reclaim_pages; /* pgscan_direct: pages looked at by those who
				 * had to make room before they could go on */
	uint64_t stall_us; /* as room_stall_us() */
};

/* For /proc/vmstat the kernel adds up the events of all CPUs, whatever is read
 * of it: 11 us with two CPUs, 9 of them with the file kept open. Once for each
 * moving call, so 0.1 % of a CPU at the default of 100 calls a second. */
struct room_counters room_counters_read(const struct sys *sys);

/* Time in which any task of the host waited for memory, since boot: total of
 * the line "some" of /proc/pressure/memory (Linux 4.20). 0 without CONFIG_PSI
 * or with psi=0. */
uint64_t room_stall_us(const struct sys *sys);

#endif
