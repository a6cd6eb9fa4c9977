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
#define SMALL_PER_CALL_MIN 64

/* What a page costs before the first call was measured (Linux 6.1 on a server
 * of 2020: 10 GB/s huge, 3.7 GB/s small). Deliberately pessimistic by a factor
 * of four: the first call must not be the longest one. */
#define HUGE_NS_PER_PAGE  800000.0
#define SMALL_NS_PER_PAGE 4400.0

/* Weight of the newest measurement. */
#define SMOOTHING 0.3

struct pace_config pace_config_gentle(void)
{
	return (struct pace_config) {
		.call_ns = 10 * NS_PER_MS,
		.duty = 200,
		.lanes = 1,
	};
}

struct pace_config pace_config_hurry(void)
{
	return (struct pace_config) {
		.call_ns = 200 * NS_PER_MS,
		.duty = PACE_WHOLE,
		.lanes = 2,
	};
}

void pace_init(struct pace *pace, const struct pace_config *config)
{
	*pace = (struct pace) {
		.config = *config,
		.huge_ns_per_page = HUGE_NS_PER_PAGE,
		.small_ns_per_page = SMALL_NS_PER_PAGE,
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
	double call_ns = (double)pace->config.call_ns;

	if (is_huge)
		return clamp(call_ns / pace->huge_ns_per_page, 1,
			     HUGE_PER_CALL_MAX);
	return clamp(call_ns / pace->small_ns_per_page, SMALL_PER_CALL_MIN,
		     SMALL_PER_CALL_MAX);
}

/* Time after a call in which nothing is moved, so that calls have their share
 * of the time and no more. */
static uint64_t pause_ns(const struct pace *pace, uint64_t bytes,
			 uint64_t took_ns)
{
	const struct pace_config *config = &pace->config;
	uint64_t rest_ns, rate_ns;

	rest_ns = took_ns * (PACE_WHOLE - config->duty) / config->duty;
	if (config->rate_bytes_per_s == 0)
		return rest_ns;
	rate_ns = (uint64_t)((double)bytes * NS_PER_S /
			     (double)config->rate_bytes_per_s);
	rate_ns = rate_ns > took_ns ? rate_ns - took_ns : 0;
	return u64_max(rest_ns, rate_ns);
}

void pace_note_call(struct pace *pace, bool is_huge, unsigned int n_pages,
		    uint64_t start_ns, uint64_t took_ns)
{
	uint64_t page_bytes = is_huge ? PAGE_2M_BYTES : PAGE_4K_BYTES;
	double *ns_per_page =
		is_huge ? &pace->huge_ns_per_page : &pace->small_ns_per_page;
	uint64_t next_ns;

	if (n_pages == 0)
		return;
	*ns_per_page += SMOOTHING * ((double)took_ns / n_pages - *ns_per_page);
	next_ns = start_ns + took_ns +
		  pause_ns(pace, n_pages * page_bytes, took_ns);
	pace->next_ns = u64_max(pace->next_ns, next_ns);
}

uint64_t pace_next_ns(const struct pace *pace)
{
	return pace->next_ns;
}

double pace_expected_rate(const struct pace *pace, bool is_huge)
{
	double ns = is_huge ? pace->huge_ns_per_page : pace->small_ns_per_page;
	double bytes = is_huge ? PAGE_2M_BYTES : PAGE_4K_BYTES;
	double rate = bytes * NS_PER_S / ns * pace->config.duty / PACE_WHOLE;

	if (pace->config.rate_bytes_per_s &&
	    rate > (double)pace->config.rate_bytes_per_s)
		rate = (double)pace->config.rate_bytes_per_s;
	return rate;
}
