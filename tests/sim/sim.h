/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulator: the real policy/ in virtual time against a host on paper. What
 * its files share; README.md tells the language of the scenarios. Not a
 * simulation of the daemon's jobs: a job is bytes moved at a rate.
 */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include <stdio.h>

#include "../policy/world.h"

#define SIM_GUESTS_MAX 256
#define SIM_MOVES_MAX  64
#define SIM_HOUR_S     3600
#define SIM_DAY_S      86400

/* One guest beside what the world knows of it. */
struct sim_guest {
	struct plan_move moves[SIM_MOVES_MAX]; /* of the job at work */
	size_t n_moves; /* 0: no job */
	uint64_t end_ns; /* of the job at work */
	uint64_t moved_bytes; /* by all its jobs */
	uint64_t hour_bytes; /* in the last hour */
	uint64_t second_bytes[SIM_HOUR_S]; /* by second modulo an hour */
	unsigned int events; /* script lines that touched it */
	unsigned int seen_events; /* events when its last job began */
	bool has_state; /* state holds the last job's beginning */
	uint64_t state[POLICY_CELLS_MAX][NODES_MAX]; /* bytes by cell, node */
};

/* One run of one scenario. */
struct sim {
	const char *name; /* borrowed: of the scenario's file */
	struct world *w; /* owned; NULL before the line "world" */
	struct sim_guest *guests; /* owned; as many as the world's */
	uint64_t begin_ns; /* when the world began */
	uint64_t last_job_ns; /* when a job began last, 0 never */
	uint64_t rate_bytes_per_s; /* at which jobs move */
	unsigned int ram_per_hour; /* what check.c allows a guest */
	FILE *log; /* borrowed: what was planned and why */
	bool is_failed; /* a property is broken; it was said */
};

/* script.c: run the scenario's lines; 0, or -EINVAL after saying on stderr
 * which line is not understood. */
int script_run(struct sim *sim, FILE *file);

/* host.c: one second passes: jobs end, policy decides, jobs begin. */
void host_second(struct sim *sim);

/* check.c: each says on stderr scenario, time and guest of a broken property. */
void check_failed(struct sim *sim, size_t guest, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void check_start(struct sim *sim, size_t guest);
void check_moved(struct sim *sim, size_t guest, uint64_t bytes);
void check_second(struct sim *sim);

#endif
