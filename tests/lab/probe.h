/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two files of the lab's probe share: probe.c, the program, and
 * follow.c, what it does when the guest itself changes. Nobody else includes it.
 */
#ifndef LAB_PROBE_H
#define LAB_PROBE_H

#include <stddef.h>
#include <stdint.h>

#define PAGE_BYTES 4096

/* Pages that come and go with the guest's memory. */
struct follow {
	uint64_t *buffer; /* owned; NULL: nothing is followed */
	uint64_t percent; /* of what the guest has more than it once had */
	uint64_t lowest_pages; /* the least MemTotal so far */
	uint64_t pages; /* filled now */
	uint64_t wrong; /* words found wrong since the start */
};

/* One line on the console, by one write(2). */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);

/* Says "probe failed: SENTENCE" and ends the guest. */
__attribute__((noreturn)) void die(const char *sentence);

/* A text file of /proc: what fits into size bytes, NUL terminated. */
void read_file(const char *path, char *buf, size_t size);

/* MemTotal now, in pages of 4 KiB. */
uint64_t memory_pages(void);

/* Loads all that lies in /modules, if there is such a directory. */
void load_modules(void);

/* From now on percent of the memory that comes is filled; 0: none. */
void follow_begin(struct follow *follow, uint64_t percent);

/* Checks what is filled, fills or gives back as MemTotal has it now, and takes
 * CPUs into use that were plugged in. Only if buffer is not NULL. */
void follow_step(struct follow *follow);

#endif
