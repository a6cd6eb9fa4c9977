/* SPDX-License-Identifier: Apache-2.0 */
/* The book of jobs; see jobs.h. Owned by daemon.c. */
#include "jobs.h"

#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "policy/policy.h"
#include "snapshot.h"
#include "xalloc.h"

/* So much memory of another cell is worth a new job in place of one at work. */
#define SUPERSEDE_BYTES (16 * MIB)

struct jobs {
	struct job_entry *first; /* newest, owned */
	size_t n_entries; /* in the list */
	uint64_t last_id; /* given out */
	struct mover mover; /* carries jobs out, borrowed */
};

struct jobs *jobs_create(uint64_t last_id, struct mover mover)
{
	struct jobs *jobs = xcalloc(1, sizeof(*jobs));

	jobs->last_id = last_id;
	jobs->mover = mover;
	return jobs;
}

static void entry_free(struct job_entry *entry)
{
	struct job_watcher *watcher, *next;

	for (watcher = entry->watchers; watcher; watcher = next) {
		next = watcher->next;
		free(watcher);
	}
	ledger_finish(&entry->ledger);
	free(entry->moves);
	free(entry->cells);
	free(entry->guest_name);
	free(entry);
}

void jobs_destroy(struct jobs *jobs)
{
	struct job_entry *entry, *next;

	if (!jobs)
		return;
	for (entry = jobs->first; entry; entry = next) {
		next = entry->next;
		entry_free(entry);
	}
	free(jobs);
}

/* Forget the oldest ended job. */
static void forget_oldest(struct jobs *jobs)
{
	struct job_entry **oldest = NULL, *entry;

	for (struct job_entry **link = &jobs->first; *link;
	     link = &(*link)->next)
		if (!(*link)->job && !(*link)->watchers)
			oldest = link;
	if (!oldest)
		return;
	entry = *oldest;
	*oldest = entry->next;
	jobs->n_entries--;
	entry_free(entry);
}

struct job_entry *jobs_add(struct jobs *jobs, const struct uuid *uuid,
			   const char *guest_name,
			   const struct plan_move *moves, size_t n_moves)
{
	struct job_entry *entry = xcalloc(1, sizeof(*entry));

	if (jobs->n_entries >= JOBS_KEPT)
		forget_oldest(jobs);
	entry->jobs = jobs;
	entry->id = ++jobs->last_id;
	entry->uuid = *uuid;
	entry->guest_name = xstrdup(guest_name);
	entry->n_moves = n_moves;
	entry->moves = xcalloc(n_moves, sizeof(*moves));
	if (n_moves > 0)
		memcpy(entry->moves, moves, n_moves * sizeof(*moves));
	ledger_init(&entry->ledger);
	entry->next = jobs->first;
	jobs->first = entry;
	jobs->n_entries++;
	return entry;
}

void job_entry_note_left(struct job_entry *entry, const struct plan *plan,
			 size_t guest)
{
	for (size_t i = 0; i < plan->n_decisions; i++) {
		const struct decision *d = &plan->decisions[i];

		if (d->guest == guest && d->by_affinity &&
		    d->planned_bytes < d->wrong_bytes && d->cell >= 0 &&
		    d->cell < 64)
			entry->cells_left |= 1ull << d->cell;
	}
}

/* The cell has waited since before the job: for room, say. A new job would leave
 * it waiting just as well. */
static bool was_left(const struct job_entry *entry, int cell)
{
	return cell >= 0 && cell < 64 && (entry->cells_left >> cell & 1);
}

const char *job_entry_why_supersede(const struct job_entry *entry,
				    const struct decision *decision)
{
	bool is_in_job = false;

	for (size_t i = 0; i < entry->n_moves; i++) {
		const struct plan_move *move = &entry->moves[i];

		if (move->cell != decision->cell)
			continue;
		is_in_job = true;
		if (!decision->home.weight[move->to])
			return "the vCPUs have moved on";
	}
	/* vCPUs are pinned one by one: the next one's cell joins in */
	if (!is_in_job && !was_left(entry, decision->cell) &&
	    decision->reason == REASON_GATE && decision->gate == GATE_MOVING &&
	    decision->wrong_bytes >= SUPERSEDE_BYTES)
		return "more of the guest is to move";
	return NULL;
}

const char *job_entry_why_stop(unsigned int gates)
{
	if (gates & GATE_PINNED)
		return gate_text(GATE_PINNED);
	if (gates & GATE_CONFIDENTIAL)
		return gate_text(GATE_CONFIDENTIAL);
	return NULL;
}

bool job_entry_has_counted(const struct job_entry *entry)
{
	return entry->receipt.result != JOB_CANCELLED &&
	       entry->receipt.residue_bytes[RESIDUE_UNTRIED] == 0 &&
	       entry->receipt.residue_bytes[RESIDUE_UNSEEN] == 0;
}

uint64_t jobs_next_id(const struct jobs *jobs)
{
	return jobs->last_id + 1;
}

struct job_entry *jobs_find(struct jobs *jobs, uint64_t id)
{
	struct job_entry *entry = jobs->first;

	while (entry && entry->id != id)
		entry = entry->next;
	return entry;
}

struct job_entry *jobs_first(struct jobs *jobs)
{
	return jobs->first;
}

void job_entry_start(struct job_entry *entry, const struct job_spec *spec)
{
	const struct mover *mover = &entry->jobs->mover;

	entry->n_cells = spec->n_cells;
	entry->cells = xcalloc(spec->n_cells, sizeof(*entry->cells));
	entry->job = mover->ops->start(mover->self, spec);
	job_entry_refresh(entry);
}

void job_entry_cancel(struct job_entry *entry, const char *why)
{
	const struct mover *mover = &entry->jobs->mover;

	if (entry->job)
		mover->ops->cancel(mover->self, entry->job, why);
}

void job_entry_pause(struct job_entry *entry, bool is_paused)
{
	const struct mover *mover = &entry->jobs->mover;

	entry->has_waited |= is_paused;
	if (entry->job)
		mover->ops->pause(mover->self, entry->job, is_paused);
}

void job_entry_hold(struct job_entry *entry, unsigned int gate)
{
	const struct mover *mover = &entry->jobs->mover;

	entry->held_by = gate;
	entry->has_waited |= gate != 0;
	if (entry->job)
		mover->ops->hold(mover->self, entry->job, gate != 0);
}

void job_entry_remap(struct job_entry *entry, struct guest_map *map)
{
	const struct mover *mover = &entry->jobs->mover;

	if (entry->job)
		mover->ops->remap(mover->self, entry->job, map);
}

void job_entry_wake(struct job_entry *entry)
{
	const struct mover *mover = &entry->jobs->mover;

	if (entry->job)
		mover->ops->wake(mover->self, entry->job);
}

void job_entry_refresh(struct job_entry *entry)
{
	const struct mover *mover = &entry->jobs->mover;

	if (entry->job)
		mover->ops->progress(mover->self, entry->job, &entry->receipt,
				     entry->cells);
}

void job_entry_end(struct job_entry *entry)
{
	const struct mover *mover = &entry->jobs->mover;

	job_entry_refresh(entry);
	mover->ops->finish(mover->self, entry->job, &entry->ledger);
	entry->job = NULL;
}

struct job_watcher *job_entry_watch(struct job_entry *entry, job_ended_fn *fn,
				    void *arg)
{
	struct job_watcher *watcher = xcalloc(1, sizeof(*watcher));

	watcher->entry = entry;
	watcher->fn = fn;
	watcher->arg = arg;
	watcher->next = entry->watchers;
	entry->watchers = watcher;
	return watcher;
}

void job_watcher_drop(struct job_watcher *watcher)
{
	struct job_watcher **link = &watcher->entry->watchers;

	while (*link != watcher)
		link = &(*link)->next;
	*link = watcher->next;
	free(watcher);
}

void job_entry_tell(struct job_entry *entry)
{
	struct job_watcher *watcher;

	while ((watcher = entry->watchers)) {
		entry->watchers = watcher->next;
		watcher->fn(watcher->arg, entry);
		free(watcher);
	}
}

void job_entry_locality(const struct job_entry *entry, bool before,
			uint64_t *ret_local_bytes, uint64_t *ret_resident_bytes)
{
	uint64_t local_bytes = 0, resident_bytes = 0;

	for (size_t i = 0; i < entry->n_cells; i++) {
		const struct cell_count *cell = &entry->cells[i];
		const uint64_t *bytes =
			before ? cell->before_bytes : cell->after_bytes;

		for (int node = 0; node < NODES_MAX; node++) {
			resident_bytes += bytes[node];
			if (node_mask_has(cell->home, node))
				local_bytes += bytes[node];
		}
	}
	*ret_local_bytes = local_bytes;
	*ret_resident_bytes = resident_bytes;
}
