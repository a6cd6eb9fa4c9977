/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which guest cell a RAM block belongs to. No QMP command says it for the
 * memory that a guest starts with, so it is put together from QEMU's command
 * line and from the names that libvirt gives. Pure; called by map_build.c.
 */
#ifndef GUEST_MAP_CELLS_H
#define GUEST_MAP_CELLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/map.h"
#include "qmp/query.h"
#include "why.h"

/* One "-numa node,...,memdev=ID". */
struct cell_memdev {
	char id[QMP_NAME_SIZE]; /* of the memory backend */
	int cell; /* that it is the memory of */
};

/* What the -numa options of a command line say. */
struct cell_layout {
	struct cell_memdev *memdevs; /* owned */
	size_t n_memdevs; /* length of memdevs, at most GUEST_CELLS_MAX */
	int n_cells; /* "-numa node" options; 0 or 1: no vNUMA */
	bool has_sizes; /* at least one came with mem= */
	uint64_t size_bytes[GUEST_CELLS_MAX]; /* the old form mem=, by cell:
				* the cells share one block in this order */
};

/*
 * Reads a command line of len bytes with NULs between its arguments. -EINVAL:
 * a -numa option that QEMU would not have taken either. *ret_layout is
 * written in every case and ended with cell_layout_finish().
 */
int cell_layout_parse(const char *cmdline, size_t len,
		      struct cell_layout *ret_layout, struct why *why);
void cell_layout_finish(struct cell_layout *layout);

/* A size as QEMU's options have it: "512", "512M", "1G". Without a letter the
 * number counts units of 2^shift bytes. -EINVAL; fractions are legal in QEMU
 * and not understood here. */
int cell_size_parse(const char *text, unsigned int shift, uint64_t *ret_bytes);

/*
 * The cell of the byte at offset in a block that is no memory device: named by
 * -numa memdev=, or by libvirt (ram-nodeN), or the only cell there is, or laid
 * out by the old mem=. *ret_left_bytes: so much of the block from offset on is
 * in the same cell, UINT64_MAX for all of it. -ENOENT: nothing says it.
 */
int cell_layout_find(const struct cell_layout *layout, const char *block,
		     uint64_t offset, int *ret_cell, uint64_t *ret_left_bytes);

#endif
