/* SPDX-License-Identifier: Apache-2.0 */
#include "real/vcpus.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* A thousand of them take little memory. */
#define STACK_SIZE (64 * 1024)

/* What a thread is given; never freed, the process is killed. */
struct vcpu {
	unsigned int id; /* its number */
	vcpu_fn *fn; /* what it does */
	pthread_barrier_t *named; /* all have their names */
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void *be_vcpu(void *arg)
{
	const struct vcpu *vcpu = arg;
	char name[16];

	snprintf(name, sizeof(name), "CPU %u/KVM", vcpu->id);
	prctl(PR_SET_NAME, name);
	pthread_barrier_wait(vcpu->named);
	for (;;)
		vcpu->fn(vcpu->id);
	return NULL;
}

void vcpu_rest(unsigned int vcpu)
{
	pause();
}

/* What the child does for ever. */
static void be_guest(unsigned int n_vcpus, vcpu_fn *fn, int ready_fd)
{
	struct vcpu *vcpus = calloc(n_vcpus, sizeof(*vcpus));
	pthread_barrier_t named;
	pthread_attr_t attr;
	pthread_t thread;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	pthread_barrier_init(&named, NULL, n_vcpus + 1);
	for (unsigned int i = 0; vcpus && i < n_vcpus; i++) {
		vcpus[i] = (struct vcpu) { i, fn, &named };
		if (pthread_create(&thread, &attr, be_vcpu, &vcpus[i]))
			_exit(1);
	}
	pthread_barrier_wait(&named);
	if (write(ready_fd, "r", 1) == 1)
		for (;;)
			pause();
	_exit(1);
}

pid_t vcpus_start(unsigned int n_vcpus, vcpu_fn *fn)
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
		be_guest(n_vcpus, fn, ready[1]);
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		die("starting threads");
	close(ready[0]);
	return pid;
}

void vcpus_end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
