/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dry run: looks at the host through another door and changes nothing.
 * Moves, collapses and writes are only counted. A page "moved" here stays where
 * it is, and status[] says so. main() uses it for vmnumad --dry-run.
 */
#ifndef HOST_SYS_NULL_H
#define HOST_SYS_NULL_H

#include <stdatomic.h>

#include "host/sys_pass.h"

struct sys_null {
	struct sys_pass pass; /* where reads go; must be first */
	struct sys_ops ops; /* our table */
	atomic_uint_fast64_t moves; /* pages_move calls */
	atomic_uint_fast64_t pages; /* addresses in them */
	atomic_uint_fast64_t collapses; /* collapse calls */
	atomic_uint_fast64_t writes; /* write_file calls */
};

/* The books at one moment. */
struct sys_null_books {
	uint64_t moves; /* pages_move calls that were not made */
	uint64_t pages; /* addresses in them; a huge page is one address */
	uint64_t collapses; /* collapse calls that were not made */
	uint64_t writes; /* files that were not written */
};

/* The returned door works on *null, which outlives it and does not move.
 * inner is borrowed. */
struct sys sys_null_init(struct sys_null *null, struct sys inner);

struct sys_null_books sys_null_books(struct sys_null *null);

#endif
