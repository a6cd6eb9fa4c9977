/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a job that has ended teaches: how fast moving is, what its guest has
 * where now, and when policy may move it again. Part of the core (core.h).
 */
#include "core.h"
#include "learn.h"
#include "log.h"
#include "loop.h"
#include "tell.h"

#define NS_PER_MS 1000000ull

static void log_end(const struct job_entry *entry)
{
	const struct receipt *r = &entry->receipt;
	uint64_t first_ns = r->first_call_ns > entry->order.trigger_ns
				    ? r->first_call_ns - entry->order.trigger_ns
				    : 0;

	log_info(
		"mover",
		"job %llu: guest %s: %s%s%s: moved %llu KiB in %.1f s and %llu "
		"calls, left %llu KiB; first call %.1f ms after the event",
		(unsigned long long)entry->id, entry->guest_name,
		job_result_text(r->result), *r->why.text ? ": " : "",
		r->why.text, (unsigned long long)(r->moved_bytes / KIB),
		(double)(r->ended_ns - r->started_ns) / 1e9,
		(unsigned long long)r->calls,
		(unsigned long long)(receipt_left_bytes(r) / KIB),
		(double)first_ns / NS_PER_MS);
}

/* What an administrator can do where the daemon could not. */
static void log_pools(const struct job_entry *entry)
{
	const struct pools_report *report = &entry->receipt.pools;

	for (size_t i = 0; i < report->n_pools; i++) {
		const struct pool_change *pool = &report->pools[i];

		if (pool->now_pages == pool->before_pages)
			continue;
		log_warning(
			"mover",
			"job %llu: guest %s: the pool of 2 MiB pages of node "
			"%d has %llu pages, %llu before, and was not put back: "
			"%s; this does it: echo %llu > /sys/devices/system/"
			"node/node%d/hugepages/hugepages-2048kB/nr_hugepages",
			(unsigned long long)entry->id, entry->guest_name,
			pool->node, (unsigned long long)pool->now_pages,
			(unsigned long long)pool->before_pages,
			report->why.text,
			(unsigned long long)pool->before_pages, pool->node);
	}
}

static void teach_guest(struct daemon *daemon, struct guest *guest,
			struct job_entry *entry)
{
	const struct receipt *r = &entry->receipt;
	struct outcome outcome = {
		.moves = entry->moves,
		.n_moves = entry->n_moves,
		.end_ns = r->ended_ns,
		.moved_bytes = r->moved_bytes,
		.is_cancelled = r->result == JOB_CANCELLED,
		.is_superseded = entry->is_superseded,
	};

	guest->active_job = 0;
	policy_outcome(&daemon->config.policy, &guest->memory, &outcome);
	if (!entry->order.is_automatic && r->result != JOB_CANCELLED)
		policy_guest_hold(&guest->memory);
	if (job_entry_has_counted(entry))
		guest_take_counts(guest, entry->cells, entry->n_cells,
				  r->ended_ns);
	else
		guest->wants_measure = true;
	ledger_finish(&guest->ledger);
	ledger_copy(&entry->ledger, &guest->ledger);
	if (guest->built.map) /* it may be newer than the job's */
		ledger_keep(&guest->ledger, guest->built.map);
}

void core_end_job(struct daemon *daemon, struct job_entry *entry)
{
	struct guest *guest = daemon_find_guest(daemon, entry->uuid.text);

	job_entry_end(entry);
	log_end(entry);
	log_pools(entry);
	learn_cost(entry, guest ? &guest->cost : NULL,
		   &daemon->rate_bytes_per_s);
}

void core_close_job(struct daemon *daemon, struct job_entry *entry)
{
	struct guest *guest = daemon_find_guest(daemon, entry->uuid.text);

	if (guest && guest->active_job == entry->id)
		teach_guest(daemon, guest, entry);
	tell_end(daemon, entry);
	job_entry_tell(entry);
	loop_timer_set(daemon->tick_timer, 0); /* what is next? */
}
