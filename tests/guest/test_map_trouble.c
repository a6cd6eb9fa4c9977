/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest/map_build.c when QEMU lies, changes its memory, answers nonsense,
 * stalls or dies while it is asked: no map, or one without what was lied about.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "map_scene.h"

/* QEMU claims the C library's data, then a range that wraps. */
static const uint64_t lies[] = { 0x7fd5fd000000, 0x55d0c1000000, 0x1000,
				 0xfffffffffffff000 };

START_TEST(lie_about_an_address_costs_the_guest_that_memory_only)
{
	struct fake_block blocks[SCENE_BLOCKS];
	struct scene s;

	scene_begin(&s);
	memcpy(blocks, scene_blocks, sizeof(blocks));
	blocks[SCENE_DIMM].hva = lies[_i];
	s.qemu.blocks = blocks;
	if (scene_build(&s) == 0) {
		ck_assert_ptr_null(guest_map_find_gpa(
			s.result.map, (struct gpa) { 0x180000000 }));
		ck_assert_int_eq(s.result.skipped[0].skip, MAP_SKIP_REFUSED);
	}
	scene_end(&s);
}
END_TEST

START_TEST(two_blocks_in_one_place_give_no_map)
{
	struct fake_block blocks[SCENE_BLOCKS];
	struct scene s;

	scene_begin(&s);
	memcpy(blocks, scene_blocks, sizeof(blocks));
	blocks[SCENE_DIMM].hva = VMEM;
	s.qemu.blocks = blocks;
	ck_assert_int_eq(scene_build(&s), -EINVAL);
	ck_assert(strstr(s.why.text, "shares its place") != NULL);
	scene_end(&s);
}
END_TEST

static const struct {
	const char *what;
	size_t block; /* of scene_blocks */
	const char *name; /* now; NULL: its last page is not mapped now */
	int err;
} changes[] = {
	{ "another block is there", SCENE_DIMM, "other", -EAGAIN },
	{ "a DIMM went away in part", SCENE_DIMM, NULL, -EAGAIN },
	{ "a virtio-mem device shrank", SCENE_VMEM, NULL, 0 },
};

START_TEST(memory_that_changes_meanwhile_is_told_from_memory_that_shrinks)
{
	struct fake_block blocks[SCENE_BLOCKS];
	struct scene s;

	scene_begin(&s);
	memcpy(blocks, scene_blocks, sizeof(blocks));
	if (changes[_i].name)
		blocks[changes[_i].block].name = changes[_i].name;
	else
		blocks[changes[_i].block].size_bytes -= PAGE_2M_BYTES;
	s.qemu.blocks = blocks;
	ck_assert_msg(scene_build(&s) == changes[_i].err, "%s: %s",
		      changes[_i].what, s.why.text);
	if (changes[_i].err == 0)
		ck_assert_uint_eq(s.result.map->regions[5].size_bytes,
				  0x40000000 - PAGE_2M_BYTES);
	scene_end(&s);
}
END_TEST

/* virtio-mem with dynamic-memslots=on (QEMU 8.2) maps what is plugged, by parts. */
START_TEST(parts_of_a_virtio_mem_are_regions_and_the_rest_is_a_hole)
{
	static const struct fake_block blocks[] = {
		{ 0x100000, 0x9ff00000, NODE0 + 0x100000, "ram-node0" },
		{ 0x198000000, 0x10000000, VMEM, "vm0m" },
		{ 0x1b8000000, 0x08000000, VMEM + 0x20000000, "vm0m" },
		{ 0 },
	};
	const struct guest_map *map;
	struct scene s;

	scene_begin(&s);
	s.qemu.blocks = blocks;
	s.qemu.replies[QMP_HMP_MTREE] =
		"FlatView #0\n AS \"memory\", root: system\n Root memory "
		"region: system\n"
		"  0000000000100000-000000009fffffff (prio 0, ram): ram-node0 "
		"@0000000000100000 KVM\n"
		"  0000000198000000-00000001a7ffffff (prio 0, ram): vm0m KVM\n"
		"  00000001b8000000-00000001bfffffff (prio 0, ram): vm0m "
		"@0000000020000000 KVM\n\n";
	ck_assert_msg(scene_build(&s) == 0, "%s", s.why.text);
	map = s.result.map;
	ck_assert_uint_eq(map->n_regions, 3);
	ck_assert_uint_eq(map->regions[1].gpa.v, 0x198000000);
	ck_assert_uint_eq(map->regions[1].size_bytes, 0x10000000);
	ck_assert_uint_eq(map->regions[1].hva.v, VMEM);
	ck_assert_uint_eq(map->regions[2].gpa.v, 0x1b8000000);
	ck_assert_uint_eq(map->regions[2].size_bytes, 0x08000000);
	ck_assert_uint_eq(map->regions[2].hva.v, VMEM + 0x20000000);
	scene_end(&s);
}
END_TEST

enum trouble {
	EXIT, /* the process ends */
	REUSE, /* and its number is given to another */
	TIME, /* QEMU takes a minute */
};

struct ambush {
	struct fake_sys *host; /* where it happens */
	enum trouble trouble; /* what */
	unsigned int at; /* before the answer to which question */
};

static void spring(void *arg, unsigned int n_asked)
{
	const struct ambush *a = arg;

	if (n_asked != a->at)
		return;
	if (a->trouble == TIME) {
		fake_advance_ns(a->host, DEADLINE_NS);
		return;
	}
	fake_process_exit(a->host, PID);
	if (a->trouble == REUSE)
		fake_process_reuse(a->host, PID);
}

static const struct {
	enum trouble trouble;
	unsigned int at;
	int err;
} ambushes[] = {
	{ EXIT, 1, -ESRCH },      { EXIT, 7, -ESRCH },
	{ EXIT, 18, -ESRCH },     { REUSE, 3, -ESRCH },
	{ REUSE, 18, -ESRCH },    { TIME, 1, -ETIMEDOUT },
	{ TIME, 10, -ETIMEDOUT },
};

START_TEST(guest_that_ends_or_stalls_meanwhile_gets_no_map)
{
	struct scene s;
	struct ambush ambush;

	scene_begin(&s);
	ambush = (struct ambush) { s.host, ambushes[_i].trouble,
				   ambushes[_i].at };
	s.qemu.hook = spring;
	s.qemu.hook_arg = &ambush;
	ck_assert_int_eq(scene_build(&s), ambushes[_i].err);
	ck_assert_ptr_null(s.result.map);
	ck_assert_str_ne(s.why.text, "");
	scene_end(&s);
}
END_TEST

START_TEST(process_that_is_not_the_one_we_knew_is_not_asked)
{
	struct scene s;

	scene_begin(&s);
	s.identity.start_ticks = 778;
	ck_assert_int_eq(scene_build(&s), -ESRCH);
	ck_assert_uint_eq(s.qemu.n_asked, 0);
	scene_end(&s);
}
END_TEST

static const struct {
	enum qmp_question question;
	int error; /* of the monitor, or: */
	const char *reply;
	int err; /* ours */
} answers[] = {
	{ QMP_QUERY_VERSION, -EBUSY, NULL, -EBUSY },
	{ QMP_HMP_MTREE, -ETIMEDOUT, NULL, -ETIMEDOUT },
	{ QMP_HMP_GPA2HVA, -ECONNRESET, NULL, -ECONNRESET },
	{ QMP_HMP_GPA2HVA, 0, "unknown command: 'gpa2hva'\n", -EBADMSG },
	{ QMP_HMP_MTREE, 0, "  0 (prio 0, ram): x\n", -ENOENT },
	{ QMP_QUERY_MEMDEV, 0, "{\"return\": 5}", -EBADMSG },
	{ QMP_QUERY_CPUS_FAST, 0, "not JSON", -EBADMSG },
	{ QMP_HMP_RAMBLOCK, 0, "who knows\n", 0 },
};

START_TEST(answer_that_is_no_use_ends_the_map_with_its_error)
{
	struct scene s;

	scene_begin(&s);
	s.qemu.error[answers[_i].question] = answers[_i].error;
	s.qemu.replies[answers[_i].question] = answers[_i].reply;
	ck_assert_int_eq(scene_build(&s), answers[_i].err);
	scene_end(&s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("map_trouble");
	TCase *tc = tcase_create("map_trouble");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(
		tc, lie_about_an_address_costs_the_guest_that_memory_only, 0,
		N(lies));
	tcase_add_test(tc, two_blocks_in_one_place_give_no_map);
	tcase_add_loop_test(
		tc,
		memory_that_changes_meanwhile_is_told_from_memory_that_shrinks,
		0, N(changes));
	tcase_add_test(
		tc, parts_of_a_virtio_mem_are_regions_and_the_rest_is_a_hole);
	tcase_add_loop_test(tc, guest_that_ends_or_stalls_meanwhile_gets_no_map,
			    0, N(ambushes));
	tcase_add_test(tc, process_that_is_not_the_one_we_knew_is_not_asked);
	tcase_add_loop_test(tc,
			    answer_that_is_no_use_ends_the_map_with_its_error,
			    0, N(answers));
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
