/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads members out of the daemon's answers without trusting their shape: what
 * is absent or of another type is the given default. Used by the verbs.
 */
#ifndef CTL_FIELD_H
#define CTL_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node.h"

struct json_object;

/* Bytes on each node, as the answers give them: {"0": 4096, "1": 0}. */
struct field_nodes {
	uint64_t bytes[NODES_MAX]; /* by node */
	struct node_mask present; /* nodes that were named */
	uint64_t total_bytes; /* of all nodes */
};

/* object may be NULL in all of these. Texts are borrowed from it. */
const char *field_text(struct json_object *object, const char *key,
		       const char *otherwise);
uint64_t field_u64(struct json_object *object, const char *key,
		   uint64_t otherwise);
double field_double(struct json_object *object, const char *key,
		    double otherwise);
bool field_bool(struct json_object *object, const char *key);

/* True when the member is there and not null. */
bool field_has(struct json_object *object, const char *key);

/* NULL when absent or of another type. Borrowed. */
struct json_object *field_object(struct json_object *object, const char *key);
struct json_object *field_array(struct json_object *object, const char *key);

/* Length of an array member, 0 when there is none, and one of its elements. */
size_t field_count(struct json_object *object, const char *key);
struct json_object *field_at(struct json_object *object, const char *key,
			     size_t i);

/* All zero when absent; members that are not nodes are left out. */
void field_node_bytes(struct json_object *object, const char *key,
		      struct field_nodes *ret_nodes);

#endif
