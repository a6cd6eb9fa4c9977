/* SPDX-License-Identifier: Apache-2.0 */
/* A target that has no room for small pages either. See assume.h. */
#include "assume.h"

#include <errno.h>
#include <stdio.h>

#define PAGES (32ul * HUGE_PAGES)
#define POOL                                                                   \
	"/sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages"

static const char belief[] =
	"When the target runs full under a call, it gives ENOMEM and writes no status, though some pages have moved; nobody is killed, and the rest stays where it was.";

static void prepare(struct target *target)
{
	target->at = memory_on(0, PAGES * PAGE_BYTES, MEMORY_SMALL);
}

int main(void)
{
	static int status[PAGES];
	struct target *target;
	size_t there, here;
	long result, killed;
	char count[32];

	need_two_nodes();
	need_lab();
	target = target_start(prepare);
	take_all_blocks(POOL);
	/* room for less than half */
	snprintf(count, sizeof(count), "%ld", host_number(POOL) - 14);
	host_set(POOL, count);
	killed = vmstat("oom_kill");
	result = move(target, target->at, PAGE_BYTES, PAGES, 1, status,
		      MOVE_ALL);
	there = count_on(target, target->at, PAGES, 1);
	here = count_on(target, target->at, PAGES, 0);
	expect(result == -ENOMEM &&
		       count_status(status, PAGES, NOT_WRITTEN) == PAGES,
	       "the call gave %ld, %zu of %lu statuses unwritten, %zu moved",
	       result, count_status(status, PAGES, NOT_WRITTEN), PAGES, there);
	expect(there > 0 && there < PAGES && there + here == PAGES,
	       "%zu of %lu pages moved, %zu stayed", there, PAGES, here);
	expect(vmstat("oom_kill") == killed, "a process was killed");
	return confirmed(belief);
}
