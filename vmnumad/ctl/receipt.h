/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job in words: what it did or would do, memory per node before and after,
 * and what could not be moved. Used by rebalance.c, job.c and show.c.
 */
#ifndef CTL_RECEIPT_H
#define CTL_RECEIPT_H

struct json_object;

/* job is a job object of the control protocol. */
void receipt_print(struct json_object *job);

/* The exit status that stands for the job's result: see enum ctl_exit. */
int receipt_exit(struct json_object *job);

/* A table of object's "residue", nothing when it is empty. */
void residue_print(struct json_object *object);

#endif
