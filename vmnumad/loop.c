/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libevent behind a few verbs; nothing else in the project includes event2/.
 * Callbacks here are thin: measure, call. The letter box is a queue under a
 * mutex and an eventfd that wakes the loop.
 */
#include "loop.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "xalloc.h"

#define SIGNALS_MAX 8
#define NS_PER_US   1000ull
#define NS_PER_S    1000000000ull

struct letter {
	struct letter *next; /* later letter */
	loop_fn *fn; /* what to call */
	void *arg; /* with what */
};

struct loop_signal {
	struct event *event; /* libevent's, owned */
	loop_fn *fn; /* what to call */
	void *arg; /* with what */
	struct loop *loop; /* borrowed: owns this */
};

struct loop {
	struct event_base *base; /* owned */
	struct loop_signal signals[SIGNALS_MAX]; /* filled up to n_signals */
	size_t n_signals; /* in use */
	int wake_fd; /* eventfd: letters are waiting */
	struct event *wake; /* watches wake_fd */
	pthread_mutex_t lock; /* guards the letter queue */
	struct letter *first; /* oldest letter, owned */
	struct letter **last; /* where the next one goes */
	uint64_t longest_ns; /* longest callback so far */
};

struct loop_fd {
	struct loop *loop; /* borrowed */
	struct event *event; /* owned, NULL while nothing is watched */
	int fd; /* borrowed */
	loop_fd_fn *fn; /* what to call */
	void *arg; /* with what */
};

struct loop_timer {
	struct loop *loop; /* borrowed */
	struct event *event; /* owned */
	loop_fn *fn; /* what to call */
	void *arg; /* with what */
};

static uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static void note_duration(struct loop *loop, uint64_t start_ns)
{
	uint64_t took_ns = clock_ns() - start_ns;

	if (took_ns > loop->longest_ns)
		loop->longest_ns = took_ns;
}

static struct letter *take_letters(struct loop *loop)
{
	struct letter *letters;

	pthread_mutex_lock(&loop->lock);
	letters = loop->first;
	loop->first = NULL;
	loop->last = &loop->first;
	pthread_mutex_unlock(&loop->lock);
	return letters;
}

static void on_wake(evutil_socket_t fd, short events, void *arg)
{
	struct loop *loop = arg;
	struct letter *letter, *next;
	uint64_t start_ns, count;

	if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		log_error("loop", "the wake-up descriptor is broken");
	for (letter = take_letters(loop); letter; letter = next) {
		next = letter->next;
		start_ns = clock_ns();
		letter->fn(letter->arg);
		note_duration(loop, start_ns);
		free(letter);
	}
}

static void on_libevent_log(int severity, const char *text)
{
	if (severity >= EVENT_LOG_WARN)
		log_warning("loop", "libevent: %s", text);
}

struct loop *loop_create(void)
{
	struct loop *loop = xcalloc(1, sizeof(*loop));

	event_set_log_callback(on_libevent_log);
	evthread_use_pthreads();
	pthread_mutex_init(&loop->lock, NULL);
	loop->last = &loop->first;
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	loop->base = event_base_new();
	if (loop->wake_fd < 0 || !loop->base)
		goto fail;
	loop->wake = event_new(loop->base, loop->wake_fd, EV_READ | EV_PERSIST,
			       on_wake, loop);
	if (!loop->wake || event_add(loop->wake, NULL) < 0)
		goto fail;
	return loop;
fail:
	loop_destroy(loop);
	return NULL;
}

void loop_destroy(struct loop *loop)
{
	struct letter *letter, *next;

	if (!loop)
		return;
	for (size_t i = 0; i < loop->n_signals; i++)
		event_free(loop->signals[i].event);
	for (letter = take_letters(loop); letter; letter = next) {
		next = letter->next;
		free(letter);
	}
	if (loop->wake)
		event_free(loop->wake);
	if (loop->base)
		event_base_free(loop->base);
	if (loop->wake_fd >= 0)
		close(loop->wake_fd);
	pthread_mutex_destroy(&loop->lock);
	free(loop);
}

int loop_run(struct loop *loop)
{
	return event_base_dispatch(loop->base) < 0 ? -EIO : 0;
}

void loop_stop(struct loop *loop)
{
	event_base_loopbreak(loop->base);
}

uint64_t loop_now_ns(struct loop *loop)
{
	return clock_ns();
}

uint64_t loop_longest_ns(struct loop *loop)
{
	return loop->longest_ns;
}

static void on_fd(evutil_socket_t fd, short events, void *arg)
{
	struct loop_fd *watch = arg;
	struct loop *loop = watch->loop;
	uint64_t start_ns = clock_ns();

	watch->fn(watch->arg, (events & EV_READ ? LOOP_READ : 0) |
				      (events & EV_WRITE ? LOOP_WRITE : 0));
	note_duration(loop, start_ns); /* watch may be gone by now */
}

struct loop_fd *loop_fd_add(struct loop *loop, int fd, unsigned int events,
			    loop_fd_fn *fn, void *arg)
{
	struct loop_fd *watch = xcalloc(1, sizeof(*watch));

	*watch = (struct loop_fd) {
		.loop = loop, .fd = fd, .fn = fn, .arg = arg
	};
	loop_fd_set(watch, events);
	return watch;
}

void loop_fd_set(struct loop_fd *watch, unsigned int events)
{
	short wanted = (short)((events & LOOP_READ ? EV_READ : 0) |
			       (events & LOOP_WRITE ? EV_WRITE : 0));

	if (watch->event)
		event_free(watch->event);
	watch->event = NULL;
	if (!wanted)
		return;
	watch->event = event_new(watch->loop->base, watch->fd,
				 (short)(wanted | EV_PERSIST), on_fd, watch);
	if (!watch->event || event_add(watch->event, NULL) < 0)
		log_error("loop", "descriptor %d cannot be watched", watch->fd);
}

void loop_fd_remove(struct loop_fd *watch)
{
	if (!watch)
		return;
	if (watch->event)
		event_free(watch->event);
	free(watch);
}

static void on_timer(evutil_socket_t fd, short events, void *arg)
{
	struct loop_timer *timer = arg;
	struct loop *loop = timer->loop;
	uint64_t start_ns = clock_ns();

	timer->fn(timer->arg);
	note_duration(loop, start_ns); /* timer may be gone by now */
}

struct loop_timer *loop_timer_add(struct loop *loop, loop_fn *fn, void *arg)
{
	struct loop_timer *timer = xcalloc(1, sizeof(*timer));

	*timer = (struct loop_timer) { .loop = loop, .fn = fn, .arg = arg };
	timer->event = evtimer_new(loop->base, on_timer, timer);
	if (!timer->event)
		abort(); /* libevent fails here for want of memory only */
	return timer;
}

void loop_timer_set(struct loop_timer *timer, uint64_t delay_ns)
{
	struct timeval tv = {
		.tv_sec = (time_t)(delay_ns / NS_PER_S),
		.tv_usec = (suseconds_t)(delay_ns % NS_PER_S / NS_PER_US),
	};

	evtimer_add(timer->event, &tv);
}

void loop_timer_clear(struct loop_timer *timer)
{
	evtimer_del(timer->event);
}

void loop_timer_remove(struct loop_timer *timer)
{
	if (!timer)
		return;
	event_free(timer->event);
	free(timer);
}

static void on_signal(evutil_socket_t fd, short events, void *arg)
{
	struct loop_signal *sig = arg;

	sig->fn(sig->arg);
}

int loop_signal_add(struct loop *loop, int signal, loop_fn *fn, void *arg)
{
	struct loop_signal *sig;

	assert(loop->n_signals < SIGNALS_MAX);
	sig = &loop->signals[loop->n_signals];
	*sig = (struct loop_signal) { .fn = fn, .arg = arg, .loop = loop };
	sig->event = evsignal_new(loop->base, signal, on_signal, sig);
	if (!sig->event)
		return -ENOMEM;
	loop->n_signals++;
	return event_add(sig->event, NULL) < 0 ? -EINVAL : 0;
}

void loop_post(struct loop *loop, loop_fn *fn, void *arg)
{
	struct letter *letter = xcalloc(1, sizeof(*letter));
	uint64_t one = 1;

	*letter = (struct letter) { .fn = fn, .arg = arg };
	pthread_mutex_lock(&loop->lock);
	*loop->last = letter;
	loop->last = &letter->next;
	pthread_mutex_unlock(&loop->lock);
	/* EAGAIN means that the counter is full: the loop wakes anyway */
	if (write(loop->wake_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		log_error("loop", "the loop cannot be woken");
}
