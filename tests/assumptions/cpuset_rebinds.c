/* SPDX-License-Identifier: Apache-2.0 */
/* How a write to cpuset.mems carries a policy along. See assume.h. */
#include "assume.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/mempolicy.h>

#define PAGES 8ul

static const char belief[] =
	"With cpuset.mems (cgroup2) written 0, then 0-1, then 1, memory bound to node 0 becomes bound to node 1, and pages that lay on node 0 follow at the last write, not at the widening.";

static void prepare(struct target *target)
{
	target->at = memory_on(0, HUGE_BYTES, MEMORY_SMALL);
}

static void bind_to_0(struct target *target)
{
	unsigned long mask = 1;

	must(!syscall(SYS_mbind, target->at, HUGE_BYTES, MPOL_BIND, &mask, 64,
		      0),
	     "mbind");
}

static void ask_policy(struct target *target)
{
	unsigned long mask = 0;
	int mode;

	must(!syscall(SYS_get_mempolicy, &mode, &mask, 64, target->at,
		      MPOL_F_ADDR),
	     "get_mempolicy");
	target->found = mode == MPOL_BIND ? (long)mask : -1;
}

static void fault_first_again(struct target *target)
{
	must(!madvise(target->at, PAGE_BYTES, MADV_DONTNEED), "madvise");
	target->at[0] = 1;
}

/* bound: nodes of the policy as bits; node: where the pages are. */
static void look(struct target *target, const char *mems, long bound, int node)
{
	size_t there = count_on(target, target->at, PAGES, node);

	target_do(target, ask_policy);
	expect(target->found == bound && there == PAGES,
	       "cpuset.mems %s: bound to %#lx, %zu of %lu pages on node %d",
	       mems, target->found, there, PAGES, node);
}

int main(void)
{
	struct target *target;
	char *cgroup;

	need_two_nodes();
	cgroup = cpuset_create("0");
	target = target_start(prepare);
	cpuset_enter(cgroup, target->pid);
	target_do(target, bind_to_0);
	look(target, "0", 1, 0);
	cpuset_write_mems(cgroup, "0-1");
	look(target, "0-1", 1, 0);
	cpuset_write_mems(cgroup, "1");
	look(target, "1", 2, 1);
	target_do(target, fault_first_again);
	look(target, "1, touched again", 2, 1);
	return confirmed(belief);
}
