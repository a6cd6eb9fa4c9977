/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verb "events" over a real socket: what is remembered, what comes, and
 * readers that are slow or go away.
 */
#include <check.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon.h"
#include "harness.h"
#include "history.h"
#include "serve/answer.h"

#define ASK "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"events\"}\n"
#define TAIL                                                                   \
	"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"events\","                 \
	"\"params\":{\"follow\":true}}\n"

static struct daemon *daemon_now; /* what the verb works on */

static int run_events(void *arg, struct control_call *call,
		      struct json_object *params)
{
	return answer_events(daemon_now, call, params);
}

static const struct control_verb verbs[] = {
	{ "events", CONTROL_READ, run_events },
	{ NULL, 0, NULL },
};

static void setup(void)
{
	serve_setup();
	daemon_now = calloc(1, sizeof(*daemon_now));
	ck_assert_ptr_nonnull(daemon_now);
	daemon_now->history = history_create();
	start_with(verbs, 0);
}

/* The sockets go first, as in the daemon: a watch that is left would end the
 * program in history_destroy(). */
static void teardown(void)
{
	serve_teardown();
	history_destroy(daemon_now->history);
	free(daemon_now);
}

static void add(int n)
{
	struct happening h = {
		.time_ms = 1772357400004,
		.kind = HAPPENING_DEFERRED,
		.uuid = { "0b9a6b1e-5a3d-4d6e-9c1f-2f6c1b7f8a11" },
		.guest = "web",
		.text = "cell 0 is left alone",
		.reason = { "it is paused" },
	};

	for (int i = 0; i < n; i++)
		history_add(daemon_now->history, &h);
}

#define WEB                                                                    \
	"\"time\":\"2026-03-01T09:30:00.004Z\",\"kind\":\"deferred\","         \
	"\"guest\":\"web\","                                                   \
	"\"uuid\":\"0b9a6b1e-5a3d-4d6e-9c1f-2f6c1b7f8a11\",\"cell\":0,"        \
	"\"job\":null,\"text\":\"cell 0 is left alone\","                      \
	"\"reason\":\"it is paused\"}"
#define NOTE(number)                                                              \
	"{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":{\"event\":" number \
	"," WEB "}\n"

START_TEST(what_is_remembered_is_an_array)
{
	int fd = client_open();

	say(fd, ASK);
	expect(fd,
	       "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"events\":[]}}\n");
	add(2);
	say(fd, ASK);
	expect(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"events\":["
		   "{\"event\":1," WEB ",{\"event\":2," WEB "]}}\n");
	close(fd);
}
END_TEST

START_TEST(what_has_no_guest_cell_or_job_says_null)
{
	struct happening h = { .kind = HAPPENING_LIBVIRT, .cell = -1 };
	int fd = client_open();

	history_add(daemon_now->history, &h);
	h.job = 7;
	history_add(daemon_now->history, &h);
	say(fd, ASK);
	expect(fd,
	       "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"events\":["
	       "{\"event\":1,\"time\":\"1970-01-01T00:00:00.000Z\","
	       "\"kind\":\"libvirt\",\"guest\":null,\"uuid\":null,"
	       "\"cell\":null,\"job\":null,\"text\":\"\",\"reason\":\"\"},"
	       "{\"event\":2,\"time\":\"1970-01-01T00:00:00.000Z\","
	       "\"kind\":\"libvirt\",\"guest\":null,\"uuid\":null,"
	       "\"cell\":null,\"job\":7,\"text\":\"\",\"reason\":\"\"}]}}\n");
	close(fd);
}
END_TEST

START_TEST(follower_hears_what_was_and_what_comes)
{
	int fd = client_open();

	add(1);
	say(fd, TAIL);
	expect(fd, NOTE("1"));
	add(2);
	expect(fd, NOTE("2"));
	expect(fd, NOTE("3"));
	close(fd);
	turn();
}
END_TEST

START_TEST(follower_that_leaves_is_forgotten)
{
	for (int i = 0; i < 100; i++) {
		int fd = client_open();

		say(fd, TAIL);
		turn();
		add(1);
		close(fd);
		turn();
		turn();
	}
	add(1);
}
END_TEST

/* 4 MB are told: the one who does not read is dropped at the first megabyte,
 * the one who reads goes on. */
START_TEST(slow_follower_is_dropped_and_the_other_goes_on)
{
	int slow = client_open(), quick = client_open();
	char buf[4096], want[4096];

	say(slow, TAIL);
	say(quick, TAIL);
	turn();
	for (int i = 1; i <= 10000; i++) {
		add(1);
		if (i % 500)
			continue;
		for (int k = i - 499; k <= i; k++) {
			hear(quick, buf, sizeof(buf));
			snprintf(want, sizeof(want), "\"event\":%d,", k);
			ck_assert_ptr_nonnull(strstr(buf, want));
		}
	}
	close(quick);
	while (hear(slow, buf, sizeof(buf)))
		;
	close(slow);
}
END_TEST

START_TEST(strange_parameters_are_refused)
{
	char buf[4096];
	int fd = client_open();

	say(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"events\","
		"\"params\":{\"follow\":3}}\n");
	hear(fd, buf, sizeof(buf));
	ck_assert_ptr_nonnull(strstr(buf, "\"exit\":2"));
	say(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"events\","
		"\"params\":{\"guest\":\"web\"}}\n");
	hear(fd, buf, sizeof(buf));
	ck_assert_ptr_nonnull(strstr(buf, "\"exit\":2"));
	close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("serve: events");
	TCase *tests = tcase_create("events");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, what_is_remembered_is_an_array);
	tcase_add_test(tests, what_has_no_guest_cell_or_job_says_null);
	tcase_add_test(tests, follower_hears_what_was_and_what_comes);
	tcase_add_test(tests, follower_that_leaves_is_forgotten);
	tcase_add_test(tests, slow_follower_is_dropped_and_the_other_goes_on);
	tcase_add_test(tests, strange_parameters_are_refused);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
