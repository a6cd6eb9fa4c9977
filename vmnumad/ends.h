/* SPDX-License-Identifier: Apache-2.0 */
/* Callbacks of ends.c that daemon.c hangs into the loop and the crew. */
#ifndef ENDS_H
#define ENDS_H

struct job;

/* crew_ended_fn; arg is the daemon. */
void daemon_on_job_ended(void *arg, struct job *job);

/* Timer: tell those who watch jobs how they go; arg is the daemon. */
void daemon_on_watch(void *arg);

#endif
