/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guests that libvirt does not manage: a QEMU that somebody started by hand is
 * taken on when an administrator names its process. Here is what decides
 * whether it may be, and what makes a guest of it; vmnumad/adopted.c calls it.
 */
#ifndef GUEST_ADOPT_H
#define GUEST_ADOPT_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/identity.h"
#include "guest/map_build.h"
#include "guest/run_state.h"
#include "why.h"

struct guest;
struct inspection;
struct sys;

/* Longer names and paths are refused. */
#define ADOPT_NAME_MAX 127
#define ADOPT_PATH_MAX 107

/* What is asked for, and what was found. */
struct adoption {
	pid_t pid; /* the process */
	uint64_t start_ticks; /* when it must have started, 0: any time */
	char *name; /* owned: of the guest; NULL: its -name, or qemu-PID */
	char *qmp_path; /* owned: a socket of its monitor; NULL: none */
	bool may_lack_map; /* the map may come later: its monitor is busy */

	/* Filled by adopt_check(); owned. */
	struct identity identity; /* with its -uuid, or one that was made */
	int maps_fd; /* its /proc/PID/maps, -1 not open */
	struct map_result built; /* its map; built.map NULL: none yet */
	struct run_state state; /* how it is; without monitor: it runs */
	struct why map_why; /* then why */
	const char *held_by; /* what holds its memory, or NULL */
	const char *confidential; /* SEV or TDX, or "" */
};

/* What is kept of it by an adopted guest. */
struct adopted {
	char *qmp_path; /* owned, as above */
	int maps_fd; /* owned: reads as empty once the process calls execve */
	uint64_t state_asked_ns; /* when its monitor was last asked how it is */
	unsigned int state_failures; /* to answer that, in a row */
};

/* An empty one for pid. adoption_free() ends it, and takes NULL. */
struct adoption *adoption_create(pid_t pid);
void adoption_free(const struct sys *sys, struct adoption *adoption);

/* True when text can be a guest's name or a path here: not empty, not longer
 * than max bytes, without control characters. */
bool adopt_is_text(const char *text, size_t max);

/*
 * Look whether the process can be a guest: it exists, is of our own pid
 * namespace, is called qemu-something or kvm, has a KVM vCPU mapped, and its
 * memory can be found, through the socket if one is given, which the process
 * itself must have opened. Blocks, 30 s at most; for task threads. 0, or -errno
 * with a sentence.
 */
int adopt_check(const struct sys *sys, struct adoption *adoption,
		struct why *why);

/* Make a fresh guest of this uuid an adopted one; what adoption owns goes over
 * to it. */
void adopt_guest(struct guest *guest, struct adoption *adoption);

/* The vCPUs' cells as the guest's map has them; call after each new map. */
void adopt_take_cells(struct guest *guest);

/* Whether the monitor of an adopted guest is to be asked again how it is: every 5 s,
 * each second while a job is at work on it, less and less often while it does not
 * answer. Never for one without a monitor, or of libvirt. */
bool adopt_is_state_due(const struct guest *guest, uint64_t now_ns);

/* Let an inspection ask it as well, due or not; but not one that did not answer a
 * moment ago. */
void adopt_ask_state(const struct guest *guest, struct inspection *inspection);

/* Take the answer in, if it was asked: running, paused, migrating, as libvirt says
 * it of other guests; and a new map is wanted when memory was plugged in or out.
 * Without an answer what was known stays, but nothing moves by itself: who holds the
 * monitor may be stopping or migrating the guest. */
void adopt_take_state(struct guest *guest, const struct inspection *inspection);

/* 0 while the guest's process lives and runs the program that was adopted,
 * -ESRCH once it ended, -ENOEXEC once it runs another one. One poll(2) while it has vCPUs. */
int adopt_poll(const struct guest *guest);

void adopted_free(const struct sys *sys, struct adopted *adopted);

#endif
