/* SPDX-License-Identifier: Apache-2.0 */
/* The fake host's clock, faults, processes and table. See fake_sys.h. */
#include "fake_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "xalloc.h"

void fake_lock(struct fake_sys *fake)
{
	pthread_mutex_lock(&fake->lock);
}

void fake_unlock(struct fake_sys *fake)
{
	pthread_mutex_unlock(&fake->lock);
}

struct fake_sys *fake_sys_create(enum fake_kernel kernel)
{
	struct fake_sys *fake = xcalloc(1, sizeof(*fake));
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&fake->lock, &attr);
	pthread_mutexattr_destroy(&attr);
	fake->kernel = kernel;
	fake->now_ns = 1000000000;
	fake->has_pagemap_scan = kernel == FAKE_LINUX_6_12;
	fake->has_pagemap_rights = true;
	fake->has_sys_nice = true;
	fake->own_mems.bits = UINT64_MAX;
	return fake;
}

void fake_sys_destroy(struct fake_sys *fake)
{
	if (!fake)
		return;
	for (size_t i = 0; i < fake->n_files; i++) {
		free(fake->files[i].path);
		free(fake->files[i].text);
	}
	for (size_t i = 0; i < fake->n_processes; i++)
		fake_free_process(&fake->processes[i]);
	for (size_t i = 0; i < fake->n_handles; i++)
		free(fake->handles[i].path);
	free(fake->files);
	free(fake->processes);
	free(fake->handles);
	free(fake->faults);
	pthread_mutex_destroy(&fake->lock);
	free(fake);
}

static void run_hook(struct fake_sys *fake, enum fake_op op, pid_t pid)
{
	if (!fake->hook || fake->in_hook)
		return;
	fake->in_hook = true;
	fake->hook(fake->hook_arg, fake, op, pid);
	fake->in_hook = false;
}

bool fake_enter(struct fake_sys *fake, enum fake_op op, pid_t pid,
		int *ret_result)
{
	uint64_t call = ++fake->books.calls[op];

	fake->now_ns += fake->cost.call_ns;
	run_hook(fake, op, pid);
	for (size_t i = 0; i < fake->n_faults; i++)
		if (fake->faults[i].op == op &&
		    fake->faults[i].at_call == call) {
			*ret_result = fake->faults[i].result;
			return true;
		}
	return false;
}

void fake_fault(struct fake_sys *fake, enum fake_op op, uint64_t nth,
		int result)
{
	fake_lock(fake);
	fake->faults = xreallocarray(fake->faults, fake->n_faults + 1,
				     sizeof(*fake->faults));
	fake->faults[fake->n_faults++] = (struct fake_fault) {
		.op = op,
		.at_call = fake->books.calls[op] + nth,
		.result = result,
	};
	fake_unlock(fake);
}

struct fake_node *fake_node(struct fake_sys *fake, int node,
			    uint64_t free_bytes)
{
	struct fake_node *n;

	assert(node_is_valid(node));
	fake_lock(fake);
	n = &fake->nodes[node];
	n->has_memory = true;
	n->total_bytes = free_bytes;
	n->free_bytes = free_bytes;
	n->free_2m_blocks = free_bytes / PAGE_2M_BYTES;
	fake_unlock(fake);
	return n;
}

/* What tells a process from another one of its number, and from itself after
 * execve(2). The first one of a number started at 0 with its stack at 0. */
static void write_stat(struct fake_sys *fake, struct fake_process *process)
{
	char path[64], text[256];
	unsigned int start_ticks = 0;

	for (size_t i = 0; &fake->processes[i] != process; i++)
		start_ticks += fake->processes[i].pid == process->pid;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", process->pid,
		 process->pid);
	snprintf(text, sizeof(text),
		 "%d (fake) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 %u 0 0 0 0 "
		 "0 %u 0 0 0 0 0 0 0 0 0 17 0 0\n",
		 process->pid, start_ticks, process->n_execs);
	fake_file(fake, path, text);
}

void fake_process(struct fake_sys *fake, pid_t pid)
{
	fake_lock(fake);
	assert(!fake_find_process(fake, pid));
	fake->processes = xreallocarray(fake->processes, fake->n_processes + 1,
					sizeof(*fake->processes));
	fake->processes[fake->n_processes++] = (struct fake_process) {
		.pid = pid,
		.life = FAKE_ALIVE,
		.mems = { UINT64_MAX },
	};
	write_stat(fake, &fake->processes[fake->n_processes - 1]);
	fake_unlock(fake);
}

struct fake_process *fake_find_process(struct fake_sys *fake, pid_t pid)
{
	for (size_t i = 0; i < fake->n_processes; i++)
		if (fake->processes[i].pid == pid &&
		    fake->processes[i].life != FAKE_REAPED)
			return &fake->processes[i];
	return NULL;
}

static struct fake_process *must_find(struct fake_sys *fake, pid_t pid)
{
	struct fake_process *process = fake_find_process(fake, pid);

	assert(process);
	return process;
}

void fake_process_exit(struct fake_sys *fake, pid_t pid)
{
	fake_lock(fake);
	must_find(fake, pid)->life = FAKE_ZOMBIE;
	fake_unlock(fake);
}

void fake_process_reap(struct fake_sys *fake, pid_t pid)
{
	char dir[32];

	fake_lock(fake);
	must_find(fake, pid)->life = FAKE_REAPED;
	snprintf(dir, sizeof(dir), "/proc/%d/", (int)pid);
	fake_file_remove(fake, dir);
	fake_unlock(fake);
}

void fake_process_reuse(struct fake_sys *fake, pid_t pid)
{
	fake_lock(fake);
	fake_process_reap(fake, pid);
	fake_process(fake, pid);
	fake_unlock(fake);
}

void fake_process_exec(struct fake_sys *fake, pid_t pid)
{
	struct fake_process *process;

	fake_lock(fake);
	process = must_find(fake, pid);
	fake_free_process(process);
	process->n_execs++;
	write_stat(fake, process);
	fake_unlock(fake);
}

void fake_process_mems(struct fake_sys *fake, pid_t pid, struct node_mask mems)
{
	fake_lock(fake);
	must_find(fake, pid)->mems = mems;
	fake_unlock(fake);
}

void fake_process_deny(struct fake_sys *fake, pid_t pid, bool denied)
{
	fake_lock(fake);
	must_find(fake, pid)->is_denied = denied;
	fake_unlock(fake);
}

void fake_hook(struct fake_sys *fake, fake_hook_fn *hook, void *arg)
{
	fake_lock(fake);
	fake->hook = hook;
	fake->hook_arg = arg;
	fake_unlock(fake);
}

void fake_set_cost(struct fake_sys *fake, struct fake_cost cost)
{
	fake_lock(fake);
	fake->cost = cost;
	fake_unlock(fake);
}

void fake_advance_ns(struct fake_sys *fake, uint64_t ns)
{
	fake_lock(fake);
	fake->now_ns += ns;
	fake_unlock(fake);
}

void fake_set_pagemap_scan(struct fake_sys *fake, bool exists)
{
	fake_lock(fake);
	fake->has_pagemap_scan = exists;
	fake_unlock(fake);
}

void fake_set_pagemap_rights(struct fake_sys *fake, bool granted)
{
	fake_lock(fake);
	fake->has_pagemap_rights = granted;
	fake_unlock(fake);
}

void fake_set_sys_nice(struct fake_sys *fake, bool held)
{
	fake_lock(fake);
	fake->has_sys_nice = held;
	fake_unlock(fake);
}

void fake_set_own_mems(struct fake_sys *fake, struct node_mask mems)
{
	fake_lock(fake);
	fake->own_mems = mems;
	fake_unlock(fake);
}

void fake_set_compaction(struct fake_sys *fake, bool works)
{
	fake_lock(fake);
	fake->can_compact = works;
	fake_unlock(fake);
}

struct fake_books fake_books(struct fake_sys *fake)
{
	struct fake_books books;

	fake_lock(fake);
	books = fake->books;
	fake_unlock(fake);
	return books;
}

/* A zombie has a handle too: pidfd_open(2) takes it until it is reaped. */
static int op_open_process(void *self, pid_t pid, int *ret_pidfd)
{
	struct fake_sys *fake = self;
	struct fake_process *process;
	int ret;

	fake_lock(fake);
	if (!fake_enter(fake, FAKE_OPEN_PROCESS, pid, &ret)) {
		process = fake_find_process(fake, pid);
		ret = process ? 0 : -ESRCH;
		if (process)
			*ret_pidfd = fake_handle_open(
				fake, FAKE_PIDFD, NULL,
				(size_t)(process - fake->processes));
	}
	fake_unlock(fake);
	return ret;
}

static int op_is_alive(void *self, int pidfd)
{
	struct fake_sys *fake = self;
	struct fake_handle *handle;
	int ret;

	fake_lock(fake);
	handle = fake_handle_find(fake, pidfd, FAKE_PIDFD);
	assert(handle);
	if (!fake_enter(fake, FAKE_IS_ALIVE,
			fake->processes[handle->process].pid, &ret)) {
		handle = fake_handle_find(fake, pidfd, FAKE_PIDFD);
		assert(handle);
		ret = fake->processes[handle->process].life == FAKE_ALIVE;
	}
	fake_unlock(fake);
	return ret;
}

static int op_open_pagemap(void *self, pid_t pid, int *ret_fd)
{
	struct fake_sys *fake = self;
	struct fake_process *process;
	int ret;

	fake_lock(fake);
	if (!fake_enter(fake, FAKE_OPEN_PAGEMAP, pid, &ret)) {
		process = fake_find_process(fake, pid);
		ret = !process                    ? -ENOENT
		      : !fake->has_pagemap_rights ? -EACCES
						  : 0;
		if (!ret)
			*ret_fd = fake_handle_open(
				fake, FAKE_PAGEMAP, NULL,
				(size_t)(process - fake->processes));
	}
	fake_unlock(fake);
	return ret;
}

static int op_sit(void *self, struct seat seat)
{
	struct fake_sys *fake = self;
	int ret;

	fake_lock(fake);
	if (!fake_enter(fake, FAKE_SIT, -1, &ret)) {
		ret = seat.where == SEAT_ON_NODE &&
				      fake->nodes[seat.node].has_no_cpus
			      ? -ENODEV
			      : 0;
		if (!ret)
			fake->books.seat = seat;
	}
	fake_unlock(fake);
	return ret;
}

static uint64_t op_now_ns(void *self)
{
	struct fake_sys *fake = self;
	uint64_t now_ns;

	fake_lock(fake);
	now_ns = fake->now_ns;
	fake_unlock(fake);
	return now_ns;
}

static const struct sys_ops fake_ops = {
	.read_file = fake_op_read_file,
	.write_file = fake_op_write_file,
	.open_file = fake_op_open_file,
	.read_fd = fake_op_read_fd,
	.close_fd = fake_op_close_fd,
	.each_entry = fake_op_each_entry,
	.read_link = fake_op_read_link,
	.open_process = op_open_process,
	.is_alive = op_is_alive,
	.backing = fake_op_backing,
	.pages_where = fake_op_pages_where,
	.pages_move = fake_op_pages_move,
	.open_pagemap = op_open_pagemap,
	.pagemap_scan = fake_op_pagemap_scan,
	.pagemap_read = fake_op_pagemap_read,
	.page_flags = fake_op_page_flags,
	.collapse = fake_op_collapse,
	.sit = op_sit,
	.now_ns = op_now_ns,
};

struct sys fake_sys_door(struct fake_sys *fake)
{
	return (struct sys) { .ops = &fake_ops, .self = fake };
}
