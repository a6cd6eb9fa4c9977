/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of answers; see json.h. */
#include "serve/json.h"

#include <json-c/json.h>
#include <stdio.h>

void json_add_text(struct json_object *to, const char *key, const char *text)
{
	json_object_object_add(to, key, json_object_new_string(text));
}

void json_add_u64(struct json_object *to, const char *key, uint64_t number)
{
	json_object_object_add(to, key, json_object_new_uint64(number));
}

void json_add_int(struct json_object *to, const char *key, int number)
{
	json_object_object_add(to, key, json_object_new_int(number));
}

/* Six digits are enough for any share, second or millisecond. */
void json_add_double(struct json_object *to, const char *key, double number)
{
	char text[32];

	snprintf(text, sizeof(text), "%.6g", number);
	json_object_object_add(to, key, json_object_new_double_s(number, text));
}

void json_add_bool(struct json_object *to, const char *key, bool value)
{
	json_object_object_add(to, key, json_object_new_boolean(value));
}

void json_add_null(struct json_object *to, const char *key)
{
	json_object_object_add(to, key, NULL);
}

struct json_object *json_add_object(struct json_object *to, const char *key)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(to, key, object);
	return object;
}

struct json_object *json_add_array(struct json_object *to, const char *key)
{
	struct json_object *array = json_object_new_array();

	json_object_object_add(to, key, array);
	return array;
}

struct json_object *json_append_object(struct json_object *array)
{
	struct json_object *object = json_object_new_object();

	json_object_array_add(array, object);
	return object;
}

void json_add_node_bytes(struct json_object *to, const char *key,
			 const uint64_t *node_bytes, struct node_mask known)
{
	struct json_object *object = json_add_object(to, key);

	for (int node = 0; node < NODES_MAX; node++) {
		char name[8];

		if (!node_bytes[node] && !node_mask_has(known, node))
			continue;
		snprintf(name, sizeof(name), "%d", node);
		json_add_u64(object, name, node_bytes[node]);
	}
}

void json_add_home(struct json_object *to, const struct home *home)
{
	struct json_object *array = json_add_array(to, "home");

	for (int node = 0; node < NODES_MAX; node++) {
		struct json_object *element;

		if (!home->weight[node])
			continue;
		element = json_append_object(array);
		json_add_int(element, "node", node);
		json_add_double(element, "weight",
				(double)home->weight[node] / WEIGHT_WHOLE);
	}
}
