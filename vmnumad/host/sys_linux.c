/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every system call and file open on the host, each with the right that it
 * needs. The whole program needs CAP_SYS_PTRACE (QEMU runs as another user),
 * and CAP_SYS_NICE where guests share memory with other processes. No policy,
 * no retries but for EINTR, no logging: see sys.h for the contract.
 */
#include "host/sys_linux.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mempolicy.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "host/list.h"

#define PATH_TEXT 96

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* Linux 6.1 */
#endif

/* PAGEMAP_SCAN of Linux 6.7 (linux/fs.h), which Debian 12's headers lack. */
struct scan_region {
	uint64_t start; /* first byte */
	uint64_t end; /* one past the last byte */
	uint64_t categories; /* SCAN_ bits asked for by return_mask */
};

struct scan_arg {
	uint64_t size; /* of this struct */
	uint64_t flags; /* 0: look only */
	uint64_t start; /* first byte to look at */
	uint64_t end; /* one past the last byte to look at */
	uint64_t walk_end; /* out: how far it came */
	uint64_t vec; /* address of struct scan_region[] */
	uint64_t vec_len; /* its elements */
	uint64_t max_pages; /* 0: no limit */
	uint64_t category_inverted; /* bits of category_mask to be clear */
	uint64_t category_mask; /* bits that must be as wanted */
	uint64_t category_anyof_mask; /* one of these must be set, 0: none */
	uint64_t return_mask; /* bits that tell one region from the next */
};

#define SCAN_FILE    (1u << 2)
#define SCAN_PRESENT (1u << 3)
#define SCAN_PFNZERO (1u << 5)
#define SCAN_HUGE    (1u << 6)
#define SCAN_IOCTL   _IOWR('f', 16, struct scan_arg)
#define SCAN_REGIONS 128

/* move_pages(2) takes an array of pointers: ours has the same layout. */
static_assert(sizeof(struct hva) == sizeof(void *), "64-bit hosts only");

static int open_retry(const char *path, int flags)
{
	int fd;

	do
		fd = open(path, flags | O_CLOEXEC | O_NOCTTY);
	while (fd < 0 && errno == EINTR);
	return fd < 0 ? -errno : fd;
}

/* A file just opened. /proc gives long ones in pieces of a page: read until nothing
 * comes. Not by pread(2), for which the kernel would write it all anew to see that
 * there is no more. */
static int read_all(int fd, char *buf, size_t size, size_t *ret_len)
{
	size_t used = 0;

	if (size == 0)
		return -E2BIG;
	for (;;) {
		char beyond;
		bool is_full = used == size - 1;
		ssize_t n = read(fd, is_full ? &beyond : buf + used,
				 is_full ? 1 : size - 1 - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n > 0 && is_full)
			return -E2BIG;
		if (n == 0)
			break;
		used += (size_t)n;
	}
	buf[used] = '\0';
	*ret_len = used;
	return 0;
}

/* /sys, /proc/PID/{stat,status,schedstat,cmdline,comm}: no right.
 * /proc/PID/{maps,smaps,numa_maps}: CAP_SYS_PTRACE. */
static int linux_read_file(void *self, const char *path, char *buf, size_t size,
			   size_t *ret_len)
{
	int fd = open_retry(path, O_RDONLY);
	int err;

	if (fd < 0)
		return fd;
	err = read_all(fd, buf, size, ret_len);
	close(fd);
	return err;
}

/* A guest's cpuset.mems: the file's owner, or CAP_DAC_OVERRIDE. O_TRUNC means
 * nothing to the kernel's own files. */
static int linux_write_file(void *self, const char *path, const char *text)
{
	int fd = open_retry(path, O_WRONLY | O_TRUNC);
	size_t len = strlen(text);
	ssize_t n;
	int err;

	if (fd < 0)
		return fd;
	do
		n = write(fd, text, len);
	while (n < 0 && errno == EINTR);
	err = n < 0 ? -errno : (size_t)n < len ? -EIO : 0;
	close(fd);
	return err;
}

/* As linux_read_file. */
static int linux_open_file(void *self, const char *path, int *ret_fd)
{
	int fd = open_retry(path, O_RDONLY);

	if (fd < 0)
		return fd;
	*ret_fd = fd;
	return 0;
}

/* No right: it was checked by the open. Not read_all(): this is asked of each
 * vCPU each second, and to ask again only to hear that there is no more would be
 * half of all its system calls. Some files of debugfs can only be read on from where
 * the last read ended. */
static int linux_read_fd(void *self, int fd, char *buf, size_t size,
			 size_t *ret_len)
{
	ssize_t n;

	do
		n = pread(fd, buf, size, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == ESPIPE)
		n = read(fd, buf, size);
	if (n < 0)
		return -errno;
	if ((size_t)n == size)
		return -E2BIG;
	buf[n] = '\0';
	*ret_len = (size_t)n;
	return 0;
}

static void linux_close_fd(void *self, int fd)
{
	close(fd);
}

/* /proc/PID/task, /sys/devices/system/node: no right. /proc/PID/fd:
 * CAP_SYS_PTRACE. */
static int linux_each_entry(void *self, const char *dir, sys_entry_fn *fn,
			    void *arg)
{
	DIR *d = opendir(dir);
	struct dirent *entry;
	int err = 0;

	if (!d)
		return -errno;
	for (;;) {
		errno = 0;
		entry = readdir(d);
		if (!entry) {
			err = -errno;
			break;
		}
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (fn(arg, entry->d_name))
			break;
	}
	closedir(d);
	return err;
}

/* /proc/PID/fd/N: CAP_SYS_PTRACE. */
static int linux_read_link(void *self, const char *path, char *buf, size_t size)
{
	ssize_t n = readlink(path, buf, size - 1);

	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return 0;
}

/* pidfd_open(2): no right. The file descriptor is close-on-exec. */
static int linux_open_process(void *self, pid_t pid, int *ret_pidfd)
{
	long fd = syscall(SYS_pidfd_open, pid, 0);

	if (fd < 0)
		return -errno;
	*ret_pidfd = (int)fd;
	return 0;
}

/* poll(2) on a pidfd: no right. Readable once the process is a zombie. */
static int linux_is_alive(void *self, int pidfd)
{
	struct pollfd poll_fd = { .fd = pidfd, .events = POLLIN };
	int n;

	do
		n = poll(&poll_fd, 1, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (poll_fd.revents & POLLNVAL)
		return -EBADF;
	return n == 0;
}

/* To look up: CAP_SYS_PTRACE. To follow: CAP_CHECKPOINT_RESTORE or
 * CAP_SYS_ADMIN. The link leads to the mapped file itself, deleted or in
 * another mount namespace. */
static int linux_backing(void *self, pid_t pid, struct hva start,
			 struct hva end, struct backing *ret_backing)
{
	struct backing backing = { .page_bytes = PAGE_4K_BYTES };
	struct statfs fs;
	char path[PATH_TEXT];

	snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", (int)pid,
		 (unsigned long long)start.v, (unsigned long long)end.v);
	if (statfs(path, &fs) < 0)
		return -errno;
	backing.is_hugetlb = fs.f_type == HUGETLBFS_MAGIC;
	backing.is_shmem = fs.f_type == TMPFS_MAGIC;
	/* hugetlbfs: f_bsize is the mount's huge page size. */
	if (backing.is_hugetlb)
		backing.page_bytes = (uint64_t)fs.f_bsize;
	*ret_backing = backing;
	return 0;
}

/* move_pages(2) as a query: CAP_SYS_PTRACE. */
static int linux_pages_where(void *self, pid_t pid, const struct hva *pages,
			     size_t n, int *status)
{
	long ret = syscall(SYS_move_pages, pid, n, pages, NULL, status, 0);

	return ret < 0 ? -errno : 0;
}

/* move_pages(2): CAP_SYS_PTRACE; MPOL_MF_MOVE_ALL: CAP_SYS_NICE too. SELinux:
 * process setsched. */
static int linux_pages_move(void *self, pid_t pid, const struct hva *pages,
			    const int *nodes, size_t n, bool all, int *status)
{
	int flags = all ? MPOL_MF_MOVE_ALL : MPOL_MF_MOVE;
	long ret = syscall(SYS_move_pages, pid, n, pages, nodes, status, flags);

	return ret < 0 ? -errno : (int)ret;
}

/* CAP_DAC_READ_SEARCH or the process' uid to open, CAP_SYS_PTRACE to read. */
static int linux_open_pagemap(void *self, pid_t pid, int *ret_fd)
{
	char path[PATH_TEXT];

	snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)pid);
	return linux_open_file(self, path, ret_fd);
}

/* size bytes at offset, all of them. */
static int read_at(int fd, void *buf, size_t size, uint64_t offset)
{
	ssize_t got = pread(fd, buf, size, (off_t)offset);

	if (got < 0)
		return -errno;
	return (size_t)got == size ? 0 : -EIO;
}

/* No right beyond the open; without CAP_SYS_ADMIN the frames read as 0. */
static int linux_pagemap_read(void *self, int pagemap_fd, struct hva start,
			      size_t n_pages, uint64_t *entries)
{
	return read_at(pagemap_fd, entries, n_pages * sizeof(*entries),
		       start.v / PAGE_4K_BYTES * sizeof(*entries));
}

/* CAP_SYS_ADMIN, at the open. */
static int linux_page_flags(void *self, int kpageflags_fd, uint64_t pfn,
			    uint64_t *ret_flags)
{
	return read_at(kpageflags_fd, ret_flags, sizeof(*ret_flags),
		       pfn * sizeof(*ret_flags));
}

/* PAGEMAP_SCAN, Linux 6.7: no right beyond the open. Older kernels say
 * ENOTTY. */
static int linux_pagemap_scan(void *self, int pagemap_fd, struct hva start,
			      struct hva end, struct page_run *runs, size_t cap,
			      size_t *ret_n, struct hva *ret_walk_end)
{
	struct scan_region regions[SCAN_REGIONS];
	struct scan_arg arg = {
		.size = sizeof(arg),
		.start = start.v,
		.end = end.v,
		.vec = (uintptr_t)regions,
		.vec_len = cap < SCAN_REGIONS ? cap : SCAN_REGIONS,
		.category_mask = SCAN_PRESENT | SCAN_PFNZERO,
		.category_inverted = SCAN_PFNZERO,
		.return_mask = SCAN_HUGE | SCAN_FILE,
	};
	int n;

	if (cap == 0)
		return -EINVAL;
	n = ioctl(pagemap_fd, SCAN_IOCTL, &arg);
	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++)
		runs[i] = (struct page_run) {
			.start = { regions[i].start },
			.end = { regions[i].end },
			.is_huge = regions[i].categories & SCAN_HUGE,
			.is_file = regions[i].categories & SCAN_FILE,
		};
	*ret_n = (size_t)n;
	ret_walk_end->v = arg.walk_end;
	return 0;
}

/* process_madvise(2) with MADV_COLLAPSE, Linux 6.1: CAP_SYS_PTRACE and
 * CAP_SYS_NICE. */
static int linux_collapse(void *self, int pidfd, struct hva start,
			  uint64_t size_bytes)
{
	struct iovec range = { .iov_base = (void *)(uintptr_t)start.v,
			       .iov_len = size_bytes };
	long n = syscall(SYS_process_madvise, pidfd, &range, 1, MADV_COLLAPSE,
			 0);

	if (n < 0)
		return -errno;
	return (uint64_t)n == size_bytes ? 0 : -EAGAIN;
}

/* sched_getaffinity(2) of the main thread, which never narrows itself: what
 * the administrator gave the daemon. No right. */
static int own_cpus(struct cpu_bits *ret_cpus)
{
	memset(ret_cpus, 0, sizeof(*ret_cpus));
	if (sched_getaffinity(getpid(), sizeof(*ret_cpus),
			      (cpu_set_t *)ret_cpus) < 0)
		return -errno;
	return 0;
}

static int node_cpus(int node, struct cpu_bits *ret_cpus)
{
	char path[PATH_TEXT];
	char text[4096];
	size_t len;
	int err;

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/cpulist",
		 node);
	err = linux_read_file(NULL, path, text, sizeof(text), &len);
	return err ? err : list_parse_cpus(text, ret_cpus, NULL);
}

/* The CPUs that the seat names, or those that it excludes. */
static int seat_cpus(struct seat seat, struct cpu_bits *ret_cpus)
{
	if (seat.where != SEAT_ON_CPU)
		return node_cpus(seat.node, ret_cpus);
	if (seat.cpu < 0 || seat.cpu >= CPUS_MAX)
		return -ENODEV;
	*ret_cpus = (struct cpu_bits) { 0 };
	ret_cpus->words[seat.cpu / 64] = 1ull << seat.cpu % 64;
	return 0;
}

/* The CPUs of cpus that the seat leaves. -ENODEV: none. */
static int narrow(struct cpu_bits *cpus, struct seat seat)
{
	struct cpu_bits named;
	bool is_empty = true;
	int err;

	if (seat.where == SEAT_ANY)
		return 0;
	err = seat_cpus(seat, &named);
	if (err)
		return err;
	for (size_t i = 0; i < LIST_WORDS(CPUS_MAX); i++) {
		cpus->words[i] &= seat.where == SEAT_OFF_NODE ? ~named.words[i]
							      : named.words[i];
		is_empty = is_empty && !cpus->words[i];
	}
	return is_empty ? -ENODEV : 0;
}

/* sched_setaffinity(2) on the calling thread: no right. */
static int linux_sit(void *self, struct seat seat)
{
	struct cpu_bits cpus;
	int err = own_cpus(&cpus);

	if (!err)
		err = narrow(&cpus, seat);
	if (err)
		return err;
	if (sched_setaffinity(0, sizeof(cpus), (const cpu_set_t *)&cpus) < 0)
		return -errno;
	return 0;
}

/* clock_gettime(2): no right. */
static uint64_t linux_now_ns(void *self)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

static const struct sys_ops linux_ops = {
	.read_file = linux_read_file,
	.write_file = linux_write_file,
	.open_file = linux_open_file,
	.read_fd = linux_read_fd,
	.close_fd = linux_close_fd,
	.each_entry = linux_each_entry,
	.read_link = linux_read_link,
	.open_process = linux_open_process,
	.is_alive = linux_is_alive,
	.backing = linux_backing,
	.pages_where = linux_pages_where,
	.pages_move = linux_pages_move,
	.open_pagemap = linux_open_pagemap,
	.pagemap_scan = linux_pagemap_scan,
	.pagemap_read = linux_pagemap_read,
	.page_flags = linux_page_flags,
	.collapse = linux_collapse,
	.sit = linux_sit,
	.now_ns = linux_now_ns,
};

struct sys sys_linux(void)
{
	return (struct sys) { .ops = &linux_ops, .self = NULL };
}
