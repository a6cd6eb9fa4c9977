/* SPDX-License-Identifier: Apache-2.0 */
/* Counting a guest's memory by cell, node and slot. */
#include "move/measure.h"

#include <errno.h>

#include "run.h"
#include "scene.h"

static const enum fake_kernel kernels[] = { FAKE_LINUX_6_1, FAKE_LINUX_6_12 };

#define KERNELS (int)(sizeof(kernels) / sizeof(*kernels))

/* Only Linux 6.12 of these tells presence by the page. */
static bool has_samples(int i)
{
	return kernels[i] == FAKE_LINUX_6_12;
}

static int measure_as(struct scene *s, struct measure_ask ask,
		      struct measure *ret)
{
	struct identity identity = { .pid = PID };
	int err;

	scene_build_map(s);
	ck_assert_int_eq(
		s->sys.ops->open_process(s->sys.self, PID, &identity.pidfd), 0);
	err = measure_guest(&s->sys, &identity, s->map, ask, ret);
	identity_close(&s->sys, &identity);
	return err;
}

static int measure(struct scene *s, bool with_slots, struct measure *ret)
{
	return measure_as(s, (struct measure_ask) { .with_slots = with_slots },
			  ret);
}

START_TEST(cells_are_counted_by_node)
{
	struct scene *s = scene_create(FAKE_LINUX_6_12);
	struct measure m;

	scene_memory(s, 0, 64 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	scene_memory(s, GIB, 32 * MIB, PAGE_2M_BYTES, 1, FAKE_ANON, 5);
	scene_memory(s, 2 * GIB, 8 * MIB, PAGE_4K_BYTES, 2, FAKE_SHMEM, 5);
	scene_folio(s, 0)->node = NODE_NONE;
	ck_assert_int_eq(measure(s, false, &m), 0);
	ck_assert_uint_eq(m.n_cells, 2);
	ck_assert_int_eq(m.cells[0].cell, 0);
	ck_assert_uint_eq(m.cells[0].size_bytes, 64 * MIB);
	ck_assert_uint_eq(m.cells[0].node_bytes[0], 62 * MIB);
	ck_assert_int_eq(m.cells[1].cell, 5);
	ck_assert_uint_eq(m.cells[1].node_bytes[1], 32 * MIB);
	ck_assert_uint_eq(m.cells[1].node_bytes[2], 8 * MIB);
	ck_assert_ptr_null(m.slots);
	ck_assert_uint_gt(m.took_ns, 0);
	ck_assert_uint_gt(m.queried_pages, 0);
	measure_finish(&m);
	measure_finish(&m);
	scene_destroy(s);
}
END_TEST

/* Slots are in order, hold no more than their size, and all that there is. */
static void check_slots(const struct measure *m, uint64_t total_bytes)
{
	uint64_t sum = 0, size = 0;

	ck_assert_uint_le(m->n_slots, MEASURE_SLOTS_MAX);
	for (size_t i = 0; i < m->n_slots; i++) {
		const struct measure_slot *slot = &m->slots[i];
		uint64_t bytes = 0;

		for (int node = 0; node < NODES_MAX; node++)
			bytes += slot->node_bytes[node];
		ck_assert_uint_le(bytes, slot->size_bytes);
		if (i > 0)
			ck_assert_uint_ge(slot->gpa.v,
					  slot[-1].gpa.v + slot[-1].size_bytes);
		sum += bytes;
		size += slot->size_bytes;
	}
	ck_assert_uint_eq(sum, total_bytes);
	ck_assert_uint_eq(size, total_bytes);
}

static const struct {
	uint64_t size_bytes; /* of the one region */
	uint64_t folio_bytes; /* of its pages */
	enum fake_backing backing; /* what it is */
	uint64_t skip_bytes; /* the region begins so far inside a page */
} drawings[] = {
	{ 4 * KIB, 4 * KIB, FAKE_ANON, 0 },
	{ 64 * MIB, 4 * KIB, FAKE_ANON, 0 },
	{ 3 * GIB, 2 * MIB, FAKE_ANON, 0 },
	{ 3 * GIB, 2 * MIB, FAKE_ANON, 0xc0000 },
	{ 16 * GIB, GIB, FAKE_HUGETLB, 0 },
	{ 300 * GIB, GIB, FAKE_HUGETLB, 0 },
	{ 16 * GIB, GIB, FAKE_HUGETLB, 0x100000 },
};

START_TEST(slots_hold_all_memory_and_no_more_than_their_size)
{
	struct scene *s = scene_create(FAKE_LINUX_6_12);
	uint64_t folio_bytes = drawings[_i].folio_bytes;
	uint64_t size = drawings[_i].size_bytes;
	uint64_t skip = drawings[_i].skip_bytes;
	struct measure m;

	fake_region(s->fake, PID, BASE, size, folio_bytes, 3,
		    drawings[_i].backing);
	scene_region(s, skip, size - skip,
		     drawings[_i].backing == FAKE_HUGETLB ? folio_bytes
							  : PAGE_4K_BYTES,
		     drawings[_i].backing, 0);
	ck_assert_int_eq(measure(s, true, &m), 0);
	check_slots(&m, size - skip);
	measure_finish(&m);
	scene_destroy(s);
}
END_TEST

START_TEST(slots_skip_the_holes_between_regions)
{
	struct scene *s = scene_create(FAKE_LINUX_6_12);
	struct measure m;

	scene_memory(s, 0, 512 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	scene_memory(s, 4 * GIB, 512 * MIB, PAGE_2M_BYTES, 1, FAKE_ANON, 0);
	ck_assert_int_eq(measure(s, true, &m), 0);
	check_slots(&m, GIB);
	measure_finish(&m);
	scene_destroy(s);
}
END_TEST

START_TEST(guest_that_may_not_be_asked_is_an_error)
{
	struct scene *s = scene_create(FAKE_LINUX_6_12);
	struct measure m;

	scene_memory(s, 0, 64 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	fake_process_deny(s->fake, PID, true);
	ck_assert_int_eq(measure(s, true, &m), -EPERM);
	scene_destroy(s);
}
END_TEST

static void die_at_the_question(struct scene *s, enum fake_op op)
{
	if (op == FAKE_PAGES_WHERE)
		scene_kill(s);
}

START_TEST(guest_that_ends_meanwhile_is_an_error)
{
	struct scene *s = scene_create(FAKE_LINUX_6_12);
	struct measure m;

	scene_memory(s, 0, 64 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	s->on_op = die_at_the_question;
	ck_assert_int_eq(measure(s, true, &m), -ESRCH);
	scene_destroy(s);
}
END_TEST

/* 64 MiB of small pages, all on node 0. */
static struct scene *scene_of_small_pages(int i)
{
	struct scene *s = scene_create(kernels[i]);

	scene_memory(s, 0, 64 * MIB, PAGE_4K_BYTES, 0, FAKE_ANON, 0);
	return s;
}

START_TEST(uniform_blocks_cost_eight_addresses_each)
{
	struct scene *s = scene_of_small_pages(_i);
	struct fake_books books;
	struct measure m;

	ck_assert_int_eq(measure(s, false, &m), 0);
	books = fake_books(s->fake);
	ck_assert_uint_eq(m.cells[0].node_bytes[0], 64 * MIB);
	ck_assert_uint_eq(m.queried_pages, has_samples(_i) ? 32 * 8 : 16384);
	ck_assert_uint_eq(books.where_pages, m.queried_pages);
	ck_assert_uint_eq(books.calls[FAKE_PAGES_WHERE], 1);
	measure_finish(&m);
	scene_destroy(s);
}
END_TEST

START_TEST(exact_count_asks_for_each_page)
{
	struct scene *s = scene_of_small_pages(_i);
	struct measure m;

	scene_folio(s, 16 * PAGE_4K_BYTES)->node = 1;
	ck_assert_int_eq(
		measure_as(s, (struct measure_ask) { .is_exact = true }, &m),
		0);
	ck_assert_uint_eq(m.cells[0].node_bytes[1], PAGE_4K_BYTES);
	ck_assert_uint_eq(m.queried_pages, 16384);
	measure_finish(&m);
	scene_destroy(s);
}
END_TEST

/* One block is half elsewhere, one but for its last page, one is empty. */
START_TEST(mixed_blocks_are_counted_page_by_page)
{
	struct scene *s = scene_of_small_pages(_i);
	struct fake_books books;
	struct measure m;

	for (uint64_t at = 0; at < PAGE_2M_BYTES; at += 2 * PAGE_4K_BYTES) {
		scene_folio(s, 2 * MIB + at)->node = 1;
		scene_folio(s, 6 * MIB + at)->node = NODE_NONE;
		scene_folio(s, 6 * MIB + at + PAGE_4K_BYTES)->node = NODE_NONE;
	}
	scene_folio(s, 6 * MIB - PAGE_4K_BYTES)->node = 2;
	ck_assert_int_eq(measure(s, true, &m), 0);
	books = fake_books(s->fake);
	ck_assert_uint_eq(m.cells[0].node_bytes[0], 61 * MIB - PAGE_4K_BYTES);
	ck_assert_uint_eq(m.cells[0].node_bytes[1], MIB);
	ck_assert_uint_eq(m.cells[0].node_bytes[2], PAGE_4K_BYTES);
	ck_assert_uint_eq(m.slots[1].node_bytes[1], MIB);
	ck_assert_uint_eq(m.slots[3].node_bytes[0], 0);
	ck_assert_uint_eq(m.queried_pages,
			  has_samples(_i) ? 31 * 8 + 2 * 512 : 31 * 512);
	ck_assert_uint_eq(books.calls[FAKE_PAGES_WHERE],
			  has_samples(_i) ? 2 : 1);
	measure_finish(&m);
	scene_destroy(s);
}
END_TEST

/* Holes, zero pages, few pages: what is present is exact, samples or not. */
START_TEST(holes_are_counted_exactly)
{
	struct scene *s = scene_of_small_pages(_i);
	struct measure m;

	for (uint64_t at = 0; at < PAGE_2M_BYTES; at += PAGE_4K_BYTES) {
		if (at % (3 * PAGE_4K_BYTES) == 0)
			scene_folio(s, at)->node = NODE_NONE;
		if (at >= 5 * PAGE_4K_BYTES)
			scene_folio(s, 8 * MIB + at)->node = NODE_NONE;
	}
	scene_folio(s, 4 * MIB)->is_zero = true;
	scene_folio(s, 4 * MIB + PAGE_4K_BYTES)->is_swapped = true;
	ck_assert_int_eq(measure(s, true, &m), 0);
	ck_assert_uint_eq(m.cells[0].node_bytes[0],
			  64 * MIB - (171 + 507 + 2) * PAGE_4K_BYTES);
	ck_assert_uint_eq(m.slots[0].node_bytes[0], 341 * PAGE_4K_BYTES);
	ck_assert_uint_eq(m.slots[4].node_bytes[0], 5 * PAGE_4K_BYTES);
	if (has_samples(_i))
		ck_assert_uint_eq(m.queried_pages, 31 * 8 + 5);
	measure_finish(&m);
	scene_destroy(s);
}
END_TEST

/* Bytes on node 1 that the count finds. */
static uint64_t strays_in_round(struct scene *s, uint64_t round)
{
	struct measure_ask ask = { .round = round };
	struct measure m;
	uint64_t bytes;

	ck_assert_int_eq(measure_as(s, ask, &m), 0);
	bytes = m.cells[0].node_bytes[1];
	measure_finish(&m);
	return bytes;
}

/* A stray page anywhere in a block is seen in one of so many rounds. */
START_TEST(every_page_is_a_sample_in_some_round)
{
	struct scene *s = scene_create(FAKE_LINUX_6_12);

	scene_memory(s, 0, 2 * MIB, PAGE_4K_BYTES, 0, FAKE_ANON, 0);
	for (uint64_t at = 0; at < 2 * MIB; at += 7 * PAGE_4K_BYTES) {
		bool is_seen = false;

		scene_folio(s, at)->node = 1;
		for (uint64_t round = 0; round < 85 && !is_seen; round++)
			is_seen = strays_in_round(s, round) == PAGE_4K_BYTES;
		ck_assert(is_seen);
		scene_folio(s, at)->node = 0;
	}
	scene_destroy(s);
}
END_TEST

/* The same stray in every block is not missed by all blocks at once. */
START_TEST(strays_at_one_place_of_all_blocks_are_seen_in_each_round)
{
	struct scene *s = scene_create(FAKE_LINUX_6_12);

	scene_memory(s, 0, 256 * MIB, PAGE_4K_BYTES, 0, FAKE_ANON, 0);
	for (uint64_t at = 0; at < 256 * MIB; at += PAGE_2M_BYTES)
		scene_folio(s, at + 100 * PAGE_4K_BYTES)->node = 1;
	for (uint64_t round = 0; round < 10; round++)
		ck_assert_uint_gt(strays_in_round(s, round), 0);
	scene_destroy(s);
}
END_TEST

static void leave_at_the_question(struct scene *s, enum fake_op op)
{
	if (op == FAKE_PAGES_WHERE && s->arg++ == 0)
		scene_folio(s, 0)->node = NODE_NONE;
}

START_TEST(sample_that_has_gone_has_its_block_counted)
{
	struct scene *s = scene_of_small_pages(1);
	struct measure m;

	s->on_op = leave_at_the_question;
	ck_assert_int_eq(measure(s, false, &m), 0);
	ck_assert_uint_eq(m.cells[0].node_bytes[0], 64 * MIB - PAGE_4K_BYTES);
	ck_assert_uint_eq(m.queried_pages, 32 * 8 + 512);
	measure_finish(&m);
	scene_destroy(s);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, cells_are_counted_by_node);
	tcase_add_loop_test(tests,
			    slots_hold_all_memory_and_no_more_than_their_size,
			    0, (int)(sizeof(drawings) / sizeof(*drawings)));
	tcase_add_test(tests, slots_skip_the_holes_between_regions);
	tcase_add_test(tests, guest_that_may_not_be_asked_is_an_error);
	tcase_add_test(tests, guest_that_ends_meanwhile_is_an_error);
	tcase_add_loop_test(tests, uniform_blocks_cost_eight_addresses_each, 0,
			    KERNELS);
	tcase_add_loop_test(tests, exact_count_asks_for_each_page, 0, KERNELS);
	tcase_add_loop_test(tests, mixed_blocks_are_counted_page_by_page, 0,
			    KERNELS);
	tcase_add_loop_test(tests, holes_are_counted_exactly, 0, KERNELS);
	tcase_add_test(tests, every_page_is_a_sample_in_some_round);
	tcase_add_test(
		tests,
		strays_at_one_place_of_all_blocks_are_seen_in_each_round);
	tcase_add_test(tests, sample_that_has_gone_has_its_block_counted);
}

int main(void)
{
	return run_tests("move: measuring", add_tests);
}
