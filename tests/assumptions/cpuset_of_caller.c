/* SPDX-License-Identifier: Apache-2.0 */
/* The mover's own cpuset. See assume.h. */
#include "assume.h"

#include <errno.h>
#include <unistd.h>

static const char belief[] =
	"A target node that the caller's own cpuset lacks makes the call fail with ENOMEM, though the process may use it; nothing moves, but Linux 6.3 and later split its huge pages.";

static void prepare(struct target *target)
{
	target->at = memory_on(0, 4 * PAGE_BYTES, MEMORY_SMALL);
	target->other = memory_on(0, 4 * HUGE_BYTES, MEMORY_HUGE);
}

int main(void)
{
	struct target *target;
	int status[4];
	size_t huge_bytes;
	char *cgroup;
	long result;

	need_two_nodes();
	cgroup = cpuset_create("0");
	target = target_start(prepare);
	cpuset_enter(cgroup, getpid());
	result = move(target, target->at, PAGE_BYTES, 4, 1, status, MOVE_ALL);
	expect(result == -ENOMEM, "the call gave %ld, status %d", result,
	       status[0]);
	expect(count_on(target, target->at, 4, 0) == 4, "pages moved");
	result =
		move(target, target->other, HUGE_BYTES, 4, 1, status, MOVE_ALL);
	huge_bytes = smaps_bytes(target, target->other, "AnonHugePages");
	expect(count_on(target, target->other, 4 * HUGE_PAGES, 0) ==
			       4 * HUGE_PAGES &&
		       (kernel_is_at_least(6, 3)
				? !huge_bytes
				: huge_bytes >= 3 * HUGE_BYTES),
	       "of huge pages: %ld, %zu bytes are still huge", result,
	       huge_bytes);
	cpuset_write_mems(cgroup, "0-1");
	result = move(target, target->at, PAGE_BYTES, 4, 1, status, MOVE_ALL);
	expect(result == 0 && count_status(status, 4, 1) == 4,
	       "with the node it gave %ld", result);
	return confirmed(belief);
}
