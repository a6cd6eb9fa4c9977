/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting vCPUs; see feel.h. */
#include "move/feel.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Weight of the newest of many pauses in what is calm, if all are as long. */
#define SMOOTHING 0.3

/*
 * The CPU of one vCPU is taken when one of them waits for so much of a call,
 * or several do together. A mover that shares a busy CPU has half of it; spread
 * over all vCPUs of a large guest that would be little.
 */
#define CROWDED 0.3

/* vCPUs that run for so much of the time are taken to have their CPUs to
 * themselves: a mover on them would only be in the way. */
#define RAN_MUCH 0.5

/* Who ran for less of the time than that had nothing to lose. */
#define WORKED_LEAST 0.05

/* What one kick costs each vCPU: to leave the guest, flush its TLB and come
 * back. An order of magnitude for x86 servers (an exit and a re-entry are 1 us
 * or so, the flush and what it evicts as much again), not a measurement. */
#define KICK_NS 2000.0

/* What open_vcpu() needs. */
struct opening {
	struct feel *feel; /* to be filled */
	pid_t pid; /* whose threads */
};

/* sys_entry_fn: open the schedstat of a thread that is a vCPU. */
static int open_vcpu(void *arg, const char *tid)
{
	struct opening *opening = arg;
	struct feel *feel = opening->feel;
	char path[64], comm[32];
	size_t len;

	if (feel->n == FEEL_VCPUS_MAX)
		return 1;
	snprintf(path, sizeof(path), "/proc/%d/task/%.10s/comm",
		 (int)opening->pid, tid);
	if (feel->sys.ops->read_file(feel->sys.self, path, comm, sizeof(comm),
				     &len) < 0 ||
	    strncmp(comm, "CPU ", 4) != 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/task/%.10s/schedstat",
		 (int)opening->pid, tid);
	if (feel->sys.ops->open_file(feel->sys.self, path,
				     &feel->fds[feel->n]) < 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/task/%.10s/stat",
		 (int)opening->pid, tid);
	if (feel->sys.ops->open_file(feel->sys.self, path,
				     &feel->stat_fds[feel->n]) < 0)
		feel->stat_fds[feel->n] = -1;
	feel->n++;
	return 0;
}

void feel_init(struct feel *feel, const struct sys *sys, pid_t pid)
{
	struct opening opening = { .feel = feel, .pid = pid };
	char path[32];

	*feel = (struct feel) { .sys = *sys };
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	sys->ops->each_entry(sys->self, path, open_vcpu, &opening);
	kvm_stats_find(&feel->kvm, sys, pid);
}

void feel_finish(struct feel *feel)
{
	for (size_t i = 0; i < feel->n; i++) {
		feel->sys.ops->close_fd(feel->sys.self, feel->fds[i]);
		if (feel->stat_fds[i] >= 0)
			feel->sys.ops->close_fd(feel->sys.self,
						feel->stat_fds[i]);
	}
	*feel = (struct feel) { 0 };
}

/* Time that vCPUs had a CPU and waited for one, all together. */
struct times {
	uint64_t run_ns;
	uint64_t delay_ns;
};

/* "run-ns delay-ns slices"; threads that have ended no longer count. */
static struct times read_times(const struct feel *feel)
{
	struct times sum = { 0 };
	uint64_t run_ns, delay_ns;
	char text[64];
	size_t len;

	for (size_t i = 0; i < feel->n; i++)
		if (feel->sys.ops->read_fd(feel->sys.self, feel->fds[i], text,
					   sizeof(text), &len) == 0 &&
		    sscanf(text, "%" SCNu64 " %" SCNu64, &run_ns, &delay_ns) ==
			    2) {
			sum.run_ns += run_ns;
			sum.delay_ns += delay_ns;
		}
	return sum;
}

/* How much of took_ns a counter of all vCPUs has grown by. */
static double mean_share(const struct feel *feel, uint64_t before_ns,
			 uint64_t after_ns, double took_ns)
{
	if (feel->n == 0 || after_ns < before_ns)
		return 0;
	return (double)(after_ns - before_ns) / ((double)feel->n * took_ns);
}

/* Kicks since the last reading. A counter that cannot be read, or went
 * backwards, has not grown. */
static uint64_t read_kicks(struct feel *feel)
{
	uint64_t before = feel->kicks, now;

	now = kvm_stats_read(&feel->kvm, "remote_tlb_flush");
	if (now == KVM_STAT_UNKNOWN)
		return 0;
	feel->kicks = now;
	return now > before ? now - before : 0;
}

/* Shares of the time since the last reading that a vCPU did not run the guest.
 * A kick reaches all vCPUs. */
static struct feel_shares read_shares(struct feel *feel, uint64_t now_ns)
{
	struct times now = read_times(feel);
	uint64_t kicks = read_kicks(feel);
	struct feel_shares shares = { 0 };
	double took_ns = (double)(now_ns - feel->at_ns);

	if (feel->at_ns && now_ns > feel->at_ns) {
		shares.ran =
			mean_share(feel, feel->run_ns, now.run_ns, took_ns);
		shares.waited =
			mean_share(feel, feel->delay_ns, now.delay_ns, took_ns);
		shares.kicked = (double)kicks * KICK_NS / took_ns;
	}
	feel->at_ns = now_ns;
	feel->run_ns = now.run_ns;
	feel->delay_ns = now.delay_ns;
	return shares;
}

static bool is_blind(const struct feel *feel)
{
	return feel->n == 0 && !feel->kvm.is_known;
}

void feel_look(struct feel *feel, uint64_t now_ns)
{
	if (!is_blind(feel))
		read_shares(feel, now_ns);
}

/* A pause counts for as much as it is long: of a short one little is known, as the
 * kernel accounts for a running thread some hundred times a second. */
static void learn_calm(struct feel *feel, const struct feel_shares *now,
		       double took_ns)
{
	struct feel_shares *calm = &feel->calm;
	double weight;

	feel->calm_ns = feel->calm_ns * (1 - SMOOTHING) + took_ns;
	weight = took_ns / feel->calm_ns;
	calm->ran += weight * (now->ran - calm->ran);
	calm->waited += weight * (now->waited - calm->waited);
	calm->kicked += weight * (now->kicked - calm->kicked);
}

void feel_begin_call(struct feel *feel, uint64_t now_ns)
{
	uint64_t before_ns = feel->at_ns;
	struct feel_shares now;

	if (is_blind(feel))
		return;
	now = read_shares(feel, now_ns);
	if (before_ns && now_ns > before_ns)
		learn_calm(feel, &now, (double)(now_ns - before_ns));
}

static bool has_calm(const struct feel *feel)
{
	return feel->calm_ns > 0;
}

static double clamp(double share)
{
	if (share < 0)
		return 0;
	return share > 1 ? 1 : share;
}

unsigned int feel_end_call(struct feel *feel, bool in_place, uint64_t now_ns)
{
	double took_ns = (double)(now_ns - feel->at_ns);
	struct feel_shares now;
	double waited, kicked, idled;

	if (is_blind(feel))
		return 0;
	now = read_shares(feel, now_ns);
	waited = in_place ? 0 : now.waited - feel->calm.waited;
	kicked = now.kicked - feel->calm.kicked;
	/* who waits for a page sleeps: that is not waiting for a CPU */
	idled = feel->calm.ran - now.ran;
	if (has_calm(feel))
		feel->lost_ns += took_ns * clamp(clamp(idled) + clamp(kicked));
	if (has_calm(feel) && waited * (double)feel->n > CROWDED)
		feel->is_crowded = true;
	return (unsigned int)(clamp(waited + kicked) * 1000);
}

bool feel_lost(const struct feel *feel, uint64_t long_ns,
	       unsigned int *ret_lost)
{
	double work_ns = feel->calm.ran * (double)long_ns;

	if (!has_calm(feel) || feel->calm.ran < WORKED_LEAST || work_ns <= 0)
		return false;
	*ret_lost = (unsigned int)(clamp(feel->lost_ns / work_ns) * 1000);
	return true;
}

bool feel_is_busy(const struct feel *feel)
{
	return feel->n > 0 && has_calm(feel) && feel->calm.ran >= RAN_MUCH;
}

/* Fields 39 and 40 of proc_pid_stat(5); what stands before the last ')', the
 * thread's name, is QEMU's to choose. */
static int parse_cpu(const char *text)
{
	const char *at = strrchr(text, ')');
	unsigned int rt_priority;
	int cpu;

	for (int field = 3; at && field <= 39; field++)
		at = strchr(at + 1, ' ');
	if (!at || sscanf(at, " %d %u", &cpu, &rt_priority) != 2 || cpu < 0)
		return -EINVAL;
	return rt_priority ? -EBUSY : cpu;
}

int feel_cpu(const struct feel *feel, unsigned int vcpu)
{
	char text[1024];
	size_t len;
	int err;

	if (feel->stat_fds[vcpu] < 0)
		return -ENOENT;
	err = feel->sys.ops->read_fd(feel->sys.self, feel->stat_fds[vcpu], text,
				     sizeof(text), &len);
	return err ? err : parse_cpu(text);
}

/* No vCPU that has run never waited: no delay at all means that the kernel does
 * not count it. */
static bool has_idle_cpus(const struct feel *feel)
{
	return feel->n > 0 && feel->delay_ns > 0 && has_calm(feel) &&
	       feel->calm.ran < RAN_MUCH &&
	       feel->calm.waited * (double)feel->n < CROWDED;
}

struct seat feel_seat(const struct feel *feel, int to)
{
	if (feel->is_crowded || feel_is_busy(feel))
		return (struct seat) { .where = SEAT_OFF_NODE, .node = to };
	if (has_idle_cpus(feel))
		return (struct seat) { .where = SEAT_ON_NODE, .node = to };
	return (struct seat) { .where = SEAT_ANY };
}
