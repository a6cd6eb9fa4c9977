// SPDX-License-Identifier: Apache-2.0
/*
 * Counts, from outside, on which host node the memory of a process lies: asks
 * move_pages(2), without moving anything, for every 4 KiB page of its mappings
 * of 64 MiB and more, which in a QEMU are the guest's memory. It is the lab's
 * own opinion, written apart from the daemon's code on purpose. Run by the
 * scenarios of tests/lab and by tests/bench.
 *
 *   where [OPTION]... PID          a line per node: "NODE BYTES"
 *   --range HVA SIZE               only that range (numbers in C notation)
 *   --stride BYTES                 ask for one page in so many bytes only and
 *                                  count it for all of them: quick
 *   --watch MS                     go on for ever: every MS milliseconds a line
 *                                  "TIME NODE:BYTES ...", TIME in milliseconds
 *                                  since 1970; the mappings are read once
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
#include <time.h>
#include <unistd.h>

#define PAGE_BYTES 4096ull
#define BIG_BYTES  (64ull << 20)
#define BATCH      8192
#define MAX_NODES  64
#define MAX_RUNS   256
#define MS_PER_SEC 1000ull
#define NS_PER_MS  1000000ull

/* A writable mapping. */
struct run {
	unsigned long long start; /* first address */
	unsigned long long end; /* behind the last */
};

/* What is being counted. */
struct count {
	int pid; /* process asked about */
	unsigned long long stride; /* bytes from one page asked to the next */
	unsigned long long watch_ms; /* between two lines; 0: count once */
	struct run runs[MAX_RUNS]; /* where */
	size_t n_runs; /* length of runs */
	unsigned long long bytes[MAX_NODES]; /* found, by node */
	void *page[BATCH]; /* addresses of one query */
	int status[BATCH]; /* answers: node or -errno */
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
			count->bytes[count->status[i]] += count->stride;
	}
}

static void count_run(struct count *count, const struct run *run)
{
	unsigned long long at = run->start;
	size_t n;

	while (at < run->end) {
		for (n = 0; n < BATCH && at < run->end; n++) {
			count->page[n] = (void *)(uintptr_t)at;
			at += count->stride;
		}
		count_batch(count, n);
	}
}

static void count_all(struct count *count)
{
	size_t i;

	memset(count->bytes, 0, sizeof(count->bytes));
	for (i = 0; i < count->n_runs; i++)
		count_run(count, &count->runs[i]);
}

static void add_if_big(struct count *count, const struct run *run)
{
	if (run->end - run->start < BIG_BYTES)
		return;
	if (count->n_runs == MAX_RUNS)
		die("mappings", E2BIG);
	count->runs[count->n_runs++] = *run;
}

/*
 * Guest memory is anonymous or a file of memory; a file of a disk, such as the
 * guest kernel that QEMU has read, is not. Names as in /proc/PID/maps.
 */
static int holds_memory(const char *name)
{
	static const char *const prefixes[] = { "/memfd:", "/dev/shm/",
						"/dev/hugepages",
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

/* Each line of the kernel's by itself: a thread's stack or QEMU's copy of the
 * guest's kernel may adjoin the guest's memory. */
static void find_runs(struct count *count)
{
	struct run run;
	char path[32], line[512], mode[5], name[256];
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", count->pid);
	maps = fopen(path, "r");
	if (!maps)
		die(path, errno);
	while (fgets(line, sizeof(line), maps)) {
		name[0] = '\0';
		if (sscanf(line, "%llx-%llx %4s %*s %*s %*s %255s", &run.start,
			   &run.end, mode, name) < 3)
			continue;
		if (!strncmp(mode, "rw", 2) && holds_memory(name))
			add_if_big(count, &run);
	}
	fclose(maps);
}

static void print_nodes(const struct count *count)
{
	int node;

	for (node = 0; node < MAX_NODES; node++) {
		if (count->bytes[node])
			printf("%d %llu\n", node, count->bytes[node]);
	}
}

static unsigned long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (unsigned long long)now.tv_sec * MS_PER_SEC +
	       (unsigned long long)now.tv_nsec / NS_PER_MS;
}

/* The time of a line is the one before the count. */
static void watch_for_ever(struct count *count)
{
	struct timespec pause = { (time_t)(count->watch_ms / MS_PER_SEC),
				  (long)(count->watch_ms % MS_PER_SEC *
					 NS_PER_MS) };
	int node;

	for (;;) {
		printf("%llu", now_ms());
		count_all(count);
		for (node = 0; node < MAX_NODES; node++) {
			if (count->bytes[node])
				printf(" %d:%llu", node, count->bytes[node]);
		}
		printf("\n");
		fflush(stdout);
		nanosleep(&pause, NULL);
	}
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

/* Returns false when the words make no sense. */
static int parse_words(struct count *count, int argc, char **argv)
{
	struct run *run = count->runs;
	int i = 1;

	for (; i < argc - 1; i++) {
		if (!strcmp(argv[i], "--range") && i + 2 < argc - 1) {
			run->start = number(argv[++i]) & ~(PAGE_BYTES - 1);
			run->end = number(argv[i]) + number(argv[i + 1]);
			count->n_runs = 1;
			i++;
		} else if (!strcmp(argv[i], "--stride") && i + 1 < argc - 1) {
			count->stride = number(argv[++i]) & ~(PAGE_BYTES - 1);
		} else if (!strcmp(argv[i], "--watch") && i + 1 < argc - 1) {
			count->watch_ms = number(argv[++i]);
		} else {
			return 0;
		}
	}
	if (i != argc - 1 || argv[i][0] == '-' || !count->stride)
		return 0;
	count->pid = (int)number(argv[i]);
	return 1;
}

int main(int argc, char **argv)
{
	static struct count count = { .stride = PAGE_BYTES };

	if (!parse_words(&count, argc, argv)) {
		fprintf(stderr, "usage: where [--range HVA SIZE] "
				"[--stride BYTES] [--watch MS] PID\n");
		return 2;
	}
	if (!count.n_runs)
		find_runs(&count);
	if (count.watch_ms)
		watch_for_ever(&count);
	count_all(&count);
	print_nodes(&count);
	return 0;
}
