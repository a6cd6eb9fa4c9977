/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection to libvirt: keeps it up, lists the running guests, passes on
 * what happens to them, and fetches what libvirt knows of one guest. It judges
 * nothing, and changes a guest by virt_set_nodes() alone, when an administrator
 * re-homes it; in particular it never sets an affinity.
 * Called by the daemon. One connection for each process, since libvirt's event
 * loop is one for each process.
 *
 * Everything here belongs to the loop's thread and returns at once. libvirt's
 * own calls run on the task pool, each on a thread that is left to itself when
 * its time is over; events come from a thread of libvirt's event loop.
 */
#ifndef GUEST_VIRT_H
#define GUEST_VIRT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node.h"
#include "uuid.h"
#include "why.h"

struct loop;
struct task_pool;
struct virt;

enum virt_event_kind {
	VIRT_LISTED, /* it runs: after each connect and virt_relist() */
	VIRT_LIST_END, /* no uuid; what was not LISTED is gone */
	VIRT_STARTED, /* detail "booted", "migrated", "restored" … */
	VIRT_STOPPED, /* detail "destroyed", "crashed", "migrated" … */
	VIRT_PAUSED, /* detail "paused", "migrated", "postcopy" … */
	VIRT_RESUMED, /* detail "unpaused", "migrated" …; also comes, before
		       * STARTED, when a guest starts (libvirt 9.0) */
	VIRT_CRASHED, /* the guest panicked; it may still exist */
	VIRT_REBOOT, /* the guest booted anew; same process and memory */
	VIRT_TUNED, /* detail "cputune.vcpupin0=2-3", more parted by blanks;
		     * not sent for taskset, cgroups or numatune */
	VIRT_DEVICE_ADDED, /* detail is the alias, "memdimm0" or "dimm0" */
	VIRT_DEVICE_REMOVED, /* detail is the alias */
	VIRT_MEMORY_SIZE, /* virtio-mem: detail is the alias, bytes the size */
	VIRT_BALLOON, /* bytes is what the balloon leaves the guest */
	VIRT_METADATA, /* detail is the namespace, "" for title, description */
	VIRT_MIGRATION, /* live migration goes on: another pass over memory */
	VIRT_JOB_END, /* migration, save, dump ended, well or not */
};

/* Something happened. Events can be late or doubled: they are a reason to look
 * at the guest, not the truth about it. */
struct virt_event {
	enum virt_event_kind kind; /* what happened */
	struct uuid uuid; /* to which guest */
	uint64_t bytes; /* see kind, else 0 */
	char detail[96]; /* see kind, else ""; cut when longer */
};

/* All called in the loop. They may call anything here but virt_destroy(). */
struct virt_handlers {
	/* The connection stands; LISTED for each guest and LIST_END follow. */
	void (*on_up)(void *arg);

	/* It broke, or an attempt failed (so it comes for each one). Guests
	 * go on running without libvirt. The next attempt is in retry_ms. */
	void (*on_down)(void *arg, const struct why *why,
			unsigned int retry_ms);

	/* *event is gone after the call. */
	void (*on_event)(void *arg, const struct virt_event *event);
};

struct virt_options {
	const char *uri; /* NULL: libvirt's default, qemu:///system for root */
	bool is_read_only; /* never ask for more than reading */
	unsigned int retry_first_ms; /* wait after a failure; 0: 1000 */
	unsigned int retry_max_ms; /* doubled up to this; 0: 30000 */
	unsigned int call_ms; /* longest wait for one call; 0: 10000 */
};

/* loop and pool are borrowed and must outlive the result, handlers and options
 * too (uri is copied). The pool needs two threads or more. */
struct virt *virt_create(struct loop *loop, struct task_pool *pool,
			 const struct virt_options *options,
			 const struct virt_handlers *handlers, void *arg);

/* Start to connect; on_up or on_down tells how it goes. 0, or -errno when the
 * process can have no event thread. Once for each virt. */
int virt_start(struct virt *virt, struct why *why);

/* Stop: no handler but those of fetches under way is called any more, the
 * connection is given back in the background. */
void virt_stop(struct virt *virt);

/* Stops and frees; fetches under way are never answered. Takes NULL. The pool
 * may be destroyed at any time after it. */
void virt_destroy(struct virt *virt);

bool virt_is_up(const struct virt *virt);

/* True while up with a connection that may only look: libvirt's read-only
 * socket. Monitor commands are refused then. */
bool virt_is_read_only(const struct virt *virt);

/* Ask for LISTED and LIST_END once more, against lost events. 0, -ENOTCONN when
 * not up, -EALREADY when one is under way, -EAGAIN when the pool is full. */
int virt_relist(struct virt *virt);

/* Calls that libvirt has not answered in time and that still wait. */
size_t virt_calls_late(const struct virt *virt);

enum virt_state {
	VIRT_STATE_OFF, /* defined, but it does not run */
	VIRT_STATE_RUNNING, /* vCPUs run (blocked, in libvirt's word, too) */
	VIRT_STATE_PAUSED, /* exists, vCPUs stopped */
	VIRT_STATE_CRASHED, /* panicked, or on its way to the end */
};

/* "running", "paused", … */
const char *virt_state_text(enum virt_state state);

enum virt_job {
	VIRT_JOB_NONE, /* nothing under way */
	VIRT_JOB_MIGRATION_IN, /* this host receives it */
	VIRT_JOB_MIGRATION_OUT, /* this host sends it away */
	VIRT_JOB_SAVE, /* save or restore, managed save */
	VIRT_JOB_DUMP, /* core dump of its memory */
	VIRT_JOB_SNAPSHOT, /* snapshot taken, reverted or deleted */
	VIRT_JOB_BACKUP, /* disk backup; does not touch memory */
	VIRT_JOB_OTHER, /* some other job, or one not told in time */
};

/* What libvirt says of one guest. */
struct virt_domain {
	const char *xml; /* live domain XML without secrets, NUL ended; NULL
			  * where only the rest was asked for */
	size_t xml_len; /* its length */
	enum virt_state state; /* does it run */
	enum virt_job job; /* long work under way */
	bool is_postcopy; /* migration is in its post-copy phase */
	bool is_monitor_busy; /* a command holds its monitor at the moment,
			       * maybe one of ours */
};

/* err is 0 and *domain valid during the call, or -errno with the reason:
 * -ENOENT no such guest, -ETIMEDOUT no answer in time, -EBUSY an earlier call
 * about this guest still hangs, -ECONNRESET the connection broke, -EPERM,
 * -EIO anything else. */
typedef void virt_fetched_fn(void *arg, const struct uuid *uuid, int err,
			     const struct virt_domain *domain,
			     const struct why *why);

/* Ask for one guest; without with_xml, for its state and job only, which is
 * cheaper for libvirt and for who reads it. fn is called once, later. 0,
 * -ENOTCONN when not up, -EALREADY while a fetch of this guest is under way
 * (ask again when it is answered: it may have looked before what just
 * happened), -EAGAIN when the pool is full. */
int virt_fetch(struct virt *virt, const struct uuid *uuid, bool with_xml,
	       virt_fetched_fn *fn, void *arg);

/* In the loop: err is 0, or -errno with why. After -ETIMEDOUT it may still come
 * to pass. */
typedef void virt_tuned_fn(void *arg, int err, const struct why *why);

/* Let a guest that numatune restrictive binds use exactly nodes, by libvirt's
 * own API, until it ends; libvirt refuses it for other modes (9.0). fn is called
 * once, later. 0, -ENOTCONN when not up, -EPERM when read-only, -EAGAIN when
 * the pool is full. */
int virt_set_nodes(struct virt *virt, const struct uuid *uuid,
		   struct node_mask nodes, virt_tuned_fn *fn, void *arg);

#endif
