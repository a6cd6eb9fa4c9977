/* SPDX-License-Identifier: Apache-2.0 */
/* Work off the loop: done in the loop, bounded, and gone in time. */
#include "task.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "loop.h"
#include "run.h"

#define NS_PER_MS 1000000ull
#define TASKS     200

/* Everything a test needs. */
struct bench {
	struct loop *loop; /* the test's thread runs it */
	struct loop_timer *guard; /* a test that hangs ends */
	struct task_pool *pool; /* under test */
	pthread_t loop_thread; /* where done() belongs */
	pthread_mutex_t gate; /* held: tasks wait in run() */
	atomic_uint n_run; /* tasks run */
	unsigned int n_done; /* done() called */
	unsigned int n_wanted; /* stop the loop after so many */
};

static void on_guard(void *arg)
{
	ck_abort_msg("the pool hangs");
}

static struct bench *bench_create(unsigned int n_threads, size_t queue_max)
{
	struct bench *b = calloc(1, sizeof(*b));

	b->loop = loop_create();
	ck_assert_ptr_nonnull(b->loop);
	b->guard = loop_timer_add(b->loop, on_guard, b);
	loop_timer_set(b->guard, 30000 * NS_PER_MS);
	b->loop_thread = pthread_self();
	pthread_mutex_init(&b->gate, NULL);
	b->pool = task_pool_create(b->loop, "a-long-name-of-a-pool", n_threads,
				   queue_max);
	return b;
}

static void bench_destroy(struct bench *b)
{
	task_pool_destroy(b->pool, 5000);
	loop_timer_remove(b->guard);
	loop_destroy(b->loop);
	pthread_mutex_destroy(&b->gate);
	free(b);
}

static void run_task(void *arg)
{
	struct bench *b = arg;

	pthread_mutex_lock(&b->gate);
	atomic_fetch_add(&b->n_run, 1);
	pthread_mutex_unlock(&b->gate);
}

static void task_done(void *arg)
{
	struct bench *b = arg;

	ck_assert(pthread_equal(pthread_self(), b->loop_thread));
	if (++b->n_done == b->n_wanted)
		loop_stop(b->loop);
}

START_TEST(every_task_is_run_and_then_done_in_the_loop)
{
	struct bench *b = bench_create(4, TASKS);

	b->n_wanted = TASKS;
	for (int i = 0; i < TASKS; i++)
		ck_assert_int_eq(task_submit(b->pool, run_task, task_done, b),
				 0);
	loop_run(b->loop);
	ck_assert_uint_eq(b->n_done, TASKS);
	ck_assert_uint_eq(atomic_load(&b->n_run), TASKS);
	ck_assert_uint_eq(task_pool_load(b->pool), 0);
	bench_destroy(b);
}
END_TEST

START_TEST(full_queue_refuses)
{
	struct bench *b = bench_create(1, 3);
	unsigned int n = 0;

	pthread_mutex_lock(&b->gate);
	while (task_submit(b->pool, run_task, task_done, b) == 0)
		ck_assert_uint_lt(++n, 10);
	ck_assert_uint_ge(n, 3);
	ck_assert_uint_le(n, 4);
	ck_assert_uint_eq(task_pool_load(b->pool), n);
	b->n_wanted = n;
	pthread_mutex_unlock(&b->gate);
	loop_run(b->loop);
	bench_destroy(b);
}
END_TEST

/* A task that is at work may use its bench to the end of the process. */
static struct bench *volatile left_behind;

START_TEST(waiting_tasks_are_dropped_at_the_end)
{
	struct bench *b = bench_create(1, 10);

	pthread_mutex_lock(&b->gate);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(task_submit(b->pool, run_task, task_done, b),
				 0);
	left_behind = b;
	task_pool_destroy(b->pool, 0);
	pthread_mutex_unlock(&b->gate);
	ck_assert_uint_eq(b->n_done, 0);
}
END_TEST

START_TEST(idle_pool_ends_at_once)
{
	struct bench *b = bench_create(8, 1);

	bench_destroy(b);
	task_pool_destroy(NULL, 0);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, every_task_is_run_and_then_done_in_the_loop);
	tcase_add_test(tests, full_queue_refuses);
	tcase_add_test(tests, waiting_tasks_are_dropped_at_the_end);
	tcase_add_test(tests, idle_pool_ends_at_once);
}

int main(void)
{
	return run_tests("tasks", add_tests);
}
