/* SPDX-License-Identifier: Apache-2.0 */
/* Asking where pages are. See assume.h. */
#include "assume.h"

static const char belief[] =
	"A query (move_pages without nodes) moves nothing, populates nothing and leaves huge pages huge.";

static void prepare(struct target *target)
{
	target->at = memory_on(0, 2 * HUGE_BYTES, MEMORY_HUGE);
	/* one page is there, 511 are not */
	target->other = memory_on(1, PAGE_BYTES, MEMORY_SMALL);
}

int main(void)
{
	struct target *target;
	size_t rss_bytes;
	int round;

	need_two_nodes();
	target = target_start(prepare);
	rss_bytes = smaps_bytes(target, target->other, "Rss");
	for (round = 0; round < 10; round++) {
		expect(count_on(target, target->at, 2 * HUGE_PAGES, 0) ==
			       2 * HUGE_PAGES,
		       "huge pages elsewhere");
		expect(node_of(target, target->other) == 1,
		       "the small page elsewhere");
		expect(node_of(target, target->other + PAGE_BYTES) < 0,
		       "a hole with a page");
	}
	expect(smaps_bytes(target, target->other, "Rss") == rss_bytes,
	       "the memory grew");
	expect(smaps_bytes(target, target->at, "AnonHugePages") ==
		       2 * HUGE_BYTES,
	       "huge pages were split");
	return confirmed(belief);
}
