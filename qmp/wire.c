/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Complete lines out of a byte stream; see wire.h. The buffer doubles as a line
 * grows and is given back after a large one, so that an idle monitor costs a
 * few KiB.
 */
#include "qmp/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

#define START_BYTES 4096u
#define KEEP_BYTES  (64u * 1024u)

void qmp_wire_init(struct qmp_wire *w, size_t max_bytes)
{
	*w = (struct qmp_wire) { .max_bytes = max_bytes };
}

void qmp_wire_finish(struct qmp_wire *w)
{
	free(w->buf);
	*w = (struct qmp_wire) { .max_bytes = w->max_bytes };
}

static void forget_given_line(struct qmp_wire *w)
{
	if (!w->is_given)
		return;
	w->is_given = false;
	w->used_bytes = 0;
	if (w->size_bytes > KEEP_BYTES) {
		free(w->buf);
		w->buf = NULL;
		w->size_bytes = 0;
	}
}

/* n is at most max_bytes - used_bytes: what a caller may cause us to hold. */
static void append(struct qmp_wire *w, const char *bytes, size_t n)
{
	size_t want_bytes = w->used_bytes + n + 1;
	size_t size_bytes = w->size_bytes ? w->size_bytes : START_BYTES;

	while (size_bytes < want_bytes)
		size_bytes *= 2;
	if (size_bytes > w->max_bytes + 1)
		size_bytes = w->max_bytes + 1;
	if (size_bytes > w->size_bytes) {
		w->buf = xreallocarray(w->buf, size_bytes, 1);
		w->size_bytes = size_bytes;
	}
	memcpy(w->buf + w->used_bytes, bytes, n);
	w->used_bytes += n;
	w->buf[w->used_bytes] = '\0';
}

int qmp_wire_line(struct qmp_wire *w, const char **bytes, size_t *len,
		  const char **ret_line, size_t *ret_len)
{
	const char *newline;
	size_t n;

	forget_given_line(w);
	if (!*len)
		return 0;
	newline = memchr(*bytes, '\n', *len);
	n = newline ? (size_t)(newline - *bytes) : *len;
	if (n > w->max_bytes - w->used_bytes)
		return -EMSGSIZE;
	append(w, *bytes, n);
	*bytes += n + (newline ? 1 : 0);
	*len -= n + (newline ? 1 : 0);
	if (!newline)
		return 0;

	if (w->used_bytes && w->buf[w->used_bytes - 1] == '\r')
		w->buf[--w->used_bytes] = '\0';
	w->is_given = true;
	*ret_line = w->buf;
	*ret_len = w->used_bytes;
	return 1;
}
