/* SPDX-License-Identifier: Apache-2.0 */
/* The book of jobs: numbers, memory of the ended ones, and who waits. */
#include "jobs.h"

#include <string.h>

#include "addr.h"
#include "move/crew.h"
#include "run.h"
#include "scene.h"
#include "snapshot.h"
#include "xalloc.h"

static const struct uuid uuid = { "6f0a1fd6-5f5c-4c5e-9a3b-2f1c0d9e8b7a" };

static struct job_entry *add(struct jobs *jobs)
{
	struct plan_move move = { .cell = 0, .from = 0, .to = 1 };

	return jobs_add(jobs, &uuid, "web", &move, 1);
}

START_TEST(numbers_go_up_from_the_last_one_used)
{
	struct jobs *jobs = jobs_create(41, (struct mover) { 0 });
	struct job_entry *entry;

	ck_assert_uint_eq(jobs_next_id(jobs), 42);
	entry = add(jobs);
	ck_assert_uint_eq(entry->id, 42);
	ck_assert_uint_eq(jobs_next_id(jobs), 43);
	ck_assert_str_eq(entry->guest_name, "web");
	ck_assert_uint_eq(entry->n_moves, 1);
	ck_assert_int_eq(entry->moves[0].to, 1);
	ck_assert(uuid_is_equal(&entry->uuid, &uuid));
	ck_assert_ptr_eq(jobs_find(jobs, 42), entry);
	ck_assert_ptr_null(jobs_find(jobs, 41));
	ck_assert_ptr_eq(jobs_first(jobs), entry);
	jobs_destroy(jobs);
	jobs_destroy(NULL);
}
END_TEST

START_TEST(oldest_ended_jobs_are_forgotten)
{
	struct jobs *jobs = jobs_create(0, (struct mover) { 0 });
	size_t n = 0;

	for (int i = 0; i < JOBS_KEPT + 20; i++)
		add(jobs);
	for (struct job_entry *e = jobs_first(jobs); e; e = e->next)
		n++;
	ck_assert_uint_eq(n, JOBS_KEPT);
	ck_assert_ptr_null(jobs_find(jobs, 20));
	ck_assert_ptr_nonnull(jobs_find(jobs, 21));
	ck_assert_uint_eq(jobs_first(jobs)->id, JOBS_KEPT + 20);
	jobs_destroy(jobs);
}
END_TEST

static const struct {
	const char *what; /* the case */
	struct decision before; /* of cell 1, when the job of cell 0 began */
	struct decision now; /* of the cell it names */
	const char *why; /* the job makes way; NULL: it goes on */
} reviews[] = {
	{ "the same home", { .cell = 1 }, { .home.weight = { 0, 1000 } }, NULL },
	{ "another home",
	  { .cell = 1 },
	  { .home.weight = { 1000 } },
	  "the vCPUs have moved on" },
	{ "the next cell is pinned",
	  { .cell = 1, .by_affinity = true },
	  { .cell = 1,
	    .reason = REASON_GATE,
	    .gate = GATE_MOVING,
	    .wrong_bytes = 100 * MIB },
	  "more of the guest is to move" },
	{ "a little of the next cell",
	  { .cell = 1, .by_affinity = true },
	  { .cell = 1,
	    .reason = REASON_GATE,
	    .gate = GATE_MOVING,
	    .wrong_bytes = MIB },
	  NULL },
	{ "the next cell has no room, and had none",
	  { .cell = 1,
	    .by_affinity = true,
	    .reason = REASON_NO_ROOM,
	    .wrong_bytes = 100 * MIB },
	  { .cell = 1,
	    .reason = REASON_GATE,
	    .gate = GATE_MOVING,
	    .wrong_bytes = 100 * MIB },
	  NULL },
	{ "the next cell drifted, and is pinned now",
	  { .cell = 1, .reason = REASON_DWELL, .wrong_bytes = 100 * MIB },
	  { .cell = 1,
	    .reason = REASON_GATE,
	    .gate = GATE_MOVING,
	    .wrong_bytes = 100 * MIB },
	  "more of the guest is to move" },
};

START_TEST(job_makes_way_for_what_is_new_and_not_for_what_waits)
{
	struct jobs *jobs = jobs_create(0, (struct mover) { 0 });
	struct job_entry *entry = add(jobs);
	struct decision before = reviews[_i].before;
	struct plan plan = { .decisions = &before, .n_decisions = 1 };
	const char *why;

	before.guest = 7;
	job_entry_note_left(entry, &plan, 7);
	why = job_entry_why_supersede(entry, &reviews[_i].now);
	ck_assert_msg(why == reviews[_i].why || (why && reviews[_i].why &&
						 !strcmp(why, reviews[_i].why)),
		      "%s: %s", reviews[_i].what, why ? why : "it goes on");
	jobs_destroy(jobs);
}
END_TEST

START_TEST(job_ends_when_a_device_comes_to_hold_the_memory_and_waits_else)
{
	ck_assert_ptr_null(job_entry_why_stop(0));
	ck_assert_ptr_null(job_entry_why_stop(~GATES_IN_PLACE));
	ck_assert_str_eq(job_entry_why_stop(GATE_PINNED | GATE_MOVING),
			 gate_text(GATE_PINNED));
	ck_assert_str_eq(job_entry_why_stop(GATE_CONFIDENTIAL | GATE_PAUSED),
			 gate_text(GATE_CONFIDENTIAL));
}
END_TEST

/* One that ends in the midst has seen a part of each cell. */
START_TEST(counts_of_a_job_that_ended_in_the_midst_are_not_believed)
{
	struct job_entry entry = { .receipt.result = JOB_DONE };

	ck_assert(job_entry_has_counted(&entry));
	entry.receipt.residue_bytes[RESIDUE_PINNED] = MIB;
	entry.receipt.result = JOB_PARTIAL;
	ck_assert(job_entry_has_counted(&entry));
	entry.receipt.residue_bytes[RESIDUE_UNTRIED] = MIB;
	ck_assert(!job_entry_has_counted(&entry));
	entry.receipt.residue_bytes[RESIDUE_UNTRIED] = 0;
	entry.receipt.residue_bytes[RESIDUE_UNSEEN] = MIB;
	ck_assert(!job_entry_has_counted(&entry));
	entry.receipt.residue_bytes[RESIDUE_UNSEEN] = 0;
	entry.receipt.result = JOB_CANCELLED;
	ck_assert(!job_entry_has_counted(&entry));
}
END_TEST

static void count(void *arg, struct job_entry *entry)
{
	(*(unsigned int *)arg)++;
}

START_TEST(watched_jobs_are_not_forgotten)
{
	struct jobs *jobs = jobs_create(0, (struct mover) { 0 });
	struct job_entry *entry = add(jobs);
	unsigned int n = 0;

	job_entry_watch(entry, count, &n);
	for (int i = 0; i < JOBS_KEPT + 20; i++)
		add(jobs);
	ck_assert_ptr_eq(jobs_find(jobs, 1), entry);
	job_entry_tell(entry);
	ck_assert_uint_eq(n, 1);
	for (int i = 0; i < 2; i++)
		add(jobs);
	ck_assert_ptr_null(jobs_find(jobs, 1));
	jobs_destroy(jobs);
}
END_TEST

START_TEST(each_watcher_is_told_once_and_dropped_ones_never)
{
	struct jobs *jobs = jobs_create(0, (struct mover) { 0 });
	struct job_entry *entry = add(jobs);
	unsigned int n[3] = { 0 };
	struct job_watcher *watchers[3];

	for (int i = 0; i < 3; i++)
		watchers[i] = job_entry_watch(entry, count, &n[i]);
	job_watcher_drop(watchers[1]);
	job_entry_tell(entry);
	job_entry_tell(entry);
	ck_assert_uint_eq(n[0], 1);
	ck_assert_uint_eq(n[1], 0);
	ck_assert_uint_eq(n[2], 1);
	job_entry_watch(entry, count, &n[1]);
	jobs_destroy(jobs);
	ck_assert_uint_eq(n[1], 0);
}
END_TEST

START_TEST(ended_job_leaves_its_numbers)
{
	struct scene *s = scene_create(FAKE_LINUX_6_12);
	/* scene_run() takes the place of its threads */
	struct jobs *jobs = jobs_create(0, crew_mover(NULL));
	struct job_entry *entry = add(jobs);
	uint64_t local_bytes, resident_bytes;

	scene_memory(s, 0, 64 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	scene_folio(s, 0)->is_ksm = true;
	scene_job(s);
	entry->job = s->job;
	entry->n_cells = job_n_cells(s->job);
	entry->cells = xcalloc(entry->n_cells, sizeof(*entry->cells));
	job_entry_refresh(entry);
	ck_assert_int_eq(entry->receipt.result, JOB_RUNNING);
	scene_run(s);
	s->job = NULL;
	job_entry_end(entry);
	ck_assert_ptr_null(entry->job);
	ck_assert_int_eq(entry->receipt.result, JOB_PARTIAL);
	ck_assert_uint_eq(entry->ledger.n_ranges, 1);
	job_entry_locality(entry, true, &local_bytes, &resident_bytes);
	ck_assert_uint_eq(local_bytes, 0);
	ck_assert_uint_eq(resident_bytes, 64 * MIB);
	job_entry_locality(entry, false, &local_bytes, &resident_bytes);
	ck_assert_uint_eq(local_bytes, 62 * MIB);
	ck_assert_uint_eq(resident_bytes, 64 * MIB);
	job_entry_refresh(entry);
	jobs_destroy(jobs);
	scene_destroy(s);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, numbers_go_up_from_the_last_one_used);
	tcase_add_test(tests, oldest_ended_jobs_are_forgotten);
	tcase_add_test(tests, watched_jobs_are_not_forgotten);
	tcase_add_test(tests, each_watcher_is_told_once_and_dropped_ones_never);
	tcase_add_loop_test(
		tests, job_makes_way_for_what_is_new_and_not_for_what_waits, 0,
		(int)(sizeof(reviews) / sizeof(*reviews)));
	tcase_add_test(
		tests,
		job_ends_when_a_device_comes_to_hold_the_memory_and_waits_else);
	tcase_add_test(
		tests,
		counts_of_a_job_that_ended_in_the_midst_are_not_believed);
	tcase_add_test(tests, ended_job_leaves_its_numbers);
}

int main(void)
{
	return run_tests("the book of jobs", add_tests);
}
