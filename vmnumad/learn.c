/* SPDX-License-Identifier: Apache-2.0 */
/* Experience; see learn.h. */
#include "learn.h"

#include "addr.h"

/* Less than that says little of what more would take. */
#define LEAST_BYTES (64 * MIB)

/* The pace makes calls for a twentieth of the time at least: a job that made
 * them for much less waited for room, for libvirt or for an administrator. */
#define CALLING_LEAST 40

/* Weight of the newest job. */
#define SMOOTHING 0.3

/* The first one is taken as it is. */
static uint64_t smooth(bool is_known, uint64_t known, uint64_t newest)
{
	if (!is_known)
		return newest;
	return (uint64_t)((1 - SMOOTHING) * (double)known +
			  SMOOTHING * (double)newest);
}

static bool is_typical(const struct job_entry *entry)
{
	const struct job_order *order = &entry->order;
	const struct receipt *r = &entry->receipt;

	return !entry->has_waited && !order->is_hurried && !order->stall_ns &&
	       !order->rate_bytes_per_s && r->moved_bytes >= LEAST_BYTES &&
	       r->ended_ns > r->started_ns &&
	       r->call_ns >= (r->ended_ns - r->started_ns) / CALLING_LEAST;
}

void learn_cost(const struct job_entry *entry, struct snap_cost *cost,
		uint64_t *rate_bytes_per_s)
{
	const struct receipt *r = &entry->receipt;
	double long_ns = (double)(r->ended_ns - r->started_ns);
	uint64_t rate, copying;
	bool is_known;

	if (!is_typical(entry))
		return;
	rate = (uint64_t)((double)r->moved_bytes * 1e9 / long_ns);
	*rate_bytes_per_s = smooth(*rate_bytes_per_s, *rate_bytes_per_s, rate);
	if (!cost)
		return;
	copying = (uint64_t)((double)r->call_ns * WEIGHT_WHOLE / long_ns);
	is_known = cost->rate_bytes_per_s > 0;
	cost->rate_bytes_per_s = smooth(is_known, cost->rate_bytes_per_s, rate);
	cost->stall_ns = smooth(is_known, cost->stall_ns, r->longest_stall_ns);
	cost->copying = (unsigned int)smooth(is_known, cost->copying, copying);
	if (!r->has_lost)
		return;
	cost->lost = (unsigned int)smooth(cost->has_lost, cost->lost, r->lost);
	cost->has_lost = true;
}
