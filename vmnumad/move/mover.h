/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who carries out jobs, as those see it who decide on them: the crew (crew.c),
 * or in the simulator a job on paper. All calls come from the loop's thread;
 * that a job has ended is told there by whoever made the mover.
 */
#ifndef MOVE_MOVER_H
#define MOVE_MOVER_H

#include <stdbool.h>

struct cell_count;
struct guest_map;
struct job;
struct job_spec;
struct ledger;
struct receipt;

struct mover_ops {
	/* Begins at once, or when its turn comes; spec as for job_create(). */
	struct job *(*start)(void *self, const struct job_spec *spec);
	/* Obeyed before the next call; a cancelled job ends soon. why: one
	 * sentence for the receipt. */
	void (*cancel)(void *self, struct job *job, const char *why);
	void (*pause)(void *self, struct job *job, bool is_paused);
	/* The same for somebody else's work on the guest; see job_hold(). */
	void (*hold)(void *self, struct job *job, bool is_held);
	/* The guest was mapped anew; see job_set_map(). */
	void (*remap)(void *self, struct job *job, struct guest_map *map);
	/* Its process may have ended: look at once, whatever it waits for. */
	void (*wake)(void *self, struct job *job);
	/* The numbers as they are now; one count for each cell of the spec. */
	void (*progress)(void *self, struct job *job,
			 struct receipt *ret_receipt,
			 struct cell_count *ret_cells);
	/* It has ended: what was left where goes into ret_ledger, which is
	 * empty, and the job is freed. */
	void (*finish)(void *self, struct job *job, struct ledger *ret_ledger);
};

/* The table and what it works on. */
struct mover {
	const struct mover_ops *ops; /* which kind */
	void *self; /* its state */
};

#endif
