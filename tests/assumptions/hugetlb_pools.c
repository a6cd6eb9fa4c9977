/* SPDX-License-Identifier: Apache-2.0 */
/* What moving does to the pools of huge pages that the administrator set. See assume.h. */
#include "assume.h"

#define DIR(node)                                                              \
	"/sys/devices/system/node/node" #node "/hugepages/hugepages-2048kB/"

static const char belief[] =
	"Hugetlb pages move into the free pages of the target's pool, and no pool changes; once there are none the kernel takes free memory there, and the pools change: 8 and 2 pages stay 8 and 2 when 2 pages move, and become 6 and 4 when 2 more do.";

static void prepare(struct target *target)
{
	target->at = memory_on(0, 4 * HUGE_BYTES, MEMORY_HUGETLB);
}

/* Two pages go, then the pools have these sizes. */
static void move_two(struct target *target, char *at, long want_here,
		     long want_there)
{
	int status[2];
	long result, here, there;

	result = move(target, at, HUGE_BYTES, 2, 1, status, MOVE_ALL);
	expect(result == 0 && count_status(status, 2, 1) == 2,
	       "the call gave %ld, %zu pages moved", result,
	       count_status(status, 2, 1));
	here = host_number(DIR(0) "nr_hugepages");
	there = host_number(DIR(1) "nr_hugepages");
	expect(here == want_here && there == want_there,
	       "the pools have %ld and %ld, of these free %ld and %ld", here,
	       there, host_number(DIR(0) "free_hugepages"),
	       host_number(DIR(1) "free_hugepages"));
}

int main(void)
{
	struct target *target;

	need_two_nodes();
	host_set(DIR(0) "nr_hugepages", "8");
	host_set(DIR(1) "nr_hugepages", "2");
	if (host_number(DIR(0) "nr_hugepages") != 8 ||
	    host_number(DIR(1) "nr_hugepages") != 2)
		skip("no room for huge pages");
	target = target_start(prepare);
	move_two(target, target->at, 8, 2);
	move_two(target, target->at + 2 * HUGE_BYTES, 6, 4);
	return confirmed(belief);
}
