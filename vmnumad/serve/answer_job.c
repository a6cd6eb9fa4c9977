/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs: the object that tells of one, and the verbs that look at, stop and
 * resume them. */
#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>

#include "addr.h"
#include "daemon.h"
#include "serve/answer.h"
#include "serve/control.h"
#include "serve/json.h"
#include "serve/params.h"

#define EXIT_USAGE 2
#define NS_PER_MS  1e6
#define NS_PER_S   1e9

void answer_free(struct json_object *object)
{
	json_object_put(object);
}

static double locality(const struct job_entry *entry, bool before)
{
	uint64_t local_bytes, resident_bytes;

	job_entry_locality(entry, before, &local_bytes, &resident_bytes);
	return resident_bytes ? (double)local_bytes / (double)resident_bytes
			      : 1.0;
}

/* What makes room says nothing of where the guest's memory should be. */
static void add_localities(struct json_object *to,
			   const struct job_entry *entry)
{
	if (entry->order.is_part) {
		json_add_null(to, "locality_before");
		json_add_null(to, "locality_after");
		return;
	}
	json_add_double(to, "locality_before", locality(entry, true));
	json_add_double(to, "locality_after", locality(entry, false));
}

static void add_ranges(struct json_object *to, const struct ledger *ledger,
		       enum residue residue)
{
	struct json_object *array = json_add_array(to, "ranges");

	for (size_t i = 0; i < ledger->n_ranges; i++) {
		const struct ledger_range *range = &ledger->ranges[i];
		struct json_object *element;

		if (range->residue != residue)
			continue;
		element = json_append_object(array);
		json_add_u64(element, "gpa", range->gpa.v);
		json_add_u64(element, "size", range->size_bytes);
		json_add_int(element, "cell", range->cell);
	}
}

static void add_residue(struct json_object *to, const struct job_entry *entry)
{
	struct json_object *array = json_add_array(to, "residue");

	for (int i = 0; i < RESIDUE_COUNT; i++) {
		uint64_t bytes = entry->receipt.residue_bytes[i];
		struct json_object *element;

		if (bytes == 0)
			continue;
		element = json_append_object(array);
		json_add_text(element, "class", residue_text((enum residue)i));
		json_add_u64(element, "bytes", bytes);
		add_ranges(element, &entry->ledger, (enum residue)i);
	}
}

static void add_counts(struct json_object *to, const struct job_entry *entry)
{
	struct json_object *cells = json_add_array(to, "cells");
	uint64_t before[NODES_MAX] = { 0 }, after[NODES_MAX] = { 0 };
	struct node_mask known = { 0 };

	for (size_t i = 0; i < entry->n_cells; i++)
		for (int node = 0; node < NODES_MAX; node++) {
			before[node] += entry->cells[i].before_bytes[node];
			after[node] += entry->cells[i].after_bytes[node];
			if (before[node] || after[node])
				node_mask_add(&known, node);
		}
	for (size_t i = 0; i < entry->n_cells; i++) {
		struct json_object *cell = json_append_object(cells);

		json_add_int(cell, "id", entry->cells[i].cell);
		json_add_node_bytes(cell, "before",
				    entry->cells[i].before_bytes, known);
		json_add_node_bytes(cell, "after", entry->cells[i].after_bytes,
				    known);
	}
	json_add_node_bytes(to, "before", before, known);
	json_add_node_bytes(to, "after", after, known);
}

/* Bytes still to come: what a job at work has found is what it has booked. */
static uint64_t left_bytes(const struct job_entry *entry)
{
	const struct receipt *r = &entry->receipt;

	if (r->result == JOB_RUNNING)
		return r->planned_bytes > r->moved_bytes
			       ? r->planned_bytes - r->moved_bytes
			       : 0;
	return receipt_left_bytes(r);
}

static void add_speed(struct json_object *to, const struct job_entry *entry)
{
	const struct receipt *r = &entry->receipt;
	uint64_t end_ns = r->ended_ns;
	double seconds, rate;

	if (end_ns == 0)
		end_ns = u64_max(r->seen_ns, r->started_ns);
	seconds =
		r->started_ns ? (double)(end_ns - r->started_ns) / NS_PER_S : 0;
	rate = seconds > 0 ? (double)r->moved_bytes / seconds : 0;
	json_add_double(to, "seconds", seconds);
	json_add_u64(to, "rate_bytes_per_s", (uint64_t)rate);
	if (r->result == JOB_RUNNING && rate > 0)
		json_add_double(to, "seconds_left",
				(double)left_bytes(entry) / rate);
	else
		json_add_null(to, "seconds_left");
}

static void add_costs(struct json_object *to, const struct job_entry *entry)
{
	const struct receipt *r = &entry->receipt;
	uint64_t first_ns = r->first_call_ns;

	json_add_u64(to, "calls", r->calls);
	json_add_u64(to, "retries", r->retried_bytes / PAGE_4K_BYTES);
	json_add_u64(to, "thp_splits", r->thp_splits);
	json_add_u64(to, "thp_repaired", r->thp_repaired);
	json_add_double(to, "longest_call_ms",
			(double)r->longest_call_ns / NS_PER_MS);
	if (first_ns > entry->order.trigger_ns)
		json_add_double(to, "first_call_ms",
				(double)(first_ns - entry->order.trigger_ns) /
					NS_PER_MS);
	else
		json_add_null(to, "first_call_ms");
	json_add_double(to, "expected_seconds", entry->price.seconds);
	json_add_double(to, "expected_stall_ms", entry->price.stall_ms);
	if (entry->price.payback_s >= 0)
		json_add_double(to, "payback_seconds", entry->price.payback_s);
	else
		json_add_null(to, "payback_seconds");
}

/* 2 MiB mappings of the guest in KVM: far fewer after a job than before it would
 * mean that moving cost the guest its huge pages. */
static void add_huge_mappings(struct json_object *to, const struct receipt *r)
{
	struct json_object *object;

	if (r->kvm_pages_2m_before == UINT64_MAX ||
	    r->kvm_pages_2m_after == UINT64_MAX)
		return;
	object = json_add_object(to, "guest_huge_mappings");
	json_add_u64(object, "before", r->kvm_pages_2m_before);
	json_add_u64(object, "after", r->kvm_pages_2m_after);
}

/* Pools of huge pages that are, or were, of another size than before. */
static void add_pools(struct json_object *to, const struct pools_report *report)
{
	struct json_object *array;

	if (report->n_pools == 0)
		return;
	array = json_add_array(to, "pools");
	for (size_t i = 0; i < report->n_pools; i++) {
		const struct pool_change *pool = &report->pools[i];
		struct json_object *element = json_append_object(array);

		json_add_int(element, "node", pool->node);
		json_add_u64(element, "page_bytes", PAGE_2M_BYTES);
		json_add_u64(element, "before", pool->before_pages);
		json_add_u64(element, "after", pool->after_pages);
		json_add_u64(element, "now", pool->now_pages);
		json_add_u64(element, "lent", pool->lent_pages);
		json_add_bool(element, "restored",
			      pool->now_pages == pool->before_pages);
	}
	json_add_text(to, "pools_why", report->why.text);
}

struct json_object *answer_job(const struct job_entry *entry)
{
	const struct receipt *r = &entry->receipt;
	struct json_object *to = json_object_new_object();

	json_add_u64(to, "job", entry->id);
	json_add_text(to, "guest", entry->guest_name);
	json_add_text(to, "uuid", entry->uuid.text);
	json_add_text(to, "result", job_result_text(r->result));
	json_add_text(to, "phase", job_phase_text(r->phase));
	json_add_text(to, "why", r->why.text);
	json_add_text(to, "reason",
		      entry->n_moves ? reason_text(entry->moves[0].reason)
				     : "");
	json_add_bool(to, "automatic", entry->order.is_automatic);
	json_add_bool(to, "hurry", entry->order.is_hurried);
	add_speed(to, entry);
	json_add_u64(to, "bytes_planned", r->planned_bytes);
	json_add_u64(to, "bytes_moved", r->moved_bytes);
	json_add_u64(to, "bytes_left", left_bytes(entry));
	json_add_u64(to, "bytes_already", r->already_bytes);
	json_add_u64(to, "bytes_scope", r->scope_bytes);
	add_localities(to, entry);
	add_counts(to, entry);
	add_residue(to, entry);
	add_pools(to, &r->pools);
	add_costs(to, entry);
	add_huge_mappings(to, r);
	return to;
}

/* Verbs --------------------------------------------------------------------- */

int answer_jobs(void *arg, struct control_call *call,
		struct json_object *params)
{
	static const char *const known[] = { NULL };
	struct daemon *daemon = arg;
	struct json_object *answer, *array;
	struct why why;

	if (params_check(params, known, &why) < 0)
		return control_fail(call, RPC_BAD_PARAMS, EXIT_USAGE, why.text);
	answer = json_object_new_object();
	array = json_add_array(answer, "jobs");
	for (struct job_entry *e = jobs_first(daemon->jobs); e; e = e->next) {
		job_entry_refresh(e);
		json_object_array_add(array, answer_job(e));
	}
	return control_reply(call, answer);
}

/* The entry that the call is about; NULL when it was answered with an error. */
static struct job_entry *find_entry(struct daemon *daemon,
				    struct control_call *call,
				    struct json_object *params)
{
	static const char *const known[] = { "job", NULL };
	struct job_entry *entry;
	struct why why;
	uint64_t id;

	if (params_check(params, known, &why) < 0 ||
	    params_need_u64(params, "job", 1, INT64_MAX, &id, &why) < 0) {
		control_fail(call, RPC_BAD_PARAMS, EXIT_USAGE, why.text);
		return NULL;
	}
	entry = jobs_find(daemon->jobs, id);
	if (!entry) {
		why_set(&why,
			"there is no job %" PRIu64
			"; \"vmnumactl jobs\" lists those that are known",
			id);
		control_fail(call, RPC_FAILED, 1, why.text);
	}
	return entry;
}

int answer_one_job(void *arg, struct control_call *call,
		   struct json_object *params)
{
	struct job_entry *entry = find_entry(arg, call, params);

	if (!entry)
		return 0;
	job_entry_refresh(entry);
	return control_reply(call, answer_job(entry));
}

/* The entry if it is at work. */
static struct job_entry *find_working(struct daemon *daemon,
				      struct control_call *call,
				      struct json_object *params)
{
	struct job_entry *entry = find_entry(daemon, call, params);
	struct why why;

	if (!entry || entry->job)
		return entry;
	why_set(&why, "job %" PRIu64 " has ended (%s)", entry->id,
		job_result_text(entry->receipt.result));
	control_fail(call, RPC_FAILED, 1, why.text);
	return NULL;
}

int answer_cancel(void *arg, struct control_call *call,
		  struct json_object *params)
{
	struct daemon *daemon = arg;
	struct job_entry *entry = find_working(daemon, call, params);

	if (!entry)
		return 0;
	job_entry_cancel(entry, "an administrator cancelled it");
	daemon_watch_job(daemon, entry, call); /* answered once it has ended */
	return 0;
}

static int set_paused(struct daemon *daemon, struct control_call *call,
		      struct json_object *params, bool is_paused)
{
	struct job_entry *entry = find_working(daemon, call, params);

	if (!entry)
		return 0;
	job_entry_pause(entry, is_paused);
	job_entry_refresh(entry);
	return control_reply(call, answer_job(entry));
}

int answer_pause(void *arg, struct control_call *call,
		 struct json_object *params)
{
	return set_paused(arg, call, params, true);
}

int answer_resume(void *arg, struct control_call *call,
		  struct json_object *params)
{
	return set_paused(arg, call, params, false);
}
