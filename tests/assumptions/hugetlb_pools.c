/* SPDX-License-Identifier: Apache-2.0 */
/* What moving does to the pools of huge pages that the administrator set. See assume.h. */
#include "assume.h"

#define DIR(node)                                                              \
	"/sys/devices/system/node/node" #node "/hugepages/hugepages-2048kB/"

static const char belief[] =
	"Hugetlb pages move to a node whose pool is empty: the kernel takes free memory there, and the pools change, 8 and 0 pages becoming 4 and 4 when 4 pages move.";

static void prepare(struct target *target)
{
	target->at = memory_on(0, 4 * HUGE_BYTES, MEMORY_HUGETLB);
}

int main(void)
{
	struct target *target;
	long result, here, there;
	int status[4];

	need_two_nodes();
	host_set(DIR(0) "nr_hugepages", "8");
	host_set(DIR(1) "nr_hugepages", "0");
	if (host_number(DIR(0) "nr_hugepages") != 8 ||
	    host_number(DIR(1) "nr_hugepages") != 0)
		skip("no room for huge pages");
	target = target_start(prepare);
	result = move(target, target->at, HUGE_BYTES, 4, 1, status, MOVE_ALL);
	expect(result == 0 && count_status(status, 4, 1) == 4,
	       "the call gave %ld, %zu pages moved", result,
	       count_status(status, 4, 1));
	here = host_number(DIR(0) "nr_hugepages");
	there = host_number(DIR(1) "nr_hugepages");
	expect(here == 4 && there == 4,
	       "the pools have %ld and %ld, of these free %ld and %ld", here,
	       there, host_number(DIR(0) "free_hugepages"),
	       host_number(DIR(1) "free_hugepages"));
	return confirmed(belief);
}
