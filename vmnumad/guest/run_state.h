/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What QEMU itself says of how a guest is: running, paused, migrating, and
 * whether its memory devices are still the same. For adopted guests, of which
 * libvirt tells nothing; called by inspect.c on a task thread, and guest.c takes
 * the answer in. Three short questions: QEMU is asked again and again.
 */
#ifndef GUEST_RUN_STATE_H
#define GUEST_RUN_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/monitor.h"
#include "guest/virt.h"
#include "qmp/query.h"
#include "why.h"

struct sys;

struct run_state {
	enum virt_state state; /* in libvirt's words, as for other guests */
	enum virt_job job; /* likewise: migrations, save-vm and restore-vm */
	bool is_postcopy; /* migration is in its post-copy phase */
	uint64_t devices; /* fingerprint of its memory devices */
};

/* Ask, until deadline_ns (CLOCK_MONOTONIC) at the latest plus the time of one
 * question. monitor stays the caller's. *ret_state is written on 0 only. Errors
 * as of map_ask(), -EBADMSG for an answer that is not understood. */
int run_state_ask(const struct sys *sys, struct monitor *monitor,
		  uint64_t deadline_ns, struct run_state *ret_state,
		  struct why *why);

/* A number that changes when a memory device comes, goes, grows or shrinks; only
 * to be compared with others of the same QEMU. */
uint64_t run_state_devices(const struct qmp_memory_devices *devices);

#endif
