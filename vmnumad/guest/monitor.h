/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A way to ask one QEMU a QMP question and wait for the answer: over libvirt's
 * monitor passthrough (guest/monitor_virt.c) or over a Unix socket of our own
 * (guest/monitor_socket.c). Blocks, with a deadline; used on task threads only.
 */
#ifndef GUEST_MONITOR_H
#define GUEST_MONITOR_H

#include "why.h"
#include "qmp/command.h"

struct qmp_value;

struct monitor_ops {
	/* Send one question of the allow list (qmp/command.h) and wait for its
	 * return value, owned by the caller (qmp_value_free(); NULL for JSON
	 * null). A transport of texts makes the one with qmp_command_text() and
	 * reads the other with qmp_reply_parse(). -EOPNOTSUPP QEMU does not
	 * know the command, -EREMOTEIO it refused, -EBADMSG no proper answer,
	 * -ETIMEDOUT no answer in time, -EBUSY someone else holds the monitor,
	 * -ECONNRESET it went away, -EPERM not allowed, -EMSGSIZE too large,
	 * -EPROTO, -ENOBUFS it misbehaves. */
	int (*ask)(void *self, const struct qmp_command *command,
		   struct qmp_value **ret_value, struct why *why);

	/* Give the monitor back; self is gone afterwards. */
	void (*close)(void *self);
};

struct monitor {
	const struct monitor_ops *ops; /* which way */
	void *self; /* its state, owned */
};

#endif
