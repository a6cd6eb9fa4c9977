/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A blocking JSON-RPC 2.0 client. One question at a time; answers to requests
 * of client_tell() are read past. The daemon is trusted not to be hostile but
 * not to be well: every wait ends when the socket closes.
 */
#include "ctl/client.h"

#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "ctl/field.h"
#include "xalloc.h"

/* No answer is longer: 64 nodes, 1000 guests. */
#define LINE_MAX_BYTES (64 * 1024 * 1024)
#define READ_AT_ONCE   (64 * 1024)
/* Seconds that connecting and sending may take. */
#define SEND_TIMEOUT_S 5
/* Id of the question; that of client_tell() is 2. */
#define QUESTION_ID 1
#define TOLD_ID     2

struct client {
	int fd; /* owned */
	char *in; /* owned; bytes received and not yet taken */
	size_t in_len; /* bytes in it */
	size_t in_cap; /* room in it */
	size_t scanned; /* bytes of it known to hold no newline */
};

int client_connect(const char *path, struct client **ret_client)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct timeval timeout = { .tv_sec = SEND_TIMEOUT_S };
	struct client *client;
	int rc = 0;
	int fd;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout,
		       sizeof(timeout)) ||
	    connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		rc = -errno;
	if (rc) {
		close(fd);
		return rc;
	}
	client = xcalloc(1, sizeof(*client));
	client->fd = fd;
	*ret_client = client;
	return 0;
}

void client_destroy(struct client *client)
{
	if (!client)
		return;
	close(client->fd);
	free(client->in);
	free(client);
}

static int send_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

static int request_send(struct client *client, int id, const char *method,
			struct json_object *params)
{
	struct json_object *request = json_object_new_object();
	char *line;
	int rc;

	json_object_object_add(request, "jsonrpc",
			       json_object_new_string("2.0"));
	json_object_object_add(request, "id", json_object_new_int(id));
	json_object_object_add(request, "method",
			       json_object_new_string(method));
	json_object_object_add(request, "params",
			       params ? json_object_get(params)
				      : json_object_new_object());
	line = xasprintf("%s\n", json_object_to_json_string_ext(
					 request, JSON_C_TO_STRING_PLAIN));
	rc = send_all(client->fd, line, strlen(line));
	free(line);
	json_object_put(request);
	return rc;
}

int client_tell(struct client *client, const char *method,
		struct json_object *params)
{
	return request_send(client, TOLD_ID, method, params);
}

/* One more piece from the socket. */
static int more_read(struct client *client)
{
	ssize_t n;

	if (client->in_len > LINE_MAX_BYTES)
		return -EBADMSG;
	if (client->in_cap - client->in_len < READ_AT_ONCE) {
		client->in_cap = client->in_cap * 2 + READ_AT_ONCE;
		client->in = xreallocarray(client->in, client->in_cap, 1);
	}
	n = recv(client->fd, client->in + client->in_len, READ_AT_ONCE,
		 MSG_DONTWAIT);
	if (n < 0 &&
	    (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return 0;
	if (n <= 0)
		return -ECONNRESET;
	client->in_len += (size_t)n;
	return 0;
}

/* The next whole line as a message; -EAGAIN when there is none yet. */
static int message_take(struct client *client, struct json_object **ret_message)
{
	struct json_object *message;
	char *nl = NULL;
	size_t len;

	if (client->in_len > client->scanned)
		nl = memchr(client->in + client->scanned, '\n',
			    client->in_len - client->scanned);
	client->scanned = client->in_len;
	if (!nl)
		return -EAGAIN;
	*nl = '\0';
	len = (size_t)(nl - client->in) + 1;
	message = json_tokener_parse(client->in);
	client->in_len -= len;
	client->scanned = 0;
	memmove(client->in, client->in + len, client->in_len);
	if (!message || !json_object_is_type(message, json_type_object)) {
		json_object_put(message);
		return -EBADMSG;
	}
	*ret_message = message;
	return 0;
}

static int error_take(struct json_object *error, int *ret_exit, struct why *why)
{
	struct json_object *data = field_object(error, "data");
	uint64_t exit = field_u64(data, "exit", 1);

	*ret_exit = exit >= 1 && exit <= 125 ? (int)exit : 1;
	why_set(why, "%s", field_text(error, "message", "it failed"));
	return -EREMOTEIO;
}

/* -EAGAIN: this was not the answer. */
static int message_handle(const struct client_question *question,
			  struct json_object *message,
			  struct json_object **ret_result, int *ret_exit,
			  struct why *why)
{
	const char *method = field_text(message, "method", NULL);
	struct json_object *result = field_object(message, "result");
	struct json_object *error = field_object(message, "error");

	if (method) {
		if (question->on_note)
			question->on_note(question->arg, method,
					  field_object(message, "params"));
		return -EAGAIN;
	}
	if (field_u64(message, "id", QUESTION_ID) != QUESTION_ID)
		return -EAGAIN;
	if (error)
		return error_take(error, ret_exit, why);
	if (!result)
		return -EBADMSG;
	*ret_result = json_object_get(result);
	return 0;
}

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int interrupt_handle(const struct client_question *question)
{
	struct signalfd_siginfo info;

	if (read(question->interrupt_fd, &info, sizeof(info)) < 0)
		return 0;
	return question->on_interrupt(question->arg) ? -EINTR : 0;
}

/* Waits for the socket or for an interrupt, and takes what comes. */
static int wait_more(struct client *client,
		     const struct client_question *question, long long end_ms)
{
	struct pollfd fds[2] = {
		{ .fd = client->fd, .events = POLLIN },
		{ .fd = question->interrupt_fd, .events = POLLIN },
	};
	long long left_ms = end_ms - now_ms();
	int n;

	if (question->timeout_ms < 0)
		left_ms = -1;
	else if (left_ms <= 0)
		return -ETIMEDOUT;
	n = poll(fds, 2, (int)left_ms);
	if (n < 0 && errno != EINTR)
		return -errno;
	if (n <= 0)
		return 0;
	if (fds[1].revents) {
		int rc = interrupt_handle(question);

		if (rc)
			return rc;
	}
	return fds[0].revents ? more_read(client) : 0;
}

int client_ask(struct client *client, const struct client_question *question,
	       struct json_object **ret_result, int *ret_exit, struct why *why)
{
	long long end_ms = now_ms() + question->timeout_ms;
	struct json_object *message;
	int rc;

	/* A daemon that turns us away has sent its sentence and closed. */
	rc = request_send(client, QUESTION_ID, question->method,
			  question->params);
	if (rc && rc != -EPIPE && rc != -ECONNRESET)
		return rc;
	for (;;) {
		rc = message_take(client, &message);
		if (!rc) {
			rc = message_handle(question, message, ret_result,
					    ret_exit, why);
			json_object_put(message);
			if (rc == -EAGAIN)
				continue;
		}
		if (rc != -EAGAIN)
			return rc;
		rc = wait_more(client, question, end_ms);
		if (rc)
			return rc;
	}
}
