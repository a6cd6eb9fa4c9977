/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What bounds a client of the control socket: lines, connections, time, memory.
 */
#include <check.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "xalloc.h"

START_TEST(line_may_come_in_single_bytes_and_many_lines_at_once)
{
	int fd;

	start(0);
	fd = client_open();
	for (const char *at = ECHO; *at; at++) {
		ck_assert(say_bytes(fd, at, 1));
		turn();
	}
	expect(fd, ECHO_REPLY);
	say(fd, ECHO ECHO ECHO);
	for (int i = 0; i < 3; i++)
		expect(fd, ECHO_REPLY);
	close(fd);
}
END_TEST

START_TEST(line_of_64_kib_is_taken)
{
	static const char head[] = "{\"jsonrpc\":\"2.0\",\"id\":1,"
				   "\"method\":\"echo\",\"x\":\"";
	char *line = xcalloc(65536 + 1, 1);
	int fd;

	memset(line, 'x', 65536);
	memcpy(line, head, sizeof(head) - 1);
	memcpy(line + 65534, "\"}\n", 3);
	start(0);
	fd = client_open();
	ck_assert(say_bytes(fd, line, 65537));
	expect(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n");
	close(fd);
	free(line);
}
END_TEST

START_TEST(longer_line_is_refused_and_the_connection_ends)
{
	char *line = xcalloc(65537 + 1, 1);
	int fd;

	memset(line, 'x', 65537);
	start(0);
	fd = client_open();
	ck_assert(say_bytes(fd, line, 65537));
	expect(fd,
	       "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,"
	       "\"message\":\"a request has at most 65536 bytes\","
	       "\"data\":{\"exit\":2}}}\n");
	expect_end(fd);
	free(line);
}
END_TEST

START_TEST(hundred_connections_are_held_to_sixteen)
{
	char buf[4096];
	int fds[100];

	start(0);
	for (int i = 0; i < 100; i++) {
		fds[i] = client_open();
		turn();
	}
	for (int i = 0; i < 16; i++) {
		say(fds[i], ECHO);
		expect(fds[i], ECHO_REPLY);
	}
	for (int i = 16; i < 100; i++) {
		hear(fds[i], buf, sizeof(buf));
		ck_assert_ptr_nonnull(strstr(buf, "16 connections at most"));
		expect_end(fds[i]);
	}
	close(fds[0]);
	turn();
	fds[0] = client_open();
	say(fds[0], ECHO);
	expect(fds[0], ECHO_REPLY);
	for (int i = 0; i < 16; i++)
		close(fds[i]);
}
END_TEST

START_TEST(idle_client_is_let_go)
{
	int fd;

	start(20 * MS);
	fd = client_open();
	say(fd, "{\"half");
	expect_end(fd);
}
END_TEST

START_TEST(client_that_waits_for_an_answer_is_not_idle)
{
	int fd;

	start(20 * MS);
	fd = client_open();
	say(fd, KEEP);
	for (int i = 0; i < 100; i++)
		turn();
	ck_assert_ptr_nonnull(serve.kept);
	ck_assert_uint_eq(serve.n_gone, 0);
	control_reply(serve.kept, NULL);
	expect(fd, "{\"jsonrpc\":\"2.0\",\"id\":\"k\",\"result\":{}}\n");
	expect_end(fd);
}
END_TEST

START_TEST(client_has_eight_open_calls_at_most)
{
	struct control_call *calls[CONTROL_CALLS_MAX];
	char buf[4096];
	int fd;

	start(0);
	fd = client_open();
	for (int i = 0; i < CONTROL_CALLS_MAX; i++) {
		serve.kept = NULL;
		say(fd, KEEP);
		while (!serve.kept)
			turn();
		calls[i] = serve.kept;
	}
	say(fd, KEEP);
	hear(fd, buf, sizeof(buf));
	ck_assert_ptr_nonnull(strstr(buf, "too many requests"));
	for (int i = 0; i < CONTROL_CALLS_MAX; i++)
		control_reply(calls[i], NULL);
	close(fd);
}
END_TEST

START_TEST(client_that_does_not_read_is_dropped)
{
	static const char big[] = "{\"jsonrpc\":\"2.0\",\"id\":1,"
				  "\"method\":\"big\"}\n";
	bool is_there = true;
	int fd;

	start(0);
	fd = client_open();
	for (int i = 0; i < 100 && is_there; i++) {
		is_there = say_bytes(fd, big, strlen(big));
		turn();
	}
	ck_assert(!is_there);
	close(fd);
}
END_TEST

START_TEST(client_that_closes_in_the_middle_of_a_reply_harms_nobody)
{
	int other;
	int fd;

	start(0);
	other = client_open();
	fd = client_open();
	say(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"big\"}\n"
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"big\"}\n");
	turn();
	close(fd);
	turn();
	say(other, ECHO);
	expect(other, ECHO_REPLY);
	close(other);
}
END_TEST

START_TEST(answers_are_delivered_to_a_client_that_stopped_sending)
{
	int fd;

	start(0);
	fd = client_open();
	say(fd, ECHO);
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	expect(fd, ECHO_REPLY);
	expect_end(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("limits");
	TCase *tcase = tcase_create("limits");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_checked_fixture(tcase, serve_setup, serve_teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase,
		       line_may_come_in_single_bytes_and_many_lines_at_once);
	tcase_add_test(tcase, line_of_64_kib_is_taken);
	tcase_add_test(tcase, longer_line_is_refused_and_the_connection_ends);
	tcase_add_test(tcase, hundred_connections_are_held_to_sixteen);
	tcase_add_test(tcase, idle_client_is_let_go);
	tcase_add_test(tcase, client_that_waits_for_an_answer_is_not_idle);
	tcase_add_test(tcase, client_has_eight_open_calls_at_most);
	tcase_add_test(tcase, client_that_does_not_read_is_dropped);
	tcase_add_test(
		tcase,
		client_that_closes_in_the_middle_of_a_reply_harms_nobody);
	tcase_add_test(tcase,
		       answers_are_delivered_to_a_client_that_stopped_sending);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? 1 : 0;
}
