/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random guests with random faults: whatever happens, every step keeps the
 * books whole (scene.c), nothing outside the map is touched, and the job ends.
 * VMNUMAD_SEED=N runs one seed, which a failure prints.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "run.h"
#include "scene.h"

#define SEEDS 300

struct dice {
	uint64_t state; /* xorshift64, never 0 */
};

static struct dice dice;

static uint64_t roll(uint64_t sides)
{
	dice.state ^= dice.state << 13;
	dice.state ^= dice.state >> 7;
	dice.state ^= dice.state << 17;
	return (dice.state >> 11) % sides;
}

static unsigned int roll_count(void)
{
	return roll(4) == 0 ? FAKE_ALWAYS : (unsigned int)roll(4);
}

static void spoil_folio(struct fake_folio *folio)
{
	switch (roll(12)) {
	case 0:
		folio->node = NODE_NONE;
		break;
	case 1:
		folio->busy_calls = roll_count();
		break;
	case 2:
		folio->pin_calls = roll_count();
		break;
	case 3:
		folio->is_shared = true;
		break;
	case 4:
		folio->is_swapped = true;
		break;
	case 5:
		folio->is_zero = true;
		break;
	case 6:
		folio->pmd_split =
			folio->bytes == PAGE_2M_BYTES && !folio->is_hugetlb;
		break;
	default:
		folio->node = (int)roll(SCENE_NODES);
		break;
	}
}

/* One piece of memory of a random kind; region n has its own 8 GiB. */
static void add_memory(struct scene *s, uint64_t n)
{
	static const struct {
		enum fake_backing backing;
		uint64_t folio_bytes;
	} kinds[] = {
		{ FAKE_ANON, PAGE_4K_BYTES },    { FAKE_ANON, PAGE_2M_BYTES },
		{ FAKE_ANON, 64 * KIB },         { FAKE_SHMEM, PAGE_4K_BYTES },
		{ FAKE_SHMEM, PAGE_2M_BYTES },   { FAKE_HUGETLB, GIB },
		{ FAKE_HUGETLB, PAGE_2M_BYTES }, { FAKE_DISK, PAGE_4K_BYTES },
		{ FAKE_DEVICE, PAGE_4K_BYTES },
	};
	size_t kind = roll(sizeof(kinds) / sizeof(*kinds));
	uint64_t folio_bytes = kinds[kind].folio_bytes, gpa = n * 8 * GIB;
	bool is_hugetlb = kinds[kind].backing == FAKE_HUGETLB;
	uint64_t n_folios = 1 + roll(folio_bytes == GIB             ? 3
				     : folio_bytes == PAGE_4K_BYTES ? 4096
								    : 64);
	uint64_t size = n_folios * folio_bytes, skip = 0;
	uint64_t page_bytes = is_hugetlb ? folio_bytes : PAGE_4K_BYTES;

	fake_region(s->fake, PID, BASE + gpa, size, folio_bytes,
		    (int)roll(SCENE_NODES), kinds[kind].backing);
	for (uint64_t i = roll(20); i > 0; i--)
		spoil_folio(scene_folio(s, gpa + roll(size)));
	if (roll(3) == 0) /* the map sees a part of it only */
		skip = roll(size / PAGE_4K_BYTES) * PAGE_4K_BYTES;
	if (skip > 0 && roll(2) == 0) { /* or two parts */
		uint64_t low = (1 + roll(skip / PAGE_4K_BYTES)) * PAGE_4K_BYTES;

		scene_region(s, gpa, low, page_bytes, kinds[kind].backing,
			     (int)roll(2));
	}
	scene_region(s, gpa + skip, size - skip, page_bytes,
		     kinds[kind].backing, (int)roll(2));
}

static void random_nodes(struct scene *s)
{
	for (int node = 0; node < SCENE_NODES; node++) {
		struct fake_node *n = s->nodes[node];

		n->pool_2m_free = roll(40);
		n->pool_1g_free = roll(3);
		if (roll(3) == 0)
			n->free_bytes = roll(64) * MIB;
		n->free_2m_blocks = roll(1 + n->free_bytes / PAGE_2M_BYTES);
	}
	if (roll(6) == 0)
		s->nodes[roll(SCENE_NODES)]->has_memory = false;
	if (roll(6) == 0)
		fake_set_own_mems(s->fake, node_mask_of((int)roll(4)));
	if (roll(6) == 0)
		fake_process_mems(s->fake, PID,
				  (struct node_mask) { 1 + roll(15) });
	fake_set_pagemap_rights(s->fake, roll(3) != 0);
	fake_set_pagemap_scan(s->fake, roll(2) == 0);
	fake_set_sys_nice(s->fake, roll(4) != 0);
	fake_set_compaction(s->fake, roll(4) == 0);
}

/* A node of the set; 1 of the empty one. */
static int roll_node(struct node_mask nodes)
{
	return node_mask_is_empty(nodes) ? 1 : node_mask_first(nodes);
}

static void random_spec(struct scene *s)
{
	s->spec.n_cells = 2;
	s->cells[1].cell = 1;
	for (int i = 0; i < 2; i++)
		s->cells[i].home.bits = roll(4) ? 1 + roll(15) : 0;
	s->spec.n_routes = roll(9);
	for (size_t i = 0; i < s->spec.n_routes && i < 2; i++) {
		struct node_mask home = s->cells[i].home;

		s->routes[i] = (struct job_route) {
			.cell = (int)i,
			.to = roll(8) ? roll_node(home) : 3,
			.bytes = UINT64_MAX,
		};
	}
	for (size_t i = 2; i < s->spec.n_routes; i++)
		s->routes[i] = (struct job_route) {
			.cell = (int)roll(2),
			.from = (int)roll(SCENE_NODES),
			.to = (int)roll(SCENE_NODES),
			.bytes = roll(2) ? UINT64_MAX : roll(64) * MIB,
		};
	if (roll(2))
		s->spec.pace = pace_config_hurry();
	s->spec.is_collapsing = roll(2);
	if (roll(2))
		s->spec.reserve_bytes = roll(100) * MIB;
}

static void random_faults(struct scene *s)
{
	static const int results[] = {
		-ENOMEM, -EPERM, -EACCES, -ENODEV, -EINVAL, -ESRCH, -EFAULT,
		-ENOSYS, -EINTR, -E2BIG,  1,       5,       100000,
	};
	static const enum fake_op ops[] = {
		FAKE_PAGES_MOVE,   FAKE_PAGES_MOVE, FAKE_PAGES_WHERE,
		FAKE_PAGEMAP_SCAN, FAKE_READ_FILE,  FAKE_PAGEMAP_READ,
		FAKE_PAGE_FLAGS,   FAKE_COLLAPSE,
	};

	for (uint64_t i = roll(4); i > 0; i--) {
		enum fake_op op = ops[roll(sizeof(ops) / sizeof(*ops))];
		int result = results[roll(op == FAKE_PAGES_MOVE ? 13 : 10)];

		fake_fault(s->fake, op, 1 + roll(30), result);
	}
}

/* The world goes on between the calls. */
static void disturb(struct scene *s, enum fake_op op)
{
	const struct region *region;
	struct fake_folio *folio;

	if (op != FAKE_PAGES_MOVE && op != FAKE_PAGES_WHERE &&
	    op != FAKE_IS_ALIVE)
		return;
	if (roll(400) == 0)
		scene_kill(s);
	if (s->is_dead || roll(10))
		return;
	region = &s->regions[roll(s->n_regions)];
	folio = scene_folio(s, region->gpa.v + roll(region->size_bytes));
	if (!folio->is_isolated)
		spoil_folio(folio);
	s->nodes[roll(SCENE_NODES)]->free_bytes = roll(2048) * MIB;
	for (int node = 0; node < SCENE_NODES; node++)
		s->nodes[node]->free_2m_blocks =
			u64_min(s->nodes[node]->free_2m_blocks,
				s->nodes[node]->free_bytes / PAGE_2M_BYTES);
}

/* Somebody turns knobs while the job runs. */
static void turn_knobs(struct scene *s)
{
	if (roll(60) == 0)
		job_pause(s->job);
	else if (roll(3) == 0)
		job_resume(s->job);
	if (roll(500) == 0)
		job_cancel(s->job, "a die said so");
}

static uint64_t first_seed(void)
{
	const char *text = getenv("VMNUMAD_SEED");

	return text ? strtoull(text, NULL, 10) : 0;
}

START_TEST(any_job_keeps_its_books_and_ends)
{
	uint64_t seed = first_seed() ? first_seed() : (uint64_t)_i + 1;
	struct scene *s =
		scene_create(seed % 2 ? FAKE_LINUX_6_1 : FAKE_LINUX_6_12);

	printf("seed %llu begins\n", (unsigned long long)seed);
	dice.state = seed * 0x9e3779b97f4a7c15ull;
	for (uint64_t n = 1 + roll(6); n > 0; n--)
		add_memory(s, n);
	random_nodes(s);
	random_spec(s);
	random_faults(s);
	if (roll(2))
		s->on_op = disturb;
	scene_job(s);
	while (scene_step(s, 0) != JOB_ENDED) {
		if (s->turn == JOB_WAIT && s->wake_ns == JOB_NEVER_NS)
			job_resume(s->job);
		else if (s->turn == JOB_WAIT && s->wake_ns > scene_now_ns(s))
			fake_advance_ns(s->fake, s->wake_ns - scene_now_ns(s));
		turn_knobs(s);
	}
	printf("seed %llu: %s after %llu steps, %llu MiB moved, %llu left\n",
	       (unsigned long long)seed, job_result_text(s->receipt.result),
	       (unsigned long long)s->steps,
	       (unsigned long long)(s->receipt.moved_bytes / MIB),
	       (unsigned long long)(receipt_left_bytes(&s->receipt) / MIB));
	s->on_op = NULL;
	scene_destroy(s);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, any_job_keeps_its_books_and_ends, 0,
			    first_seed() ? 1 : SEEDS);
	tcase_set_timeout(tests, 60);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	return run_tests("move: random guests", add_tests);
}
