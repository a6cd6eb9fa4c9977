/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of qmp/command.c: the exact bytes that can reach a QEMU monitor. */
#include "qmp/command.h"

#include <errno.h>
#include <string.h>

#include "data.h"

#define HMP(text)                                                              \
	"{\"execute\":\"human-monitor-command\",\"arguments\":"                \
	"{\"command-line\":\"" text "\"},\"id\":\"x-1\"}"

START_TEST(every_command_that_can_be_built_only_asks)
{
	static const char *const texts[QMP_QUESTIONS] = {
		[QMP_CAPABILITIES] =
			"{\"execute\":\"qmp_capabilities\",\"id\":\"x-1\"}",
		[QMP_QUERY_VERSION] =
			"{\"execute\":\"query-version\",\"id\":\"x-1\"}",
		[QMP_QUERY_STATUS] =
			"{\"execute\":\"query-status\",\"id\":\"x-1\"}",
		[QMP_QUERY_CPUS_FAST] =
			"{\"execute\":\"query-cpus-fast\",\"id\":\"x-1\"}",
		[QMP_QUERY_MEMORY_DEVICES] =
			"{\"execute\":\"query-memory-devices\",\"id\":\"x-1\"}",
		[QMP_QUERY_MEMDEV] =
			"{\"execute\":\"query-memdev\",\"id\":\"x-1\"}",
		[QMP_QUERY_MIGRATE] =
			"{\"execute\":\"query-migrate\",\"id\":\"x-1\"}",
		[QMP_HMP_MTREE] = HMP("info mtree -f"),
		[QMP_HMP_GPA2HVA] = HMP("gpa2hva 0xfffffffffffff000"),
		[QMP_HMP_RAMBLOCK] = HMP("info ramblock"),
	};
	char text[QMP_COMMAND_TEXT_SIZE];

	for (int i = 0; i < QMP_QUESTIONS; i++) {
		struct qmp_command command = { (enum qmp_question)i,
					       { 0xfffffffffffff000 } };

		ck_assert_int_eq(
			qmp_command_text(&command, "x-1", text, sizeof(text)),
			0);
		ck_assert_str_eq(text, texts[i]);
	}
}
END_TEST

START_TEST(a_command_without_an_id_suits_libvirt)
{
	struct qmp_command command = { QMP_QUERY_STATUS, { 0 } };
	char text[QMP_COMMAND_TEXT_SIZE];

	ck_assert_int_eq(qmp_command_text(&command, NULL, text, sizeof(text)),
			 0);
	ck_assert_str_eq(text, "{\"execute\":\"query-status\"}");
}
END_TEST

START_TEST(an_id_cannot_carry_json_and_a_question_must_exist)
{
	struct qmp_command command = { QMP_QUERY_STATUS, { 0 } };
	struct qmp_command unknown = { QMP_QUESTIONS, { 0 } };
	char text[QMP_COMMAND_TEXT_SIZE];
	char longest[QMP_ID_SIZE + 1] = { 0 };

	memset(longest, 'a', QMP_ID_SIZE);
	ck_assert_int_eq(qmp_command_text(&command, "a\"b", text, sizeof(text)),
			 -EINVAL);
	ck_assert_int_eq(qmp_command_text(&command, "a\n", text, sizeof(text)),
			 -EINVAL);
	ck_assert_int_eq(
		qmp_command_text(&command, longest, text, sizeof(text)),
		-EINVAL);
	ck_assert_int_eq(qmp_command_text(&unknown, "a", text, sizeof(text)),
			 -EINVAL);
	longest[QMP_ID_SIZE - 1] = '\0';
	ck_assert_int_eq(
		qmp_command_text(&command, longest, text, sizeof(text)), 0);
}
END_TEST

int main(void)
{
	TCase *cases = tcase_create("command");
	Suite *suite = suite_create("qmp/command");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, cases);
	tcase_add_test(cases, every_command_that_can_be_built_only_asks);
	tcase_add_test(cases, a_command_without_an_id_suits_libvirt);
	tcase_add_test(cases,
		       an_id_cannot_carry_json_and_a_question_must_exist);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
