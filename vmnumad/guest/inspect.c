/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about one guest that block; see inspect.h. */
#include "guest/inspect.h"

#include <errno.h>
#include <stdlib.h>

#include "task.h"
#include "xalloc.h"

/* For all questions of one map: a guest has some ten regions at 1 ms each. */
#define MAP_DEADLINE_NS (20ull * 1000000000ull)

struct inspection *inspect_create(const struct sys *sys,
				  const struct uuid *uuid)
{
	struct inspection *inspection = xcalloc(1, sizeof(*inspection));

	inspection->sys = *sys;
	inspection->uuid = *uuid;
	inspection->known.pidfd = -1;
	inspection->identity.pidfd = -1;
	return inspection;
}

void inspect_destroy(struct inspection *inspection)
{
	if (!inspection)
		return;
	if (inspection->monitor.ops)
		inspection->monitor.ops->close(inspection->monitor.self);
	identity_close(&inspection->sys, &inspection->known);
	identity_close(&inspection->sys, &inspection->identity);
	guest_map_unref(inspection->map);
	if (inspection->built.map)
		map_result_finish(&inspection->built);
	measure_finish(&inspection->measure);
	free(inspection->pid_file);
	free(inspection);
}

static int find_process(struct inspection *i)
{
	if (i->known.pidfd < 0)
		return identity_find(&i->sys, &i->uuid, i->pid_file,
				     &i->identity, &i->why);
	i->identity = i->known;
	i->known.pidfd = -1;
	if (identity_check(&i->sys, &i->identity) == 0)
		return 0;
	why_set(&i->why, "process %d has ended or runs another program now",
		(int)i->identity.pid);
	return -ESRCH;
}

static void build_map(struct inspection *i)
{
	uint64_t deadline_ns =
		i->sys.ops->now_ns(i->sys.self) + MAP_DEADLINE_NS;

	i->map_err = map_build(&i->sys, &i->identity, &i->monitor, deadline_ns,
			       &i->built, &i->why);
	i->monitor.ops->close(i->monitor.self);
	i->monitor.ops = NULL;
}

static void run(void *arg)
{
	struct inspection *i = arg;
	const struct guest_map *map;

	i->err = find_process(i);
	if (i->err < 0)
		return;
	if (i->monitor.ops)
		build_map(i);
	map = i->built.map ? i->built.map : i->map;
	i->measure_err = map ? measure_guest(&i->sys, &i->identity, map, i->ask,
					     &i->measure)
			     : -ENODATA;
}

static void on_done(void *arg)
{
	struct inspection *inspection = arg;

	inspection->done(inspection->arg, inspection);
}

int inspect_start(struct inspection *inspection, struct task_pool *pool)
{
	return task_submit(pool, run, on_done, inspection);
}
