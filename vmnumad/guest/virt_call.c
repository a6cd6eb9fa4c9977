/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread for each call; the waiter goes when the time is over, and then the
 * thread owns the call. See virt_call.h.
 */
#include "guest/virt_call.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "xalloc.h"

/* Each late call costs a thread. A stopped libvirtd makes all calls late until
 * keepalive ends the connection, so the number needs a limit. */
#define CALLS_LATE_MAX 64

struct call {
	struct call *next; /* another late call */
	struct call_desk *desk; /* holds a reference */
	pthread_cond_t ended; /* has_ended became true */
	bool has_ended; /* run() came back in time */
	bool is_late; /* the caller has gone */
	char about[CALL_ABOUT_SIZE]; /* what it is about */
	call_fn *run; /* the work */
	call_fn *release; /* ends arg of a late call */
	void *arg; /* the caller's, or ours once late */
};

struct call_desk {
	pthread_mutex_t lock; /* guards all here and in the calls */
	unsigned int refs; /* freed with the last one */
	struct call *late; /* late calls; each owned by its thread */
	size_t n_late; /* length of late */
};

struct call_desk *call_desk_create(void)
{
	struct call_desk *desk = xcalloc(1, sizeof(*desk));

	pthread_mutex_init(&desk->lock, NULL);
	desk->refs = 1;
	return desk;
}

struct call_desk *call_desk_ref(struct call_desk *desk)
{
	pthread_mutex_lock(&desk->lock);
	desk->refs++;
	pthread_mutex_unlock(&desk->lock);
	return desk;
}

void call_desk_unref(struct call_desk *desk)
{
	unsigned int refs;

	if (!desk)
		return;
	pthread_mutex_lock(&desk->lock);
	refs = --desk->refs;
	pthread_mutex_unlock(&desk->lock);
	if (refs)
		return;
	pthread_mutex_destroy(&desk->lock);
	free(desk);
}

size_t call_desk_late(struct call_desk *desk)
{
	size_t n_late;

	pthread_mutex_lock(&desk->lock);
	n_late = desk->n_late;
	pthread_mutex_unlock(&desk->lock);
	return n_late;
}

int call_thread_start(const char *name, void *(*run)(void *), void *arg)
{
	pthread_t thread;
	sigset_t all;
	sigset_t old;
	int err;

	/* the new thread inherits the mask: signals are the loop's, but for
	 * those of its own faults, which must not be silent */
	sigfillset(&all);
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGFPE);
	sigdelset(&all, SIGILL);
	sigdelset(&all, SIGABRT);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&thread, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err)
		return -err;
	pthread_setname_np(thread, name);
	pthread_detach(thread);
	return 0;
}

static void call_free(struct call *call)
{
	call_desk_unref(call->desk);
	pthread_cond_destroy(&call->ended);
	free(call);
}

static void forget_late(struct call_desk *desk, struct call *call)
{
	struct call **at = &desk->late;

	while (*at != call)
		at = &(*at)->next;
	*at = call->next;
	desk->n_late--;
}

static void *call_thread(void *arg)
{
	struct call *call = arg;
	struct call_desk *desk = call->desk;
	bool is_late;

	call->run(call->arg);
	pthread_mutex_lock(&desk->lock);
	is_late = call->is_late;
	if (is_late) {
		forget_late(desk, call);
	} else {
		call->has_ended = true;
		pthread_cond_signal(&call->ended);
	}
	pthread_mutex_unlock(&desk->lock);
	if (is_late) {
		call->release(call->arg);
		call_free(call);
	}
	return NULL;
}

static int check_late(struct call_desk *desk, const char *about,
		      struct why *why)
{
	struct call *call;
	int err = 0;

	pthread_mutex_lock(&desk->lock);
	call = desk->late;
	while (call && strcmp(call->about, about) != 0)
		call = call->next;
	if (call)
		why_set(why, "an earlier call (%s) still hangs in libvirt",
			about);
	else if (desk->n_late >= CALLS_LATE_MAX)
		why_set(why, "%zu calls hang in libvirt", desk->n_late);
	if (call || desk->n_late >= CALLS_LATE_MAX)
		err = -EBUSY;
	pthread_mutex_unlock(&desk->lock);
	return err;
}

static struct call *call_create(struct call_desk *desk, const char *about)
{
	struct call *call = xcalloc(1, sizeof(*call));
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&call->ended, &attr);
	pthread_condattr_destroy(&attr);
	call->desk = call_desk_ref(desk);
	snprintf(call->about, sizeof(call->about), "%s", about);
	return call;
}

static struct timespec deadline_in(unsigned int timeout_ms)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += timeout_ms / 1000;
	at.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000;
	}
	return at;
}

/* True when the call ended in time; else it belongs to its thread now. */
static bool wait_for(struct call *call, unsigned int timeout_ms)
{
	struct timespec until = deadline_in(timeout_ms);
	struct call_desk *desk = call->desk;
	bool has_ended;
	int err = 0;

	pthread_mutex_lock(&desk->lock);
	while (!call->has_ended && !err)
		err = pthread_cond_timedwait(&call->ended, &desk->lock, &until);
	has_ended = call->has_ended;
	if (!has_ended) {
		call->is_late = true;
		call->next = desk->late;
		desk->late = call;
		desk->n_late++;
	}
	pthread_mutex_unlock(&desk->lock);
	return has_ended;
}

int call_desk_run(struct call_desk *desk, const char *about,
		  unsigned int timeout_ms, call_fn *run, call_fn *release,
		  void *arg, struct why *why)
{
	int err = check_late(desk, about, why);
	struct call *call;

	if (err)
		return err;
	call = call_create(desk, about);
	call->run = run;
	call->release = release;
	call->arg = arg;
	if (call_thread_start("virt-call", call_thread, call)) {
		why_set(why, "no thread to be had for a libvirt call");
		call_free(call);
		return -EAGAIN;
	}
	if (!wait_for(call, timeout_ms)) {
		why_set(why, "libvirt did not answer within %u ms (%s)",
			timeout_ms, about);
		return -ETIMEDOUT;
	}
	call_free(call);
	return 0;
}
