/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state that the fake host's source files share. Tests use fake_sys.h.
 */
#ifndef FAKE_INTERNAL_H
#define FAKE_INTERNAL_H

#include <pthread.h>

#include "fake_sys.h"

struct fake_file {
	char *path; /* owned */
	char *text; /* owned, len bytes and a NUL */
	size_t len; /* without the NUL */
	int err; /* 0, or what every access says */
};

struct fake_region {
	uint64_t start; /* first byte */
	uint64_t end; /* one past the last byte */
	enum fake_backing backing; /* what it is */
	uint64_t page_bytes; /* of hugetlb: its page size */
	struct fake_folio *folios; /* owned, sorted, without a gap */
	size_t n_folios; /* length of folios */
};

enum fake_life {
	FAKE_ALIVE,
	FAKE_ZOMBIE, /* exited, not reaped */
	FAKE_REAPED, /* its number is free; kept for its handles */
};

struct fake_process {
	pid_t pid; /* not unique: reused numbers */
	enum fake_life life; /* where in its life it is */
	bool is_denied; /* EPERM */
	unsigned int n_execs; /* how often it called execve(2) */
	struct node_mask mems; /* its cpuset */
	struct fake_region *regions; /* owned */
	size_t n_regions; /* length of regions */
};

enum fake_handle_kind {
	FAKE_CLOSED,
	FAKE_FILE_HANDLE,
	FAKE_PIDFD,
	FAKE_PAGEMAP,
};

struct fake_handle {
	enum fake_handle_kind kind; /* what it is open on */
	char *path; /* of a file, owned */
	size_t process; /* of a pidfd or pagemap: index into processes */
};

struct fake_fault {
	enum fake_op op; /* which call */
	uint64_t at_call; /* the op's call with this number fails */
	int result; /* with this */
};

struct fake_sys {
	enum fake_kernel kernel; /* whose manners */
	pthread_mutex_t lock; /* recursive; guards everything below */
	struct fake_file *files; /* owned, in order of creation */
	size_t n_files; /* length of files */
	struct fake_process *processes; /* owned; grows only */
	size_t n_processes; /* length of processes */
	struct fake_handle *handles; /* owned; fd - FAKE_FIRST_FD */
	size_t n_handles; /* length of handles */
	struct fake_fault *faults; /* owned */
	size_t n_faults; /* length of faults */
	struct fake_node nodes[NODES_MAX]; /* by node number */
	fake_hook_fn *hook; /* NULL: none */
	void *hook_arg; /* for hook */
	bool in_hook; /* no hook for calls made by a hook */
	struct fake_cost cost; /* of calls */
	uint64_t now_ns; /* the clock */
	struct fake_books books; /* counters */
	bool has_pagemap_scan; /* else ENOTTY */
	bool has_pagemap_rights; /* else EACCES and EPERM */
	bool has_sys_nice; /* else EPERM for MOVE_ALL */
	bool can_compact; /* 2 MiB blocks out of free pages */
	struct node_mask own_mems; /* our cpuset */
};

/* Descriptors that no real file of the test has. */
#define FAKE_FIRST_FD 10000

void fake_lock(struct fake_sys *fake);
void fake_unlock(struct fake_sys *fake);

/* Count and time a call, run hook and faults. True: return *ret_result. */
bool fake_enter(struct fake_sys *fake, enum fake_op op, pid_t pid,
		int *ret_result);

/* The process that has this number now, zombies included. NULL: none. */
struct fake_process *fake_find_process(struct fake_sys *fake, pid_t pid);

/* The region of a byte, NULL: not mapped. */
struct fake_region *fake_find_region(struct fake_process *process,
				     uint64_t hva);

/* The folio of a byte of a region. */
struct fake_folio *fake_region_folio(struct fake_region *region, uint64_t hva);

/* Put folios of 4 KiB in place of the one at hva. */
void fake_split_folio(struct fake_region *region, uint64_t hva);

void fake_free_process(struct fake_process *process);

/* Files, in fake_files.c. */
struct fake_file *fake_find_file(struct fake_sys *fake, const char *path);
int fake_op_read_file(void *self, const char *path, char *buf, size_t size,
		      size_t *ret_len);
int fake_op_write_file(void *self, const char *path, const char *text);
int fake_op_open_file(void *self, const char *path, int *ret_fd);
int fake_op_read_fd(void *self, int fd, char *buf, size_t size,
		    size_t *ret_len);
void fake_op_close_fd(void *self, int fd);
int fake_op_read_link(void *self, const char *path, char *buf, size_t size);
int fake_op_each_entry(void *self, const char *dir, sys_entry_fn *fn,
		       void *arg);

/* Handles, in fake_files.c. */
int fake_handle_open(struct fake_sys *fake, enum fake_handle_kind kind,
		     const char *path, size_t process);
struct fake_handle *fake_handle_find(struct fake_sys *fake, int fd,
				     enum fake_handle_kind kind);

/* Memory, in fake_mem.c. */
int fake_op_backing(void *self, pid_t pid, struct hva start, struct hva end,
		    struct backing *ret_backing);
int fake_op_pages_where(void *self, pid_t pid, const struct hva *pages,
			size_t n, int *status);
int fake_op_pagemap_scan(void *self, int pagemap_fd, struct hva start,
			 struct hva end, struct page_run *runs, size_t cap,
			 size_t *ret_n, struct hva *ret_walk_end);
int fake_op_pagemap_read(void *self, int pagemap_fd, struct hva start,
			 size_t n_pages, uint64_t *entries);
int fake_op_page_flags(void *self, int kpageflags_fd, uint64_t pfn,
		       uint64_t *ret_flags);
int fake_op_collapse(void *self, int pidfd, struct hva start,
		     uint64_t size_bytes);

/* status word of an address without a present folio on it. */
int fake_absent_status(struct fake_sys *fake, struct fake_region *region,
		       const struct fake_folio *folio);

/* Moving, in fake_move.c. */
int fake_op_pages_move(void *self, pid_t pid, const struct hva *pages,
		       const int *nodes, size_t n, bool all, int *status);

/* Take bytes of free memory on node for one folio that is not hugetlb; false:
 * there is no such block, or our cpuset forbids the node. */
bool fake_take_room(struct fake_sys *fake, uint64_t bytes, int node);

/* Give the room of such a folio back. */
void fake_give_room(struct fake_sys *fake, uint64_t bytes, int node);

/* 0, or the errno that every look at a process may give: ESRCH, EPERM, EINVAL
 * (a zombie has no memory). */
int fake_check_process(const struct fake_process *process);

#endif
