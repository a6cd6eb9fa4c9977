/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest/map_probe.c: how many questions it takes to find out where a range
 * lies, in one piece or in many, and that they end.
 */
#include "guest/map_probe.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake_sys.h"
#include "fake_qemu.h"

#define N(array) ((int)(sizeof(array) / sizeof((array)[0])))
#define PAGE     PAGE_4K_BYTES
#define HVA      0x7f0000000000ull

struct scene {
	struct fake_sys *host;
	struct sys sys;
	struct fake_qemu qemu;
	struct monitor monitor;
	struct map_asker asker;
	struct map_pieces pieces;
	struct why why;
};

static void scene_begin(struct scene *s, const struct fake_block *blocks)
{
	memset(s, 0, sizeof(*s));
	s->host = fake_sys_create(FAKE_LINUX_6_12);
	s->sys = fake_sys_door(s->host);
	s->qemu.blocks = blocks;
	s->monitor = fake_qemu_monitor(&s->qemu);
	s->asker = (struct map_asker) { &s->sys, &s->monitor, UINT64_MAX, 0 };
}

static void scene_end(struct scene *s)
{
	free(s->pieces.pieces);
	fake_sys_destroy(s->host);
}

static const struct {
	const char *what;
	struct fake_block blocks[4];
	uint64_t size_bytes; /* probed, from 0 */
	size_t n_pieces;
	uint64_t found_bytes;
	unsigned int n_asked_max;
} layouts[] = {
	{ "one piece", { { 0, 4 * GIB, HVA, "a" } }, 4 * GIB, 1, 4 * GIB, 2 },
	{ "one page", { { 0, PAGE, HVA, "a" } }, PAGE, 1, PAGE, 2 },
	{ "two blocks",
	  { { 0, GIB, HVA, "a" }, { GIB, 3 * GIB, HVA + GIB, "b" } },
	  4 * GIB,
	  2,
	  4 * GIB,
	  50 },
	{ "one block in two places",
	  { { 0, MIB, HVA, "a" }, { MIB, GIB - MIB, HVA + TIB, "a" } },
	  GIB,
	  2,
	  GIB,
	  40 },
	{ "a hole at the end",
	  { { 0, GIB + PAGE, HVA, "a" } },
	  4 * GIB,
	  1,
	  GIB + PAGE,
	  50 },
	{ "a hole at the start",
	  { { 3 * PAGE, GIB, HVA, "a" } },
	  GIB + 3 * PAGE,
	  1,
	  GIB,
	  50 },
	{ "nothing at all", { { 0 } }, 4 * GIB, 0, 0, 2 },
	{ "two pages of two blocks",
	  { { 0, PAGE, HVA, "a" }, { PAGE, PAGE, HVA, "b" } },
	  2 * PAGE,
	  2,
	  2 * PAGE,
	  2 },
};

START_TEST(every_layout_is_found_with_few_questions)
{
	struct scene s;
	uint64_t found_bytes = 0;
	uint64_t n_merged = 0;

	scene_begin(&s, layouts[_i].blocks);
	ck_assert_int_eq(map_probe(&s.asker, (struct gpa) { 0 },
				   layouts[_i].size_bytes, &s.pieces, &s.why),
			 0);
	for (size_t i = 0; i < s.pieces.n; i++) {
		const struct map_piece *p = &s.pieces.pieces[i];
		const struct map_piece *last = i ? p - 1 : NULL;

		found_bytes += p->size_bytes;
		n_merged += !last || strcmp(last->block, p->block) != 0 ||
			    last->hva.v + last->size_bytes != p->hva.v;
	}
	/* The cuts of the bisection itself are undone by guest_map_build(). */
	ck_assert_msg(n_merged == layouts[_i].n_pieces, "%s: %zu pieces",
		      layouts[_i].what, s.pieces.n);
	ck_assert_uint_eq(found_bytes, layouts[_i].found_bytes);
	ck_assert_msg(s.asker.n_asked <= layouts[_i].n_asked_max,
		      "%s: %u questions", layouts[_i].what, s.asker.n_asked);
	scene_end(&s);
}
END_TEST

START_TEST(memory_in_countless_pieces_ends_at_the_budget)
{
	struct fake_block *blocks = calloc(8193, sizeof(*blocks));
	struct scene s;

	for (size_t i = 0; i < 8192; i++)
		blocks[i] = (struct fake_block) { i * PAGE, PAGE,
						  HVA + (8192 - i) * PAGE,
						  "shuffled" };
	scene_begin(&s, blocks);
	ck_assert_int_eq(map_probe(&s.asker, (struct gpa) { 0 }, 8192 * PAGE,
				   &s.pieces, &s.why),
			 -E2BIG);
	ck_assert_uint_eq(s.qemu.n_asked, MAP_QUESTIONS_MAX);
	ck_assert(strstr(s.why.text, "too many pieces") != NULL);
	scene_end(&s);
	free(blocks);
}
END_TEST

START_TEST(no_question_is_asked_after_the_deadline)
{
	static const struct fake_block blocks[] = { { 0, GIB, HVA, "a" },
						    { 0 } };
	struct scene s;

	scene_begin(&s, blocks);
	s.asker.deadline_ns = s.sys.ops->now_ns(s.sys.self);
	ck_assert_int_eq(
		map_probe(&s.asker, (struct gpa) { 0 }, GIB, &s.pieces, &s.why),
		-ETIMEDOUT);
	ck_assert_uint_eq(s.qemu.n_asked, 0);
	scene_end(&s);
}
END_TEST

START_TEST(device_path_before_a_block_name_is_dropped)
{
	ck_assert_str_eq(map_block_name("0000:00:02.0/vm0m"), "vm0m");
	ck_assert_str_eq(map_block_name("pc.ram"), "pc.ram");
	ck_assert_str_eq(map_block_name("a/b/"), "");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("map_probe");
	TCase *tc = tcase_create("map_probe");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tc, every_layout_is_found_with_few_questions, 0,
			    N(layouts));
	tcase_add_test(tc, memory_in_countless_pieces_ends_at_the_budget);
	tcase_add_test(tc, no_question_is_asked_after_the_deadline);
	tcase_add_test(tc, device_path_before_a_block_name_is_dropped);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
