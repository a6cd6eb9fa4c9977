/* SPDX-License-Identifier: Apache-2.0 */
/* Guests that end while they are moved. See assume.h. */
#include "assume.h"

#include <errno.h>

static const char belief[] =
	"A process that has ended is EINVAL while it is a zombie and ESRCH once it is gone, to a move and to a query.";

static void prepare(struct target *target)
{
	target->at = memory_on(0, PAGE_BYTES, MEMORY_SMALL);
}

static void ask(pid_t pid, void *page, int wanted, const char *what)
{
	int status;
	long result = move_list(pid, &page, 1, 1, &status, MOVE_ALL);

	expect(result == wanted, "%s: the move gave %ld", what, result);
	result = query_list(pid, &page, 1, &status);
	expect(result == wanted, "%s: the query gave %ld", what, result);
}

int main(void)
{
	struct target *target;
	pid_t pid;

	need_two_nodes();
	target = target_start(prepare);
	pid = target->pid;
	target_kill(target);
	ask(pid, target->at, -EINVAL, "a zombie");
	target_reap(target);
	ask(pid, target->at, -ESRCH, "gone");
	return confirmed(belief);
}
