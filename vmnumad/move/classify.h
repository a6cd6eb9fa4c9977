/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which aligned 2 MiB blocks of a QEMU process are one huge page, which are
 * empty, and which are a mixture, as cheaply as the kernel and our rights
 * allow. It says nothing of nodes; scan.c asks for those.
 */
#ifndef MOVE_CLASSIFY_H
#define MOVE_CLASSIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "addr.h"
#include "sys.h"

/* Blocks that one call of classify_blocks() takes at most: 256 MiB. */
#define CLASSIFY_BLOCKS_MAX 128

enum block_kind {
	BLOCK_MIXED, /* not known, or 4 KiB pages: ask for each page */
	BLOCK_EMPTY, /* nothing is mapped */
	BLOCK_HUGE, /* one huge page: one address stands for all */
};

/* Pages of one block: page i is bit i % 64 of words[i / 64]. */
struct page_set {
	uint64_t words[PAGES_PER_2M / 64]; /* bits */
};

enum classify_means {
	CLASSIFY_SCAN, /* PAGEMAP_SCAN, Linux 6.7 */
	CLASSIFY_PAGEMAP, /* pagemap and kpageflags: any Linux, as root */
	CLASSIFY_NONE, /* no rights: every block is BLOCK_MIXED */
};

struct classify {
	struct sys sys; /* borrowed door */
	enum classify_means means; /* falls back by itself, in this order */
	int pagemap_fd; /* owned, -1 when it cannot be opened */
	int page_flags_fd; /* owned, -1 until it is needed */
};

/* Opens pid's pagemap; without the right to it classifying goes on without
 * (CLASSIFY_NONE), which is slower and not less exact. */
void classify_init(struct classify *c, const struct sys *sys, pid_t pid);
void classify_finish(struct classify *c);

/*
 * kinds[i] says what the block at start + i * 2 MiB is. start is 2 MiB aligned,
 * n is at most CLASSIFY_BLOCKS_MAX. The answer is a snapshot: blocks may change
 * under it. Costs 1 call (PAGEMAP_SCAN), 1 to 2 calls a block (pagemap), or 0.
 *
 * present: NULL, or room for n sets: which pages of a BLOCK_MIXED are there. The
 * set of such a block is empty when that is not known, as with all means but
 * PAGEMAP_SCAN: entries of pagemap show the zero page as if it were memory of
 * the process, and move_pages(2) does not. Sets of other kinds mean nothing.
 */
void classify_blocks(struct classify *c, struct hva start, size_t n,
		     enum block_kind *kinds, struct page_set *present);

/* Is each of the 512 pages of a 2 MiB block present, be it only as the zero page
 * (which lies on no node)? false also when the kernel does not say. */
bool classify_is_full(struct classify *c, struct hva block);

#endif
