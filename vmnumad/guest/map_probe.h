/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to QEMU under a budget, and the one that matters most: at which
 * address in QEMU does this guest-physical memory lie? Called by map_build.c on
 * a task thread. Answers are hints; nothing here looks at /proc.
 */
#ifndef GUEST_MAP_PROBE_H
#define GUEST_MAP_PROBE_H

#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "guest/monitor.h"
#include "qmp/query.h"
#include "why.h"

struct sys;

/* Questions for one map, all kinds together. A usual guest takes 15. */
#define MAP_QUESTIONS_MAX 4096

/* Who is asked, and how much may still be asked. */
struct map_asker {
	const struct sys *sys; /* borrowed: the clock */
	struct monitor *monitor; /* borrowed */
	uint64_t deadline_ns; /* CLOCK_MONOTONIC; no question after it */
	unsigned int n_asked; /* questions so far */
};

/* A run of guest memory in one piece. */
struct map_piece {
	struct gpa gpa; /* first byte for the guest */
	uint64_t size_bytes; /* multiple of 4 KiB */
	struct hva hva; /* first byte in QEMU, in its own words */
	char block[QMP_NAME_SIZE]; /* RAM block, without the device path */
};

struct map_pieces {
	struct map_piece *pieces; /* owned */
	size_t n; /* length of pieces */
};

/* 0, or -ETIMEDOUT once the deadline has passed. */
int map_asker_check(const struct map_asker *asker, struct why *why);

/* Ask one question within the budget: -ETIMEDOUT, -E2BIG, or the monitor's
 * errors. The caller owns *ret_value. */
int map_ask(struct map_asker *asker, const struct qmp_command *command,
	    struct qmp_value **ret_value, struct why *why);

/*
 * Add to pieces where [gpa, gpa + size_bytes) lies: two questions where it is
 * one piece, a bisection where it is several. What is not mapped is a hole and
 * left out. size_bytes is a multiple of 4 KiB and not 0.
 */
int map_probe(struct map_asker *asker, struct gpa gpa, uint64_t size_bytes,
	      struct map_pieces *pieces, struct why *why);

/* The name of a RAM block without the device path that QEMU puts before it. */
const char *map_block_name(const char *name);

#endif
