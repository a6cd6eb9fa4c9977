/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that QEMU has bound to a node (host-nodes=, policy=bind). See assume.h. */
#include "assume.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/mempolicy.h>

static const char belief[] =
	"Memory bound to node 0 is moved to node 1 all the same, and stays there; a page given back and touched again comes from node 0.";

static void prepare(struct target *target)
{
	unsigned long mask = 1;

	target->at = memory_on(0, HUGE_BYTES, MEMORY_SMALL);
	must(!syscall(SYS_mbind, target->at, HUGE_BYTES, MPOL_BIND, &mask, 64,
		      0),
	     "mbind");
}

/* As the balloon does. */
static void fault_first_again(struct target *target)
{
	must(!madvise(target->at, PAGE_BYTES, MADV_DONTNEED), "madvise");
	target->at[0] = 1;
}

int main(void)
{
	static int status[HUGE_PAGES];
	struct target *target;
	long result;

	need_two_nodes();
	target = target_start(prepare);
	result = move(target, target->at, PAGE_BYTES, HUGE_PAGES, 1, status,
		      MOVE_ALL);
	expect(result == 0 && count_status(status, HUGE_PAGES, 1) == HUGE_PAGES,
	       "the call gave %ld, %zu moved", result,
	       count_status(status, HUGE_PAGES, 1));
	target_do(target, fault_first_again);
	expect(node_of(target, target->at) == 0,
	       "the page touched again is on node %d",
	       node_of(target, target->at));
	expect(count_on(target, target->at, HUGE_PAGES, 1) == HUGE_PAGES - 1,
	       "the others are elsewhere");
	return confirmed(belief);
}
