/* SPDX-License-Identifier: Apache-2.0 */
/* Huge pages and a target that has no free block for them. See assume.h. */
#include "assume.h"

#include <errno.h>

#define HUGE 16ul
#define POOL                                                                   \
	"/sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages"

static const char belief[] =
	"Without a free 2 MiB block on the target no huge page arrives whole: from Linux 6.3 on the kernel splits all of the call, before that one after the other for as long as small pages find room, and gives -ENOMEM.";

static void prepare(struct target *target)
{
	target->size_bytes = HUGE * HUGE_BYTES;
	target->at = memory_on(0, target->size_bytes, MEMORY_HUGE);
}

int main(void)
{
	static int status[HUGE];
	struct target *target;
	size_t huge, there;
	long result, splits;

	need_two_nodes();
	need_lab();
	target = target_start(prepare);
	must(smaps_bytes(target, target->at, "AnonHugePages") ==
		     target->size_bytes,
	     "huge pages");
	take_all_blocks(POOL);
	splits = vmstat("thp_migration_split");
	result =
		move(target, target->at, HUGE_BYTES, HUGE, 1, status, MOVE_ALL);
	splits = vmstat("thp_migration_split") - splits;
	huge = smaps_bytes(target, target->at, "AnonHugePages") / HUGE_BYTES;
	there = count_on(target, target->at, HUGE * HUGE_PAGES, 1);
	if (kernel_is_at_least(6, 3))
		expect(splits == (long)HUGE && huge == 0,
		       "the call gave %ld, %ld were split, %zu are huge, %zu small pages moved",
		       result, splits, huge, there);
	else
		expect(result == -ENOMEM && splits >= 1 &&
			       huge + (size_t)splits == HUGE &&
			       there < (size_t)splits * HUGE_PAGES,
		       "the call gave %ld, %ld were split, %zu are huge, %zu small pages moved",
		       result, splits, huge, there);
	return confirmed(belief);
}
