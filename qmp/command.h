/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The allow list: everything that this program is able to say to a QEMU
 * monitor. There is no way to send a text of one's own; a command that is not
 * in this enum cannot be built. All of them only ask. Called by session.c for a
 * socket of our own and by the guest code for libvirt's monitor passthrough.
 */
#ifndef QMP_COMMAND_H
#define QMP_COMMAND_H

#include <stddef.h>

#include "addr.h"

/* Room for any command text with its id, NUL included. */
#define QMP_COMMAND_TEXT_SIZE 256

/* Room for an id, NUL included. */
#define QMP_ID_SIZE 64

enum qmp_question {
	QMP_CAPABILITIES, /* qmp_capabilities: the handshake, session.c only */
	QMP_QUERY_VERSION, /* query-version */
	QMP_QUERY_STATUS, /* query-status */
	QMP_QUERY_CPUS_FAST, /* query-cpus-fast, QEMU 2.12 */
	QMP_QUERY_MEMORY_DEVICES, /* query-memory-devices */
	QMP_QUERY_MEMDEV, /* query-memdev */
	QMP_QUERY_MIGRATE, /* query-migrate */
	QMP_HMP_MTREE, /* human-monitor-command "info mtree -f" */
	QMP_HMP_GPA2HVA, /* human-monitor-command "gpa2hva ADDR", QEMU 2.10 */
	QMP_HMP_RAMBLOCK, /* human-monitor-command "info ramblock" */
	QMP_QUESTIONS, /* how many there are */
};

struct qmp_command {
	enum qmp_question question; /* what to ask */
	struct gpa gpa; /* of which address; QMP_HMP_GPA2HVA only */
};

/* The command as one JSON object without a line end. id is what QEMU echoes:
 * letters, digits, '-', '_' and '.', shorter than QMP_ID_SIZE; NULL for none
 * (libvirt adds its own). buf holds at least QMP_COMMAND_TEXT_SIZE bytes.
 * -EINVAL: no such question, or a character that an id must not have. */
int qmp_command_text(const struct qmp_command *command, const char *id,
		     char *buf, size_t size);

#endif
