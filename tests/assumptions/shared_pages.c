/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that two processes have mapped, as with vhost-user. See assume.h. */
#include "assume.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static const char belief[] =
	"A page that two processes map is -EACCES to MPOL_MF_MOVE and is moved by MPOL_MF_MOVE_ALL; mapped by one it is moved by both.";

static void prepare(struct target *target)
{
	target->fd = memfd_create("assume", 0);
	must(target->fd >= 0 && !ftruncate(target->fd, HUGE_BYTES), "memfd");
	target->at = mmap(NULL, HUGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
			  target->fd, 0);
	must(target->at != MAP_FAILED, "mmap");
	allocate_on(0);
	target->at[0] = target->at[PAGE_BYTES] = 1;
	allocate_on(-1);
}

/* Map the first page here too. */
static void share_first_page(const struct target *target)
{
	char path[64];
	volatile char *at;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", target->pid, target->fd);
	fd = open(path, O_RDWR);
	must(fd >= 0, path);
	at = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	must(at != MAP_FAILED, "mmap");
	at[1] = 1;
}

int main(void)
{
	struct target *target;
	int status[2];
	long result;

	need_two_nodes();
	target = target_start(prepare);
	share_first_page(target);
	result = move(target, target->at, PAGE_BYTES, 2, 1, status, MOVE);
	expect(result == 0 && status[0] == -EACCES && status[1] == 1,
	       "MOVE gave %ld, %d, %d", result, status[0], status[1]);
	result = move(target, target->at, PAGE_BYTES, 2, 1, status, MOVE_ALL);
	expect(result == 0 && status[0] == 1 && status[1] == 1,
	       "MOVE_ALL gave %ld, %d, %d", result, status[0], status[1]);
	expect(node_of(target, target->at) == 1, "it is on node %d",
	       node_of(target, target->at));
	return confirmed(belief);
}
