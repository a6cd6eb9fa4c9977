/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All waiting is in wait_socket(), always until the session's own deadline,
 * which bytes from QEMU do not push back: a peer that drips, floods or stands
 * still costs this thread a few seconds and no more.
 */
#include "guest/monitor_socket.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "qmp/session.h"
#include "sys.h"
#include "xalloc.h"

#define RECEIVE_BYTES 16384
#define NS_PER_MS     1000000ull

struct monitor_socket {
	const struct sys *sys; /* borrowed: the clock */
	int fd; /* owned, connected */
	struct qmp_session session; /* the conversation */
	uint64_t token; /* of the latest question */
};

static uint64_t now_ns(const struct monitor_socket *m)
{
	return m->sys->ops->now_ns(m->sys->self);
}

/* Until fd is ready for events or the session's deadline has passed; the
 * session hears of the latter. */
static int wait_socket(struct monitor_socket *m, short events)
{
	struct pollfd p = { .fd = m->fd, .events = events };
	uint64_t deadline_ns = qmp_session_deadline(&m->session);
	uint64_t now = now_ns(m);
	uint64_t left_ms = 0;

	if (deadline_ns > now)
		left_ms = (deadline_ns - now + NS_PER_MS - 1) / NS_PER_MS;
	if (left_ms > 60 * 1000)
		left_ms = 60 * 1000;
	if (poll(&p, 1, (int)left_ms) > 0)
		return 0;
	return qmp_session_tick(&m->session, now_ns(m));
}

static int lose(struct monitor_socket *m, int error, const char *reason)
{
	qmp_session_lost(&m->session, error, reason);
	return m->session.error;
}

static int send_all(struct monitor_socket *m, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n =
			send(m->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		int err;

		if (n >= 0) {
			bytes += n;
			len -= (size_t)n;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return lose(m, -ECONNRESET, "QEMU closed its monitor");
		err = wait_socket(m, POLLOUT);
		if (err)
			return err;
	}
	return 0;
}

static int send_output(struct monitor_socket *m)
{
	const char *bytes;
	size_t len;
	int err = 0;

	while (!err && qmp_session_next_output(&m->session, &bytes, &len))
		err = send_all(m, bytes, len);
	return err;
}

/* Wait for bytes and hand them to the session. */
static int receive(struct monitor_socket *m)
{
	char bytes[RECEIVE_BYTES];
	ssize_t n;
	int err = wait_socket(m, POLLIN);

	if (err)
		return err;
	n = recv(m->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n > 0)
		return qmp_session_feed(&m->session, bytes, (size_t)n,
					now_ns(m));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	return lose(m, -ECONNRESET, "QEMU closed its monitor");
}

/* True once the answer to the latest question is among the results. Events are
 * not for us: what they could tell is asked for. */
static bool take_answer(struct monitor_socket *m, struct qmp_result *ret_answer)
{
	struct qmp_result result;

	while (qmp_session_next_result(&m->session, &result)) {
		if (result.kind == QMP_RESULT_COMMAND &&
		    result.token == m->token) {
			*ret_answer = result;
			return true;
		}
		qmp_result_finish(&result);
	}
	return false;
}

static int ask(void *self, const struct qmp_command *command,
	       struct qmp_value **ret_value, struct why *why)
{
	struct monitor_socket *m = self;
	struct qmp_result answer;
	int err =
		qmp_session_submit(&m->session, command, ++m->token, now_ns(m));

	if (err) {
		why_set(why, "%s",
			m->session.error ? m->session.why.text
					 : strerror(-err));
		return err;
	}
	/* A session that dies answers every question, so this ends. */
	while (!take_answer(m, &answer)) {
		if (!send_output(m))
			receive(m);
	}
	if (answer.error) {
		why_set(why, "%s", answer.why.text);
		qmp_result_finish(&answer);
		return answer.error;
	}
	*ret_value = answer.value;
	return 0;
}

static void monitor_socket_close(void *self)
{
	struct monitor_socket *m = self;

	qmp_session_finish(&m->session);
	close(m->fd);
	free(m);
}

static const struct monitor_ops monitor_socket_ops = {
	.ask = ask,
	.close = monitor_socket_close,
};

void monitor_socket_take(const struct sys *sys, int fd,
			 struct monitor *ret_monitor)
{
	struct monitor_socket *m = xcalloc(1, sizeof(*m));
	uint64_t id_prefix;

	m->sys = sys;
	m->fd = fd;
	/* Only has to differ from other clients' ids, not to be secret. */
	if (getrandom(&id_prefix, sizeof(id_prefix), GRND_NONBLOCK) !=
	    sizeof(id_prefix))
		id_prefix = now_ns(m);
	qmp_session_init(&m->session, id_prefix, now_ns(m));
	*ret_monitor = (struct monitor) { &monitor_socket_ops, m };
}

static int connect_path(const char *path, int *ret_fd)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd;
	int err;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* A Unix socket connects at once or not at all. */
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0) {
		err = -errno;
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

/* The kernel remembers who called listen(2) on the other end. */
static int check_owner(int fd, const char *path, pid_t pid, struct why *why)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return -errno;
	if (cred.pid == pid)
		return 0;
	why_set(why,
		"the socket %.120s was opened by process %d, not by process %d",
		path, (int)cred.pid, (int)pid);
	return -EPERM;
}

static bool is_socket(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

int monitor_socket_open(const struct sys *sys, const char *path, pid_t pid,
			struct monitor *ret_monitor, struct why *why)
{
	int fd = -1;
	int err = connect_path(path, &fd);

	if (!err && pid) {
		err = check_owner(fd, path, pid, why);
		if (err) {
			close(fd);
			return err;
		}
	}
	if (err == -ECONNREFUSED && !is_socket(path)) {
		why_set(why, "%.180s is not a socket", path);
		return err;
	}
	switch (err) {
	case 0:
		monitor_socket_take(sys, fd, ret_monitor);
		return 0;
	case -ENOENT:
		why_set(why, "there is no monitor socket %.180s", path);
		break;
	case -ECONNREFUSED:
		why_set(why, "nobody listens on %.180s: has QEMU ended?", path);
		break;
	case -EAGAIN:
		why_set(why, "monitor busy: others wait for %.180s already",
			path);
		break;
	default:
		why_set(why, "cannot connect to %.180s: %s", path,
			strerror(-err));
	}
	return err;
}
