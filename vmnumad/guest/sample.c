/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file tells all that a sample needs: /proc/PID/task/TID/stat has the CPU
 * (field 39) and the time that the thread ran (14 and 15, which add up to the
 * scheduler's exact sum, rounded to ticks of 10 ms). schedstat has nanoseconds,
 * but would be a second read for each vCPU, and over a tick of a second the
 * rounding is 1 % of the weight of one sample. To read schedstat, which costs a
 * third, and stat only of those that ran, gains nothing either: an idle guest's
 * vCPUs still wake up several times a second. The files stay open: a pread(2)
 * takes less than half of open, read and close, and an open file of a dead
 * thread says ESRCH whatever its number is used for next. What it costs:
 * tests/bench/bench_sample.c.
 */
#include "guest/sample.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/proc_text.h"
#include "host/topology.h"
#include "qmp/query.h"
#include "sys.h"
#include "xalloc.h"

#define NS_PER_S 1000000000ull

/* Cpus_allowed of 8192 CPUs alone takes 2.3 KiB. */
#define STATUS_SIZE   16384
#define CPU_LIST_SIZE 8192

/* What belongs to the sample of the same index and is ours alone. */
struct thread {
	int stat_fd; /* owned: /proc/PID/task/TID/stat */
	uint64_t affinity_tick; /* when it was read, 0 never */
};

/* Which thread a vCPU is, in QEMU's words. */
struct hint {
	int id; /* vCPU */
	pid_t tid; /* thread */
};

struct sampler {
	const struct sys *sys; /* borrowed */
	pid_t pid; /* the process */
	uint64_t tick_ns; /* length of a tick in /proc */
	struct vcpu_sample *samples; /* owned, n_max of them, sorted by id */
	struct thread *threads; /* owned: the same index as samples */
	size_t n; /* vCPUs now */
	size_t n_max; /* room */
	struct hint *hints; /* owned */
	size_t n_hints; /* length of hints */
	uint64_t n_ticks; /* ticks so far */
	uint64_t taken_tick; /* number of the tick of the last sample */
	unsigned int n_same; /* samples in a row that showed the same */
	bool is_list_due; /* threads came or went */
	bool is_affinity_due; /* of all vCPUs */
	struct node_mask main_mems; /* nodes that the main thread's cpuset
				     * lets it use */
};

struct sampler *sampler_create(const struct sys *sys, pid_t pid)
{
	struct sampler *s = xcalloc(1, sizeof(*s));
	long hz = sysconf(_SC_CLK_TCK);

	s->sys = sys;
	s->pid = pid;
	s->tick_ns = NS_PER_S / (hz > 0 ? (uint64_t)hz : 100);
	s->is_list_due = true;
	return s;
}

void sampler_destroy(struct sampler *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++)
		s->sys->ops->close_fd(s->sys->self, s->threads[i].stat_fd);
	free(s->samples);
	free(s->threads);
	free(s->hints);
	free(s);
}

void sampler_set_hint(struct sampler *s, const struct qmp_cpus *cpus)
{
	s->n_hints = cpus->n < SAMPLE_VCPUS_MAX ? cpus->n : SAMPLE_VCPUS_MAX;
	s->hints = xreallocarray(s->hints, s->n_hints, sizeof(s->hints[0]));
	for (size_t i = 0; i < s->n_hints; i++)
		s->hints[i] = (struct hint) { (int)cpus->cpus[i].index,
					      cpus->cpus[i].tid };
	if (s->n == 0)
		s->is_list_due = true;
}

void sampler_refresh_affinity(struct sampler *s)
{
	s->is_affinity_due = true;
	s->n_same = 0;
}

void sampler_refresh(struct sampler *s)
{
	s->is_list_due = true;
	s->is_affinity_due = true;
	s->n_same = 0;
}

/* The index where a vCPU of this id is or would be. */
static size_t find_slot(const struct sampler *s, int id)
{
	size_t low = 0;
	size_t high = s->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->samples[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void open_slot(struct sampler *s, size_t at)
{
	if (s->n == s->n_max) {
		s->n_max = s->n_max ? 2 * s->n_max : 8;
		s->samples = xreallocarray(s->samples, s->n_max,
					   sizeof(s->samples[0]));
		s->threads = xreallocarray(s->threads, s->n_max,
					   sizeof(s->threads[0]));
	}
	memmove(&s->samples[at + 1], &s->samples[at],
		(s->n - at) * sizeof(s->samples[0]));
	memmove(&s->threads[at + 1], &s->threads[at],
		(s->n - at) * sizeof(s->threads[0]));
	s->n++;
}

static void drop_slot(struct sampler *s, size_t at)
{
	s->n_same = 0;
	s->sys->ops->close_fd(s->sys->self, s->threads[at].stat_fd);
	s->n--;
	memmove(&s->samples[at], &s->samples[at + 1],
		(s->n - at) * sizeof(s->samples[0]));
	memmove(&s->threads[at], &s->threads[at + 1],
		(s->n - at) * sizeof(s->threads[0]));
}

/* A path below /proc/PID/task, so that what is read is this process' thread
 * whatever number QEMU gave. */
static void task_path(const struct sampler *s, pid_t tid, const char *file,
		      char *path, size_t size)
{
	snprintf(path, size, "/proc/%d/task/%d/%s", (int)s->pid, (int)tid,
		 file);
}

/* A second thread of the same name is not believed. A thread that is gone
 * again, or that we have no descriptor left for, is left out this time. */
static void add_vcpu(struct sampler *s, int id, pid_t tid)
{
	size_t at = find_slot(s, id);
	char path[64];
	int fd;

	if (s->n == SAMPLE_VCPUS_MAX || (at < s->n && s->samples[at].id == id))
		return;
	task_path(s, tid, "stat", path, sizeof(path));
	if (s->sys->ops->open_file(s->sys->self, path, &fd))
		return;
	open_slot(s, at);
	s->n_same = 0;
	s->samples[at] = (struct vcpu_sample) { .id = id,
						.tid = tid,
						.node = NODE_NONE };
	s->threads[at] = (struct thread) { .stat_fd = fd };
}

static bool is_known(const struct sampler *s, pid_t tid)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->samples[i].tid == tid)
			return true;
	return false;
}

static int on_task(void *arg, const char *name)
{
	struct sampler *s = arg;
	char path[64];
	char comm[PROC_NAME_SIZE];
	unsigned int id;
	size_t len;
	pid_t tid = (pid_t)strtol(name, NULL, 10);

	if (tid <= 0 || is_known(s, tid))
		return 0;
	task_path(s, tid, "comm", path, sizeof(path));
	if (!s->sys->ops->read_file(s->sys->self, path, comm, sizeof(comm),
				    &len) &&
	    !proc_comm_vcpu(comm, &id))
		add_vcpu(s, (int)id, tid);
	return 0;
}

static int list_threads(struct sampler *s)
{
	char path[64];
	int err;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)s->pid);
	err = s->sys->ops->each_entry(s->sys->self, path, on_task, s);
	if (err)
		return err == -ENOENT ? -ESRCH : err;
	if (s->n == 0)
		for (size_t i = 0; i < s->n_hints; i++)
			add_vcpu(s, s->hints[i].id, s->hints[i].tid);
	s->is_list_due = false;
	return 0;
}

/* A thread whose affinity cannot be read may run anywhere. */
static void read_affinity(struct sampler *s, size_t at,
			  const struct topology *topo)
{
	struct vcpu_sample *v = &s->samples[at];
	const struct vcpu_sample before = *v;
	char path[64];
	char text[STATUS_SIZE];
	char cpus[CPU_LIST_SIZE];
	size_t len;

	s->threads[at].affinity_tick = s->n_ticks;
	v->allowed = topo->has_cpu;
	v->mems_allowed = topo->has_memory;
	task_path(s, v->tid, "status", path, sizeof(path));
	if (!s->sys->ops->read_file(s->sys->self, path, text, sizeof(text),
				    &len)) {
		proc_status_mems(text, &v->mems_allowed);
		if (!proc_status_field(text, "Cpus_allowed_list", cpus,
				       sizeof(cpus)))
			topology_nodes_of_cpulist(topo, cpus, &v->allowed,
						  NULL);
	}
	if (v->allowed.bits != before.allowed.bits ||
	    v->mems_allowed.bits != before.mems_allowed.bits)
		s->n_same = 0;
}

static void read_main_mems(struct sampler *s, const struct topology *topo)
{
	const struct node_mask before = s->main_mems;
	char path[64];
	char text[STATUS_SIZE];
	size_t len;

	s->main_mems = topo->has_memory;
	task_path(s, s->pid, "status", path, sizeof(path));
	if (!s->sys->ops->read_file(s->sys->self, path, text, sizeof(text),
				    &len))
		proc_status_mems(text, &s->main_mems);
	if (s->main_mems.bits != before.bits)
		s->n_same = 0;
}

/* -ESRCH: the thread is gone. */
static int read_stat(struct sampler *s, size_t at, const struct topology *topo)
{
	struct vcpu_sample *v = &s->samples[at];
	int before = v->node;
	char text[1024];
	struct proc_stat stat;
	size_t len;
	int err = s->sys->ops->read_fd(s->sys->self, s->threads[at].stat_fd,
				       text, sizeof(text), &len);

	if (!err)
		err = proc_stat_parse(text, &stat);
	if (err)
		return -ESRCH;
	v->cpu = stat.last_cpu;
	v->node = topology_node_of_cpu(topo, stat.last_cpu);
	v->run_ns = (stat.user_ticks + stat.system_ticks) * s->tick_ns;
	if (v->node != before)
		s->n_same = 0;
	return 0;
}

/* Has the turn of what is done on every so many ticks come since the sample
 * before? shift spreads such turns over the ticks. */
static bool is_turn(const struct sampler *s, uint64_t shift, uint64_t every)
{
	return (s->n_ticks + shift) / every != (s->taken_tick + shift) / every;
}

/* Spread over the samples, so that none is much dearer than the others. */
static bool is_affinity_due(const struct sampler *s, size_t at, bool has_moved)
{
	uint64_t tick = s->threads[at].affinity_tick;

	return s->is_affinity_due || tick == 0 ||
	       (has_moved && s->n_ticks - tick >= SAMPLE_AFFINITY_REST) ||
	       is_turn(s, (uint64_t)s->samples[at].id, SAMPLE_AFFINITY_EVERY);
}

bool sampler_is_due(struct sampler *s)
{
	s->n_ticks++;
	return s->is_list_due || s->is_affinity_due ||
	       s->n_same < SAMPLE_CALM ||
	       s->n_ticks - s->taken_tick >= SAMPLE_STRETCH;
}

int sampler_take(struct sampler *s, const struct topology *topo,
		 const struct vcpu_sample **ret_vcpus, size_t *ret_n)
{
	bool is_thread_gone = false;
	size_t i = 0;
	int err;

	if (s->n_ticks == s->taken_tick)
		s->n_ticks++;
	s->n_same++;
	if (s->is_list_due || is_turn(s, 0, SAMPLE_LIST_EVERY)) {
		err = list_threads(s);
		if (err)
			return err;
	}
	if (s->is_affinity_due ||
	    is_turn(s, SAMPLE_MEMS_EVERY - 1, SAMPLE_MEMS_EVERY))
		read_main_mems(s, topo);
	while (i < s->n) {
		int node = s->samples[i].node;

		if (read_stat(s, i, topo)) {
			drop_slot(s, i);
			is_thread_gone = true;
			continue;
		}
		if (is_affinity_due(s, i, s->samples[i].node != node))
			read_affinity(s, i, topo);
		i++;
	}
	s->is_affinity_due = false;
	s->is_list_due = is_thread_gone;
	s->taken_tick = s->n_ticks;
	*ret_vcpus = s->samples;
	*ret_n = s->n;
	return 0;
}

/* A thread is never left without any node. */
static struct node_mask change(struct node_mask mems, struct node_mask add,
			       struct node_mask remove)
{
	struct node_mask left = { (mems.bits | add.bits) & ~remove.bits };

	return node_mask_is_empty(left) ? mems : left;
}

struct node_mask sampler_mems_after(const struct sampler *s,
				    struct node_mask add,
				    struct node_mask remove)
{
	struct node_mask main = change(s->main_mems, add, remove);
	struct node_mask mems = main;

	for (size_t i = 0; i < s->n; i++)
		mems.bits &=
			change(s->samples[i].mems_allowed, add, remove).bits;
	return node_mask_is_empty(mems) ? main : mems;
}

struct node_mask sampler_mems_allowed(const struct sampler *s)
{
	return sampler_mems_after(s, (struct node_mask) { 0 },
				  (struct node_mask) { 0 });
}
