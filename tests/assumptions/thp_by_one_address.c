/* SPDX-License-Identifier: Apache-2.0 */
/* Why one address is enough for a huge page. See assume.h. */
#include "assume.h"

static const char belief[] =
	"One address, the first or any other, moves all 512 pages of a transparent huge page, and it stays huge.";

static void prepare(struct target *target)
{
	target->size_bytes = 2 * HUGE_BYTES;
	target->at = memory_on(0, target->size_bytes, MEMORY_HUGE);
}

int main(void)
{
	struct target *target;
	size_t huge_bytes, there;
	long result;
	int status;
	char *tail;

	need_two_nodes();
	target = target_start(prepare);
	huge_bytes = smaps_bytes(target, target->at, "AnonHugePages");
	must(huge_bytes == target->size_bytes, "two huge pages");
	tail = target->at + HUGE_BYTES + 317 * PAGE_BYTES;
	result = move(target, target->at, PAGE_BYTES, 1, 1, &status, MOVE_ALL);
	there = count_on(target, target->at, HUGE_PAGES, 1);
	expect(result == 0 && status == 1 && there == HUGE_PAGES,
	       "the head gave %ld, %d and moved %zu pages", result, status,
	       there);
	result = move(target, tail, PAGE_BYTES, 1, 1, &status, MOVE_ALL);
	there = count_on(target, target->at + HUGE_BYTES, HUGE_PAGES, 1);
	expect(result == 0 && status == 1 && there == HUGE_PAGES,
	       "a tail gave %ld, %d and moved %zu pages", result, status,
	       there);
	huge_bytes = smaps_bytes(target, target->at, "AnonHugePages");
	expect(huge_bytes == target->size_bytes, "%zu bytes are still huge",
	       huge_bytes);
	return confirmed(belief);
}
