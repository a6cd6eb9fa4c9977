/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One conversation with a QEMU monitor as a value: bytes and the time go in,
 * bytes, replies and events come out. No socket, no clock, no callback. Called
 * by whoever owns the monitor socket; libvirt's passthrough does not need it
 * (see qmp_reply_parse() in message.h).
 */
#ifndef QMP_SESSION_H
#define QMP_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "why.h"
#include "qmp/command.h"
#include "qmp/message.h"
#include "qmp/wire.h"

#define QMP_GREETING_NS  (3ull * 1000 * 1000 * 1000) /* allowed for it */
#define QMP_COMMAND_NS   (5ull * 1000 * 1000 * 1000) /* from sending to reply */
#define QMP_COMMANDS_MAX 128 /* waiting and in flight */
#define QMP_RESULTS_MAX  512 /* not yet taken */

enum qmp_session_state {
	QMP_AWAITS_GREETING, /* connected; QEMU speaks first */
	QMP_NEGOTIATING, /* qmp_capabilities is in flight */
	QMP_READY, /* nothing in flight */
	QMP_BUSY, /* one command in flight */
	QMP_DEAD, /* see error and why; only taking results is left to do */
};

enum qmp_result_kind {
	QMP_RESULT_COMMAND, /* how a submitted command ended */
	QMP_RESULT_EVENT, /* something that QEMU tells unasked */
};

struct qmp_result {
	enum qmp_result_kind kind; /* which */
	enum qmp_question question; /* command: what was asked */
	uint64_t token; /* command: as given to qmp_session_submit() */
	int error; /* command: 0 answered; -EOPNOTSUPP, -EREMOTEIO: refused by
		    * QEMU; else why the session died */
	char name[QMP_WORD_SIZE]; /* event: its name */
	struct why why; /* command: text for error */
	struct qmp_value *value; /* owned: return value or event data; NULL */
};

/* One result in the queue; private to session.c. */
struct qmp_result_node;

/* Results in the order in which they happened. */
struct qmp_results {
	struct qmp_result_node *first; /* owned list; NULL when empty */
	struct qmp_result_node *last; /* borrowed: end of that list */
	size_t n; /* length */
};

/* Commands in the order of submission, a ring. */
struct qmp_commands {
	struct {
		struct qmp_command command; /* what to ask */
		uint64_t token; /* the caller's */
	} ring[QMP_COMMANDS_MAX]; /* n from first on, wrapping */
	size_t first; /* index of the oldest: the one in flight if any is */
	size_t n; /* in use */
};

struct qmp_session {
	enum qmp_session_state state; /* where the conversation is */
	struct qmp_wire wire; /* what has come in of the current line */
	struct qmp_commands commands; /* not yet answered */
	struct qmp_results results; /* not yet taken by the caller */
	uint64_t id_prefix; /* makes our ids unlike those of other clients */
	uint64_t sequence; /* number of the latest command sent, from 1 */
	uint64_t deadline_ns; /* of greeting or reply; UINT64_MAX: none */
	uint64_t credit_ns; /* what QEMU may still send unasked */
	uint64_t credit_at_ns; /* when credit_ns was right */
	char output[QMP_COMMAND_TEXT_SIZE + 2]; /* to send, with CR LF */
	size_t output_len; /* bytes of output not yet taken */
	int error; /* -errno of the death, 0 while alive */
	struct why why; /* reason of the death */
};

/* The monitor has just been connected. id_prefix is a random number of the
 * caller's; now_ns of CLOCK_MONOTONIC here and below, never going back. */
void qmp_session_init(struct qmp_session *s, uint64_t id_prefix,
		      uint64_t now_ns);

/* Frees everything, results not taken included. */
void qmp_session_finish(struct qmp_session *s);

/* Bytes have arrived. 0, or the -errno of a session that has died, now or
 * before: -EMSGSIZE line too long, -EBADMSG not QMP, -EPROTO out of turn,
 * -ENOBUFS flood of events or results not taken, and those of
 * qmp_session_tick(). The caller then takes the results and closes. */
int qmp_session_feed(struct qmp_session *s, const char *bytes, size_t len,
		     uint64_t now_ns);

/* Queue a command, before or after the greeting. On 0 exactly one
 * QMP_RESULT_COMMAND with this token will come, if the session lives or not.
 * -EAGAIN: QMP_COMMANDS_MAX are waiting. -EINVAL: not a question to submit.
 * Errors of a dead session as above. */
int qmp_session_submit(struct qmp_session *s, const struct qmp_command *command,
		       uint64_t token, uint64_t now_ns);

/* True: *ret_bytes is to be sent to QEMU, and counts as sent; valid until the
 * next call. Ask after each init, feed and submit. */
bool qmp_session_next_output(struct qmp_session *s, const char **ret_bytes,
			     size_t *ret_len);

/* True: the oldest result not yet taken; the caller ends it with
 * qmp_result_finish(). */
bool qmp_session_next_result(struct qmp_session *s,
			     struct qmp_result *ret_result);

void qmp_result_finish(struct qmp_result *result);

/* When to call qmp_session_tick() at the latest; UINT64_MAX: no need to. */
uint64_t qmp_session_deadline(const struct qmp_session *s);

/* Time has passed. 0, or the death: -EBUSY no greeting in time (another client
 * holds the monitor: QEMU serves one at a time and lets others connect and
 * wait), -ETIMEDOUT no reply in time. */
int qmp_session_tick(struct qmp_session *s, uint64_t now_ns);

/* The transport has ended or failed: error is a negative errno, reason a few
 * words for people. Nothing happens to a session that is dead already. */
void qmp_session_lost(struct qmp_session *s, int error, const char *reason);

#endif
