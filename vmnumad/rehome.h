/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Re-homing a guest that is bound to other nodes: widen its cpuset, move its
 * memory at our own pace, narrow the cpuset to where the memory is now. libvirt
 * refuses to do this for numatune strict. A failure at any point leaves cpusets
 * that include all nodes with memory of the guest. Called by moves.c and the
 * rebalance verb, in the loop; the writing is done on task threads.
 */
#ifndef REHOME_H
#define REHOME_H

#include <stdbool.h>

#include "node.h"
#include "why.h"

struct daemon;
struct guest;
struct job_entry;

/* In the loop: err is 0 or -errno with why. */
typedef void rehome_fn(void *arg, int err, const struct why *why);

/* Let the guest use nodes as well, then fn. */
void rehome_widen(struct daemon *daemon, const struct guest *guest,
		  struct node_mask nodes, rehome_fn *fn, void *arg);

/* The job that followed has ended: take the nodes that it has emptied away
 * from the guest, then fn. */
void rehome_narrow(struct daemon *daemon, const struct job_entry *entry,
		   rehome_fn *fn, void *arg);

/* True when the job was a re-homing one that left nothing behind but what
 * cannot move: then narrowing is right. */
bool rehome_is_due(const struct job_entry *entry);

#endif
