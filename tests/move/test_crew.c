/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mover threads with the real loop and real time, moving memory of a fake host.
 * The clock is the real one, so that the crew's waits are real.
 */
#include <time.h>

#include "loop.h"
#include "move/crew.h"
#include "run.h"
#include "scene.h"

#define JOBS_MAX    4
#define GUARD_NS    (50 * NS_PER_S)
#define CREW_JOB_ID 100

/* A crew at work. */
struct harness {
	struct scene *s; /* the host, with one process */
	struct sys sys; /* its door, with the real clock */
	struct sys_ops ops; /* of that door */
	struct loop *loop; /* the real one */
	struct loop_timer *guard; /* ends a test that hangs */
	struct crew *crew; /* under test */
	struct mover mover; /* the crew */
	struct job *jobs[JOBS_MAX]; /* by number; NULL once ended */
	struct receipt receipts[JOBS_MAX]; /* of those that ended */
	unsigned int n_jobs; /* added */
	unsigned int n_ended; /* delivered */
	unsigned int n_wanted; /* end the loop after so many */
	int wait; /* index into waits */
	loop_fn *on_tick; /* a test's own, every millisecond */
	struct loop_timer *tick; /* calls it */
};

static uint64_t real_now_ns(void *self)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void on_ended(void *arg, struct job *job)
{
	struct harness *h = arg;
	size_t i = job_id(job) - CREW_JOB_ID;

	ck_assert_ptr_eq(h->jobs[i], job);
	job_receipt(job, &h->receipts[i]);
	job_destroy(job);
	h->jobs[i] = NULL;
	if (++h->n_ended == h->n_wanted)
		loop_stop(h->loop);
}

static void on_guard(void *arg)
{
	ck_abort_msg("the crew hangs");
}

static void on_tick(void *arg)
{
	struct harness *h = arg;

	if (h->on_tick)
		h->on_tick(h);
	loop_timer_set(h->tick, NS_PER_MS);
}

static struct harness *harness_create(unsigned int n_threads,
				      unsigned int calls_per_s)
{
	struct crew_config config = { n_threads, calls_per_s };
	struct harness *h = calloc(1, sizeof(*h));

	h->s = scene_create(FAKE_LINUX_6_12);
	h->s->ops.now_ns = real_now_ns;
	h->sys = h->s->sys;
	h->loop = loop_create();
	ck_assert_ptr_nonnull(h->loop);
	h->guard = loop_timer_add(h->loop, on_guard, h);
	loop_timer_set(h->guard, GUARD_NS);
	h->tick = loop_timer_add(h->loop, on_tick, h);
	loop_timer_set(h->tick, NS_PER_MS);
	h->crew = crew_create(h->loop, &h->sys, &config, on_ended, h);
	h->mover = crew_mover(h->crew);
	return h;
}

static void harness_destroy(struct harness *h)
{
	crew_destroy(h->crew);
	loop_timer_remove(h->guard);
	loop_timer_remove(h->tick);
	loop_destroy(h->loop);
	scene_destroy(h->s);
	free(h);
}

/* A job for all memory of the process. */
static void add_job(struct harness *h, const struct pace_config *pace)
{
	struct job_spec *spec = &h->s->spec;

	scene_build_map(h->s);
	spec->id = CREW_JOB_ID + h->n_jobs;
	spec->map = h->s->map;
	spec->identity.pid = PID;
	spec->pace = *pace;
	ck_assert_int_eq(h->sys.ops->open_process(h->sys.self, PID,
						  &spec->identity.pidfd),
			 0);
	h->jobs[h->n_jobs++] = h->mover.ops->start(h->mover.self, spec);
}

static void pause_first(struct harness *h, bool is_paused)
{
	if (h->jobs[0])
		h->mover.ops->pause(h->mover.self, h->jobs[0], is_paused);
}

static void hold_first(struct harness *h, bool is_held)
{
	if (h->jobs[0])
		h->mover.ops->hold(h->mover.self, h->jobs[0], is_held);
}

static void run_until(struct harness *h, unsigned int n_ended)
{
	h->n_wanted = n_ended;
	if (h->n_ended < n_ended)
		loop_run(h->loop);
	ck_assert_uint_eq(h->n_ended, n_ended);
}

static struct pace_config quick_pace(void)
{
	struct pace_config pace = pace_config_hurry();

	pace.lanes_max = 1;
	return pace;
}

START_TEST(jobs_side_by_side_all_end)
{
	struct harness *h = harness_create(2, 10000);
	struct pace_config pace = quick_pace();

	scene_memory(h->s, 0, 512 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	for (int i = 0; i < 3; i++)
		add_job(h, &pace);
	run_until(h, 3);
	ck_assert_uint_eq(scene_on(h->s, 1), 512 * MIB);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(h->receipts[i].result, JOB_DONE);
	harness_destroy(h);
}
END_TEST

START_TEST(job_with_two_lanes_ends)
{
	struct harness *h = harness_create(2, 10000);
	struct pace_config pace = pace_config_hurry();

	scene_memory(h->s, 0, GIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	scene_folio(h->s, 0)->busy_calls = 2;
	add_job(h, &pace);
	run_until(h, 1);
	ck_assert_int_eq(h->receipts[0].result, JOB_DONE);
	ck_assert_uint_eq(h->receipts[0].moved_bytes, GIB);
	harness_destroy(h);
}
END_TEST

static const struct {
	void (*set)(struct harness *h, bool is_waiting);
	enum job_phase phase; /* of a job that waits so */
} waits[] = {
	{ pause_first, PHASE_PAUSED },
	{ hold_first, PHASE_HELD },
};

/* Waits, sees that nothing happens, then goes on. */
static void wait_a_while(void *arg)
{
	struct harness *h = arg;
	struct cell_count cells[1];
	struct receipt receipt;

	if (!h->jobs[0])
		return;
	h->mover.ops->progress(h->mover.self, h->jobs[0], &receipt, cells);
	if (receipt.phase != waits[h->wait].phase)
		return;
	if (++h->s->arg < 20)
		return;
	h->on_tick = NULL;
	waits[h->wait].set(h, false);
}

START_TEST(waiting_job_goes_on_when_it_may)
{
	struct harness *h = harness_create(2, 10000);
	struct pace_config pace = quick_pace();

	scene_memory(h->s, 0, 256 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	pace.rate_bytes_per_s = GIB;
	h->on_tick = wait_a_while;
	h->wait = _i;
	add_job(h, &pace);
	waits[_i].set(h, true);
	run_until(h, 1);
	ck_assert_int_eq(h->receipts[0].result, JOB_DONE);
	ck_assert_uint_ge(h->s->arg, 20);
	harness_destroy(h);
}
END_TEST

static void cancel_first(void *arg)
{
	struct harness *h = arg;

	h->on_tick = NULL;
	h->mover.ops->cancel(h->mover.self, h->jobs[0], "enough");
}

START_TEST(cancel_wakes_a_job_that_waits_for_a_minute)
{
	struct harness *h = harness_create(1, 10000);
	struct pace_config pace = quick_pace();

	scene_memory(h->s, 0, 16 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	h->s->nodes[1]->free_bytes = 0;
	h->s->nodes[1]->free_2m_blocks = 0;
	h->s->spec.room_wait_ns = 3600 * NS_PER_S;
	h->on_tick = cancel_first;
	add_job(h, &pace);
	run_until(h, 1);
	ck_assert_int_eq(h->receipts[0].result, JOB_CANCELLED);
	harness_destroy(h);
}
END_TEST

/* A hundred times: resume must never be lost between two lanes. */
static void toggle(void *arg)
{
	struct harness *h = arg;

	pause_first(h, h->s->arg++ % 2 == 0);
}

START_TEST(resume_is_never_lost)
{
	struct harness *h = harness_create(2, 10000);
	struct pace_config pace = pace_config_hurry();

	pace.rate_bytes_per_s = 2 * GIB;
	scene_memory(h->s, 0, 512 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	h->on_tick = toggle;
	add_job(h, &pace);
	run_until(h, 1);
	ck_assert_int_eq(h->receipts[0].result, JOB_DONE);
	harness_destroy(h);
}
END_TEST

START_TEST(calls_per_second_are_bounded_over_all_jobs)
{
	struct harness *h = harness_create(2, 40);
	struct pace_config pace = quick_pace();
	uint64_t start_ns = real_now_ns(NULL);

	pace.huge_min = 1; /* one huge page a call */
	pace.huge_max = 1;
	scene_memory(h->s, 0, 64 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	add_job(h, &pace);
	add_job(h, &pace);
	run_until(h, 2);
	/* 32 pages at least, of which a quarter of a second's worth is free */
	ck_assert_uint_ge(real_now_ns(NULL) - start_ns, 450 * NS_PER_MS);
	harness_destroy(h);
}
END_TEST

static void stop_soon(void *arg)
{
	struct harness *h = arg;

	if (h->s->arg++ >= 5)
		loop_stop(h->loop);
}

START_TEST(crew_is_destroyed_at_work)
{
	struct harness *h = harness_create(2, 10000);
	struct pace_config pace = pace_config_gentle();

	scene_memory(h->s, 0, 2 * GIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	h->on_tick = stop_soon;
	for (int i = 0; i < 3; i++)
		add_job(h, &pace);
	loop_run(h->loop);
	harness_destroy(h);
}
END_TEST

START_TEST(crew_is_destroyed_before_an_end_was_delivered)
{
	struct harness *h = harness_create(1, 10000);
	struct pace_config pace = quick_pace();
	struct receipt receipt;

	scene_memory(h->s, 0, 2 * MIB, PAGE_2M_BYTES, 1, FAKE_ANON, 0);
	add_job(h, &pace);
	do
		job_receipt(h->jobs[0], &receipt);
	while (receipt.result == JOB_RUNNING);
	harness_destroy(h);
}
END_TEST

START_TEST(crew_without_jobs_ends_at_once)
{
	struct harness *h = harness_create(4, 1);

	harness_destroy(h);
	crew_destroy(NULL);
}
END_TEST

static void add_tests(TCase *tests)
{
	const TTest *const all[] = {
		jobs_side_by_side_all_end,
		job_with_two_lanes_ends,
		cancel_wakes_a_job_that_waits_for_a_minute,
		resume_is_never_lost,
		calls_per_second_are_bounded_over_all_jobs,
		crew_is_destroyed_at_work,
		crew_is_destroyed_before_an_end_was_delivered,
		crew_without_jobs_ends_at_once,
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		tcase_add_test(tests, all[i]);
	tcase_add_loop_test(tests, waiting_job_goes_on_when_it_may, 0,
			    (int)(sizeof(waits) / sizeof(*waits)));
	tcase_set_timeout(tests, 60);
}

int main(void)
{
	return run_tests("move: the crew", add_tests);
}
