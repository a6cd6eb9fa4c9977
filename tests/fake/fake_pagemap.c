/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/PID/pagemap and /proc/kpageflags of the fake host. A page's frame
 * number is its address in pages: huge pages are then in one piece and aligned,
 * as real ones are, and a frame leads back to its folio.
 */
#include <assert.h>
#include <errno.h>

#include "fake_internal.h"

/* Documentation/admin-guide/mm/pagemap.rst */
#define ENTRY_PRESENT (1ull << 63)
#define ENTRY_SWAPPED (1ull << 62)
#define FLAG_HEAD     (1ull << 15)
#define FLAG_TAIL     (1ull << 16)
#define FLAG_THP      (1ull << 22)

static uint64_t entry_of(struct fake_process *process, uint64_t hva)
{
	struct fake_region *region = fake_find_region(process, hva);
	struct fake_folio *folio =
		region ? fake_region_folio(region, hva) : NULL;

	if (!folio)
		return 0;
	if (folio->is_swapped)
		return ENTRY_SWAPPED;
	if (folio->node == NODE_NONE)
		return 0;
	return ENTRY_PRESENT | hva / PAGE_4K_BYTES;
}

int fake_op_pagemap_read(void *self, int pagemap_fd, struct hva start,
			 size_t n_pages, uint64_t *entries)
{
	struct fake_sys *fake = self;
	struct fake_handle *handle;
	struct fake_process *process;
	int ret;

	fake_lock(fake);
	if (!fake_enter(fake, FAKE_PAGEMAP_READ, -1, &ret)) {
		handle = fake_handle_find(fake, pagemap_fd, FAKE_PAGEMAP);
		assert(handle);
		process = &fake->processes[handle->process];
		ret = process->life == FAKE_ALIVE ? 0 : -EIO;
		for (size_t i = 0; !ret && i < n_pages; i++)
			entries[i] =
				entry_of(process, start.v + i * PAGE_4K_BYTES);
	}
	fake_unlock(fake);
	return ret;
}

int fake_op_page_flags(void *self, int kpageflags_fd, uint64_t pfn,
		       uint64_t *ret_flags)
{
	struct fake_sys *fake = self;
	uint64_t hva = pfn * PAGE_4K_BYTES;
	int ret;

	fake_lock(fake);
	if (!fake_enter(fake, FAKE_PAGE_FLAGS, -1, &ret)) {
		assert(fake_handle_find(fake, kpageflags_fd, FAKE_FILE_HANDLE));
		*ret_flags = 0;
		ret = 0;
		for (size_t i = 0; i < fake->n_processes; i++) {
			struct fake_region *region =
				fake_find_region(&fake->processes[i], hva);
			struct fake_folio *folio =
				region ? fake_region_folio(region, hva) : NULL;

			if (folio && folio->bytes > PAGE_4K_BYTES)
				*ret_flags = FLAG_THP |
					     (folio->hva == hva ? FLAG_HEAD
								: FLAG_TAIL);
		}
	}
	fake_unlock(fake);
	return ret;
}
