/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last two thirds of a tick: decide (policy/), and act on the plan: jobs
 * start, wait, go on and make way for newer plans. Part of the core (core.h).
 */
#include <stdlib.h>

#include "core.h"
#include "log.h"
#include "tell.h"
#include "xalloc.h"

#define NS_PER_MS 1000000ull

/* A job that starts so soon after an event was led to by it. */
#define STIRRED_NS (5000 * NS_PER_MS)

static void grow_plan(struct daemon *daemon)
{
	struct plan *plan = &daemon->plan;
	size_t n_cells = 0;

	for (struct guest *g = daemon->guests; g; g = g->next)
		n_cells += g->n_cells;
	plan->n_moves = 0;
	plan->n_decisions = 0;
	if (n_cells <= plan->cap_decisions)
		return;
	plan->cap_decisions = n_cells;
	plan->cap_moves = n_cells * 8;
	plan->decisions = xreallocarray(plan->decisions, plan->cap_decisions,
					sizeof(*plan->decisions));
	plan->moves = xreallocarray(plan->moves, plan->cap_moves,
				    sizeof(*plan->moves));
}

static void review_job(struct daemon *daemon, struct guest *guest,
		       const struct decision *decision)
{
	struct job_entry *entry = jobs_find(daemon->jobs, guest->active_job);
	const char *why;

	if (!entry || !entry->job || !entry->order.is_automatic ||
	    entry->is_superseded || !decision->by_affinity)
		return;
	why = job_entry_why_supersede(entry, decision);
	if (!why)
		return;
	entry->is_superseded = true;
	job_entry_cancel(entry, why);
}

/* A device that was plugged in meanwhile holds all that is there. */
static void review_stop(struct daemon *daemon, const struct guest *guest,
			unsigned int gates)
{
	struct job_entry *entry = jobs_find(daemon->jobs, guest->active_job);
	const char *why = job_entry_why_stop(gates);

	if (entry && entry->job && why)
		job_entry_cancel(entry, why);
}

/* Who copies a guest's memory meets pages that come and go, and waits for them:
 * a job at work makes no calls until libvirt has done. */
static void review_hold(struct daemon *daemon, const struct guest *guest,
			unsigned int gates)
{
	struct job_entry *entry = jobs_find(daemon->jobs, guest->active_job);
	unsigned int gate = gates & (GATE_MIGRATING | GATE_JOB);

	if (!entry || !entry->job || entry->held_by == gate)
		return;
	job_entry_hold(entry, gate);
	log_info("mover", "job %llu: guest %s: %s%s",
		 (unsigned long long)entry->id, entry->guest_name,
		 gate ? "waiting: " : "going on", gate ? gate_text(gate) : "");
	tell_held(daemon, entry);
}

/* Decisions come in the order of the guests. */
static void review_jobs(struct daemon *daemon)
{
	const struct plan *plan = &daemon->plan;
	struct guest *guest = daemon->guests;
	size_t index = 0;

	for (size_t i = 0; i < plan->n_decisions; i++) {
		while (index < plan->decisions[i].guest) {
			guest = guest->next;
			index++;
		}
		if (guest->active_job)
			review_job(daemon, guest, &plan->decisions[i]);
	}
}

/* A pin a moment ago is what led to a job, else what was seen now. */
static uint64_t trigger_of(const struct daemon *daemon,
			   const struct guest *guest)
{
	uint64_t now_ns = daemon->snapshot.now_ns;

	if (guest->stirred_ns + STIRRED_NS > now_ns)
		return guest->stirred_ns;
	return now_ns;
}

/* True when a job has started. */
static bool act(struct daemon *daemon)
{
	const struct plan *plan = &daemon->plan;
	bool has_started = false;
	size_t index = 0;

	for (struct guest *g = daemon->guests; g; g = g->next, index++) {
		struct job_order order = {
			.is_automatic = true,
			.trigger_ns = trigger_of(daemon, g),
		};
		struct job_entry *entry;
		struct why why;

		if (g->active_job || !core_has_moves(plan, index))
			continue;
		entry = core_start_job(daemon, g, plan, &order, &why);
		if (!entry) {
			log_warning("mover", "guest %s: no job: %s", g->name,
				    why.text);
			continue;
		}
		job_entry_note_left(entry, plan, index);
		has_started = true;
	}
	index = 0;
	for (struct guest *g = daemon->guests; g; g = g->next, index++) {
		unsigned int gates = daemon->snapshot.guests[index].gates;

		if (!g->active_job)
			continue;
		review_stop(daemon, g, gates);
		review_hold(daemon, g, gates);
	}
	review_jobs(daemon);
	return has_started;
}

bool core_tick(struct daemon *daemon)
{
	grow_plan(daemon);
	policy_decide(&daemon->config.policy, &daemon->snapshot, &daemon->plan);
	tell_decisions(daemon);
	return act(daemon);
}
