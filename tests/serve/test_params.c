/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parameters of requests: types, ranges and sentences.
 */
#include <check.h>
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "serve/params.h"

static const char *const known[] = { "s", "b", "n", "to", "cells", NULL };

static int on_cell(void *arg, int cell, struct node_mask nodes, struct why *why)
{
	uint64_t *sum = arg;

	*sum += (uint64_t)cell * 1000 + nodes.bits;
	return 0;
}

/* Reads everything as a handler would. */
static int read_all(struct json_object *params, uint64_t *ret_sum,
		    struct why *why)
{
	struct node_mask to = { 0 };
	const char *s = "";
	bool b = false;
	uint64_t n = 0;
	uint64_t cells = 0;
	int rc = params_check(params, known, why);

	if (!rc)
		rc = params_need_string(params, "s", &s, why);
	if (!rc)
		rc = params_bool(params, "b", &b, why);
	if (!rc)
		rc = params_u64(params, "n", 1, 1000, &n, why);
	if (!rc)
		rc = params_nodes(params, "to", &to, why);
	if (!rc)
		rc = params_cells(params, "cells", on_cell, &cells, why);
	*ret_sum = strlen(s) + (b ? 10 : 0) + n + to.bits + cells;
	return rc;
}

static const struct {
	const char *params;
	uint64_t sum; /* 0: it is refused */
	const char *why; /* part of the sentence */
} cases[] = {
	{ "{\"s\":\"abc\"}", 3, NULL },
	{ "{\"s\":\"a\",\"b\":true,\"n\":1000,\"to\":\"0-1,3\"}",
	  1 + 10 + 1000 + 11, NULL },
	{ "{\"s\":\"a\",\"b\":null,\"n\":null,\"to\":null,\"cells\":null}", 1,
	  NULL },
	{ "{\"s\":\"a\",\"cells\":{\"0\":\"1\",\"2\":\"0\"}}", 1 + 2 + 2001,
	  NULL },
	{ "{}", 0, "\"s\" is missing" },
	{ "{\"s\":\"\"}", 0, "\"s\" is empty" },
	{ "{\"s\":null}", 0, "\"s\" is missing" },
	{ "{\"s\":5}", 0, "\"s\" must be a text" },
	{ "{\"s\":\"a\\u0000b\"}", 0, "\"s\" must be a text of" },
	{ "{\"s\":\"a\",\"extra\":1}", 0, "unknown parameter \"extra\"" },
	{ "{\"s\":\"a\",\"b\":1}", 0, "\"b\" must be true or false" },
	{ "{\"s\":\"a\",\"b\":\"true\"}", 0, "\"b\" must be true or false" },
	{ "{\"s\":\"a\",\"n\":0}", 0, "\"n\" must be 1 to 1000" },
	{ "{\"s\":\"a\",\"n\":1001}", 0, "\"n\" must be 1 to 1000" },
	{ "{\"s\":\"a\",\"n\":-1}", 0, "whole number" },
	{ "{\"s\":\"a\",\"n\":1.0}", 0, "whole number" },
	{ "{\"s\":\"a\",\"n\":\"7\"}", 0, "whole number" },
	{ "{\"s\":\"a\",\"n\":NaN}", 0, "whole number" },
	{ "{\"s\":\"a\",\"n\":18446744073709551616}", 0, "1 to 1000" },
	{ "{\"s\":\"a\",\"n\":-100000000000000000000000}", 0, "whole number" },
	{ "{\"s\":\"a\",\"to\":\"\"}", 0, "\"to\" names no node" },
	{ "{\"s\":\"a\",\"to\":\"64\"}", 0, "\"to\"" },
	{ "{\"s\":\"a\",\"to\":\"1-0\"}", 0, "\"to\"" },
	{ "{\"s\":\"a\",\"to\":1}", 0, "\"to\" must be a text" },
	{ "{\"s\":\"a\",\"cells\":[]}", 0, "\"cells\" must be an object" },
	{ "{\"s\":\"a\",\"cells\":{\"x\":\"1\"}}", 0, "is not a cell number" },
	{ "{\"s\":\"a\",\"cells\":{\"-1\":\"1\"}}", 0, "is not a cell number" },
	{ "{\"s\":\"a\",\"cells\":{\"1024\":\"1\"}}", 0,
	  "is not a cell number" },
	{ "{\"s\":\"a\",\"cells\":{\"0\":1}}", 0, "must be a text" },
	{ "{\"s\":\"a\",\"cells\":{\"0\":null}}", 0, "must be a text" },
};

START_TEST(params_are_taken_or_refused_with_a_sentence)
{
	struct json_object *params = json_tokener_parse(cases[_i].params);
	struct why why = { "" };
	uint64_t sum;
	int rc;

	ck_assert_ptr_nonnull(params);
	rc = read_all(params, &sum, &why);
	if (cases[_i].sum) {
		ck_assert_msg(rc == 0, "%s: %s", cases[_i].params, why.text);
		ck_assert_uint_eq(sum, cases[_i].sum);
	} else {
		ck_assert_int_eq(rc, -EINVAL);
		ck_assert_msg(strstr(why.text, cases[_i].why), "%s: %s",
			      cases[_i].params, why.text);
	}
	json_object_put(params);
}
END_TEST

START_TEST(required_number_must_be_there)
{
	struct json_object *params = json_tokener_parse("{\"job\":7}");
	struct why why = { "" };
	uint64_t job = 0;

	ck_assert_int_eq(params_need_u64(params, "job", 1, 9, &job, &why), 0);
	ck_assert_uint_eq(job, 7);
	ck_assert_int_eq(params_need_u64(params, "id", 1, 9, &job, &why),
			 -EINVAL);
	ck_assert_str_eq(why.text, "\"id\" is missing");
	json_object_put(params);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("params");
	TCase *tcase = tcase_create("params");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_loop_test(tcase, params_are_taken_or_refused_with_a_sentence,
			    0, sizeof(cases) / sizeof(cases[0]));
	tcase_add_test(tcase, required_number_must_be_there);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? 1 : 0;
}
