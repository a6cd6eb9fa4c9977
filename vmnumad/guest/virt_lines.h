/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connections that calls travel on, apart from the one that events come
 * by. Each is used by one thread at a time: libvirt's client (9.0) lets several
 * threads share a connection, but then a request can lie unsent while another
 * waits for a guest that hangs, and the end of the connection can go unnoticed.
 * For guest/virt*.c and guest/monitor_virt.c.
 */
#ifndef GUEST_VIRT_LINES_H
#define GUEST_VIRT_LINES_H

#include <stdbool.h>

#include <libvirt/libvirt.h>

#include "why.h"

struct virt_lines;

/* One connection, taken. */
struct virt_line {
	virConnectPtr conn; /* for the taker alone */
	unsigned int generation; /* virt_lines_open() that it came after */
};

/* Safe from any thread. Owned by reference. uri is copied, NULL: libvirt's
 * default. Closed at first. */
struct virt_lines *virt_lines_create(const char *uri);
struct virt_lines *virt_lines_ref(struct virt_lines *lines);
void virt_lines_unref(struct virt_lines *lines); /* takes NULL; does not block
						  * once closed and dropped */

/* Lines may be taken from now on. Does not connect. */
void virt_lines_open(struct virt_lines *lines, bool is_read_only);

/* None may be taken from now on. Does not block. */
void virt_lines_close(struct virt_lines *lines);

/* Disconnect what lies idle. May block. */
void virt_lines_drop(struct virt_lines *lines);

/* An idle connection or a new one; may block. -ECONNRESET while closed, else
 * errors of virt_errno(). */
int virt_line_take(struct virt_lines *lines, struct virt_line *ret_line,
		   struct why *why);

/* Give it back; a dead or surplus one is disconnected. May block. */
void virt_line_give(struct virt_lines *lines, const struct virt_line *line);

#endif
