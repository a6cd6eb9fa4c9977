/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One Check suite per test file without the usual ten lines. Used by the tests
 * in this folder.
 */
#ifndef TESTS_POLICY_SUITE_H
#define TESTS_POLICY_SUITE_H

#include <check.h>
#include <stdlib.h>

/* Run the n tests as suite name; the process's exit status. */
static inline int suite_run(const char *name, const TTest **tests, size_t n)
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 120);
	for (size_t i = 0; i < n; i++)
		tcase_add_test(tcase, tests[i]);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
