/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders that outlive the daemon: keeps the journal in step with the book of
 * jobs, and takes up after a restart what was left undone. Called by daemon.c
 * and moves.c, in the loop.
 */
#ifndef RESUME_H
#define RESUME_H

struct daemon;
struct guest;

/* At start: read the journal. A journal that cannot be used is reported and
 * left where it is. */
void resume_load(struct daemon *daemon);

/* A job was started or has ended: write down what is still to be done. */
void resume_save(struct daemon *daemon);

/* A guest has become known: carry on with what was ordered for it. */
void resume_guest(struct daemon *daemon, struct guest *guest);

#endif
