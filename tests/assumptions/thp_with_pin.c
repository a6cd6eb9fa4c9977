/* SPDX-License-Identifier: Apache-2.0 */
/* A huge page of which a part is pinned. See assume.h. */
#include "assume.h"

static const char belief[] =
	"A huge page with one pinned 4 KiB part is neither moved nor split; the call gives more than 0.";

static void prepare(struct target *target)
{
	target->at = memory_on(0, HUGE_BYTES, MEMORY_HUGE);
	pin_long(target->at + 100 * PAGE_BYTES);
}

int main(void)
{
	struct target *target;
	size_t huge_bytes;
	long result;
	int status;

	need_two_nodes();
	target = target_start(prepare);
	must(smaps_bytes(target, target->at, "AnonHugePages") == HUGE_BYTES,
	     "a huge page");
	result = move(target, target->at, PAGE_BYTES, 1, 1, &status, MOVE_ALL);
	huge_bytes = smaps_bytes(target, target->at, "AnonHugePages");
	expect(result > 0 && status == NOT_WRITTEN, "the call gave %ld, %d",
	       result, status);
	expect(count_on(target, target->at, HUGE_PAGES, 0) == HUGE_PAGES,
	       "%zu pages stayed", count_on(target, target->at, HUGE_PAGES, 0));
	expect(huge_bytes == HUGE_BYTES, "%zu bytes are huge", huge_bytes);
	return confirmed(belief);
}
