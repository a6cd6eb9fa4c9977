/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a job, shared by job.c (steps), job_take.c (what to move next),
 * job_settle.c (what became of it), job_judge.c (what that says of the target),
 * job_along.c (what moved with it), job_join.c (small pages made huge),
 * job_repair.c (what was split on the way), job_map.c (another map) and job_ask.c
 * (what others ask of it). Nobody else includes it.
 */
#ifndef MOVE_JOB_STATE_H
#define MOVE_JOB_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "move/feel.h"
#include "move/job.h"
#include "move/lanes.h"
#include "move/room.h"
#include "move/scan.h"
#include "move/seats.h"

/* Another lane is still at work: look again so soon. */
#define JOB_LANE_WAIT_NS 2000000ull

/* Folios that wait to be tried again; beyond that they are left behind. */
#define RETRIES_MAX 65536

/* Guesses in one window: its 2 MiB blocks. */
#define RESTS_MAX (CLASSIFY_BLOCKS_MAX + 1)

/* Passes over the guest: memory that appears on a wrong node while a job runs
 * is met by the next pass. The last one only has to find nothing. */
#define PASSES_MAX 3

/* Split huge pages that are remembered: 8 GiB. Beyond that they are left to
 * khugepaged. */
#define SPLITS_MAX 4096

/* A folio that is to be tried again. */
struct retry {
	struct folio folio; /* with its target */
	const struct region *region; /* borrowed from the map */
	uint64_t due_ns; /* not before */
};

/* A route of the spec, and how much of it is still to be gone. */
struct route {
	struct job_route plan; /* from the spec */
	uint64_t moved_bytes; /* went this way, in all passes */
	uint64_t left_bytes; /* may still be taken in this pass; UINT64_MAX: all
			      * that are found */
};

/* The rest of a block that was taken for a huge page and was none. */
struct rest {
	const struct region *region; /* borrowed from the map */
	struct hva at; /* its first page of 4 KiB */
	uint32_t pages; /* how many */
	int8_t from; /* where they were found */
	int8_t to; /* where they shall go */
};

/* A huge page that a call of this job has split. */
struct split {
	const struct region *region; /* borrowed from the map */
	struct hva at; /* its first byte, 2 MiB aligned */
};

/* A part of a huge page that lies in another region than the part that was asked
 * to move, and came along. */
struct along {
	const struct region *region; /* whose part, borrowed from the map */
	struct hva at; /* its first byte */
	uint64_t bytes; /* its length */
	int8_t from; /* where the page was */
	int8_t to; /* where it went */
};

/* Kinds of pages: each needs room of its own kind on a target. */
enum page_kind {
	KIND_SMALL, /* 4 KiB */
	KIND_THP, /* transparent huge, or taken for it: a free 2 MiB block */
	KIND_HUGETLB, /* a free page of the pool */
	KIND_COUNT
};

/* What is known of a node as a target for one kind of pages. */
struct target {
	bool is_closed; /* nothing more is moved there by this job */
	enum residue closed_as; /* class of what it would have got */
	uint64_t wait_since_ns; /* waiting for room since then, 0 not */
	uint64_t next_check_ns; /* ask for room again at this time */
};

/* Counts of one pass: every byte of the scope is in exactly one of them. */
struct tally {
	uint64_t right_bytes; /* on wanted nodes */
	uint64_t residue_bytes[RESIDUE_COUNT]; /* RESIDUE_UNTRIED: waiting */
};

struct job {
	struct sys sys; /* borrowed door */
	uint64_t id; /* from the spec */
	struct identity identity; /* owned copy, for its pidfd */
	struct guest_map *map; /* owned reference, changes under the lock */
	struct guest_map *due_map; /* owned reference: the next one, or NULL */
	_Atomic(struct guest_map *) next_map; /* owned reference that
					       * job_set_map() left, or NULL */
	struct route *routes; /* owned */
	size_t n_routes; /* length of routes */
	uint64_t room_wait_ns; /* from the spec */

	pthread_mutex_t lock; /* guards everything down to the next lock */
	struct cell_count *cells; /* owned: counts of this pass */
	size_t n_cells; /* length of cells */
	struct pace pace; /* when and how much */
	struct lanes lanes; /* how many calls at the same time */
	struct seats seats; /* in whose place they are made */
	struct feel feel; /* what the guest feels of it */
	struct kvm_stats kvm; /* its counters, for the receipt */
	struct room room; /* gate on the targets */
	struct pools *pools; /* borrowed; NULL: nothing to put back */
	bool has_pools; /* pools_begin() was called, pools_end() is due */
	struct scan scan; /* has its buffers only while the job runs */
	bool has_scan; /* scan is initialised */
	struct scan_cursor cursor; /* next window */
	struct scan_window window; /* the current one */
	size_t next_huge; /* huge folios before it are taken */
	size_t next_small; /* small folios before it are taken */
	struct retry *retries; /* owned, in no order */
	size_t n_retries; /* filled */
	size_t cap_retries; /* allocated */
	struct rest rests[RESTS_MAX]; /* to be done before the next window */
	size_t n_rests; /* filled */
	struct split *splits; /* owned, to be repaired at the end */
	size_t n_splits; /* filled, at most SPLITS_MAX */
	size_t cap_splits; /* allocated */
	struct along *alongs; /* owned: parts that the walk has still to meet */
	size_t n_alongs; /* filled, at most two for each region */
	size_t cap_alongs; /* allocated */
	uint64_t along_bytes; /* of them, together */
	bool is_repairing; /* the last pass is over */
	struct target targets[NODES_MAX][KIND_COUNT]; /* by node and kind */
	struct tally tally; /* of this pass */
	struct ledger ledger; /* of this pass */
	struct ledger known; /* of the pass before */
	unsigned int pass; /* 0 is the first */
	uint64_t pass_moved_bytes; /* in this pass */
	uint64_t all_moved_bytes; /* in all passes */
	unsigned int in_flight; /* calls being made now */
	uint64_t in_flight_bytes[NODES_MAX]; /* of these, by target */
	bool is_gone; /* the kernel says so, whatever the pidfd says */
	bool is_collapsing; /* make huge pages of small ones on the way */
	unsigned int refusals; /* to make huge pages of small ones, in a row */
	unsigned int repair_refusals; /* to make split ones whole, in a row */
	unsigned int fruitless; /* calls in a row that moved nothing */
	bool has_no_move_all; /* we lack the right to MPOL_MF_MOVE_ALL */
	struct room_counters counters; /* host's, as far as calls were judged by
					* them; stall_us as the newest began */
	struct receipt receipt; /* working copy */

	pthread_mutex_t published_lock; /* guards the rest; never held for
					 * longer than a copy */
	struct receipt published; /* what others may see */
	struct cell_count *published_cells; /* owned, n_cells */
	struct why cancel_why; /* set before is_cancelled */

	atomic_uint n_lanes; /* lanes.now, for those without the lock */
	atomic_bool is_cancelled; /* asked to end */
	atomic_bool is_paused; /* asked to wait */
	atomic_bool is_held; /* others work on the guest */
};

/* job_take.c ------------------------------------------------------------- */

enum take {
	TAKE_CALL, /* call is filled: make it */
	TAKE_AGAIN, /* something was done: ask again */
	TAKE_WAIT, /* nothing to do before *ret_wake_ns */
	TAKE_NOTHING, /* the pass is over */
};

/* Find the next call's folios: scans on when the window is used up. -errno
 * when the process cannot be asked any more. */
int job_take(struct job *job, struct call *call, uint64_t now_ns,
	     enum take *ret_take, uint64_t *ret_wake_ns);

/* What is left of the plan goes to one class of the receipt: what waits, and so
 * much of what was not seen as the routes still lack. */
void job_write_off(struct job *job, enum residue residue);

/* job_settle.c ----------------------------------------------------------- */

/* The target of a folio, as far as pages of its kind go. */
struct target *job_target(struct job *job, const struct region *region,
			  const struct folio *folio);

enum page_kind job_page_kind(const struct region *region,
			     const struct folio *folio);

/* Book what a call did. */
void job_settle(struct job *job, const struct call *call, uint64_t now_ns);

/* Book a folio that will not be tried (again). was: the class it is booked
 * under now. */
void job_leave(struct job *job, const struct region *region,
	       const struct folio *folio, enum residue was,
	       enum residue residue);

/* The folio is small pages, to go to its target: they are looked at one by one
 * before the next window. was: the class they are booked under now. */
void job_set_aside(struct job *job, const struct region *region,
		   const struct folio *folio, enum residue was);

/* The class that a folio waiting for its turn is booked under. */
enum residue job_waiting_class(const struct folio *folio);

/* Counts of the cell, NULL when the job has nothing to do with it. */
struct cell_count *job_find_cell(struct job *job, int cell);

/* Bytes booked as the class was turn out to be on a wanted node. */
void job_book_right(struct job *job, uint64_t bytes, enum residue was);

/* In the counts of a cell, bytes went from one node to another; to NODE_NONE:
 * they are there no more. */
void job_shift_bytes(struct job *job, int cell, uint64_t bytes, int from,
		     int to);

/* Bytes of the class was have moved, on a way that the walk has taken them. */
void job_book_moved(struct job *job, int cell, uint64_t bytes, int from, int to,
		    enum residue was);

/* Count what has gone by a route with a limit; of two equal ones the first is
 * filled first. is_untaken: it was not taken from what the route has left. */
void job_book_route(struct job *job, int cell, int from, int to, uint64_t bytes,
		    bool is_untaken);

/* Bytes of its cells in its map. */
uint64_t job_scope_bytes(const struct job *job);

/* Begin a pass: nothing has been seen. */
void job_begin_pass(struct job *job);

/* job_judge.c ------------------------------------------------------------- */

/* Close targets, or wait for them, by what the call says. */
void job_judge(struct job *job, const struct call *call, uint64_t now_ns);

/* job_join.c -------------------------------------------------------------- */

/* Small pages of the window that go the same way become one folio for each block
 * that they fill, to be made a huge page before it is moved. */
void job_join(struct job *job);

/* job_along.c ------------------------------------------------------------- */

/* A folio has moved from its node to its target, and with it what other regions
 * have of the same page. */
void job_note_along(struct job *job, const struct region *region,
		    const struct folio *folio);

/* What of the current window came along is moved, not right from the start. */
void job_book_along(struct job *job);

/* Has this folio of the window come along since the window was scanned? Then it is
 * booked as moved. */
bool job_take_along(struct job *job, const struct folio *folio);

/* Has another cell more of the page that the folio is a part of? Then the page is
 * that cell's: two cells would take it from each other for ever. */
bool job_is_others(const struct job *job, const struct region *region,
		   const struct folio *folio);

/* job_map.c --------------------------------------------------------------- */

/* Is there a map, other than the job's, to be taken? */
bool job_is_map_due(struct job *job);

/* Take it: the first pass begins anew. Only when no call is in flight. */
void job_take_map(struct job *job);

/* job_repair.c ------------------------------------------------------------ */

/* Remember which huge pages of the call are in pieces now; true: some are.
 * Always false where nothing tells (CLASSIFY_NONE), and for memory that is not
 * private and of 4 KiB pages. */
bool job_note_splits(struct job *job, const struct call *call);

/* What the pass before left of them was left as huge pages: their pieces are to
 * be tried in this one. */
void job_forget_splits(struct job *job);

/* Take one of them up. JOB_GO_ON: it was left as it is; JOB_CALLED: the kernel
 * was asked to rebuild it; JOB_ENDED: there is none. */
enum job_turn job_repair(struct job *job);

#endif
