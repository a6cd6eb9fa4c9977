/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where libvirt's event thread leaves events for the loop, and that thread. An
 * eventfd wakes the loop, not loop_post(): a letter that is posted cannot be
 * taken back, and events may be under way when their receiver is destroyed. The
 * box lives by reference: libvirt's callbacks can outlast a connection.
 * For guest/virt*.c only.
 */
#ifndef GUEST_VIRT_BOX_H
#define GUEST_VIRT_BOX_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/virt.h"

struct virt_box;

/* One event, or the end of a connection. */
struct virt_letter {
	struct virt_letter *next; /* later letter */
	uint64_t generation; /* connection it came from */
	bool is_close; /* the connection ended; event.detail says why */
	struct virt_event event; /* else what happened */
};

/* NULL when the host gives no eventfd. */
struct virt_box *virt_box_create(void);
struct virt_box *virt_box_ref(struct virt_box *box);
void virt_box_unref(struct virt_box *box); /* takes NULL */

/* Register libvirt's default event loop and run it on a thread until
 * virt_box_end(). 0 or -errno. */
int virt_box_run(struct virt_box *box);

/* The receiver goes: letters are dropped from now on, and the thread ends with
 * the last hook. */
void virt_box_end(struct virt_box *box);

/* A callback is registered with, or released by libvirt. Each holds a
 * reference. */
void virt_box_hook(struct virt_box *box);
void virt_box_unhook(struct virt_box *box);

/* From any thread. Copied. Events beyond a limit are dropped and noted. */
void virt_box_put(struct virt_box *box, const struct virt_letter *letter);

/* Readable while letters wait. */
int virt_box_fd(const struct virt_box *box);

/* At most max (1 or more) of the oldest letters, owned by the caller, each to be freed with
 * free(). *ret_is_cut: events were dropped since the last time. */
struct virt_letter *virt_box_take(struct virt_box *box, unsigned int max,
				  bool *ret_is_cut);

/* Throw all waiting letters away. */
void virt_box_clear(struct virt_box *box);

#endif
