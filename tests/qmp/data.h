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

#endif
