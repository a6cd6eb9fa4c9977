/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the programs of this folder share. Each states one belief about the
 * kernel, acts on another process as the mover does, and ends with 0 and its
 * sentence, with 1 and what was seen instead, or with 77 and why it could not
 * tell. Nothing of the daemon is used here: its code is what stands on these.
 */
#ifndef ASSUME_H
#define ASSUME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PAGE_BYTES 4096ul
#define HUGE_BYTES (2ul << 20)
#define HUGE_PAGES 512ul

/* What every status holds before a call. */
#define NOT_WRITTEN (-9999)

/* Flags of move_pages(2). */
#define MOVE     2
#define MOVE_ALL 4

/* Ends the program. A program that includes this has its sentence in belief. */
#define expect(ok, ...)                                                        \
	do {                                                                   \
		if (!(ok))                                                     \
			end_wrong(belief, __VA_ARGS__);                        \
	} while (0)

void end_wrong(const char *belief, const char *format, ...)
	__attribute__((noreturn, format(printf, 2, 3)));

/* The host lacks something; "this kernel has no ..." where it is the kernel. */
void skip(const char *format, ...)
	__attribute__((noreturn, format(printf, 1, 2)));

/* A call of ours that has nothing to do with the belief; errno is printed. */
void must(bool ok, const char *what);

/* Prints the sentence; the value is main()'s. */
int confirmed(const char *belief);

bool kernel_is_at_least(unsigned int major, unsigned int minor);

/* Skip unless nodes 0 and 1 have memory and we are root. */
void need_two_nodes(void);

/* Skip outside the lab: the program would make others on the host suffer. */
void need_lab(void);

/* Write to a file of /proc or /sys; what it held is put back at the end. Skips
 * when there is no such file. */
void host_set(const char *path, const char *text);

/* The first number of such a file. */
long host_number(const char *path);

/* Reserve every 2 MiB block of a node as a huge page of its pool, nr_hugepages,
 * until the end: nothing is touched and hardly anything reclaimed. Also those that
 * were freed a moment ago: the kernel keeps some back for the CPU that did (its
 * per-CPU lists, which hold huge pages since Linux 5.14). */
void take_all_blocks(const char *pool);

/* A cgroup for this program, gone at the end; the path is the caller's. Its
 * memory nodes are mems, and can be written again. */
char *cpuset_create(const char *mems);
void cpuset_write_mems(const char *cgroup, const char *mems);
void cpuset_enter(const char *cgroup, pid_t pid);

/* --- the process that is acted upon */

/* Lies in memory shared with it. */
struct target {
	pid_t pid; /* of the process */
	char *at; /* first byte of its memory, at this address there alone */
	char *other; /* a second mapping */
	size_t size_bytes; /* of each */
	int fd; /* a descriptor there */
	long found; /* what a step tells us */
	volatile bool is_stopped; /* a step that runs until then */
	int to_target; /* pipe: next step */
	int from_target; /* pipe: step is done */
};

/* What is done in the process. expect() and skip() work there too. */
typedef void target_fn(struct target *target);

/* The process exists, and has run prepare. It dies with us. */
struct target *target_start(target_fn *prepare);
void target_do(struct target *target, target_fn *step);
void target_begin(struct target *target, target_fn *step);
void target_wait(struct target *target);
void target_kill(struct target *target); /* a zombie until target_reap */
void target_reap(struct target *target);

/* --- memory, for steps */

enum memory {
	MEMORY_SMALL, /* private, 4 KiB pages */
	MEMORY_HUGE, /* private, transparent huge pages */
	MEMORY_HUGETLB, /* private, 2 MiB pages of the pool */
};

/* Mapped at a 2 MiB boundary, filled on the node, without a policy. Page i
 * begins with the number i + 1. */
char *memory_on(int node, size_t size_bytes, enum memory memory);

/* Touched from now on, memory of this process comes from the node; -1: from
 * where the kernel likes. */
void allocate_on(int node);

/* Keep a page for the kernel's own use: like a device, or like a pipe. */
void pin_long(char *at);
void pin_by_pipe(char *at);

/* --- move_pages(2) from outside */

/* The value of the call or -errno; status[i] is NOT_WRITTEN before it. Asks
 * for n pages from at on, step_bytes apart. */
long move(const struct target *target, char *at, size_t step_bytes, size_t n,
	  int node, int *status, int flags);

/* The same for pages of any address. */
long move_list(pid_t pid, void **pages, size_t n, int node, int *status,
	       int flags);

/* The same without nodes: asks, moves nothing. */
long query_list(pid_t pid, void **pages, size_t n, int *status);

/* Where the page is: node or -errno. */
int node_of(const struct target *target, char *at);

/* Of n pages of 4 KiB from at on, those on the node. */
size_t count_on(const struct target *target, char *at, size_t n, int node);

/* Entries that are value. */
size_t count_status(const int *status, size_t n, int value);

/* A field of the mapping with at in /proc/PID/smaps, in bytes. */
size_t smaps_bytes(const struct target *target, char *at, const char *field);

/* A counter of /proc/vmstat. */
long vmstat(const char *name);

#endif
