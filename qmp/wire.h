/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a stream of bytes to complete lines: QMP sends one JSON object per line,
 * ended by CR LF (QEMU docs/interop/qmp-spec). Knows nothing of JSON. Called by
 * session.c. Holds one unfinished line at most, never more than its limit.
 */
#ifndef QMP_WIRE_H
#define QMP_WIRE_H

#include <stdbool.h>
#include <stddef.h>

/* The longest line taken from QEMU unless a caller says otherwise. The largest
 * answer we ask for, query-cpus-fast with 4096 vCPUs, stays below it. */
#define QMP_LINE_MAX_BYTES (1024u * 1024u)

struct qmp_wire {
	char *buf; /* the line so far; owned, NULL while there is none */
	size_t size_bytes; /* of buf */
	size_t used_bytes; /* of buf, without the closing NUL */
	size_t max_bytes; /* longest line accepted, CR included */
	bool is_given; /* buf is a line that the caller has been given */
};

/* max_bytes is at least 1. */
void qmp_wire_init(struct qmp_wire *w, size_t max_bytes);

void qmp_wire_finish(struct qmp_wire *w);

/* Take bytes from *bytes (advancing *bytes and *len) until a line is complete.
 * 1: *ret_line is a line without LF or CR LF, NUL terminated, valid until the
 * next call; call again for what is left of the input. 0: the input is used up
 * without a complete line. -EMSGSIZE: the line is longer than allowed; the
 * stream cannot be used any more. Linear in *len however it is cut up. */
int qmp_wire_line(struct qmp_wire *w, const char **bytes, size_t *len,
		  const char **ret_line, size_t *ret_len);

#endif
