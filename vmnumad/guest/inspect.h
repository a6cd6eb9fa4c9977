/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Getting to know one guest, on a task thread: find its process, open a
 * monitor's answers into a guest map, count where its memory lies, ask how it is.
 * The parts that block; guest.c owns the results in the loop.
 */
#ifndef GUEST_INSPECT_H
#define GUEST_INSPECT_H

#include <stdbool.h>

#include "guest/identity.h"
#include "guest/map_build.h"
#include "guest/monitor.h"
#include "guest/run_state.h"
#include "move/measure.h"
#include "sys.h"
#include "uuid.h"
#include "why.h"

struct task_pool;

/* What is asked, and what came of it. Owned by the asker until done() gives it
 * back; inspect_destroy() frees it with what it still holds. */
struct inspection {
	struct sys sys; /* borrowed door */
	struct uuid uuid; /* whose */
	char *pid_file; /* where libvirt notes its pid, owned or NULL */
	struct identity known; /* its process if known (a pidfd of our own),
				* pidfd -1 otherwise */
	bool asks_map; /* build a map: by monitor, else by qmp_path, else by
			* inference */
	struct monitor monitor; /* owned; ops NULL: none */
	char *qmp_path; /* a socket of QEMU's monitor, owned or NULL */
	bool is_qmp_checked; /* that socket must be this process' own */
	bool asks_state; /* ask by qmp_path how it is */
	struct guest_map *map; /* to measure by when no new one is built; a
				* reference, or NULL */
	struct measure_ask ask; /* how to count */

	int err; /* of finding the process, 0 or -errno */
	int map_err; /* of building the map */
	int measure_err; /* of measuring */
	int held_err; /* of looking for devices that hold its memory, which is
		       * done when it is counted */
	const char *held_by; /* what does; static, or NULL: nothing */
	struct why why; /* sentence of the first error */
	struct identity identity; /* found; owned, pidfd -1 if not */
	struct map_result built; /* owned; built.map NULL if not built */
	struct measure measure; /* owned; cells NULL if not measured */
	int state_err; /* of asking how it is; what is above holds all the same */
	struct why state_why; /* sentence for it */
	struct run_state state; /* how it is */

	void (*done)(void *arg,
		     struct inspection *inspection); /* in the loop */
	void *arg; /* first argument of done */
};

/* An empty one; the caller fills in what is asked. */
struct inspection *inspect_create(const struct sys *sys,
				  const struct uuid *uuid);
void inspect_destroy(struct inspection *inspection); /* takes NULL */

/* One map, by a monitor, which is closed, or by inference when its ops are NULL;
 * see map_build(). Blocks, 20 s at most. */
int inspect_map(const struct sys *sys, const struct identity *identity,
		struct monitor *monitor, struct map_result *ret_result,
		struct why *why);

/* How a guest is, by its monitor, which stays open; see run_state_ask(). Blocks,
 * 7 s at most. */
int inspect_state(const struct sys *sys, struct monitor *monitor,
		  struct run_state *ret_state, struct why *why);

/* 0, or -EAGAIN when the pool is full: the inspection stays the caller's. */
int inspect_start(struct inspection *inspection, struct task_pool *pool);

#endif
