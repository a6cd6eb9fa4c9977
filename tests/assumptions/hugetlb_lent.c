/* SPDX-License-Identifier: Apache-2.0 */
/* Pools of huge pages that moving changed are put back. See assume.h. */
#include "assume.h"

#define DIR(node)                                                              \
	"/sys/devices/system/node/node" #node "/hugepages/hugepages-2048kB/"

static const char belief[] =
	"Pools that moving has changed can be put back: writing the old size makes pages in use on the target surplus, the source takes new ones, and the surplus pages are gone when the process ends.";

/* What the files say of a node. */
struct pool {
	long pages; /* all */
	long free; /* free ones */
	long surplus; /* beyond the size that was set */
};

static void prepare(struct target *target)
{
	target->at = memory_on(0, 4 * HUGE_BYTES, MEMORY_HUGETLB);
}

static struct pool here(void)
{
	return (struct pool) {
		.pages = host_number(DIR(0) "nr_hugepages"),
		.free = host_number(DIR(0) "free_hugepages"),
		.surplus = host_number(DIR(0) "surplus_hugepages"),
	};
}

static struct pool there(void)
{
	return (struct pool) {
		.pages = host_number(DIR(1) "nr_hugepages"),
		.free = host_number(DIR(1) "free_hugepages"),
		.surplus = host_number(DIR(1) "surplus_hugepages"),
	};
}

static void must_be(const char *when, struct pool seen, long pages, long free,
		    long surplus)
{
	expect(seen.pages == pages && seen.free == free &&
		       seen.surplus == surplus,
	       "%s: %ld pages, %ld free, %ld surplus", when, seen.pages,
	       seen.free, seen.surplus);
}

int main(void)
{
	struct target *target;
	int status[4];

	need_two_nodes();
	host_set(DIR(0) "nr_hugepages", "6");
	host_set(DIR(1) "nr_hugepages", "1");
	must_be("at first, node 0", here(), 6, 6, 0);
	must_be("at first, node 1", there(), 1, 1, 0);
	target = target_start(prepare);
	expect(move(target, target->at, HUGE_BYTES, 4, 1, status, MOVE_ALL) ==
		       0,
	       "the pages do not move");
	must_be("moved, node 0", here(), 3, 3, 0);
	must_be("moved, node 1", there(), 4, 0, 0);
	host_set(DIR(0) "nr_hugepages", "6");
	must_be("filled up, node 0", here(), 6, 6, 0);
	host_set(DIR(1) "nr_hugepages", "1");
	must_be("put back, node 0", here(), 6, 6, 0);
	must_be("put back, node 1", there(), 4, 0, 3);
	expect(node_of(target, target->at) == 1, "the pages are elsewhere");
	target_kill(target);
	target_reap(target);
	must_be("ended, node 0", here(), 6, 6, 0);
	must_be("ended, node 1", there(), 1, 1, 0);
	return confirmed(belief);
}
