/* SPDX-License-Identifier: Apache-2.0 */
/* The first promise: moving changes nothing. See assume.h. */
#include "assume.h"

#define SIZE   (2 * HUGE_BYTES)
#define PAGES  (SIZE / PAGE_BYTES)
#define WORDS  (PAGE_BYTES / sizeof(uint64_t))
#define ROUNDS 4

static const char belief[] =
	"A page's content is the same after it has moved, also while the process writes to it (4 MiB of small and 4 MiB of huge pages, moved to and fro).";

/* A fixed sequence: splitmix64. */
static uint64_t noise(uint64_t seed)
{
	seed += 0x9e3779b97f4a7c15ull;
	seed = (seed ^ seed >> 30) * 0xbf58476d1ce4e5b9ull;
	seed = (seed ^ seed >> 27) * 0x94d049bb133111ebull;
	return seed ^ seed >> 31;
}

static void fill(char *at)
{
	uint64_t *words = (uint64_t *)(void *)at;
	size_t i;

	for (i = 0; i < SIZE / sizeof(uint64_t); i++)
		words[i] = noise(i);
}

static void prepare(struct target *target)
{
	target->at = memory_on(0, SIZE, MEMORY_SMALL);
	target->other = memory_on(0, SIZE, MEMORY_HUGE);
	fill(target->at);
	fill(target->other);
}

/* Word i % WORDS of each page is one more in each round i. */
static void write_round(char *at, uint64_t round)
{
	size_t page;

	for (page = 0; page < PAGES; page++)
		((volatile uint64_t
			  *)(void *)(at + page * PAGE_BYTES))[round % WORDS]++;
}

/* How many words are not what they must be. */
static long count_wrong(const char *at, uint64_t rounds)
{
	const uint64_t *words = (const uint64_t *)(const void *)at;
	long wrong = 0;
	size_t i;

	for (i = 0; i < SIZE / sizeof(uint64_t); i++) {
		uint64_t place = i % WORDS;
		uint64_t added = rounds / WORDS + (place < rounds % WORDS);

		wrong += words[i] != noise(i) + added;
	}
	return wrong;
}

static void write_and_count_wrong(struct target *target)
{
	uint64_t rounds = 0;

	while (!target->is_stopped) {
		write_round(target->at, rounds);
		write_round(target->other, rounds);
		rounds++;
	}
	expect(rounds > 0, "the writer did nothing");
	target->found = count_wrong(target->at, rounds) +
			count_wrong(target->other, rounds);
}

int main(void)
{
	static int status[PAGES];
	struct target *target;
	size_t moved = 0;
	int round;

	need_two_nodes();
	target = target_start(prepare);
	target_begin(target, write_and_count_wrong);
	for (round = 1; round <= ROUNDS; round++) {
		int node = round % 2;

		move(target, target->at, PAGE_BYTES, PAGES, node, status,
		     MOVE_ALL);
		move(target, target->other, HUGE_BYTES, SIZE / HUGE_BYTES, node,
		     status, MOVE_ALL);
		moved += count_on(target, target->at, PAGES, node) +
			 count_on(target, target->other, PAGES, node);
	}
	target->is_stopped = true;
	target_wait(target);
	expect(moved == 2ul * ROUNDS * PAGES, "only %zu of %lu moves worked",
	       moved, 2ul * ROUNDS * PAGES);
	expect(target->found == 0, "%ld words are wrong", target->found);
	return confirmed(belief);
}
