/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmnumactl's side of the control socket: connect, ask, wait for the answer and
 * take the notifications on the way. Prints nothing. Used by verb.c and
 * rebalance.c.
 */
#ifndef CTL_CLIENT_H
#define CTL_CLIENT_H

#include <stdbool.h>

#include "why.h"

struct client;
struct json_object;

/* A request that waits for its answer. */
struct client_question {
	const char *method; /* the verb */
	struct json_object *params; /* borrowed; NULL: none */
	int timeout_ms; /* -1: as long as it takes */
	/* A notification; NULL: not wanted. params is borrowed. */
	void (*on_note)(void *arg, const char *method,
			struct json_object *params);
	int interrupt_fd; /* -1, or a signalfd that is watched as well */
	/* The signalfd has been read; true gives up waiting. */
	bool (*on_interrupt)(void *arg);
	void *arg; /* borrowed; first argument of both */
};

/* 0 with a client, or -errno. -ENOENT and -ECONNREFUSED: nobody listens. */
int client_connect(const char *path, struct client **ret_client);

void client_destroy(struct client *client); /* takes NULL */

/*
 * 0 with *ret_result (to be put by the caller) when the answer is a result.
 * -EREMOTEIO: the daemon says no; *ret_exit is the exit status it asks for and
 * why its sentence. -ETIMEDOUT; -ECONNRESET: it went away before it answered;
 * -EBADMSG: it does not speak the protocol; -EINTR: on_interrupt gave up.
 */
int client_ask(struct client *client, const struct client_question *question,
	       struct json_object **ret_result, int *ret_exit, struct why *why);

/* Sends a request whose answer nobody waits for. 0 or -errno. */
int client_tell(struct client *client, const char *method,
		struct json_object *params);

#endif
