/* SPDX-License-Identifier: Apache-2.0 */
/* Mover threads; see crew.h. Created by the daemon, once. */
#include "move/crew.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "loop.h"
#include "move/job.h"
#include "move/ledger.h"
#include "xalloc.h"

#define NS_PER_S 1000000000ull

/* A job in the hands of the crew. */
struct berth {
	struct berth *next; /* in crew.first */
	struct crew *crew; /* borrowed: owns this */
	struct job *job; /* owned until it has ended */
	uint64_t wake_ns; /* not to be stepped before */
	uint64_t served_ns; /* last stepped */
	unsigned int n_steppers; /* threads in job_step() now */
	uint64_t news; /* counts what makes an older wait void */
	bool has_ended; /* waits for the last stepper to come out */
};

struct crew {
	struct loop *loop; /* borrowed: on_ended is posted there */
	struct sys sys; /* borrowed door, for its clock */
	crew_ended_fn *on_ended; /* see crew.h */
	void *arg; /* its first argument */
	pthread_mutex_t lock; /* guards everything below and all berths */
	pthread_cond_t changed; /* a berth became due, or the end */
	uint64_t awaited_ns; /* one of those who wait wakes by itself then;
			      * JOB_NEVER_NS: nobody will */
	struct berth *first; /* all jobs, owned */
	pthread_t *threads; /* owned, n_threads */
	unsigned int n_threads; /* started */
	uint64_t call_gap_ns; /* mean time between two moving calls */
	uint64_t budget_ns; /* the calls made so far are paid for then */
	bool is_ending; /* threads shall leave */
};

/* 0, or the time until which the host has had enough calls: up to a quarter of
 * a second's worth may come in a row. */
static uint64_t over_budget(const struct crew *crew, uint64_t now_ns)
{
	uint64_t burst_ns = NS_PER_S / 4;

	return crew->budget_ns > now_ns + burst_ns ? crew->budget_ns - burst_ns
						   : 0;
}

static void charge_call(struct crew *crew, uint64_t now_ns)
{
	if (crew->budget_ns < now_ns)
		crew->budget_ns = now_ns;
	crew->budget_ns += crew->call_gap_ns;
}

/* The due job that has waited longest, or NULL; then *ret_wake_ns is when the
 * next one is due. */
static struct berth *pick(struct crew *crew, uint64_t now_ns,
			  uint64_t *ret_wake_ns)
{
	struct berth *best = NULL;

	*ret_wake_ns = over_budget(crew, now_ns);
	if (*ret_wake_ns)
		return NULL;
	*ret_wake_ns = JOB_NEVER_NS;
	for (struct berth *b = crew->first; b; b = b->next) {
		if (b->has_ended || b->n_steppers >= job_lanes(b->job))
			continue;
		if (b->wake_ns > now_ns) {
			if (b->wake_ns < *ret_wake_ns)
				*ret_wake_ns = b->wake_ns;
			continue;
		}
		if (!best || b->served_ns < best->served_ns)
			best = b;
	}
	return best;
}

/* Sleep until wake_ns, or until something changes. One who watches the clock is
 * enough, and who has enough to do calls another: threads that wake in vain take
 * CPU time from guests. */
static void wait_until(struct crew *crew, uint64_t wake_ns)
{
	struct timespec until = {
		.tv_sec = (time_t)(wake_ns / NS_PER_S),
		.tv_nsec = (long)(wake_ns % NS_PER_S),
	};

	if (wake_ns >= crew->awaited_ns) {
		pthread_cond_wait(&crew->changed, &crew->lock);
		return;
	}
	crew->awaited_ns = wake_ns;
	pthread_cond_timedwait(&crew->changed, &crew->lock, &until);
	if (crew->awaited_ns == wake_ns)
		crew->awaited_ns = JOB_NEVER_NS;
}

/* Who goes to work leaves what else is due, and the clock, to another. */
static void call_another(struct crew *crew, uint64_t now_ns)
{
	uint64_t wake_ns;

	if (pick(crew, now_ns, &wake_ns) || wake_ns < crew->awaited_ns)
		pthread_cond_signal(&crew->changed);
}

static void forget(struct crew *crew, struct berth *berth)
{
	struct berth **link = &crew->first;

	while (*link != berth)
		link = &(*link)->next;
	*link = berth->next;
}

/* In the loop. */
static void deliver(void *arg)
{
	struct berth *berth = arg;
	struct crew *crew = berth->crew;

	pthread_mutex_lock(&crew->lock);
	forget(crew, berth);
	pthread_mutex_unlock(&crew->lock);
	crew->on_ended(crew->arg, berth->job);
	free(berth);
}

/* Whatever another lane, or this one before, found to wait for. */
static void step_soon(struct berth *berth)
{
	berth->wake_ns = 0;
	berth->news++;
}

/* With the lock held; it is released while the job is stepped. */
static void serve(struct crew *crew, struct berth *berth, struct call *call,
		  uint64_t now_ns)
{
	uint64_t wake_ns = 0, news = berth->news;
	enum job_turn turn;

	berth->n_steppers++;
	berth->served_ns = now_ns;
	call_another(crew, now_ns);
	pthread_mutex_unlock(&crew->lock);
	turn = job_step(berth->job, call, &wake_ns);
	pthread_mutex_lock(&crew->lock);
	berth->n_steppers--;

	if (turn == JOB_CALLED)
		charge_call(crew, crew->sys.ops->now_ns(crew->sys.self));
	if (turn == JOB_ENDED)
		berth->has_ended = true;
	else if (turn != JOB_WAIT)
		step_soon(berth);
	else if (berth->news == news)
		berth->wake_ns = wake_ns;
	if (berth->has_ended && berth->n_steppers == 0 && !crew->is_ending)
		loop_post(crew->loop, deliver, berth);
}

static void *work(void *arg)
{
	struct crew *crew = arg;
	struct call call = { 0 };
	struct berth *berth;
	uint64_t wake_ns;

	pthread_mutex_lock(&crew->lock);
	while (!crew->is_ending) {
		uint64_t now_ns = crew->sys.ops->now_ns(crew->sys.self);

		berth = pick(crew, now_ns, &wake_ns);
		if (!berth) {
			wait_until(crew, wake_ns);
			continue;
		}
		if (!call.folios)
			call_init(&call);
		serve(crew, berth, &call, now_ns);
	}
	pthread_mutex_unlock(&crew->lock);
	call_finish(&call);
	return NULL;
}

static void start_thread(struct crew *crew)
{
	pthread_t *thread = &crew->threads[crew->n_threads];
	char name[32];

	if (pthread_create(thread, NULL, work, crew) != 0)
		return;
	snprintf(name, sizeof(name), "mover-%u", crew->n_threads);
	name[15] = '\0'; /* the kernel takes no more */
	pthread_setname_np(*thread, name);
	crew->n_threads++;
}

struct crew *crew_create(struct loop *loop, const struct sys *sys,
			 const struct crew_config *config,
			 crew_ended_fn *on_ended, void *arg)
{
	struct crew *crew = xcalloc(1, sizeof(*crew));
	pthread_condattr_t attr;

	crew->loop = loop;
	crew->sys = *sys;
	crew->on_ended = on_ended;
	crew->arg = arg;
	pthread_mutex_init(&crew->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&crew->changed, &attr);
	pthread_condattr_destroy(&attr);
	crew->call_gap_ns = NS_PER_S / config->calls_per_s;
	crew->awaited_ns = JOB_NEVER_NS;
	crew->threads = xcalloc(config->n_threads, sizeof(*crew->threads));
	for (unsigned int i = 0; i < config->n_threads; i++)
		start_thread(crew);
	return crew;
}

void crew_destroy(struct crew *crew)
{
	struct berth *berth, *next;

	if (!crew)
		return;
	pthread_mutex_lock(&crew->lock);
	crew->is_ending = true;
	pthread_cond_broadcast(&crew->changed);
	pthread_mutex_unlock(&crew->lock);
	for (unsigned int i = 0; i < crew->n_threads; i++)
		pthread_join(crew->threads[i], NULL);
	for (berth = crew->first; berth; berth = next) {
		next = berth->next;
		job_destroy(berth->job);
		free(berth);
	}
	pthread_cond_destroy(&crew->changed);
	pthread_mutex_destroy(&crew->lock);
	free(crew->threads);
	free(crew);
}

/* As a mover ---------------------------------------------------------------- */

static void add(struct crew *crew, struct job *job)
{
	struct berth *berth = xcalloc(1, sizeof(*berth));

	berth->crew = crew;
	berth->job = job;
	pthread_mutex_lock(&crew->lock);
	berth->next = crew->first;
	crew->first = berth;
	pthread_cond_broadcast(&crew->changed);
	pthread_mutex_unlock(&crew->lock);
}

/* Step it soon, whatever it waits for. */
static void wake(void *self, struct job *job)
{
	struct crew *crew = self;

	pthread_mutex_lock(&crew->lock);
	for (struct berth *b = crew->first; b; b = b->next)
		if (b->job == job)
			step_soon(b);
	pthread_cond_broadcast(&crew->changed);
	pthread_mutex_unlock(&crew->lock);
}

static struct job *start(void *self, const struct job_spec *spec)
{
	struct crew *crew = self;
	struct job *job = job_create(spec, &crew->sys);

	add(crew, job);
	return job;
}

static void cancel(void *self, struct job *job, const char *why)
{
	job_cancel(job, why);
	wake(self, job);
}

static void set_paused(void *self, struct job *job, bool is_paused)
{
	if (is_paused)
		job_pause(job);
	else
		job_resume(job);
	wake(self, job);
}

static void hold(void *self, struct job *job, bool is_held)
{
	job_hold(job, is_held);
	wake(self, job);
}

static void remap(void *self, struct job *job, struct guest_map *map)
{
	job_set_map(job, map);
}

static void progress(void *self, struct job *job, struct receipt *ret_receipt,
		     struct cell_count *ret_cells)
{
	job_receipt(job, ret_receipt);
	job_cells(job, ret_cells);
}

static void finish(void *self, struct job *job, struct ledger *ret_ledger)
{
	ledger_copy(job_ledger(job), ret_ledger);
	job_destroy(job);
}

struct mover crew_mover(struct crew *crew)
{
	static const struct mover_ops ops = {
		.start = start,
		.cancel = cancel,
		.pause = set_paused,
		.hold = hold,
		.remap = remap,
		.wake = wake,
		.progress = progress,
		.finish = finish,
	};

	return (struct mover) { .ops = &ops, .self = crew };
}
