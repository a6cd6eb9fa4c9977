/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool of threads for calls that may block; see task.h. A thread that never
 * comes back (libvirt on a dead daemon) only costs its own slot.
 */
#include "task.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "loop.h"
#include "xalloc.h"

struct task {
	struct task *next; /* later task */
	task_fn *run; /* on a thread */
	task_fn *done; /* in the loop */
	void *arg; /* for both, the submitter's */
};

struct task_pool {
	struct loop *loop; /* borrowed: done() is posted there */
	pthread_mutex_t lock; /* guards everything below */
	pthread_cond_t changed; /* a task came, a thread left, or the end */
	struct task *first; /* oldest waiting task, owned */
	struct task **last; /* where the next one goes */
	size_t n_waiting; /* length of the queue */
	size_t n_running; /* tasks on threads now */
	size_t queue_max; /* cap of n_waiting */
	unsigned int n_threads; /* threads alive */
	bool is_ending; /* threads shall leave */
};

static struct task *next_task(struct task_pool *pool)
{
	struct task *task;

	while (!pool->first && !pool->is_ending)
		pthread_cond_wait(&pool->changed, &pool->lock);
	task = pool->is_ending ? NULL : pool->first;
	if (!task)
		return NULL;
	pool->first = task->next;
	if (!pool->first)
		pool->last = &pool->first;
	pool->n_waiting--;
	pool->n_running++;
	return task;
}

static void *work(void *arg)
{
	struct task_pool *pool = arg;
	struct task *task;

	pthread_mutex_lock(&pool->lock);
	while ((task = next_task(pool))) {
		pthread_mutex_unlock(&pool->lock);
		task->run(task->arg);
		pthread_mutex_lock(&pool->lock);
		pool->n_running--;
		if (!pool->is_ending)
			loop_post(pool->loop, task->done, task->arg);
		free(task);
	}
	pool->n_threads--;
	pthread_cond_broadcast(&pool->changed);
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

static void start_thread(struct task_pool *pool, const char *name,
			 unsigned int number)
{
	char thread_name[32];
	pthread_t thread;

	if (pthread_create(&thread, NULL, work, pool) != 0)
		return;
	snprintf(thread_name, sizeof(thread_name), "%.10s-%u", name, number);
	thread_name[15] = '\0'; /* the kernel takes no more */
	pthread_setname_np(thread, thread_name);
	pthread_detach(thread);
	pool->n_threads++;
}

struct task_pool *task_pool_create(struct loop *loop, const char *name,
				   unsigned int n_threads, size_t queue_max)
{
	struct task_pool *pool = xcalloc(1, sizeof(*pool));
	pthread_condattr_t attr;

	pool->loop = loop;
	pool->queue_max = queue_max;
	pool->last = &pool->first;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&pool->changed, &attr);
	pthread_condattr_destroy(&attr);

	pthread_mutex_lock(&pool->lock);
	for (unsigned int i = 0; i < n_threads; i++)
		start_thread(pool, name, i);
	pthread_mutex_unlock(&pool->lock);
	return pool;
}

void task_pool_destroy(struct task_pool *pool, unsigned int grace_ms)
{
	struct timespec until;
	struct task *task, *next;
	bool all_left;

	if (!pool)
		return;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += grace_ms / 1000;
	until.tv_nsec += (long)(grace_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}

	pthread_mutex_lock(&pool->lock);
	pool->is_ending = true;
	for (task = pool->first; task; task = next) {
		next = task->next;
		free(task);
	}
	pool->first = NULL;
	pthread_cond_broadcast(&pool->changed);
	while (pool->n_threads > 0 &&
	       pthread_cond_timedwait(&pool->changed, &pool->lock, &until) == 0)
		;
	all_left = pool->n_threads == 0;
	pthread_mutex_unlock(&pool->lock);
	if (!all_left)
		return; /* a blocked thread still uses the pool */
	pthread_cond_destroy(&pool->changed);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

int task_submit(struct task_pool *pool, task_fn *run, task_fn *done, void *arg)
{
	struct task *task;

	pthread_mutex_lock(&pool->lock);
	if (pool->n_waiting >= pool->queue_max || pool->n_threads == 0) {
		pthread_mutex_unlock(&pool->lock);
		return -EAGAIN;
	}
	task = xcalloc(1, sizeof(*task));
	*task = (struct task) { .run = run, .done = done, .arg = arg };
	*pool->last = task;
	pool->last = &task->next;
	pool->n_waiting++;
	pthread_cond_signal(&pool->changed);
	pthread_mutex_unlock(&pool->lock);
	return 0;
}

size_t task_pool_load(struct task_pool *pool)
{
	size_t load;

	pthread_mutex_lock(&pool->lock);
	load = pool->n_waiting + pool->n_running;
	pthread_mutex_unlock(&pool->lock);
	return load;
}
