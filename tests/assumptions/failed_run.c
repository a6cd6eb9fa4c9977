/* SPDX-License-Identifier: Apache-2.0 */
/* Where a call stops when a page fails. See assume.h. */
#include "assume.h"

static const char belief[] =
	"A call ends at the first run that failed: with a held page at 700 and one that was there already at 1000, of 2048 only status 1000 is written, 0 to 999 moved but for 700, and the rest is untried.";

#define PAGES 2048ul

static void prepare(struct target *target)
{
	target->at = memory_on(0, PAGES * PAGE_BYTES, MEMORY_SMALL);
	pin_long(target->at + 700 * PAGE_BYTES);
}

int main(void)
{
	static int status[PAGES];
	struct target *target;
	size_t before, behind;
	long result;

	need_two_nodes();
	target = target_start(prepare);
	result = move(target, target->at + 1000 * PAGE_BYTES, PAGE_BYTES, 1, 1,
		      status, MOVE_ALL);
	must(result == 0 && status[0] == 1, "one page on node 1");

	result = move(target, target->at, PAGE_BYTES, PAGES, 1, status,
		      MOVE_ALL);
	before = count_on(target, target->at, 1000, 1);
	behind = count_on(target, target->at + 1001 * PAGE_BYTES, PAGES - 1001,
			  1);
	expect(result > 0, "the call gave %ld", result);
	expect(status[1000] == 1, "status 1000 is %d", status[1000]);
	expect(count_status(status, PAGES, NOT_WRITTEN) == PAGES - 1,
	       "%zu statuses are unwritten",
	       count_status(status, PAGES, NOT_WRITTEN));
	expect(before == 999 && behind == 0,
	       "%zu before it and %zu behind it moved", before, behind);
	return confirmed(belief);
}
