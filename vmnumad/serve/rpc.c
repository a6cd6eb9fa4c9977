/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON-RPC 2.0 over json-c. json-c's strict mode still takes NaN, and folds
 * duplicate keys (the last one wins): both are harmless here, since every
 * parameter is checked for its exact type and range before it is used.
 */
#include "serve/rpc.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "xalloc.h"

/* A request is an object of objects of values: deeper is an attack. */
#define DEPTH_MAX 16

static struct json_object *line_parse(const char *line, size_t len,
				      struct why *why)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
	struct json_object *root = NULL;
	enum json_tokener_error error;

	if (!tokener)
		return NULL;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT |
						JSON_TOKENER_VALIDATE_UTF8);
	/* the NUL that ends the line tells json-c that a number is complete */
	if (!memchr(line, '\0', len))
		root = json_tokener_parse_ex(tokener, line, (int)len + 1);
	error = json_tokener_get_error(tokener);
	if (!root || error != json_tokener_success) {
		why_set(why, "the request is not JSON: %s",
			error == json_tokener_success ||
					error == json_tokener_continue
				? "it ends too early"
				: json_tokener_error_desc(error));
		json_object_put(root);
		root = NULL;
	}
	json_tokener_free(tokener);
	return root;
}

static bool id_is_valid(struct json_object *id)
{
	return !id || json_object_is_type(id, json_type_string) ||
	       json_object_is_type(id, json_type_int);
}

static bool version_is_2(struct json_object *root)
{
	struct json_object *version;

	return json_object_object_get_ex(root, "jsonrpc", &version) &&
	       json_object_is_type(version, json_type_string) &&
	       strcmp(json_object_get_string(version), "2.0") == 0;
}

static int params_take(struct rpc_request *request, enum rpc_code *ret_code,
		       struct why *why)
{
	struct json_object *params;

	if (!json_object_object_get_ex(request->root, "params", &params))
		return 0;
	if (!json_object_is_type(params, json_type_object)) {
		*ret_code = RPC_BAD_PARAMS;
		why_set(why, "\"params\" must be an object");
		return -EINVAL;
	}
	request->params = params;
	return 0;
}

int rpc_parse(const char *line, size_t len, struct rpc_request *ret_request,
	      enum rpc_code *ret_code, struct why *why)
{
	struct rpc_request *request = ret_request;
	struct json_object *id;
	struct json_object *method;

	memset(request, 0, sizeof(*request));
	request->wants_reply = true;
	*ret_code = RPC_PARSE_ERROR;
	request->root = line_parse(line, len, why);
	if (!request->root)
		return -EINVAL;
	*ret_code = RPC_INVALID_REQUEST;
	if (!json_object_is_type(request->root, json_type_object)) {
		why_set(why, "a request is one object");
		return -EINVAL;
	}
	if (json_object_object_get_ex(request->root, "id", &id)) {
		if (!id_is_valid(id)) {
			why_set(why, "\"id\" must be a string or an integer");
			return -EINVAL;
		}
		request->id = id;
	} else {
		request->wants_reply = false;
	}
	if (!version_is_2(request->root) ||
	    !json_object_object_get_ex(request->root, "method", &method) ||
	    !json_object_is_type(method, json_type_string)) {
		request->wants_reply = true;
		why_set(why, "a request has \"jsonrpc\": \"2.0\" and a "
			     "\"method\"");
		return -EINVAL;
	}
	request->method = json_object_get_string(method);
	return params_take(request, ret_code, why);
}

void rpc_request_finish(struct rpc_request *request)
{
	json_object_put(request->root);
	request->root = NULL;
}

/* Takes over message. */
static char *message_text(struct json_object *message)
{
	char *text;

	text = xasprintf(
		"%s\n",
		json_object_to_json_string_ext(
			message, JSON_C_TO_STRING_PLAIN |
					 JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(message);
	return text;
}

static struct json_object *message_new(void)
{
	struct json_object *message = json_object_new_object();

	json_object_object_add(message, "jsonrpc",
			       json_object_new_string("2.0"));
	return message;
}

static struct json_object *object_or_empty(struct json_object *object)
{
	return object ? json_object_get(object) : json_object_new_object();
}

char *rpc_result(struct json_object *id, struct json_object *result)
{
	struct json_object *message = message_new();

	json_object_object_add(message, "id", json_object_get(id));
	json_object_object_add(message, "result", object_or_empty(result));
	return message_text(message);
}

char *rpc_error(struct json_object *id, enum rpc_code code, int exit,
		const char *sentence)
{
	struct json_object *message = message_new();
	struct json_object *error = json_object_new_object();
	struct json_object *data = json_object_new_object();

	json_object_object_add(data, "exit", json_object_new_int(exit));
	json_object_object_add(error, "code", json_object_new_int(code));
	json_object_object_add(error, "message",
			       json_object_new_string(sentence));
	json_object_object_add(error, "data", data);
	json_object_object_add(message, "id", json_object_get(id));
	json_object_object_add(message, "error", error);
	return message_text(message);
}

char *rpc_note(const char *method, struct json_object *params)
{
	struct json_object *message = message_new();

	json_object_object_add(message, "method",
			       json_object_new_string(method));
	json_object_object_add(message, "params", object_or_empty(params));
	return message_text(message);
}
