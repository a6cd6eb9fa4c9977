/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a job's calls are made in the place of the guest's own vCPUs, on the
 * CPUs where these run, or elsewhere: found by trying. A vCPU that touches a page
 * in flight waits for it, so what counts is how long a page is in flight. In the
 * place of a vCPU a call costs that vCPU its time, but it neither has to
 * interrupt it nor to share the host's cores with its waiting, and no other guest
 * pays. Elsewhere it costs no vCPU's time, if there are idle cores. So the job of
 * a busy guest makes some calls in place, then some elsewhere, compares what the
 * quicker half of them took for a byte, and stays in place only where that is
 * clearly shorter; where it is not clear, some more calls are made in each. A guest
 * of one vCPU would stand still for as long as a call in its place takes: its calls
 * are made elsewhere. Pure arithmetic; the caller, job.c, knows the CPUs and the
 * clock.
 */
#ifndef MOVE_SEATS_H
#define MOVE_SEATS_H

#include <stdbool.h>
#include <stdint.h>

#define SEATS_ELSEWHERE (-1)

/* At most so many calls are measured in each place. */
#define SEATS_CALLS_MAX 12

struct seats {
	unsigned int n_vcpus; /* of the guest, at most 64, as far as known */
	bool is_in_place; /* new calls are made in the place of vCPUs, if the
			   * guest is busy */
	bool is_settled; /* tried both: that stays */
	uint64_t taken; /* vCPUs in whose place a call is being made, by bit */
	unsigned int next; /* vCPU whose turn it is */
	bool is_huge; /* the pages of the calls that are measured */
	unsigned int run_up; /* calls to end before the stretch begins */
	unsigned int calls; /* of the stretch, so far */
	unsigned int n; /* calls measured in each place before: */
	double in_place_ns[SEATS_CALLS_MAX]; /* for a byte, quickest first */
	double elsewhere_ns[SEATS_CALLS_MAX]; /* likewise */
};

void seats_init(struct seats *seats, unsigned int n_vcpus);

/* Where the next call is made: the index of a vCPU whose place it takes until
 * seats_leave(), each in its turn, or SEATS_ELSEWHERE; so always while the guest
 * is not busy, as its CPUs are free anyway. */
int seats_take(struct seats *seats, bool is_busy);

/* The place of that vCPU, taken before, cannot be had: nor is that of any other
 * asked for again. */
void seats_refuse(struct seats *seats, int vcpu);

/* The call that was made there has ended. Calls that moved nothing say nothing,
 * nor do those of a guest that was not busy. */
void seats_leave(struct seats *seats, int vcpu, bool is_busy, bool is_huge,
		 uint64_t moved_bytes, uint64_t took_ns);

#endif
