/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mover threads. Each takes the job that has waited longest, steps it once
 * and puts it back: guests share the threads fairly, waiting jobs cost none.
 */
#ifndef MOVE_CREW_H
#define MOVE_CREW_H

#include <stddef.h>
#include <stdint.h>

#include "move/mover.h"
#include "sys.h"

struct crew;
struct job;
struct loop;

/* In the loop's thread: the job has ended, no thread touches it any more, and
 * it belongs to the caller again. */
typedef void crew_ended_fn(void *arg, struct job *job);

struct crew_config {
	unsigned int n_threads; /* mover threads, at least 1 */
	unsigned int calls_per_s; /* at least 1: moving calls of all jobs; each
				   * of them interrupts every busy CPU */
};

/* Each thread allocates a call (about 700 KiB) with its first job. */
struct crew *crew_create(struct loop *loop, const struct sys *sys,
			 const struct crew_config *config,
			 crew_ended_fn *on_ended, void *arg);

/* Cancels all jobs, waits until the calls under way are over, and frees the
 * jobs without on_ended, those too whose end the loop was about to deliver: the
 * loop is not to be run again. Takes NULL. */
void crew_destroy(struct crew *crew);

/* The crew, for those who decide on jobs; borrowed from it. What is started
 * belongs to the crew until on_ended. */
struct mover crew_mover(struct crew *crew);

#endif
