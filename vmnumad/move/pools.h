/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The administrator's pools of 2 MiB huge pages, put back after a job. A
 * hugetlb page that moves takes a free page of the target's pool; without one
 * the kernel takes ordinary memory there and gives the old page's memory back
 * to the source's, and the two pools change their sizes. Afterwards the source
 * is filled up again, and what the target has too much becomes surplus: it stays
 * with the guest and is ordinary memory again when the guest ends. Pools of
 * gigantic pages never change so. One for all jobs; called by job.c.
 */
#ifndef MOVE_POOLS_H
#define MOVE_POOLS_H

#include "move/receipt.h"
#include "move/room.h"
#include "sys.h"

struct pools;

struct pools *pools_create(const struct sys *sys);
void pools_destroy(struct pools *pools); /* takes NULL */

/* A job is about to move such pages: the first of those at work notes the sizes
 * of all pools. From any thread, as pools_end(); both read small files. */
void pools_begin(struct pools *pools);

/*
 * It has ended: reports the pools that changed since they were noted and puts
 * them back, as far as room leaves memory for it. They are left alone, with a
 * why, when the sum of all pools changed: then others are at work on them. May
 * take as long as the kernel needs to find the pages.
 */
void pools_end(struct pools *pools, const struct room *room,
	       struct pools_report *ret_report);

#endif
