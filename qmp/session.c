/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The QMP conversation; see session.h.
 *
 * Theory of operation
 *
 *   AWAITS_GREETING --greeting--> NEGOTIATING --return--> READY <--> BUSY
 *          \_______________________ \____________________ \________ \__> DEAD
 *
 * QEMU speaks first, then wants qmp_capabilities before anything else. After
 * that commands go out one at a time, in the order submitted: QEMU stops
 * reading when eight wait, and with one in flight a reply can only be to that
 * one. Each command carries an id of a per-session prefix and a number.
 *
 * What comes in is one of
 *   - the reply to the command in flight: a result, and the next command goes;
 *   - an event, at any time after the greeting: a result;
 *   - a reply whose id is not of our making: QEMU may still send the answer to
 *     a client that was here before us. Dropped;
 *   - an error without an id while a command is in flight: what QEMU says when
 *     it could not read the command. Taken as the reply;
 *   - anything else, a second reply with an id of ours included: QEMU is broken
 *     or hostile. The session dies; nothing is worth guessing.
 *
 * A QEMU that is taken over by its guest may also say nothing, drip single
 * bytes, or talk without end. So deadlines are absolute, set when the command
 * is sent, and bytes do not extend them; every line that is no awaited reply
 * costs credit, 10 ms for each 4 KiB begun, of which a second grants one second
 * and at most two are saved: 100 events a second, 200 at once.
 *
 * A late reply cannot confuse: when a deadline has passed the session is dead
 * and the owner closes the socket. Death completes every command still waiting
 * with the session's error, so each submit has exactly one result.
 */
#include "qmp/session.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

#define NO_DEADLINE     UINT64_MAX
#define CREDIT_MAX_NS   (2ull * 1000 * 1000 * 1000)
#define LINE_COST_NS    (10ull * 1000 * 1000)
#define LINE_COST_BYTES 4096

struct qmp_result_node {
	struct qmp_result result; /* as the caller will get it */
	struct qmp_result_node *next; /* owned: the one after, or NULL */
};

static void push_result(struct qmp_session *s, const struct qmp_result *result)
{
	struct qmp_result_node *node = xcalloc(1, sizeof(*node));

	node->result = *result;
	if (s->results.last)
		s->results.last->next = node;
	else
		s->results.first = node;
	s->results.last = node;
	s->results.n++;
}

/* End the oldest command. value may be NULL and is given away. */
static void complete(struct qmp_session *s, int error, const struct why *why,
		     struct qmp_value *value)
{
	struct qmp_commands *commands = &s->commands;
	struct qmp_result result = {
		.kind = QMP_RESULT_COMMAND,
		.question = commands->ring[commands->first].command.question,
		.token = commands->ring[commands->first].token,
		.error = error,
		.value = value,
	};

	if (error)
		result.why = *why;
	commands->first = (commands->first + 1) % QMP_COMMANDS_MAX;
	commands->n--;
	push_result(s, &result);
}

/* Returns error, for the caller to pass on. s->why is set by the caller. */
static int die(struct qmp_session *s, int error)
{
	s->state = QMP_DEAD;
	s->error = error;
	s->deadline_ns = NO_DEADLINE;
	s->output_len = 0;
	qmp_wire_finish(&s->wire);
	while (s->commands.n)
		complete(s, error, &s->why, NULL);
	return error;
}

void qmp_session_init(struct qmp_session *s, uint64_t id_prefix,
		      uint64_t now_ns)
{
	*s = (struct qmp_session) {
		.state = QMP_AWAITS_GREETING,
		.id_prefix = id_prefix,
		.deadline_ns = now_ns + QMP_GREETING_NS,
		.credit_ns = CREDIT_MAX_NS,
		.credit_at_ns = now_ns,
	};
	qmp_wire_init(&s->wire, QMP_LINE_MAX_BYTES);
}

void qmp_session_finish(struct qmp_session *s)
{
	struct qmp_result result;

	while (qmp_session_next_result(s, &result))
		qmp_result_finish(&result);
	qmp_wire_finish(&s->wire);
}

void qmp_result_finish(struct qmp_result *result)
{
	qmp_value_free(result->value);
	result->value = NULL;
}

bool qmp_session_next_output(struct qmp_session *s, const char **ret_bytes,
			     size_t *ret_len)
{
	if (!s->output_len)
		return false;
	*ret_bytes = s->output;
	*ret_len = s->output_len;
	s->output_len = 0;
	return true;
}

bool qmp_session_next_result(struct qmp_session *s,
			     struct qmp_result *ret_result)
{
	struct qmp_result_node *node = s->results.first;

	if (!node)
		return false;
	s->results.first = node->next;
	if (!s->results.first)
		s->results.last = NULL;
	s->results.n--;
	*ret_result = node->result;
	free(node);
	return true;
}

uint64_t qmp_session_deadline(const struct qmp_session *s)
{
	return s->deadline_ns;
}

int qmp_session_tick(struct qmp_session *s, uint64_t now_ns)
{
	if (s->state == QMP_DEAD || now_ns < s->deadline_ns)
		return s->error;
	if (s->state == QMP_AWAITS_GREETING) {
		why_set(&s->why,
			"monitor busy: no greeting within %llu s, "
			"another client holds it or QEMU is stopped",
			QMP_GREETING_NS / 1000000000);
		return die(s, -EBUSY);
	}
	why_set(&s->why, "QEMU has not answered within %llu s",
		QMP_COMMAND_NS / 1000000000);
	return die(s, -ETIMEDOUT);
}

void qmp_session_lost(struct qmp_session *s, int error, const char *reason)
{
	if (s->state == QMP_DEAD)
		return;
	why_set(&s->why, "%s", reason);
	die(s, error);
}

static void format_id(const struct qmp_session *s, uint64_t sequence, char *id)
{
	snprintf(id, QMP_ID_SIZE, "vmn-%016" PRIx64 "-%" PRIu64, s->id_prefix,
		 sequence);
}

/* The output is empty: it was taken before QEMU could have replied. */
static void send_command(struct qmp_session *s,
			 const struct qmp_command *command, uint64_t now_ns)
{
	char id[QMP_ID_SIZE];

	format_id(s, ++s->sequence, id);
	qmp_command_text(command, id, s->output, QMP_COMMAND_TEXT_SIZE);
	strcat(s->output, "\r\n");
	s->output_len = strlen(s->output);
	s->deadline_ns = now_ns + QMP_COMMAND_NS;
}

static void send_next(struct qmp_session *s, uint64_t now_ns)
{
	struct qmp_commands *commands = &s->commands;

	if (!commands->n) {
		s->state = QMP_READY;
		s->deadline_ns = NO_DEADLINE;
		return;
	}
	s->state = QMP_BUSY;
	send_command(s, &commands->ring[commands->first].command, now_ns);
}

int qmp_session_submit(struct qmp_session *s, const struct qmp_command *command,
		       uint64_t token, uint64_t now_ns)
{
	struct qmp_commands *commands = &s->commands;
	size_t at = (commands->first + commands->n) % QMP_COMMANDS_MAX;

	if (s->state == QMP_DEAD)
		return s->error;
	if (command->question == QMP_CAPABILITIES ||
	    (unsigned int)command->question >= QMP_QUESTIONS)
		return -EINVAL;
	if (commands->n == QMP_COMMANDS_MAX)
		return -EAGAIN;
	commands->ring[at].command = *command;
	commands->ring[at].token = token;
	commands->n++;
	if (s->state == QMP_READY)
		send_next(s, now_ns);
	return 0;
}

/* A line of len bytes that nobody waits for has come. */
static int charge(struct qmp_session *s, size_t len, uint64_t now_ns)
{
	uint64_t cost_ns = LINE_COST_NS * (1 + len / LINE_COST_BYTES);

	if (now_ns > s->credit_at_ns) {
		uint64_t gain_ns = now_ns - s->credit_at_ns;

		s->credit_ns +=
			gain_ns < CREDIT_MAX_NS ? gain_ns : CREDIT_MAX_NS;
		if (s->credit_ns > CREDIT_MAX_NS)
			s->credit_ns = CREDIT_MAX_NS;
		s->credit_at_ns = now_ns;
	}
	if (cost_ns > s->credit_ns) {
		why_set(&s->why, "QEMU floods its monitor with events");
		return die(s, -ENOBUFS);
	}
	s->credit_ns -= cost_ns;
	return 0;
}

static int out_of_turn(struct qmp_session *s, const char *what)
{
	why_set(&s->why, "QEMU broke the protocol: %s", what);
	return die(s, -EPROTO);
}

static int on_greeting(struct qmp_session *s, uint64_t now_ns)
{
	const struct qmp_command capabilities = { QMP_CAPABILITIES };

	if (s->state != QMP_AWAITS_GREETING)
		return out_of_turn(s, "a second greeting");
	s->state = QMP_NEGOTIATING;
	send_command(s, &capabilities, now_ns);
	return 0;
}

static int on_event(struct qmp_session *s, struct qmp_message *message,
		    size_t len, uint64_t now_ns)
{
	struct qmp_result result = { .kind = QMP_RESULT_EVENT };
	int rc = charge(s, len, now_ns);

	if (rc)
		return rc;
	if (s->results.n >= QMP_RESULTS_MAX) {
		why_set(&s->why, "QEMU's events are not taken fast enough");
		return die(s, -ENOBUFS);
	}
	memcpy(result.name, message->word, sizeof(result.name));
	result.value = message->value;
	message->value = NULL;
	push_result(s, &result);
	return 0;
}

/* The reply to what is in flight. */
static int on_awaited(struct qmp_session *s, struct qmp_message *message,
		      uint64_t now_ns)
{
	struct why why = { 0 };
	int error = 0;

	if (message->kind == QMP_ERROR)
		error = qmp_message_error(message, &why);
	if (s->state == QMP_NEGOTIATING && error) {
		s->why = why;
		return die(s, error);
	}
	if (s->state == QMP_BUSY) {
		complete(s, error, &why, message->value);
		message->value = NULL;
	}
	send_next(s, now_ns);
	return 0;
}

/* Any reply or error. */
static int on_reply(struct qmp_session *s, struct qmp_message *message,
		    size_t len, uint64_t now_ns)
{
	bool is_waiting = s->state == QMP_BUSY || s->state == QMP_NEGOTIATING;
	char id[QMP_ID_SIZE];
	size_t prefix_len;

	format_id(s, s->sequence, id);
	prefix_len = (size_t)(strrchr(id, '-') - id) + 1;
	if (is_waiting && strcmp(message->id, id) == 0)
		return on_awaited(s, message, now_ns);
	if (is_waiting && message->kind == QMP_ERROR && !message->has_id)
		return on_awaited(s, message, now_ns);
	if (strncmp(message->id, id, prefix_len) == 0)
		return out_of_turn(s, "a reply that nobody waits for");
	return charge(s, len, now_ns);
}

static int on_line(struct qmp_session *s, const char *line, size_t len,
		   uint64_t now_ns)
{
	struct qmp_message message;
	int rc;

	if (!len)
		return charge(s, len, now_ns);
	rc = qmp_message_parse(line, len, &message, &s->why);
	if (rc)
		return die(s, rc);
	if (message.kind == QMP_GREETING)
		rc = on_greeting(s, now_ns);
	else if (s->state == QMP_AWAITS_GREETING)
		rc = out_of_turn(s, "no greeting first");
	else if (message.kind == QMP_EVENT)
		rc = on_event(s, &message, len, now_ns);
	else
		rc = on_reply(s, &message, len, now_ns);
	qmp_message_finish(&message);
	return rc;
}

int qmp_session_feed(struct qmp_session *s, const char *bytes, size_t len,
		     uint64_t now_ns)
{
	const char *line;
	size_t line_len;
	int rc = qmp_session_tick(s, now_ns);

	while (!rc) {
		rc = qmp_wire_line(&s->wire, &bytes, &len, &line, &line_len);
		if (rc == 0)
			return 0;
		if (rc < 0) {
			why_set(&s->why, "QEMU sent a line of over %u bytes",
				QMP_LINE_MAX_BYTES);
			return die(s, rc);
		}
		rc = on_line(s, line, line_len, now_ns);
	}
	return rc;
}
