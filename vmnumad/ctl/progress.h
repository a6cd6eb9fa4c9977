/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The progress bar of a job on a terminal. Draws on standard error, so that
 * what goes to standard output is the result alone; without a terminal there it
 * draws nothing.
 */
#ifndef CTL_PROGRESS_H
#define CTL_PROGRESS_H

#include <stdbool.h>
#include <stdio.h>

struct json_object;

/* Draws in place, over its last drawing. job has the members that the control
 * protocol's "progress" notification has. */
void progress_draw(struct json_object *job);

/* Wipes the bar. */
void progress_clear(void);

/* Standard error is a terminal that can be drawn on. */
bool progress_is_wanted(void);

/* The bar's line for a terminal of n_columns, without control sequences, to
 * out. For progress_draw() and for tests. */
void progress_line(FILE *out, struct json_object *job, unsigned int n_columns,
		   bool is_utf8);

#endif
