/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What it costs to find out where memory lies: scans a real process of 512 MiB,
 * once of huge pages and once of 4 KiB pages, and then one with a mapping of
 * 1 TiB of which a page in every 64 GiB is there. Prints "NAME<tab>VALUE<tab>
 * UNIT" lines for scripts/bench; no pass or fail. Moves nothing.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host/sys_linux.h"
#include "host/sys_pass.h"
#include "move/measure.h"

#define NS_PER_S  1000000000ull
#define NS_PER_MS 1e6

/* A door that counts the calls through it. */
struct counter {
	struct sys_pass pass; /* first: state of the door */
	struct sys_ops ops; /* the counting door */
	struct sys sys; /* it, as it is handed out */
	uint64_t queries; /* calls of pages_where */
	uint64_t walks; /* calls of pagemap_scan and pagemap_read */
	bool is_old; /* pagemap_scan is not there */
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int count_pages_where(void *self, pid_t pid, const struct hva *pages,
			     size_t n, int *status)
{
	struct counter *c = self;
	const struct sys *in = &c->pass.inner;

	c->queries++;
	return in->ops->pages_where(in->self, pid, pages, n, status);
}

static int count_pagemap_read(void *self, int fd, struct hva start,
			      size_t n_pages, uint64_t *entries)
{
	struct counter *c = self;
	const struct sys *in = &c->pass.inner;

	c->walks++;
	return in->ops->pagemap_read(in->self, fd, start, n_pages, entries);
}

static int count_pagemap_scan(void *self, int fd, struct hva start,
			      struct hva end, struct page_run *runs, size_t cap,
			      size_t *ret_n, struct hva *ret_walk_end)
{
	struct counter *c = self;
	const struct sys *in = &c->pass.inner;

	if (c->is_old)
		return -ENOTTY;
	c->walks++;
	return in->ops->pagemap_scan(in->self, fd, start, end, runs, cap, ret_n,
				     ret_walk_end);
}

/* is_old: as before Linux 6.7, without PAGEMAP_SCAN. */
static void counter_init(struct counter *c, bool is_old)
{
	*c = (struct counter) { .ops = sys_pass_ops() };
	c->pass.inner = sys_linux();
	c->ops.pages_where = count_pages_where;
	c->is_old = is_old;
	c->ops.pagemap_scan = count_pagemap_scan;
	c->ops.pagemap_read = count_pagemap_read;
	c->sys = (struct sys) { .ops = &c->ops, .self = c };
}

/* A field of /proc/self/status that is in KiB. */
static uint64_t status_kib(const char *field)
{
	FILE *file = fopen("/proc/self/status", "re");
	unsigned long long value = 0;
	char line[256];

	if (!file)
		die("/proc/self/status");
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, field, strlen(field)))
			sscanf(line + strlen(field), ":%llu", &value);
	fclose(file);
	return value;
}

/* VmHWM counts from here on. */
static void reset_peak(void)
{
	FILE *file = fopen("/proc/self/clear_refs", "we");

	if (!file)
		die("/proc/self/clear_refs");
	fputs("5", file);
	fclose(file);
}

/* A child that has this memory until it is killed. The mapping is made here, so
 * that its address is known, and only the child touches it. */
static pid_t start_target(char *at, uint64_t size_bytes, uint64_t step_bytes)
{
	int ready[2];
	pid_t pid;
	char byte;

	if (pipe(ready))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		for (uint64_t i = 0; i < size_bytes; i += step_bytes)
			at[i] = 1;
		if (write(ready[1], "r", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		die("the child");
	close(ready[0]);
	return pid;
}

static struct guest_map *map_of(char *at, uint64_t size_bytes)
{
	struct region region = {
		.size_bytes = size_bytes,
		.hva = { (uint64_t)(uintptr_t)at },
		.page_bytes = PAGE_4K_BYTES,
		.backing = BACKING_ANON,
		.block = "ram",
	};
	struct guest_map *map;

	if (guest_map_build(&region, 1, &map, NULL))
		die("guest_map_build");
	return map;
}

static char *map_target(uint64_t size_bytes, int advice)
{
	char *at =
		mmap(NULL, size_bytes + PAGE_2M_BYTES, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		die("mmap");
	at += PAGE_2M_BYTES - (uintptr_t)at % PAGE_2M_BYTES;
	if (madvise(at, size_bytes, advice))
		die("madvise");
	return at;
}

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* Memory to be scanned. */
struct target {
	const char *name; /* printed */
	uint64_t size_bytes; /* of the mapping */
	uint64_t step_bytes; /* the child touches a byte in so many */
	int advice; /* madvise(2): which pages */
	bool is_old; /* scan as before Linux 6.7 */
	struct measure_ask ask; /* how to count */
};

static void print_scan(const struct target *target, uint64_t took_ns,
		       uint64_t addresses, uint64_t calls, uint64_t peak_kib)
{
	double gib = (double)target->size_bytes / (double)GIB;

	printf("scan, %s: CPU time\t%.3f\tms per GiB\n", target->name,
	       (double)took_ns / NS_PER_MS / gib);
	printf("scan, %s: addresses asked\t%.1f\tper GiB\n", target->name,
	       (double)addresses / gib);
	printf("scan, %s: queries and pagemap walks\t%.2f\tper GiB\n",
	       target->name, (double)calls / gib);
	printf("scan, %s: memory used by the scanner\t%llu\tKiB\n",
	       target->name, (unsigned long long)peak_kib);
}

static void measure(const struct target *target)
{
	char *at = map_target(target->size_bytes, target->advice);
	struct identity identity = { .pid = start_target(at, target->size_bytes,
							 target->step_bytes) };
	struct guest_map *map = map_of(at, target->size_bytes);
	struct measure m = { 0 };
	struct counter counter;
	uint64_t before_kib, start_ns;

	counter_init(&counter, target->is_old);
	if (counter.sys.ops->open_process(&counter, identity.pid,
					  &identity.pidfd))
		die("pidfd_open");
	reset_peak();
	before_kib = status_kib("VmRSS");
	start_ns = cpu_ns();
	if (measure_guest(&counter.sys, &identity, map, target->ask, &m))
		die("measure_guest");
	print_scan(target, cpu_ns() - start_ns, m.queried_pages,
		   counter.queries + counter.walks,
		   status_kib("VmHWM") - before_kib);
	measure_finish(&m);
	guest_map_unref(map);
	identity_close(&counter.sys, &identity);
	kill(identity.pid, SIGKILL);
	waitpid(identity.pid, NULL, 0);
}

/* Each scan with a heap of its own, so that none uses what another freed. */
static void in_child(const struct target *target)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		measure(target);
		exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		exit(1);
}

int main(void)
{
	static const struct target targets[] = {
		{ "2 MiB pages",
		  512 * MIB,
		  PAGE_4K_BYTES,
		  MADV_HUGEPAGE,
		  false,
		  { 0 } },
		{ "4 KiB pages",
		  512 * MIB,
		  PAGE_4K_BYTES,
		  MADV_NOHUGEPAGE,
		  false,
		  { 0 } },
		{ "4 KiB pages, exact",
		  512 * MIB,
		  PAGE_4K_BYTES,
		  MADV_NOHUGEPAGE,
		  false,
		  { .is_exact = true } },
		{ "1 TiB with 16 pages in it",
		  TIB,
		  64 * GIB,
		  MADV_NOHUGEPAGE,
		  false,
		  { 0 } },
		{ "2 MiB pages, before Linux 6.7",
		  512 * MIB,
		  PAGE_4K_BYTES,
		  MADV_HUGEPAGE,
		  true,
		  { 0 } },
		{ "1 TiB with 16 pages in it, before Linux 6.7",
		  TIB,
		  64 * GIB,
		  MADV_NOHUGEPAGE,
		  true,
		  { 0 } },
	};

	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
		in_child(&targets[i]);
	return 0;
}
