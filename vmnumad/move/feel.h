/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest feels of a job: how long its vCPU threads waited for a CPU while
 * a call was made, beyond what they wait anyway. Read from the run delay of
 * /proc/PID/task/TID/schedstat; where the kernel does not keep it, nothing is
 * felt. Called by job.c around each call of a job with one lane.
 */
#ifndef MOVE_FEEL_H
#define MOVE_FEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "sys.h"

/* So many vCPUs speak for all of them. */
#define FEEL_VCPUS_MAX 8

struct feel {
	struct sys sys; /* borrowed door */
	int fds[FEEL_VCPUS_MAX]; /* schedstat of vCPU threads, owned */
	size_t n; /* filled */
	uint64_t at_ns; /* of the last reading, 0 none */
	uint64_t delay_ns; /* run delay then, all vCPUs together */
	double calm; /* share of time waited between calls, smoothed */
	bool is_crowded; /* a vCPU was seen to wait for a CPU that we took */
};

void feel_init(struct feel *feel, const struct sys *sys, pid_t pid);
void feel_finish(struct feel *feel); /* takes a zeroed struct */

/* A call begins. One small read for each vCPU. */
void feel_begin_call(struct feel *feel, uint64_t now_ns);

/* It has ended: thousandths of the time that a vCPU waited in it, beyond what
 * it waits between calls. */
unsigned int feel_end_call(struct feel *feel, uint64_t now_ns);

/* After feel_begin_call: may the call be made from CPUs that vCPUs may run on?
 * Never without knowledge of how long they wait, and never again once they did
 * for our sake. */
bool feel_may_crowd(const struct feel *feel);

#endif
