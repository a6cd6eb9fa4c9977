/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One moving call of move_pages(2): a list of folios to one node, the answer,
 * and for each folio what became of it. This is the place where a page is
 * moved. A mover thread owns one struct call and uses it again and again.
 */
#ifndef MOVE_CALL_H
#define MOVE_CALL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "guest/identity.h"
#include "move/scan.h"
#include "move/verdict.h"
#include "sys.h"

/* Most addresses of a call: 64 MiB of 4 KiB pages. */
#define CALL_FOLIOS_MAX 16384

struct call {
	struct folio *folios; /* owned, CALL_FOLIOS_MAX: what to move */
	size_t n; /* filled */
	uint64_t bytes; /* of their pages, together: also what the region has
			 * no part of */
	const struct region *region; /* all of them lie in it, borrowed */
	int to; /* target node of all of them */
	bool all; /* MPOL_MF_MOVE_ALL */
	struct seat seat; /* what its thread asked for last */
	bool is_refused; /* it was not to be had: the thread runs anywhere */
	int vcpu; /* in whose place it is made, or SEATS_ELSEWHERE */

	enum verdict *verdicts; /* owned, CALL_FOLIOS_MAX: the answers */
	enum call_verdict verdict; /* of the call as a whole */
	uint64_t start_ns; /* when it was made */
	uint64_t took_ns; /* how long the kernel took */
	unsigned int refusals; /* to make huge pages of small ones, in a row:
				* before it, set by the caller, and after it */
	const atomic_bool *is_cancelled; /* borrowed, set by the caller: make no
					  * more of them, and move nothing then;
					  * NULL: nobody cancels */
	bool is_cut_off; /* so it was: nothing was moved */

	struct hva *pages; /* owned, what the kernel is given */
	int *nodes; /* owned, likewise */
	int *status; /* owned, likewise */
};

/* Allocates about 700 KiB. */
void call_init(struct call *call);
void call_finish(struct call *call);

/* Empty it for another target. */
void call_reset(struct call *call, const struct region *region, int to,
		bool all);

/*
 * Let the calling thread, which owns the call, run there from now on, or on any
 * CPU where that leaves none. Asks the host only when it was asked for something
 * else last.
 */
void call_sit(struct call *call, const struct sys *sys, struct seat seat);

/* False when the call is full. */
bool call_add(struct call *call, const struct folio *folio);

/*
 * Move. Makes one moving call, and one query when the answer was not clean or
 * a folio was a guess; before it one collapse for each folio that is apart.
 * Afterwards verdicts[i] says what became of folios[i], which itself is
 * unchanged, but that it is apart no more when it was made a huge page.
 */
void call_run(struct call *call, const struct sys *sys,
	      const struct identity *identity);

#endif
