/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The book of jobs: those at work and the last ones that ended, with what they
 * were for and who waits for them. Belongs to the loop's thread; the jobs
 * themselves are a mover's.
 */
#ifndef JOBS_H
#define JOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/identity.h"
#include "move/job.h"
#include "move/mover.h"
#include "order.h"
#include "plan.h"
#include "uuid.h"

/* Ended jobs that are remembered. */
#define JOBS_KEPT 128

struct control_call;
struct jobs;

struct job_entry;

/* Called when a job has ended, with the entry complete. */
typedef void job_ended_fn(void *arg, struct job_entry *entry);

/* Somebody who waits for the end of a job. */
struct job_watcher {
	struct job_watcher *next; /* in entry.watchers */
	struct job_entry *entry; /* borrowed: owns this */
	job_ended_fn *fn; /* what to do at the end */
	void *arg; /* with what */
	struct control_call *call; /* to be told of the progress, or NULL */
};

/* One job, in the book from its start on. */
struct job_entry {
	struct job_entry *next; /* older one */
	struct jobs *jobs; /* borrowed: owns this */
	uint64_t id; /* its number */
	struct uuid uuid; /* whose memory */
	char *guest_name; /* its name then, owned */
	struct job *job; /* at work: borrowed from the mover; else NULL */
	pid_t pid; /* its process then */
	uint64_t start_ticks; /* when that process started */
	struct job_order order; /* what it was asked to be */
	bool is_superseded; /* stopped to make way for a newer plan */
	unsigned int held_by; /* the enum gate that it waits for, 0 none */
	bool has_waited; /* it was paused, or held by a gate */
	struct plan_move *moves; /* the plan, owned */
	size_t n_moves; /* length of moves */
	uint64_t cells_left; /* a bit for each cell below 64 that waited for
			      * something else when it began */
	struct price price; /* as expected at the start */
	struct receipt receipt; /* last copy */
	struct cell_count *cells; /* last copy, owned */
	size_t n_cells; /* length of cells */
	struct ledger ledger; /* copy, once it has ended */
	struct job_watcher *watchers; /* owned */
};

/* last_id: the newest number that is used up already. mover carries out what
 * is started. */
struct jobs *jobs_create(uint64_t last_id, struct mover mover);
void jobs_destroy(struct jobs *jobs); /* takes NULL */

/* A new entry for a job that is about to start; moves are copied. */
struct job_entry *jobs_add(struct jobs *jobs, const struct uuid *uuid,
			   const char *guest_name,
			   const struct plan_move *moves, size_t n_moves);

/* The next number to be given; numbers are never used twice. */
uint64_t jobs_next_id(const struct jobs *jobs);

struct job_entry *jobs_find(struct jobs *jobs, uint64_t id);
struct job_entry *jobs_first(struct jobs *jobs); /* the newest */

/* The job begins. */
void job_entry_start(struct job_entry *entry, const struct job_spec *spec);

/* Ask a job to stop, wait or go on; nothing once it has ended. */
void job_entry_cancel(struct job_entry *entry, const char *why);
void job_entry_pause(struct job_entry *entry, bool is_paused);

/* Let it wait for the enum gate; 0: it goes on. */
void job_entry_hold(struct job_entry *entry, unsigned int gate);

/* Its guest was mapped anew, or is gone; nothing once it has ended. */
void job_entry_remap(struct job_entry *entry, struct guest_map *map);
void job_entry_wake(struct job_entry *entry);

/* Copy the numbers of a job at work into its entry. */
void job_entry_refresh(struct job_entry *entry);

/* Keep which cells of guest number guest, pinned elsewhere, plan leaves in the
 * wrong place or takes home in part: it is the plan of the job. */
void job_entry_note_left(struct job_entry *entry, const struct plan *plan,
			 size_t guest);

/* Why the automatic job is to make way for a newer plan, given what is decided
 * about one cell now; NULL: it goes on. */
const char *job_entry_why_supersede(const struct job_entry *entry,
				    const struct decision *decision);

/* Why a job, whoever ordered it, ends at once given the GATE_ bits of its guest
 * now: every page is held, so each further call would only disturb the guest.
 * NULL: it goes on. */
const char *job_entry_why_stop(unsigned int gates);

/* True when the job has looked at all of its scope to the end, so that what it
 * counted is all that the cells have. */
bool job_entry_has_counted(const struct job_entry *entry);

/* The job has ended: last copies, then it is destroyed. Watchers stay. */
void job_entry_end(struct job_entry *entry);

/* fn(arg, entry) at the end; the watcher is freed after it. */
struct job_watcher *job_entry_watch(struct job_entry *entry, job_ended_fn *fn,
				    void *arg);
void job_watcher_drop(struct job_watcher *watcher);

/* Call all watchers. */
void job_entry_tell(struct job_entry *entry);

/* Bytes of all cells, on their home nodes and in all; before: as the job found
 * them. */
void job_entry_locality(const struct job_entry *entry, bool before,
			uint64_t *ret_local_bytes,
			uint64_t *ret_resident_bytes);

#endif
