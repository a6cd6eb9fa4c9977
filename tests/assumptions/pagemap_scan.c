/* SPDX-License-Identifier: Apache-2.0 */
/* The quick way to tell huge pages from others. See assume.h. */
#include "assume.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

static const char belief[] =
	"PAGEMAP_SCAN (Linux 6.7) reports a huge page as one run of 512 with HUGE, 4 KiB pages as runs without it, zero pages of either size not at all when PFNZERO must be clear, and says where to go on when it has no room for more runs.";

/* linux/fs.h of Linux 6.7, which older headers lack. */
struct scan_region {
	uint64_t start; /* first byte */
	uint64_t end; /* behind the last */
	uint64_t categories; /* bits of return_mask that it has */
};

struct scan_arg {
	uint64_t size; /* of this struct */
	uint64_t flags; /* 0: look only */
	uint64_t start; /* first byte to look at */
	uint64_t end; /* behind the last */
	uint64_t walk_end; /* out: how far it came */
	uint64_t vec; /* of struct scan_region */
	uint64_t vec_len; /* its elements */
	uint64_t max_pages; /* 0: no limit */
	uint64_t category_inverted; /* bits of the mask to be clear */
	uint64_t category_mask; /* bits that must be as wanted */
	uint64_t category_anyof_mask; /* one of these, 0: any */
	uint64_t return_mask; /* bits that are told */
};

#define SCAN_PAGES   _IOWR('f', 16, struct scan_arg)
#define SCAN_PRESENT (1u << 3)
#define SCAN_PFNZERO (1u << 5)
#define SCAN_HUGE    (1u << 6)

static void prepare(struct target *target)
{
	volatile char *at;

	target->at = memory_on(0, 2 * HUGE_BYTES, MEMORY_HUGE);
	at = target->at + HUGE_BYTES;
	/* the second block becomes the huge zero page */
	must(!madvise((char *)at, HUGE_BYTES, MADV_DONTNEED), "madvise");
	target->found = at[0];
	/* of 4 KiB: a page, a hole, a page, the zero page, a hole */
	target->other = memory_on(0, HUGE_BYTES, MEMORY_SMALL);
	must(!madvise(target->other, HUGE_BYTES, MADV_DONTNEED), "madvise");
	at = target->other;
	at[0] = at[2 * PAGE_BYTES] = 1;
	target->found = at[3 * PAGE_BYTES];
}

/* Runs from at to the end of its 2 MiB, into regions of size. */
static int scan(const struct target *target, char *at, uint64_t *ret_walk_end,
		struct scan_region *regions, size_t size)
{
	struct scan_arg arg = {
		.size = sizeof(arg),
		.start = (uintptr_t)at,
		.end = ((uintptr_t)at + HUGE_BYTES) & ~(HUGE_BYTES - 1),
		.vec = (uintptr_t)regions,
		.vec_len = size,
		.category_mask = SCAN_PRESENT | SCAN_PFNZERO,
		.category_inverted = SCAN_PFNZERO,
		.return_mask = SCAN_HUGE,
	};
	char path[64];
	int fd, n;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", target->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	must(fd >= 0, path);
	n = ioctl(fd, SCAN_PAGES, &arg);
	if (n < 0 && errno == ENOTTY && !kernel_is_at_least(6, 7))
		skip("this kernel has no PAGEMAP_SCAN, it says ENOTTY");
	expect(n >= 0, "the scan gave %s", strerror(errno));
	close(fd);
	*ret_walk_end = arg.walk_end;
	return n;
}

/* The one run found, with room for no more, is pages of 4 KiB at at. */
static uint64_t expect_run(const struct target *target, char *from, char *at,
			   size_t pages, uint64_t categories)
{
	struct scan_region found = { 0 };
	uint64_t walk_end;
	int n = scan(target, from, &walk_end, &found, 1);

	expect(n == 1 && found.start == (uintptr_t)at &&
		       found.end == (uintptr_t)at + pages * PAGE_BYTES &&
		       found.categories == categories,
	       "%d runs, the first of %lu bytes with %#lx", n,
	       (unsigned long)(found.end - found.start),
	       (unsigned long)found.categories);
	return walk_end;
}

int main(void)
{
	struct target *target;
	uint64_t walk_end;
	struct scan_region regions[4];
	int n;

	need_two_nodes();
	target = target_start(prepare);
	expect_run(target, target->at, target->at, HUGE_PAGES, SCAN_HUGE);
	n = scan(target, target->at + HUGE_BYTES, &walk_end, regions, 4);
	expect(n == 0, "the huge zero page is %d runs", n);

	walk_end = expect_run(target, target->other, target->other, 1, 0);
	walk_end = expect_run(target, (char *)(uintptr_t)walk_end,
			      target->other + 2 * PAGE_BYTES, 1, 0);
	expect(walk_end == (uintptr_t)target->other + HUGE_BYTES,
	       "behind the last run it came %#lx far",
	       (unsigned long)(walk_end - (uintptr_t)target->other));
	return confirmed(belief);
}
