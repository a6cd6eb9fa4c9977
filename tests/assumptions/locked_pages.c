/* SPDX-License-Identifier: Apache-2.0 */
/* Guests whose memory is locked. See assume.h. */
#include "assume.h"

#include <sys/mman.h>

static const char belief[] =
	"Locked pages (mlock) move as others do, small and huge, and stay locked.";

static void prepare(struct target *target)
{
	target->at = memory_on(0, HUGE_BYTES, MEMORY_SMALL);
	target->other = memory_on(0, HUGE_BYTES, MEMORY_HUGE);
	must(!mlock(target->at, HUGE_BYTES) &&
		     !mlock(target->other, HUGE_BYTES),
	     "mlock");
}

int main(void)
{
	static int status[HUGE_PAGES];
	struct target *target;
	long result;

	need_two_nodes();
	target = target_start(prepare);
	result = move(target, target->at, PAGE_BYTES, HUGE_PAGES, 1, status,
		      MOVE_ALL);
	expect(result == 0 && count_status(status, HUGE_PAGES, 1) == HUGE_PAGES,
	       "small pages: %ld, %zu moved", result,
	       count_status(status, HUGE_PAGES, 1));
	result =
		move(target, target->other, PAGE_BYTES, 1, 1, status, MOVE_ALL);
	expect(result == 0 && status[0] == 1, "a huge page: %ld, %d", result,
	       status[0]);
	expect(smaps_bytes(target, target->at, "Locked") == HUGE_BYTES &&
		       smaps_bytes(target, target->other, "Locked") ==
			       HUGE_BYTES,
	       "of the two %zu and %zu bytes are still locked",
	       smaps_bytes(target, target->at, "Locked"),
	       smaps_bytes(target, target->other, "Locked"));
	return confirmed(belief);
}
