/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's cpuset that does not have the target node. See assume.h. */
#include "assume.h"

#include <errno.h>

static const char belief[] =
	"A target node that the process' cpuset lacks makes the whole call fail with EACCES; nothing moves. With the node in the cpuset it moves.";

static void prepare(struct target *target)
{
	target->at = memory_on(0, 4 * PAGE_BYTES, MEMORY_SMALL);
}

int main(void)
{
	struct target *target;
	int status[4];
	char *cgroup;
	long result;

	need_two_nodes();
	cgroup = cpuset_create("0");
	target = target_start(prepare);
	cpuset_enter(cgroup, target->pid);
	result = move(target, target->at, PAGE_BYTES, 4, 1, status, MOVE_ALL);
	expect(result == -EACCES && count_status(status, 4, NOT_WRITTEN) == 4,
	       "the call gave %ld, %zu statuses unwritten", result,
	       count_status(status, 4, NOT_WRITTEN));
	expect(count_on(target, target->at, 4, 0) == 4, "pages moved");
	cpuset_write_mems(cgroup, "0-1");
	result = move(target, target->at, PAGE_BYTES, 4, 1, status, MOVE_ALL);
	expect(result == 0 && count_status(status, 4, 1) == 4,
	       "with the node it gave %ld", result);
	return confirmed(belief);
}
