/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long one policy_decide() takes on a full host: 200 guests, 1000 vCPUs, 8
 * nodes; all settled, then all drifting, then all to be moved at once. Prints
 * microseconds of CPU time for each tick; no pass or fail.
 */
#include <stdio.h>
#include <time.h>

#include "world.h"

#define GUESTS 200
#define TICKS  200

static double cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static void measure(struct world *w, const char *what)
{
	double sum = 0, worst = 0;
	size_t moves = 0;

	for (int t = 0; t < TICKS; t++) {
		double start, took;

		w->s.now_ns += SEC;
		for (size_t g = 0; g < GUESTS; g++)
			for (size_t v = 0; v < w->views[g].n_vcpus; v++)
				w->guests[g].vcpus[v].run_ns += SEC / 2;
		start = cpu_us();
		world_decide(w);
		took = cpu_us() - start;
		sum += took;
		worst = took > worst ? took : worst;
		moves += w->plan.n_moves;
	}
	printf("%-28s mean %7.1f us  worst %7.1f us  moves per tick %zu\n",
	       what, sum / TICKS, worst, moves / TICKS);
}

int main(void)
{
	struct world *w = world_create(8, 1024 * GIB, GUESTS, 2, 5);

	for (size_t g = 0; g < GUESTS; g++) {
		world_put(w, g, 0, (int)(g % 8), 8 * GIB);
		world_put(w, g, 1, (int)(g % 8), 8 * GIB);
		world_run_all(w, g, (int)(g % 8));
	}
	measure(w, "settled");
	for (size_t g = 0; g < GUESTS; g++)
		for (size_t v = 0; v < 5; v++)
			world_run(w, g, v, (int)((g + v) % 8));
	measure(w, "scattered over the nodes");
	for (size_t g = 0; g < GUESTS; g++)
		world_pin_all(w, g, node_mask_of((int)((g + 3) % 8)));
	measure(w, "all pinned elsewhere");
	printf("%zu bytes remembered for each guest, %zu for each vCPU\n",
	       sizeof(struct policy_guest), sizeof(struct policy_vcpu));
	world_destroy(w);
	return 0;
}
