/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose word is it when the nodes change that a guest's cpusets allow? A
 * re-homing rewrites cpusets, and so do libvirt for other clients, systemd and
 * administrators. What was seen last and what our own rewriting makes of it is
 * ours; anything else is theirs. Plain values, no effects.
 */
#ifndef GUEST_CPUSET_WATCH_H
#define GUEST_CPUSET_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "node.h"

struct cpuset_watch {
	struct node_mask known; /* as seen last; empty: not seen yet */
	struct node_mask was; /* before others changed it last */
	uint64_t changed_ns; /* when that was seen, CLOCK_MONOTONIC; 0 never */
	struct node_mask before; /* as our rewriting found it; empty: none is
				  * under way */
	struct node_mask ours; /* what it makes of that */
	bool is_ending; /* it is over, and the next look may be the first to
			 * show it */
};

/* What a whole look at all of the guest's threads shows now; never empty.
 * is_quiet: nobody is to be told of a change, as while libvirt starts the guest.
 * True when others have changed it: was, known and changed_ns say what and when. */
bool cpuset_watch_see(struct cpuset_watch *watch, struct node_mask mems,
		      bool is_quiet, uint64_t now_ns);

/* A rewriting of ours begins, which makes ours of what was seen last. */
void cpuset_watch_begin(struct cpuset_watch *watch, struct node_mask ours);

/* It has ended, and has_failed with what it found put back. */
void cpuset_watch_end(struct cpuset_watch *watch, bool has_failed);

#endif
