/* SPDX-License-Identifier: Apache-2.0 */
/* What every test program of this folder begins and ends with. */
#ifndef TESTS_HOST_RUN_H
#define TESTS_HOST_RUN_H

#include <check.h>
#include <stdlib.h>

/* Run what add puts into one test case; the program's exit status. */
static inline int run_tests(const char *name, void (*add)(TCase *tests))
{
	Suite *suite = suite_create(name);
	TCase *tests = tcase_create(name);
	SRunner *runner;
	int failed;

	add(tests);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
