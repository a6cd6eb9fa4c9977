/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that one process has mapped twice, as QEMU does with some ROMs. See assume.h. */
#include "assume.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

static const char belief[] =
	"A page that one process maps twice counts as shared: -EACCES to MPOL_MF_MOVE, moved by MPOL_MF_MOVE_ALL for both addresses.";

static char *map_and_touch(int fd)
{
	volatile char *at = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE,
				 MAP_SHARED, fd, 0);

	must(at != MAP_FAILED, "mmap");
	at[0] = 1;
	return (char *)at;
}

static void prepare(struct target *target)
{
	target->fd = memfd_create("assume", 0);
	must(target->fd >= 0 && !ftruncate(target->fd, HUGE_BYTES), "memfd");
	allocate_on(0);
	target->at = map_and_touch(target->fd);
	target->other = map_and_touch(target->fd);
	allocate_on(-1);
}

int main(void)
{
	struct target *target;
	int status;
	long result;

	need_two_nodes();
	target = target_start(prepare);
	result = move(target, target->at, PAGE_BYTES, 1, 1, &status, MOVE);
	expect(result == 0 && status == -EACCES, "MOVE gave %ld, %d", result,
	       status);
	result = move(target, target->at, PAGE_BYTES, 1, 1, &status, MOVE_ALL);
	expect(result == 0 && status == 1, "MOVE_ALL gave %ld, %d", result,
	       status);
	expect(node_of(target, target->other) == 1,
	       "by the other address it is on node %d",
	       node_of(target, target->other));
	return confirmed(belief);
}
