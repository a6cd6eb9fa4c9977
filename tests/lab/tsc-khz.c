// SPDX-License-Identifier: Apache-2.0
/*
 * Prints how many thousand times a second this machine's time stamp counter
 * counts. Software emulation shows the same counter to the emulated host, whose
 * kernel would measure it against an emulated timer while it boots: on a busy
 * machine that once gave a ninth of the truth, and all its clocks ran nine times
 * too fast. So the runner (tests/lab/lab) says it on the kernel's command line.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <x86intrin.h>

#define MEASURE_NS 20000000ull
#define TIMES      5
#define NS_PER_MS  1000000ull

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_RAW, &now);
	return (uint64_t)now.tv_sec * 1000 * NS_PER_MS + (uint64_t)now.tv_nsec;
}

static uint64_t measure_khz(void)
{
	uint64_t start_ns = now_ns(), start = __rdtsc(), took_ns;

	do
		took_ns = now_ns() - start_ns;
	while (took_ns < MEASURE_NS);
	return (__rdtsc() - start) * NS_PER_MS / took_ns;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The median: one measurement may be interrupted between two readings. */
int main(void)
{
	uint64_t khz[TIMES];

	for (int i = 0; i < TIMES; i++)
		khz[i] = measure_khz();
	qsort(khz, TIMES, sizeof(*khz), compare);
	printf("%llu\n", (unsigned long long)khz[TIMES / 2]);
	return 0;
}
