/* SPDX-License-Identifier: Apache-2.0 */
/* Somebody else moves the same pages at the same time. See assume.h. */
#include "assume.h"

#include <errno.h>

#define PAGES  512ul
#define ROUNDS 6

static const char belief[] =
	"While another process moves the same pages, a call answers with a node, -EBUSY, -ENOENT (before Linux 6.12 also -EFAULT), or stops with more than 0; afterwards every page is on a node and can be moved.";

static void prepare(struct target *target)
{
	target->at = memory_on(0, PAGES * PAGE_BYTES, MEMORY_SMALL);
}

/* The other mover is the process itself. */
static void move_to_and_fro(struct target *target)
{
	static int status[PAGES];
	int node = 0;

	while (!target->is_stopped) {
		node = !node;
		move(target, target->at, PAGE_BYTES, PAGES, node, status,
		     MOVE_ALL);
	}
}

static bool is_expected(int status)
{
	return status == NOT_WRITTEN || status == 0 || status == 1 ||
	       status == -EBUSY || status == -ENOENT ||
	       (status == -EFAULT && !kernel_is_at_least(6, 12));
}

int main(void)
{
	static int status[PAGES];
	struct target *target;
	int round;
	long result;
	size_t i;

	need_two_nodes();
	target = target_start(prepare);
	target_begin(target, move_to_and_fro);
	for (round = 0; round < ROUNDS; round++) {
		result = move(target, target->at, PAGE_BYTES, PAGES, round % 2,
			      status, MOVE_ALL);
		expect(result >= 0, "a call gave %ld", result);
		for (i = 0; i < PAGES; i++)
			expect(is_expected(status[i]), "a status is %d",
			       status[i]);
	}
	target->is_stopped = true;
	target_wait(target);
	expect(count_on(target, target->at, PAGES, 0) +
			       count_on(target, target->at, PAGES, 1) ==
		       PAGES,
	       "pages are on no node");
	result = move(target, target->at, PAGE_BYTES, PAGES, 1, status,
		      MOVE_ALL);
	expect(result == 0 && count_status(status, PAGES, 1) == PAGES,
	       "afterwards a call gave %ld", result);
	return confirmed(belief);
}
