/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest feels of a job: how long its vCPU threads waited for a CPU while
 * a call was made, and what it took them to be kicked out of the guest, beyond
 * what they lose anyway. Waiting is the run delay of
 * /proc/PID/task/TID/schedstat. Kicks are KVM's remote_tlb_flush: each moved
 * folio costs at least one, whether it is of 2 MiB or of 4 KiB, so a guest of
 * small pages is kicked 512 times as often. What cannot be read is not felt.
 * Called by job.c around each call, or the calls that are made at the same time.
 */
#ifndef MOVE_FEEL_H
#define MOVE_FEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "move/kvm_stats.h"
#include "sys.h"

/* So many vCPUs speak for all of them. */
#define FEEL_VCPUS_MAX 8

/* Shares of a stretch of time, 1 the whole of it, mean of the vCPUs. */
struct feel_shares {
	double ran; /* on a CPU */
	double waited; /* for a CPU */
	double kicked; /* out of the guest and on the way back */
};

struct feel {
	struct sys sys; /* borrowed door */
	int fds[FEEL_VCPUS_MAX]; /* schedstat of vCPU threads, owned */
	int stat_fds[FEEL_VCPUS_MAX]; /* their stat, owned; -1: none */
	size_t n; /* filled */
	uint64_t at_ns; /* of the last reading, 0 none */
	uint64_t run_ns; /* time run until then, all vCPUs together */
	uint64_t delay_ns; /* run delay then, likewise */
	struct kvm_stats kvm; /* where the kicks are counted */
	uint64_t kicks; /* at the last reading */
	struct feel_shares calm; /* between calls, smoothed */
	double calm_ns; /* of pauses to learn it from, the older the less; 0: none
			 * yet */
	double lost_ns; /* mean time that a vCPU could not work in calls, while
			 * it would have between them; of all calls so far */
	bool is_crowded; /* a vCPU was seen to wait for a CPU that we took */
};

void feel_init(struct feel *feel, const struct sys *sys, pid_t pid);
void feel_finish(struct feel *feel); /* takes a zeroed struct */

/* Nothing is moved yet: what is calm shows from here to the first call. */
void feel_look(struct feel *feel, uint64_t now_ns);

/* The first of such calls begins. One small read for each vCPU and one for the kicks. */
void feel_begin_call(struct feel *feel, uint64_t now_ns);

/* The last has ended: thousandths of the time that a vCPU lost in it, beyond what
 * it loses between calls. At most 1000. Of calls in_place of vCPUs, these waited
 * as they were meant to: that is not counted. */
unsigned int feel_end_call(struct feel *feel, bool in_place, uint64_t now_ns);

/* True: vCPUs run for so much of the time between calls that whatever uses their
 * CPUs is in their way. */
bool feel_is_busy(const struct feel *feel);

/* The CPU on which the vCPU of that index, below n, runs now or ran last. -EBUSY:
 * a real-time vCPU, beside which a call would not get on, with pages in flight;
 * other -errno: the kernel does not say. A small read. */
int feel_cpu(const struct feel *feel, unsigned int vcpu);

/* Of the time since then, the thousandths of its work that the guest has lost by
 * the calls so far; false: it did next to nothing, or it is not known. */
bool feel_lost(const struct feel *feel, uint64_t long_ns,
	       unsigned int *ret_lost);

/*
 * After feel_begin_call: where the thread that makes a call to a node is to run.
 * On that node it reads from afar and writes at home, and the copy warms the
 * caches of those who wanted it there. Where it is not known whether vCPUs keep
 * CPUs busy, the scheduler decides. But that lets a thread sit for seconds where
 * it once began, even with idle CPUs on other nodes (Linux balances between nodes
 * late): where vCPUs are busy it is to leave the node, and once they were seen to
 * wait for our sake for as long as the job lasts. In whose place a call may be made
 * instead is seats.h's to say.
 */
struct seat feel_seat(const struct feel *feel, int to);

#endif
