/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What it costs to watch vCPUs: this process plays guests of 1000 vCPUs in all,
 * threads named "CPU n/KVM", and samples them as the daemon does each second,
 * often enough to take in the readings that are not made every time. Prints
 * "NAME<tab>VALUE<tab>UNIT" lines for scripts/bench; no pass or fail.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest/sample.h"
#include "host/sys_linux.h"
#include "host/topology.h"

#define VCPUS_ALL  1000
#define GUESTS_MAX 200
#define SAMPLES    64
#define STACK_SIZE (64 * 1024)
#define NS_PER_S   1000000000ull

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void *be_vcpu(void *arg)
{
	char name[16];

	snprintf(name, sizeof(name), "CPU %u/KVM", *(unsigned int *)arg);
	prctl(PR_SET_NAME, name);
	pause();
	return NULL;
}

/* What a child does for ever: it is one guest. */
static void be_guest(unsigned int n_vcpus, int ready_fd)
{
	static unsigned int ids[VCPUS_ALL];
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	for (unsigned int i = 0; i < n_vcpus; i++) {
		ids[i] = i;
		if (pthread_create(&thread, &attr, be_vcpu, &ids[i]))
			die("pthread_create");
	}
	if (write(ready_fd, "r", 1) == 1)
		pause();
	_exit(1);
}

static pid_t start_guest(unsigned int n_vcpus)
{
	int ready[2];
	pid_t pid;
	char byte;

	if (pipe(ready))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0)
		be_guest(n_vcpus, ready[1]);
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		die("the child");
	close(ready[0]);
	return pid;
}

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static size_t sample_all(struct sampler **samplers, size_t n,
			 const struct topology *topo)
{
	const struct vcpu_sample *vcpus;
	size_t seen = 0, n_vcpus;

	for (size_t i = 0; i < n; i++) {
		if (sampler_take(samplers[i], topo, &vcpus, &n_vcpus))
			die("sampler_take");
		seen += n_vcpus;
	}
	return seen;
}

static void measure(unsigned int n_guests)
{
	static struct sampler *samplers[GUESTS_MAX];
	static pid_t pids[GUESTS_MAX];
	struct sys sys = sys_linux();
	struct topology topo;
	uint64_t start_ns;
	double took_us;
	size_t seen = 0;

	if (topology_read(&sys, &topo, NULL))
		die("topology_read");
	for (unsigned int i = 0; i < n_guests; i++) {
		pids[i] = start_guest(VCPUS_ALL / n_guests);
		samplers[i] = sampler_create(&sys, pids[i]);
	}
	usleep(200000); /* until all threads have their names */
	sample_all(samplers, n_guests, &topo);
	start_ns = cpu_ns();
	for (int i = 0; i < SAMPLES; i++)
		seen += sample_all(samplers, n_guests, &topo);
	took_us = (double)(cpu_ns() - start_ns) / 1e3 / SAMPLES;
	printf("sampling %u guests, %zu vCPUs in all\t%.0f\tus\n", n_guests,
	       seen / SAMPLES, took_us);
	printf("the same each second\t%.3f\t%% of one CPU\n", took_us / 1e4);
	for (unsigned int i = 0; i < n_guests; i++) {
		sampler_destroy(samplers[i]);
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
}

int main(void)
{
	struct rlimit files = { 4096, 4096 };

	if (setrlimit(RLIMIT_NOFILE, &files))
		die("setrlimit");
	measure(GUESTS_MAX);
	measure(1);
	return 0;
}
