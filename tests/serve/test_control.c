/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the control socket says to good, bad and unwelcome requests.
 */
#include <check.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "xalloc.h"

static const struct {
	const char *what;
	const char *request;
	const char *reply;
} dialogs[] = {
	{ "a call is answered", ECHO, ECHO_REPLY },
	{ "params may be absent",
	  "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"echo\"}\n",
	  "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"result\":{}}\n" },
	{ "a refusal carries its exit status",
	  "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"fail\"}\n",
	  "{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{\"code\":-32002,"
	  "\"message\":\"the guest is \\\"paused\\\"\",\"data\":{\"exit\":4}}}"
	  "\n" },
	{ "an errno of a handler is an answer",
	  "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"errno\"}\n",
	  "{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{\"code\":-32001,"
	  "\"message\":\"No space left on device\",\"data\":{\"exit\":1}}}\n" },
	{ "an unknown method is named",
	  "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"nope\"}\n",
	  "{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{\"code\":-32601,"
	  "\"message\":\"unknown method \\\"nope\\\"\","
	  "\"data\":{\"exit\":2}}}\n" },
	{ "params must be an object",
	  "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"echo\",\"params\":[1]}\n",
	  "{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{\"code\":-32602,"
	  "\"message\":\"\\\"params\\\" must be an object\","
	  "\"data\":{\"exit\":2}}}\n" },
	{ "a batch is not a request",
	  "["
	  "{}"
	  "]\n",
	  "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,"
	  "\"message\":\"a request is one object\",\"data\":{\"exit\":2}}}\n" },
	{ "another version is not a request",
	  "{\"id\":1,\"method\":\"echo\"}\n",
	  "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32600,"
	  "\"message\":\"a request has \\\"jsonrpc\\\": \\\"2.0\\\" and a "
	  "\\\"method\\\"\",\"data\":{\"exit\":2}}}\n" },
	{ "an id of another type is not echoed",
	  "{\"jsonrpc\":\"2.0\",\"id\":[1],\"method\":\"echo\"}\n",
	  "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,"
	  "\"message\":\"\\\"id\\\" must be a string or an integer\","
	  "\"data\":{\"exit\":2}}}\n" },
};

START_TEST(request_gets_its_reply)
{
	int fd;

	start(0);
	fd = client_open();
	say(fd, dialogs[_i].request);
	expect(fd, dialogs[_i].reply);
	/* the connection is still good */
	say(fd, ECHO);
	expect(fd, ECHO_REPLY);
	close(fd);
}
END_TEST

static const char *const garbage[] = {
	"\n",
	"}{\n",
	"null\n",
	"12abc\n",
	"{\"jsonrpc\":\"2.0\",\n",
	"\xff\xfe{\"a\"}\n",
	"{'jsonrpc':'2.0'\n",
	"\"\\ud800\n",
	"{}{}\n",
	"[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]\n",
};

START_TEST(garbage_is_answered_with_an_error_and_harms_nothing)
{
	char buf[4096];
	int fd;

	start(0);
	fd = client_open();
	say(fd, garbage[_i]);
	hear(fd, buf, sizeof(buf));
	ck_assert_ptr_nonnull(strstr(buf, "\"error\":{\"code\":-32"));
	say(fd, ECHO);
	expect(fd, ECHO_REPLY);
	close(fd);
}
END_TEST

START_TEST(nul_byte_in_a_line_is_garbage)
{
	char buf[4096];
	int fd;

	start(0);
	fd = client_open();
	ck_assert(say_bytes(fd, "{\"jsonrpc\"\0:1}\n", 15));
	hear(fd, buf, sizeof(buf));
	ck_assert_ptr_nonnull(strstr(buf, "-32700"));
	close(fd);
}
END_TEST

START_TEST(notification_is_run_and_not_answered)
{
	int fd;

	start(0);
	fd = client_open();
	say(fd, "{\"jsonrpc\":\"2.0\",\"method\":\"fail\"}\n" ECHO);
	expect(fd, ECHO_REPLY);
	close(fd);
}
END_TEST

START_TEST(notifications_come_before_the_late_reply)
{
	struct json_object *params = json_object_new_object();
	int fd;

	start(0);
	fd = client_open();
	say(fd, KEEP);
	while (!serve.kept)
		turn();
	control_notify(serve.kept, "progress", params);
	expect(fd, "{\"jsonrpc\":\"2.0\",\"method\":\"progress\","
		   "\"params\":{}}\n");
	/* other calls are answered in between */
	say(fd, ECHO);
	expect(fd, ECHO_REPLY);
	control_reply(serve.kept, json_object_get(params));
	expect(fd, "{\"jsonrpc\":\"2.0\",\"id\":\"k\",\"result\":{}}\n");
	json_object_put(params);
	close(fd);
}
END_TEST

START_TEST(handler_hears_that_its_client_is_gone_and_answers_nobody)
{
	struct json_object *params = json_object_new_object();
	int fd;

	start(0);
	fd = client_open();
	say(fd, KEEP);
	while (!serve.kept)
		turn();
	close(fd);
	for (int i = 0; i < PATIENCE_MS && !serve.n_gone; i++)
		turn();
	ck_assert_uint_eq(serve.n_gone, 1);
	control_notify(serve.kept, "progress", params);
	control_reply(serve.kept, params);
}
END_TEST

START_TEST(kept_call_outlives_the_control)
{
	int fd;

	start(0);
	fd = client_open();
	say(fd, KEEP);
	while (!serve.kept)
		turn();
	control_destroy(serve.control);
	serve.control = NULL;
	ck_assert_uint_eq(serve.n_gone, 1);
	control_fail(serve.kept, RPC_FAILED, 1, "vmnumad ends");
	close(fd);
}
END_TEST

static const struct {
	const char *what;
	struct peer peer;
	const char *method;
	const char *reply; /* part of it */
} rights[] = {
	{ "a reader may read",
	  { .uid = 5, .can_read = true },
	  "echo",
	  "\"result\"" },
	{ "a reader may not change",
	  { .uid = 5, .can_read = true },
	  "change",
	  "\"code\":-32000,\"message\":\"this needs root, or membership of "
	  "group \\\"vmnumad-admin\\\"\"" },
	{ "an admin may change",
	  { .uid = 5, .can_read = true, .can_change = true },
	  "change",
	  "\"result\"" },
	{ "an admin is not root",
	  { .uid = 5, .can_read = true, .can_change = true },
	  "root",
	  "\"code\":-32000,\"message\":\"this needs root\"" },
	{ "a stranger is turned away",
	  { .uid = 5 },
	  "echo",
	  "group \\\"vmnumad\\\"" },
	{ "root may all",
	  { .can_read = true, .can_change = true, .is_root = true },
	  "root",
	  "\"result\"" },
};

START_TEST(rights_decide)
{
	char buf[4096];
	int fd;

	start(0);
	serve.peer_now = rights[_i].peer;
	fd = client_open();
	turn();
	snprintf(buf, sizeof(buf),
		 "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\"}\n",
		 rights[_i].method);
	say_bytes(fd, buf, strlen(buf));
	hear(fd, buf, sizeof(buf));
	ck_assert_msg(strstr(buf, rights[_i].reply), "%s: %s", rights[_i].what,
		      buf);
	close(fd);
}
END_TEST

START_TEST(own_user_has_all_rights_by_the_kernels_word)
{
	struct control_settings settings = { .path = serve.path,
					     .fd = -1,
					     .verbs = serve_verbs };
	int fd;

	ck_assert_int_eq(
		control_create(serve.loop, &settings, &serve.control, NULL), 0);
	fd = client_open();
	say(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"root\"}\n");
	expect(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n");
	close(fd);
}
END_TEST

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

int main(void)
{
	Suite *suite = suite_create("control");
	TCase *tcase = tcase_create("control");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_checked_fixture(tcase, serve_setup, serve_teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, request_gets_its_reply, 0, ROWS(dialogs));
	tcase_add_loop_test(tcase,
			    garbage_is_answered_with_an_error_and_harms_nothing,
			    0, ROWS(garbage));
	tcase_add_test(tcase, nul_byte_in_a_line_is_garbage);
	tcase_add_test(tcase, notification_is_run_and_not_answered);
	tcase_add_test(tcase, notifications_come_before_the_late_reply);
	tcase_add_test(
		tcase,
		handler_hears_that_its_client_is_gone_and_answers_nobody);
	tcase_add_test(tcase, kept_call_outlives_the_control);
	tcase_add_loop_test(tcase, rights_decide, 0, ROWS(rights));
	tcase_add_test(tcase, own_user_has_all_rights_by_the_kernels_word);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? 1 : 0;
}
