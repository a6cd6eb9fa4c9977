/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connected stream socket that carries lines, over the event loop: bytes
 * are collected into lines of bounded length, output is kept back while the
 * peer is slow, and a peer that does nothing for too long is let go. Knows
 * nothing of what the lines mean. Used by control.c.
 *
 * A peer that shuts down its sending side counts as leaving: what has been
 * answered by then is still delivered.
 */
#ifndef SERVE_CONN_H
#define SERVE_CONN_H

#include <stddef.h>
#include <stdint.h>

struct conn;
struct loop;

/* Longest line without its newline. */
#define CONN_LINE_MAX (64 * 1024)
/* A peer that has more than this unsent when more is to be sent is dropped. */
#define CONN_UNSENT_MAX (1024 * 1024)

/* What the owner is told, always in the loop's thread. None of these is called
 * from within a conn_ function. */
struct conn_ops {
	/* A whole line without its newline; line[len] is NUL, and there may be
	 * NUL bytes inside. */
	void (*on_line)(void *arg, const char *line, size_t len);
	/* A line longer than CONN_LINE_MAX arrived. What is sent now is still
	 * delivered, then the connection ends. */
	void (*on_overlong)(void *arg);
	/* The last call: the connection is over and is to be destroyed.
	 * reason is a few words for the log. */
	void (*on_end)(void *arg, const char *reason);
};

/* fd is a connected, non-blocking stream socket, owned by the connection from
 * now on. After idle_ns without a whole line or a delivered answer it ends,
 * unless it is busy. ops and arg are borrowed. */
struct conn *conn_create(struct loop *loop, int fd, uint64_t idle_ns,
			 const struct conn_ops *ops, void *arg);

/* Closes at once; unsent output is lost. Takes NULL. May be called in any
 * callback but on_line and on_overlong. */
void conn_destroy(struct conn *conn);

/* Sends len bytes, or keeps them back. -EPIPE: the connection is over;
 * -ENOBUFS: the peer reads too slowly, the connection is over now. on_end
 * follows later in both cases. */
int conn_send(struct conn *conn, const char *text, size_t len);

/* Each conn_hold() stops the idle timer until its conn_release(). */
void conn_hold(struct conn *conn);
void conn_release(struct conn *conn);

#endif
