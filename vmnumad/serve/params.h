/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Typed parameters out of a request's JSON object, with an error sentence that
 * names the parameter. Used by the handlers of the control socket's methods.
 *
 * All of these return 0 or -EINVAL. An absent (or null) optional parameter is
 * 0 and leaves *ret_x as the caller set it.
 */
#ifndef SERVE_PARAMS_H
#define SERVE_PARAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "node.h"
#include "why.h"

struct json_object;

/* Refuses members whose names are not in known (NULL ended). */
int params_check(struct json_object *params, const char *const *known,
		 struct why *why);

/* Texts: at most 1024 bytes, without NUL bytes; borrowed from params. The first
 * is for a parameter that must be there and must not be empty. */
int params_need_string(struct json_object *params, const char *key,
		       const char **ret_text, struct why *why);
int params_string(struct json_object *params, const char *key,
		  const char **ret_text, struct why *why);

int params_bool(struct json_object *params, const char *key, bool *ret_value,
		struct why *why);

/* A whole number from min to max; 1.0 and "1" are not whole numbers here. */
int params_need_u64(struct json_object *params, const char *key, uint64_t min,
		    uint64_t max, uint64_t *ret_value, struct why *why);
int params_u64(struct json_object *params, const char *key, uint64_t min,
	       uint64_t max, uint64_t *ret_value, struct why *why);

/* "0-1,3"; an empty list is an error. */
int params_nodes(struct json_object *params, const char *key,
		 struct node_mask *ret_nodes, struct why *why);

/* An object of cell number to node list: {"0": "1", "1": "0-1"}; fn is called
 * for each, and a value other than 0 ends the walk and is returned. At most 64
 * cells, numbered 0 to 1023. */
typedef int params_cell_fn(void *arg, int cell, struct node_mask nodes,
			   struct why *why);
int params_cells(struct json_object *params, const char *key,
		 params_cell_fn *fn, void *arg, struct why *why);

#endif
