/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows of a guest map to lists of folios. Two steps for each window: say
 * which 2 MiB blocks are one huge page (classify.c), then ask move_pages(2)
 * without nodes for one address of each huge page and for every 4 KiB page of
 * the rest. Counting samples the rest first. Called by job.c to move, and by
 * measure.c to count.
 */
#include "move/scan.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "xalloc.h"

#define FOLIOS_MAX (WINDOW_BYTES_MAX / PAGE_4K_BYTES)

uint64_t folio_span_bytes(const struct region *region,
			  const struct folio *folio)
{
	if (region->page_bytes > PAGE_4K_BYTES)
		return region->page_bytes;
	return folio->pages > 1 ? PAGE_2M_BYTES : PAGE_4K_BYTES;
}

void scan_init(struct scan *scan, const struct sys *sys, pid_t pid)
{
	*scan = (struct scan) { .sys = *sys, .pid = pid, .is_guessing = true };
	classify_init(&scan->classify, sys, pid);
	scan->folios = xcalloc(FOLIOS_MAX, sizeof(*scan->folios));
	scan->pages = xcalloc(FOLIOS_MAX, sizeof(*scan->pages));
	scan->status = xcalloc(FOLIOS_MAX, sizeof(*scan->status));
}

void scan_finish(struct scan *scan)
{
	if (scan->folios)
		classify_finish(&scan->classify);
	free(scan->folios);
	free(scan->pages);
	free(scan->status);
	*scan = (struct scan) { 0 };
}

/* Ask for n addresses, of which pages[] is filled. */
static int query(struct scan *scan, size_t n)
{
	scan->queried_pages += n;
	return scan->sys.ops->pages_where(scan->sys.self, scan->pid,
					  scan->pages, n, scan->status);
}

int scan_locate(struct scan *scan, struct folio *folios, size_t n)
{
	int err;

	assert(n <= FOLIOS_MAX);
	for (size_t i = 0; i < n; i++)
		scan->pages[i] = folios[i].at;
	err = n > 0 ? query(scan, n) : 0;
	if (err < 0)
		return err;
	for (size_t i = 0; i < n; i++)
		folios[i].node = (int8_t)(node_is_valid(scan->status[i])
						  ? scan->status[i]
						  : NODE_NONE);
	return 0;
}

/* What list_folios() fills. */
struct folio_list {
	struct folio *folios; /* borrowed */
	size_t n; /* filled */
	size_t n_known; /* folios before it have their node */
};

/* The 2 MiB blocks of a window; an unaligned one reaches into one more. */
struct blocks {
	uint64_t start; /* of the window */
	uint64_t end; /* one past its last byte */
	uint64_t base; /* of the first block */
	size_t n; /* blocks */
	enum block_kind kinds[CLASSIFY_BLOCKS_MAX + 1]; /* what they are */
	struct page_set present[CLASSIFY_BLOCKS_MAX + 1]; /* when sampling */
};

static void list_add(struct folio_list *list, uint64_t start, uint64_t end,
		     bool is_guess)
{
	assert(list->n < FOLIOS_MAX);
	list->folios[list->n++] = (struct folio) {
		.at = { start },
		.pages = (uint32_t)((end - start) / PAGE_4K_BYTES),
		.node = NODE_NONE,
		.to = NODE_NONE,
		.is_guess = is_guess,
	};
}

/* One folio for each page of page_bytes in [start, end). */
static void list_pages(struct folio_list *list, uint64_t start, uint64_t end,
		       uint64_t page_bytes)
{
	while (start < end) {
		uint64_t next = addr_down(start, page_bytes) + page_bytes;

		list_add(list, start, u64_min(next, end), false);
		start = next;
	}
}

static void classify_window(struct scan *scan, struct blocks *blocks)
{
	struct page_set *present = scan->is_sampling ? blocks->present : NULL;
	size_t head = blocks->n > CLASSIFY_BLOCKS_MAX ? CLASSIFY_BLOCKS_MAX
						      : blocks->n;

	assert(blocks->n <= CLASSIFY_BLOCKS_MAX + 1);
	classify_blocks(&scan->classify, (struct hva) { blocks->base }, head,
			blocks->kinds, present);
	if (blocks->n > head)
		classify_blocks(
			&scan->classify,
			(struct hva) { blocks->base + head * PAGE_2M_BYTES }, 1,
			blocks->kinds + head, present ? present + head : NULL);
}

static size_t count_present(const struct page_set *set)
{
	size_t n = 0;

	for (size_t i = 0; i < PAGES_PER_2M / 64; i++)
		n += (size_t)__builtin_popcountll(set->words[i]);
	return n;
}

/* Pages of the block that samples may stand for; 0: ask for each page. */
static size_t sampled_pages(const struct blocks *blocks, size_t i)
{
	uint64_t block = blocks->base + i * PAGE_2M_BYTES;

	/* what is present outside of the window is not to be counted */
	if (blocks->kinds[i] != BLOCK_MIXED || block < blocks->start ||
	    block + PAGE_2M_BYTES > blocks->end)
		return 0;
	return count_present(&blocks->present[i]);
}

/* The number of the present page with so many present ones before it. */
static size_t nth_present(const struct page_set *set, size_t nth)
{
	uint64_t word;
	size_t i = 0;

	for (;; i++) {
		size_t n = (size_t)__builtin_popcountll(set->words[i]);

		if (nth < n)
			break;
		nth -= n;
	}
	word = set->words[i];
	while (nth-- > 0)
		word &= word - 1;
	return i * 64 + (size_t)__builtin_ctzll(word);
}

/*
 * Which of n present pages sample k is: the first, the last, and one of each
 * sixth of those between. In each round another one of the sixth, and in each
 * block too, so that strays at the same place of many blocks are seen at once.
 */
static size_t choose_sample(size_t k, size_t n, uint64_t shift)
{
	size_t inner = SCAN_SAMPLES - 2;
	size_t from, to;

	if (n <= SCAN_SAMPLES || k == 0)
		return k;
	if (k == SCAN_SAMPLES - 1)
		return n - 1;
	from = 1 + (k - 1) * (n - 2) / inner;
	to = 1 + k * (n - 2) / inner;
	return from + (size_t)(shift % (to - from));
}

/* Sampled pages of block i to pages[]; how many. */
static size_t list_samples(const struct scan *scan, const struct blocks *blocks,
			   size_t i, struct hva *pages)
{
	uint64_t block = blocks->base + i * PAGE_2M_BYTES;
	size_t n = sampled_pages(blocks, i);
	size_t n_samples = n < SCAN_SAMPLES ? n : SCAN_SAMPLES;

	for (size_t k = 0; k < n_samples; k++) {
		size_t nth = choose_sample(k, n,
					   scan->round + block / PAGE_2M_BYTES);
		size_t page = nth_present(&blocks->present[i], nth);

		pages[k].v = block + page * PAGE_4K_BYTES;
	}
	return n_samples;
}

/* The node that all n answers name, or NODE_NONE. */
static int common_node(const int *status, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!node_is_valid(status[i]) || status[i] != status[0])
			return NODE_NONE;
	return n > 0 ? status[0] : NODE_NONE;
}

/* Blocks whose samples agree go into the list, and nothing else will be asked
 * of them: they become empty. */
static int sample_blocks(struct scan *scan, struct blocks *blocks,
			 struct folio_list *list)
{
	size_t n = 0;
	int err;

	for (size_t i = 0; i < blocks->n; i++)
		n += list_samples(scan, blocks, i, scan->pages + n);
	err = n > 0 ? query(scan, n) : 0;
	if (err < 0)
		return err;

	n = 0;
	for (size_t i = 0; i < blocks->n; i++) {
		uint64_t block = blocks->base + i * PAGE_2M_BYTES;
		uint64_t pages = sampled_pages(blocks, i);
		size_t n_samples = u64_min(pages, SCAN_SAMPLES);
		int node = common_node(scan->status + n, n_samples);

		n += n_samples;
		if (node == NODE_NONE)
			continue;
		list_add(list, block, block + pages * PAGE_4K_BYTES, false);
		list->folios[list->n - 1].node = (int8_t)node;
		blocks->kinds[i] = BLOCK_EMPTY;
	}
	list->n_known = list->n;
	return 0;
}

/* One folio for each huge page and each 4 KiB page of [start, end); with
 * samples, one for each block that they stand for, before all others. */
static int list_blocks(struct scan *scan, struct folio_list *list,
		       uint64_t start, uint64_t end)
{
	struct blocks blocks;
	int err = 0;

	blocks.start = start;
	blocks.end = end;
	blocks.base = addr_down(start, PAGE_2M_BYTES);
	blocks.n = (end - blocks.base + PAGE_2M_BYTES - 1) / PAGE_2M_BYTES;
	classify_window(scan, &blocks);
	if (scan->is_sampling)
		err = sample_blocks(scan, &blocks, list);
	if (err < 0)
		return err;

	for (size_t i = 0; i < blocks.n; i++) {
		uint64_t block = blocks.base + i * PAGE_2M_BYTES;
		uint64_t from = u64_max(block, start);
		uint64_t to = u64_min(block + PAGE_2M_BYTES, end);

		if (blocks.kinds[i] == BLOCK_HUGE)
			list_add(list, from, to, false);
		else if (blocks.kinds[i] == BLOCK_MIXED)
			list_pages(list, from, to, PAGE_4K_BYTES);
	}
	return 0;
}

/*
 * Without the right to pagemap nothing tells a huge page from 512 small ones.
 * A whole block whose pages all lie on one node is taken for a huge page: its
 * head is moved, and its last page tells whether the guess was right.
 */
static size_t guess_huge(struct folio *folios, size_t n)
{
	size_t kept = 0, i = 0;

	while (i < n) {
		size_t run = 0;

		if (addr_is_aligned(folios[i].at.v, PAGE_2M_BYTES))
			while (run < PAGES_PER_2M && i + run < n &&
			       folios[i + run].pages == 1 &&
			       folios[i + run].at.v ==
				       folios[i].at.v + run * PAGE_4K_BYTES &&
			       folios[i + run].node == folios[i].node)
				run++;
		folios[kept] = folios[i];
		if (run == PAGES_PER_2M) {
			folios[kept].pages = PAGES_PER_2M;
			folios[kept].is_guess = true;
		} else {
			run = 1;
		}
		kept++;
		i += run;
	}
	return kept;
}

/* Ask where the listed folios are that are not known; drop those that are not
 * there. */
static int locate_present(struct scan *scan, struct folio_list *list)
{
	size_t kept = list->n_known;
	int err;

	err = scan_locate(scan, list->folios + kept, list->n - kept);
	if (err < 0)
		return err;
	for (size_t i = kept; i < list->n; i++)
		if (list->folios[i].node != NODE_NONE)
			list->folios[kept++] = list->folios[i];
	list->n = kept;
	return 0;
}

/* The list has become a window: add up where its bytes lie. */
static void sum_up(const struct folio_list *list, struct scan_window *window)
{
	uint64_t present_bytes = 0;

	for (size_t i = 0; i < list->n; i++) {
		uint64_t bytes = list->folios[i].pages * PAGE_4K_BYTES;

		window->node_bytes[list->folios[i].node] += bytes;
		present_bytes += bytes;
	}
	window->folios = list->folios;
	window->n_folios = list->n;
	window->n_samples = list->n_known;
	window->absent_bytes = window->size_bytes - present_bytes;
}

static void find_huge(const struct scan *scan, const struct region *region,
		      struct folio_list *list)
{
	bool is_blind =
		scan->is_guessing && scan->classify.means == CLASSIFY_NONE;

	if (region->page_bytes == PAGE_4K_BYTES && is_blind)
		list->n = guess_huge(list->folios, list->n);
}

static int scan_range(struct scan *scan, const struct region *region,
		      uint64_t start, uint64_t end, struct scan_window *window)
{
	struct folio_list list = { .folios = scan->folios };
	int err = 0;

	if (region->page_bytes > PAGE_4K_BYTES)
		list_pages(&list, start, end, region->page_bytes);
	else
		err = list_blocks(scan, &list, start, end);
	if (err == 0)
		err = locate_present(scan, &list);
	if (err < 0)
		return err;
	find_huge(scan, region, &list);
	sum_up(&list, window);
	return 0;
}

int scan_pages(struct scan *scan, const struct region *region, struct hva at,
	       size_t n_pages, struct scan_window *ret_window)
{
	struct folio_list list = { .folios = scan->folios };
	struct scan_window window = {
		.region = region,
		.size_bytes = n_pages * PAGE_4K_BYTES,
	};
	int err;

	list_pages(&list, at.v, at.v + window.size_bytes, PAGE_4K_BYTES);
	err = locate_present(scan, &list);
	if (err < 0)
		return err;
	sum_up(&list, &window);
	*ret_window = window;
	return 0;
}

/* The end of the window that starts at the cursor: on a page border, so that
 * no huge page is cut in two by it. */
static uint64_t window_end(const struct region *region,
			   struct scan_cursor *cursor)
{
	uint64_t start = region->hva.v + cursor->offset_bytes;
	uint64_t region_end = region->hva.v + region->size_bytes;
	uint64_t align = u64_max(region->page_bytes, PAGE_2M_BYTES);
	uint64_t end;

	if (cursor->window_bytes == 0)
		cursor->window_bytes = WINDOW_BYTES_FIRST;
	end = addr_down(start + cursor->window_bytes, align);
	if (end <= start)
		end = addr_down(start, align) + align;
	cursor->window_bytes =
		u64_min(cursor->window_bytes * 2, WINDOW_BYTES_MAX);
	return u64_min(end, region_end);
}

int scan_next(struct scan *scan, const struct guest_map *map,
	      struct scan_cursor *cursor, struct scan_window *ret_window)
{
	struct scan_window window = { 0 };
	const struct region *region;
	uint64_t start, end;
	int err = 0;

	if (cursor->region >= map->n_regions)
		return 0;
	region = &map->regions[cursor->region];
	start = region->hva.v + cursor->offset_bytes;
	end = region->backing == BACKING_FILE
		      ? region->hva.v + region->size_bytes
		      : window_end(region, cursor);

	window.region = region;
	window.size_bytes = end - start;
	if (region->backing != BACKING_FILE)
		err = scan_range(scan, region, start, end, &window);
	if (err < 0)
		return err;

	cursor->offset_bytes += end - start;
	if (cursor->offset_bytes >= region->size_bytes) {
		cursor->region++;
		cursor->offset_bytes = 0;
	}
	*ret_window = window;
	return 1;
}
