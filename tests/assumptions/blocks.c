/* SPDX-License-Identifier: Apache-2.0 */
/* Free blocks of 2 MiB, all of them. See assume.h. */
#include <sched.h>

#include "assume.h"

static void grow_pool(const char *pool)
{
	long before, after = -1;

	do {
		before = after;
		host_set(pool, "1000000");
		after = host_number(pool);
	} while (after > before);
}

void take_all_blocks(const char *pool)
{
	cpu_set_t all, one;

	must(sched_getaffinity(0, sizeof(all), &all) == 0, "affinity");
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		must(sched_setaffinity(0, sizeof(one), &one) == 0, "affinity");
		grow_pool(pool);
	}
	must(sched_setaffinity(0, sizeof(all), &all) == 0, "affinity");
}
