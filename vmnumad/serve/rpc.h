/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON-RPC 2.0 messages, as one line of text each: a request is taken apart, a
 * reply, an error or a notification is put together. No sockets here: those are
 * conn.c's. Batches are not supported. Used by control.c.
 */
#ifndef SERVE_RPC_H
#define SERVE_RPC_H

#include <stdbool.h>
#include <stddef.h>

#include "why.h"

struct json_object;

/* Codes of the JSON-RPC 2.0 specification, section 5.1, and ours. */
enum rpc_code {
	RPC_PARSE_ERROR = -32700, /* not JSON */
	RPC_INVALID_REQUEST = -32600, /* JSON, but not a request */
	RPC_UNKNOWN_METHOD = -32601, /* no such method */
	RPC_BAD_PARAMS = -32602, /* parameters missing, unknown, malformed */
	RPC_FAILED = -32001, /* could not be done */
	RPC_NOT_ALLOWED = -32000, /* the caller lacks the right */
	RPC_REFUSED = -32002, /* a gate refuses it */
};

/* One request. */
struct rpc_request {
	struct json_object *root; /* owned; all others lie in it */
	struct json_object *id; /* borrowed; NULL for a notification or null */
	bool wants_reply; /* it has an id, null included */
	const char *method; /* borrowed */
	struct json_object *params; /* borrowed; an object, NULL when absent */
};

/* -EINVAL with *ret_code and why when the line is not a request. ret_request
 * is then still filled as far as it was understood (root may be NULL) so that
 * the error can carry the id, and is to be finished in both cases. */
int rpc_parse(const char *line, size_t len, struct rpc_request *ret_request,
	      enum rpc_code *ret_code, struct why *why);

void rpc_request_finish(struct rpc_request *request);

/* Lines with their newline, owned by the caller. id is borrowed and may be
 * NULL; result and params are borrowed and may be NULL (an empty object).
 * exit is the status that vmnumactl ends with. */
char *rpc_result(struct json_object *id, struct json_object *result);
char *rpc_error(struct json_object *id, enum rpc_code code, int exit,
		const char *sentence);
char *rpc_note(const char *method, struct json_object *params);

#endif
