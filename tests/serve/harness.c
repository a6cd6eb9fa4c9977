/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket of the tests; see harness.h. */
#include "harness.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"
#include "loop.h"
#include "xalloc.h"

struct serve serve;

static int verb_echo(void *arg, struct control_call *call,
		     struct json_object *params)
{
	return control_reply(call, json_object_get(params));
}

static int verb_fail(void *arg, struct control_call *call,
		     struct json_object *params)
{
	return control_fail(call, RPC_REFUSED, 4, "the guest is \"paused\"");
}

static int verb_errno(void *arg, struct control_call *call,
		      struct json_object *params)
{
	return -ENOSPC;
}

static void on_gone(void *arg)
{
	serve.n_gone++;
}

static int verb_keep(void *arg, struct control_call *call,
		     struct json_object *params)
{
	serve.kept = call;
	control_on_gone(call, on_gone, NULL);
	return 0;
}

static int verb_big(void *arg, struct control_call *call,
		    struct json_object *params)
{
	struct json_object *result = json_object_new_object();
	char *text = xcalloc(300 * 1024 + 1, 1);

	memset(text, 'x', 300 * 1024);
	json_object_object_add(result, "text", json_object_new_string(text));
	free(text);
	return control_reply(call, result);
}

const struct control_verb serve_verbs[] = {
	{ "echo", CONTROL_READ, verb_echo },
	{ "fail", CONTROL_READ, verb_fail },
	{ "errno", CONTROL_READ, verb_errno },
	{ "keep", CONTROL_READ, verb_keep },
	{ "big", CONTROL_READ, verb_big },
	{ "change", CONTROL_CHANGE, verb_echo },
	{ "root", CONTROL_ROOT, verb_echo },
	{ NULL, 0, NULL },
};

static int who(void *arg, int fd, struct peer *ret_peer)
{
	*ret_peer = serve.peer_now;
	return 0;
}

void start_with(const struct control_verb *verbs, uint64_t idle_ns)
{
	struct control_settings settings = { .path = serve.path,
					     .fd = -1,
					     .verbs = verbs,
					     .idle_ns = idle_ns,
					     .who = who };

	ck_assert_int_eq(
		control_create(serve.loop, &settings, &serve.control, NULL), 0);
}

void start(uint64_t idle_ns)
{
	start_with(serve_verbs, idle_ns);
}

void serve_setup(void)
{
	log_set_level(LOG_LEVEL_ERROR);
	strcpy(serve.folder, "/tmp/test-control-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(serve.folder));
	snprintf(serve.path, sizeof(serve.path), "%s/control.sock",
		 serve.folder);
	serve.peer_now = (struct peer) {
		.pid = 1, .can_read = true, .can_change = true, .is_root = true
	};
	serve.kept = NULL;
	serve.n_gone = 0;
	serve.loop = loop_create();
	ck_assert_ptr_nonnull(serve.loop);
}

void serve_teardown(void)
{
	control_destroy(serve.control);
	serve.control = NULL;
	loop_destroy(serve.loop);
	ck_assert_int_eq(access(serve.path, F_OK), -1);
	rmdir(serve.folder);
}

static void on_turn(void *arg)
{
	loop_stop(arg);
}

void turn(void)
{
	struct loop_timer *timer =
		loop_timer_add(serve.loop, on_turn, serve.loop);

	loop_timer_set(timer, 1 * MS);
	loop_run(serve.loop);
	loop_timer_remove(timer);
}

int client_open(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(addr.sun_path, serve.path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&addr, sizeof(addr)),
			 0);
	ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

bool say_bytes(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			return false;
		if (n < 0) {
			turn();
			continue;
		}
		text += n;
		len -= (size_t)n;
	}
	return true;
}

void say(int fd, const char *text)
{
	ck_assert(say_bytes(fd, text, strlen(text)));
}

size_t hear(int fd, char *buf, size_t size)
{
	size_t len = 0;

	for (int i = 0; i < PATIENCE_MS && len + 1 < size;) {
		ssize_t n = recv(fd, buf + len, 1, 0);

		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return 0;
		if (n < 0) {
			turn();
			i++;
			continue;
		}
		len++;
		buf[len] = '\0';
		if (buf[len - 1] == '\n')
			return len;
	}
	ck_abort_msg("nothing was heard");
	return 0;
}

void expect(int fd, const char *line)
{
	char buf[4096] = "";

	hear(fd, buf, sizeof(buf));
	ck_assert_str_eq(buf, line);
}

void expect_end(int fd)
{
	char buf[4096];

	ck_assert_uint_eq(hear(fd, buf, sizeof(buf)), 0);
	close(fd);
}
