/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls with a deadline into a library that knows none. libvirt waits 30 s for
 * a guest's job lock and for ever for a QEMU that is stopped, and no call can
 * be cancelled. So each runs on a thread of its own, and a call that is late is
 * left alone: its thread cleans up when it ends. For guest/virt*.c and
 * guest/monitor_virt.c; used on pool threads, which wait here. Knows nothing of
 * libvirt.
 */
#ifndef GUEST_VIRT_CALL_H
#define GUEST_VIRT_CALL_H

#include <stddef.h>

#include "why.h"

/* Room for what a call is about, such as "monitor UUID". */
#define CALL_ABOUT_SIZE 64

struct call_desk;

/* Safe from any thread. Owned by reference. */
struct call_desk *call_desk_create(void);
struct call_desk *call_desk_ref(struct call_desk *desk);
void call_desk_unref(struct call_desk *desk); /* takes NULL */

/* Calls that are late now. */
size_t call_desk_late(struct call_desk *desk);

typedef void call_fn(void *arg);

/* run(arg) on a thread, waiting for at most timeout_ms. 0: it ended, arg is the
 * caller's. -ETIMEDOUT: it is late; release(arg) is called when it ends, arg is
 * not the caller's any more. -EBUSY: an earlier call with the same about is
 * late, or too many calls are: nothing was run. -EAGAIN: no thread to be had,
 * nothing was run. In the last two arg stays with the caller. */
int call_desk_run(struct call_desk *desk, const char *about,
		  unsigned int timeout_ms, call_fn *run, call_fn *release,
		  void *arg, struct why *why);

/* A detached thread that takes no signals. 0 or -errno. */
int call_thread_start(const char *name, void *(*run)(void *), void *arg);

#endif
