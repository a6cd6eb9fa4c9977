/* SPDX-License-Identifier: Apache-2.0 */
/* Counting a guest's memory by cell, node and slot. */
#include "move/measure.h"

#include <errno.h>

#include "run.h"
#include "scene.h"

static int measure(struct scene *s, bool with_slots, struct measure *ret)
{
	struct identity identity = { .pid = PID };
	int err;

	scene_build_map(s);
	ck_assert_int_eq(
		s->sys.ops->open_process(s->sys.self, PID, &identity.pidfd), 0);
	err = measure_guest(&s->sys, &identity, s->map, with_slots, ret);
	identity_close(&s->sys, &identity);
	return err;
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

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, cells_are_counted_by_node);
	tcase_add_loop_test(tests,
			    slots_hold_all_memory_and_no_more_than_their_size,
			    0, (int)(sizeof(drawings) / sizeof(*drawings)));
	tcase_add_test(tests, slots_skip_the_holes_between_regions);
	tcase_add_test(tests, guest_that_may_not_be_asked_is_an_error);
	tcase_add_test(tests, guest_that_ends_meanwhile_is_an_error);
}

int main(void)
{
	return run_tests("move: measuring", add_tests);
}
