// SPDX-License-Identifier: Apache-2.0
/*
 * Counts, from outside, on which host node the memory of a process lies: asks
 * move_pages(2), without moving anything, for every 4 KiB page of its mappings
 * of 16 MiB and more, which in a QEMU are the guest's memory. It is the lab's
 * own opinion, written apart from the daemon's code on purpose. Run by the
 * scenarios of tests/lab.
 *
 *   where PID                      a line per node: "NODE BYTES"
 *   where --range HVA SIZE PID     only that range (numbers in C notation)
 *
 * Pages that are not there are not counted. Exit status 1 with a sentence when
 * the process cannot be asked.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE_BYTES 4096ull
#define BIG_BYTES  (16ull << 20)
#define BATCH      8192
#define MAX_NODES  64

/* What is being counted. */
struct count {
	int pid; /* process asked about */
	unsigned long long bytes[MAX_NODES]; /* found, by node */
	void *page[BATCH]; /* addresses of one query */
	int status[BATCH]; /* answers: node or -errno */
};

/* A run of adjoining writable mappings. */
struct run {
	unsigned long long start; /* first address */
	unsigned long long end; /* behind the last */
};

static void die(const char *what, int error)
{
	fprintf(stderr, "where: %s: %s\n", what, strerror(error));
	exit(1);
}

static void count_batch(struct count *count, size_t n)
{
	size_t i;

	if (syscall(SYS_move_pages, count->pid, n, count->page, NULL,
		    count->status, 0))
		die("move_pages", errno);
	for (i = 0; i < n; i++) {
		if (count->status[i] >= 0 && count->status[i] < MAX_NODES)
			count->bytes[count->status[i]] += PAGE_BYTES;
	}
}

static void count_range(struct count *count, const struct run *run)
{
	unsigned long long at = run->start;
	size_t n;

	while (at < run->end) {
		for (n = 0; n < BATCH && at < run->end; n++, at += PAGE_BYTES)
			count->page[n] = (void *)(uintptr_t)at;
		count_batch(count, n);
	}
}

static void count_if_big(struct count *count, const struct run *run)
{
	if (run->end - run->start >= BIG_BYTES)
		count_range(count, run);
}

/*
 * Guest memory is anonymous or a file of memory; a file of a disk, such as the
 * guest kernel that QEMU has read, is not. Names as in /proc/PID/maps.
 */
static int holds_memory(const char *name)
{
	static const char *const prefixes[] = { "/memfd:", "/dev/shm/",
						"/dev/hugepages/",
						"/anon_hugepage", "/dev/zero" };
	size_t i;

	if (name[0] != '/')
		return 1;
	for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return 1;
	}
	return 0;
}

/* Adjoining mappings count as one: binding a part of one splits it. */
static void count_process(struct count *count)
{
	struct run run = { 0, 0 };
	unsigned long long start, end;
	char path[32], line[512], mode[5], name[256];
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", count->pid);
	maps = fopen(path, "r");
	if (!maps)
		die(path, errno);
	while (fgets(line, sizeof(line), maps)) {
		name[0] = '\0';
		if (sscanf(line, "%llx-%llx %4s %*s %*s %*s %255s", &start,
			   &end, mode, name) < 3)
			continue;
		if (strncmp(mode, "rw", 2) || !holds_memory(name))
			continue;
		if (start != run.end) {
			count_if_big(count, &run);
			run.start = start;
		}
		run.end = end;
	}
	count_if_big(count, &run);
	fclose(maps);
}

static unsigned long long number(const char *text)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || *end || end == text)
		die(text, EINVAL);
	return value;
}

int main(int argc, char **argv)
{
	static struct count count;
	struct run run;
	int node;

	if (argc == 5 && !strcmp(argv[1], "--range")) {
		run.start = number(argv[2]) & ~(PAGE_BYTES - 1);
		run.end = number(argv[2]) + number(argv[3]);
		count.pid = (int)number(argv[4]);
		count_range(&count, &run);
	} else if (argc == 2) {
		count.pid = (int)number(argv[1]);
		count_process(&count);
	} else {
		fprintf(stderr, "usage: where [--range HVA SIZE] PID\n");
		return 2;
	}
	for (node = 0; node < MAX_NODES; node++) {
		if (count.bytes[node])
			printf("%d %llu\n", node, count.bytes[node]);
	}
	return 0;
}
