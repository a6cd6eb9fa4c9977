/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulator: the daemon's core (vmnumad/core.h) in virtual time, against a
 * host on paper. What its files share; README.md tells the language of the
 * scenarios. Simulated are what the core reaches outside by: the observation
 * and the door (host.c), the jobs (paper.c) and the loop's timers (clock.c).
 */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include <stdio.h>

#include "../policy/world.h"
#include "core.h"

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
	struct guest guest; /* the daemon's; first, so that the one is found
			     * from the other */
	struct guest_map *map; /* tells its size only, owned */
	pid_t pid; /* of its QEMU, another one each time; 0: not here */
	struct job *job; /* begun and not yet looked at by check.c, borrowed */
	struct plan_move moves[SIM_MOVES_MAX]; /* of the last job */
	size_t n_moves; /* length of moves, 0 before the first job */
	uint64_t stuck[POLICY_CELLS_MAX][NODES_MAX]; /* bytes that no job moves
						      * away, by cell and node */
	size_t n_jobs; /* begun */
	unsigned int success; /* thousandths of a job that do move */
	uint64_t moved_bytes; /* by all its jobs */
	struct sim_hour hour; /* of its automatic jobs */
	unsigned int events; /* script lines that touched it */
	unsigned int seen_events; /* of them, behind its last job: a job for
				   * drift may not have seen the newest */
	uint64_t event_s; /* when the last one was */
	uint64_t job_end_s; /* when its last job ended */
	uint64_t busy_s; /* when libvirt began its work on it */
	uint64_t state[POLICY_CELLS_MAX][NODES_MAX]; /* bytes by cell and node
						      * when it began */
};

/* One run of one scenario. */
struct sim {
	const char *name; /* borrowed: of the scenario's file */
	struct daemon daemon; /* as much of it as the core uses */
	struct guest_env env; /* what its guests need */
	struct loop *loop; /* clock.c's, owned */
	struct history_watch *watch; /* on what the daemon tells, owned */
	struct world *w; /* owned; NULL before the line "world". Its plan is
			  * the daemon's, with the guests numbered as here */
	struct sim_guest *guests; /* owned; as many as the world's */
	struct job *jobs; /* paper.c's, owned */
	pid_t last_pid; /* given out */
	unsigned int n_nodes; /* of the world */
	size_t vcpus_max; /* of each guest */
	uint64_t lived_s; /* seconds passed, never going back */
	uint64_t last_job_s; /* when a job began last */
	bool has_run_job; /* one has begun */
	size_t churned; /* guests that "churn" has sent or called */
	uint64_t rate_bytes; /* that a job moves in a second */
	unsigned int ram_per_hour; /* what check.c allows a guest */
	struct sim_hour hour; /* of all guests */
	FILE *log; /* borrowed: what the daemon tells; NULL: none */
	FILE *plans; /* borrowed: lines and plans of a golden file; NULL: none */
	bool is_failed; /* a property is broken; it was said */
};

/* script.c: run the scenario's lines; 0, or -EINVAL after saying on stderr
 * which line is not understood. */
int script_run(struct sim *sim, FILE *file);

/* script.c: a line of the scenario touches the guest. */
void script_touch(struct sim *sim, size_t guest);

/* One line of a scenario, taken apart. */
struct line {
	char word[16]; /* the command */
	unsigned long long n[5]; /* its numbers, 0 where missing */
	int count; /* of numbers */
};

/* Whom the first number of a command names. */
enum subject {
	THE_WORLD,
	A_GUEST, /* it is checked before run is called */
	A_NODE, /* likewise */
};

/* One command. */
struct command {
	const char *word; /* its name */
	int least, most; /* numbers that it takes */
	enum subject subject; /* see there */
	bool is_unseen; /* what policy sees of the guest stays as it is */
	int (*run)(struct sim *sim, const struct line *l); /* 0, -EINVAL */
};

/* words.c: the commands about guests, NULL if the word is none of them. */
const struct command *words_find(const char *word);

/* host.c: the daemon begins, with all guests of the world; and ends. */
void host_begin(struct sim *sim);
void host_finish(struct sim *sim);

/* host.c: one second passes: jobs move and end, the daemon ticks. */
void host_second(struct sim *sim);

/* host.c: a guest starts, with the memory that the world says; it ends. */
void host_come(struct sim *sim, size_t guest);
void host_go(struct sim *sim, size_t guest);

/* host.c: an administrator's orders; a broken property if they are refused. */
void host_rebalance(struct sim *sim, size_t guest, int node);
void host_make_room(struct sim *sim, int node, uint64_t bytes);

/* paper.c: who carries out the daemon's jobs; a second in which they move. */
struct mover paper_mover(struct sim *sim);
void paper_second(struct sim *sim);

/* paper.c: what a job is about, as check.c wants it. */
const struct job_entry *paper_entry(const struct job *job);

/* clock.c: so much time passes, and what is due then is called. False: it never
 * comes to rest. */
bool clock_pass(struct loop *loop, uint64_t ns);

/* plans.c: the plan of the last second, and the pinning that would bring the
 * vCPUs of a guest to its memory, into the golden file. */
void plans_print(const struct sim *sim);
void plans_print_advice(const struct sim *sim, size_t guest);

/* check.c: each says on stderr scenario, time and guest of a broken property:
 * at any time, when a job begins, after each part of it, at each second. */
void check_failed(struct sim *sim, size_t guest, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void check_start(struct sim *sim, size_t guest, const struct job_entry *entry);
void check_moved(struct sim *sim, size_t guest, int to, uint64_t bytes,
		 bool is_ordered);
void check_second(struct sim *sim);

#endif
