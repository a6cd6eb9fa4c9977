/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the lab's probe share: probe.c, the program, follow.c, what
 * it does when the guest itself changes, and share.c, what it reads by virtiofs.
 * Nobody else includes it.
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
	uint64_t keep_after; /* times that all may go before none does; 0: any */
	uint64_t wrong; /* words found wrong since the start */
};

/* A directory of the host, mounted by virtiofs. */
struct share {
	int is_mounted; /* 0: there is none */
	uint64_t word; /* the number in its file "word", as last read */
};

/* One line on the console, by one write(2). */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);

/* Says "probe failed: SENTENCE" and ends the guest. */
__attribute__((noreturn)) void die(const char *sentence);

/* A text file: what fits into size bytes, NUL terminated. */
void read_file(const char *path, char *buf, size_t size);

/* MemTotal now, in pages of 4 KiB. */
uint64_t memory_pages(void);

/* Loads all that lies in /modules, in the order of the names, if there is such a
 * directory. */
void load_modules(void);

/* From now on percent of the memory that comes is filled; 0: none. Once it has
 * gone keep_after times, the guest says no to whoever wants it back. */
void follow_begin(struct follow *follow, uint64_t percent, uint64_t keep_after);

/* Checks what is filled, fills or gives back as MemTotal has it now, and takes
 * CPUs into use that were plugged in. Only if buffer is not NULL. */
void follow_step(struct follow *follow);

/* Mounts the directory that the host calls tag; "": none. */
void share_begin(struct share *share, const char *tag);

/* Reads the word anew. Only if it is mounted. */
void share_step(struct share *share);

#endif
