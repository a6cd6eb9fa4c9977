/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QMP messages and typed JSON access; see message.h. The only file under qmp/
 * that knows json-c. A struct qmp_value is a json_object under another name.
 */
#include "qmp/message.h"

#include <errno.h>
#include <string.h>

#include <json-c/json.h>

#include "qmp/wire.h"

/* QEMU's answers nest 5 deep. */
#define DEPTH_MAX 16

static struct json_object *to_json(const struct qmp_value *value)
{
	return (struct json_object *)(uintptr_t)value;
}

static struct qmp_value *from_json(struct json_object *json)
{
	return (struct qmp_value *)json;
}

static bool is_printable(char c)
{
	return c >= 0x20 && c < 0x7f;
}

void qmp_value_free(struct qmp_value *value)
{
	json_object_put(to_json(value));
}

bool qmp_value_is(const struct qmp_value *value, enum qmp_type type)
{
	static const enum json_type types[] = {
		[QMP_OBJECT] = json_type_object, [QMP_ARRAY] = json_type_array,
		[QMP_STRING] = json_type_string, [QMP_INTEGER] = json_type_int,
		[QMP_BOOL] = json_type_boolean,
	};

	return json_object_is_type(to_json(value), types[type]);
}

size_t qmp_value_length(const struct qmp_value *array)
{
	if (!qmp_value_is(array, QMP_ARRAY))
		return 0;
	return json_object_array_length(to_json(array));
}

const struct qmp_value *qmp_value_at(const struct qmp_value *array, size_t i)
{
	if (i >= qmp_value_length(array))
		return NULL;
	return from_json(json_object_array_get_idx(to_json(array), i));
}

int qmp_value_member(const struct qmp_value *object, const char *name,
		     enum qmp_type type, const struct qmp_value **ret_member)
{
	struct json_object *member;

	if (!qmp_value_is(object, QMP_OBJECT) ||
	    !json_object_object_get_ex(to_json(object), name, &member) ||
	    !member)
		return -ENOENT;
	if (!qmp_value_is(from_json(member), type))
		return -EBADMSG;
	*ret_member = from_json(member);
	return 0;
}

/* integer is a QMP_INTEGER. Numbers beyond 64 bits arrive here clamped to
 * INT64_MIN or UINT64_MAX and those beyond INT64_MAX as INT64_MAX. */
static int u64_of(const struct qmp_value *integer, uint64_t max,
		  uint64_t *ret_number)
{
	int64_t number = json_object_get_int64(to_json(integer));

	if (number < 0 || number == INT64_MAX || (uint64_t)number > max)
		return -ERANGE;
	*ret_number = (uint64_t)number;
	return 0;
}

int qmp_value_u64(const struct qmp_value *object, const char *name,
		  uint64_t max, uint64_t *ret_number)
{
	const struct qmp_value *member;
	int rc = qmp_value_member(object, name, QMP_INTEGER, &member);

	return rc ? rc : u64_of(member, max, ret_number);
}

int qmp_value_at_u64(const struct qmp_value *array, size_t i, uint64_t max,
		     uint64_t *ret_number)
{
	const struct qmp_value *element = qmp_value_at(array, i);

	if (!element)
		return -ENOENT;
	if (!qmp_value_is(element, QMP_INTEGER))
		return -EBADMSG;
	return u64_of(element, max, ret_number);
}

int qmp_value_bool(const struct qmp_value *object, const char *name,
		   bool *ret_bool)
{
	const struct qmp_value *member;
	int rc = qmp_value_member(object, name, QMP_BOOL, &member);

	if (rc)
		return rc;
	*ret_bool = json_object_get_boolean(to_json(member));
	return 0;
}

int qmp_value_text(const struct qmp_value *string, const char **ret_text,
		   size_t *ret_len)
{
	const char *text;
	size_t len;

	if (!qmp_value_is(string, QMP_STRING))
		return -EBADMSG;
	text = json_object_get_string(to_json(string));
	len = (size_t)json_object_get_string_len(to_json(string));
	if (memchr(text, '\0', len))
		return -EBADMSG;
	*ret_text = text;
	*ret_len = len;
	return 0;
}

int qmp_value_word(const struct qmp_value *object, const char *name, char *buf,
		   size_t size)
{
	const struct qmp_value *member;
	const char *text;
	size_t len;
	int rc = qmp_value_member(object, name, QMP_STRING, &member);

	if (!rc)
		rc = qmp_value_text(member, &text, &len);
	if (rc)
		return rc;
	for (size_t i = 0; i < len; i++)
		if (!is_printable(text[i]))
			return -EBADMSG;
	if (len >= size)
		return -EMSGSIZE;
	memcpy(buf, text, len + 1);
	return 0;
}

/* QEMU's words for people: cut to fit, and nothing that could drive a terminal
 * or a log. */
static void copy_desc(const struct qmp_value *error, struct why *ret_desc)
{
	const struct qmp_value *member;
	const char *text = "no description";
	size_t len = strlen(text);
	size_t i;

	if (!qmp_value_member(error, "desc", QMP_STRING, &member))
		qmp_value_text(member, &text, &len);
	for (i = 0; i < len && i < sizeof(ret_desc->text) - 1; i++)
		ret_desc->text[i] = is_printable(text[i]) ? text[i] : '?';
	ret_desc->text[i] = '\0';
}

/* The JSON object that is the whole line, or NULL with why set. */
static struct json_object *parse_object(const char *line, size_t len,
					struct why *why)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
	struct json_object *root = NULL;
	enum json_tokener_error error;
	size_t used;

	if (!tokener) {
		why_set(why, "no memory to parse QEMU's message");
		return NULL;
	}
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT |
						JSON_TOKENER_VALIDATE_UTF8);
	root = json_tokener_parse_ex(tokener, line, (int)len);
	error = json_tokener_get_error(tokener);
	used = json_tokener_get_parse_end(tokener);
	json_tokener_free(tokener);

	while (used < len && strchr(" \t\r\n", line[used]) && line[used])
		used++;
	if (error == json_tokener_success && used == len &&
	    json_object_is_type(root, json_type_object))
		return root;
	why_set(why, "QEMU's message is not a JSON object: %s",
		error == json_tokener_success ? "something else"
					      : json_tokener_error_desc(error));
	json_object_put(root);
	return NULL;
}

static int parse_greeting(const struct qmp_value *root,
			  struct qmp_message *message,
			  const struct qmp_value **ret_value)
{
	const struct qmp_value *qmp;
	int rc = qmp_value_member(root, "QMP", QMP_OBJECT, &qmp);

	message->kind = QMP_GREETING;
	return rc ? rc
		  : qmp_value_member(qmp, "version", QMP_OBJECT, ret_value);
}

static int parse_event(const struct qmp_value *root,
		       struct qmp_message *message,
		       const struct qmp_value **ret_value)
{
	int rc = qmp_value_word(root, "event", message->word,
				sizeof(message->word));

	message->kind = QMP_EVENT;
	if (rc)
		return rc;
	rc = qmp_value_member(root, "data", QMP_OBJECT, ret_value);
	return rc == -ENOENT ? 0 : rc;
}

static int parse_error(const struct qmp_value *root,
		       struct qmp_message *message)
{
	const struct qmp_value *error;
	int rc = qmp_value_member(root, "error", QMP_OBJECT, &error);

	message->kind = QMP_ERROR;
	if (rc)
		return rc;
	copy_desc(error, &message->desc);
	return qmp_value_word(error, "class", message->word,
			      sizeof(message->word));
}

static bool has(const struct qmp_value *object, const char *name)
{
	return json_object_object_get_ex(to_json(object), name, NULL);
}

static int parse_kind(const struct qmp_value *root, struct qmp_message *message,
		      const struct qmp_value **ret_value)
{
	struct json_object *value;

	if (has(root, "QMP") + has(root, "event") + has(root, "return") +
		    has(root, "error") !=
	    1)
		return -EBADMSG;
	message->has_id = has(root, "id");
	if (qmp_value_word(root, "id", message->id, sizeof(message->id)))
		message->id[0] = '\0';
	if (has(root, "QMP"))
		return parse_greeting(root, message, ret_value);
	if (has(root, "event"))
		return parse_event(root, message, ret_value);
	if (has(root, "error"))
		return parse_error(root, message);
	message->kind = QMP_REPLY;
	json_object_object_get_ex(to_json(root), "return", &value);
	*ret_value = from_json(value);
	return 0;
}

int qmp_message_parse(const char *line, size_t len,
		      struct qmp_message *ret_message, struct why *why)
{
	struct qmp_message message = { 0 };
	const struct qmp_value *value = NULL;
	struct json_object *root;

	if (len > QMP_LINE_MAX_BYTES) {
		why_set(why, "QEMU's message is longer than %u bytes",
			QMP_LINE_MAX_BYTES);
		return -EMSGSIZE;
	}
	root = parse_object(line, len, why);
	if (!root)
		return -EBADMSG;
	if (parse_kind(from_json(root), &message, &value)) {
		why_set(why, "QEMU's message is neither a greeting, a reply, "
			     "an error nor an event");
		json_object_put(root);
		return -EBADMSG;
	}
	message.value = from_json(json_object_get(to_json(value)));
	json_object_put(root);
	*ret_message = message;
	return 0;
}

void qmp_message_finish(struct qmp_message *message)
{
	qmp_value_free(message->value);
	message->value = NULL;
}

int qmp_message_error(const struct qmp_message *message, struct why *why)
{
	why_set(why, "QEMU: %s: %.180s", message->word, message->desc.text);
	return strcmp(message->word, "CommandNotFound") == 0 ? -EOPNOTSUPP
							     : -EREMOTEIO;
}

int qmp_reply_parse(const char *text, size_t len, struct qmp_value **ret_value,
		    struct why *why)
{
	struct qmp_message message;
	int rc = qmp_message_parse(text, len, &message, why);

	if (rc)
		return rc;
	if (message.kind == QMP_REPLY) {
		*ret_value = message.value;
		return 0;
	}
	if (message.kind == QMP_ERROR) {
		rc = qmp_message_error(&message, why);
	} else {
		why_set(why, "QEMU's answer is not a reply");
		rc = -EBADMSG;
	}
	qmp_message_finish(&message);
	return rc;
}
