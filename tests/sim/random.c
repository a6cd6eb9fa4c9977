/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints a scenario made by chance: guests are pinned and drift, start and end,
 * are migrated, bound by cpusets and ordered about. It expects nothing itself:
 * the properties of check.c must hold. Usage: sim-random SEED; the same seed
 * gives the same scenario on each machine.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define GUESTS_MAX 6

/* What has been printed. */
struct made {
	uint64_t seed; /* of what comes next */
	unsigned int nodes, guests, cells, vcpus; /* of the world */
	bool is_here[GUESTS_MAX]; /* the guest has started */
	bool is_gated[GUESTS_MAX]; /* libvirt works on it */
};

/* 0 to n - 1 (xorshift64*, Vigna 2016). */
static unsigned int any(struct made *m, unsigned int n)
{
	m->seed ^= m->seed >> 12;
	m->seed ^= m->seed << 25;
	m->seed ^= m->seed >> 27;
	return (unsigned int)((m->seed * 2685821657736338717ull) >> 33) % n;
}

static void make_world(struct made *m)
{
	m->nodes = 2 + any(m, 3);
	m->guests = 1 + any(m, GUESTS_MAX);
	m->cells = 1 + any(m, 2);
	m->vcpus = 2 + any(m, 7);
	printf("world %u %u %u %u %u\n", m->nodes, 16 + any(m, 48), m->guests,
	       m->cells, m->vcpus);
	for (unsigned int g = 0; g < m->guests; g++) {
		m->is_here[g] = true;
		for (unsigned int c = 0; c < m->cells; c++)
			printf("put %u %u %u %u\n", g, c, any(m, m->nodes),
			       256u << any(m, 3));
	}
}

static void place(struct made *m, unsigned int g)
{
	unsigned int node = any(m, m->nodes);

	switch (any(m, 5)) {
	case 0:
		printf("pin %u %u\n", g, node);
		break;
	case 1:
		printf("pin %u %u %u\n", g, node, any(m, m->cells));
		break;
	case 2:
		printf("run %u %u\n", g, node);
		break;
	case 3:
		printf("pinv %u %u %u\n", g, any(m, m->vcpus), node);
		break;
	default:
		printf("free %u\n", g);
	}
}

static void come_or_go(struct made *m, unsigned int g)
{
	if (m->is_here[g] && any(m, 2)) {
		printf("restart %u\n", g);
		return;
	}
	if (m->is_here[g])
		printf("go %u\n", g);
	else
		printf("come %u %u %u\n", g, any(m, m->nodes),
		       256u << any(m, 3));
	m->is_here[g] = !m->is_here[g];
}

/* A guest that may be moved, and whose last order has been carried out. */
static void order(struct made *m, unsigned int g)
{
	if (!m->is_here[g] || m->is_gated[g])
		return;
	printf("mode %u 0\ncpuset %u\nrebalance %u %u\nwait 30\n", g, g, g,
	       any(m, m->nodes));
	if (any(m, 2))
		printf("release %u\n", g);
}

static void make_line(struct made *m)
{
	static const unsigned int thousandths[] = { 0, 50, 500, 1000 };
	unsigned int g = any(m, m->guests);

	switch (any(m, 12)) {
	case 0:
		printf("%s %u 4\n", m->is_gated[g] ? "ungate" : "gate", g);
		m->is_gated[g] = !m->is_gated[g];
		break;
	case 1:
	case 2:
		come_or_go(m, g);
		break;
	case 3:
		printf("success %u %u\n", g, thousandths[any(m, 4)]);
		break;
	case 4:
		printf("mode %u %u\n", g, any(m, 3));
		break;
	case 5:
		if (any(m, 2))
			printf("cpuset %u\n", g);
		else
			printf("cpuset %u %u\n", g, any(m, m->nodes));
		break;
	case 6:
		order(m, g);
		break;
	default:
		place(m, g);
	}
}

int main(int argc, char **argv)
{
	static const unsigned int waits[] = { 1, 1, 2, 3, 5, 11, 30, 90, 400 };
	struct made m = { 0 };

	if (argc != 2)
		return EXIT_FAILURE;
	m.seed = strtoull(argv[1], NULL, 10) + 1;
	make_world(&m);
	for (unsigned int n = 20 + any(&m, 60); n > 0; n--) {
		make_line(&m);
		printf("wait %u\n",
		       waits[any(&m, sizeof(waits) / sizeof(*waits))]);
	}
	return EXIT_SUCCESS;
}
