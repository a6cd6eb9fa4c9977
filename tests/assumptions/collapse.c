/* SPDX-License-Identifier: Apache-2.0 */
/* Making small pages huge again from outside. See assume.h. */
#include "assume.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* Linux 6.1 */
#endif

static const char belief[] =
	"process_madvise with MADV_COLLAPSE makes 512 small pages of another process one huge page, on the node where most of them are, even where transparent huge pages are set to never.";

static void prepare(struct target *target)
{
	target->at = memory_on(0, HUGE_BYTES, MEMORY_SMALL);
	target->other = memory_on(0, HUGE_BYTES, MEMORY_SMALL);
	must(!madvise(target->at, HUGE_BYTES, MADV_HUGEPAGE) &&
		     !madvise(target->other, HUGE_BYTES, MADV_HUGEPAGE),
	     "madvise");
}

/* Of its 512 pages, n go to node 1 first; the huge page must be on node. */
static void collapse(const struct target *target, char *at, size_t n, int node)
{
	static int status[HUGE_PAGES];
	struct iovec range = { at, HUGE_BYTES };
	int pidfd = (int)syscall(SYS_pidfd_open, target->pid, 0);
	/* both blocks may have become one mapping */
	size_t huge_bytes = smaps_bytes(target, at, "AnonHugePages");
	size_t there;
	long result;

	must(pidfd >= 0, "pidfd_open");
	must(!move(target, at, PAGE_BYTES, n, 1, status, MOVE_ALL), "moving");
	result = syscall(SYS_process_madvise, pidfd, &range, 1, MADV_COLLAPSE,
			 0);
	there = count_on(target, at, HUGE_PAGES, node);
	huge_bytes = smaps_bytes(target, at, "AnonHugePages") - huge_bytes;
	expect(result == (long)HUGE_BYTES && huge_bytes == HUGE_BYTES,
	       "the call gave %ld, %zu bytes became huge", result, huge_bytes);
	expect(there == HUGE_PAGES, "with %zu on node 1, %zu are on node %d", n,
	       there, node);
	close(pidfd);
}

int main(void)
{
	struct target *target;

	need_two_nodes();
	/* khugepaged must not be the one who does it */
	host_set("/sys/kernel/mm/transparent_hugepage/enabled", "never");
	target = target_start(prepare);
	collapse(target, target->at, 300, 1);
	collapse(target, target->other, 200, 0);
	return confirmed(belief);
}
