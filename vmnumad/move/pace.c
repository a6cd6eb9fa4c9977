/* SPDX-License-Identifier: Apache-2.0 */
/* The pace of a job; see pace.h. Called by job.c. */
#include "move/pace.h"

#include "addr.h"

#define NS_PER_MS 1000000ull
#define NS_PER_S  1000000000ull

/* 256 MiB of huge pages, 64 MiB of small ones: beyond that a call gains
 * nothing and holds too many pages isolated. */
#define HUGE_PER_CALL_MAX  128
#define SMALL_PER_CALL_MAX 16384

/* The kernel unmaps so many small pages, then copies them (Linux 6.3,
 * NR_MAX_BATCHED_MIGRATION). */
#define SMALL_BATCH 512

/* What a page costs before the first call was measured: far too much, so that
 * the first call is a short one. Linux 6.1 on a server of 2020 takes 0.2 ms for
 * a huge and 1.1 us for a small page. */
#define HUGE_NS_PER_PAGE  8000000.0
#define SMALL_NS_PER_PAGE 20000.0

/* Weight of the newest measurement. */
#define SMOOTHING 0.4

/* More waiting than this, in thousandths of the time, halves what is used of the
 * shares; less adds a step to it. */
#define WAIT_TOO_MUCH 300
#define EASE_STEP     100
#define EASE_MIN      250

struct pace_config pace_config_gentle(void)
{
	return (struct pace_config) {
		.call_ns = 40 * NS_PER_MS,
		.stall_ns = 10 * NS_PER_MS,
		.huge_min = 4,
		.small_min = 2048,
		.huge_max = 32,
		.huge_duty = 400,
		.small_duty = 200,
		/* More make the sum of stalls smaller, but where the copies
		 * share CPUs or memory bandwidth each of them longer. */
		.lanes_max = 2,
	};
}

struct pace_config pace_config_hurry(void)
{
	return (struct pace_config) {
		.call_ns = 400 * NS_PER_MS,
		.stall_ns = 400 * NS_PER_MS,
		.huge_min = 64,
		.small_min = 4096,
		.huge_max = HUGE_PER_CALL_MAX,
		.huge_duty = PACE_WHOLE,
		.small_duty = PACE_WHOLE,
		.lanes_max = 4,
	};
}

void pace_init(struct pace *pace, const struct pace_config *config)
{
	*pace = (struct pace) {
		.config = *config,
		.huge_ns_per_page = HUGE_NS_PER_PAGE,
		.small_ns_per_page = SMALL_NS_PER_PAGE,
		.ease = PACE_WHOLE,
	};
}

static unsigned int clamp(double value, unsigned int min, unsigned int max)
{
	if (value < min)
		return min;
	return value > max ? max : (unsigned int)value;
}

unsigned int pace_call_pages(const struct pace *pace, bool is_huge)
{
	const struct pace_config *config = &pace->config;
	double call_ns = (double)config->call_ns;
	double stall_ns = (double)config->stall_ns;

	if (is_huge)
		return clamp(call_ns / pace->huge_ns_per_page, config->huge_min,
			     config->huge_max);
	if (stall_ns < SMALL_BATCH * pace->small_ns_per_page)
		call_ns = stall_ns;
	return clamp(call_ns / pace->small_ns_per_page, config->small_min,
		     SMALL_PER_CALL_MAX);
}

unsigned int pace_duty(const struct pace *pace, bool is_huge)
{
	unsigned int most =
		is_huge ? pace->config.huge_duty : pace->config.small_duty;
	unsigned int now = most * pace->ease / PACE_WHOLE;

	return now > 0 ? now : 1;
}

bool pace_is_hurried(const struct pace *pace)
{
	return pace->config.huge_duty == PACE_WHOLE &&
	       pace->config.small_duty == PACE_WHOLE;
}

/* Time after a call in which nothing is moved, so that calls have their share
 * of the time and no more. */
static uint64_t rest_ns(const struct pace *pace, bool is_huge, uint64_t took_ns)
{
	unsigned int duty = pace_duty(pace, is_huge);

	return took_ns * (PACE_WHOLE - duty) / duty;
}

/* Calls at the same time have the rate between them: each moves the time until
 * which it is used up further on. Time that was not used is gone. */
static void note_rate(struct pace *pace, uint64_t bytes, uint64_t start_ns)
{
	uint64_t rate_bytes_per_s = pace->config.rate_bytes_per_s;

	if (rate_bytes_per_s == 0)
		return;
	pace->rate_until_ns =
		u64_max(pace->rate_until_ns, start_ns) +
		(uint64_t)((double)bytes * NS_PER_S / (double)rate_bytes_per_s);
	pace->next_ns = u64_max(pace->next_ns, pace->rate_until_ns);
}

void pace_note_call(struct pace *pace, bool is_huge, unsigned int n_pages,
		    uint64_t start_ns, uint64_t took_ns)
{
	uint64_t page_bytes = is_huge ? PAGE_2M_BYTES : PAGE_4K_BYTES;
	double *ns_per_page =
		is_huge ? &pace->huge_ns_per_page : &pace->small_ns_per_page;

	if (n_pages == 0)
		return;
	*ns_per_page += SMOOTHING * ((double)took_ns / n_pages - *ns_per_page);
	pace->next_ns =
		u64_max(pace->next_ns,
			start_ns + took_ns + rest_ns(pace, is_huge, took_ns));
	note_rate(pace, n_pages * page_bytes, start_ns);
}

void pace_note_wait(struct pace *pace, unsigned int waited)
{
	if (pace_is_hurried(pace))
		return;
	if (waited > WAIT_TOO_MUCH)
		pace->ease /= 2;
	else
		pace->ease += EASE_STEP;
	pace->ease = clamp(pace->ease, EASE_MIN, PACE_WHOLE);
}

void pace_hold(struct pace *pace, uint64_t until_ns)
{
	pace->next_ns = u64_max(pace->next_ns, until_ns);
}

uint64_t pace_next_ns(const struct pace *pace)
{
	return pace->next_ns;
}
