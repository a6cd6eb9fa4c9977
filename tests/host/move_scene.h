/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process on a fake host of two nodes with 1 GiB free each, and one
 * pages_move() call on it. For the tests of the fake host itself.
 */
#ifndef TESTS_HOST_MOVE_SCENE_H
#define TESTS_HOST_MOVE_SCENE_H

#include "fake_sys.h"

#define PID  42
#define BASE 0x7f0000000000ull

struct move_scene {
	struct fake_sys *fake; /* the host */
	struct sys sys; /* its door */
	struct hva pages[2048]; /* what is moved */
	int nodes[2048]; /* whereto */
	int status[2048]; /* the answers */
};

struct move_scene *move_scene_create(enum fake_kernel kernel);
void move_scene_destroy(struct move_scene *s);

/* Move n addresses from BASE on, step_bytes apart, to node 1; statuses are
 * PAGE_STATUS_UNWRITTEN before. What pages_move says. */
int move_scene_call(struct move_scene *s, size_t n, uint64_t step_bytes,
		    bool all);

/* Statuses of [first, end) that the call has not written. */
size_t move_scene_unwritten(const struct move_scene *s, size_t first,
			    size_t end);

/* The folio of BASE + offset_bytes. */
struct fake_folio *move_scene_folio(struct move_scene *s,
				    uint64_t offset_bytes);

/* n anonymous pages of 4 KiB on node 0 at BASE. */
void move_scene_4k(struct move_scene *s, size_t n);

#endif
