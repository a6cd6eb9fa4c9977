/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was left behind, where: ranges of guest-physical memory with the class
 * of residue and the cell, sorted, merged where they touch. A job fills one;
 * the guest keeps the last one.
 */
#ifndef MOVE_LEDGER_H
#define MOVE_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "guest/map.h"
#include "move/receipt.h"

/* More ranges than this are counted and not listed. */
#define LEDGER_RANGES_MAX 4096

struct ledger_range {
	struct gpa gpa; /* first byte */
	uint64_t size_bytes; /* length */
	enum residue residue; /* why it was left */
	int cell; /* whose it is */
};

struct ledger {
	struct ledger_range *ranges; /* owned, sorted by gpa */
	size_t n_ranges; /* filled */
	size_t cap_ranges; /* allocated */
	uint64_t unlisted_bytes; /* noted when the list was full */
};

void ledger_init(struct ledger *ledger);
void ledger_finish(struct ledger *ledger);

/* Note a range; what the ledger held of it before is replaced. O(n). */
void ledger_note(struct ledger *ledger, const struct ledger_range *range);

/* Forget a range, or the part of ranges that lies in it. O(n). */
void ledger_forget(struct ledger *ledger, struct gpa gpa, uint64_t size_bytes);

/* Forget all that the map does not hold any more. O(n) for each region. */
void ledger_keep(struct ledger *ledger, const struct guest_map *map);

/* The range that holds the address, or NULL. O(log n). */
const struct ledger_range *ledger_find(const struct ledger *ledger,
				       struct gpa gpa);

/* A copy, owned by the caller. */
void ledger_copy(const struct ledger *from, struct ledger *ret_to);

#endif
