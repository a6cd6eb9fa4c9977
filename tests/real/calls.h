/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts the system calls that a piece of code makes: it runs in a child that is
 * stopped at each of them (ptrace(2)). So the count is the kernel's, not ours.
 */
#ifndef TESTS_REAL_CALLS_H
#define TESTS_REAL_CALLS_H

#include <stdint.h>

/* Larger numbers than any system call of x86-64 or arm64 has. */
#define CALLS_NUMBERS 1024

struct call_counts {
	uint64_t all; /* system calls */
	uint64_t by_number[CALLS_NUMBERS]; /* the same by SYS_ number */
};

/*
 * Run prepare(arg), and then fn(arg), whose calls are counted, in a child.
 * 0; -EPERM where tracing is not allowed; -ECHILD if the child died on the way.
 * Takes Linux 5.3.
 */
int calls_count(void (*prepare)(void *arg), void (*fn)(void *arg), void *arg,
		struct call_counts *ret_counts);

#endif
