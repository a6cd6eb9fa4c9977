// SPDX-License-Identifier: Apache-2.0
/*
 * What the lab's probe does in a guest that changes while it runs: fills part of
 * the memory that is plugged in or let out of the balloon, gives it back when
 * memory is taken, and starts CPUs that were plugged in, as udev does in real
 * guests. Called by the reporting thread of probe.c, once a line.
 */
#define _GNU_SOURCE

#include <dirent.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe.h"

#define PAGE_WORDS   (PAGE_BYTES / sizeof(uint64_t))
#define STRIDE_WORDS 64 /* one word in so many is written and checked */
#define PAGES_MAX    (1ull << 20) /* that can be filled: 4 GiB */
#define FEW_PAGES    1024 /* the kernel's own come and go with the rest */

uint64_t memory_pages(void)
{
	char text[4096], *total;

	read_file("/proc/meminfo", text, sizeof(text));
	total = strstr(text, "MemTotal:");
	if (!total)
		die("/proc/meminfo has no MemTotal");
	return strtoull(total + 9, NULL, 10) * 1024 / PAGE_BYTES;
}

static void load_module(const char *name)
{
	char path[300];
	int fd;

	snprintf(path, sizeof(path), "/modules/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || syscall(SYS_finit_module, fd, "", 0))
		die("a module cannot be loaded");
	close(fd);
}

void load_modules(void)
{
	struct dirent **entries;
	int n = scandir("/modules", &entries, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		if (entries[i]->d_name[0] != '.')
			load_module(entries[i]->d_name);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

void follow_begin(struct follow *follow, uint64_t percent, uint64_t keep_after)
{
	unsigned long nodes = 0xff;

	if (!percent)
		return;
	mkdir("/sys", 0755);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	follow->percent = percent;
	follow->keep_after = keep_after;
	follow->lowest_pages = memory_pages();
	follow->buffer =
		mmap(NULL, PAGES_MAX * PAGE_BYTES, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (follow->buffer == MAP_FAILED)
		die("no room for the memory to come");
	/* What comes to one cell only is used too, wherever this thread runs.
	 * The kernel drops nodes that it does not have. */
	syscall(SYS_mbind, follow->buffer, PAGES_MAX * PAGE_BYTES,
		MPOL_INTERLEAVE, &nodes, 8 * sizeof(nodes), 0);
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return 0; /* there is no such file */
	len = write(fd, text, strlen(text));
	close(fd);
	return len < 0 ? -1 : 1;
}

/* The kernel then refuses at once what ACPI asks of it. */
static void keep_memory(void)
{
	if (write_file("/sys/firmware/acpi/hotplug/memory/enabled", "0") != 1)
		die("memory cannot be kept");
	say("probe keeps what memory comes now\n");
}

static int is_offline(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char word = '1';

	if (fd < 0 || read(fd, &word, 1) < 0)
		word = '1';
	if (fd >= 0)
		close(fd);
	return word == '0';
}

/* A CPU that was plugged in waits for somebody to say this. Others are not told:
 * the word would wait until memory that is being unplugged is free, and so would
 * the thread that is to free it. */
static void start_cpus(void)
{
	long n = sysconf(_SC_NPROCESSORS_CONF);
	char path[64];

	for (long cpu = 1; cpu < n; cpu++) {
		snprintf(path, sizeof(path),
			 "/sys/devices/system/cpu/cpu%ld/online", cpu);
		if (is_offline(path) && write_file(path, "1") < 0)
			say("probe: CPU %ld does not start\n", cpu);
	}
}

static uint64_t word_of(uint64_t page, uint64_t word)
{
	return (page * PAGE_WORDS + word + 1) * 0x9e3779b97f4a7c15ull;
}

static void check(struct follow *follow)
{
	for (uint64_t page = 0; page < follow->pages; page++) {
		const uint64_t *words = follow->buffer + page * PAGE_WORDS;

		for (uint64_t w = 0; w < PAGE_WORDS; w += STRIDE_WORDS)
			follow->wrong += words[w] != word_of(page, w);
	}
}

static void fill(struct follow *follow, uint64_t want)
{
	for (uint64_t page = follow->pages; page < want; page++) {
		uint64_t *words = follow->buffer + page * PAGE_WORDS;

		for (uint64_t w = 0; w < PAGE_WORDS; w += STRIDE_WORDS)
			words[w] = word_of(page, w);
	}
}

void follow_step(struct follow *follow)
{
	uint64_t total = memory_pages(), want;

	check(follow);
	if (total < follow->lowest_pages)
		follow->lowest_pages = total;
	want = (total - follow->lowest_pages) * follow->percent / 100;
	if (want > PAGES_MAX)
		want = PAGES_MAX;
	fill(follow, want);
	if (want < follow->pages)
		madvise(follow->buffer + want * PAGE_WORDS,
			(follow->pages - want) * PAGE_BYTES, MADV_DONTNEED);
	if (follow->pages > FEW_PAGES && want <= FEW_PAGES &&
	    follow->keep_after && --follow->keep_after == 0)
		keep_memory();
	follow->pages = want;
	start_cpus();
}
