/* SPDX-License-Identifier: Apache-2.0 */
/* Huge, empty or mixed: see classify.h. Called by scan.c only. */
#include "move/classify.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* More runs than this in 256 MiB: the rest of the walk is another call. */
#define RUNS_PER_CALL 128

/* Documentation/admin-guide/mm/pagemap.rst */
#define PAGEMAP_PRESENT   (1ull << 63)
#define PAGEMAP_SWAPPED   (1ull << 62)
#define PAGEMAP_PFN_MASK  ((1ull << 55) - 1)
#define KPF_COMPOUND_HEAD (1ull << 15)
#define KPF_THP           (1ull << 22)

void classify_init(struct classify *c, const struct sys *sys, pid_t pid)
{
	*c = (struct classify) { .sys = *sys,
				 .means = CLASSIFY_SCAN,
				 .page_flags_fd = -1 };
	if (sys->ops->open_pagemap(sys->self, pid, &c->pagemap_fd) < 0) {
		c->pagemap_fd = -1;
		c->means = CLASSIFY_NONE;
	}
}

void classify_finish(struct classify *c)
{
	if (c->pagemap_fd >= 0)
		c->sys.ops->close_fd(c->sys.self, c->pagemap_fd);
	if (c->page_flags_fd >= 0)
		c->sys.ops->close_fd(c->sys.self, c->page_flags_fd);
	c->pagemap_fd = -1;
	c->page_flags_fd = -1;
}

static void add_pages(struct page_set *set, uint64_t first, uint64_t end)
{
	for (uint64_t i = first; i < end; i++)
		set->words[i / 64] |= 1ull << i % 64;
}

/* Mark the blocks that a run of present pages touches. */
static void apply_run(const struct page_run *run, struct hva start, size_t n,
		      enum block_kind *kinds, struct page_set *present)
{
	uint64_t end = start.v + n * PAGE_2M_BYTES;
	uint64_t at = u64_max(run->start.v, start.v);

	end = u64_min(end, run->end.v);
	while (at < end) {
		uint64_t block = addr_down(at, PAGE_2M_BYTES);
		uint64_t next = block + PAGE_2M_BYTES;
		size_t i = (block - start.v) / PAGE_2M_BYTES;

		if (run->is_huge && at == block && end >= next)
			kinds[i] = BLOCK_HUGE;
		else
			kinds[i] = BLOCK_MIXED;
		if (present && kinds[i] == BLOCK_MIXED)
			add_pages(&present[i], (at - block) / PAGE_4K_BYTES,
				  (u64_min(next, end) - block) / PAGE_4K_BYTES);
		at = next;
	}
}

/* 0, or -errno when the kernel does not know PAGEMAP_SCAN. */
static int classify_by_scan(struct classify *c, struct hva start, size_t n,
			    enum block_kind *kinds, struct page_set *present)
{
	struct hva end = { start.v + n * PAGE_2M_BYTES };
	struct page_run runs[RUNS_PER_CALL];
	struct hva at = start;

	for (size_t i = 0; i < n; i++)
		kinds[i] = BLOCK_EMPTY;
	while (at.v < end.v) {
		struct hva walked = at;
		size_t n_runs = 0;
		int err;

		err = c->sys.ops->pagemap_scan(c->sys.self, c->pagemap_fd, at,
					       end, runs, RUNS_PER_CALL,
					       &n_runs, &walked);
		if (err < 0)
			return err;
		for (size_t i = 0; i < n_runs; i++)
			apply_run(&runs[i], start, n, kinds, present);
		if (walked.v <= at.v)
			return -EIO; /* no progress: never loop on it */
		at = walked;
	}
	return 0;
}

/* Frame numbers read as 0 without CAP_SYS_ADMIN. */
static bool has_frames(const uint64_t *entries)
{
	for (size_t i = 0; i < PAGES_PER_2M; i++)
		if (entries[i] & PAGEMAP_PRESENT)
			return entries[i] & PAGEMAP_PFN_MASK;
	return true;
}

/* One aligned block of 512 entries: is it one huge page, nothing, or else? */
static enum block_kind kind_of_entries(struct classify *c,
				       const uint64_t *entries)
{
	uint64_t head_pfn = entries[0] & PAGEMAP_PFN_MASK;
	uint64_t flags, any = 0;
	bool is_one_piece = entries[0] & PAGEMAP_PRESENT && head_pfn != 0 &&
			    addr_is_aligned(head_pfn, PAGES_PER_2M);

	for (size_t i = 0; i < PAGES_PER_2M; i++) {
		any |= entries[i];
		if (!(entries[i] & PAGEMAP_PRESENT) ||
		    (entries[i] & PAGEMAP_PFN_MASK) != head_pfn + i)
			is_one_piece = false;
	}
	if (!(any & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED)))
		return BLOCK_EMPTY;
	if (!is_one_piece)
		return BLOCK_MIXED;
	if (c->sys.ops->page_flags(c->sys.self, c->page_flags_fd, head_pfn,
				   &flags) < 0)
		return BLOCK_MIXED;
	return flags & KPF_THP && flags & KPF_COMPOUND_HEAD ? BLOCK_HUGE
							    : BLOCK_MIXED;
}

static int classify_by_pagemap(struct classify *c, struct hva start, size_t n,
			       enum block_kind *kinds)
{
	uint64_t entries[PAGES_PER_2M];
	int opened = 0;

	if (c->page_flags_fd < 0)
		opened = c->sys.ops->open_file(c->sys.self, "/proc/kpageflags",
					       &c->page_flags_fd);
	if (opened < 0)
		return opened;
	for (size_t i = 0; i < n; i++) {
		struct hva block = { start.v + i * PAGE_2M_BYTES };
		int err;

		err = c->sys.ops->pagemap_read(c->sys.self, c->pagemap_fd,
					       block, PAGES_PER_2M, entries);
		if (err < 0)
			return err;
		if (!has_frames(entries))
			return -EPERM;
		kinds[i] = kind_of_entries(c, entries);
	}
	return 0;
}

static void forget_pages(struct page_set *present, size_t n)
{
	if (present)
		memset(present, 0, n * sizeof(*present));
}

void classify_blocks(struct classify *c, struct hva start, size_t n,
		     enum block_kind *kinds, struct page_set *present)
{
	assert(n <= CLASSIFY_BLOCKS_MAX);
	assert(addr_is_aligned(start.v, PAGE_2M_BYTES));

	forget_pages(present, n);
	if (c->means == CLASSIFY_SCAN &&
	    classify_by_scan(c, start, n, kinds, present) < 0) {
		c->means = CLASSIFY_PAGEMAP;
		forget_pages(present, n);
	}
	if (c->means == CLASSIFY_PAGEMAP &&
	    classify_by_pagemap(c, start, n, kinds) < 0)
		c->means = CLASSIFY_NONE;
	if (c->means != CLASSIFY_NONE)
		return;
	for (size_t i = 0; i < n; i++)
		kinds[i] = BLOCK_MIXED;
}

bool classify_is_full(struct classify *c, struct hva block)
{
	uint64_t entries[PAGES_PER_2M];

	if (c->pagemap_fd < 0 ||
	    c->sys.ops->pagemap_read(c->sys.self, c->pagemap_fd, block,
				     PAGES_PER_2M, entries) < 0)
		return false;
	for (size_t i = 0; i < PAGES_PER_2M; i++)
		if (!(entries[i] & PAGEMAP_PRESENT))
			return false;
	return true;
}
