/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a guest's memory is: for each run of guest-physical memory the place in
 * the QEMU process that holds it, what backs it and the guest cell it belongs
 * to. A value: built once by map_build.c (or by inference from the domain),
 * read by the scanner, the mover and the receipts, from any thread. It knows
 * nothing of where pages lie; that changes, this does not.
 */
#ifndef GUEST_MAP_H
#define GUEST_MAP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "why.h"

/* More regions than any machine that QEMU can build has: 256 memory slots, and
 * a few holes. */
#define GUEST_REGIONS_MAX 4096

/* Cells are 0 to GUEST_CELLS_MAX - 1; QEMU's own limit (MAX_NODES). */
#define GUEST_CELLS_MAX 128

/* With the NUL; a longer name of a RAM block is cut. */
#define BLOCK_NAME_SIZE 64

/* What holds a region's pages. */
enum backing_kind {
	BACKING_ANON, /* private anonymous memory */
	BACKING_MEMFD, /* memfd, tmpfs or shared anonymous memory */
	BACKING_HUGETLB, /* hugetlbfs or a hugetlb memfd */
	BACKING_FILE, /* a file on a disk or DAX: never moved */
};

/* A run of guest-physical memory that lies in one piece in QEMU. */
struct region {
	struct gpa gpa; /* first byte, as the guest sees it */
	uint64_t size_bytes; /* length, a multiple of 4 KiB */
	struct hva hva; /* first byte, in the QEMU process */
	uint64_t page_bytes; /* 4 KiB, or the hugetlb page size. The region
			      * itself is aligned to 4 KiB only: below 1 MiB
			      * a huge page can reach over both its ends */
	enum backing_kind backing; /* what holds the pages */
	bool is_shared; /* mapped shared: MPOL_MF_MOVE may not do */
	int cell; /* guest NUMA cell, 0 in a guest without cells */
	char block[BLOCK_NAME_SIZE]; /* QEMU's name of the RAM block, without
				      * the device path; NUL terminated */
};

/* All regions, sorted by gpa. Read only once built. */
struct guest_map {
	atomic_uint refs; /* owners; the last one frees it */
	size_t n_regions; /* length of regions, 1 to GUEST_REGIONS_MAX */
	uint64_t total_bytes; /* sum of all sizes */
	uint16_t *by_hva; /* indexes into regions, sorted by hva */
	struct region regions[]; /* sorted by gpa, never overlapping */
};

/*
 * Builds a map of n candidates in any order. Regions of one block that touch in
 * both address spaces and are alike become one. Refused with -EINVAL, and a why
 * that names the region: an empty, wrapping or unaligned (4 KiB) region, a bad
 * page size or cell, two that overlap as the guest sees them or in QEMU, none
 * at all; with -E2BIG more than GUEST_REGIONS_MAX. *ret_map has one reference,
 * the caller's.
 */
int guest_map_build(const struct region *candidates, size_t n,
		    struct guest_map **ret_map, struct why *why);

/* One more owner, from any thread; returns map. */
struct guest_map *guest_map_ref(struct guest_map *map);

/* One owner less, from any thread. Takes NULL. */
void guest_map_unref(struct guest_map *map);

/* The region that holds the address, NULL where there is none. O(log n). */
const struct region *guest_map_find_gpa(const struct guest_map *map,
					struct gpa gpa);
const struct region *guest_map_find_hva(const struct guest_map *map,
					struct hva hva);

/* Translate; true and the output written when the address is in the map. */
bool guest_map_to_hva(const struct guest_map *map, struct gpa gpa,
		      struct hva *ret_hva);
bool guest_map_to_gpa(const struct guest_map *map, struct hva hva,
		      struct gpa *ret_gpa);

/* Guest-physical memory of one cell, 0 for a cell that has none. O(n). */
uint64_t guest_map_cell_bytes(const struct guest_map *map, int cell);

/* The size of the largest pages of a pool; 0: it has none of any pool. O(n). */
uint64_t guest_map_pool_page_bytes(const struct guest_map *map);

/* Guest-physical memory of one cell in regions of that page size. O(n). */
uint64_t guest_map_cell_paged_bytes(const struct guest_map *map, int cell,
				    uint64_t page_bytes);

/* One more than the highest cell that has memory. O(n). */
int guest_map_n_cells(const struct guest_map *map);

/* True when both say the same of the same regions. */
bool guest_map_is_equal(const struct guest_map *a, const struct guest_map *b);

/* "anon", "memfd", "hugetlb" or "file". */
const char *backing_kind_text(enum backing_kind kind);

#endif
