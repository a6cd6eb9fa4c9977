/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket: accepts callers, checks their rights, and hands their
 * JSON-RPC requests to a table of verbs. What a verb does is not known here.
 * Created by daemon.c; handlers use control_reply() and its companions.
 *
 * Everything belongs to the loop's thread.
 */
#ifndef SERVE_CONTROL_H
#define SERVE_CONTROL_H

#include <stdint.h>

#include "serve/peer.h"
#include "serve/rpc.h"
#include "why.h"

struct control;
struct control_call;
struct json_object;
struct loop;

#define CONTROL_CLIENTS_MAX 16
/* Calls of one client that are not answered yet. */
#define CONTROL_CALLS_MAX 8

/* Who may call a verb. */
enum control_right {
	CONTROL_READ, /* root and both groups */
	CONTROL_CHANGE, /* root and the admin group */
	CONTROL_ROOT, /* root */
};

/* One row of the table of verbs. */
struct control_verb {
	const char *method; /* name; NULL ends the table */
	enum control_right right; /* who may call it */
	/* Answers the call at once, or keeps it and answers it later: exactly
	 * once in any case. params is an object, borrowed for the time of the
	 * call. A negative value answers the call with that error, unless it
	 * is answered already. Must not destroy the control. */
	int (*run)(void *arg, struct control_call *call,
		   struct json_object *params);
};

struct control_settings {
	const char *path; /* of the socket; its folder is made if absent */
	int fd; /* >= 0: a listening socket to take over in place of path */
	const struct control_verb *verbs; /* borrowed, see above */
	void *arg; /* borrowed; first argument of run and who */
	uint64_t idle_ns; /* 0: ten seconds */
	/* Says who a client is, 0 or -errno; NULL: the kernel is asked. */
	int (*who)(void *arg, int fd, struct peer *ret_peer);
};

/* Errors are those of socket_file_open(). Looks groups up: may block. */
int control_create(struct loop *loop, const struct control_settings *settings,
		   struct control **ret_control, struct why *why);

/* Drops all clients. Calls not answered yet stay valid, as those of clients
 * that went away. Takes NULL. */
void control_destroy(struct control *control);

/*
 * The answer: the call is gone afterwards. result is taken over and may be NULL
 * (an empty object); exit is the status vmnumactl ends with, sentence is for a
 * person. Both return 0, so that a handler can end with them.
 */
int control_reply(struct control_call *call, struct json_object *result);
int control_fail(struct control_call *call, enum rpc_code code, int exit,
		 const char *sentence);

/* Something on the way to the answer. params is borrowed. */
void control_notify(struct control_call *call, const char *method,
		    struct json_object *params);

/* fn(arg) when the client goes away before the call is answered. The call stays
 * valid, is still to be answered, and the answer is dropped; fn may do that. */
void control_on_gone(struct control_call *call, void (*fn)(void *arg),
		     void *arg);

/* Who calls; valid as long as the call. */
const struct peer *control_peer(const struct control_call *call);

#endif
