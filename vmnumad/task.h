/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work that may block, off the loop: a small pool of threads. run() is called
 * on one of them, then done() in the loop's thread. libvirt calls and monitor
 * conversations go this way: any of them may block for 30 s or for ever.
 */
#ifndef TASK_H
#define TASK_H

#include <stddef.h>

struct loop;
struct task_pool;

typedef void task_fn(void *arg);

/* n_threads threads named name-N, at most queue_max tasks waiting. */
struct task_pool *task_pool_create(struct loop *loop, const char *name,
				   unsigned int n_threads, size_t queue_max);

/* Lets running tasks end within grace_ms and drops the waiting ones without
 * calling done(); threads that are still blocked then are left to the end of
 * the process. Takes NULL. */
void task_pool_destroy(struct task_pool *pool, unsigned int grace_ms);

/* 0, or -EAGAIN when the queue is full. arg is the caller's until done(arg). */
int task_submit(struct task_pool *pool, task_fn *run, task_fn *done, void *arg);

/* Tasks waiting or running: "is libvirt stuck" in one number. */
size_t task_pool_load(struct task_pool *pool);

#endif
