/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's monitor through libvirt's passthrough
 * (virDomainQemuMonitorCommand). The first command taints the guest as
 * "custom-monitor" in libvirt's log until it stops; the daemon asks its
 * configuration before it opens one. Queries only: libvirt does not learn what
 * was changed behind its back.
 */
#ifndef GUEST_MONITOR_VIRT_H
#define GUEST_MONITOR_VIRT_H

#include "guest/monitor.h"
#include "uuid.h"
#include "why.h"

struct virt;

/* Called in the loop; asks nothing yet. The monitor may outlive virt: commands
 * then fail with -ECONNRESET. -ENOTCONN libvirt is not connected, -EPERM the
 * connection is read-only.
 *
 * Its ask() answers -EBUSY for this guest after -ETIMEDOUT until libvirt has
 * ended the late call, and -ECONNRESET for whatever else went wrong on the way
 * to QEMU, a guest that has stopped included. close() may block as ask(). */
int monitor_virt_open(struct virt *virt, const struct uuid *uuid,
		      struct monitor *ret_monitor, struct why *why);

#endif
