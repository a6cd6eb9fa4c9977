/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * A guest map joins two address spaces. The guest counts its memory from 0 with
 * holes (VGA window, PCI below 4 GiB); QEMU keeps it as a few RAM blocks, each
 * in one piece of its own address space. A region is a run that is contiguous
 * in both. What makes the map safe to act on are its invariants, checked here
 * once, for every map, whoever made it:
 *
 *  1. regions are sorted by gpa and do not overlap: a guest address has at most
 *     one place;
 *  2. they do not overlap in QEMU either: a byte is counted and moved once. QEMU
 *     does alias memory below 1 MiB (shadowed ROM), which the builder leaves
 *     out;
 *  3. every start and length is a multiple of 4 KiB, nothing is empty, nothing
 *     wraps: loops over a region end;
 *  4. the number of regions is bounded, so that a hostile QEMU cannot make the
 *     daemon grow;
 *  5. nothing changes after guest_map_build(). A change of the guest gives a new
 *     map; a job that still holds the old one keeps it by its reference, and is
 *     given the new one before its next call (move/job_map.c).
 *
 * That a region's range in QEMU really is RAM of that process is not known
 * here: map_build.c compares it with /proc/PID/maps before it comes this far.
 */
#include "guest/map.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

static uint64_t gpa_end(const struct region *r)
{
	return r->gpa.v + r->size_bytes;
}

static uint64_t hva_end(const struct region *r)
{
	return r->hva.v + r->size_bytes;
}

/* What is wrong with a region by itself, NULL when nothing is. */
static const char *region_fault(const struct region *r)
{
	uint64_t sum;

	if (r->size_bytes == 0)
		return "is empty";
	if (!addr_is_aligned(r->gpa.v | r->hva.v | r->size_bytes,
			     PAGE_4K_BYTES))
		return "is not aligned to 4 KiB";
	if (!addr_add(r->gpa.v, r->size_bytes, &sum) ||
	    !addr_add(r->hva.v, r->size_bytes, &sum))
		return "wraps around the end of the address space";
	if (r->page_bytes < PAGE_4K_BYTES ||
	    !addr_is_aligned(r->page_bytes, PAGE_4K_BYTES) ||
	    (r->page_bytes & (r->page_bytes - 1)) != 0)
		return "has an impossible page size";
	if (r->cell < 0 || r->cell >= GUEST_CELLS_MAX)
		return "is in an impossible cell";
	return NULL;
}

static int region_fail(const struct region *r, const char *fault,
		       struct why *why)
{
	why_set(why,
		"guest memory at 0x%" PRIx64 ", %" PRIu64
		" bytes of block \"%.63s\", %s",
		r->gpa.v, r->size_bytes, r->block, fault);
	return -EINVAL;
}

static int compare_gpa(const void *pa, const void *pb)
{
	const struct region *a = pa;
	const struct region *b = pb;

	return (a->gpa.v > b->gpa.v) - (a->gpa.v < b->gpa.v);
}

static int compare_hva(const void *pa, const void *pb, void *arg)
{
	const struct region *regions = arg;
	uint64_t a = regions[*(const uint16_t *)pa].hva.v;
	uint64_t b = regions[*(const uint16_t *)pb].hva.v;

	return (a > b) - (a < b);
}

static bool is_same_kind(const struct region *a, const struct region *b)
{
	return a->page_bytes == b->page_bytes && a->backing == b->backing &&
	       a->is_shared == b->is_shared && a->cell == b->cell &&
	       strcmp(a->block, b->block) == 0;
}

/* Joins neighbours in place; regions are sorted and do not overlap. */
static size_t regions_merge(struct region *regions, size_t n)
{
	size_t kept = 1;

	for (size_t i = 1; i < n; i++) {
		struct region *last = &regions[kept - 1];

		if (is_same_kind(last, &regions[i]) &&
		    gpa_end(last) == regions[i].gpa.v &&
		    hva_end(last) == regions[i].hva.v)
			last->size_bytes += regions[i].size_bytes;
		else
			regions[kept++] = regions[i];
	}
	return kept;
}

/* Copies, checks each by itself and sorts. */
static int regions_take(struct guest_map *map, const struct region *candidates,
			size_t n, struct why *why)
{
	for (size_t i = 0; i < n; i++) {
		struct region *r = &map->regions[i];
		const char *fault;

		*r = candidates[i];
		r->block[BLOCK_NAME_SIZE - 1] = '\0';
		fault = region_fault(r);
		if (fault)
			return region_fail(r, fault, why);
	}
	qsort(map->regions, n, sizeof(map->regions[0]), compare_gpa);
	for (size_t i = 1; i < n; i++)
		if (gpa_end(&map->regions[i - 1]) > map->regions[i].gpa.v)
			return region_fail(&map->regions[i],
					   "overlaps the one before it", why);
	return 0;
}

/* Makes the second index; refuses two regions in the same place of QEMU. */
static int regions_index(struct guest_map *map, struct why *why)
{
	map->by_hva = xcalloc(map->n_regions, sizeof(map->by_hva[0]));
	for (size_t i = 0; i < map->n_regions; i++)
		map->by_hva[i] = (uint16_t)i;
	qsort_r(map->by_hva, map->n_regions, sizeof(map->by_hva[0]),
		compare_hva, map->regions);
	for (size_t i = 1; i < map->n_regions; i++) {
		const struct region *low = &map->regions[map->by_hva[i - 1]];
		const struct region *high = &map->regions[map->by_hva[i]];

		if (hva_end(low) > high->hva.v)
			return region_fail(
				high, "shares its place in QEMU with another",
				why);
	}
	return 0;
}

int guest_map_build(const struct region *candidates, size_t n,
		    struct guest_map **ret_map, struct why *why)
{
	struct guest_map *map;
	int err;

	if (n == 0) {
		why_set(why, "no guest memory was found");
		return -EINVAL;
	}
	if (n > GUEST_REGIONS_MAX) {
		why_set(why, "%zu regions of guest memory, more than %d", n,
			GUEST_REGIONS_MAX);
		return -E2BIG;
	}
	map = xcalloc(1, sizeof(*map) + n * sizeof(map->regions[0]));
	atomic_init(&map->refs, 1);
	err = regions_take(map, candidates, n, why);
	if (err == 0) {
		map->n_regions = regions_merge(map->regions, n);
		err = regions_index(map, why);
	}
	if (err != 0) {
		guest_map_unref(map);
		return err;
	}
	for (size_t i = 0; i < map->n_regions; i++)
		map->total_bytes += map->regions[i].size_bytes;
	*ret_map = map;
	return 0;
}

struct guest_map *guest_map_ref(struct guest_map *map)
{
	unsigned int refs = atomic_fetch_add(&map->refs, 1);

	assert(refs > 0);
	(void)refs;
	return map;
}

void guest_map_unref(struct guest_map *map)
{
	if (!map || atomic_fetch_sub(&map->refs, 1) != 1)
		return;
	free(map->by_hva);
	free(map);
}

const struct region *guest_map_find_gpa(const struct guest_map *map,
					struct gpa gpa)
{
	size_t low = 0;
	size_t high = map->n_regions;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct region *r = &map->regions[mid];

		if (gpa.v < r->gpa.v)
			high = mid;
		else if (gpa.v >= gpa_end(r))
			low = mid + 1;
		else
			return r;
	}
	return NULL;
}

const struct region *guest_map_find_hva(const struct guest_map *map,
					struct hva hva)
{
	size_t low = 0;
	size_t high = map->n_regions;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct region *r = &map->regions[map->by_hva[mid]];

		if (hva.v < r->hva.v)
			high = mid;
		else if (hva.v >= hva_end(r))
			low = mid + 1;
		else
			return r;
	}
	return NULL;
}

bool guest_map_to_hva(const struct guest_map *map, struct gpa gpa,
		      struct hva *ret_hva)
{
	const struct region *r = guest_map_find_gpa(map, gpa);

	if (!r)
		return false;
	ret_hva->v = r->hva.v + (gpa.v - r->gpa.v);
	return true;
}

bool guest_map_to_gpa(const struct guest_map *map, struct hva hva,
		      struct gpa *ret_gpa)
{
	const struct region *r = guest_map_find_hva(map, hva);

	if (!r)
		return false;
	ret_gpa->v = r->gpa.v + (hva.v - r->hva.v);
	return true;
}

uint64_t guest_map_cell_bytes(const struct guest_map *map, int cell)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < map->n_regions; i++)
		if (map->regions[i].cell == cell)
			bytes += map->regions[i].size_bytes;
	return bytes;
}

uint64_t guest_map_pool_page_bytes(const struct guest_map *map)
{
	uint64_t page_bytes = 0;

	for (size_t i = 0; i < map->n_regions; i++)
		if (map->regions[i].page_bytes > PAGE_4K_BYTES)
			page_bytes =
				u64_max(page_bytes, map->regions[i].page_bytes);
	return page_bytes;
}

uint64_t guest_map_cell_paged_bytes(const struct guest_map *map, int cell,
				    uint64_t page_bytes)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < map->n_regions; i++)
		if (map->regions[i].cell == cell &&
		    map->regions[i].page_bytes == page_bytes)
			bytes += map->regions[i].size_bytes;
	return bytes;
}

int guest_map_n_cells(const struct guest_map *map)
{
	int n = 0;

	for (size_t i = 0; i < map->n_regions; i++)
		if (map->regions[i].cell >= n)
			n = map->regions[i].cell + 1;
	return n;
}

bool guest_map_is_equal(const struct guest_map *a, const struct guest_map *b)
{
	if (a->n_regions != b->n_regions)
		return false;
	for (size_t i = 0; i < a->n_regions; i++) {
		const struct region *ra = &a->regions[i];
		const struct region *rb = &b->regions[i];

		if (ra->gpa.v != rb->gpa.v || ra->hva.v != rb->hva.v ||
		    ra->size_bytes != rb->size_bytes || !is_same_kind(ra, rb))
			return false;
	}
	return true;
}

const char *backing_kind_text(enum backing_kind kind)
{
	switch (kind) {
	case BACKING_ANON:
		return "anon";
	case BACKING_MEMFD:
		return "memfd";
	case BACKING_HUGETLB:
		return "hugetlb";
	case BACKING_FILE:
		return "file";
	}
	return "unknown";
}
