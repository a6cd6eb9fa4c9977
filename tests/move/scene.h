/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest on a fake host of four nodes, and a job that moves its memory, stepped
 * in virtual time. The door between the job and the host watches: every page
 * that is moved must lie in the guest map, in a living process, with its status
 * prepared. After every step each byte of the scope must be in exactly one place
 * of the receipt. For all tests of move/.
 */
#ifndef TESTS_MOVE_SCENE_H
#define TESTS_MOVE_SCENE_H

#include <stdatomic.h>

#include "fake_sys.h"
#include "guest/identity.h"
#include "guest/map.h"
#include "host/sys_pass.h"
#include "move/job.h"

#define PID         42
#define BASE        0x7f0000000000ull
#define SCENE_NODES 4
#define SCENE_LANES 4
#define NS_PER_MS   1000000ull
#define NS_PER_S    1000000000ull

struct scene;

/* Called before each call to the host takes effect; may change the host. */
typedef void scene_fn(struct scene *s, enum fake_op op);

struct scene {
	struct sys_pass pass; /* first: state of the watching door */
	struct sys_ops ops; /* the watching door */
	struct sys sys; /* it, as it is handed out */
	struct fake_sys *fake; /* the host behind it */
	struct fake_node *nodes[SCENE_NODES]; /* its nodes, 4 GiB free each */
	struct region regions[16]; /* candidates of the map */
	size_t n_regions; /* filled */
	struct guest_map *map; /* built by scene_job() */
	struct job_cell cells[2]; /* cell 0 to node 1 */
	struct job_route routes[8]; /* all of cell 0 from node 0 to node 1 */
	struct job_spec spec; /* one cell, one route, the gentle pace */
	struct job *job; /* NULL before scene_job() */
	struct call calls[SCENE_LANES]; /* one for each lane */
	struct receipt receipt; /* after the last step */
	enum job_turn turn; /* of the last step */
	uint64_t wake_ns; /* of the last step */
	uint64_t steps; /* made so far */
	scene_fn *on_op; /* a test's own hook, or NULL */
	uint64_t arg; /* for on_op */
	uint64_t seen; /* likewise */
	scene_fn *on_move; /* before a moving call, with no lock held, or NULL */
	atomic_bool is_dead; /* scene_kill() was called */
	atomic_uint late_moves; /* moving calls on a dead process */
	atomic_size_t n_calls; /* moving calls so far */
};

struct scene *scene_create(enum fake_kernel kernel);
void scene_destroy(struct scene *s); /* checks that all handles are closed */

/* Memory of cell, from gpa on, at BASE + gpa in the process. */
void scene_memory(struct scene *s, uint64_t gpa, uint64_t size_bytes,
		  uint64_t folio_bytes, int node, enum fake_backing backing,
		  int cell);

/* A region of the map over memory that fake_region() has made, at BASE + gpa.
 * page_bytes as in struct region. */
void scene_region(struct scene *s, uint64_t gpa, uint64_t size_bytes,
		  uint64_t page_bytes, enum fake_backing backing, int cell);

/* The folio of a guest-physical address. */
struct fake_folio *scene_folio(struct scene *s, uint64_t gpa);

/* The map of the regions, now; scene_job() does it too. */
void scene_build_map(struct scene *s);

/* The job of s->spec; destroys one that was made before. */
void scene_job(struct scene *s);

/* One step by a lane, checked. */
enum job_turn scene_step(struct scene *s, unsigned int lane);

/* Steps and waits until the job has ended (or waits for ever: paused); at most
 * an hour of virtual time. */
void scene_run(struct scene *s);

/* scene_job() and scene_run(), and that the books agree with the host. */
void scene_move(struct scene *s);

/* After a job that came to its end by itself: the ledger holds what the receipt
 * says, and the counts are what the host has. */
void scene_check_end(struct scene *s);

/* The process dies and is reaped. */
void scene_kill(struct scene *s);

uint64_t scene_now_ns(struct scene *s);

/* Bytes on a node of the process. */
uint64_t scene_on(struct scene *s, int node);

/* The residue that is not named is 0: pairs of enum residue and bytes, ended by
 * RESIDUE_COUNT. */
void scene_check_residue(struct scene *s, ...);

#endif
