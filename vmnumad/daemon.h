/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon: owns everything, ticks, and offers the verbs what they need.
 * Everything here belongs to the loop's thread.
 */
#ifndef DAEMON_H
#define DAEMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "guest/guest.h"
#include "host/conflicts.h"
#include "host/topology.h"
#include "jobs.h"
#include "journal.h"
#include "order.h"
#include "plan.h"
#include "policy/policy.h"
#include "snapshot.h"
#include "sys.h"

struct control;
struct crew;
struct history;
struct hook;
struct loop;
struct loop_timer;
struct options;
struct pools;
struct task_pool;
struct virt;

struct daemon {
	const struct options *options; /* borrowed from main() */
	struct config config; /* owned */
	struct sys sys; /* the door, borrowed from main() */
	struct loop *loop; /* borrowed from main() */
	struct task_pool *virt_pool; /* libvirt calls, owned */
	struct task_pool *look_pool; /* inspections, owned */
	struct virt *virt; /* owned */
	struct crew *crew; /* mover threads, owned */
	struct pools *pools; /* of huge pages, owned */
	struct control *control; /* owned */
	struct hook *hook; /* owned, NULL if its socket failed */
	struct jobs *jobs; /* owned */
	struct history *history; /* what happened, owned */
	struct topology topo; /* the host */
	struct host_conflicts conflicts; /* as told last; to closed nodes the
					  * kernel cannot move anything for us,
					  * and Linux 6.12 splits huge pages
					  * trying */
	struct guest_env env; /* what guests are given */
	struct guest *guests; /* owned, in order of arrival */
	size_t n_guests; /* in the list */

	struct loop_timer *tick_timer; /* next tick */
	struct loop_timer *watch_timer; /* progress of watched jobs */
	struct snapshot snapshot; /* of the last tick */
	struct snap_guest *snap_guests; /* its array, owned */
	size_t cap_guests; /* allocated */
	struct plan plan; /* of the last tick; arrays owned */
	uint64_t rate_bytes_per_s; /* measured speed of moving, 0 unknown */
	unsigned int ticks; /* since the start */
	struct journal journal; /* orders of an earlier run that wait for their
				 * guests, owned */
	struct journal held; /* re-homings under way, owned; no last_id */
	bool has_journal_failed; /* it was reported */
	bool is_virt_up; /* libvirt is connected */
	struct why virt_why; /* why it is not */
};

/* 0, or -errno and why. config is taken over. */
int daemon_init(struct daemon *daemon, struct loop *loop, const struct sys *sys,
		const struct options *options, struct config *config,
		struct why *why);
void daemon_finish(struct daemon *daemon);

/* Read the configuration again; on an error the old one stays. */
void daemon_reload(struct daemon *daemon);

/* Observe, decide, act: now, or as soon as what just happens is over. */
void daemon_tick(struct daemon *daemon);
void daemon_tick_soon(struct daemon *daemon);

/* The guest of a uuid, made if it is new; and its end. */
struct guest *daemon_get_guest(struct daemon *daemon, const struct uuid *uuid);
void daemon_drop_guest(struct daemon *daemon, struct guest *guest);

/* By name or uuid, NULL if there is none. */
struct guest *daemon_find_guest(struct daemon *daemon, const char *name);

/* Look where a guest's vCPUs run and may run, and tell of a cpuset that others
 * have changed. */
void daemon_sample(struct daemon *daemon, struct guest *guest);

/* Observe now: fills daemon->snapshot; the index of a guest in it, or -1. */
void daemon_observe(struct daemon *daemon);
int daemon_snapshot_index(const struct daemon *daemon,
			  const struct guest *guest);

/* Observe, and plan what an order asks of a guest; *ret_plan is ended with
 * daemon_free_plan() in any case. 0, or -errno as policy_request(). */
int daemon_plan_order(struct daemon *daemon, struct guest *guest,
		      const struct job_order *order, struct plan *ret_plan,
		      struct refused *ret_refused);
void daemon_free_plan(struct plan *plan);

/* Start a job for the moves of one guest out of plan. At most one job for a
 * guest at a time: the caller has seen to that. NULL and why on failure. */
struct job_entry *daemon_start_job(struct daemon *daemon, struct guest *guest,
				   const struct plan *plan,
				   const struct job_order *order,
				   struct why *why);

/* A pace for an order: what a job of it will be given. */
struct pace_config daemon_pace(const struct daemon *daemon,
			       const struct job_order *order);

/* Whether a new job makes small pages huge before it moves them: as configured;
 * by itself only where the host has huge pages on and no pages merged by KSM,
 * which would be taken apart. Reads two small files. */
bool daemon_may_collapse(const struct daemon *daemon);

/* Tell call what the job does, and answer it when it ends. */
void daemon_watch_job(struct daemon *daemon, struct job_entry *entry,
		      struct control_call *call);

#endif
