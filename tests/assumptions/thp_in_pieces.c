/* SPDX-License-Identifier: Apache-2.0 */
/* A huge page that is mapped in pieces, as ballooning and mprotect make it. See assume.h. */
#include "assume.h"

#include <sys/mman.h>

static const char belief[] =
	"A huge page mapped in pieces of 4 KiB moves whole by one address, even one of another mapping than the rest, and stays in pieces.";

static void prepare(struct target *target)
{
	target->at = memory_on(0, HUGE_BYTES, MEMORY_HUGE);
	must(!mprotect(target->at + 7 * PAGE_BYTES, PAGE_BYTES, PROT_READ),
	     "mprotect");
}

int main(void)
{
	struct target *target;
	size_t there;
	long result;
	int status;

	need_two_nodes();
	target = target_start(prepare);
	must(!smaps_bytes(target, target->at, "AnonHugePages"), "pieces");
	result = move(target, target->at + 7 * PAGE_BYTES, PAGE_BYTES, 1, 1,
		      &status, MOVE_ALL);
	there = count_on(target, target->at, HUGE_PAGES, 1);
	expect(result == 0 && status == 1 && there == HUGE_PAGES,
	       "the call gave %ld, %d, %zu pages moved", result, status, there);
	expect(!smaps_bytes(target, target->at, "AnonHugePages"),
	       "it is huge again");
	return confirmed(belief);
}
