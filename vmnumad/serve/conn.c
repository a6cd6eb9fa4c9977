/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines over a non-blocking stream socket. The end of a connection is only
 * marked where it is found and told to the owner from a timer, that is from a
 * clean stack, so an owner may send from anywhere without being destroyed under
 * its own feet.
 */
#include "serve/conn.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop.h"
#include "xalloc.h"

/* Bytes taken from one peer in one round of the loop, so that a flood from one
 * does not hold up the others. */
#define READ_AT_ONCE (16 * 1024)

struct conn {
	struct loop *loop; /* borrowed */
	int fd; /* owned */
	struct loop_fd *watch; /* owned */
	struct loop_timer *idle; /* owned; fires when nothing happened */
	struct loop_timer *end; /* owned; brings on_end to a clean stack */
	uint64_t idle_ns; /* how long the peer may do nothing */
	const struct conn_ops *ops; /* borrowed */
	void *arg; /* borrowed; first argument of ops */
	unsigned int n_holds; /* conn_hold() not yet released */
	const char *over; /* why the connection is over, NULL while it lives */
	unsigned int events; /* what is watched now */
	bool is_closing; /* takes no more input, ends when all is sent */
	char *in; /* owned; the line that is not complete yet */
	size_t in_len; /* bytes in it */
	size_t in_cap; /* room in it, at most CONN_LINE_MAX + READ_AT_ONCE */
	char *out; /* owned; unsent output */
	size_t out_at; /* bytes of it already sent */
	size_t out_len; /* bytes in it, those sent included */
	size_t out_cap; /* room in it */
};

static void conn_over(struct conn *conn, const char *reason)
{
	if (conn->over)
		return;
	conn->over = reason;
	loop_fd_set(conn->watch, 0);
	loop_timer_clear(conn->idle);
	loop_timer_set(conn->end, 0);
}

static size_t unsent(const struct conn *conn)
{
	return conn->out_len - conn->out_at;
}

static void watch_update(struct conn *conn)
{
	unsigned int events = 0;

	if (conn->over)
		return;
	if (!conn->is_closing)
		events |= LOOP_READ;
	if (unsent(conn))
		events |= LOOP_WRITE;
	if (events != conn->events)
		loop_fd_set(conn->watch, events);
	conn->events = events;
}

static void idle_restart(struct conn *conn)
{
	if (conn->over || conn->n_holds)
		loop_timer_clear(conn->idle);
	else
		loop_timer_set(conn->idle, conn->idle_ns);
}

/* Sends what the socket takes now. Bytes sent, or -errno. */
static ssize_t send_some(int fd, const char *text, size_t len)
{
	ssize_t n = send(fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n >= 0)
		return n;
	if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
		return 0;
	return -errno;
}

static void flush(struct conn *conn)
{
	ssize_t n;

	if (unsent(conn)) {
		n = send_some(conn->fd, conn->out + conn->out_at, unsent(conn));
		if (n < 0) {
			conn_over(conn, "closed by the client");
			return;
		}
		conn->out_at += (size_t)n;
		if (!unsent(conn)) {
			conn->out_at = 0;
			conn->out_len = 0;
			idle_restart(conn);
		}
	}
	if (conn->is_closing && !unsent(conn))
		conn_over(conn, "closed by the client");
	watch_update(conn);
}

static void out_append(struct conn *conn, const char *text, size_t len)
{
	if (conn->out_at) {
		memmove(conn->out, conn->out + conn->out_at, unsent(conn));
		conn->out_len -= conn->out_at;
		conn->out_at = 0;
	}
	if (conn->out_len + len > conn->out_cap) {
		conn->out_cap = conn->out_len + len;
		conn->out = xreallocarray(conn->out, conn->out_cap, 1);
	}
	memcpy(conn->out + conn->out_len, text, len);
	conn->out_len += len;
}

int conn_send(struct conn *conn, const char *text, size_t len)
{
	ssize_t n = 0;

	if (conn->over)
		return -EPIPE;
	if (unsent(conn) > CONN_UNSENT_MAX) {
		conn_over(conn, "the client reads too slowly");
		return -ENOBUFS;
	}
	if (!unsent(conn))
		n = send_some(conn->fd, text, len);
	if (n < 0) {
		conn_over(conn, "closed by the client");
		return -EPIPE;
	}
	if ((size_t)n < len)
		out_append(conn, text + n, len - (size_t)n);
	watch_update(conn);
	return 0;
}

/* Takes the complete lines out of the input buffer. */
static void lines_take(struct conn *conn)
{
	size_t at = 0;

	while (!conn->over && !conn->is_closing) {
		char *line = conn->in + at;
		char *nl = memchr(line, '\n', conn->in_len - at);
		size_t len;

		if (!nl)
			break;
		len = (size_t)(nl - line);
		if (len > CONN_LINE_MAX)
			break;
		*nl = '\0';
		at += len + 1;
		idle_restart(conn);
		conn->ops->on_line(conn->arg, line, len);
	}
	conn->in_len -= at;
	memmove(conn->in, conn->in + at, conn->in_len);
}

static void on_readable(struct conn *conn)
{
	ssize_t n;

	if (conn->in_cap < conn->in_len + READ_AT_ONCE) {
		conn->in_cap = conn->in_len + READ_AT_ONCE;
		conn->in = xreallocarray(conn->in, conn->in_cap, 1);
	}
	n = recv(conn->fd, conn->in + conn->in_len, READ_AT_ONCE, MSG_DONTWAIT);
	if (n < 0 &&
	    (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return;
	if (n < 0) {
		conn_over(conn, "closed by the client");
		return;
	}
	if (n == 0) {
		conn->is_closing = true;
		flush(conn);
		return;
	}
	conn->in_len += (size_t)n;
	lines_take(conn);
	if (conn->over || conn->is_closing || conn->in_len <= CONN_LINE_MAX)
		return;
	conn->is_closing = true;
	conn->ops->on_overlong(conn->arg);
	flush(conn);
}

static void on_events(void *arg, unsigned int events)
{
	struct conn *conn = arg;

	if (conn->over)
		return;
	if (events & LOOP_WRITE)
		flush(conn);
	if ((events & LOOP_READ) && !conn->over && !conn->is_closing)
		on_readable(conn);
}

static void on_idle(void *arg)
{
	conn_over(arg, "idle for too long");
}

static void on_end_timer(void *arg)
{
	struct conn *conn = arg;

	conn->ops->on_end(conn->arg, conn->over);
}

struct conn *conn_create(struct loop *loop, int fd, uint64_t idle_ns,
			 const struct conn_ops *ops, void *arg)
{
	struct conn *conn = xcalloc(1, sizeof(*conn));

	conn->loop = loop;
	conn->fd = fd;
	conn->idle_ns = idle_ns;
	conn->ops = ops;
	conn->arg = arg;
	conn->idle = loop_timer_add(loop, on_idle, conn);
	conn->end = loop_timer_add(loop, on_end_timer, conn);
	conn->events = LOOP_READ;
	conn->watch = loop_fd_add(loop, fd, conn->events, on_events, conn);
	idle_restart(conn);
	return conn;
}

void conn_destroy(struct conn *conn)
{
	if (!conn)
		return;
	loop_fd_remove(conn->watch);
	loop_timer_remove(conn->idle);
	loop_timer_remove(conn->end);
	close(conn->fd);
	free(conn->in);
	free(conn->out);
	free(conn);
}

void conn_hold(struct conn *conn)
{
	conn->n_holds++;
	idle_restart(conn);
}

void conn_release(struct conn *conn)
{
	conn->n_holds--;
	idle_restart(conn);
}
