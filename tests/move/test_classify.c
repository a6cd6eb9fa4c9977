/* SPDX-License-Identifier: Apache-2.0 */
/* Huge, empty or mixed, by each means. */
#include "move/classify.h"

#include <errno.h>
#include <string.h>

#include "run.h"
#include "scene.h"

/* Blocks of 2 MiB, as they lie one behind the other in the test's memory. */
static const enum block_kind kinds_wanted[] = {
	BLOCK_HUGE, /* a huge page */
	BLOCK_HUGE, /* and another one */
	BLOCK_MIXED, /* huge, mapped by small entries */
	BLOCK_EMPTY, /* a hole */
	BLOCK_MIXED, /* small pages */
	BLOCK_MIXED, /* small pages with holes */
	BLOCK_EMPTY, /* no mapping at all */
};

#define BLOCKS (sizeof(kinds_wanted) / sizeof(*kinds_wanted))

static struct scene *scene_of_blocks(void)
{
	struct scene *s = scene_create(FAKE_LINUX_6_12);

	scene_memory(s, 0, 8 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	scene_folio(s, 4 * MIB)->pmd_split = true;
	scene_folio(s, 6 * MIB)->node = NODE_NONE;
	scene_memory(s, 8 * MIB, 4 * MIB, PAGE_4K_BYTES, 0, FAKE_ANON, 0);
	for (uint64_t at = 10 * MIB; at < 12 * MIB; at += 2 * PAGE_4K_BYTES)
		scene_folio(s, at)->node = NODE_NONE;
	return s;
}

static void classify(struct scene *s, enum block_kind *kinds,
		     enum classify_means *ret_means)
{
	struct classify c;

	classify_init(&c, &s->sys, PID);
	classify_blocks(&c, (struct hva) { BASE }, BLOCKS, kinds, NULL);
	*ret_means = c.means;
	classify_finish(&c);
	classify_finish(&c);
}

START_TEST(pagemap_scan_tells_them_apart)
{
	struct scene *s = scene_of_blocks();
	enum classify_means means;
	enum block_kind kinds[BLOCKS];

	classify(s, kinds, &means);
	ck_assert_int_eq(means, CLASSIFY_SCAN);
	for (size_t i = 0; i < BLOCKS; i++)
		ck_assert_int_eq(kinds[i], kinds_wanted[i]);
	scene_destroy(s);
}
END_TEST

/* Only the frames tell here, so a huge page under small entries is one too. */
START_TEST(pagemap_and_kpageflags_tell_them_apart)
{
	struct scene *s = scene_of_blocks();
	enum classify_means means;
	enum block_kind kinds[BLOCKS];

	fake_set_pagemap_scan(s->fake, false);
	classify(s, kinds, &means);
	ck_assert_int_eq(means, CLASSIFY_PAGEMAP);
	for (size_t i = 0; i < BLOCKS; i++)
		ck_assert_int_eq(kinds[i],
				 i == 2 ? BLOCK_HUGE : kinds_wanted[i]);
	scene_destroy(s);
}
END_TEST

static void check_none(struct scene *s)
{
	enum classify_means means;
	enum block_kind kinds[BLOCKS];

	classify(s, kinds, &means);
	ck_assert_int_eq(means, CLASSIFY_NONE);
	for (size_t i = 0; i < BLOCKS; i++)
		ck_assert_int_eq(kinds[i], BLOCK_MIXED);
}

START_TEST(without_rights_all_is_mixed)
{
	struct scene *s = scene_of_blocks();

	fake_set_pagemap_rights(s->fake, false);
	check_none(s);
	scene_destroy(s);
}
END_TEST

START_TEST(without_kpageflags_all_is_mixed)
{
	struct scene *s = scene_of_blocks();

	fake_set_pagemap_scan(s->fake, false);
	fake_file_error(s->fake, "/proc/kpageflags", -EPERM);
	check_none(s);
	scene_destroy(s);
}
END_TEST

/* pagemap without CAP_SYS_ADMIN: present, and 0 for the frame. */
static int read_without_frames(void *self, int fd, struct hva start, size_t n,
			       uint64_t *entries)
{
	struct sys_pass *pass = self;
	int err = pass->inner.ops->pagemap_read(pass->inner.self, fd, start, n,
						entries);

	for (size_t i = 0; i < n; i++)
		entries[i] &= ~((1ull << 55) - 1);
	return err;
}

START_TEST(without_frame_numbers_all_is_mixed)
{
	struct scene *s = scene_of_blocks();

	s->ops.pagemap_read = read_without_frames;
	fake_set_pagemap_scan(s->fake, false);
	check_none(s);
	scene_destroy(s);
}
END_TEST

/* A kernel that says that it came nowhere. */
static int scan_nowhere(void *self, int fd, struct hva start, struct hva end,
			struct page_run *runs, size_t cap, size_t *ret_n,
			struct hva *ret_walk_end)
{
	*ret_n = 0;
	*ret_walk_end = start;
	return 0;
}

START_TEST(scan_without_progress_is_not_repeated_for_ever)
{
	struct scene *s = scene_of_blocks();
	enum classify_means means;
	enum block_kind kinds[BLOCKS];

	s->ops.pagemap_scan = scan_nowhere;
	classify(s, kinds, &means);
	ck_assert_int_eq(means, CLASSIFY_PAGEMAP);
	scene_destroy(s);
}
END_TEST

START_TEST(many_runs_take_many_calls_and_are_all_seen)
{
	struct scene *s = scene_create(FAKE_LINUX_6_12);
	enum block_kind kinds[8];
	struct classify c;

	scene_memory(s, 0, 16 * MIB, PAGE_4K_BYTES, 0, FAKE_ANON, 0);
	for (uint64_t at = 0; at < 14 * MIB; at += 2 * PAGE_4K_BYTES)
		scene_folio(s, at)->node = NODE_NONE;
	for (uint64_t at = 14 * MIB; at < 16 * MIB; at += PAGE_4K_BYTES)
		scene_folio(s, at)->node = NODE_NONE;
	classify_init(&c, &s->sys, PID);
	classify_blocks(&c, (struct hva) { BASE }, 8, kinds, NULL);
	for (size_t i = 0; i < 8; i++)
		ck_assert_int_eq(kinds[i], i < 7 ? BLOCK_MIXED : BLOCK_EMPTY);
	ck_assert_int_eq(c.means, CLASSIFY_SCAN);
	classify_finish(&c);
	scene_destroy(s);
}
END_TEST

static size_t count_pages(const struct page_set *set)
{
	size_t n = 0;

	for (size_t i = 0; i < PAGES_PER_2M / 64; i++)
		n += (size_t)__builtin_popcountll(set->words[i]);
	return n;
}

START_TEST(pages_of_mixed_blocks_are_told)
{
	struct scene *s = scene_of_blocks();
	enum block_kind kinds[BLOCKS];
	struct page_set present[BLOCKS];
	struct classify c;

	scene_folio(s, 8 * MIB)->is_zero = true;
	memset(present, 0xff, sizeof(present));
	classify_init(&c, &s->sys, PID);
	classify_blocks(&c, (struct hva) { BASE }, BLOCKS, kinds, present);
	classify_finish(&c);
	for (size_t i = 0; i < BLOCKS; i++)
		ck_assert_int_eq(kinds[i], kinds_wanted[i]);
	ck_assert_uint_eq(count_pages(&present[2]), 512);
	ck_assert_uint_eq(count_pages(&present[4]), 511);
	ck_assert_uint_eq(present[4].words[0], ~1ull);
	for (size_t i = 0; i < PAGES_PER_2M / 64; i++)
		ck_assert_uint_eq(present[5].words[i], 0xaaaaaaaaaaaaaaaaull);
	scene_destroy(s);
}
END_TEST

/* The third call fails: what the first two said is not used in part. */
START_TEST(pages_are_not_told_when_the_scan_fails)
{
	struct scene *s = scene_create(FAKE_LINUX_6_12);
	struct page_set present[4];
	enum block_kind kinds[4];
	struct classify c;

	scene_memory(s, 0, 8 * MIB, PAGE_4K_BYTES, 0, FAKE_ANON, 0);
	for (uint64_t at = 0; at < 8 * MIB; at += 2 * PAGE_4K_BYTES)
		scene_folio(s, at)->node = NODE_NONE;
	fake_fault(s->fake, FAKE_PAGEMAP_SCAN, 3, -EIO);
	classify_init(&c, &s->sys, PID);
	classify_blocks(&c, (struct hva) { BASE }, 4, kinds, present);
	ck_assert_int_ne(c.means, CLASSIFY_SCAN);
	classify_finish(&c);
	for (size_t i = 0; i < 4; i++) {
		ck_assert_int_eq(kinds[i], BLOCK_MIXED);
		ck_assert_uint_eq(count_pages(&present[i]), 0);
	}
	scene_destroy(s);
}
END_TEST

static void add_tests(TCase *tests)
{
	const TTest *const all[] = {
		pagemap_scan_tells_them_apart,
		pagemap_and_kpageflags_tell_them_apart,
		without_rights_all_is_mixed,
		without_kpageflags_all_is_mixed,
		without_frame_numbers_all_is_mixed,
		scan_without_progress_is_not_repeated_for_ever,
		many_runs_take_many_calls_and_are_all_seen,
		pages_of_mixed_blocks_are_told,
		pages_are_not_told_when_the_scan_fails,
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		tcase_add_test(tests, all[i]);
}

int main(void)
{
	return run_tests("move: kinds of blocks", add_tests);
}
