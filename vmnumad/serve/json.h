/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small pieces that the answers are made of: numbers, bytes per node, lists of
 * nodes with weights. Used by the answer_*.c files only.
 */
#ifndef SERVE_JSON_H
#define SERVE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "plan.h"

struct json_object;

/* Add a member to an object; texts are copied, and made valid UTF-8. */
void json_add_text(struct json_object *to, const char *key, const char *text);
void json_add_u64(struct json_object *to, const char *key, uint64_t number);
void json_add_int(struct json_object *to, const char *key, int number);
void json_add_double(struct json_object *to, const char *key, double number);
void json_add_bool(struct json_object *to, const char *key, bool value);
void json_add_null(struct json_object *to, const char *key);

/* {"0": n, "1": m}: nodes of NODES_MAX with bytes, and those of known. */
void json_add_node_bytes(struct json_object *to, const char *key,
			 const uint64_t *node_bytes, struct node_mask known);

/* [{"node": 0, "weight": 0.5}, …] */
void json_add_home(struct json_object *to, const struct home *home);

/* A new empty object or array as a member; borrowed from to. */
struct json_object *json_add_object(struct json_object *to, const char *key);
struct json_object *json_add_array(struct json_object *to, const char *key);

/* A new object as the next element of an array; borrowed from it. */
struct json_object *json_append_object(struct json_object *array);

#endif
