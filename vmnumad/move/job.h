/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One job: a plan for one guest being carried out. A job is stepped by mover
 * threads (crew.c), one bounded piece of work at a time, so that it can be
 * paused and cancelled within one call and many jobs share few threads. It
 * knows its guest by a pidfd and a guest map and nothing else of the daemon.
 */
#ifndef MOVE_JOB_H
#define MOVE_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/identity.h"
#include "guest/map.h"
#include "move/call.h"
#include "move/ledger.h"
#include "move/pace.h"
#include "move/pools.h"
#include "move/receipt.h"
#include "sys.h"

/* A time that never comes. */
#define JOB_NEVER_NS UINT64_MAX

/* Where pages of one cell go that lie on one node. */
struct job_route {
	int cell; /* the cell's number */
	int from; /* node they lie on */
	int to; /* node they shall lie on */
	uint64_t bytes; /* how many; UINT64_MAX: all that are found. What is
			 * beyond that counts as right where it lies */
	uint64_t page_bytes; /* only of regions with such pages, the others
			      * stay and count as right; 0: of all */
};

/* What one cell's memory shall become. */
struct job_cell {
	int cell; /* the cell's number */
	struct node_mask home; /* its wanted nodes; empty: the cell is only
				* counted */
};

/* What a job is made of; job_create() copies what it points to. */
struct job_spec {
	uint64_t id; /* number of the job */
	struct identity identity; /* the guest's process; its pidfd becomes
				   * the job's own */
	struct guest_map *map; /* a reference is taken */
	const struct job_cell *cells; /* sorted by cell */
	size_t n_cells; /* length of cells */
	const struct job_route *routes; /* the first that fits is used */
	size_t n_routes; /* length of routes */
	struct pace_config pace; /* how fast */
	uint64_t planned_bytes; /* estimate of what has to move */
	uint64_t reserve_bytes; /* kept free on the targets */
	bool grows_pools; /* hugetlb pages may take ordinary memory */
	struct pools *pools; /* put back at the end; borrowed, outlives the job,
			      * NULL: they are not looked after */
	uint64_t room_wait_ns; /* how long to wait for room on a target */
	bool is_collapsing; /* make huge pages of small ones, then move */
};

struct job;

enum job_turn {
	JOB_GO_ON, /* step again */
	JOB_CALLED, /* made a moving call; step again */
	JOB_WAIT, /* step again at *ret_wake_ns */
	JOB_ENDED, /* nothing more to do, now and for ever */
};

struct job *job_create(const struct job_spec *spec, const struct sys *sys);

/* Only when no thread is stepping it. Takes NULL. */
void job_destroy(struct job *job);

/*
 * One piece of work: a window scanned, or one moving call with what belongs to
 * it. At most as many threads as its pace has lanes at the same time, each with a
 * call of its own. Blocks as long as the kernel takes for it.
 */
enum job_turn job_step(struct job *job, struct call *call,
		       uint64_t *ret_wake_ns);

/* Threads that should step it at the same time, from any thread: changes while
 * the job finds out how many are of use. */
unsigned int job_lanes(const struct job *job);

/* From any thread; obeyed before the next call. A paused job waits for
 * JOB_NEVER_NS: wake it (mover.h) after resuming or cancelling. why: one
 * sentence for the receipt. */
void job_cancel(struct job *job, const char *why);
void job_pause(struct job *job);
void job_resume(struct job *job);

/* The same for somebody else's work on the guest, whatever is asked with the
 * two above: while it is held the job makes no call. */
void job_hold(struct job *job, bool is_held);

/* The guest was mapped anew, from any thread: before its next call the job walks
 * over this map from the beginning, and never touches what is only in the old
 * one. Its counts and its scope are then those of this map; what it has moved
 * stays counted. The same map again changes nothing. A reference is taken. */
void job_set_map(struct job *job, struct guest_map *map);

/* The numbers as they are now, from any thread; never waits for a call. */
void job_receipt(struct job *job, struct receipt *ret_receipt);

/* Bytes per cell, n_cells of the spec, from any thread. */
void job_cells(struct job *job, struct cell_count *ret_cells);

/* What was left where; complete once the job has ended, and only then to be
 * called. Borrowed, until job_destroy(). */
const struct ledger *job_ledger(const struct job *job);

/* As in the spec. */
uint64_t job_id(const struct job *job);
size_t job_n_cells(const struct job *job);

#endif
