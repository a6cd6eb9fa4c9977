/* SPDX-License-Identifier: Apache-2.0 */
/* A QEMU of two vCPUs on a fake host of two nodes, as the tests of
 * guest/sample.c see it. */
#ifndef TESTS_GUEST_SAMPLE_SCENE_H
#define TESTS_GUEST_SAMPLE_SCENE_H

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "fake_sys.h"
#include "guest/sample.h"
#include "host/topology.h"

#define PID     500
#define TICK_NS 10000000ull

/* Two nodes of four CPUs. */
struct scene {
	struct fake_sys *host;
	struct sys sys;
	struct topology topo;
	struct sampler *sampler;
	const struct vcpu_sample *vcpus;
	size_t n;
};

static inline void set_stat(struct scene *s, pid_t tid, unsigned int ticks,
			    int cpu)
{
	char path[64];
	char text[256];

	snprintf(path, sizeof(path), "/proc/500/task/%d/stat", (int)tid);
	snprintf(text, sizeof(text),
		 "%d (CPU 0/KVM) S 1 1 1 0 -1 0 0 0 0 0 %u 1 0 0 20 0 1 0 7 1 "
		 "1 1 1 1 1 1 1 1 1 1 1 1 0 0 17 %d 0 0 0 0 0 0 0 0 0 0 0 0 "
		 "0\n",
		 (int)tid, ticks - 1, cpu);
	fake_file(s->host, path, text);
}

static inline void set_affinity(struct scene *s, pid_t tid, const char *cpus,
				const char *mems)
{
	char path[64];
	char text[256];

	snprintf(path, sizeof(path), "/proc/500/task/%d/status", (int)tid);
	snprintf(text, sizeof(text),
		 "Name:\tCPU 0/KVM\nUid:\t64055\t64055\t64055\t64055\n"
		 "Cpus_allowed:\tff\nCpus_allowed_list:\t%s\n"
		 "Mems_allowed:\t3\nMems_allowed_list:\t%s\n",
		 cpus, mems);
	fake_file(s->host, path, text);
}

static inline void set_thread(struct scene *s, pid_t tid, const char *comm)
{
	char path[64];
	char text[64];

	snprintf(path, sizeof(path), "/proc/500/task/%d/comm", (int)tid);
	snprintf(text, sizeof(text), "%s\n", comm);
	fake_file(s->host, path, text);
	set_stat(s, tid, 1, 0);
	set_affinity(s, tid, "0-7", "0-1");
}

static inline void remove_thread(struct scene *s, pid_t tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/500/task/%d/", (int)tid);
	fake_file_remove(s->host, path);
}

/* Two vCPUs among the other threads of a QEMU, in the order of creation. */
static inline void scene_begin(struct scene *s)
{
	memset(s, 0, sizeof(*s));
	s->host = fake_sys_create(FAKE_LINUX_6_12);
	s->sys = fake_sys_door(s->host);
	s->topo.online.bits = 3;
	s->topo.has_cpu.bits = 3;
	s->topo.has_memory.bits = 3;
	memset(s->topo.node_of_cpu, NODE_NONE, sizeof(s->topo.node_of_cpu));
	for (int cpu = 0; cpu < 8; cpu++)
		s->topo.node_of_cpu[cpu] = (int8_t)(cpu / 4);
	set_thread(s, 500, "qemu-system-x86");
	set_thread(s, 501, "qemu-system-x86");
	set_thread(s, 503, "CPU 1/KVM");
	set_thread(s, 502, "CPU 0/KVM");
	set_thread(s, 504, "IO mon_iothread");
	s->sampler = sampler_create(&s->sys, PID);
}

static inline void take(struct scene *s)
{
	ck_assert_int_eq(sampler_take(s->sampler, &s->topo, &s->vcpus, &s->n),
			 0);
}

static inline void scene_end(struct scene *s)
{
	sampler_destroy(s->sampler);
	ck_assert_uint_eq(fake_open_handles(s->host), 0);
	fake_sys_destroy(s->host);
}

#endif
