/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes that are not there. See assume.h. */
#include "assume.h"

#include <errno.h>

static const char belief[] =
	"A target node that does not exist, is offline, or is beyond what the kernel can have makes the call fail with ENODEV; nothing moves.";

static void prepare(struct target *target)
{
	target->at = memory_on(0, PAGE_BYTES, MEMORY_SMALL);
}

int main(void)
{
	static const int nodes[] = { 63, 1000000, -1 };
	struct target *target;
	int status;
	long result;
	size_t i;

	need_two_nodes();
	target = target_start(prepare);
	for (i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
		result = move(target, target->at, PAGE_BYTES, 1, nodes[i],
			      &status, MOVE_ALL);
		expect(result == -ENODEV, "node %d: %ld, status %d", nodes[i],
		       result, status);
	}
	expect(node_of(target, target->at) == 0, "it moved");
	return confirmed(belief);
}
