/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A control socket with verbs made for tests, and clients of it in the same
 * thread: both take turns until what is waited for has happened. Used by
 * test_control.c, test_events.c, test_explain.c, test_limits.c and
 * test_make_room.c.
 */
#ifndef TESTS_SERVE_HARNESS_H
#define TESTS_SERVE_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "serve/control.h"

#define MS 1000000ull
/* Nothing takes a tenth of it; a test that needs it has failed. */
#define PATIENCE_MS 10000

struct loop;

/* What a test works on; filled by serve_setup(). */
struct serve {
	struct loop *loop; /* the daemon's */
	struct control *control; /* NULL until start() */
	char folder[64]; /* holds the socket */
	char path[80]; /* of the socket */
	struct peer peer_now; /* who clients are from now on */
	struct control_call *kept; /* the call that "keep" has kept */
	unsigned int n_gone; /* how often a handler heard of its client's end */
};

extern struct serve serve;

/* Verbs: echo (answers its params), fail, errno, keep, big (300 KiB) take the
 * right to read; change and root the right of their name. */
extern const struct control_verb serve_verbs[];

void serve_setup(void);
void serve_teardown(void);

/* Opens the control socket; 0: the usual idle time. The first: with verbs of
 * the test's own. */
void start_with(const struct control_verb *verbs, uint64_t idle_ns);
void start(uint64_t idle_ns);

/* Lets the daemon's side work for about a millisecond. */
void turn(void);

int client_open(void);

/* Sends all, taking turns with the daemon. False when it has hung up. */
bool say_bytes(int fd, const char *text, size_t len);
void say(int fd, const char *text);

/* Reads a line into buf; the length with its newline, 0 at the end of the
 * connection. */
size_t hear(int fd, char *buf, size_t size);

/* The next line is this. */
void expect(int fd, const char *line);

/* The daemon hangs up. Closes fd. */
void expect_end(int fd);

#define ECHO                                                                   \
	"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\","                   \
	"\"params\":{\"a\":1}}\n"
#define ECHO_REPLY "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"a\":1}}\n"
#define KEEP       "{\"jsonrpc\":\"2.0\",\"id\":\"k\",\"method\":\"keep\"}\n"

#endif
