/* SPDX-License-Identifier: Apache-2.0 */
/* One page that somebody holds, among many. See assume.h. */
#include "assume.h"

static const char belief[] =
	"One held page (pinned for long, or in a pipe) among 512 makes the call give more than 0 and leaves every status unwritten, yet all the others have moved.";

static void prepare(struct target *target)
{
	target->at = memory_on(0, HUGE_BYTES, MEMORY_SMALL);
	target->other = memory_on(0, HUGE_BYTES, MEMORY_SMALL);
	pin_long(target->at + 300 * PAGE_BYTES);
	pin_by_pipe(target->other + 300 * PAGE_BYTES);
}

static void move_around(const struct target *target, char *at, const char *how)
{
	static int status[HUGE_PAGES];
	long result =
		move(target, at, PAGE_BYTES, HUGE_PAGES, 1, status, MOVE_ALL);
	size_t unwritten = count_status(status, HUGE_PAGES, NOT_WRITTEN);
	size_t there = count_on(target, at, HUGE_PAGES, 1);

	expect(result > 0 && unwritten == HUGE_PAGES && there == HUGE_PAGES - 1,
	       "%s: the call gave %ld, %zu unwritten, %zu moved", how, result,
	       unwritten, there);
	expect(node_of(target, at + 300 * PAGE_BYTES) == 0,
	       "%s: the held page moved", how);
}

int main(void)
{
	struct target *target;

	need_two_nodes();
	target = target_start(prepare);
	move_around(target, target->at, "pinned for long");
	move_around(target, target->other, "in a pipe");
	return confirmed(belief);
}
