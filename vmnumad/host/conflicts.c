/* SPDX-License-Identifier: Apache-2.0 */
/* What works against the daemon. See conflicts.h. */
#include "host/conflicts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/node_text.h"
#include "host/proc_text.h"

static int read_balancing(const struct sys *sys)
{
	char text[32];
	uint64_t number;
	size_t len;

	if (sys->ops->read_file(sys->self, "/proc/sys/kernel/numa_balancing",
				text, sizeof(text), &len) ||
	    node_number_parse(text, &number))
		return -1;
	return (int)(number & INT32_MAX);
}

/* By the file in which numad 0.5 leaves its number, even one that crashed: no
 * walk through all processes. */
static bool is_numad_running(const struct sys *sys)
{
	char path[64], text[32];
	uint64_t pid;
	size_t len;

	if (sys->ops->read_file(sys->self, "/run/numad.pid", text, sizeof(text),
				&len) ||
	    node_number_parse(text, &pid) || pid > INT32_MAX)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	return sys->ops->read_file(sys->self, path, text, sizeof(text), &len) ==
		       0 &&
	       strcmp(text, "numad\n") == 0;
}

int host_conflicts_read(const struct sys *sys, struct node_mask has_memory,
			struct host_conflicts *ret_conflicts)
{
	struct host_conflicts conflicts;
	struct proc_status status;
	char text[16384];
	size_t len;
	int err = sys->ops->read_file(sys->self, "/proc/self/status", text,
				      sizeof(text), &len);

	if (!err)
		err = proc_status_parse(text, &status);
	if (err)
		return err;
	conflicts.numa_balancing = read_balancing(sys);
	conflicts.has_numad = is_numad_running(sys);
	conflicts.own_mems = status.mems_allowed;
	conflicts.closed.bits = has_memory.bits & ~status.mems_allowed.bits;
	*ret_conflicts = conflicts;
	return 0;
}
