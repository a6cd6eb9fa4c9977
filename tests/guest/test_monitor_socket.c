/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest/monitor_socket.c against a peer on the other end of a socket pair: one
 * that behaves as QEMU does, and the ways in which one may not. The clock is
 * ours, so that no test waits for a deadline.
 */
#include "guest/monitor_socket.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "qmp/query.h"
#include "sys.h"

#define N(array) ((int)(sizeof(array) / sizeof((array)[0])))
#define NS_PER_S 1000000000ull

#define GREETING                                                               \
	"{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, "    \
	"\"major\": 7}, \"package\": \"\"}, \"capabilities\": [\"oob\"]}}\r\n"
#define EVENT                                                                  \
	"{\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}, \"event\": "   \
	"\"RESUME\"}\r\n"
#define VERSION                                                                \
	"{\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}, "             \
	"\"package\": \"\"}"

enum manner {
	QEMU, /* answers, with an event before */
	DRIP, /* the same, byte by byte */
	OLD, /* knows no such command */
	MUTE, /* never says a word */
	BYE, /* leaves before the greeting */
	BYE_LATER, /* leaves in place of an answer */
	STALL, /* answers the handshake, then time passes, then one byte */
	FLOOD, /* events without end */
	LONG, /* a line without end */
	GIBBERISH, /* not JSON */
	SECOND_GREETING, /* out of turn */
};

struct peer {
	atomic_int manner; /* an enum manner: how it behaves */
	int fd; /* its end, closed by it */
	pthread_t thread; /* where it runs */
	_Atomic uint64_t now_ns; /* the clock of the test */
	uint64_t step_ns; /* the clock goes on by this at each look */
};

static uint64_t peer_now_ns(void *self)
{
	struct peer *peer = self;

	return atomic_fetch_add(&peer->now_ns, peer->step_ns);
}

static const struct sys_ops clock_ops = { .now_ns = peer_now_ns };

/* False: the other end has gone. */
static bool say(struct peer *peer, const char *text)
{
	size_t step = peer->manner == DRIP ? 1 : strlen(text);

	for (; *text; text += step)
		if (send(peer->fd, text, step, MSG_NOSIGNAL) < 0)
			return false;
	return true;
}

/* One command; false: the other end has gone. */
static bool hear(struct peer *peer, char *line, size_t size)
{
	size_t len = 0;

	while (len < size - 1 && recv(peer->fd, &line[len], 1, 0) == 1)
		if (line[len++] == '\n') {
			line[len] = '\0';
			return true;
		}
	return false;
}

static bool answer(struct peer *peer, const char *line, const char *what)
{
	const char *id = strstr(line, "\"id\"");
	char text[1024];
	int len;

	ck_assert_ptr_nonnull(id);
	len = (int)strcspn(id, "}\r\n");
	snprintf(text, sizeof(text), "{%s, %.*s}\r\n", what, len, id);
	return say(peer, text);
}

static bool say_for_ever(struct peer *peer, const char *text)
{
	while (say(peer, text))
		;
	return false;
}

/* What it does in place of, or with, the answer to a command. */
static bool reply(struct peer *peer, const char *line)
{
	switch (atomic_load(&peer->manner)) {
	case BYE_LATER:
		return false;
	case STALL:
		atomic_fetch_add(&peer->now_ns, 60 * NS_PER_S);
		return say(peer, " ");
	case FLOOD:
		return say_for_ever(peer, EVENT);
	case LONG:
		return say_for_ever(peer, "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	case GIBBERISH:
		return say(peer, "{]\r\n");
	case SECOND_GREETING:
		return say(peer, GREETING);
	case OLD:
		return answer(peer, line,
			      "\"error\": {\"class\": \"CommandNotFound\", "
			      "\"desc\": \"no\"}");
	default:
		return say(peer, EVENT) &&
		       answer(peer, line, "\"return\": " VERSION);
	}
}

static void *live(void *arg)
{
	struct peer *peer = arg;
	char line[1024];
	bool is_here = peer->manner != BYE;

	if (is_here && peer->manner != MUTE)
		is_here = say(peer, GREETING);
	while (is_here && hear(peer, line, sizeof(line)))
		is_here = strstr(line, "qmp_capabilities")
				  ? answer(peer, line, "\"return\": {}")
				  : reply(peer, line);
	close(peer->fd);
	return NULL;
}

static struct monitor meet(struct peer *peer, enum manner manner,
			   struct sys *sys)
{
	struct monitor monitor;
	int fds[2];

	*peer = (struct peer) { 0 };
	peer->manner = manner;
	if (manner == MUTE)
		peer->step_ns = 2 * NS_PER_S;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	peer->fd = fds[0];
	*sys = (struct sys) { &clock_ops, peer };
	monitor_socket_take(sys, fds[1], &monitor);
	ck_assert_int_eq(pthread_create(&peer->thread, NULL, live, peer), 0);
	return monitor;
}

static void part(struct peer *peer, struct monitor *monitor)
{
	monitor->ops->close(monitor->self);
	pthread_join(peer->thread, NULL);
}

START_TEST(answers_come_back_whole_however_they_arrive)
{
	const struct qmp_command command = { QMP_QUERY_VERSION };
	struct qmp_version version;
	struct peer peer;
	struct sys sys;
	struct monitor monitor = meet(&peer, _i == 0 ? QEMU : DRIP, &sys);
	struct why why = { "" };

	for (int i = 0; i < 100; i++) {
		struct qmp_value *value = NULL;

		peer.now_ns += NS_PER_S / 50;
		ck_assert_msg(monitor.ops->ask(monitor.self, &command, &value,
					       &why) == 0,
			      "%s", why.text);
		ck_assert_int_eq(qmp_parse_version(value, &version, &why), 0);
		ck_assert_uint_eq(version.major, 7);
		qmp_value_free(value);
	}
	part(&peer, &monitor);
}
END_TEST

static const struct {
	enum manner manner;
	int err;
	const char *words;
} troubles[] = {
	{ OLD, -EOPNOTSUPP, "CommandNotFound" },
	{ MUTE, -EBUSY, "busy" },
	{ BYE, -ECONNRESET, "closed its monitor" },
	{ BYE_LATER, -ECONNRESET, "closed its monitor" },
	{ STALL, -ETIMEDOUT, "not answered" },
	{ FLOOD, -ENOBUFS, "floods" },
	{ LONG, -EMSGSIZE, "bytes" },
	{ GIBBERISH, -EBADMSG, "" },
	{ SECOND_GREETING, -EPROTO, "greeting" },
};

START_TEST(peer_that_misbehaves_ends_the_question_with_a_reason)
{
	const struct qmp_command command = { QMP_QUERY_VERSION };
	struct qmp_value *value = NULL;
	struct peer peer;
	struct sys sys;
	struct monitor monitor = meet(&peer, troubles[_i].manner, &sys);
	struct why why = { "" };

	ck_assert_int_eq(monitor.ops->ask(monitor.self, &command, &value, &why),
			 troubles[_i].err);
	ck_assert_msg(strstr(why.text, troubles[_i].words) != NULL,
		      "\"%s\" lacks \"%s\"", why.text, troubles[_i].words);
	ck_assert_ptr_null(value);
	part(&peer, &monitor);
}
END_TEST

START_TEST(dead_monitor_says_so_at_every_further_question)
{
	const struct qmp_command command = { QMP_QUERY_VERSION };
	struct qmp_value *value = NULL;
	struct peer peer;
	struct sys sys;
	struct monitor monitor = meet(&peer, BYE, &sys);
	struct why why;

	for (int i = 0; i < 3; i++) {
		why.text[0] = '\0';
		ck_assert_int_eq(
			monitor.ops->ask(monitor.self, &command, &value, &why),
			-ECONNRESET);
		ck_assert(strstr(why.text, "closed its monitor") != NULL);
	}
	part(&peer, &monitor);
}
END_TEST

START_TEST(refusal_of_a_command_does_not_end_the_conversation)
{
	const struct qmp_command command = { QMP_QUERY_VERSION };
	struct qmp_value *value = NULL;
	struct peer peer;
	struct sys sys;
	struct monitor monitor = meet(&peer, OLD, &sys);

	ck_assert_int_eq(monitor.ops->ask(monitor.self, &command, &value, NULL),
			 -EOPNOTSUPP);
	peer.manner = QEMU;
	ck_assert_int_eq(monitor.ops->ask(monitor.self, &command, &value, NULL),
			 0);
	qmp_value_free(value);
	part(&peer, &monitor);
}
END_TEST

START_TEST(handshake_is_no_question_to_ask)
{
	const struct qmp_command command = { QMP_CAPABILITIES };
	struct qmp_value *value = NULL;
	struct peer peer;
	struct sys sys;
	struct monitor monitor = meet(&peer, QEMU, &sys);
	struct why why = { "" };

	ck_assert_int_eq(monitor.ops->ask(monitor.self, &command, &value, &why),
			 -EINVAL);
	ck_assert_str_ne(why.text, "");
	part(&peer, &monitor);
}
END_TEST

/* A socket file in a directory of its own; backlog < 0: nobody listens. */
struct place {
	char dir[32];
	char path[64];
	int fd;
};

static void place_begin(struct place *p, int backlog)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	strcpy(p->dir, P_tmpdir "/vmnumad-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(p->dir));
	snprintf(p->path, sizeof(p->path), "%s/qmp.sock", p->dir);
	strcpy(addr.sun_path, p->path);
	p->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(p->fd, (struct sockaddr *)&addr, sizeof(addr)),
			 0);
	if (backlog >= 0)
		ck_assert_int_eq(listen(p->fd, backlog), 0);
}

static void place_end(struct place *p)
{
	close(p->fd);
	unlink(p->path);
	rmdir(p->dir);
}

START_TEST(socket_that_cannot_be_reached_is_told_with_its_path)
{
	struct peer peer = { 0 };
	struct sys sys = { &clock_ops, &peer };
	struct monitor monitor;
	struct place place;
	struct why why;
	char far[200];

	place_begin(&place, -1);
	ck_assert_int_eq(
		monitor_socket_open(&sys, place.path, 0, &monitor, &why),
		-ECONNREFUSED);
	ck_assert(strstr(why.text, place.path) != NULL);
	ck_assert(strstr(why.text, "nobody listens") != NULL);
	unlink(place.path);
	ck_assert_int_eq(
		monitor_socket_open(&sys, place.path, 0, &monitor, &why),
		-ENOENT);
	ck_assert(strstr(why.text, place.path) != NULL);
	memset(far, 'x', sizeof(far));
	far[sizeof(far) - 1] = '\0';
	ck_assert_int_eq(monitor_socket_open(&sys, far, 0, &monitor, &why),
			 -ENAMETOOLONG);
	place_end(&place);
}
END_TEST

START_TEST(socket_of_another_process_is_told_nothing)
{
	struct peer peer = { 0 };
	struct sys sys = { &clock_ops, &peer };
	struct monitor monitor;
	struct place place;
	struct why why;
	char byte;
	int fd;

	place_begin(&place, 1);
	ck_assert_int_eq(monitor_socket_open(&sys, place.path, getpid() + 1,
					     &monitor, &why),
			 -EPERM);
	ck_assert(strstr(why.text, "was opened by process") != NULL);
	fd = accept(place.fd, NULL, NULL);
	ck_assert_int_eq(recv(fd, &byte, 1, 0), 0);
	close(fd);
	ck_assert_int_eq(
		monitor_socket_open(&sys, place.path, getpid(), &monitor, &why),
		0);
	monitor.ops->close(monitor.self);
	place_end(&place);
}
END_TEST

START_TEST(path_that_is_no_socket_is_told)
{
	struct peer peer = { 0 };
	struct sys sys = { &clock_ops, &peer };
	struct monitor monitor;
	struct why why;

	ck_assert_int_eq(
		monitor_socket_open(&sys, "/dev/null", 0, &monitor, &why),
		-ECONNREFUSED);
	ck_assert_str_eq(why.text, "/dev/null is not a socket");
}
END_TEST

START_TEST(full_line_of_waiters_is_told_at_once)
{
	struct peer peer = { 0 };
	struct sys sys = { &clock_ops, &peer };
	struct monitor monitors[16];
	struct place place;
	struct why why = { "" };
	int n = 0;
	int err = 0;

	place_begin(&place, 0);
	while (n < N(monitors)) {
		err = monitor_socket_open(&sys, place.path, 0, &monitors[n],
					  &why);
		if (err)
			break;
		n++;
	}
	ck_assert_int_eq(err, -EAGAIN);
	ck_assert(strstr(why.text, "busy") != NULL);
	while (n > 0) {
		n--;
		monitors[n].ops->close(monitors[n].self);
	}
	place_end(&place);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("monitor_socket");
	TCase *tc = tcase_create("monitor_socket");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tc, answers_come_back_whole_however_they_arrive, 0,
			    2);
	tcase_add_loop_test(
		tc, peer_that_misbehaves_ends_the_question_with_a_reason, 0,
		N(troubles));
	tcase_add_test(tc, dead_monitor_says_so_at_every_further_question);
	tcase_add_test(tc, refusal_of_a_command_does_not_end_the_conversation);
	tcase_add_test(tc, handshake_is_no_question_to_ask);
	tcase_add_test(tc, socket_that_cannot_be_reached_is_told_with_its_path);
	tcase_add_test(tc, socket_of_another_process_is_told_nothing);
	tcase_add_test(tc, path_that_is_no_socket_is_told);
	tcase_add_test(tc, full_line_of_waiters_is_told_at_once);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
