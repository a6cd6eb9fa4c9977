/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of qmp/session.c: whole conversations as bytes and times, with QEMUs
 * that are slow, silent, talkative, broken or hostile.
 */
#include "qmp/session.h"

#include <errno.h>
#include <string.h>

#include "data.h"

#define SEC 1000000000ull
#define T0  (1000 * SEC)

#define GREETING                                                               \
	"{\"QMP\":{\"version\":{\"qemu\":{}},\"capabilities\":[\"oob\"]}}\r\n"
#define ID(n)            "\"id\":\"vmn-00000000000000ab-" n "\""
#define DONE(n)          "{\"return\":{}," ID(n) "}\r\n"
#define ANSWER(n, value) "{" ID(n) ",\"return\":" value "}\r\n"
#define EVENT            "{\"event\":\"RTC_CHANGE\",\"data\":{\"offset\":1}}\r\n"

static const struct qmp_command status = { QMP_QUERY_STATUS, { 0 } };
static const struct qmp_command version = { QMP_QUERY_VERSION, { 0 } };

static int feed(struct qmp_session *s, const char *bytes, uint64_t now_ns)
{
	return qmp_session_feed(s, bytes, strlen(bytes), now_ns);
}

static void expect_output(struct qmp_session *s, const char *want)
{
	const char *bytes = "";
	size_t len = 0;
	bool is_there = qmp_session_next_output(s, &bytes, &len);

	ck_assert_int_eq(is_there, *want != '\0');
	ck_assert_uint_eq(len, strlen(want));
	ck_assert(memcmp(bytes, want, len) == 0);
}

static void expect_command(struct qmp_session *s, uint64_t token, int error)
{
	struct qmp_result result;

	ck_assert(qmp_session_next_result(s, &result));
	ck_assert_int_eq(result.kind, QMP_RESULT_COMMAND);
	ck_assert_uint_eq(result.token, token);
	ck_assert_int_eq(result.error, error);
	if (error)
		ck_assert_str_ne(result.why.text, "");
	qmp_result_finish(&result);
}

static void expect_event(struct qmp_session *s, const char *name)
{
	struct qmp_result result;

	ck_assert(qmp_session_next_result(s, &result));
	ck_assert_int_eq(result.kind, QMP_RESULT_EVENT);
	ck_assert_str_eq(result.name, name);
	qmp_result_finish(&result);
}

static void expect_nothing(struct qmp_session *s)
{
	struct qmp_result result;

	ck_assert(!qmp_session_next_result(s, &result));
}

/* A session that is ready at T0. */
static void make_ready(struct qmp_session *s)
{
	qmp_session_init(s, 0xab, T0);
	ck_assert_int_eq(feed(s, GREETING, T0), 0);
	expect_output(s, "{\"execute\":\"qmp_capabilities\"," ID("1") "}\r\n");
	ck_assert_int_eq(feed(s, DONE("1"), T0), 0);
	ck_assert_int_eq(s->state, QMP_READY);
	ck_assert_uint_eq(qmp_session_deadline(s), UINT64_MAX);
}

/* A session with command 2 (token 7) in flight since T0. */
static void make_busy(struct qmp_session *s)
{
	make_ready(s);
	ck_assert_int_eq(qmp_session_submit(s, &status, 7, T0), 0);
	expect_output(s, "{\"execute\":\"query-status\"," ID("2") "}\r\n");
	ck_assert_int_eq(s->state, QMP_BUSY);
}

START_TEST(commands_go_one_at_a_time_in_the_order_submitted)
{
	struct qmp_session s;

	make_busy(&s);
	ck_assert_int_eq(qmp_session_submit(&s, &version, 8, T0), 0);
	expect_output(&s, "");
	ck_assert_int_eq(feed(&s, ANSWER("2", "{\"a\":1}"), T0 + 1), 0);
	expect_command(&s, 7, 0);
	expect_output(&s, "{\"execute\":\"query-version\"," ID("3") "}\r\n");
	ck_assert_uint_eq(qmp_session_deadline(&s), T0 + 1 + 5 * SEC);
	ck_assert_int_eq(feed(&s, ANSWER("3", "null"), T0 + 2), 0);
	expect_command(&s, 8, 0);
	expect_nothing(&s);
	ck_assert_int_eq(s.state, QMP_READY);
	qmp_session_finish(&s);
}
END_TEST

START_TEST(a_command_may_be_submitted_before_the_greeting)
{
	struct qmp_session s;

	qmp_session_init(&s, 0xab, T0);
	ck_assert_int_eq(qmp_session_submit(&s, &status, 7, T0), 0);
	expect_output(&s, "");
	feed(&s, GREETING, T0);
	expect_output(&s, "{\"execute\":\"qmp_capabilities\"," ID("1") "}\r\n");
	feed(&s, DONE("1"), T0);
	expect_output(&s, "{\"execute\":\"query-status\"," ID("2") "}\r\n");
	qmp_session_finish(&s);
}
END_TEST

START_TEST(a_conversation_cut_anywhere_ends_the_same)
{
	static const char text[] =
		GREETING DONE("1") EVENT ANSWER("2", "\"\xc3\xa9\"") EVENT;

	for (size_t cut = 0; cut < sizeof(text); cut++) {
		struct qmp_session s;

		qmp_session_init(&s, 0xab, T0);
		qmp_session_submit(&s, &status, 7, T0);
		ck_assert_int_eq(qmp_session_feed(&s, text, cut, T0), 0);
		ck_assert_int_eq(qmp_session_feed(&s, text + cut,
						  sizeof(text) - 1 - cut, T0),
				 0);
		expect_event(&s, "RTC_CHANGE");
		expect_command(&s, 7, 0);
		expect_event(&s, "RTC_CHANGE");
		expect_nothing(&s);
		qmp_session_finish(&s);
	}
}
END_TEST

START_TEST(captured_bytes_of_a_real_monitor_are_understood)
{
	struct qmp_session s;
	size_t len;
	char *greeting = read_data("qemu100-greeting.json", &len);

	qmp_session_init(&s, 0xab, T0);
	for (size_t i = 0; i < len; i++)
		ck_assert_int_eq(qmp_session_feed(&s, greeting + i, 1, T0), 0);
	ck_assert_int_eq(s.state, QMP_NEGOTIATING);
	qmp_session_finish(&s);
	free(greeting);
}
END_TEST

START_TEST(no_greeting_in_three_seconds_is_a_busy_monitor)
{
	struct qmp_session s;

	qmp_session_init(&s, 0xab, T0);
	qmp_session_submit(&s, &status, 7, T0);
	ck_assert_uint_eq(qmp_session_deadline(&s), T0 + 3 * SEC);
	ck_assert_int_eq(qmp_session_tick(&s, T0 + 3 * SEC - 1), 0);
	ck_assert_int_eq(qmp_session_tick(&s, T0 + 3 * SEC), -EBUSY);
	ck_assert(strstr(s.why.text, "monitor busy") != NULL);
	expect_command(&s, 7, -EBUSY);
	expect_nothing(&s);
	ck_assert_uint_eq(qmp_session_deadline(&s), UINT64_MAX);
	qmp_session_finish(&s);
}
END_TEST

START_TEST(a_drip_of_single_bytes_does_not_extend_a_deadline)
{
	static const char drip[] = ANSWER("2", "{\"a\":1}");
	struct qmp_session s;
	int rc = 0;
	uint64_t i;

	make_busy(&s);
	for (i = 0; i < 10 && !rc; i++)
		rc = qmp_session_feed(&s, drip + i, 1, T0 + (i + 1) * SEC);
	ck_assert_int_eq(rc, -ETIMEDOUT);
	ck_assert_uint_eq(i, 5);
	expect_command(&s, 7, -ETIMEDOUT);
	qmp_session_finish(&s);
}
END_TEST

START_TEST(death_ends_every_command_once_and_stays)
{
	struct qmp_session s;

	make_busy(&s);
	qmp_session_submit(&s, &version, 8, T0);
	qmp_session_submit(&s, &version, 9, T0);
	qmp_session_lost(&s, -ECONNRESET, "QEMU closed its monitor");
	qmp_session_lost(&s, -EIO, "something later");
	expect_command(&s, 7, -ECONNRESET);
	expect_command(&s, 8, -ECONNRESET);
	expect_command(&s, 9, -ECONNRESET);
	expect_nothing(&s);
	ck_assert_str_eq(s.why.text, "QEMU closed its monitor");
	ck_assert_int_eq(feed(&s, EVENT, T0), -ECONNRESET);
	ck_assert_int_eq(qmp_session_tick(&s, T0 + 9 * SEC), -ECONNRESET);
	ck_assert_int_eq(qmp_session_submit(&s, &status, 1, T0), -ECONNRESET);
	expect_output(&s, "");
	expect_nothing(&s);
	qmp_session_finish(&s);
}
END_TEST

START_TEST(an_error_reply_ends_its_command_only)
{
	struct qmp_session s;

	make_busy(&s);
	ck_assert_int_eq(
		feed(&s,
		     "{" ID("2") ",\"error\":{\"class\":"
				 "\"CommandNotFound\",\"desc\":\"no\"}}\r\n",
		     T0),
		0);
	expect_command(&s, 7, -EOPNOTSUPP);
	ck_assert_int_eq(qmp_session_submit(&s, &status, 8, T0), 0);
	ck_assert_int_eq(feed(&s,
			      "{\"error\":{\"class\":\"GenericError\","
			      "\"desc\":\"JSON parse error\"}}\r\n",
			      T0),
			 0);
	expect_command(&s, 8, -EREMOTEIO);
	ck_assert_int_eq(s.state, QMP_READY);
	qmp_session_finish(&s);
}
END_TEST

START_TEST(refused_negotiation_ends_the_session)
{
	struct qmp_session s;

	qmp_session_init(&s, 0xab, T0);
	feed(&s, GREETING, T0);
	ck_assert_int_eq(
		feed(&s,
		     "{" ID("1") ",\"error\":{\"class\":"
				 "\"GenericError\",\"desc\":\"no\"}}\n",
		     T0),
		-EREMOTEIO);
	ck_assert_int_eq(s.state, QMP_DEAD);
	qmp_session_finish(&s);
}
END_TEST

START_TEST(replies_to_other_clients_are_dropped)
{
	static const char *const lines[] = {
		"{\"return\":{},\"id\":\"libvirt-12\"}\n",
		"{\"return\":{},\"id\":\"vmn-00000000000000ac-2\"}\n",
		"{\"return\":{},\"id\":2}\n",
		"{\"return\":{},\"id\":{\"id\":\"vmn-00000000000000ab-2\"}}\n",
		"{\"return\":{}}\n",
		"{\"error\":{\"class\":\"A\"},\"id\":\"libvirt-13\"}\n",
		"\r\n",
	};
	struct qmp_session s;

	make_busy(&s);
	for (size_t i = 0; i < COUNT(lines); i++)
		ck_assert_int_eq(feed(&s, lines[i], T0), 0);
	expect_nothing(&s);
	ck_assert_int_eq(feed(&s, ANSWER("2", "{}"), T0), 0);
	expect_command(&s, 7, 0);
	qmp_session_finish(&s);
}
END_TEST

START_TEST(what_comes_out_of_turn_ends_the_session)
{
	static const struct {
		const char *line;
		int error;
	} t[] = {
		{ GREETING, -EPROTO },
		{ ANSWER("1", "{}"), -EPROTO },
		{ ANSWER("3", "{}"), -EPROTO },
		{ ANSWER("22", "{}"), -EPROTO },
		{ ANSWER("2", "{}") ANSWER("2", "{}"), -EPROTO },
		{ "{" ID("2") ",\"return\":1,\"error\":{\"class\":\"A\"}}\n",
		  -EBADMSG },
		{ "{" ID("2") ",\"return\":\"\xff\"}\n", -EBADMSG },
		{ "{" ID("2") ",\"return\":"
			      "[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]}\n",
		  -EBADMSG },
		{ "not json\n", -EBADMSG },
		{ "HTTP/1.1 400 Bad Request\r\n\r\n", -EBADMSG },
	};

	for (size_t i = 0; i < COUNT(t); i++) {
		struct qmp_session s;
		struct why why;

		make_busy(&s);
		ck_assert_msg(feed(&s, t[i].line, T0) == t[i].error, "%s",
			      t[i].line);
		why = s.why;
		ck_assert_str_ne(why.text, "");
		ck_assert_int_eq(s.state, QMP_DEAD);
		qmp_session_finish(&s);
	}
}
END_TEST

START_TEST(nothing_but_a_greeting_may_come_first)
{
	static const char *const lines[] = { EVENT, DONE("1"), "{}\n" };

	for (size_t i = 0; i < COUNT(lines); i++) {
		struct qmp_session s;

		qmp_session_init(&s, 0xab, T0);
		ck_assert_int_lt(feed(&s, lines[i], T0), 0);
		qmp_session_finish(&s);
	}
}
END_TEST

START_TEST(a_line_of_over_a_mebibyte_ends_the_session)
{
	static const char block[65536] = { [0 ... 65535] = ' ' };
	struct qmp_session s;
	int rc = 0;
	int n;

	make_busy(&s);
	for (n = 0; n < 1600 && !rc; n++)
		rc = qmp_session_feed(&s, block, sizeof(block), T0);
	ck_assert_int_eq(rc, -EMSGSIZE);
	ck_assert_int_eq(n, 17);
	ck_assert_uint_eq(s.wire.size_bytes, 0);
	expect_command(&s, 7, -EMSGSIZE);
	qmp_session_finish(&s);
}
END_TEST

static int send_events(struct qmp_session *s, int n, uint64_t now_ns)
{
	int rc = 0;

	for (int i = 0; i < n && !rc; i++) {
		struct qmp_result result;

		rc = feed(s, EVENT, now_ns);
		while (qmp_session_next_result(s, &result))
			qmp_result_finish(&result);
	}
	return rc;
}

START_TEST(two_hundred_events_at_once_and_a_hundred_a_second_are_fine)
{
	struct qmp_session s;

	make_ready(&s);
	ck_assert_int_eq(send_events(&s, 200, T0), 0);
	for (uint64_t i = 1; i < 10; i++)
		ck_assert_int_eq(send_events(&s, 100, T0 + i * SEC), 0);
	ck_assert_int_eq(send_events(&s, 200, T0 + 100 * SEC), 0);
	ck_assert_int_eq(send_events(&s, 1, T0 + 100 * SEC), -ENOBUFS);
	qmp_session_finish(&s);
}
END_TEST

START_TEST(floods_of_any_kind_end_the_session)
{
	static const char *const lines[] = {
		EVENT,
		"\n",
		"{\"return\":{},\"id\":\"someone-else\"}\n",
	};

	for (size_t i = 0; i < COUNT(lines); i++) {
		struct qmp_session s;
		int rc = 0;
		int n;

		make_busy(&s);
		for (n = 0; n < 1000 && !rc; n++)
			rc = feed(&s, lines[i], T0);
		ck_assert_int_eq(rc, -ENOBUFS);
		ck_assert_int_eq(n, 201);
		qmp_session_finish(&s);
	}
}
END_TEST

START_TEST(large_events_cost_more)
{
	char *event = xcalloc(1, 100 * 4096 + 64);
	struct qmp_session s;
	size_t at =
		strlen(strcpy(event, "{\"event\":\"E\",\"data\":{\"a\":\""));

	memset(event + at, 'x', 98 * 4096);
	strcpy(event + at + 98 * 4096, "\"}}\n");
	make_ready(&s);
	ck_assert_int_eq(feed(&s, event, T0), 0);
	ck_assert_int_eq(feed(&s, event, T0), 0);
	ck_assert_int_eq(feed(&s, event, T0), -ENOBUFS);
	qmp_session_finish(&s);
	free(event);
}
END_TEST

START_TEST(events_not_taken_end_the_session)
{
	struct qmp_session s;
	int rc = 0;
	uint64_t n;

	make_ready(&s);
	for (n = 0; n < 1000 && !rc; n++)
		rc = feed(&s, EVENT, T0 + n * SEC);
	ck_assert_int_eq(rc, -ENOBUFS);
	ck_assert_uint_eq(n, QMP_RESULTS_MAX + 1);
	qmp_session_finish(&s);
}
END_TEST

START_TEST(the_queue_of_commands_is_bounded)
{
	static const struct qmp_command handshake = { QMP_CAPABILITIES, { 0 } };
	static const struct qmp_command unknown = { QMP_QUESTIONS, { 0 } };
	struct qmp_session s;

	make_busy(&s);
	ck_assert_int_eq(qmp_session_submit(&s, &handshake, 1, T0), -EINVAL);
	ck_assert_int_eq(qmp_session_submit(&s, &unknown, 1, T0), -EINVAL);
	for (uint64_t i = 1; i < QMP_COMMANDS_MAX; i++)
		ck_assert_int_eq(qmp_session_submit(&s, &status, i, T0), 0);
	ck_assert_int_eq(qmp_session_submit(&s, &status, 1, T0), -EAGAIN);
	feed(&s, ANSWER("2", "{}"), T0);
	ck_assert_int_eq(qmp_session_submit(&s, &status, 99, T0), 0);
	qmp_session_lost(&s, -EPIPE, "end");
	expect_command(&s, 7, 0);
	for (uint64_t i = 1; i < QMP_COMMANDS_MAX; i++)
		expect_command(&s, i, -EPIPE);
	expect_command(&s, 99, -EPIPE);
	expect_nothing(&s);
	qmp_session_finish(&s);
}
END_TEST

START_TEST(finish_frees_what_nobody_took)
{
	struct qmp_session s;

	make_busy(&s);
	feed(&s, EVENT ANSWER("2", "[1,2]") "{\"half\":", T0);
	qmp_session_finish(&s);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		commands_go_one_at_a_time_in_the_order_submitted,
		a_command_may_be_submitted_before_the_greeting,
		a_conversation_cut_anywhere_ends_the_same,
		captured_bytes_of_a_real_monitor_are_understood,
		no_greeting_in_three_seconds_is_a_busy_monitor,
		a_drip_of_single_bytes_does_not_extend_a_deadline,
		death_ends_every_command_once_and_stays,
		an_error_reply_ends_its_command_only,
		refused_negotiation_ends_the_session,
		replies_to_other_clients_are_dropped,
		what_comes_out_of_turn_ends_the_session,
		nothing_but_a_greeting_may_come_first,
		a_line_of_over_a_mebibyte_ends_the_session,
		two_hundred_events_at_once_and_a_hundred_a_second_are_fine,
		floods_of_any_kind_end_the_session,
		large_events_cost_more,
		events_not_taken_end_the_session,
		the_queue_of_commands_is_bounded,
		finish_frees_what_nobody_took,
	};

	return run_tests("qmp/session", tests, COUNT(tests));
}
