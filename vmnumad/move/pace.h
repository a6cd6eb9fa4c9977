/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much to move in one call, and when to make the next: the pace of a job,
 * set by what the guest feels. Pure arithmetic; the caller brings the clock.
 *
 * A vCPU that touches a page in flight waits for it, and every moving call
 * interrupts every busy CPU. Two limits follow. A call shall last about
 * call_ns, which bounds a single stall. And of any stretch of time only a
 * share (duty) is spent in calls, which bounds what a guest loses in its worst
 * second. In a hurry the share is the whole.
 */
#ifndef MOVE_PACE_H
#define MOVE_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define PACE_WHOLE 1000u

struct pace_config {
	uint64_t call_ns; /* how long a call shall last */
	unsigned int duty; /* share of time in calls, thousandths, 1 to 1000 */
	uint64_t rate_bytes_per_s; /* upper bound, 0 none */
	unsigned int lanes; /* calls at the same time, at least 1 */
};

/* The gentle pace and the hurried one; both can be changed afterwards. */
struct pace_config pace_config_gentle(void);
struct pace_config pace_config_hurry(void);

struct pace {
	struct pace_config config; /* as given */
	double huge_ns_per_page; /* measured, smoothed: a 2 MiB page */
	double small_ns_per_page; /* measured, smoothed: a 4 KiB page */
	uint64_t next_ns; /* no call before this time */
};

void pace_init(struct pace *pace, const struct pace_config *config);

/* How many huge pages (or, not is_huge, 4 KiB pages) the next call may have. */
unsigned int pace_call_pages(const struct pace *pace, bool is_huge);

/* A call of n pages began at start_ns and took took_ns. */
void pace_note_call(struct pace *pace, bool is_huge, unsigned int n_pages,
		    uint64_t start_ns, uint64_t took_ns);

/* No call before this time. */
uint64_t pace_next_ns(const struct pace *pace);

/* Expected bytes per second of moving at this pace; huge: 2 MiB pages. */
double pace_expected_rate(const struct pace *pace, bool is_huge);

#endif
