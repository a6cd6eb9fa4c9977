/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From homes to moves, under the room that the nodes have. Used by policy.c
 * and request.c.
 */
#ifndef POLICY_PLACEMENT_H
#define POLICY_PLACEMENT_H

#include "policy/budget.h"
#include "policy/policy.h"

/* What lies wrong of one cell. */
struct placement_need {
	uint64_t resident_bytes; /* all that is measured */
	uint64_t outside_bytes; /* on nodes that are no home */
	uint64_t excess_bytes; /* on home nodes, beyond their share */
	struct deal deal; /* of the bytes that are to be moved */
	uint64_t target_bytes[NODES_MAX]; /* what each node should hold */
};

/* Compare where the cell's memory lies with home. with_shares says whether the
 * proportions of home are to be reached too. deal covers outside_bytes, and
 * excess_bytes with_shares. granule_bytes rounds the shares. */
void placement_need(const struct snapshot *s, const struct snap_cell *cell,
		    const struct home *home, bool with_shares,
		    uint64_t granule_bytes, struct placement_need *ret_need);

/* Pages of a guest are moved in pieces of this size at least. */
uint64_t placement_granule(const struct snap_guest *guest);

/* Turn every decision of the plan whose reason is a move into moves, as far as
 * there is room, most urgent first. is_request: budgets do not count; rehome:
 * nor do cpusets. Decisions of which nothing can be moved get the reason. */
void placement_plan(const struct policy_config *cfg, const struct snapshot *s,
		    bool is_request, bool rehome, struct plan *plan);

#endif
