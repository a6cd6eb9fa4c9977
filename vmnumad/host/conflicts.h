/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What on this host works against the daemon: kernel NUMA balancing, which
 * moves the same pages by other rules; numad, which does so too and pins vCPUs
 * to other CPUs; and a cpuset of our own, which makes every move to a node
 * outside of it fail with ENOMEM (the kernel allocates the new page in the
 * caller's name). Read by observe.c every few ticks: three small files.
 */
#ifndef HOST_CONFLICTS_H
#define HOST_CONFLICTS_H

#include <stdbool.h>

#include "node.h"
#include "sys.h"

struct host_conflicts {
	int numa_balancing; /* kernel.numa_balancing: 0 off, 1 on, 2 tiering;
			     * -1 the kernel has none or hides it */
	bool has_numad; /* numad is running */
	struct node_mask own_mems; /* nodes that our own cpuset allows */
	struct node_mask closed; /* nodes with memory that it does not */
};

/* has_memory is topology's. 0, or -errno when /proc/self/status cannot be read
 * or understood. */
int host_conflicts_read(const struct sys *sys, struct node_mask has_memory,
			struct host_conflicts *ret_conflicts);

#endif
