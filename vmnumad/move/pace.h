/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much to move in one call, and when to make the next: the pace of a job,
 * set by what the guest feels. Pure arithmetic; the caller brings the clock.
 *
 * A vCPU that touches a page in flight waits for it: for one huge page, or for
 * a batch of up to 512 small ones (Linux 6.3 and later). stall_ns bounds that
 * for small pages; for a huge page there is nothing to bound, it is one copy.
 * Besides, every moving call interrupts every busy CPU and takes memory
 * bandwidth, so of any stretch of time only a share (duty) is spent in calls:
 * this bounds what a guest loses in its worst second. Small pages have a smaller
 * share, since for each of them, as for each huge one, the vCPUs are stopped.
 * Calls that are too short, and pauses that are too long, cost the guest more in
 * all than they spare it in the moment (docs/performance.md), so a call lasts
 * about call_ns. When the guest's vCPUs are seen to wait for CPUs, or to be
 * kicked out of the guest, while we move, the share is halved; it comes back
 * step by step.
 */
#ifndef MOVE_PACE_H
#define MOVE_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define PACE_WHOLE 1000u

/* The smallest small_min that makes sense, where a short stall goes before all. */
#define PACE_SMALL_LEAST 64u

struct pace_config {
	uint64_t call_ns; /* how long a call shall last */
	uint64_t stall_ns; /* longest wait for a batch of small pages */
	unsigned int huge_min; /* huge pages in a call, at least: a call has a
				* fixed cost that fewer do not repay */
	unsigned int huge_max; /* and at most */
	unsigned int small_min; /* the same for 4 KiB pages; goes before
				 * stall_ns, whose batch a call of fewer pages
				 * makes no shorter than its fixed cost */
	unsigned int huge_duty; /* share of time in calls of huge pages,
				 * thousandths, 1 to 1000 */
	unsigned int small_duty; /* and of 4 KiB pages, each of which stops the
				  * vCPUs */
	uint64_t rate_bytes_per_s; /* upper bound, 0 none */
	unsigned int lanes_max; /* most calls at the same time, at least 1 */
};

/* The gentle pace and the hurried one; both can be changed afterwards. */
struct pace_config pace_config_gentle(void);
struct pace_config pace_config_hurry(void);

struct pace {
	struct pace_config config; /* as given */
	double huge_ns_per_page; /* measured, smoothed: a 2 MiB page */
	double small_ns_per_page; /* measured, smoothed: a 4 KiB page */
	unsigned int ease; /* how much of these shares is used, thousandths */
	uint64_t next_ns; /* no call before this time */
	uint64_t rate_until_ns; /* what was moved uses up the rate until then */
};

void pace_init(struct pace *pace, const struct pace_config *config);

/* How many huge pages (or, not is_huge, 4 KiB pages) the next call may have. */
unsigned int pace_call_pages(const struct pace *pace, bool is_huge);

/* A call of n pages began at start_ns and took took_ns. */
void pace_note_call(struct pace *pace, bool is_huge, unsigned int n_pages,
		    uint64_t start_ns, uint64_t took_ns);

/* The share of time that calls have now, thousandths, at least 1. */
unsigned int pace_duty(const struct pace *pace, bool is_huge);

/* True if nothing is spared: all the time, whatever the guest feels. */
bool pace_is_hurried(const struct pace *pace);

/* The vCPUs lost waited thousandths of the newest call (see feel.h): adapts the
 * shares, up slowly, down fast. Not in a hurry. */
void pace_note_wait(struct pace *pace, unsigned int waited);

/* No call before until_ns. */
void pace_hold(struct pace *pace, uint64_t until_ns);

/* No call before this time. */
uint64_t pace_next_ns(const struct pace *pace);

#endif
