/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adopted guests, from the administrator's word to their end: a process is
 * looked at on a task thread, becomes a guest when nothing clashes, is watched
 * on each tick, and is taken on again after a restart. Whether it may be adopted
 * is decided in guest/adopt.c. Belongs to the loop's thread.
 */
#ifndef ADOPTED_H
#define ADOPTED_H

#include "why.h"

struct adoption;
struct daemon;
struct guest;

/* The end of adopted_take(): the new guest, or NULL and why not. */
typedef void adopted_fn(void *arg, struct guest *guest, const struct why *why);

/* Look at the process and make a guest of it, then fn. adoption is taken over.
 * fn may be called at once. */
void adopted_take(struct daemon *daemon, struct adoption *adoption,
		  adopted_fn *fn, void *arg);

/* At start: those of the journal whose processes are still the same. */
void adopted_resume(struct daemon *daemon);

/* Each tick, before anything is observed: let go of those that have ended or
 * run another program; see pins that nobody tells of. */
void adopted_watch(struct daemon *daemon);

/* It is no guest any more; why is for events ("it was released"). No job may be
 * at work on it that should go on. */
void adopted_drop(struct daemon *daemon, struct guest *guest, const char *why);

#endif
