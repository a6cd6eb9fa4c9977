/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that QEMU and its command line tell about the guest's memory
 * before single addresses are asked for. Gathered by map_facts_ask(), used by
 * map_build.c, forgotten after it. Hints, all of it.
 */
#ifndef GUEST_MAP_FACTS_H
#define GUEST_MAP_FACTS_H

#include <stdbool.h>

#include "guest/identity.h"
#include "guest/map_cells.h"
#include "guest/map_probe.h"
#include "qmp/query.h"
#include "qmp/text.h"
#include "why.h"

struct map_facts {
	struct qmp_version version; /* query-version */
	struct qmp_cpus cpus; /* query-cpus-fast */
	struct qmp_memdevs memdevs; /* query-memdev */
	struct qmp_memory_devices devices; /* query-memory-devices */
	struct qmp_ranges ranges; /* info mtree -f */
	struct qmp_ramblocks blocks; /* info ramblock; empty if not understood,
				      * as it only serves to check */
	struct cell_layout layout; /* -numa of the command line */
};

/* Ask it all: six questions and one file. *ret_facts is written in every case
 * and ended with map_facts_finish(). Errors of map_ask(), and -EBADMSG for
 * what is not understood. */
int map_facts_ask(struct map_asker *asker, const struct identity *identity,
		  struct map_facts *ret_facts, struct why *why);

/* For a QEMU that nobody may ask: what its command line and maps, the text of
 * its /proc/PID/maps, tell; see map_infer.h. *ret_facts as above, *ret_pieces is
 * written on success. */
int map_facts_infer(const struct sys *sys, const struct identity *identity,
		    const char *maps, struct map_facts *ret_facts,
		    struct map_pieces *ret_pieces, struct why *why);
void map_facts_finish(struct map_facts *facts);

/* Is this the name of a block of guest memory, as opposed to video memory or a
 * ROM that is RAM to QEMU? */
bool map_facts_is_memory(const struct map_facts *facts, const char *block);

/* The memory device that a block is the backend of, NULL: it is none. */
const struct qmp_memory_device *map_facts_device(const struct map_facts *facts,
						 const char *block);

/* What QEMU says of a block itself, NULL: nothing. */
const struct qmp_ramblock *map_facts_block(const struct map_facts *facts,
					   const char *block);

#endif
