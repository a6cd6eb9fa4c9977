/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only door to the host: every /proc and /sys file, every clock and every
 * system call that looks at or touches a QEMU process goes through one table.
 * vmnumad/host/sys_linux.c is the real host, sys_null.c the dry run (reads are
 * real, moves are only counted), tests/fake/fake_sys.c a host in memory. The
 * rest of the program cannot tell which one it has.
 *
 * Every call returns 0 or -errno unless it says otherwise, and may be made from
 * any thread.
 */
#ifndef SYS_H
#define SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "addr.h"

/* What status[] holds where the kernel has written nothing (see pages_move). */
#define PAGE_STATUS_UNWRITTEN (-4095)

/* Called for each name of a directory; a value other than 0 ends the walk. */
typedef int sys_entry_fn(void *arg, const char *name);

/* A run of pages of one kind, as PAGEMAP_SCAN reports them (Linux 6.7). */
struct page_run {
	struct hva start; /* first byte */
	struct hva end; /* one past the last byte */
	bool is_huge; /* mapped by 2 MiB (or larger) entries */
	bool is_file; /* file backed, shmem and memfd included */
};

/* What backs a mapping, by fstatfs(2) on /proc/PID/map_files. */
struct backing {
	bool is_hugetlb; /* a hugetlbfs file or a hugetlb memfd */
	bool is_shmem; /* tmpfs, memfd or shared anonymous memory */
	uint64_t page_bytes; /* 4 KiB, or the hugetlb page size */
};

/* Which of the CPUs that the process may use a thread runs on. */
struct seat {
	enum {
		SEAT_ANY, /* all of them */
		SEAT_ON_NODE, /* those of node */
		SEAT_OFF_NODE, /* all others */
		SEAT_ON_CPU, /* cpu alone */
	} where;
	int node;
	int cpu;
};

struct sys_ops {
	/* The whole of a /proc or /sys file, NUL terminated. *ret_len is
	 * without the NUL. -E2BIG when it does not fit size - 1 bytes. */
	int (*read_file)(void *self, const char *path, char *buf, size_t size,
			 size_t *ret_len);

	/* Replace the content of an existing /proc, /sys or cgroup file. */
	int (*write_file)(void *self, const char *path, const char *text);

	/* Open for reading, to be read again and again with read_fd. */
	int (*open_file)(void *self, const char *path, int *ret_fd);

	/* What one read(2) from offset 0 of an open file gives: the whole of
	 * small ones such as /proc/PID/stat, which the kernel gives at once.
	 * One system call. -E2BIG when that fills all of buf; nothing at the
	 * second time for one that cannot be read by offset (some of debugfs).
	 */
	int (*read_fd)(void *self, int fd, char *buf, size_t size,
		       size_t *ret_len);

	/* Closes what open_file, open_pagemap and open_process gave. */
	void (*close_fd)(void *self, int fd);

	/* Every name in a directory but "." and "..", in the kernel's order. */
	int (*each_entry)(void *self, const char *dir, sys_entry_fn *fn,
			  void *arg);

	/* What a link of /proc says, such as the file behind a descriptor
	 * ("/proc/PID/fd/N", CAP_SYS_PTRACE). NUL terminated, cut off to fit
	 * size. */
	int (*read_link)(void *self, const char *path, char *buf, size_t size);

	/* A handle that stays bound to this process even if its number is
	 * used again (pidfd_open(2), Linux 5.3). -ESRCH: no such process. */
	int (*open_process)(void *self, pid_t pid, int *ret_pidfd);

	/* 1 while the process lives, 0 once it is dead or a zombie. */
	int (*is_alive)(void *self, int pidfd);

	/* What backs the mapping that is exactly [start, end) in pid. -ENOENT:
	 * anonymous or no such mapping; -EPERM: map_files not readable (takes
	 * CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE). */
	int (*backing)(void *self, pid_t pid, struct hva start, struct hva end,
		       struct backing *ret_backing);

	/* Where n pages are now: move_pages(2) without nodes. status[i] is a
	 * node or -errno (-ENOENT, -EFAULT: nothing there). Moves nothing and
	 * drains nothing. -EPERM takes CAP_SYS_PTRACE, -ESRCH: gone. */
	int (*pages_where)(void *self, pid_t pid, const struct hva *pages,
			   size_t n, int *status);

	/* Ask the kernel to put n pages on one node: one move_pages(2) call.
	 * all: MPOL_MF_MOVE_ALL in place of MPOL_MF_MOVE (CAP_SYS_NICE).
	 * nodes is an array of n equal entries. Returns move_pages' own value:
	 * 0, a positive count, or -errno. Only after 0 is all of status[]
	 * written, so callers fill it with PAGE_STATUS_UNWRITTEN before and
	 * ask pages_where after any other answer. */
	int (*pages_move)(void *self, pid_t pid, const struct hva *pages,
			  const int *nodes, size_t n, bool all, int *status);

	/* /proc/PID/pagemap, opened; takes CAP_DAC_READ_SEARCH or the
	 * process' uid. */
	int (*open_pagemap)(void *self, pid_t pid, int *ret_fd);

	/* Present pages of [start, end), as runs, lowest first. At most cap
	 * runs; *ret_walk_end says how far the walk came, so that the caller
	 * goes on from there. -ENOTTY: the kernel has no PAGEMAP_SCAN. */
	int (*pagemap_scan)(void *self, int pagemap_fd, struct hva start,
			    struct hva end, struct page_run *runs, size_t cap,
			    size_t *ret_n, struct hva *ret_walk_end);

	/* The raw 64-bit pagemap entries of n pages of 4 KiB from start on
	 * (Documentation/admin-guide/mm/pagemap.rst). PFNs read as 0 without
	 * CAP_SYS_ADMIN. */
	int (*pagemap_read)(void *self, int pagemap_fd, struct hva start,
			    size_t n_pages, uint64_t *entries);

	/* Flags of one page frame, from /proc/kpageflags (CAP_SYS_ADMIN)
	 * that open_file opened. */
	int (*page_flags)(void *self, int kpageflags_fd, uint64_t pfn,
			  uint64_t *ret_flags);

	/* Rebuild one aligned 2 MiB block as a huge page
	 * (process_madvise MADV_COLLAPSE, Linux 6.1). */
	int (*collapse)(void *self, int pidfd, struct hva start,
			uint64_t size_bytes);

	/* Run the calling thread there from now on. -ENODEV: the process may
	 * use no such CPU. */
	int (*sit)(void *self, struct seat seat);

	/* CLOCK_MONOTONIC. */
	uint64_t (*now_ns)(void *self);
};

/* The table and what it works on. Borrowed by everyone but main(). */
struct sys {
	const struct sys_ops *ops; /* which host */
	void *self; /* that host's state, NULL where it has none */
};

#endif
