// SPDX-License-Identifier: Apache-2.0
/*
 * The only program in a guest of the lab: its init. It fills a buffer that
 * takes most of the guest's memory, then one thread per vCPU touches random
 * pages of it, and once a second one line on the serial console tells how many
 * touches there were, the longest gap between two, and how many pages were
 * found wrong. It knows nothing of the host; the scripts of tests/lab read
 * its lines from the guest's serial log.
 *
 * Kernel command line: probe.percent=N (of MemTotal, default 75),
 * probe.pages=N (in place of percent), probe.threads=N, probe.idle (fill, then
 * only sleep), probe.busy=PERCENT (of the time that each thread touches pages;
 * default 100; less leaves the host time for other work), probe.period_ms=N (a
 * line every N milliseconds in place of every second, 50 or more),
 * probe.follow=PERCENT (of the memory that comes later, to be filled too; each
 * line then tells follow=BYTES of it, and plugged CPUs are started),
 * probe.keep=N (the Nth time that all of it has gone is the last: from then on
 * the guest gives no memory back), probe.share=TAG (of a virtiofs to mount; each
 * line then tells share=NUMBER, read from its file "word"). Modules in the
 * initramfs' /modules are loaded first.
 */
#define _GNU_SOURCE

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

#define PAGE_WORDS    (PAGE_BYTES / sizeof(uint64_t))
#define STRIDE_WORDS  64 /* every touch rewrites one word in so many */
#define WHOLE_EVERY   16 /* one touch in so many checks the whole page */
#define MAX_THREADS   256
#define NS_PER_SEC    1000000000ull
#define NS_PER_MS     1000000ull
#define PERIOD_NS     (20 * NS_PER_MS)
#define MIN_PERIOD_MS 50 /* a line takes the serial console some time */

/* What the kernel command line asks for. */
struct settings {
	uint64_t percent; /* of MemTotal to fill, used when pages is 0 */
	uint64_t pages; /* 4 KiB pages to fill, 0 if not given */
	uint64_t threads; /* touching threads, 0 for one per vCPU */
	uint64_t busy_percent; /* of the time, 100 never sleeps */
	uint64_t period_ms; /* from one line to the next */
	uint64_t follow_percent; /* of memory that comes later, to fill */
	uint64_t keep_after; /* times that it has gone; 0: never */
	char share[32]; /* a directory of the host to mount, "": none */
	int idle; /* fill, then touch nothing */
};

/* What all threads share. */
struct probe {
	uint64_t *buffer; /* pages * PAGE_BYTES */
	uint32_t *generation; /* times that each page was rewritten */
	uint64_t pages; /* 4 KiB pages in buffer */
	uint64_t n_threads; /* touching threads */
	uint64_t busy_ns; /* of each period; PERIOD_NS never sleeps */
	pthread_barrier_t filled; /* passed by all when the fill is done */
};

/* One touching thread; it alone touches pages p with p % n_threads == index. */
struct toucher {
	struct probe *probe; /* borrowed: lives as long as the program */
	pthread_t thread; /* its handle, never joined */
	uint64_t index; /* 0 .. n_threads - 1, also its vCPU */
	_Atomic uint64_t touches; /* since the start */
	_Atomic uint64_t wrong; /* pages found wrong since the start */
	_Atomic uint64_t gap_ns; /* longest gap since last reported */
	_Atomic uint64_t last_ns; /* last touch, 0 while it rests */
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_SEC + (uint64_t)now.tv_nsec;
}

/* One write per line, so that lines of several threads do not mix. */
void say(const char *format, ...)
{
	char line[256];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (len > 0 && write(STDOUT_FILENO, line, (size_t)len) < 0)
		return;
}

/* A dead init panics the guest's kernel, which the host sees at once. */
void die(const char *sentence)
{
	say("probe failed: %s\n", sentence);
	exit(1);
}

/* What word w of page p holds after its generation-th rewriting. */
static uint64_t expected(uint64_t page, uint64_t generation, uint64_t word)
{
	uint64_t x = page * PAGE_WORDS + word + (generation << 40) + 1;

	x *= 0x9e3779b97f4a7c15ull;
	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9ull;
	return x ^ (x >> 32);
}

static void fill_page(struct probe *probe, uint64_t page)
{
	uint64_t *words = probe->buffer + page * PAGE_WORDS;
	uint64_t w;

	for (w = 0; w < PAGE_WORDS; w++)
		words[w] = expected(page, 0, w);
}

/* Returns the first wrong word, or PAGE_WORDS if all that was asked is right. */
static uint64_t find_wrong(const struct probe *probe, uint64_t page, int whole)
{
	const uint64_t *words = probe->buffer + page * PAGE_WORDS;
	uint64_t step = whole ? 1 : STRIDE_WORDS;
	uint64_t generation, w;

	for (w = 0; w < PAGE_WORDS; w += step) {
		generation = w % STRIDE_WORDS ? 0 : probe->generation[page];
		if (words[w] != expected(page, generation, w))
			return w;
	}
	return PAGE_WORDS;
}

static void touch_page(struct toucher *toucher, uint64_t page, int whole)
{
	struct probe *probe = toucher->probe;
	uint64_t *words = probe->buffer + page * PAGE_WORDS;
	uint64_t wrong, w;

	wrong = find_wrong(probe, page, whole);
	if (wrong < PAGE_WORDS) {
		atomic_fetch_add(&toucher->wrong, 1);
		say("probe WRONG page=%llu word=%llu value=%llx generation=%u\n",
		    (unsigned long long)page, (unsigned long long)wrong,
		    (unsigned long long)words[wrong], probe->generation[page]);
		fill_page(probe, page);
	}
	probe->generation[page]++;
	for (w = 0; w < PAGE_WORDS; w += STRIDE_WORDS)
		words[w] = expected(page, probe->generation[page], w);
}

/* Each thread fills one run of the buffer, so that each cell gets its part. */
static void fill_share(const struct toucher *toucher)
{
	struct probe *probe = toucher->probe;
	uint64_t share = probe->pages / probe->n_threads;
	uint64_t page = toucher->index * share;
	uint64_t end = page + share;

	if (toucher->index == probe->n_threads - 1)
		end = probe->pages;
	for (; page < end; page++)
		fill_page(probe, page);
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void stay_on_cpu(uint64_t cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/*
 * Sleeps through the idle part of each period. Returns when touching goes on,
 * so that the sleep does not count as a gap.
 */
static uint64_t rest(struct toucher *toucher, uint64_t now)
{
	uint64_t left = PERIOD_NS - now % PERIOD_NS;
	struct timespec pause = { 0, (long)left };

	if (now % PERIOD_NS < toucher->probe->busy_ns)
		return now;
	atomic_store(&toucher->last_ns, 0);
	nanosleep(&pause, NULL);
	return now_ns();
}

/* A failed pinning, with more threads than vCPUs, leaves the thread free. */
static void *touch_for_ever(void *arg)
{
	struct toucher *toucher = arg;
	struct probe *probe = toucher->probe;
	uint64_t own = probe->pages / probe->n_threads;
	uint64_t random = 0x2545f4914f6cdd1dull + toucher->index;
	uint64_t page, now, last;

	stay_on_cpu(toucher->index);
	fill_share(toucher);
	pthread_barrier_wait(&probe->filled);
	last = now_ns();
	for (uint64_t n = 0;; n++) {
		page = next_random(&random) % own * probe->n_threads +
		       toucher->index;
		touch_page(toucher, page, n % WHOLE_EVERY == 0);
		now = now_ns();
		if (now - last > atomic_load(&toucher->gap_ns))
			atomic_store(&toucher->gap_ns, now - last);
		atomic_store(&toucher->last_ns, now);
		atomic_fetch_add_explicit(&toucher->touches, 1,
					  memory_order_relaxed);
		last = rest(toucher, now);
	}
	return NULL;
}

/* Prints one line for the time since the last; a gap still open counts. */
static void report(struct toucher *touchers, uint64_t n,
		   const struct follow *follow, const struct share *share,
		   uint64_t start_ns, uint64_t interval_ns,
		   uint64_t *touches_before)
{
	uint64_t touches = 0, wrong = follow->wrong, gap = 0, g, last, i;
	uint64_t now = now_ns();
	char filled[32] = "", read[32] = "";

	for (i = 0; i < n; i++) {
		touches += atomic_load(&touchers[i].touches);
		wrong += atomic_load(&touchers[i].wrong);
		g = atomic_exchange(&touchers[i].gap_ns, 0);
		last = atomic_load(&touchers[i].last_ns);
		gap = g > gap ? g : gap;
		if (last && now > last && now - last > gap)
			gap = now - last;
	}
	if (follow->buffer)
		snprintf(filled, sizeof(filled), " follow=%llu",
			 (unsigned long long)(follow->pages * PAGE_BYTES));
	if (share->is_mounted)
		snprintf(read, sizeof(read), " share=%llu",
			 (unsigned long long)share->word);
	say("probe t=%llu touches=%llu longest_gap_ms=%llu wrong=%llu ms=%llu "
	    "at_ms=%llu%s%s\n",
	    (unsigned long long)((now - start_ns) / NS_PER_SEC),
	    (unsigned long long)(touches - *touches_before),
	    (unsigned long long)(gap / NS_PER_MS), (unsigned long long)wrong,
	    (unsigned long long)(interval_ns / NS_PER_MS),
	    (unsigned long long)(now / NS_PER_MS), filled, read);
	*touches_before = touches;
}

static void report_for_ever(struct toucher *touchers, uint64_t n,
			    struct follow *follow, struct share *share,
			    uint64_t period_ns)
{
	uint64_t start = now_ns(), last = start, next = start, touches = 0, now;
	struct timespec at;

	for (;;) {
		next += period_ns;
		at.tv_sec = (time_t)(next / NS_PER_SEC);
		at.tv_nsec = (long)(next % NS_PER_SEC);
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
		if (follow->buffer)
			follow_step(follow);
		if (share->is_mounted)
			share_step(share);
		now = now_ns();
		report(touchers, n, follow, share, start, now - last, &touches);
		last = now;
		/* A guest that stood still does not then print many lines. */
		if (now > next + period_ns)
			next = now;
	}
}

void read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		die("cannot open a file");
	len = read(fd, buf, size - 1);
	buf[len > 0 ? len : 0] = '\0';
	close(fd);
}

static void read_settings(struct settings *settings)
{
	char line[4096], *word, *rest = line;

	read_file("/proc/cmdline", line, sizeof(line));
	while ((word = strsep(&rest, " \n"))) {
		if (!strncmp(word, "probe.percent=", 14))
			settings->percent = strtoull(word + 14, NULL, 0);
		else if (!strncmp(word, "probe.pages=", 12))
			settings->pages = strtoull(word + 12, NULL, 0);
		else if (!strncmp(word, "probe.threads=", 14))
			settings->threads = strtoull(word + 14, NULL, 0);
		else if (!strncmp(word, "probe.busy=", 11))
			settings->busy_percent = strtoull(word + 11, NULL, 0);
		else if (!strncmp(word, "probe.period_ms=", 16))
			settings->period_ms = strtoull(word + 16, NULL, 0);
		else if (!strncmp(word, "probe.follow=", 13))
			settings->follow_percent = strtoull(word + 13, NULL, 0);
		else if (!strncmp(word, "probe.keep=", 11))
			settings->keep_after = strtoull(word + 11, NULL, 0);
		else if (!strncmp(word, "probe.share=", 12))
			snprintf(settings->share, sizeof(settings->share), "%s",
				 word + 12);
		else if (!strcmp(word, "probe.idle"))
			settings->idle = 1;
	}
}

static void *map_bytes(uint64_t size_bytes)
{
	void *at = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		die("no memory for the buffer");
	return at;
}

static void prepare(struct probe *probe, const struct settings *settings)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	probe->pages = settings->pages;
	if (!probe->pages)
		probe->pages = memory_pages() * settings->percent / 100;
	probe->n_threads = settings->threads;
	if (!probe->n_threads)
		probe->n_threads = cpus > 0 ? (uint64_t)cpus : 1;
	if (probe->n_threads > MAX_THREADS)
		probe->n_threads = MAX_THREADS;
	probe->busy_ns = PERIOD_NS * settings->busy_percent / 100;
	if (settings->period_ms < MIN_PERIOD_MS)
		die("probe.period_ms is too small");
	if (probe->pages < probe->n_threads)
		die("fewer pages than threads");
	probe->buffer = map_bytes(probe->pages * PAGE_BYTES);
	probe->generation = map_bytes(probe->pages * sizeof(uint32_t));
}

static void fill_alone(struct probe *probe)
{
	uint64_t page;

	for (page = 0; page < probe->pages; page++)
		fill_page(probe, page);
}

static void start_touchers(struct probe *probe, struct toucher *touchers)
{
	uint64_t i;

	pthread_barrier_init(&probe->filled, NULL,
			     (unsigned int)probe->n_threads + 1);
	for (i = 0; i < probe->n_threads; i++) {
		touchers[i].probe = probe;
		touchers[i].index = i;
		if (pthread_create(&touchers[i].thread, NULL, touch_for_ever,
				   &touchers[i]))
			die("cannot start a thread");
	}
	pthread_barrier_wait(&probe->filled);
}

int main(void)
{
	static struct toucher touchers[MAX_THREADS];
	static struct probe probe;
	static struct follow follow;
	static struct share share;
	struct settings settings = { .percent = 75,
				     .busy_percent = 100,
				     .period_ms = 1000 };

	mount("proc", "/proc", "proc", 0, NULL);
	load_modules();
	read_settings(&settings);
	prepare(&probe, &settings);
	say("probe filling bytes=%llu\n",
	    (unsigned long long)(probe.pages * PAGE_BYTES));
	if (settings.idle)
		fill_alone(&probe);
	else
		start_touchers(&probe, touchers);
	say("probe ready bytes=%llu\n",
	    (unsigned long long)(probe.pages * PAGE_BYTES));
	follow_begin(&follow, settings.follow_percent, settings.keep_after);
	share_begin(&share, settings.share);
	report_for_ever(touchers, settings.idle ? 0 : probe.n_threads, &follow,
			&share, settings.period_ms * NS_PER_MS);
	return 0;
}
