/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Would scheduler events be a better way to watch vCPUs than to sample them? A
 * thread is moved from CPU to CPU again and again, and woken where it is,
 * without anybody watching and with each kind of event; the difference is what
 * an event costs, to the guest's CPUs and to the reader together. Beside it, in
 * the same run, what a sample costs. (The event of a thread is written when it
 * runs again, so its price is in the wakes.) Prints "NAME<tab>VALUE<tab>UNIT" lines; no
 * pass or fail. Root, and tracefs for the tracepoint:
 *
 *   unshare -m sh -c 'mount -t tracefs t /sys/kernel/tracing; exec bench_sched'
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS     200
#define TIMES      500 /* in each round, of each kind */
#define RINGS_MAX  1024
#define RING_PAGES 8 /* a power of two; records of 5 s at a hundred a second */
#define ID_FILE    "/sys/kernel/tracing/events/sched/sched_migrate_task/id"

/* How vCPUs may be watched. */
enum kind {
	KIND_NONE, /* not at all: what the rest is compared with */
	KIND_THREAD, /* PERF_COUNT_SW_CPU_MIGRATIONS of each thread */
	KIND_TRACE, /* sched:sched_migrate_task of each CPU, of vCPUs alone */
	KIND_BPF, /* the same with the least of all programs: it drops the event,
		   * so this is what BPF costs at least */
	KIND_SAMPLE, /* pread(2) of stat, once for each wake */
	KIND_COUNT
};

static const char *const kind_texts[] = {
	[KIND_NONE] = "nothing",
	[KIND_THREAD] = "an event of each thread",
	[KIND_TRACE] = "a tracepoint of each CPU",
	[KIND_BPF] = "BPF at a tracepoint",
	[KIND_SAMPLE] = "a sample",
};

/* An event that is open, and its records. */
struct ring {
	int fd; /* owned */
	struct perf_event_mmap_page *page; /* owned; the records follow */
};

struct bench {
	pthread_t thread; /* the vCPU */
	pid_t tid; /* its number */
	sem_t wake; /* what it waits for */
	sem_t done; /* what it answers */
	atomic_bool is_racing; /* it wants a CPU all the time */
	int cpus[2]; /* two CPUs that we may use */
	int stat_fd; /* of the vCPU */
	struct ring rings[RINGS_MAX]; /* of the kind at work */
	size_t n_rings; /* filled */
	uint64_t n_records; /* read so far */
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static double clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void *be_vcpu(void *arg)
{
	struct bench *b = arg;

	prctl(PR_SET_NAME, "CPU 0/KVM");
	b->tid = (pid_t)syscall(SYS_gettid);
	for (;;) {
		sem_post(&b->done);
		sem_wait(&b->wake);
		while (atomic_load(&b->is_racing))
			;
	}
	return NULL;
}

static void seat(pid_t tid, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(tid, sizeof(set), &set))
		die("sched_setaffinity");
}

static void begin(struct bench *b)
{
	cpu_set_t set;
	char path[64];
	int n = 0;

	if (sched_getaffinity(0, sizeof(set), &set))
		die("sched_getaffinity");
	for (int cpu = 0; cpu < CPU_SETSIZE && n < 2; cpu++)
		if (CPU_ISSET(cpu, &set))
			b->cpus[n++] = cpu;
	if (n < 2) {
		fprintf(stderr, "takes two CPUs\n");
		exit(1);
	}
	sem_init(&b->wake, 0, 0);
	sem_init(&b->done, 0, 0);
	if (pthread_create(&b->thread, NULL, be_vcpu, b))
		die("pthread_create");
	sem_wait(&b->done);
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)b->tid);
	b->stat_fd = open(path, O_RDONLY);
	if (b->stat_fd < 0)
		die(path);
	seat(0, b->cpus[0]);
	seat(b->tid, b->cpus[0]);
}

/* 0, or -errno. */
static int add_ring(struct bench *b, struct perf_event_attr *attr, pid_t tid,
		    int cpu)
{
	struct ring *ring = &b->rings[b->n_rings];
	size_t size = (1 + RING_PAGES) * 4096;

	ring->fd = (int)syscall(SYS_perf_event_open, attr, tid, cpu, -1,
				PERF_FLAG_FD_CLOEXEC);
	if (ring->fd < 0)
		return -errno;
	ring->page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			  ring->fd, 0);
	if (ring->page == MAP_FAILED)
		die("mmap of a ring");
	b->n_rings++;
	return 0;
}

static struct perf_event_attr attr_of(uint32_t type, uint64_t config)
{
	return (struct perf_event_attr) {
		.size = sizeof(struct perf_event_attr),
		.type = type,
		.config = config,
		.sample_period = 1,
		.sample_type =
			PERF_SAMPLE_TID | PERF_SAMPLE_CPU | PERF_SAMPLE_TIME,
		/* records wait until somebody looks */
		.watermark = 1,
		.wakeup_watermark = RING_PAGES * 4096 / 2,
	};
}

static int open_thread(struct bench *b, pid_t tid)
{
	struct perf_event_attr attr =
		attr_of(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS);

	return add_ring(b, &attr, tid, -1);
}

/* A program that says "not this one" of each event. */
static int load_bpf(void)
{
	static const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_TRACEPOINT,
		.insn_cnt = 2,
		.insns = (uint64_t)(uintptr_t)insns,
		.license = (uint64_t)(uintptr_t) "GPL",
	};
	int fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));

	return fd < 0 ? -errno : fd;
}

/* sched_migrate_task gives the name of who moves, so a filter picks vCPUs. */
static int open_trace(struct bench *b, bool is_bpf)
{
	struct perf_event_attr attr = attr_of(PERF_TYPE_TRACEPOINT, 0);
	int err = 0, bpf = is_bpf ? load_bpf() : 0;
	FILE *file = fopen(ID_FILE, "r");
	unsigned int id = 0;

	if (bpf < 0)
		return bpf;
	if (!file)
		return -ENOENT;
	if (fscanf(file, "%u", &id) != 1)
		err = -EINVAL;
	fclose(file);
	attr.config = id;
	attr.sample_type |= PERF_SAMPLE_RAW;
	for (int cpu = 0; !err && cpu < (int)sysconf(_SC_NPROCESSORS_ONLN);
	     cpu++) {
		int fd;

		err = add_ring(b, &attr, -1, cpu);
		if (err)
			break;
		fd = b->rings[b->n_rings - 1].fd;
		if (is_bpf && cpu > 0)
			continue; /* a program is for all CPUs */
		if (is_bpf ? ioctl(fd, PERF_EVENT_IOC_SET_BPF, bpf)
			   : ioctl(fd, PERF_EVENT_IOC_SET_FILTER,
				   "comm ~ \"CPU */KVM\""))
			err = -errno;
	}
	if (is_bpf)
		close(bpf);
	return err;
}

static int open_kind(struct bench *b, enum kind kind)
{
	switch (kind) {
	case KIND_THREAD:
		return open_thread(b, b->tid);
	case KIND_TRACE:
	case KIND_BPF:
		return open_trace(b, kind == KIND_BPF);
	default:
		return 0;
	}
}

static void close_rings(struct bench *b)
{
	for (size_t i = 0; i < b->n_rings; i++) {
		munmap(b->rings[i].page, (1 + RING_PAGES) * 4096);
		close(b->rings[i].fd);
	}
	b->n_rings = 0;
}

/* No system call: what a daemon would do once a second. */
static void read_rings(struct bench *b)
{
	for (size_t i = 0; i < b->n_rings; i++) {
		struct perf_event_mmap_page *page = b->rings[i].page;
		const char *data = (const char *)page + 4096;
		uint64_t head =
			__atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);
		uint64_t tail = page->data_tail;

		while (tail < head) {
			const struct perf_event_header *record =
				(const void *)(data +
					       tail % (RING_PAGES * 4096));

			b->n_records += record->type == PERF_RECORD_SAMPLE;
			tail += record->size;
		}
		__atomic_store_n(&page->data_tail, tail, __ATOMIC_RELEASE);
	}
}

static void look(struct bench *b, enum kind kind, int i)
{
	char text[1024];

	if (kind == KIND_SAMPLE &&
	    pread(b->stat_fd, text, sizeof(text), 0) <= 0)
		die("stat");
	if (i % 100 == 99)
		read_rings(b);
}

/* Wake the vCPU often, beside us. CPU time of one wake, in ns. */
static double wake(struct bench *b, enum kind kind)
{
	double start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);

	for (int i = 0; i < TIMES; i++) {
		sem_post(&b->wake);
		sem_wait(&b->done);
		look(b, kind, i);
	}
	return (clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start) / TIMES;
}

static void set_real_time(bool is_real_time)
{
	struct sched_param param = { .sched_priority = is_real_time };

	if (sched_setscheduler(0, is_real_time ? SCHED_FIFO : SCHED_OTHER,
			       &param))
		die("sched_setscheduler");
}

/* Keeps the other CPU busy. */
static void *be_rival(void *arg)
{
	struct bench *b = arg;

	seat(0, b->cpus[1]);
	set_real_time(true);
	sem_post(&b->done);
	while (atomic_load(&b->is_racing))
		;
	return NULL;
}

/*
 * Move the vCPU to and fro while it waits for a CPU: both have somebody to run
 * who goes first, for a millisecond or two. So it is we who move it, and nobody
 * else's time has to be counted. CPU time of one move, in ns.
 */
static double move(struct bench *b, enum kind kind)
{
	pthread_t rival;
	double start, took;

	atomic_store(&b->is_racing, true);
	if (pthread_create(&rival, NULL, be_rival, b))
		die("pthread_create");
	sem_wait(&b->done);
	set_real_time(true);
	sem_post(&b->wake);
	start = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	for (int i = 0; i < TIMES; i++) {
		seat(b->tid, b->cpus[1 - i % 2]);
		look(b, kind, i);
	}
	took = clock_ns(CLOCK_THREAD_CPUTIME_ID) - start;
	atomic_store(&b->is_racing, false);
	set_real_time(false);
	seat(b->tid, b->cpus[0]);
	pthread_join(rival, NULL);
	sem_wait(&b->done);
	return took / TIMES;
}

/* All kinds in turn, so that quiet moments of the host come to all of them; the
 * least of all rounds counts, since what disturbs only ever adds. */
static void measure(struct bench *b, bool is_moving)
{
	double least[KIND_COUNT];
	uint64_t records[KIND_COUNT] = { 0 };
	int errs[KIND_COUNT] = { 0 };

	for (int round = 0; round < ROUNDS; round++) {
		for (enum kind kind = 0; kind < KIND_COUNT; kind++) {
			double took_ns = 0;

			b->n_records = 0;
			errs[kind] = open_kind(b, kind);
			if (!errs[kind])
				took_ns = is_moving ? move(b, kind)
						    : wake(b, kind);
			close_rings(b);
			records[kind] += b->n_records;
			if (round == 0 || took_ns < least[kind])
				least[kind] = took_ns;
		}
	}
	for (enum kind kind = 0; kind < KIND_COUNT; kind++) {
		const char *text = kind_texts[kind];
		double more =
			kind ? least[kind] - least[KIND_NONE] : least[kind];

		if (errs[kind])
			printf("# %s: %s\n", text, strerror(-errs[kind]));
		else
			printf("a %s, watched by %s\t%.0f\tns%s (%.2f "
			       "records each)\n",
			       is_moving ? "migration" : "wake", text, more,
			       kind ? " more" : "",
			       (double)records[kind] / ROUNDS / TIMES);
	}
}

int main(void)
{
	static struct bench bench;

	begin(&bench);
	measure(&bench, true);
	measure(&bench, false);
	return 0;
}
