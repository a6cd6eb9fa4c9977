/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders that outlive the daemon: keeps the journal in step with the book of
 * jobs, and takes up after a restart what was left undone. Called by daemon.c
 * and moves.c, in the loop.
 */
#ifndef RESUME_H
#define RESUME_H

#include <sys/types.h>

struct daemon;
struct guest;
struct job_order;
struct uuid;

/* At start: read the journal. A journal that cannot be used is reported and
 * left where it is. */
void resume_load(struct daemon *daemon);

/* What became of an adopted guest of the journal is known now: its process is
 * watched again, or let go. */
void resume_forget_adopted(struct daemon *daemon, pid_t pid);

/* A job was started or has ended, a guest was adopted or let go: write down what
 * is still to be done and watched. */
void resume_save(struct daemon *daemon);

/* A re-homing begins: write its order down before cpusets are touched, and keep
 * it until they are narrowed again or it has failed in the open. */
void resume_hold(struct daemon *daemon, const struct guest *guest,
		 const struct job_order *order);

/* What was asked for a guest has ended: forget it. */
void resume_release(struct daemon *daemon, const struct uuid *uuid);

/* A guest has become known: carry on with what was ordered for it. */
void resume_guest(struct daemon *daemon, struct guest *guest);

#endif
