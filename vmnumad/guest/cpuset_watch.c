/* SPDX-License-Identifier: Apache-2.0 */
/* Ours or theirs; see cpuset_watch.h. Called by guest.c and rehome.c. */
#include "guest/cpuset_watch.h"

/* While we write, threads are in either state, and a failure goes back. */
static bool is_ours(const struct cpuset_watch *watch, struct node_mask mems)
{
	return mems.bits == watch->known.bits ||
	       mems.bits == watch->ours.bits || mems.bits == watch->before.bits;
}

bool cpuset_watch_see(struct cpuset_watch *watch, struct node_mask mems,
		      bool is_quiet, uint64_t now_ns)
{
	bool is_first = node_mask_is_empty(watch->known);
	bool is_theirs = !is_first && !is_quiet && !is_ours(watch, mems);

	if (is_theirs) {
		watch->was = watch->known;
		watch->changed_ns = now_ns;
	}
	watch->known = mems;
	if (watch->is_ending) {
		watch->before.bits = 0;
		watch->ours.bits = 0;
		watch->is_ending = false;
	}
	return is_theirs;
}

void cpuset_watch_begin(struct cpuset_watch *watch, struct node_mask ours)
{
	watch->before = watch->known;
	watch->ours = ours;
	watch->is_ending = false;
}

void cpuset_watch_end(struct cpuset_watch *watch, bool has_failed)
{
	if (!has_failed) /* from now on going back is somebody else's doing */
		watch->before = watch->ours;
	watch->is_ending = true;
}
