/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Captured texts for the tests of qmp/: where they are and how they are read.
 */
#ifndef TESTS_QMP_DATA_H
#define TESTS_QMP_DATA_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "xalloc.h"

#define DATA_MAX_BYTES (64 * 1024)
#define COUNT(array)   (sizeof(array) / sizeof((array)[0]))

/* The whole of a file of tests/data/qmp/, NUL terminated; freed by the caller.
 * QMP_DATA is that folder, given by the build. */
static inline char *read_data(const char *name, size_t *ret_len)
{
	char *text = xcalloc(1, DATA_MAX_BYTES);
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", QMP_DATA, name);
	file = fopen(path, "re");
	ck_assert_msg(file != NULL, "cannot open %s", path);
	*ret_len = fread(text, 1, DATA_MAX_BYTES - 1, file);
	ck_assert_msg(*ret_len > 0, "%s is empty", path);
	fclose(file);
	return text;
}

/* Runs n tests as the suite called name; returns main's status. */
static inline int run_tests(const char *name, const TTest *const *tests,
			    size_t n)
{
	TCase *cases = tcase_create(name);
	Suite *suite = suite_create(name);
	SRunner *runner = srunner_create(suite);
	int n_failed;

	suite_add_tcase(suite, cases);
	for (size_t i = 0; i < n; i++)
		tcase_add_test(cases, tests[i]);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed != 0;
}

#endif
