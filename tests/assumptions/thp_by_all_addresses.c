/* SPDX-License-Identifier: Apache-2.0 */
/* Why a huge page must not be given by all its addresses. See assume.h. */
#include "assume.h"

#include <errno.h>

static const char belief[] =
	"Given all 512 addresses of a huge page, the kernel answers the node for the first, -EBUSY for the second, and the node for the rest.";

static void prepare(struct target *target)
{
	target->at = memory_on(0, HUGE_BYTES, MEMORY_HUGE);
}

int main(void)
{
	static int status[HUGE_PAGES];
	struct target *target;
	size_t there;
	long result;

	need_two_nodes();
	target = target_start(prepare);
	must(smaps_bytes(target, target->at, "AnonHugePages") == HUGE_BYTES,
	     "a huge page");
	result = move(target, target->at, PAGE_BYTES, HUGE_PAGES, 1, status,
		      MOVE_ALL);
	there = count_status(status, HUGE_PAGES, 1);
	expect(result == 0 && status[0] == 1 && status[1] == -EBUSY &&
		       there == HUGE_PAGES - 1,
	       "the call gave %ld, the first two %d and %d, %zu the node",
	       result, status[0], status[1], there);
	expect(count_on(target, target->at, HUGE_PAGES, 1) == HUGE_PAGES,
	       "it did not move");
	return confirmed(belief);
}
