/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the libvirt client share: the state behind virt.h and the
 * way a call travels. For guest/virt.c, virt_fetch.c and monitor_virt.c only.
 */
#ifndef GUEST_VIRT_INSIDE_H
#define GUEST_VIRT_INSIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/virt.h"
#include "guest/virt_call.h"
#include "guest/virt_lines.h"
#include "guest/virt_link.h"

struct virt_task;

typedef void virt_finish_fn(struct virt *virt, struct virt_task *task);

/*
 * One call on its way: submit (loop), run on the pool, finish (loop). work is
 * touched by run() alone until finish; it never points to a struct virt, which
 * may be destroyed meanwhile.
 */
struct virt_task {
	struct virt_task *next; /* another task of the same virt */
	struct virt *virt; /* borrowed; NULL once it was destroyed */
	struct call_desk *desk; /* a reference */
	unsigned int timeout_ms; /* for run() */
	char about[CALL_ABOUT_SIZE]; /* which call, see virt_call.h */
	call_fn *run; /* the blocking part */
	call_fn *release; /* frees work */
	void *work; /* owned; NULL when the call is late */
	int err; /* of call_desk_run() */
	struct why why; /* its reason */
	virt_finish_fn *finish; /* in the loop; not after virt_destroy() */
	struct uuid uuid; /* for fetches: which guest */
	virt_fetched_fn *fetched; /* for fetches: who asked */
	virt_tuned_fn *tuned; /* for virt_set_nodes(): who asked */
	void *arg; /* for whom */
};

enum virt_phase {
	VIRT_IDLE, /* created, not started */
	VIRT_CONNECTING, /* a connect call is under way */
	VIRT_WAITING, /* for the next attempt */
	VIRT_UP, /* connected */
	VIRT_RELISTING, /* connected, events wait for a list */
	VIRT_ENDED, /* virt_stop() was called */
};

struct virt {
	struct loop *loop; /* borrowed */
	struct task_pool *pool; /* borrowed */
	struct virt_handlers handlers; /* whom to tell */
	void *arg; /* theirs */
	char *uri; /* owned, NULL for the default */
	struct virt_options options; /* without zeros; uri unused */
	enum virt_phase phase; /* where the connection stands */
	uint64_t generation; /* counts connection attempts */
	uint64_t up_since_ns; /* when it was connected last */
	unsigned int retry_ms; /* wait before the next attempt */
	struct loop_timer *retry; /* owned: starts the next attempt */
	struct virt_box *box; /* events; a reference */
	struct loop_fd *watch; /* owned: the box's descriptor */
	struct virt_link *link; /* events; owned; NULL unless up */
	struct virt_lines *lines; /* for calls; a reference */
	struct call_desk *desk; /* a reference */
	struct virt_task *tasks; /* under way; each frees itself */
};

/* Send a call on its way; task is zeroed but for run, release, work, finish,
 * about and the fetch fields, and made with xcalloc(). -EAGAIN: the pool is
 * full, task and work stay the caller's. */
int virt_submit(struct virt *virt, struct virt_task *task);

#endif
