/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A struct monitor over a QMP socket of our own: `-qmp unix:PATH,server=on,
 * wait=off` on QEMU's command line. Never libvirt's monitor socket, which has
 * room for libvirt alone. Moves bytes between the socket and qmp/session.h and
 * waits; used on task threads only.
 */
#ifndef GUEST_MONITOR_SOCKET_H
#define GUEST_MONITOR_SOCKET_H

#include <sys/types.h>

#include "guest/monitor.h"
#include "why.h"

struct sys;

/*
 * Connect to the socket at path. pid: the process that must have opened it, 0
 * for any; nothing is said to another one. Open it, ask, close it: QEMU serves one client
 * at a time, and events that nobody takes pile up while it is idle. sys gives
 * the clock and outlives the monitor. QEMU's greeting is awaited by the first
 * question (3 s, then -EBUSY), each answer for 5 s. -ENOENT: no such socket;
 * -ECONNREFUSED: nobody listens; -EAGAIN: too many wait in line already;
 * -EACCES: rights; -ENAMETOOLONG: over 107 bytes; -EPERM: another process'.
 */
int monitor_socket_open(const struct sys *sys, const char *path, pid_t pid,
			struct monitor *ret_monitor, struct why *why);

/* The same on a stream socket that is connected; fd is taken over. */
void monitor_socket_take(const struct sys *sys, int fd,
			 struct monitor *ret_monitor);

#endif
