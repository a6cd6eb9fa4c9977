/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which process is a guest, beyond doubt: uuid, pid, start time and a pidfd.
 * Process numbers are used again, so a pid alone is never acted on; and a process
 * that calls execve(2) keeps all of these but none of its memory. Found here
 * when a guest appears, checked by the map builder and around every job; each
 * job holds a copy of its own.
 */
#ifndef GUEST_IDENTITY_H
#define GUEST_IDENTITY_H

#include <stdint.h>
#include <sys/types.h>

#include "uuid.h"
#include "why.h"

struct sys;

/* /proc/PID/cmdline of a QEMU is a few KiB; disks by the hundred make it 50. */
#define IDENTITY_CMDLINE_SIZE (256u * 1024u)

struct identity {
	struct uuid uuid; /* of the guest; empty text: adopted without one */
	pid_t pid; /* of its QEMU, in our pid namespace */
	uint64_t start_ticks; /* when that process started, since boot */
	uint64_t stack_start; /* of its program; another one after execve(2) */
	int pidfd; /* owned; -1 in one that holds nothing */
};

/*
 * Find the QEMU process of uuid. pid_file (libvirt's /run/libvirt/qemu/NAME.pid)
 * is tried first and may be NULL; else, or when it does not lead to a process
 * that calls itself qemu and carries "-uuid UUID", all of /proc is searched.
 * -ESRCH: no such process; -EEXIST: several claim the uuid and no pid file says
 * which one is right.
 */
int identity_find(const struct sys *sys, const struct uuid *uuid,
		  const char *pid_file, struct identity *ret_identity,
		  struct why *why);

/*
 * The same for a known pid, as given to `vmnumactl adopt`. uuid: what the
 * process must carry; NULL: take the one that it carries, none is fine too.
 * -ESRCH: it does not exist (any more); -EINVAL: it is not a QEMU, or has
 * another uuid.
 */
int identity_open(const struct sys *sys, pid_t pid, const struct uuid *uuid,
		  struct identity *ret_identity, struct why *why);

/* A copy with a pidfd of its own, for a job. -ESRCH: the process is gone. */
int identity_dup(const struct sys *sys, const struct identity *identity,
		 struct identity *ret_copy);

/* Closes the pidfd; the rest stays readable for messages. */
void identity_close(const struct sys *sys, struct identity *identity);

/*
 * 0 while the process lives, -ESRCH once it is dead or a zombie, and of a closed
 * identity. One poll(2).
 * While it lives its number belongs to it, so a call on the pid between two of
 * these that both said 0 went to the right process. Before and after a batch.
 */
int identity_poll(const struct sys *sys, const struct identity *identity);

/*
 * identity_poll(), and that start time and program are what they were: 0 or
 * -ESRCH. execve(2) keeps everything but the place of the stack, which the
 * kernel draws by lot (unless kernel.randomize_va_space is 0). Then what was
 * known of the memory is void. Opens and reads a small file.
 */
int identity_check(const struct sys *sys, const struct identity *identity);

#endif
