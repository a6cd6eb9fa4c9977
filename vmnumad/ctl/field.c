/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forgiving access to the daemon's answers: an older or newer daemon may leave
 * a member out, and vmnumactl then shows less instead of failing.
 */
#include "ctl/field.h"

#include <json-c/json.h>
#include <stdlib.h>

static struct json_object *find(struct json_object *object, const char *key,
				enum json_type type)
{
	struct json_object *value;

	if (!object || !json_object_is_type(object, json_type_object) ||
	    !json_object_object_get_ex(object, key, &value) ||
	    !json_object_is_type(value, type))
		return NULL;
	return value;
}

const char *field_text(struct json_object *object, const char *key,
		       const char *otherwise)
{
	struct json_object *value = find(object, key, json_type_string);

	return value ? json_object_get_string(value) : otherwise;
}

uint64_t field_u64(struct json_object *object, const char *key,
		   uint64_t otherwise)
{
	struct json_object *value = find(object, key, json_type_int);

	if (!value || json_object_get_int64(value) < 0)
		return otherwise;
	return json_object_get_uint64(value);
}

double field_double(struct json_object *object, const char *key,
		    double otherwise)
{
	struct json_object *value = find(object, key, json_type_double);

	if (!value)
		value = find(object, key, json_type_int);
	return value ? json_object_get_double(value) : otherwise;
}

bool field_bool(struct json_object *object, const char *key)
{
	struct json_object *value = find(object, key, json_type_boolean);

	return value && json_object_get_boolean(value);
}

bool field_has(struct json_object *object, const char *key)
{
	struct json_object *value;

	return object && json_object_is_type(object, json_type_object) &&
	       json_object_object_get_ex(object, key, &value) && value;
}

struct json_object *field_object(struct json_object *object, const char *key)
{
	return find(object, key, json_type_object);
}

struct json_object *field_array(struct json_object *object, const char *key)
{
	return find(object, key, json_type_array);
}

size_t field_count(struct json_object *object, const char *key)
{
	struct json_object *array = field_array(object, key);

	return array ? json_object_array_length(array) : 0;
}

struct json_object *field_at(struct json_object *object, const char *key,
			     size_t i)
{
	struct json_object *array = field_array(object, key);

	return array ? json_object_array_get_idx(array, i) : NULL;
}

void field_node_bytes(struct json_object *object, const char *key,
		      struct field_nodes *ret_nodes)
{
	struct json_object *nodes = field_object(object, key);

	*ret_nodes = (struct field_nodes) { 0 };
	if (!nodes)
		return;
	json_object_object_foreach(nodes, name, value)
	{
		char *end;
		unsigned long node = strtoul(name, &end, 10);

		(void)value;
		if (*name < '0' || *name > '9' || *end || node >= NODES_MAX)
			continue;
		ret_nodes->bytes[node] = field_u64(nodes, name, 0);
		ret_nodes->total_bytes += ret_nodes->bytes[node];
		node_mask_add(&ret_nodes->present, (int)node);
	}
}
