/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checked access to a request's parameters. json-c would turn "12abc" into 12
 * and 2^64 into a smaller number without a word, so the type is compared
 * exactly first and the range after it.
 */
#include "serve/params.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "host/list.h"

#define TEXT_MAX        1024
#define CELLS_MAX       64
#define CELL_NUMBER_MAX 1023

/* NULL when it is absent or null. */
static struct json_object *find(struct json_object *params, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(params, key, &value))
		return NULL;
	return value;
}

static bool is_known(const char *const *known, const char *key)
{
	for (; *known; known++) {
		if (strcmp(*known, key) == 0)
			return true;
	}
	return false;
}

int params_check(struct json_object *params, const char *const *known,
		 struct why *why)
{
	json_object_object_foreach(params, key, value)
	{
		(void)value;
		if (!is_known(known, key)) {
			why_set(why, "unknown parameter \"%.60s\"", key);
			return -EINVAL;
		}
	}
	return 0;
}

static int text_take(struct json_object *value, const char *key,
		     const char **ret_text, struct why *why)
{
	const char *text;
	int len;

	if (!json_object_is_type(value, json_type_string)) {
		why_set(why, "\"%s\" must be a text", key);
		return -EINVAL;
	}
	text = json_object_get_string(value);
	len = json_object_get_string_len(value);
	if (len > TEXT_MAX || strlen(text) != (size_t)len) {
		why_set(why, "\"%s\" must be a text of at most %d bytes", key,
			TEXT_MAX);
		return -EINVAL;
	}
	*ret_text = text;
	return 0;
}

int params_string(struct json_object *params, const char *key,
		  const char **ret_text, struct why *why)
{
	struct json_object *value = find(params, key);

	return value ? text_take(value, key, ret_text, why) : 0;
}

int params_need_string(struct json_object *params, const char *key,
		       const char **ret_text, struct why *why)
{
	struct json_object *value = find(params, key);
	const char *text;
	int rc;

	if (!value) {
		why_set(why, "\"%s\" is missing", key);
		return -EINVAL;
	}
	rc = text_take(value, key, &text, why);
	if (rc)
		return rc;
	if (!*text) {
		why_set(why, "\"%s\" is empty", key);
		return -EINVAL;
	}
	*ret_text = text;
	return 0;
}

int params_bool(struct json_object *params, const char *key, bool *ret_value,
		struct why *why)
{
	struct json_object *value = find(params, key);

	if (!value)
		return 0;
	if (!json_object_is_type(value, json_type_boolean)) {
		why_set(why, "\"%s\" must be true or false", key);
		return -EINVAL;
	}
	*ret_value = json_object_get_boolean(value);
	return 0;
}

int params_u64(struct json_object *params, const char *key, uint64_t min,
	       uint64_t max, uint64_t *ret_value, struct why *why)
{
	struct json_object *value = find(params, key);
	uint64_t number;

	if (!value)
		return 0;
	if (!json_object_is_type(value, json_type_int) ||
	    json_object_get_int64(value) < 0) {
		why_set(why, "\"%s\" must be a whole number, not negative",
			key);
		return -EINVAL;
	}
	number = json_object_get_uint64(value);
	if (number < min || number > max) {
		why_set(why, "\"%s\" must be %llu to %llu", key,
			(unsigned long long)min, (unsigned long long)max);
		return -EINVAL;
	}
	*ret_value = number;
	return 0;
}

int params_need_u64(struct json_object *params, const char *key, uint64_t min,
		    uint64_t max, uint64_t *ret_value, struct why *why)
{
	if (!find(params, key)) {
		why_set(why, "\"%s\" is missing", key);
		return -EINVAL;
	}
	return params_u64(params, key, min, max, ret_value, why);
}

static int nodes_take(struct json_object *value, const char *key,
		      struct node_mask *ret_nodes, struct why *why)
{
	struct node_mask nodes;
	struct why reason = { "" };
	const char *text;
	int rc = text_take(value, key, &text, why);

	if (rc)
		return rc;
	rc = list_parse_nodes(text, &nodes, &reason);
	if (rc) {
		why_set(why, "\"%s\": %.200s", key, reason.text);
		return -EINVAL;
	}
	if (node_mask_is_empty(nodes)) {
		why_set(why, "\"%s\" names no node", key);
		return -EINVAL;
	}
	*ret_nodes = nodes;
	return 0;
}

int params_nodes(struct json_object *params, const char *key,
		 struct node_mask *ret_nodes, struct why *why)
{
	struct json_object *value = find(params, key);

	return value ? nodes_take(value, key, ret_nodes, why) : 0;
}

static int cell_number(const char *text, int *ret_cell, struct why *why)
{
	char *end;
	long number;

	errno = 0;
	number = strtol(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno ||
	    number > CELL_NUMBER_MAX) {
		why_set(why, "\"%.40s\" is not a cell number", text);
		return -EINVAL;
	}
	*ret_cell = (int)number;
	return 0;
}

int params_cells(struct json_object *params, const char *key,
		 params_cell_fn *fn, void *arg, struct why *why)
{
	struct json_object *cells = find(params, key);

	if (!cells)
		return 0;
	if (!json_object_is_type(cells, json_type_object) ||
	    json_object_object_length(cells) > CELLS_MAX) {
		why_set(why, "\"%s\" must be an object of at most %d cells",
			key, CELLS_MAX);
		return -EINVAL;
	}
	json_object_object_foreach(cells, name, value)
	{
		struct node_mask nodes;
		int cell;
		int rc = cell_number(name, &cell, why);

		if (!rc)
			rc = nodes_take(value, key, &nodes, why);
		if (!rc)
			rc = fn(arg, cell, nodes, why);
		if (rc)
			return rc;
	}
	return 0;
}
