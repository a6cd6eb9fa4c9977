/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection to libvirt, as long as it lasts: open it with its events, list
 * the guests, give it back; and libvirt's errors in our words. All of it may
 * block, so it runs inside call_desk_run(). For guest/virt*.c and
 * guest/monitor_virt.c.
 */
#ifndef GUEST_VIRT_LINK_H
#define GUEST_VIRT_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libvirt/libvirt.h>

#include "uuid.h"
#include "why.h"

struct virt_box;
struct virt_hook;

/* Registrations of struct virt_link: the rows of virt_hooks_add()'s table. */
#define LINK_HOOKS_MAX 16

struct virt_link {
	virConnectPtr conn; /* owned */
	struct virt_box *box; /* where events go, a reference */
	uint64_t generation; /* marks its events */
	int hooks[LINK_HOOKS_MAX]; /* libvirt's numbers of registrations */
	size_t n_hooks; /* of them in use */
	bool is_read_only; /* may look only */
	struct virt_hook *close_hook; /* for the close callback, owned */
};

/* The running guests of one moment. */
struct virt_list {
	struct uuid *uuids; /* owned */
	size_t n; /* length */
};

/* Connect (uri NULL: libvirt's default) with keepalive; *is_read_only is set
 * when only the read-only socket lets us in. Ended by virConnectClose(). */
int virt_connect(const char *uri, bool *is_read_only, virConnectPtr *ret_conn,
		 struct why *why);

/* virt_connect(), then every event; only then may the caller list. On success
 * the caller owns *ret_link. */
int virt_link_open(const char *uri, bool is_read_only, struct virt_box *box,
		   uint64_t generation, struct virt_link **ret_link,
		   struct why *why);

/* Running guests; the caller frees ret_list->uuids. */
int virt_link_list(virConnectPtr conn, struct virt_list *ret_list,
		   struct why *why);

/* Takes NULL; broken connections too. */
void virt_link_close(struct virt_link *link);

/* Register every event that we know and libvirt has, and the close callback.
 * -errno when even lifecycle events cannot be had. (guest/virt_hooks.c) */
int virt_hooks_add(struct virt_link *link, struct why *why);
void virt_hooks_remove(struct virt_link *link);

/* libvirt's last error on this thread as -errno with its text: -ENOENT no such
 * guest, -EBUSY someone holds its job lock, -EPERM refused, -ECONNRESET the
 * connection is gone, -ESRCH the guest does not run, -EOPNOTSUPP, else -EIO. */
int virt_errno(struct why *why);

/* Copies a uuid; false when libvirt cannot tell. */
bool virt_uuid(virDomainPtr domain, struct uuid *ret_uuid);

#endif
