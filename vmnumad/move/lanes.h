/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many calls of one job are made at the same time: found by trying. How far
 * move_pages(2) scales depends on the host (one core seldom fills a link between
 * sockets) and on the guest (4 KiB pages wait for each other's locks), so a job
 * begins with one lane, adds another as long as that moves more bytes a second,
 * and then stays. Pure arithmetic; the caller, job.c, brings the clock.
 */
#ifndef MOVE_LANES_H
#define MOVE_LANES_H

#include <stdbool.h>
#include <stdint.h>

struct lanes {
	unsigned int max; /* never more */
	unsigned int now; /* to be used now, at least 1 */
	bool is_settled; /* tried enough: now stays */
	unsigned int run_up; /* calls to end before the stretch begins */
	unsigned int calls; /* in the stretch so far */
	uint64_t bytes; /* that they moved */
	uint64_t since_ns; /* when the stretch began */
	double fewer_bytes_per_s; /* with one lane less, 0: not measured */
};

/* max: at least 1; 1 needs no trial. */
void lanes_init(struct lanes *lanes, unsigned int max);

/* A call of any lane ended at now_ns and moved so much. May change now. */
void lanes_note_call(struct lanes *lanes, uint64_t moved_bytes,
		     uint64_t now_ns);

/* The job had to wait for something that is none of its own calls: what was
 * measured up to here says nothing. */
void lanes_break(struct lanes *lanes);

#endif
