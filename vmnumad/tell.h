/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts what happens and what is decided into the daemon's history, in words for
 * "vmnumactl events". Called where it happens; decides nothing.
 */
#ifndef TELL_H
#define TELL_H

#include <stdbool.h>

#include "node.h"
#include "why.h"

struct daemon;
struct guest;
struct host_conflicts;
struct job_entry;

/* A guest is known by its name now, or is about to be forgotten. */
void tell_guest(struct daemon *daemon, const struct guest *guest, bool is_here);

/* An adopted guest is about to be let go; it is not told once more that it is
 * gone. */
void tell_let_go(struct daemon *daemon, const struct guest *guest,
		 const char *why);

/* libvirt is connected, or why not. */
void tell_libvirt(struct daemon *daemon, bool is_up, const struct why *why);

/* The configuration was read again; why not, or NULL. */
void tell_config(struct daemon *daemon, const struct why *why);

/* What works against the daemon now, where it differs from daemon->conflicts:
 * each conflict once when it begins, with what to do, and once when it ends.
 * The log has it too. */
void tell_conflicts(struct daemon *daemon, const struct host_conflicts *now);

/* A job and the plan that it carries out; and its end. */
void tell_start(struct daemon *daemon, const struct job_entry *entry);
void tell_end(struct daemon *daemon, const struct job_entry *entry);

/* A job waits, for the gate of entry->held_by; 0: it goes on. */
void tell_held(struct daemon *daemon, const struct job_entry *entry);

/* Others have changed what the guest's cpuset allows; the log has it too. */
void tell_cpuset(struct daemon *daemon, const struct guest *guest);

/* A re-homing that others came in between of: what is done about it. */
void tell_mended(struct daemon *daemon, const struct guest *guest,
		 struct node_mask nodes, int err, const struct why *why);

/* What an administrator asked for ("a rebalance") is refused; guest is NULL
 * where it is about no single one. */
void tell_refused(struct daemon *daemon, const struct guest *guest,
		  const char *what, const char *reason);

/* The tick's decisions: for each cell whose moves are put off, once for as long
 * as the reason is the same one. Pauses of less than a minute do not count. */
void tell_decisions(struct daemon *daemon);

#endif
