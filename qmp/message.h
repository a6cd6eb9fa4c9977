/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line from QEMU as a typed message, and typed access to the JSON value in
 * it. Everything is checked here: exact types, integer ranges, UTF-8, nesting
 * of at most 16; callers never see a JSON library. Unknown members are ignored,
 * as the QMP specification asks. Called by session.c, query.c and the guest
 * code that talks through libvirt.
 */
#ifndef QMP_MESSAGE_H
#define QMP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "why.h"
#include "qmp/command.h"

/* Room for an event name or an error class, NUL included. */
#define QMP_WORD_SIZE 64

/* A JSON value; what it is made of is known to message.c alone. */
struct qmp_value;

enum qmp_type {
	QMP_OBJECT,
	QMP_ARRAY,
	QMP_STRING,
	QMP_INTEGER,
	QMP_BOOL,
};

enum qmp_message_kind {
	QMP_GREETING, /* {"QMP":{"version":…,"capabilities":…}} */
	QMP_REPLY, /* {"return":…,"id":…} */
	QMP_ERROR, /* {"error":{"class":…,"desc":…},"id":…} */
	QMP_EVENT, /* {"event":…,"data":…,"timestamp":…} */
};

struct qmp_message {
	enum qmp_message_kind kind; /* which of the four */
	bool has_id; /* an id of any type is there */
	char id[QMP_ID_SIZE]; /* the id; empty if no plain string that fits */
	char word[QMP_WORD_SIZE]; /* error class or event name, else empty */
	struct why desc; /* error text, printable ASCII; not for parsing */
	struct qmp_value *value; /* owned: greeting's version, return value or
				  * event data; NULL for JSON null, an error
				  * and an event without data */
};

/* Parse one line of len bytes. On 0 the caller owns *ret_message and ends it
 * with qmp_message_finish(). -EMSGSIZE: longer than QMP_LINE_MAX_BYTES.
 * -EBADMSG: not JSON, or not one of the four kinds (a message with both return
 * and error is none of them). Takes up to 40 times len of memory for hostile
 * input, so parse one at a time. */
int qmp_message_parse(const char *line, size_t len,
		      struct qmp_message *ret_message, struct why *why);

void qmp_message_finish(struct qmp_message *message);

/* What a QMP_ERROR means to a caller: -EOPNOTSUPP for class CommandNotFound,
 * -EREMOTEIO for every other; the class and QEMU's words go to why. */
int qmp_message_error(const struct qmp_message *message, struct why *why);

/* The full text of a reply, as virDomainQemuMonitorCommand() gives it, to its
 * return value. The caller owns *ret_value (NULL if the value is JSON null).
 * Errors of qmp_message_parse() and qmp_message_error(); -EBADMSG for a
 * greeting or an event. */
int qmp_reply_parse(const char *text, size_t len, struct qmp_value **ret_value,
		    struct why *why);

/* Give up a value that is owned. NULL is fine. Values found inside another
 * value are borrowed from it and must not be given here. */
void qmp_value_free(struct qmp_value *value);

/* NULL is JSON null and is of no type. */
bool qmp_value_is(const struct qmp_value *value, enum qmp_type type);

/* Elements of an array; 0 for anything else. */
size_t qmp_value_length(const struct qmp_value *array);

/* Element i of an array, borrowed; NULL beyond its end. */
const struct qmp_value *qmp_value_at(const struct qmp_value *array, size_t i);

/* The functions below look up a member of an object, exactly of the type that
 * they return. -ENOENT: no such member (or null, or object is no object).
 * -EBADMSG: of another type. */

/* A member of the given type, borrowed from object. */
int qmp_value_member(const struct qmp_value *object, const char *name,
		     enum qmp_type type, const struct qmp_value **ret_member);

/* An integer of 0 to max. -ERANGE: outside of it. max is below INT64_MAX: the
 * JSON library clamps what does not fit, so that value cannot be told from a
 * larger one. */
int qmp_value_u64(const struct qmp_value *object, const char *name,
		  uint64_t max, uint64_t *ret_number);

int qmp_value_bool(const struct qmp_value *object, const char *name,
		   bool *ret_bool);

/* A string of printable ASCII, copied to buf of size bytes. -EMSGSIZE: it does
 * not fit. -EBADMSG also for any other character. */
int qmp_value_word(const struct qmp_value *object, const char *name, char *buf,
		   size_t size);

/* An element of an array as an integer; errors as qmp_value_u64(). */
int qmp_value_at_u64(const struct qmp_value *array, size_t i, uint64_t max,
		     uint64_t *ret_number);

/* The bytes of a string value itself, borrowed, NUL terminated. -EBADMSG: no
 * string, or one with a NUL inside. */
int qmp_value_text(const struct qmp_value *string, const char **ret_text,
		   size_t *ret_len);

#endif
