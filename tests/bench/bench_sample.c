/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What it costs to watch vCPUs: guests of 1000 vCPUs in all, real threads that
 * are named as QEMU names its own, sampled as the daemon does each second. Prints
 * "NAME<tab>VALUE<tab>UNIT" lines for scripts/bench; no pass or fail (what can
 * fail are the counts: tests/guest/test_sample_real.c).
 *
 *   bench_sample                     all figures, in two minutes
 *   bench_sample guests N COMMAND... run COMMAND with the pids of N guests
 *   bench_sample samples PID...      take some samples of these: for callgrind,
 *                                    which cannot run a thousand threads
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "guest/sample.h"
#include "host/sys_linux.h"
#include "host/topology.h"
#include "real/calls.h"
#include "real/vcpus.h"

#define VCPUS_ALL  1000
#define GUESTS_MAX 200
#define NS_PER_S   1000000000ull

/* All that is not read each time comes round in so many. */
#define SAMPLES 64

/* The daemon sleeps between two samples, and the caches forget: so many of them
 * are taken a second apart. */
#define SECONDS 16

/* Guests and what is needed to sample them. */
struct watch {
	struct sys sys; /* the real one */
	struct topology topo; /* this host */
	pid_t pids[GUESTS_MAX]; /* the guests */
	struct sampler *samplers[GUESTS_MAX]; /* owned */
	size_t n; /* guests */
	size_t n_vcpus; /* seen in the last sample, of all guests */
	bool is_calm; /* pass over ticks in which no sample is due */
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static void watch_begin(struct watch *w)
{
	w->sys = sys_linux();
	if (topology_read(&w->sys, &w->topo, NULL))
		die("topology_read");
	for (size_t i = 0; i < w->n; i++)
		w->samplers[i] = sampler_create(&w->sys, w->pids[i]);
}

static void watch_end(struct watch *w)
{
	for (size_t i = 0; i < w->n; i++)
		sampler_destroy(w->samplers[i]);
}

static void sample_once(void *arg)
{
	struct watch *w = arg;
	const struct vcpu_sample *vcpus;
	size_t n_vcpus;

	w->n_vcpus = 0;
	for (size_t i = 0; i < w->n; i++) {
		if (w->is_calm && !sampler_is_due(w->samplers[i]))
			continue;
		if (sampler_take(w->samplers[i], &w->topo, &vcpus, &n_vcpus))
			die("sampler_take");
		w->n_vcpus += n_vcpus;
	}
}

static void sample_often(void *arg)
{
	for (int i = 0; i < SAMPLES; i++)
		sample_once(arg);
}

static void print_calls(struct watch *w, const char *shape)
{
	struct call_counts counts;
	double calls;

	if (calls_count(sample_once, sample_often, w, &counts)) {
		fprintf(stderr, "system calls: not allowed to count them\n");
		return;
	}
	calls = (double)counts.all / SAMPLES;
	printf("sampling %s: system calls\t%.0f\ta sample\n", shape, calls);
	printf("sampling %s: system calls\t%.2f\ta vCPU and sample\n", shape,
	       calls / VCPUS_ALL);
}

static void print_times(struct watch *w, const char *shape)
{
	uint64_t cpu_ns, start_ns, took_ns;

	sample_once(w);
	cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	sample_often(w);
	cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns;
	printf("sampling %s: without a pause\t%.0f\tus a sample\n", shape,
	       (double)cpu_ns / 1e3 / SAMPLES);

	start_ns = clock_ns(CLOCK_MONOTONIC);
	cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	for (int i = 0; i < SECONDS; i++) {
		sample_once(w);
		sleep(1);
	}
	cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns;
	took_ns = clock_ns(CLOCK_MONOTONIC) - start_ns;
	printf("sampling %s: each second\t%.3f\t%% of one CPU\n", shape,
	       100.0 * (double)cpu_ns / (double)took_ns);
}

static void start_guests(struct watch *w, size_t n)
{
	w->n = n;
	for (size_t i = 0; i < n; i++)
		w->pids[i] =
			vcpus_start(VCPUS_ALL / (unsigned int)n, vcpu_rest);
}

static void measure(struct watch *w, size_t n_guests)
{
	char shape[64];

	start_guests(w, n_guests);
	watch_begin(w);
	sample_once(w);
	snprintf(shape, sizeof(shape), "%zu vCPUs of %zu guest%s", w->n_vcpus,
		 n_guests, n_guests > 1 ? "s" : "");
	print_calls(w, shape);
	print_times(w, shape);
	w->is_calm = true;
	sample_often(w);
	snprintf(shape, sizeof(shape), "%d vCPUs of %zu calm guest%s",
		 VCPUS_ALL, n_guests, n_guests > 1 ? "s" : "");
	print_calls(w, shape);
	print_times(w, shape);
	w->is_calm = false;
	watch_end(w);
	for (size_t i = 0; i < w->n; i++)
		vcpus_end(w->pids[i]);
}

/* The guests live as long as the command, which is this process from now on. */
static void run_with_guests(struct watch *w, size_t n_guests, char **command,
			    size_t n_words)
{
	static char texts[GUESTS_MAX][16];
	static char *words[GUESTS_MAX + 64];

	if (n_guests == 0 || n_guests > GUESTS_MAX || n_words == 0 ||
	    n_words > 63)
		exit(2);
	start_guests(w, n_guests);
	memcpy(words, command, n_words * sizeof(*words));
	for (size_t i = 0; i < n_guests; i++) {
		snprintf(texts[i], sizeof(texts[i]), "%d", (int)w->pids[i]);
		words[n_words + i] = texts[i];
	}
	execvp(words[0], words);
	die(words[0]);
}

static void sample_pids(struct watch *w, char **pids, size_t n)
{
	w->n = n < GUESTS_MAX ? n : GUESTS_MAX;
	for (size_t i = 0; i < w->n; i++)
		w->pids[i] = atoi(pids[i]);
	watch_begin(w);
	sample_often(w);
	printf("%zu\n", w->n_vcpus * SAMPLES);
	watch_end(w);
}

/* One open file for each vCPU, as many as we may have. */
static void allow_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files))
		die("getrlimit");
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files))
		die("setrlimit");
}

int main(int argc, char **argv)
{
	static struct watch watch;

	allow_files();
	if (argc > 3 && strcmp(argv[1], "guests") == 0)
		run_with_guests(&watch, (size_t)atoi(argv[2]), argv + 3,
				(size_t)argc - 3);
	if (argc > 2 && strcmp(argv[1], "samples") == 0) {
		sample_pids(&watch, argv + 2, (size_t)argc - 2);
		return 0;
	}
	measure(&watch, GUESTS_MAX);
	measure(&watch, 1);
	return 0;
}
