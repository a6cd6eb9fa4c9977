/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cpusets of one guest: which nodes its threads may use, as libvirt wrote
 * it into cpuset.mems of the guest's cgroups. Rewritten only when an
 * administrator asks to re-home a guest that is bound to other nodes. Writing
 * blocks (the kernel rebinds every mapping): task threads only. Only cgroups that
 * libvirt made are written, and only while the guest's own process is alive.
 */
#ifndef GUEST_CPUSET_H
#define GUEST_CPUSET_H

#include <stddef.h>
#include <sys/types.h>

#include "guest/identity.h"
#include "node.h"
#include "sys.h"
#include "why.h"

/* Threads of a QEMU lie in a handful of cgroups: emulator, a vcpuN for each
 * vCPU, an iothreadN for each I/O thread. */
#define CPUSET_DIRS_MAX 1024

/*
 * Let all of the guest's threads use add as well. Nothing moves and no policy
 * changes by that (Linux 6.1 and 6.12). On an error, and when the kernel still
 * does not allow the nodes because a cgroup further up forbids them (-EACCES),
 * what was written is taken back. -ENOENT: no cpuset controls this guest.
 */
int cpuset_widen(const struct sys *sys, const struct identity *guest,
		 struct node_mask add, struct why *why);

/*
 * Take remove away from the nodes that the guest's threads may use, except
 * where nothing would be left. The kernel then rebinds strict policies by
 * position ({0,1} to {1} turns bind:0 into bind:1) and moves what still lies on
 * the removed nodes, so that later faults land on the others.
 */
int cpuset_narrow(const struct sys *sys, const struct identity *guest,
		  struct node_mask remove, struct why *why);

#endif
