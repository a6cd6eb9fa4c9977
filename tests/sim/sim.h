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

/* Bytes moved in the last hour. */
struct sim_hour {
	uint64_t sum_bytes; /* of second_bytes */
	uint64_t second_bytes[SIM_HOUR_S]; /* by second modulo an hour */
};

/* One guest beside what the world knows of it. */
struct sim_guest {
	struct plan_move moves[SIM_MOVES_MAX]; /* of the last job */
	uint64_t done_bytes[SIM_MOVES_MAX]; /* of each, moved or given up */
	size_t n_moves; /* length of both, 0 before the first job */
	bool has_job; /* it is at work */
	uint64_t job_bytes; /* moved by it */
	unsigned int success; /* thousandths of a job that do move */
	uint64_t moved_bytes; /* by all its jobs */
	struct sim_hour hour; /* of its automatic jobs */
	unsigned int events; /* script lines that touched it */
	unsigned int seen_events; /* events when its last job began */
	uint64_t job_end_s; /* when its last job ended */
	uint64_t state[POLICY_CELLS_MAX][NODES_MAX]; /* bytes by cell and node
						      * when it began */
};

/* One run of one scenario. */
struct sim {
	const char *name; /* borrowed: of the scenario's file */
	struct world *w; /* owned; NULL before the line "world" */
	struct sim_guest *guests; /* owned; as many as the world's */
	size_t vcpus_max; /* of each guest */
	uint64_t lived_s; /* seconds passed, never going back */
	uint64_t last_job_s; /* when a job began last */
	bool has_run_job; /* one has begun */
	uint64_t rate_bytes; /* that a job moves in a second */
	unsigned int ram_per_hour; /* what check.c allows a guest */
	struct sim_hour hour; /* of all guests */
	FILE *log; /* borrowed: the jobs, and why; NULL: none */
	FILE *plans; /* borrowed: lines and plans of a golden file; NULL: none */
	bool is_failed; /* a property is broken; it was said */
};

/* script.c: run the scenario's lines; 0, or -EINVAL after saying on stderr
 * which line is not understood. */
int script_run(struct sim *sim, FILE *file);

/* host.c: one second passes: jobs move and end, policy decides, jobs begin. */
void host_second(struct sim *sim);

/* host.c: the guest's job of the world's plan begins, if there is one. */
void host_start(struct sim *sim, size_t guest);

/* host.c: another QEMU takes the guest's place: a job ends untold, nothing is
 * remembered, its vCPUs have not run yet. */
void host_restart(struct sim *sim, size_t guest);

/* plans.c: the plan of the last second, and the pinning that would bring the
 * vCPUs of a guest to its memory, into the golden file. */
void plans_print(const struct sim *sim);
void plans_print_advice(const struct sim *sim, size_t guest);

/* check.c: each says on stderr scenario, time and guest of a broken property:
 * at any time, when a job begins, after each part of it, at each second. */
void check_failed(struct sim *sim, size_t guest, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void check_start(struct sim *sim, size_t guest);
void check_moved(struct sim *sim, size_t guest, const struct plan_move *move,
		 uint64_t bytes);
void check_second(struct sim *sim);

#endif
