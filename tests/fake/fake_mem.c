/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake host's memory: regions made of folios, and the calls that only look
 * at it (and collapse). See fake_sys.h.
 */
#include "fake_internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "xalloc.h"

void fake_free_process(struct fake_process *process)
{
	for (size_t i = 0; i < process->n_regions; i++)
		free(process->regions[i].folios);
	free(process->regions);
	process->regions = NULL;
	process->n_regions = 0;
}

int fake_check_process(const struct fake_process *process)
{
	if (!process)
		return -ESRCH;
	if (process->is_denied)
		return -EPERM;
	return process->life == FAKE_ALIVE ? 0 : -EINVAL;
}

struct fake_region *fake_find_region(struct fake_process *process, uint64_t hva)
{
	for (size_t i = 0; i < process->n_regions; i++)
		if (hva >= process->regions[i].start &&
		    hva < process->regions[i].end)
			return &process->regions[i];
	return NULL;
}

struct fake_folio *fake_region_folio(struct fake_region *region, uint64_t hva)
{
	size_t low = 0;
	size_t high = region->n_folios;

	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (region->folios[mid].hva <= hva)
			low = mid;
		else
			high = mid;
	}
	return &region->folios[low];
}

struct fake_folio *fake_folio(struct fake_sys *fake, pid_t pid, uint64_t hva)
{
	struct fake_process *process;
	struct fake_region *region = NULL;

	fake_lock(fake);
	process = fake_find_process(fake, pid);
	if (process)
		region = fake_find_region(process, hva);
	fake_unlock(fake);
	return region ? fake_region_folio(region, hva) : NULL;
}

/* Sorted by start, as the kernel keeps them. */
static struct fake_region *insert_region(struct fake_process *process,
					 uint64_t start, uint64_t end)
{
	size_t at = 0;

	while (at < process->n_regions && process->regions[at].start < start)
		at++;
	assert(at == 0 || process->regions[at - 1].end <= start);
	assert(at == process->n_regions || process->regions[at].start >= end);
	process->regions =
		xreallocarray(process->regions, process->n_regions + 1,
			      sizeof(*process->regions));
	memmove(&process->regions[at + 1], &process->regions[at],
		(process->n_regions - at) * sizeof(*process->regions));
	process->n_regions++;
	return &process->regions[at];
}

void fake_region(struct fake_sys *fake, pid_t pid, uint64_t hva,
		 uint64_t size_bytes, uint64_t folio_bytes, int node,
		 enum fake_backing backing)
{
	struct fake_process *process;
	struct fake_region *region;

	fake_lock(fake);
	process = fake_find_process(fake, pid);
	assert(process && size_bytes && size_bytes % folio_bytes == 0);
	assert(hva % folio_bytes == 0);
	region = insert_region(process, hva, hva + size_bytes);
	*region = (struct fake_region) {
		.start = hva,
		.end = hva + size_bytes,
		.backing = backing,
		.page_bytes =
			backing == FAKE_HUGETLB ? folio_bytes : PAGE_4K_BYTES,
		.n_folios = size_bytes / folio_bytes,
	};
	region->folios = xcalloc(region->n_folios, sizeof(*region->folios));
	for (size_t i = 0; i < region->n_folios; i++)
		region->folios[i] = (struct fake_folio) {
			.hva = hva + i * folio_bytes,
			.bytes = folio_bytes,
			.node = node,
			.is_hugetlb = backing == FAKE_HUGETLB,
		};
	fake_unlock(fake);
}

void fake_unmap(struct fake_sys *fake, pid_t pid, uint64_t hva)
{
	struct fake_process *process;
	struct fake_region *region;

	fake_lock(fake);
	process = fake_find_process(fake, pid);
	assert(process);
	region = fake_find_region(process, hva);
	assert(region && region->start == hva);
	free(region->folios);
	process->n_regions--;
	memmove(region, region + 1,
		(size_t)(process->regions + process->n_regions - region) *
			sizeof(*region));
	fake_unlock(fake);
}

static bool is_present(const struct fake_folio *folio)
{
	return folio->node != NODE_NONE && !folio->is_zero &&
	       !folio->is_swapped;
}

uint64_t fake_bytes_on(struct fake_sys *fake, pid_t pid, int node)
{
	struct fake_process *process;
	uint64_t bytes = 0;

	fake_lock(fake);
	process = fake_find_process(fake, pid);
	for (size_t i = 0; process && i < process->n_regions; i++) {
		const struct fake_region *region = &process->regions[i];

		for (size_t k = 0; k < region->n_folios; k++)
			if (is_present(&region->folios[k]) &&
			    region->folios[k].node == node)
				bytes += region->folios[k].bytes;
	}
	fake_unlock(fake);
	return bytes;
}

/* Replace folios [first, first + n_old) by n_new copies of model, which lie
 * one after the other from model->hva. */
static void replace_folios(struct fake_region *region, size_t first,
			   size_t n_old, const struct fake_folio *model,
			   size_t n_new)
{
	size_t n_after = region->n_folios - first - n_old;
	size_t n_total = region->n_folios - n_old + n_new;
	struct fake_folio *folios = xcalloc(n_total, sizeof(*folios));

	memcpy(folios, region->folios, first * sizeof(*folios));
	for (size_t i = 0; i < n_new; i++) {
		folios[first + i] = *model;
		folios[first + i].hva = model->hva + i * model->bytes;
	}
	memcpy(folios + first + n_new, region->folios + first + n_old,
	       n_after * sizeof(*folios));
	free(region->folios);
	region->folios = folios;
	region->n_folios = n_total;
}

void fake_split_folio(struct fake_region *region, uint64_t hva)
{
	struct fake_folio *folio = fake_region_folio(region, hva);
	struct fake_folio part = *folio;

	part.bytes = PAGE_4K_BYTES;
	part.is_isolated = false;
	part.pmd_split = false;
	replace_folios(region, (size_t)(folio - region->folios), 1, &part,
		       folio->bytes / PAGE_4K_BYTES);
}

int fake_absent_status(struct fake_sys *fake, struct fake_region *region,
		       const struct fake_folio *folio)
{
	if (!region || region->backing == FAKE_DEVICE || folio->is_zero)
		return -EFAULT;
	if (folio->is_swapped)
		return -ENOENT;
	/* Until 6.11 the kernel asked as a core dump does (FOLL_DUMP), which
	 * makes a hole in anonymous memory EFAULT. */
	return fake->kernel == FAKE_LINUX_6_1 && region->backing == FAKE_ANON
		       ? -EFAULT
		       : -ENOENT;
}

static int where_is(struct fake_sys *fake, struct fake_process *process,
		    uint64_t hva)
{
	struct fake_region *region = fake_find_region(process, hva);
	struct fake_folio *folio = NULL;

	if (region)
		folio = fake_region_folio(region, hva);
	if (!folio || !is_present(folio) || region->backing == FAKE_DEVICE)
		return fake_absent_status(fake, region, folio);
	return folio->node;
}

int fake_op_pages_where(void *self, pid_t pid, const struct hva *pages,
			size_t n, int *status)
{
	struct fake_sys *fake = self;
	struct fake_process *process;
	int ret;

	fake_lock(fake);
	if (!fake_enter(fake, FAKE_PAGES_WHERE, pid, &ret)) {
		fake->books.where_pages += n;
		fake->now_ns += n * fake->cost.address_ns;
		process = fake_find_process(fake, pid);
		ret = fake_check_process(process);
		for (size_t i = 0; !ret && i < n; i++)
			status[i] = where_is(fake, process, pages[i].v);
	}
	fake_unlock(fake);
	return ret;
}

static int describe(const struct fake_region *region,
		    struct backing *ret_backing)
{
	if (region->backing == FAKE_ANON || region->backing == FAKE_DEVICE)
		return -ENOENT;
	*ret_backing = (struct backing) {
		.is_hugetlb = region->backing == FAKE_HUGETLB,
		.is_shmem = region->backing == FAKE_SHMEM,
		.page_bytes = region->page_bytes,
	};
	return 0;
}

int fake_op_backing(void *self, pid_t pid, struct hva start, struct hva end,
		    struct backing *ret_backing)
{
	struct fake_sys *fake = self;
	struct fake_process *process;
	struct fake_region *region = NULL;
	int ret;

	fake_lock(fake);
	if (!fake_enter(fake, FAKE_BACKING, pid, &ret)) {
		process = fake_find_process(fake, pid);
		if (process)
			region = fake_find_region(process, start.v);
		if (!region || region->start != start.v || region->end != end.v)
			ret = -ENOENT;
		else if (!fake->has_pagemap_rights)
			ret = -EPERM;
		else
			ret = describe(region, ret_backing);
	}
	fake_unlock(fake);
	return ret;
}

/* Runs that are being collected. */
struct scan {
	uint64_t start; /* first byte asked for */
	uint64_t end; /* one past the last byte asked for */
	struct page_run *runs; /* the caller's array */
	size_t cap; /* its length */
	size_t n; /* runs so far */
};

/* False: no room for it. */
static bool scan_folio(struct scan *scan, const struct fake_region *region,
		       const struct fake_folio *folio)
{
	struct page_run run = {
		.start = { u64_max(folio->hva, scan->start) },
		.end = { u64_min(folio->hva + folio->bytes, scan->end) },
		.is_huge = folio->bytes >= PAGE_2M_BYTES && !folio->pmd_split,
		.is_file = region->backing != FAKE_ANON,
	};
	struct page_run *last = scan->n ? &scan->runs[scan->n - 1] : NULL;

	if (!is_present(folio) || run.start.v >= run.end.v)
		return true;
	if (last && last->end.v == run.start.v &&
	    last->is_huge == run.is_huge && last->is_file == run.is_file) {
		last->end = run.end;
		return true;
	}
	if (scan->n == scan->cap)
		return false;
	scan->runs[scan->n++] = run;
	return true;
}

/* Where the walk ended. */
static uint64_t scan_process(struct scan *scan, struct fake_process *process)
{
	for (size_t i = 0; i < process->n_regions; i++) {
		struct fake_region *region = &process->regions[i];

		if (region->end <= scan->start || region->start >= scan->end)
			continue;
		for (size_t k = 0; k < region->n_folios; k++)
			if (!scan_folio(scan, region, &region->folios[k]))
				return u64_max(region->folios[k].hva,
					       scan->start);
	}
	return scan->end;
}

static int scan_handle(struct fake_sys *fake, int pagemap_fd, struct scan *scan,
		       struct hva *ret_walk_end)
{
	struct fake_handle *handle =
		fake_handle_find(fake, pagemap_fd, FAKE_PAGEMAP);
	struct fake_process *process;

	assert(handle);
	process = &fake->processes[handle->process];
	if (!fake->has_pagemap_scan)
		return -ENOTTY;
	if (scan->cap == 0 || scan->start % PAGE_4K_BYTES)
		return -EINVAL;
	/* A dead process has an empty address space, which is no error. */
	ret_walk_end->v = process->life == FAKE_ALIVE
				  ? scan_process(scan, process)
				  : scan->end;
	return 0;
}

int fake_op_pagemap_scan(void *self, int pagemap_fd, struct hva start,
			 struct hva end, struct page_run *runs, size_t cap,
			 size_t *ret_n, struct hva *ret_walk_end)
{
	struct fake_sys *fake = self;
	struct scan scan = { start.v, end.v, runs, cap, 0 };
	int ret;

	fake_lock(fake);
	if (!fake_enter(fake, FAKE_PAGEMAP_SCAN, -1, &ret))
		ret = scan_handle(fake, pagemap_fd, &scan, ret_walk_end);
	if (!ret)
		*ret_n = scan.n;
	fake_unlock(fake);
	return ret;
}

/* The node that holds most of the block's pages; NODE_NONE: none present.
 * *ret_n counts the folios, *ret_err is -EAGAIN when one is held. */
static int block_majority(const struct fake_region *region, size_t first,
			  uint64_t end, size_t *ret_n, int *ret_err)
{
	uint64_t bytes[NODES_MAX] = { 0 };
	int best = NODE_NONE;
	size_t i;

	*ret_err = 0;
	for (i = first; i < region->n_folios && region->folios[i].hva < end;
	     i++) {
		const struct fake_folio *folio = &region->folios[i];

		if (folio->pin_calls || folio->busy_calls)
			*ret_err = -EAGAIN;
		if (!is_present(folio) || !node_is_valid(folio->node))
			continue;
		bytes[folio->node] += folio->bytes;
		if (best == NODE_NONE || bytes[folio->node] > bytes[best])
			best = folio->node;
	}
	*ret_n = i - first;
	return best;
}

static int collapse_block(struct fake_sys *fake, struct fake_region *region,
			  uint64_t hva)
{
	struct fake_folio huge = { .hva = hva, .bytes = PAGE_2M_BYTES };
	struct fake_folio *folio = fake_region_folio(region, hva);
	size_t first = (size_t)(folio - region->folios);
	size_t n;
	int err;

	if (folio->bytes >= PAGE_2M_BYTES) {
		folio->pmd_split = false;
		return is_present(folio) ? 0 : -EINVAL;
	}
	huge.node =
		block_majority(region, first, hva + PAGE_2M_BYTES, &n, &err);
	if (err || huge.node == NODE_NONE)
		return err ? err : -EINVAL;
	if (!fake_take_room(fake, PAGE_2M_BYTES, huge.node))
		return -ENOMEM;
	for (size_t i = first; i < first + n; i++)
		if (is_present(&region->folios[i]))
			fake_give_room(fake, region->folios[i].bytes,
				       region->folios[i].node);
	replace_folios(region, first, n, &huge, 1);
	fake->books.collapsed++;
	return 0;
}

static int collapse_range(struct fake_sys *fake, struct fake_process *process,
			  uint64_t start, uint64_t size_bytes)
{
	for (uint64_t hva = start; hva < start + size_bytes;
	     hva += PAGE_2M_BYTES) {
		struct fake_region *region = fake_find_region(process, hva);
		int err;

		if (!region || hva + PAGE_2M_BYTES > region->end)
			return -ENOMEM;
		if (region->backing == FAKE_HUGETLB ||
		    region->backing == FAKE_DEVICE)
			return -EINVAL;
		err = collapse_block(fake, region, hva);
		if (err)
			return err;
	}
	return 0;
}

int fake_op_collapse(void *self, int pidfd, struct hva start,
		     uint64_t size_bytes)
{
	struct fake_sys *fake = self;
	struct fake_handle *handle;
	struct fake_process *process;
	int ret;

	fake_lock(fake);
	if (!fake_enter(fake, FAKE_COLLAPSE, -1, &ret)) {
		handle = fake_handle_find(fake, pidfd, FAKE_PIDFD);
		assert(handle);
		process = &fake->processes[handle->process];
		if (process->life != FAKE_ALIVE)
			ret = -ESRCH;
		else if (process->is_denied || !fake->has_sys_nice)
			ret = -EPERM;
		else if (start.v % PAGE_2M_BYTES || size_bytes % PAGE_2M_BYTES)
			ret = -EINVAL;
		else
			ret = collapse_range(fake, process, start.v,
					     size_bytes);
	}
	fake_unlock(fake);
	return ret;
}
