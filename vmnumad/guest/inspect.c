/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about one guest that block; see inspect.h. */
#include "guest/inspect.h"

#include <errno.h>
#include <stdlib.h>

#include "guest/held.h"
#include "guest/monitor_socket.h"
#include "task.h"
#include "xalloc.h"

/* For all questions of one map: a guest has some ten regions at 1 ms each. */
#define MAP_DEADLINE_NS (20ull * 1000000000ull)

/* To be told how a guest is, which takes a millisecond. */
#define STATE_DEADLINE_NS (2ull * 1000000000ull)

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
	free(inspection->qmp_path);
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

int inspect_map(const struct sys *sys, const struct identity *identity,
		struct monitor *monitor, struct map_result *ret_result,
		struct why *why)
{
	uint64_t deadline_ns = sys->ops->now_ns(sys->self) + MAP_DEADLINE_NS;
	int err = map_build(sys, identity, monitor->ops ? monitor : NULL,
			    deadline_ns, ret_result, why);

	if (monitor->ops)
		monitor->ops->close(monitor->self);
	monitor->ops = NULL;
	return err;
}

static int open_socket(struct inspection *i, struct why *why)
{
	return monitor_socket_open(&i->sys, i->qmp_path,
				   i->is_qmp_checked ? i->identity.pid : 0,
				   &i->monitor, why);
}

static void build_map(struct inspection *i)
{
	if (!i->monitor.ops && i->qmp_path)
		i->map_err = open_socket(i, &i->why);
	if (!i->map_err)
		i->map_err = inspect_map(&i->sys, &i->identity, &i->monitor,
					 &i->built, &i->why);
}

int inspect_state(const struct sys *sys, struct monitor *monitor,
		  struct run_state *ret_state, struct why *why)
{
	uint64_t deadline_ns = sys->ops->now_ns(sys->self) + STATE_DEADLINE_NS;

	return run_state_ask(sys, monitor, deadline_ns, ret_state, why);
}

static void ask_state(struct inspection *i)
{
	i->state_err = open_socket(i, &i->state_why);
	if (i->state_err)
		return;
	i->state_err =
		inspect_state(&i->sys, &i->monitor, &i->state, &i->state_why);
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
	i->held_err = -ENODATA;
	if (i->asks_map || i->map)
		i->held_err = held_by(&i->sys, i->identity.pid, &i->held_by);
	if (i->asks_map)
		build_map(i);
	map = i->built.map ? i->built.map : i->map;
	i->measure_err = map ? measure_guest(&i->sys, &i->identity, map, i->ask,
					     &i->measure)
			     : -ENODATA;
	if (i->asks_state)
		ask_state(i);
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
