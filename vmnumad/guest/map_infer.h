/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the memory of a QEMU lies that nobody may ask: inferred from its command
 * line, which says how large each block of memory is, and from /proc/PID/maps,
 * which has a mapping of that size. What could be mistaken is refused, so that
 * what is left is right: a size or a file's name that fits one mapping only, or
 * equal blocks of one and the same guest cell. Knows the memory that the guest
 * started with; DIMMs and the like are left alone. Pure; called by map_build.c
 * for guests without a monitor.
 */
#ifndef GUEST_MAP_INFER_H
#define GUEST_MAP_INFER_H

#include <stddef.h>

#include "guest/map_cells.h"
#include "guest/map_probe.h"
#include "qmp/query.h"
#include "why.h"

/*
 * cmdline has len bytes with NULs between its arguments, layout is what
 * cell_layout_parse() made of it, maps the text of /proc/PID/maps. A piece of
 * *ret_pieces is a whole block; its gpa is its offset in the guest's memory,
 * which is the guest-physical address up to the hole below 4 GiB. *ret_cpus has
 * the cells of the vCPUs, without threads; it is empty where there is one cell.
 * Both belong to the caller: free() and qmp_cpus_finish(). -ENOTSUP and why:
 * it cannot be told for sure; -EINVAL: maps is not understood.
 */
int map_infer(const char *cmdline, size_t len, const struct cell_layout *layout,
	      const char *maps, struct map_pieces *ret_pieces,
	      struct qmp_cpus *ret_cpus, struct why *why);

#endif
