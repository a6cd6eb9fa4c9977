/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One cell at one moment: is anything wrong, and may it be mended now? Used by
 * policy.c.
 */
#ifndef POLICY_DECIDE_H
#define POLICY_DECIDE_H

#include "policy/home.h"
#include "policy/policy.h"

/* One cell under decision. */
struct decide {
	const struct policy_config *cfg; /* borrowed */
	const struct snapshot *s; /* borrowed */
	const struct snap_guest *guest; /* borrowed */
	const struct snap_cell *cell; /* borrowed */
	struct policy_cell *memory; /* borrowed; NULL when none is kept */
};

/* Bring the cell's memory of its home up to date with what it wants now. A
 * home by affinity is taken over at once, one by habit only when it differs by
 * enough. is_gap: nobody knows what happened since the last tick. */
void decide_settle(const struct decide *in, const struct cell_home *now,
		   bool is_gap);

/* Judge the cell. ret's guest and cell are set by the caller; the rest is
 * written. A reason that is a move means: move it, if there is room. */
void decide_cell(const struct decide *in, const struct cell_home *now,
		 struct decision *ret);

/* Bytes of wrong memory that are not worth a move. */
uint64_t decide_slack(const struct policy_config *cfg, uint64_t resident_bytes);

#endif
