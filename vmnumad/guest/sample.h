/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the vCPU threads of one QEMU run and may run. Called by observe on each
 * tick, so it is made to cost little: one pread(2) for each vCPU and sample,
 * whatever the number of the host's CPUs.
 * It needs neither libvirt nor a monitor, and sees what no event tells:
 * scheduler moves, taskset, cpuset changes, vCPU hotplug.
 */
#ifndef GUEST_SAMPLE_H
#define GUEST_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "node.h"

struct qmp_cpus;
struct sys;
struct topology;

/* More than QEMU's largest machine takes (4096 on x86-64). */
#define SAMPLE_VCPUS_MAX 4096

/* The affinity of each vCPU is read again on every so many ticks; */
#define SAMPLE_AFFINITY_EVERY 16
/* when it has gone to another node, at once, if so many are over since the last; */
#define SAMPLE_AFFINITY_REST 8
/* the nodes that the main thread may use, */
#define SAMPLE_MEMS_EVERY 8
/* and the threads are listed again, for vCPUs that were plugged in. */
#define SAMPLE_LIST_EVERY 16

/* After so many samples that all showed the same, */
#define SAMPLE_CALM 30
/* one is taken in so many ticks, until something is different. */
#define SAMPLE_STRETCH 4

struct vcpu_sample {
	int id; /* guest's number of the vCPU */
	pid_t tid; /* its thread */
	int cpu; /* host CPU it runs on or ran on last */
	int node; /* of that CPU, NODE_NONE unknown */
	uint64_t run_ns; /* time it has run, in steps of 10 ms */
	struct node_mask allowed; /* nodes of the CPUs it may run on */
	struct node_mask mems_allowed; /* nodes its cpuset lets it use */
};

struct sampler;

/* Samples the process pid; holds one open file for each vCPU. */
struct sampler *sampler_create(const struct sys *sys, pid_t pid);

/* Takes NULL. */
void sampler_destroy(struct sampler *sampler);

/* Which threads are vCPUs, as QEMU says: used as long as no thread has the name
 * of one ("CPU 0/KVM"), for a QEMU without -name debug-threads=on. Copied. */
void sampler_set_hint(struct sampler *sampler, const struct qmp_cpus *cpus);

/*
 * A tick has come: is a sample to be taken in it? Always, but of a guest that is
 * calm in one tick of SAMPLE_STRETCH: the last SAMPLE_CALM samples have seen the
 * same vCPUs, on the same nodes, with the same affinity. A refresh, and any
 * change that a sample sees, end the calm. A sample without this question counts
 * as a tick too.
 */
bool sampler_is_due(struct sampler *sampler);

/*
 * Take one sample. *ret_vcpus is sorted by id, borrowed and valid until the
 * next call. Costs one read_fd for each vCPU, and on every
 * SAMPLE_AFFINITY_EVERYth tick of a vCPU, and every SAMPLE_MEMS_EVERYth of the main
 * thread, one read_file; new and gone threads cost a listing. Without any vCPU thread: 0
 * and an empty array. -ESRCH: there is no such process (any more); other errors
 * are those of reading /proc/PID/task.
 */
int sampler_take(struct sampler *sampler, const struct topology *topo,
		 const struct vcpu_sample **ret_vcpus, size_t *ret_n);

/*
 * Nodes to which the guest's memory may go, as of the last sample: those that the
 * cpuset of the main thread allows, which is the one that move_pages(2) asks, and
 * the cpusets of all vCPUs too. Where vCPUs have no node in common, as those of
 * cells with nodes of their own, the main thread's alone count.
 */
struct node_mask sampler_mems_allowed(const struct sampler *sampler);

/* The same once add is allowed to each thread and remove taken from each that
 * has other nodes too. */
struct node_mask sampler_mems_after(const struct sampler *sampler,
				    struct node_mask add,
				    struct node_mask remove);

/* The next sample reads all affinities anew. */
void sampler_refresh_affinity(struct sampler *sampler);

/* Something was pinned or plugged: the next sample lists the threads and reads
 * all affinities anew. */
void sampler_refresh(struct sampler *sampler);

#endif
