/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says of addresses where nothing is. See assume.h. */
#include "assume.h"

#include <errno.h>
#include <sys/mman.h>

static const char belief[] =
	"A hole is -ENOENT (before Linux 6.12 -EFAULT), the zero page of either size and an address without mapping are -EFAULT, to a move and to a query.";

static void prepare(struct target *target)
{
	target->at = memory_on(0, HUGE_BYTES, MEMORY_SMALL);
	/* a hole, the zero page, no mapping; page 3 stays */
	must(!madvise(target->at, 2 * PAGE_BYTES, MADV_DONTNEED), "madvise");
	target->found = *(volatile char *)(target->at + PAGE_BYTES);
	must(!munmap(target->at + 2 * PAGE_BYTES, PAGE_BYTES), "munmap");

	/* a huge zero page, as a guest makes by reading */
	target->other = memory_on(0, HUGE_BYTES, MEMORY_HUGE);
	must(!madvise(target->other, HUGE_BYTES, MADV_DONTNEED), "madvise");
	target->found += *(volatile char *)target->other;
}

int main(void)
{
	struct target *target;
	int hole = kernel_is_at_least(6, 12) ? -ENOENT : -EFAULT;
	int asked, status[4];
	long result;

	need_two_nodes();
	target = target_start(prepare);
	asked = node_of(target, target->at);
	expect(asked == hole, "query of a hole: %d", asked);
	asked = node_of(target, target->at + PAGE_BYTES);
	expect(asked == -EFAULT, "query of the zero page: %d", asked);
	asked = node_of(target, target->at + 2 * PAGE_BYTES);
	expect(asked == -EFAULT, "query without mapping: %d", asked);
	asked = node_of(target, target->other + PAGE_BYTES);
	expect(asked == -EFAULT, "query of the huge zero page: %d", asked);

	result = move(target, target->at, PAGE_BYTES, 4, 1, status, MOVE_ALL);
	expect(result == 0, "the call gave %ld", result);
	expect(status[0] == hole, "moving a hole: %d", status[0]);
	expect(status[1] == -EFAULT, "moving the zero page: %d", status[1]);
	expect(status[2] == -EFAULT, "moving no mapping: %d", status[2]);
	expect(status[3] == 1, "the page behind them: %d", status[3]);
	result =
		move(target, target->other, PAGE_BYTES, 1, 1, status, MOVE_ALL);
	expect(result == 0 && status[0] == -EFAULT,
	       "moving the huge zero page: %ld, %d", result, status[0]);
	return confirmed(belief);
}
