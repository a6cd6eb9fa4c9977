/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where all of a guest's memory lies, counted: bytes per cell and node, and per
 * slot of guest-physical memory for the drawing of `show --map`. Moves nothing.
 * Blocks as long as the scan takes; runs on a task thread.
 *
 * Of small pages, 38 ms per GiB when each is asked for, a count takes samples
 * (see scan.h) unless it is to be exact: what is resident is exact, the node of
 * a block of 2 MiB is that of SCAN_SAMPLES pages that agree. Strays in clusters
 * are seen, strays that are scattered thinly look fewer: of 3.5 % of all pages
 * about a quarter is seen, of 10 % more than half.
 */
#ifndef MOVE_MEASURE_H
#define MOVE_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/identity.h"
#include "guest/map.h"
#include "node.h"
#include "sys.h"

/* Slots of a drawing, at most. */
#define MEASURE_SLOTS_MAX 256

/* Bytes of one cell on each node. */
struct measure_cell {
	int cell; /* the cell's number */
	uint64_t size_bytes; /* its guest-physical memory */
	uint64_t node_bytes[NODES_MAX]; /* resident bytes by node */
};

/* A stretch of guest-physical memory. */
struct measure_slot {
	struct gpa gpa; /* first byte */
	uint64_t size_bytes; /* length, without holes between regions */
	uint64_t node_bytes[NODES_MAX]; /* resident bytes by node */
};

/* What is asked. Zeroed: cells only, by samples. */
struct measure_ask {
	bool with_slots; /* fill slots too */
	bool is_exact; /* ask for every small page */
	uint64_t round; /* one more for each count of a guest, so that other
			 * pages are its samples */
};

struct measure {
	struct measure_cell *cells; /* owned, sorted by cell; those with
				     * memory only */
	size_t n_cells; /* length of cells */
	struct measure_slot *slots; /* owned, sorted by gpa; NULL unless asked */
	size_t n_slots; /* length of slots */
	uint64_t start_ns; /* when the scan began, CLOCK_MONOTONIC */
	uint64_t took_ns; /* what it took */
	uint64_t queried_pages; /* addresses that were asked for */
};

/* 0, or -errno: -ESRCH the guest has ended, -EPERM it may not be asked.
 * measure_finish() ends *ret_measure after success. */
int measure_guest(const struct sys *sys, const struct identity *identity,
		  const struct guest_map *map, struct measure_ask ask,
		  struct measure *ret_measure);
void measure_finish(struct measure *measure); /* takes a zeroed struct */

#endif
