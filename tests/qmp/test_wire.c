/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of qmp/wire.c: how bytes become lines, and what that may cost. */
#include "qmp/wire.h"

#include <errno.h>
#include <string.h>

#include "data.h"

/* Feed text cut at every multiple of step; lines are joined with '|'. */
static int lines_of(struct qmp_wire *w, const char *text, size_t step,
		    char *joined)
{
	size_t total = strlen(text);

	*joined = '\0';
	for (size_t at = 0; at < total; at += step) {
		const char *bytes = text + at;
		size_t len = total - at < step ? total - at : step;
		const char *line;
		size_t line_len;
		int rc;

		while ((rc = qmp_wire_line(w, &bytes, &len, &line,
					   &line_len)) == 1) {
			ck_assert_uint_eq(strlen(line), line_len);
			strcat(strcat(joined, line), "|");
		}
		if (rc)
			return rc;
	}
	return 0;
}

START_TEST(lines_are_the_same_however_the_stream_is_cut)
{
	static const char text[] = "{\"a\":1}\r\n{}\n\r\n\nlast\r\nrest";
	struct qmp_wire w;
	char joined[64];

	for (size_t step = 1; step <= sizeof(text); step++) {
		qmp_wire_init(&w, 100);
		ck_assert_int_eq(lines_of(&w, text, step, joined), 0);
		ck_assert_str_eq(joined, "{\"a\":1}|{}|||last|");
		qmp_wire_finish(&w);
	}
}
END_TEST

START_TEST(only_one_carriage_return_at_the_end_is_dropped)
{
	struct qmp_wire w;
	char joined[64];

	qmp_wire_init(&w, 100);
	ck_assert_int_eq(lines_of(&w, "a\rb\r\r\n", 3, joined), 0);
	ck_assert_str_eq(joined, "a\rb\r|");
	qmp_wire_finish(&w);
}
END_TEST

START_TEST(a_line_of_the_limit_is_taken_and_one_byte_more_is_not)
{
	struct qmp_wire w;
	char joined[64];

	for (size_t step = 1; step < 20; step++) {
		qmp_wire_init(&w, 10);
		ck_assert_int_eq(lines_of(&w, "0123456789\n", step, joined), 0);
		ck_assert_str_eq(joined, "0123456789|");
		ck_assert_int_eq(lines_of(&w, "0123456789a", step, joined),
				 -EMSGSIZE);
		qmp_wire_finish(&w);
	}
}
END_TEST

START_TEST(a_peer_without_newlines_costs_no_more_than_the_limit)
{
	static const char block[65536] = { [0 ... 65535] = 'x' };
	struct qmp_wire w;
	const char *line;
	size_t line_len;
	int rc = 0;

	qmp_wire_init(&w, QMP_LINE_MAX_BYTES);
	for (int i = 0; i < 1600 && !rc; i++) {
		const char *bytes = block;
		size_t len = sizeof(block);

		rc = qmp_wire_line(&w, &bytes, &len, &line, &line_len);
		ck_assert_uint_le(w.size_bytes, QMP_LINE_MAX_BYTES + 1);
	}
	ck_assert_int_eq(rc, -EMSGSIZE);
	qmp_wire_finish(&w);
}
END_TEST

START_TEST(the_buffer_shrinks_after_a_large_line)
{
	char *text = xcalloc(1, 300002);
	const char *bytes = text;
	size_t len = 300001;
	const char *line;
	size_t line_len;
	struct qmp_wire w;

	memset(text, 'x', 300000);
	text[300000] = '\n';
	qmp_wire_init(&w, QMP_LINE_MAX_BYTES);
	ck_assert_int_eq(qmp_wire_line(&w, &bytes, &len, &line, &line_len), 1);
	ck_assert_uint_eq(line_len, 300000);
	ck_assert_int_eq(qmp_wire_line(&w, &bytes, &len, &line, &line_len), 0);
	ck_assert_uint_eq(w.size_bytes, 0);
	qmp_wire_finish(&w);
	free(text);
}
END_TEST

int main(void)
{
	TCase *cases = tcase_create("wire");
	Suite *suite = suite_create("qmp/wire");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, cases);
	tcase_add_test(cases, lines_are_the_same_however_the_stream_is_cut);
	tcase_add_test(cases, only_one_carriage_return_at_the_end_is_dropped);
	tcase_add_test(cases,
		       a_line_of_the_limit_is_taken_and_one_byte_more_is_not);
	tcase_add_test(cases,
		       a_peer_without_newlines_costs_no_more_than_the_limit);
	tcase_add_test(cases, the_buffer_shrinks_after_a_large_line);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
