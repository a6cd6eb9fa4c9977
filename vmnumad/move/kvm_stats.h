/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What KVM counts of one guest: the files of /sys/kernel/debug/kvm/PID-FD
 * (x86: remote_tlb_flush since Linux 4.8, pages_2m since 5.14). Only root may
 * look there, where debugfs is mounted at all; without it nothing is known.
 * Called by feel.c and job.c.
 */
#ifndef MOVE_KVM_STATS_H
#define MOVE_KVM_STATS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "sys.h"

/* What a counter says when it cannot be read. */
#define KVM_STAT_UNKNOWN UINT64_MAX

struct kvm_stats {
	struct sys sys; /* borrowed door */
	bool is_known; /* there is a folder */
	char folder[48]; /* its name: "PID-FD" */
};

/* Finds the guest's folder; holds nothing open. */
void kvm_stats_find(struct kvm_stats *stats, const struct sys *sys, pid_t pid);

/*
 * A counter now, or KVM_STAT_UNKNOWN. Opened for each reading: an open one can
 * be read once only (no seeking back, simple_attr_open() of Linux), and would
 * keep KVM's part of an ended guest alive.
 */
uint64_t kvm_stats_read(const struct kvm_stats *stats, const char *name);

#endif
