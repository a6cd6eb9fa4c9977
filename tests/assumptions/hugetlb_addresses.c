/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses of a page of the hugetlb pool may be asked for. See assume.h. */
#include "assume.h"

#include <errno.h>

#define POOL(node)                                                             \
	"/sys/devices/system/node/node" #node                                  \
	"/hugepages/hugepages-2048kB/nr_hugepages"

static const char belief[] =
	"A hugetlb page moves by its first address; by a later one on Linux 6.12 too (6.1: -EACCES); the same page given twice is -EBUSY by its first address.";

static void prepare(struct target *target)
{
	target->at = memory_on(0, 4 * HUGE_BYTES, MEMORY_HUGETLB);
}

int main(void)
{
	struct target *target;
	int status[2], tail = kernel_is_at_least(6, 12) ? 1 : -EACCES;
	void *twice[2];
	long result;

	need_two_nodes();
	host_set(POOL(0), "4");
	host_set(POOL(1), "4");
	if (host_number(POOL(0)) != 4 || host_number(POOL(1)) != 4)
		skip("no room for huge pages");
	target = target_start(prepare);

	result = move(target, target->at, HUGE_BYTES, 1, 1, status, MOVE_ALL);
	expect(result == 0 && status[0] == 1, "the head gave %ld, %d", result,
	       status[0]);
	expect(count_on(target, target->at, HUGE_PAGES, 1) == HUGE_PAGES,
	       "the head did not move all of it");

	result = move(target, target->at + HUGE_BYTES + 5 * PAGE_BYTES,
		      PAGE_BYTES, 1, 1, status, MOVE_ALL);
	expect(result == 0 && status[0] == tail, "a tail gave %ld, %d", result,
	       status[0]);

	twice[0] = twice[1] = target->at + 2 * HUGE_BYTES;
	result = move_list(target->pid, twice, 2, 1, status, MOVE_ALL);
	expect(result == 0 && status[0] == 1 && status[1] == -EBUSY,
	       "twice gave %ld, %d, %d", result, status[0], status[1]);
	return confirmed(belief);
}
