/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core: deciding and acting on what was observed. Its files (view.c, tick.c,
 * moves.c, outcome.c and what they use) reach outside by three things only: the
 * mover that carries out jobs, the door (sys.h) and the loop's timers. So the
 * simulator (tests/sim) runs the same code as the daemon. Called in the loop,
 * by daemon.c, observe.c and ends.c.
 */
#ifndef CORE_H
#define CORE_H

#include <stdbool.h>

#include "daemon.h"

/* Put what is known of the host (daemon->topo) and of the guests into
 * daemon->snapshot, with what jobs at work will still bring to each node. */
void core_view(struct daemon *daemon);

/* The guest is out of the list from now on, and no longer in the snapshot; its
 * job, if it has one, is to look whether its process lives. */
void core_forget_guest(struct daemon *daemon, struct guest *guest);

/* Decide on the snapshot and act: jobs start, wait, go on and make way. True
 * when one has started. */
bool core_tick(struct daemon *daemon);

/* Plan what an order asks of a guest, on the snapshot; the rest as
 * daemon_plan_order(). */
int core_plan_order(struct daemon *daemon, struct guest *guest,
		    const struct job_order *order, struct plan *ret_plan,
		    struct refused *ret_refused);

/* The same for room on a node; as policy_make_room(). */
int core_plan_room(struct daemon *daemon, const struct make_room *want,
		   struct plan *ret_plan, uint64_t *ret_free_bytes);

/* True when the plan has moves for the guest of that index. */
bool core_has_moves(const struct plan *plan, size_t index);

/* Start a job; as daemon_start_job(). */
struct job_entry *core_start_job(struct daemon *daemon, struct guest *guest,
				 const struct plan *plan,
				 const struct job_order *order,
				 struct why *why);

/* A job has ended, says its mover: its last numbers, the log, and what it
 * teaches of the speed of moving. */
void core_end_job(struct daemon *daemon, struct job_entry *entry);

/* And all is done for it: the guest's policy and all who watch it are told, and
 * the next tick is at once. */
void core_close_job(struct daemon *daemon, struct job_entry *entry);

#endif
