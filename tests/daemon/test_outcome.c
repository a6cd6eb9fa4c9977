/* SPDX-License-Identifier: Apache-2.0 */
/* What the end of a job teaches of the speed of moving. */
#include <stdlib.h>

#include "addr.h"
#include "core.h"
#include "move/mover.h"
#include "run.h"

#define NS_PER_S 1000000000ull

/* 100 MiB/s were known, and a job has moved 1000 MiB in one second. */
#define KNOWN_BYTES_PER_S  (100 * MIB)
#define TAUGHT_BYTES_PER_S ((70 + 300) * MIB)

static struct job *start(void *self, const struct job_spec *spec)
{
	return self;
}

static void stop(void *self, struct job *job, bool is_stopped)
{
}

static void progress(void *self, struct job *job, struct receipt *ret_receipt,
		     struct cell_count *ret_cells)
{
	*ret_receipt = (struct receipt) {
		.result = JOB_DONE,
		.started_ns = NS_PER_S,
		.call_ns = 200000000ull,
		.ended_ns = 2 * NS_PER_S,
		.moved_bytes = 1000 * MIB,
	};
}

static void finish(void *self, struct job *job, struct ledger *ret_ledger)
{
}

static const struct {
	const char *what; /* the case */
	struct job_order order; /* of the job */
	unsigned int gate; /* it was held by this one */
	bool is_paused; /* it was paused */
	bool teaches; /* is expected */
} cases[] = {
	{ "by follow mode", { .is_automatic = true }, 0, false, true },
	{ "by order", { 0 }, 0, false, true },
	{ "held", { .is_automatic = true }, GATE_JOB, false, false },
	{ "paused", { 0 }, 0, true, false },
	{ "in a hurry", { .is_hurried = true }, 0, false, false },
	{ "slowly", { .rate_bytes_per_s = 10 * MIB }, 0, false, false },
	{ "softly", { .stall_ns = NS_PER_S / 1000 }, 0, false, false },
};

START_TEST(only_usual_jobs_teach_the_speed)
{
	static const struct mover_ops ops = {
		.start = start,
		.pause = stop,
		.hold = stop,
		.progress = progress,
		.finish = finish,
	};
	static const struct uuid uuid = {
		"6f0a1fd6-5f5c-4c5e-9a3b-2f1c0d9e8b7a"
	};
	struct daemon *daemon = calloc(1, sizeof(*daemon));
	struct job_spec spec = { .id = 1 };
	struct job_entry *entry;

	ck_assert_ptr_nonnull(daemon);
	daemon->rate_bytes_per_s = KNOWN_BYTES_PER_S;
	daemon->jobs = jobs_create(0, (struct mover) { &ops, daemon });
	entry = jobs_add(daemon->jobs, &uuid, "web", NULL, 0);
	entry->order = cases[_i].order;
	job_entry_start(entry, &spec);
	if (cases[_i].gate) {
		job_entry_hold(entry, cases[_i].gate);
		job_entry_hold(entry, 0);
	}
	if (cases[_i].is_paused) {
		job_entry_pause(entry, true);
		job_entry_pause(entry, false);
	}
	core_end_job(daemon, entry);
	ck_assert_msg(daemon->rate_bytes_per_s == (cases[_i].teaches
							   ? TAUGHT_BYTES_PER_S
							   : KNOWN_BYTES_PER_S),
		      "%s", cases[_i].what);
	jobs_destroy(daemon->jobs);
	free(daemon);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, only_usual_jobs_teach_the_speed, 0,
			    (int)(sizeof(cases) / sizeof(*cases)));
}

int main(void)
{
	return run_tests("daemon: what jobs teach", add_tests);
}
