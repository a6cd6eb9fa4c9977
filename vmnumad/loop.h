/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop as the daemon sees it: file descriptors, timers, signals, and
 * a letter box for other threads. libevent lives behind it, in loop.c only.
 * Everything but loop_post() belongs to the loop's own thread. Callbacks must
 * not block: 5 ms at most.
 */
#ifndef LOOP_H
#define LOOP_H

#include <stdint.h>

enum loop_events {
	LOOP_READ = 1 << 0, /* readable, or closed by the peer */
	LOOP_WRITE = 1 << 1, /* writable */
};

struct loop;
struct loop_fd;
struct loop_timer;

typedef void loop_fd_fn(void *arg, unsigned int events);
typedef void loop_fn(void *arg);

/* NULL when the host gives no epoll or eventfd; errno says why. */
struct loop *loop_create(void);

/* Takes NULL. Letters not yet delivered are dropped, their arg is not freed. */
void loop_destroy(struct loop *loop);

/* Runs until loop_stop(). 0, or -EIO when libevent gives up. */
int loop_run(struct loop *loop);

/* The loop ends after the callback that runs now. */
void loop_stop(struct loop *loop);

/* CLOCK_MONOTONIC as read when this round of callbacks began. */
uint64_t loop_now_ns(struct loop *loop);

/* Longest time one round of callbacks took so far, in ns. */
uint64_t loop_longest_ns(struct loop *loop);

/* Watch fd (borrowed, non-blocking); events is a set of enum loop_events. */
struct loop_fd *loop_fd_add(struct loop *loop, int fd, unsigned int events,
			    loop_fd_fn *fn, void *arg);
void loop_fd_set(struct loop_fd *watch, unsigned int events);
void loop_fd_remove(struct loop_fd *watch); /* takes NULL; fd stays open */

/* A timer that is not running yet. */
struct loop_timer *loop_timer_add(struct loop *loop, loop_fn *fn, void *arg);
/* Fires once, delay_ns from now; a running timer is set anew. */
void loop_timer_set(struct loop_timer *timer, uint64_t delay_ns);
void loop_timer_clear(struct loop_timer *timer);
void loop_timer_remove(struct loop_timer *timer); /* takes NULL */

/* Calls fn in the loop, not in signal context. 0 or -errno. */
int loop_signal_add(struct loop *loop, int signal, loop_fn *fn, void *arg);

/* From any thread: fn(arg) runs in the loop's thread soon, in order of post. */
void loop_post(struct loop *loop, loop_fn *fn, void *arg);

#endif
