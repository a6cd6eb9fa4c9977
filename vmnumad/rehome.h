/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Re-homing a guest that is bound to other nodes: let it use the new nodes too,
 * move its memory at our own pace, then take away the nodes it has left. A guest
 * that numatune restrictive binds is re-bound by libvirt itself; one that strict
 * binds by its cpusets, since libvirt refuses to do that. A failure at any point
 * leaves cpusets that include all nodes with memory of the guest. When others
 * change a cpuset meanwhile, theirs is the last word, but for nodes that are
 * found to have memory of the guest once things have settled. Called by ends.c,
 * resume.c, tick.c and the rebalance verb, in the loop; the writing is done on
 * task threads.
 */
#ifndef REHOME_H
#define REHOME_H

#include <stdbool.h>

#include "node.h"
#include "why.h"

struct daemon;
struct guest;
struct job_entry;
struct job_order;
struct plan;

/* In the loop: err is 0 or -errno with why. */
typedef void rehome_fn(void *arg, int err, const struct why *why);

/* The nodes that the guest's plan moves to and that it may not use yet. */
struct node_mask rehome_closed(const struct guest *guest,
			       const struct plan *plan);

/* True when the guest's plan goes where the guest or one of its cells is not
 * bound to, so that only a re-homing can carry it out. */
bool rehome_is_needed(const struct guest *guest, const struct plan *plan);

/*
 * The kernel rebinds what strict binds by position: the first of the old nodes
 * becomes the first of the new ones, and so on. -EINVAL and why when that would
 * bind a cell to nodes where none of its memory is to be. What an earlier
 * re-homing has bound is not known, and not judged.
 */
int rehome_check(const struct guest *guest, const struct job_order *order,
		 const struct plan *plan, struct why *why);

/* Let the guest use nodes as well, then fn. */
void rehome_widen(struct daemon *daemon, struct guest *guest,
		  struct node_mask nodes, rehome_fn *fn, void *arg);

/* The memory has arrived: take away all nodes but those that the order names,
 * that cells outside it are bound to, or that still have memory; then fn, with a
 * sentence of the cpuset on an error. guest NULL: it has ended. -EBUSY: the last
 * word is others', see rehome_is_theirs(). */
void rehome_narrow(struct daemon *daemon, struct guest *guest,
		   const struct job_order *order, rehome_fn *fn, void *arg);

/* At the end of a re-homing: true when others have changed the cpuset since it
 * was ordered. Then rehome_mend() looks at it once they have settled. */
bool rehome_is_theirs(struct daemon *daemon, struct guest *guest,
		      const struct job_order *order);

/* Each tick: where that is due, count the memory afresh, and let the guest use
 * the nodes where it was found. */
void rehome_mend(struct daemon *daemon);

/* True when the job was a re-homing one that left nothing behind but what
 * cannot move: then narrowing is right. */
bool rehome_is_due(const struct job_entry *entry);

#endif
