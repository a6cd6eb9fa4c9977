/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What KVM counts of one guest: the files of /sys/kernel/debug/kvm/PID-FD
 * (x86: remote_tlb_flush since Linux 4.8, pages_2m since 5.14). Only root may
 * look there, where debugfs is mounted at all; without it nothing is known.
 * Called by feel.c and job.c.
 */
#ifndef MOVE_KVM_STATS_H
#define MOVE_KVM_STATS_H

#include <stdint.h>
#include <sys/types.h>

#include "sys.h"

/* What a counter says when it cannot be read. */
#define KVM_STAT_UNKNOWN UINT64_MAX

/* Opens a counter of the guest, to be read again and again. -errno. An open
 * counter keeps KVM's part of an ended guest alive: close it soon. */
int kvm_stats_open(const struct sys *sys, pid_t pid, const char *name,
		   int *ret_fd);

/* Its value now, or KVM_STAT_UNKNOWN. */
uint64_t kvm_stats_read(const struct sys *sys, int fd);

/* The same for a counter that is wanted once. */
uint64_t kvm_stats_once(const struct sys *sys, pid_t pid, const char *name);

#endif
