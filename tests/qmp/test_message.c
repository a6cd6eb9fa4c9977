/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of qmp/message.c: what counts as a message and as a number. */
#include "qmp/message.h"

#include <errno.h>
#include <string.h>

#include "data.h"
#include "qmp/wire.h"

static int parse(const char *line, struct qmp_message *message)
{
	return qmp_message_parse(line, strlen(line), message, NULL);
}

START_TEST(captured_greetings_are_greetings)
{
	static const char *const files[] = { "qemu72-greeting.json",
					     "qemu100-greeting.json" };

	for (size_t i = 0; i < COUNT(files); i++) {
		struct qmp_message message;
		size_t len;
		char *text = read_data(files[i], &len);

		ck_assert_int_eq(qmp_message_parse(text, len, &message, NULL),
				 0);
		ck_assert_int_eq(message.kind, QMP_GREETING);
		ck_assert(qmp_value_is(message.value, QMP_OBJECT));
		qmp_message_finish(&message);
		free(text);
	}
}
END_TEST

START_TEST(each_kind_is_told_by_its_member)
{
	static const struct {
		const char *line;
		enum qmp_message_kind kind;
		bool has_id;
		const char *id, *word;
		bool has_value;
	} t[] = {
		{ "{\"return\":{}}", QMP_REPLY, false, "", "", true },
		{ "{\"return\":[],\"id\":\"a-1\"}", QMP_REPLY, true, "a-1", "",
		  true },
		{ "{\"id\":7,\"return\":null,\"new\":{}}", QMP_REPLY, true, "",
		  "", false },
		{ "{\"return\":\"x\",\"id\":\"a\\u0000b\"}", QMP_REPLY, true,
		  "", "", true },
		{ "{\"error\":{\"class\":\"GenericError\",\"desc\":\"d\"}}",
		  QMP_ERROR, false, "", "GenericError", false },
		{ "{\"event\":\"STOP\",\"timestamp\":{\"seconds\":1}}",
		  QMP_EVENT, false, "", "STOP", false },
		{ "{\"event\":\"E\",\"data\":{\"a\":1}} \r", QMP_EVENT, false,
		  "", "E", true },
	};

	for (size_t i = 0; i < COUNT(t); i++) {
		struct qmp_message message;

		ck_assert_msg(!parse(t[i].line, &message), "%s", t[i].line);
		ck_assert_int_eq(message.kind, t[i].kind);
		ck_assert_int_eq(message.has_id, t[i].has_id);
		ck_assert_str_eq(message.id, t[i].id);
		ck_assert_str_eq(message.word, t[i].word);
		ck_assert_int_eq(message.value != NULL, t[i].has_value);
		qmp_message_finish(&message);
	}
}
END_TEST

START_TEST(what_is_no_qmp_message_is_refused)
{
	static const char *const lines[] = {
		"",
		" ",
		"{",
		"{}",
		"[]",
		"null",
		"1",
		"nan",
		"{\"id\":1}",
		"{\"return\":{}} x",
		"{\"return\":{}}{\"return\":{}}",
		"{\"return\":{},\"error\":{\"class\":\"A\",\"desc\":\"b\"}}",
		"{\"return\":{},\"event\":\"STOP\"}",
		"{\"return\":{},\"QMP\":{\"version\":{}}}",
		"{\"error\":\"x\"}",
		"{\"error\":{\"desc\":\"no class\"}}",
		"{\"error\":{\"class\":1}}",
		"{\"error\":null}",
		"{\"event\":1}",
		"{\"event\":\"A\\nB\"}",
		"{\"event\":\"A\\u0000B\"}",
		"{\"event\":\"STOP\",\"data\":[]}",
		"{\"QMP\":{}}",
		"{\"QMP\":{\"version\":7}}",
		"{\"return\":12abc}",
		"{\"return\":\"\xff\"}",
		"{\"return\":01}",
		"{\"return\":1,}",
		"/**/{\"return\":1}",
		"// {\"return\":1}",
	};

	for (size_t i = 0; i < COUNT(lines); i++) {
		struct qmp_message message;
		struct why why = { "" };

		ck_assert_msg(qmp_message_parse(lines[i], strlen(lines[i]),
						&message, &why) == -EBADMSG,
			      "%s", lines[i]);
		ck_assert_str_ne(why.text, "");
	}
}
END_TEST

START_TEST(a_nul_byte_in_a_line_is_refused)
{
	static const char line[] = "{\"return\":{}}\0 ";
	static const char inside[] = "{\"return\":\"a\0b\"}";
	struct qmp_message message;

	ck_assert_int_eq(
		qmp_message_parse(line, sizeof(line) - 1, &message, NULL),
		-EBADMSG);
	ck_assert_int_eq(
		qmp_message_parse(inside, sizeof(inside) - 1, &message, NULL),
		-EBADMSG);
}
END_TEST

/* {"return":[[…]]} with depth brackets in all */
static int parse_nested(size_t depth)
{
	char *line = xcalloc(1, 2 * depth + 32);
	struct qmp_message message;
	size_t at = strlen(strcpy(line, "{\"return\":"));
	int rc;

	memset(line + at, '[', depth - 1);
	memset(line + at + depth - 1, ']', depth - 1);
	line[at + 2 * (depth - 1)] = '}';
	rc = parse(line, &message);
	if (!rc)
		qmp_message_finish(&message);
	free(line);
	return rc;
}

START_TEST(sixteen_levels_are_taken_and_seventeen_are_not)
{
	ck_assert_int_eq(parse_nested(16), 0);
	ck_assert_int_eq(parse_nested(17), -EBADMSG);
	ck_assert_int_eq(parse_nested(33), -EBADMSG);
	ck_assert_int_eq(parse_nested(100000), -EBADMSG);
}
END_TEST

START_TEST(a_message_over_a_mebibyte_is_refused_unread)
{
	char *line = xcalloc(1, QMP_LINE_MAX_BYTES + 2);
	struct qmp_message message;

	memset(line, ' ', QMP_LINE_MAX_BYTES + 1);
	memcpy(line, "{\"return\":{}}", 13);
	ck_assert_int_eq(
		qmp_message_parse(line, QMP_LINE_MAX_BYTES + 1, &message, NULL),
		-EMSGSIZE);
	ck_assert_int_eq(
		qmp_message_parse(line, QMP_LINE_MAX_BYTES, &message, NULL), 0);
	qmp_message_finish(&message);
	free(line);
}
END_TEST

START_TEST(a_number_is_an_integer_in_range_and_nothing_else)
{
	static const struct {
		const char *json;
		int rc;
		uint64_t number;
	} t[] = {
		{ "0", 0, 0 },
		{ "-0", 0, 0 },
		{ "1099511627776", 0, 1ull << 40 },
		{ "9223372036854775806", 0, INT64_MAX - 1 },
		{ "9223372036854775807", -ERANGE, 0 },
		{ "9223372036854775808", -ERANGE, 0 },
		{ "18446744073709551615", -ERANGE, 0 },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "99999999999999999999999999", -ERANGE, 0 },
		{ "-1", -ERANGE, 0 },
		{ "-9223372036854775808", -ERANGE, 0 },
		{ "-9223372036854775809", -ERANGE, 0 },
		{ "1.0", -EBADMSG, 0 },
		{ "-1e23", -EBADMSG, 0 },
		{ "1e400", -EBADMSG, 0 },
		{ "NaN", -EBADMSG, 0 },
		{ "Infinity", -EBADMSG, 0 },
		{ "\"12\"", -EBADMSG, 0 },
		{ "\"12abc\"", -EBADMSG, 0 },
		{ "true", -EBADMSG, 0 },
		{ "[]", -EBADMSG, 0 },
		{ "{}", -EBADMSG, 0 },
		{ "null", -ENOENT, 0 },
	};

	for (size_t i = 0; i < COUNT(t); i++) {
		struct qmp_value *value;
		uint64_t number = 42;
		char line[128];

		snprintf(line, sizeof(line), "{\"return\":{\"n\":%s}}",
			 t[i].json);
		ck_assert_int_eq(
			qmp_reply_parse(line, strlen(line), &value, NULL), 0);
		ck_assert_msg(qmp_value_u64(value, "n", INT64_MAX - 1,
					    &number) == t[i].rc,
			      "%s", t[i].json);
		ck_assert_uint_eq(number, t[i].rc ? 42 : t[i].number);
		ck_assert_int_eq(qmp_value_u64(value, "m", 1, &number),
				 -ENOENT);
		qmp_value_free(value);
	}
}
END_TEST

START_TEST(access_of_another_type_fails_without_writing)
{
	static const char line[] =
		"{\"return\":{\"s\":\"abcd\",\"a\":[5,\"x\",null],\"b\":true,"
		"\"bad\":\"a\\tb\",\"nul\":\"a\\u0000b\",\"lone\":\"\\ud800\"}}";
	const struct qmp_value *member;
	struct qmp_value *value;
	uint64_t number;
	char word[5];
	bool is_set = false;

	ck_assert_int_eq(qmp_reply_parse(line, strlen(line), &value, NULL), 0);
	ck_assert_int_eq(qmp_value_word(value, "s", word, 5), 0);
	ck_assert_str_eq(word, "abcd");
	ck_assert_int_eq(qmp_value_word(value, "s", word, 4), -EMSGSIZE);
	ck_assert_int_eq(qmp_value_word(value, "bad", word, 5), -EBADMSG);
	ck_assert_int_eq(qmp_value_word(value, "nul", word, 5), -EBADMSG);
	ck_assert_int_eq(qmp_value_word(value, "lone", word, 5), -EBADMSG);
	ck_assert_int_eq(qmp_value_word(value, "b", word, 5), -EBADMSG);
	ck_assert_int_eq(qmp_value_bool(value, "s", &is_set), -EBADMSG);
	ck_assert_int_eq(qmp_value_bool(value, "b", &is_set), 0);
	ck_assert(is_set);
	ck_assert_int_eq(qmp_value_member(value, "a", QMP_OBJECT, &member),
			 -EBADMSG);
	ck_assert_int_eq(qmp_value_member(value, "a", QMP_ARRAY, &member), 0);
	ck_assert_uint_eq(qmp_value_length(member), 3);
	ck_assert_int_eq(qmp_value_at_u64(member, 0, 5, &number), 0);
	ck_assert_uint_eq(number, 5);
	ck_assert_int_eq(qmp_value_at_u64(member, 0, 4, &number), -ERANGE);
	ck_assert_int_eq(qmp_value_at_u64(member, 1, 5, &number), -EBADMSG);
	ck_assert_int_eq(qmp_value_at_u64(member, 2, 5, &number), -ENOENT);
	ck_assert_int_eq(qmp_value_at_u64(member, 3, 5, &number), -ENOENT);
	ck_assert_uint_eq(qmp_value_length(value), 0);
	ck_assert(!qmp_value_is(NULL, QMP_OBJECT));
	qmp_value_free(value);
}
END_TEST

START_TEST(an_error_reply_tells_an_unknown_command_from_the_rest)
{
	size_t len;
	char *text = read_data("qemu72-errors.jsonl", &len);
	char *line = strtok(text, "\n");
	struct qmp_value *value;
	struct why why;

	ck_assert_int_eq(qmp_reply_parse(line, strlen(line), &value, &why), 0);
	qmp_value_free(value);
	line = strtok(NULL, "\n");
	ck_assert_int_eq(qmp_reply_parse(line, strlen(line), &value, &why),
			 -EOPNOTSUPP);
	ck_assert_str_eq(why.text, "QEMU: CommandNotFound: The command "
				   "nosuchcmd has not been found");
	line = strtok(NULL, "\n");
	ck_assert_int_eq(qmp_reply_parse(line, strlen(line), &value, &why),
			 -EREMOTEIO);
	line = strcpy(text, "{\"event\":\"STOP\"}");
	ck_assert_int_eq(qmp_reply_parse(line, strlen(line), &value, &why),
			 -EBADMSG);
	free(text);
}
END_TEST

START_TEST(an_error_text_is_cut_and_made_harmless)
{
	char line[2048] =
		"{\"error\":{\"class\":\"C\",\"desc\":\"a\\u001b[m\xc3\xa9";
	struct qmp_message message;
	size_t at = strlen(line);

	memset(line + at, 'z', 1000);
	strcpy(line + at + 1000, "\"}}");
	ck_assert_int_eq(parse(line, &message), 0);
	ck_assert_uint_eq(strlen(message.desc.text),
			  sizeof(message.desc.text) - 1);
	for (const char *p = message.desc.text; *p; p++)
		ck_assert(*p >= 0x20 && *p < 0x7f);
	qmp_message_finish(&message);
}
END_TEST

START_TEST(of_double_members_one_counts)
{
	static const char line[] = "{\"return\":{\"n\":1,\"n\":2}}";
	struct qmp_value *value;
	uint64_t number;

	ck_assert_int_eq(qmp_reply_parse(line, strlen(line), &value, NULL), 0);
	ck_assert_int_eq(qmp_value_u64(value, "n", 9, &number), 0);
	ck_assert_uint_eq(number, 2);
	qmp_value_free(value);
}
END_TEST

int main(void)
{
	TCase *cases = tcase_create("message");
	Suite *suite = suite_create("qmp/message");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, cases);
	tcase_add_test(cases, captured_greetings_are_greetings);
	tcase_add_test(cases, each_kind_is_told_by_its_member);
	tcase_add_test(cases, what_is_no_qmp_message_is_refused);
	tcase_add_test(cases, a_nul_byte_in_a_line_is_refused);
	tcase_add_test(cases, sixteen_levels_are_taken_and_seventeen_are_not);
	tcase_add_test(cases, a_message_over_a_mebibyte_is_refused_unread);
	tcase_add_test(cases, a_number_is_an_integer_in_range_and_nothing_else);
	tcase_add_test(cases, access_of_another_type_fails_without_writing);
	tcase_add_test(cases,
		       an_error_reply_tells_an_unknown_command_from_the_rest);
	tcase_add_test(cases, an_error_text_is_cut_and_made_harmless);
	tcase_add_test(cases, of_double_members_one_counts);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
