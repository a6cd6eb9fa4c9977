/* SPDX-License-Identifier: Apache-2.0 */
/* Pages that KSM has merged, of several guests at once. See assume.h. */
#include "assume.h"

#include <errno.h>
#include <sys/mman.h>
#include <time.h>

#define PAGES 64ul
#define KSM   "/sys/kernel/mm/ksm/"

static const char belief[] =
	"A page merged by KSM is -EACCES to MPOL_MF_MOVE; MPOL_MF_MOVE_ALL moves it, and with it all the pages merged into it.";

static void prepare(struct target *target)
{
	size_t i;

	target->at = memory_on(0, PAGES * PAGE_BYTES, MEMORY_SMALL);
	for (i = 0; i < PAGES; i++)
		*(size_t *)(void *)(target->at + i * PAGE_BYTES) = 0x5a5a5a5a;
	if (madvise(target->at, PAGES * PAGE_BYTES, MADV_MERGEABLE))
		skip("this kernel has no KSM");
}

static void wait_for_merging(void)
{
	const struct timespec moment = { 0, 20000000 };
	int tries;

	for (tries = 0; tries < 500; tries++) {
		if (host_number(KSM "pages_sharing") >= (long)PAGES - 1)
			return;
		nanosleep(&moment, NULL);
	}
	expect(false, "KSM merged only %ld pages in 10 s",
	       host_number(KSM "pages_sharing"));
}

int main(void)
{
	struct target *target;
	int status;
	long result;

	need_two_nodes();
	need_lab();
	target = target_start(prepare);
	host_set(KSM "pages_to_scan", "1000");
	host_set(KSM "run", "1");
	wait_for_merging();
	/* ksmd at work makes the page busy */
	host_set(KSM "run", "0");

	result = move(target, target->at, PAGE_BYTES, 1, 1, &status, MOVE);
	expect(result == 0 && status == -EACCES, "MOVE gave %ld, %d", result,
	       status);
	result = move(target, target->at, PAGE_BYTES, 1, 1, &status, MOVE_ALL);
	expect(result == 0 && status == 1, "MOVE_ALL gave %ld, %d", result,
	       status);
	expect(count_on(target, target->at, PAGES, 1) == PAGES,
	       "%zu of %lu addresses moved with it",
	       count_on(target, target->at, PAGES, 1), PAGES);
	return confirmed(belief);
}
