/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many calls of one job are made at the same time: found by trying. How far
 * move_pages(2) scales depends on the host (one core seldom fills a link between
 * sockets) and on the guest (4 KiB pages wait for each other's locks). A job
 * begins with a few lanes, since the guest waits for pages in flight about as
 * long whether one is or three are, and the sum of those times is what it loses.
 * Then it adds lanes as long as each moves more bytes a second; if the first one
 * more does not, it tries fewer, and keeps them where they cost next to nothing.
 * Only the time with calls in flight counts, so pauses between them say nothing.
 * Pure arithmetic; the caller, job.c, brings the clock.
 */
#ifndef MOVE_LANES_H
#define MOVE_LANES_H

#include <stdbool.h>
#include <stdint.h>

struct lanes {
	unsigned int max; /* never more */
	unsigned int now; /* to be used now, at least 1 */
	bool is_settled; /* tried enough: now stays */
	bool is_shrinking; /* fewer are being tried, not more */
	bool has_grown; /* one more was worth it before */
	unsigned int in_flight; /* calls being made */
	uint64_t busy_since_ns; /* some call is in flight since, or counted
				 * since */
	unsigned int run_up; /* calls to end before the stretch begins */
	unsigned int calls; /* in the stretch so far */
	uint64_t bytes; /* that they moved */
	uint64_t busy_ns; /* time with calls in flight, in the stretch */
	double bytes_per_s; /* of the number to compare with, 0: none yet */
};

/* max: at least 1; 1 needs no trial. Not tries: what it begins with stays, since
 * a stretch with fewer may cost a guest more than they would spare it later. */
void lanes_init(struct lanes *lanes, unsigned int max, bool tries);

/* A call of any lane begins. */
void lanes_begin_call(struct lanes *lanes, uint64_t now_ns);

/* It has ended and moved so much. May change now. */
void lanes_end_call(struct lanes *lanes, uint64_t moved_bytes, uint64_t now_ns);

#endif
