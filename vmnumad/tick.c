/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One tick: observe (observe.c), decide (policy/), act (moves.c). Run once a
 * sampling period and a moment after anything happens to a guest.
 */
#include <stdlib.h>

#include "adopted.h"
#include "daemon.h"
#include "log.h"
#include "loop.h"
#include "move/crew.h"
#include "rehome.h"
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
	daemon_cancel_job(daemon, entry, why);
}

/* A device that was plugged in meanwhile holds all that is there. */
static void review_stop(struct daemon *daemon, const struct guest *guest,
			unsigned int gates)
{
	struct job_entry *entry = jobs_find(daemon->jobs, guest->active_job);
	const char *why = job_entry_why_stop(gates);

	if (entry && entry->job && why)
		daemon_cancel_job(daemon, entry, why);
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
	entry->held_by = gate;
	log_info("mover", "job %llu: guest %s: %s%s",
		 (unsigned long long)entry->id, entry->guest_name,
		 gate ? "waiting: " : "going on", gate ? gate_text(gate) : "");
	tell_held(daemon, entry);
	job_hold(entry->job, gate != 0);
	crew_wake(daemon->crew, entry->job);
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

static bool has_moves(const struct plan *plan, size_t index)
{
	for (size_t i = 0; i < plan->n_moves; i++)
		if (plan->moves[i].guest == index)
			return true;
	return false;
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

static void act(struct daemon *daemon)
{
	const struct plan *plan = &daemon->plan;
	size_t index = 0;

	for (struct guest *g = daemon->guests; g; g = g->next, index++) {
		struct job_order order = {
			.is_automatic = true,
			.trigger_ns = trigger_of(daemon, g),
		};
		struct job_entry *entry;
		struct why why;

		if (g->active_job || !has_moves(plan, index))
			continue;
		entry = daemon_start_job(daemon, g, plan, &order, &why);
		if (entry)
			job_entry_note_left(entry, plan, index);
		else
			log_warning("mover", "guest %s: no job: %s", g->name,
				    why.text);
	}
	index = 0;
	for (struct guest *g = daemon->guests; g; g = g->next, index++) {
		review_stop(daemon, g, daemon->snapshot.guests[index].gates);
		review_hold(daemon, g, daemon->snapshot.guests[index].gates);
	}
	review_jobs(daemon);
}

void daemon_tick(struct daemon *daemon)
{
	loop_timer_set(daemon->tick_timer, daemon->config.sample_ns);
	adopted_watch(daemon);
	daemon_observe(daemon);
	grow_plan(daemon);
	policy_decide(&daemon->config.policy, &daemon->snapshot, &daemon->plan);
	tell_decisions(daemon);
	rehome_mend(daemon);
	act(daemon);
	for (struct guest *g = daemon->guests; g; g = g->next)
		guest_pursue(g, daemon->snapshot.now_ns);
	daemon->ticks++;
}
