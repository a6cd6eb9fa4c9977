/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies where: walks a guest map in windows and says, for each page that
 * is there, on which node it lies, one entry for each huge page. Moves nothing.
 * Its memory is bounded by the window, whatever the size of the guest.
 */
#ifndef MOVE_SCAN_H
#define MOVE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "addr.h"
#include "guest/map.h"
#include "move/classify.h"
#include "node.h"
#include "sys.h"

/* The largest window: 65536 pages of 4 KiB. */
#define WINDOW_BYTES_MAX (256 * MIB)

/* The first window of a walk: small, so that the first page moves soon. */
#define WINDOW_BYTES_FIRST (16 * MIB)

/* One page of any size, or the part of it that lies in the region. */
struct folio {
	struct hva at; /* its first byte in the region */
	uint32_t pages; /* of 4 KiB that it has in the region */
	int8_t node; /* where it lies */
	int8_t to; /* where it shall go; scan sets NODE_NONE */
	uint8_t busy; /* answers that it is busy, so far */
	uint8_t strikes; /* calls that failed to move it, so far */
	bool is_guess; /* taken for one huge page without proof: ask for
			* its last page after moving it */
	bool is_apart; /* a guess too: 512 small pages, to be made one huge
			* page before it is moved; scan sets false */
};

/* Bytes of the whole page, of which the region may have a part only: so much
 * moves with the folio. */
uint64_t folio_span_bytes(const struct region *region,
			  const struct folio *folio);

/* Addresses that stand for a block of small pages in a scan that samples. */
#define SCAN_SAMPLES 8

/* A place in a walk over a guest map. Zeroed: at the start. */
struct scan_cursor {
	size_t region; /* index into map->regions */
	uint64_t offset_bytes; /* within that region */
	uint64_t window_bytes; /* of the next window; 0: the first one */
};

/* What one window showed. With samples, n_samples folios come first: each is
 * the whole of what is present in a block, as if it lay at its beginning. */
struct scan_window {
	const struct region *region; /* borrowed from the map */
	struct folio *folios; /* borrowed from the scanner, by address */
	size_t n_folios; /* length of folios */
	size_t n_samples; /* folios before it are known by samples */
	uint64_t size_bytes; /* bytes of the region looked at */
	uint64_t absent_bytes; /* of these, not populated */
	uint64_t node_bytes[NODES_MAX]; /* of these, on each node */
};

struct scan {
	struct sys sys; /* borrowed door */
	pid_t pid; /* QEMU process */
	struct classify classify; /* owned */
	struct folio *folios; /* owned, WINDOW_BYTES_MAX worth */
	struct hva *pages; /* owned, addresses of a query */
	int *status; /* owned, answers of a query */
	bool is_guessing; /* take unclassified whole blocks for huge pages */
	bool is_sampling; /* ask for SCAN_SAMPLES pages of a block of small
			   * ones, and for all only when these differ: for
			   * counting, never for moving */
	uint64_t round; /* of samples: another one asks for other pages */
	uint64_t queried_pages; /* addresses asked for so far */
};

/* Allocates about 1.5 MiB. */
void scan_init(struct scan *scan, const struct sys *sys, pid_t pid);
void scan_finish(struct scan *scan); /* takes a zeroed struct */

/*
 * Look at the next window of the map and move the cursor on. 1 when *ret_window
 * was written, 0 at the end of the map, -errno when the process cannot be asked
 * (-ESRCH, -EPERM). Regions of kind BACKING_FILE give a window without folios
 * and without absent bytes: nothing was asked.
 *
 * A scan that samples knows how much of a block is present, but takes the node
 * of SCAN_SAMPLES pages that agree for that of all. Where presence is not known
 * page by page, which takes PAGEMAP_SCAN (see classify_blocks()), and in blocks
 * that are cut by the ends of a region, it asks for all as any other scan does.
 */
int scan_next(struct scan *scan, const struct guest_map *map,
	      struct scan_cursor *cursor, struct scan_window *ret_window);

/*
 * The same for n_pages (at most 65536) of 4 KiB from at on, each for itself: a
 * block that was taken for a huge page and was none. 0 or -errno.
 */
int scan_pages(struct scan *scan, const struct region *region, struct hva at,
	       size_t n_pages, struct scan_window *ret_window);

/*
 * Where n folios are now, into their node; NODE_NONE for what is not there.
 * n is at most 65536. 0 or -errno as scan_next.
 */
int scan_locate(struct scan *scan, struct folio *folios, size_t n);

#endif
