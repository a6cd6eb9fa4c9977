/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does the fake host's pages_move() treat each kind of page as move_pages(2)
 * was measured to do on Linux 6.1 and 6.12? See test_fake_move.c for batches.
 */
#include <errno.h>

#include "move_scene.h"
#include "run.h"

#define U PAGE_STATUS_UNWRITTEN

static const enum fake_kernel kernels[] = { FAKE_LINUX_6_1, FAKE_LINUX_6_12 };

START_TEST(holes_differ_between_kernels)
{
	struct move_scene *s = move_scene_create(kernels[_i]);
	bool is_old = kernels[_i] == FAKE_LINUX_6_1;

	move_scene_4k(s, 4);
	fake_region(s->fake, PID, BASE + 4 * 4096, 4096, 4096, NODE_NONE,
		    FAKE_SHMEM);
	move_scene_folio(s, 0)->node = NODE_NONE;
	move_scene_folio(s, 4096)->is_swapped = true;
	move_scene_folio(s, 2 * 4096)->is_zero = true;
	ck_assert_int_eq(move_scene_call(s, 6, 4096, false), 0);
	ck_assert_int_eq(s->status[0], is_old ? -EFAULT : -ENOENT);
	ck_assert_int_eq(s->status[1], -ENOENT);
	ck_assert_int_eq(s->status[2], -EFAULT);
	ck_assert_int_eq(s->status[3], 1);
	ck_assert_int_eq(s->status[4], -ENOENT);
	ck_assert_int_eq(s->status[5], -EFAULT);
	s->status[3] = U;
	ck_assert_int_eq(s->sys.ops->pages_where(s->sys.self, PID, s->pages, 6,
						 s->status),
			 0);
	ck_assert_int_eq(s->status[0], is_old ? -EFAULT : -ENOENT);
	ck_assert_int_eq(s->status[1], -ENOENT);
	ck_assert_int_eq(s->status[2], -EFAULT);
	ck_assert_int_eq(s->status[3], 1);
	ck_assert_int_eq(s->status[5], -EFAULT);
	move_scene_destroy(s);
}
END_TEST

START_TEST(device_memory_is_a_fault)
{
	struct move_scene *s = move_scene_create(kernels[_i]);

	fake_region(s->fake, PID, BASE, 8192, 4096, 0, FAKE_DEVICE);
	ck_assert_int_eq(move_scene_call(s, 2, 4096, true), 0);
	ck_assert_int_eq(s->status[0], -EFAULT);
	move_scene_destroy(s);
}
END_TEST

START_TEST(shared_and_merged_pages_need_move_all)
{
	struct move_scene *s = move_scene_create(kernels[_i]);

	move_scene_4k(s, 3);
	move_scene_folio(s, 0)->is_shared = true;
	move_scene_folio(s, 4096)->is_ksm = true;
	ck_assert_int_eq(move_scene_call(s, 3, 4096, false), 0);
	ck_assert_int_eq(s->status[0], -EACCES);
	ck_assert_int_eq(s->status[1], -EACCES);
	ck_assert_int_eq(s->status[2], 1);
	ck_assert_int_eq(move_scene_call(s, 3, 4096, true), 0);
	ck_assert_int_eq(s->status[0], 1);
	ck_assert_int_eq(s->status[1], 1);
	ck_assert_uint_eq(fake_books(s->fake).move_all_calls, 1);
	move_scene_destroy(s);
}
END_TEST

START_TEST(thp_moves_by_its_head_or_any_tail)
{
	struct move_scene *s = move_scene_create(kernels[_i]);

	fake_region(s->fake, PID, BASE, 4 * MIB, 2 * MIB, 0, FAKE_ANON);
	s->pages[0].v = BASE;
	s->pages[1].v = BASE + 2 * MIB + 77 * 4096;
	s->nodes[0] = s->nodes[1] = 1;
	ck_assert_int_eq(s->sys.ops->pages_move(s->sys.self, PID, s->pages,
						s->nodes, 2, false, s->status),
			 0);
	ck_assert_int_eq(s->status[0], 1);
	ck_assert_int_eq(s->status[1], 1);
	ck_assert_uint_eq(fake_bytes_on(s->fake, PID, 1), 4 * MIB);
	ck_assert_uint_eq(move_scene_folio(s, 0)->bytes, 2 * MIB);
	move_scene_destroy(s);
}
END_TEST

START_TEST(thp_given_as_512_addresses_moves_with_one_busy_answer)
{
	struct move_scene *s = move_scene_create(kernels[_i]);

	fake_region(s->fake, PID, BASE, 2 * MIB, 2 * MIB, 0, FAKE_ANON);
	ck_assert_int_eq(move_scene_call(s, 512, 4096, false), 0);
	ck_assert_int_eq(s->status[0], 1);
	ck_assert_int_eq(s->status[1], -EBUSY);
	for (int i = 2; i < 512; i++)
		ck_assert_int_eq(s->status[i], 1);
	ck_assert_uint_eq(fake_books(s->fake).moved_folios, 1);
	move_scene_destroy(s);
}
END_TEST

START_TEST(one_address_moves_all_of_a_64k_folio)
{
	struct move_scene *s = move_scene_create(kernels[_i]);

	fake_region(s->fake, PID, BASE, 128 * KIB, 64 * KIB, 0, FAKE_ANON);
	ck_assert_int_eq(move_scene_call(s, 1, 4096, false), 0);
	ck_assert_uint_eq(fake_bytes_on(s->fake, PID, 1), 64 * KIB);
	move_scene_destroy(s);
}
END_TEST

START_TEST(thp_with_a_pin_fails_whole_and_stays_huge)
{
	struct move_scene *s = move_scene_create(kernels[_i]);

	fake_region(s->fake, PID, BASE, 4 * MIB, 2 * MIB, 0, FAKE_ANON);
	move_scene_folio(s, 0)->pin_calls = FAKE_ALWAYS;
	ck_assert_int_eq(move_scene_call(s, 2, 2 * MIB, false), 1);
	ck_assert_uint_eq(move_scene_folio(s, 0)->bytes, 2 * MIB);
	ck_assert_int_eq(move_scene_folio(s, 0)->node, 0);
	ck_assert_int_eq(move_scene_folio(s, 2 * MIB)->node, 1);
	ck_assert_uint_eq(fake_books(s->fake).thp_splits, 0);
	move_scene_destroy(s);
}
END_TEST

START_TEST(thps_without_room_are_all_shattered_on_6_12)
{
	struct move_scene *s = move_scene_create(FAKE_LINUX_6_12);

	fake_region(s->fake, PID, BASE, 96 * MIB, 2 * MIB, 0, FAKE_ANON);
	fake_node(s->fake, 1, 0);
	ck_assert_int_eq(move_scene_call(s, 48, 2 * MIB, false), 48);
	ck_assert_uint_eq(move_scene_unwritten(s, 0, 48), 48);
	ck_assert_uint_eq(fake_books(s->fake).thp_splits, 48);
	ck_assert_uint_eq(fake_bytes_on(s->fake, PID, 1), 0);
	ck_assert_uint_eq(move_scene_folio(s, 0)->bytes, 4096);
	ck_assert_uint_eq(move_scene_folio(s, 95 * MIB)->bytes, 4096);
	move_scene_destroy(s);
}
END_TEST

START_TEST(thps_without_room_split_one_and_end_on_6_1)
{
	struct move_scene *s = move_scene_create(FAKE_LINUX_6_1);

	fake_region(s->fake, PID, BASE, 96 * MIB, 2 * MIB, 0, FAKE_ANON);
	fake_node(s->fake, 1, 0);
	ck_assert_int_eq(move_scene_call(s, 48, 2 * MIB, false), -ENOMEM);
	ck_assert_uint_eq(fake_books(s->fake).thp_splits, 1);
	ck_assert_uint_eq(move_scene_folio(s, 0)->bytes, 4096);
	ck_assert_uint_eq(move_scene_folio(s, 2 * MIB)->bytes, 2 * MIB);
	/* What was not tried is not left isolated. */
	fake_node(s->fake, 1, GIB);
	ck_assert_int_eq(move_scene_call(s, 48, 2 * MIB, false), 0);
	move_scene_destroy(s);
}
END_TEST

START_TEST(thps_fill_the_free_blocks_before_any_is_split)
{
	struct move_scene *s = move_scene_create(FAKE_LINUX_6_12);

	fake_region(s->fake, PID, BASE, 8 * MIB, 2 * MIB, 0, FAKE_ANON);
	fake_node(s->fake, 1, 64 * MIB)->free_2m_blocks = 3;
	/* The parts of the fourth found scattered pages: nothing is left. */
	ck_assert_int_eq(move_scene_call(s, 4, 2 * MIB, false), 0);
	ck_assert_uint_eq(fake_books(s->fake).thp_splits, 1);
	ck_assert_uint_eq(fake_bytes_on(s->fake, PID, 1), 8 * MIB);
	ck_assert_uint_eq(move_scene_folio(s, 6 * MIB)->bytes, 4096);
	move_scene_destroy(s);
}
END_TEST

START_TEST(compaction_rescues_a_fragmented_node)
{
	struct move_scene *s = move_scene_create(kernels[_i]);

	fake_region(s->fake, PID, BASE, 8 * MIB, 2 * MIB, 0, FAKE_ANON);
	fake_node(s->fake, 1, 64 * MIB)->free_2m_blocks = 0;
	fake_set_compaction(s->fake, true);
	ck_assert_int_eq(move_scene_call(s, 4, 2 * MIB, false), 0);
	ck_assert_uint_eq(fake_books(s->fake).thp_splits, 0);
	move_scene_destroy(s);
}
END_TEST

START_TEST(hugetlb_tails_and_doubles_are_refused)
{
	struct move_scene *s = move_scene_create(kernels[_i]);
	int refused = kernels[_i] == FAKE_LINUX_6_1 ? -EACCES : -EBUSY;

	fake_region(s->fake, PID, BASE, 2 * MIB, 2 * MIB, 0, FAKE_HUGETLB);
	fake_node(s->fake, 1, GIB)->pool_2m_free = 4;
	ck_assert_int_eq(move_scene_call(s, 3, 4096, false), 0);
	ck_assert_int_eq(s->status[0], 1);
	ck_assert_int_eq(s->status[1], refused);
	ck_assert_int_eq(s->status[2], 1);
	move_scene_destroy(s);
}
END_TEST

START_TEST(hugetlb_takes_pool_pages_then_fresh_ones)
{
	struct move_scene *s = move_scene_create(kernels[_i]);
	struct fake_node *from = fake_node(s->fake, 0, GIB);
	struct fake_node *to = fake_node(s->fake, 1, 4 * MIB);

	from->pool_2m = 6;
	to->pool_2m = to->pool_2m_free = 4;
	fake_region(s->fake, PID, BASE, 12 * MIB, 2 * MIB, 0, FAKE_HUGETLB);
	ck_assert_int_eq(move_scene_call(s, 6, 2 * MIB, false), 0);
	ck_assert_uint_eq(to->pool_2m, 6);
	ck_assert_uint_eq(to->pool_2m_free, 0);
	ck_assert_uint_eq(to->free_bytes, 0);
	ck_assert_uint_eq(from->pool_2m, 4);
	ck_assert_uint_eq(from->pool_2m_free, 4);
	move_scene_destroy(s);
}
END_TEST

START_TEST(hugetlb_without_pool_or_blocks_is_enomem)
{
	struct move_scene *s = move_scene_create(kernels[_i]);

	fake_node(s->fake, 1, MIB);
	fake_region(s->fake, PID, BASE, 4 * MIB, 2 * MIB, 0, FAKE_HUGETLB);
	ck_assert_int_eq(move_scene_call(s, 2, 2 * MIB, false), -ENOMEM);
	ck_assert_uint_eq(fake_bytes_on(s->fake, PID, 1), 0);
	move_scene_destroy(s);
}
END_TEST

START_TEST(gigantic_page_needs_one_in_the_pool)
{
	struct move_scene *s = move_scene_create(kernels[_i]);
	struct fake_node *to = fake_node(s->fake, 1, 8 * GIB);
	uint64_t base = 4 * TIB;

	fake_region(s->fake, PID, base, GIB, GIB, 0, FAKE_HUGETLB);
	s->pages[0].v = base;
	s->nodes[0] = 1;
	ck_assert_int_eq(s->sys.ops->pages_move(s->sys.self, PID, s->pages,
						s->nodes, 1, false, s->status),
			 -ENOMEM);
	to->pool_1g_free = 1;
	ck_assert_int_eq(s->sys.ops->pages_move(s->sys.self, PID, s->pages,
						s->nodes, 1, false, s->status),
			 0);
	ck_assert_uint_eq(to->pool_1g_free, 0);
	move_scene_destroy(s);
}
END_TEST

START_TEST(free_memory_follows_the_pages)
{
	struct move_scene *s = move_scene_create(kernels[_i]);
	struct fake_node *from = fake_node(s->fake, 0, 10 * MIB);
	struct fake_node *to = fake_node(s->fake, 1, 10 * MIB);

	fake_region(s->fake, PID, BASE, 2 * MIB, 2 * MIB, 0, FAKE_ANON);
	ck_assert_int_eq(move_scene_call(s, 1, 4096, false), 0);
	ck_assert_uint_eq(from->free_bytes, 12 * MIB);
	ck_assert_uint_eq(from->free_2m_blocks, 6);
	ck_assert_uint_eq(to->free_bytes, 8 * MIB);
	ck_assert_uint_eq(to->free_2m_blocks, 4);
	/* A failed attempt costs no room. */
	move_scene_folio(s, 0)->pin_calls = 1;
	s->nodes[0] = 0;
	ck_assert_int_eq(s->sys.ops->pages_move(s->sys.self, PID, s->pages,
						s->nodes, 1, false, s->status),
			 1);
	ck_assert_uint_eq(from->free_bytes, 12 * MIB);
	ck_assert_uint_eq(to->free_2m_blocks, 4);
	move_scene_destroy(s);
}
END_TEST

#define EACH_KERNEL(tests, test) tcase_add_loop_test(tests, test, 0, 2)

static void add(TCase *t)
{
	EACH_KERNEL(t, holes_differ_between_kernels);
	EACH_KERNEL(t, device_memory_is_a_fault);
	EACH_KERNEL(t, shared_and_merged_pages_need_move_all);
	EACH_KERNEL(t, thp_moves_by_its_head_or_any_tail);
	EACH_KERNEL(t, thp_given_as_512_addresses_moves_with_one_busy_answer);
	EACH_KERNEL(t, one_address_moves_all_of_a_64k_folio);
	EACH_KERNEL(t, thp_with_a_pin_fails_whole_and_stays_huge);
	tcase_add_test(t, thps_without_room_are_all_shattered_on_6_12);
	tcase_add_test(t, thps_without_room_split_one_and_end_on_6_1);
	tcase_add_test(t, thps_fill_the_free_blocks_before_any_is_split);
	EACH_KERNEL(t, compaction_rescues_a_fragmented_node);
	EACH_KERNEL(t, hugetlb_tails_and_doubles_are_refused);
	EACH_KERNEL(t, hugetlb_takes_pool_pages_then_fresh_ones);
	EACH_KERNEL(t, hugetlb_without_pool_or_blocks_is_enomem);
	EACH_KERNEL(t, gigantic_page_needs_one_in_the_pool);
	EACH_KERNEL(t, free_memory_follows_the_pages);
}

int main(void)
{
	return run_tests("fake pages", add);
}
