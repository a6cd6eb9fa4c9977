/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What policy/ decided: for each cell a decision with its reason, and the
 * ordered moves that follow from the decisions. Nothing here points into the
 * snapshot; guests are named by their index in it.
 */
#ifndef PLAN_H
#define PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node.h"

#define WEIGHT_WHOLE 1000u

/* The node weights that a cell's memory should have; they sum to WEIGHT_WHOLE,
 * or are all 0 when no home is known yet. */
struct home {
	uint16_t weight[NODES_MAX]; /* by node, in thousandths */
};

/* Why a cell is moved, left alone or put off. One sentence for each is in
 * reason_text(). */
enum reason {
	REASON_NONE, /* nothing decided */
	/* moves */
	REASON_AFFINITY, /* its vCPUs are pinned inside other nodes */
	REASON_DRIFT, /* its vCPUs have stayed on other nodes */
	REASON_REQUEST, /* an administrator asked for it */
	/* nothing to do */
	REASON_LOCAL, /* its memory is where its vCPUs are */
	REASON_NO_VCPU, /* no vCPU shows where it should be */
	/* put off */
	REASON_DWELL, /* its vCPUs have not stayed long enough */
	REASON_COOLDOWN, /* moved a short time ago */
	REASON_BUDGET, /* the bytes allowed for this hour are used up */
	REASON_PAYBACK, /* the move would not repay its price in time */
	REASON_NO_ROOM, /* no wanted node has room for it */
	REASON_CPUSET, /* its cpuset does not allow the wanted node */
	REASON_MODE, /* its mode does not allow automatic moves */
	REASON_GATE, /* a gate is closed; see decision.gate */
	REASON_UNMEASURED, /* where its memory lies is not measured yet */
	REASON_BOUND, /* numatune strict binds it to other nodes */
	REASON_SPREAD, /* numatune interleave spreads it on purpose */
	REASON_COUNT
};

/* Bytes of one cell from one node to another. */
struct plan_move {
	size_t guest; /* index into snapshot.guests */
	int cell; /* the cell's number */
	int from; /* node the bytes lie on */
	int to; /* node they should lie on */
	uint64_t bytes; /* how many, by the last measurement */
	enum reason reason; /* why */
};

/* What was decided for one cell. */
struct decision {
	size_t guest; /* index into snapshot.guests */
	int cell; /* the cell's number */
	enum reason reason; /* why it moves, or does not */
	unsigned int gate; /* the enum gate bit behind REASON_GATE, else 0 */
	struct home home; /* what the cell wants */
	bool by_affinity; /* home comes from affinity alone */
	bool with_shares; /* the weights of home are to be reached, not only
			   * its nodes */
	unsigned int confidence; /* in home, 0 to WEIGHT_WHOLE */
	uint64_t resident_bytes; /* measured bytes of the cell */
	uint64_t wrong_bytes; /* of these, to be moved to reach home */
	uint64_t planned_bytes; /* of these, in the moves of this plan */
	enum reason rest; /* why wrong bytes are not planned, when some are */
	uint64_t gain; /* what being home is worth; orders the guests */
	bool is_placed; /* its moves have been sought */
	uint64_t again_ns; /* when it may be decided otherwise by time
			    * alone, CLOCK_MONOTONIC; 0 by events only */
};

/* Price and gain of the moves of one guest. */
struct price {
	double seconds; /* expected time of the job */
	double stall_ms; /* expected longest stall a vCPU feels */
	double payback_s; /* until the gain has repaid it; < 0 unknown */
	bool is_measured; /* the first two are by earlier jobs of the guest */
};

/* Arrays lent by the caller; policy/ fills them up to their caps and says in
 * is_cut when something did not fit (the next tick brings the rest). */
struct plan {
	struct plan_move *moves; /* ordered: the most urgent first */
	size_t n_moves; /* filled */
	size_t cap_moves; /* room */
	struct decision *decisions; /* one for each cell, guests in order */
	size_t n_decisions; /* filled */
	size_t cap_decisions; /* room */
	bool is_cut; /* the caps were too small */
};

/* What became of the moves of one guest: the end of a job. */
struct outcome {
	const struct plan_move *moves; /* borrowed: the moves of the job, all
					* of one plan */
	size_t n_moves; /* length of moves */
	uint64_t end_ns; /* CLOCK_MONOTONIC of its end */
	uint64_t moved_bytes; /* moved in all */
	bool is_cancelled; /* ended by somebody's wish */
	bool is_superseded; /* ended to make way for a newer plan: what it did
			     * move counts, as bytes and as a reversal, but it
			     * is not futile */
};

#endif
