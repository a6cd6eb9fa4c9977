/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accepts, checks rights, dispatches. A call outlives its client: when the
 * client goes away its calls are cut loose and live until their handlers answer
 * them, so a handler never holds a pointer that went stale behind its back.
 */
#include "serve/control.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "loop.h"
#include "serve/conn.h"
#include "serve/socket.h"
#include "xalloc.h"

#define AREA        "control"
#define NS_PER_S    1000000000ull
#define IDLE_NS     (10 * NS_PER_S)
#define SOCKET_MODE 0660
/* How long accepting waits when the process or the host is out of files. */
#define ACCEPT_PAUSE_NS NS_PER_S

struct control_call {
	struct client *client; /* borrowed; NULL: it went away */
	struct control_call *next; /* of the same client */
	struct peer peer; /* who calls */
	struct json_object *id; /* owned; of the request, may be NULL */
	bool wants_reply; /* false for a notification */
	bool is_running; /* its handler has not returned yet */
	bool is_answered; /* by a handler that has not returned yet */
	void (*on_gone)(void *arg); /* NULL: nobody wants to know */
	void *gone_arg; /* borrowed; for on_gone */
};

struct client {
	struct control *control; /* borrowed: owns this */
	struct client *next; /* of the same control */
	struct conn *conn; /* owned */
	struct peer peer; /* who it is */
	struct control_call *calls; /* owned until answered or cut loose */
	size_t n_calls; /* length of calls */
	bool is_refusal_logged; /* said once that it lacks a right */
};

struct control {
	struct loop *loop; /* borrowed */
	struct control_settings settings; /* as given to control_create() */
	struct peer_groups groups; /* as looked up at the start */
	struct socket_file file; /* owned; the listening socket */
	struct loop_fd *watch; /* owned; watches file.fd */
	struct loop_timer *pause; /* owned; accepts again when it fires */
	struct client *clients; /* owned */
	size_t n_clients; /* length of clients */
	uint64_t stranger_ns; /* when a stranger was last logged, 0 never */
};

/* Takes over line. */
static void client_send(struct client *client, char *line)
{
	if (client)
		conn_send(client->conn, line, strlen(line));
	free(line);
}

static void call_unlink(struct control_call *call)
{
	struct client *client = call->client;
	struct control_call **at;

	if (!client)
		return;
	for (at = &client->calls; *at != call; at = &(*at)->next)
		;
	*at = call->next;
	client->n_calls--;
	conn_release(client->conn);
	call->client = NULL;
}

static void call_free(struct control_call *call)
{
	json_object_put(call->id);
	free(call);
}

static void call_answer(struct control_call *call, char *line)
{
	if (call->wants_reply)
		client_send(call->client, line);
	else
		free(line);
	call_unlink(call);
	if (call->is_running)
		call->is_answered = true;
	else
		call_free(call);
}

int control_reply(struct control_call *call, struct json_object *result)
{
	char *line = rpc_result(call->id, result);

	json_object_put(result);
	call_answer(call, line);
	return 0;
}

int control_fail(struct control_call *call, enum rpc_code code, int exit,
		 const char *sentence)
{
	call_answer(call, rpc_error(call->id, code, exit, sentence));
	return 0;
}

void control_notify(struct control_call *call, const char *method,
		    struct json_object *params)
{
	if (call->client && call->wants_reply)
		client_send(call->client, rpc_note(method, params));
}

void control_on_gone(struct control_call *call, void (*fn)(void *arg),
		     void *arg)
{
	call->on_gone = fn;
	call->gone_arg = arg;
}

const struct peer *control_peer(const struct control_call *call)
{
	return &call->peer;
}

static bool may(const struct peer *peer, enum control_right right)
{
	switch (right) {
	case CONTROL_READ:
		return peer->can_read;
	case CONTROL_CHANGE:
		return peer->can_change;
	case CONTROL_ROOT:
		return peer->is_root;
	}
	return false;
}

static const char *right_sentence(enum control_right right)
{
	switch (right) {
	case CONTROL_READ:
		return "this needs root, or membership of group "
		       "\"" PEER_READ_GROUP "\"";
	case CONTROL_CHANGE:
		return "this needs root, or membership of group "
		       "\"" PEER_ADMIN_GROUP "\"";
	case CONTROL_ROOT:
		break;
	}
	return "this needs root";
}

static const struct control_verb *verb_find(const struct control *control,
					    const char *method)
{
	const struct control_verb *verb;

	for (verb = control->settings.verbs; verb->method; verb++) {
		if (strcmp(verb->method, method) == 0)
			return verb;
	}
	return NULL;
}

static struct control_call *call_new(struct client *client,
				     const struct rpc_request *request)
{
	struct control_call *call = xcalloc(1, sizeof(*call));

	call->client = client;
	call->peer = client->peer;
	call->id = json_object_get(request->id);
	call->wants_reply = request->wants_reply;
	call->next = client->calls;
	client->calls = call;
	client->n_calls++;
	conn_hold(client->conn);
	return call;
}

static void verb_run(struct client *client, const struct control_verb *verb,
		     const struct rpc_request *request)
{
	struct control_call *call = call_new(client, request);
	struct json_object *params = request->params
					     ? json_object_get(request->params)
					     : json_object_new_object();
	int rc;

	if (verb->right != CONTROL_READ)
		log_info(AREA, "uid %u, pid %d: %s %.200s", client->peer.uid,
			 client->peer.pid, verb->method,
			 json_object_to_json_string(params));
	call->is_running = true;
	rc = verb->run(client->control->settings.arg, call, params);
	json_object_put(params);
	if (rc < 0 && !call->is_answered)
		control_fail(call, RPC_FAILED, 1, strerror(-rc));
	call->is_running = false;
	if (call->is_answered)
		call_free(call);
}

static void refusal_log(struct client *client, const char *method)
{
	if (!client->is_refusal_logged)
		log_warning(AREA, "refused %s to uid %u, pid %d", method,
			    client->peer.uid, client->peer.pid);
	client->is_refusal_logged = true;
}

static void request_run(struct client *client,
			const struct rpc_request *request)
{
	const struct control_verb *verb;
	struct why why;

	verb = verb_find(client->control, request->method);
	if (!verb) {
		why_set(&why, "unknown method \"%.60s\"", request->method);
		client_send(client, rpc_error(request->id, RPC_UNKNOWN_METHOD,
					      2, why.text));
		return;
	}
	if (!may(&client->peer, verb->right)) {
		refusal_log(client, verb->method);
		client_send(client, rpc_error(request->id, RPC_NOT_ALLOWED, 1,
					      right_sentence(verb->right)));
		return;
	}
	if (client->n_calls >= CONTROL_CALLS_MAX) {
		client_send(client,
			    rpc_error(request->id, RPC_FAILED, 1,
				      "too many requests at the same time"));
		return;
	}
	verb_run(client, verb, request);
}

static void on_line(void *arg, const char *line, size_t len)
{
	struct client *client = arg;
	struct rpc_request request;
	enum rpc_code code;
	struct why why;

	if (rpc_parse(line, len, &request, &code, &why))
		client_send(client, rpc_error(request.id, code, 2, why.text));
	else
		request_run(client, &request);
	rpc_request_finish(&request);
}

static void on_overlong(void *arg)
{
	client_send(arg, rpc_error(NULL, RPC_INVALID_REQUEST, 2,
				   "a request has at most 65536 bytes"));
}

static void client_destroy(struct client *client)
{
	struct control *control = client->control;
	struct client **at;

	for (at = &control->clients; *at != client; at = &(*at)->next)
		;
	*at = client->next;
	control->n_clients--;
	while (client->calls) {
		struct control_call *call = client->calls;

		call_unlink(call);
		if (call->on_gone)
			call->on_gone(call->gone_arg);
	}
	conn_destroy(client->conn);
	free(client);
}

static void on_end(void *arg, const char *reason)
{
	struct client *client = arg;

	log_debug(AREA, "connection of uid %u, pid %d: %s", client->peer.uid,
		  client->peer.pid, reason);
	client_destroy(client);
}

static const struct conn_ops client_ops = {
	.on_line = on_line,
	.on_overlong = on_overlong,
	.on_end = on_end,
};

/* Says why, as far as the socket takes it at once, and closes. */
static void turn_away(int fd, enum rpc_code code, const char *sentence)
{
	char *line = rpc_error(NULL, code, 1, sentence);

	if (send(fd, line, strlen(line), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_debug(AREA, "turned away a client that was gone");
	free(line);
	close(fd);
}

static int who(struct control *control, int fd, struct peer *ret_peer)
{
	if (control->settings.who)
		return control->settings.who(control->settings.arg, fd,
					     ret_peer);
	return peer_of(fd, &control->groups, ret_peer);
}

/* At most once a second: anybody may cause it again and again. */
static void stranger_log(struct control *control, const struct peer *peer)
{
	uint64_t now_ns = loop_now_ns(control->loop);

	if (control->stranger_ns && now_ns - control->stranger_ns < NS_PER_S)
		return;
	control->stranger_ns = now_ns;
	log_warning(AREA, "turned away uid %u, pid %d: in neither group",
		    peer->uid, peer->pid);
}

static void client_add(struct control *control, int fd)
{
	struct client *client;
	struct peer peer = { .uid = (uid_t)-1 };

	if (control->n_clients >= CONTROL_CLIENTS_MAX) {
		turn_away(fd, RPC_FAILED,
			  "vmnumad serves 16 connections at most; try again");
		return;
	}
	if (who(control, fd, &peer) || !peer.can_read) {
		stranger_log(control, &peer);
		turn_away(fd, RPC_NOT_ALLOWED, right_sentence(CONTROL_READ));
		return;
	}
	client = xcalloc(1, sizeof(*client));
	client->control = control;
	client->peer = peer;
	client->conn = conn_create(control->loop, fd, control->settings.idle_ns,
				   &client_ops, client);
	client->next = control->clients;
	control->clients = client;
	control->n_clients++;
}

static void on_acceptable(void *arg, unsigned int events)
{
	struct control *control = arg;
	int fd = accept4(control->file.fd, NULL, NULL,
			 SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0) {
		client_add(control, fd);
		return;
	}
	if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS &&
	    errno != ENOMEM)
		return;
	log_warning(AREA, "no connection can be accepted for a second: %s",
		    strerror(errno));
	loop_fd_set(control->watch, 0);
	loop_timer_set(control->pause, ACCEPT_PAUSE_NS);
}

static void on_pause_over(void *arg)
{
	struct control *control = arg;

	loop_fd_set(control->watch, LOOP_READ);
}

int control_create(struct loop *loop, const struct control_settings *settings,
		   struct control **ret_control, struct why *why)
{
	struct control *control = xcalloc(1, sizeof(*control));
	struct socket_want want = { .path = settings->path,
				    .type = SOCK_STREAM,
				    .mode = SOCKET_MODE };
	int rc = 0;

	control->loop = loop;
	control->settings = *settings;
	if (!settings->idle_ns)
		control->settings.idle_ns = IDLE_NS;
	peer_groups_find(&control->groups);
	want.gid =
		control->groups.has_read ? control->groups.read_gid : (gid_t)-1;
	if (settings->fd >= 0)
		control->file.fd = settings->fd;
	else
		rc = socket_file_open(&want, &control->file, why);
	if (rc) {
		free(control);
		return rc;
	}
	control->pause = loop_timer_add(loop, on_pause_over, control);
	control->watch = loop_fd_add(loop, control->file.fd, LOOP_READ,
				     on_acceptable, control);
	*ret_control = control;
	return 0;
}

void control_destroy(struct control *control)
{
	if (!control)
		return;
	while (control->clients)
		client_destroy(control->clients);
	loop_fd_remove(control->watch);
	loop_timer_remove(control->pause);
	socket_file_close(&control->file);
	free(control);
}
