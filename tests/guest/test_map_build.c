/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest/map_build.c and the parts it is made of, against answers captured from
 * QEMU 7.2 and 10.0 and a /proc of our own: what becomes a region and what is
 * left out. What QEMU may do wrong is in test_map_trouble.c.
 */
#include "guest/map_build.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "map_scene.h"

static void check_region(const struct guest_map *map, size_t i, uint64_t gpa,
			 uint64_t size, uint64_t hva, int cell,
			 enum backing_kind backing, const char *block)
{
	const struct region *r = &map->regions[i];

	ck_assert_uint_lt(i, map->n_regions);
	ck_assert_uint_eq(r->gpa.v, gpa);
	ck_assert_uint_eq(r->size_bytes, size);
	ck_assert_uint_eq(r->hva.v, hva);
	ck_assert_int_eq(r->cell, cell);
	ck_assert_int_eq(r->backing, backing);
	ck_assert_str_eq(r->block, block);
}

START_TEST(two_cells_with_devices_give_every_region_its_place_and_cell)
{
	struct scene s;
	const struct guest_map *map;

	scene_begin(&s);
	ck_assert_msg(scene_build(&s) == 0, "%s", s.why.text);
	map = s.result.map;
	ck_assert_uint_eq(map->n_regions, 6);
	check_region(map, 0, 0, 0xa0000, NODE0, 0, BACKING_MEMFD, "ram-node0");
	check_region(map, 1, 0x100000, 0x9ff00000, NODE0 + 0x100000, 0,
		     BACKING_MEMFD, "ram-node0");
	check_region(map, 2, 0xa0000000, 0x20000000, NODE1, 1, BACKING_MEMFD,
		     "ram-node1");
	check_region(map, 3, 0x100000000, 0x80000000, NODE1 + 0x20000000, 1,
		     BACKING_MEMFD, "ram-node1");
	check_region(map, 4, 0x180000000, 0x10000000, DIMM, 1, BACKING_ANON,
		     "memdimm0");
	check_region(map, 5, 0x198000000, 0x40000000, VMEM, 0, BACKING_ANON,
		     "vm0m");
	ck_assert(map->regions[0].is_shared && !map->regions[4].is_shared);
	ck_assert_str_eq(s.result.qemu_version, "7.2.22");
	scene_end(&s);
}
END_TEST

START_TEST(usual_guest_takes_two_questions_a_range)
{
	struct scene s;

	scene_begin(&s);
	ck_assert_int_eq(scene_build(&s), 0);
	ck_assert_uint_eq(s.result.n_questions, 6 + 2 * 6);
	ck_assert_uint_eq(s.qemu.n_asked, s.result.n_questions);
	scene_end(&s);
}
END_TEST

START_TEST(persistent_memory_is_left_out_and_told)
{
	struct scene s;

	scene_begin(&s);
	ck_assert_int_eq(scene_build(&s), 0);
	ck_assert_uint_eq(s.result.n_skipped, 1);
	ck_assert_int_eq(s.result.skipped[0].skip, MAP_SKIP_DEVICE);
	ck_assert_str_eq(s.result.skipped[0].block, "nv0m");
	ck_assert_uint_eq(s.result.skipped[0].size_bytes, 0x8000000);
	scene_end(&s);
}
END_TEST

START_TEST(vcpus_come_with_their_cells)
{
	struct scene s;

	scene_begin(&s);
	ck_assert_int_eq(scene_build(&s), 0);
	ck_assert_uint_eq(s.result.cpus.n, 2);
	ck_assert_int_eq(s.result.cpus.cpus[1].cell, 1);
	ck_assert_int_eq(s.result.cpus.cpus[1].tid, 4251);
	scene_end(&s);
}
END_TEST

START_TEST(vcpus_of_a_guest_without_cells_are_in_cell_0)
{
	struct scene s;

	scene_begin(&s);
	s.qemu.replies[QMP_QUERY_CPUS_FAST] =
		"{\"return\": [{\"thread-id\": 1, \"props\": {}, "
		"\"cpu-index\": 0, \"target\": \"x86_64\"}]}";
	ck_assert_int_eq(scene_build(&s), 0);
	ck_assert_int_eq(s.result.cpus.cpus[0].cell, 0);
	scene_end(&s);
}
END_TEST

/* QEMU 10.0 names the place of each block: two witnesses. */
static const struct fake_block qemu100_blocks[] = {
	{ 0, 0xc0000, 0x7f00c3fff000, "ram-node0" },
	{ 0x100000, 0x9ff00000, 0x7f00c40ff000, "ram-node0" },
	{ 0xa0000000, 0x20000000, 0x7f0023ffe000, "ram-node1" },
	{ 0x100000000, 0x80000000, 0x7f0043ffe000, "ram-node1" },
	{ 0x180000000, 0x10000000, 0x7f0013c00000, "memdimm0" },
	{ 0x198000000, 0x40000000, 0x7effcb800000, "vm0m" },
	{ 0 },
};

START_TEST(qemu_10_gives_the_same_kind_of_map)
{
	struct scene s;

	scene_begin(&s);
	s.qemu.capture = "qemu100-pc-devices";
	s.qemu.blocks = qemu100_blocks;
	s.qemu.replies[QMP_QUERY_MEMDEV] =
		"{\"return\": [{\"id\": \"ram-node0\", \"size\": 2684354560, "
		"\"host-nodes\": [], \"policy\": \"default\"}, {\"id\": "
		"\"ram-node1\", \"size\": 2684354560, \"host-nodes\": [], "
		"\"policy\": \"default\"}, {\"id\": \"vm0m\", \"size\": "
		"1073741824, \"host-nodes\": [], \"policy\": \"default\"}, "
		"{\"id\": \"memdimm0\", \"size\": 268435456, \"host-nodes\": "
		"[], \"policy\": \"default\"}]}";
	fake_file(s.host, "/proc/4242/maps",
		  "7effcb800000-7f000b800000 rw-p 00000000 00:00 0 \n"
		  "7f0013c00000-7f0023c00000 rw-p 00000000 00:00 0 \n"
		  "7f0023ffe000-7f00c3ffe000 rw-p 00000000 00:00 0 \n"
		  "7f00c3fff000-7f0163fff000 rw-p 00000000 00:00 0 \n");
	ck_assert_msg(scene_build(&s) == 0, "%s", s.why.text);
	ck_assert_uint_eq(s.result.map->n_regions, 6);
	ck_assert_uint_eq(guest_map_cell_bytes(s.result.map, 1), 0xb0000000);
	ck_assert(strncmp(s.result.qemu_version, "10.0.", 5) == 0);
	scene_end(&s);
}
END_TEST

START_TEST(gpa2hva_is_believed_where_ramblock_differs)
{
	struct scene s;

	scene_begin(&s);
	s.qemu.replies[QMP_HMP_RAMBLOCK] =
		"              Block Name    PSize              Offset"
		"               Used              Total                HVA  RO\n"
		"               ram-node0    4 KiB  0x0000000000000000 "
		"0x00000000a0000000 0x00000000a0000000 0x00007f00c3fff000  rw"
		"\n";
	ck_assert_msg(scene_build(&s) == 0, "%s", s.why.text);
	ck_assert_uint_eq(s.result.map->regions[0].hva.v, NODE0);
	scene_end(&s);
}
END_TEST

/* One block of 5 GiB in a machine without cells, or with the old mem=. */
#define PCRAM 0x7f2000000000ull

static const struct fake_block pc_5g_blocks[] = {
	{ 0, 0xc0000, PCRAM, "pc.ram" },
	{ 0x100000, 0xbff00000, PCRAM + 0x100000, "pc.ram" },
	{ 0x100000000, 0x80000000, PCRAM + 0xc0000000, "pc.ram" },
	{ 0 },
};

static void scene_begin_5g(struct scene *s, const char *cmdline, size_t len)
{
	scene_begin(s);
	s->qemu.capture = "qemu72-pc-5g";
	s->qemu.blocks = pc_5g_blocks;
	s->qemu.replies[QMP_QUERY_VERSION] =
		"{\"return\": {\"qemu\": {\"micro\": 0, \"minor\": 2, "
		"\"major\": 7}, \"package\": \"\"}}";
	s->qemu.replies[QMP_QUERY_MEMDEV] = "{\"return\": []}";
	s->qemu.replies[QMP_QUERY_MEMORY_DEVICES] = "{\"return\": []}";
	fake_file(s->host, "/proc/4242/maps",
		  "7f2000000000-7f2100000000 rw-p 00000000 00:00 0 \n"
		  "7f2100000000-7f2140000000 rw-p 00000000 00:00 0 \n");
	fake_file_bytes(s->host, "/proc/4242/cmdline", cmdline, len);
}

START_TEST(single_block_is_cell_0)
{
	static const char cmdline[] = "qemu-system-x86_64\0-m\0005G\0";
	struct scene s;

	scene_begin_5g(&s, cmdline, sizeof(cmdline) - 1);
	ck_assert_msg(scene_build(&s) == 0, "%s", s.why.text);
	ck_assert_uint_eq(s.result.map->n_regions, 3);
	ck_assert_int_eq(guest_map_n_cells(s.result.map), 1);
	ck_assert_uint_eq(s.result.map->total_bytes, 5 * GIB - 0x60000);
	scene_end(&s);
}
END_TEST

/* The machine virt has no hole: all of it is in one piece from 1 GiB on. */
START_TEST(arm_memory_is_one_region)
{
	static const struct fake_block blocks[] = {
		{ GIB, 5 * GIB, PCRAM, "mach-virt.ram" },
		{ 0 },
	};
	static const char cmdline[] = "qemu-system-aarch64\0-m\0005G\0";
	struct scene s;

	scene_begin_5g(&s, cmdline, sizeof(cmdline) - 1);
	s.qemu.capture = "qemu72-virt-5g";
	s.qemu.blocks = blocks;
	s.qemu.replies[QMP_QUERY_MEMDEV] = NULL;
	s.qemu.replies[QMP_QUERY_MEMORY_DEVICES] = NULL;
	ck_assert_msg(scene_build(&s) == 0, "%s", s.why.text);
	ck_assert_uint_eq(s.result.map->n_regions, 1);
	check_region(s.result.map, 0, GIB, 5 * GIB, PCRAM, 0, BACKING_ANON,
		     "mach-virt.ram");
	scene_end(&s);
}
END_TEST

START_TEST(arm_cells_are_told_apart)
{
	static const struct fake_block blocks[] = {
		{ GIB, GIB, PCRAM + GIB, "ram-node0" },
		{ 2 * GIB, GIB, PCRAM, "ram-node1" },
		{ 0 },
	};
	static const char cmdline[] =
		"qemu-system-aarch64\0-m\0002G\0"
		"-numa\0node,nodeid=0,cpus=0,memdev=ram-node0\0"
		"-numa\0node,nodeid=1,cpus=1,memdev=ram-node1\0";
	struct scene s;

	scene_begin_5g(&s, cmdline, sizeof(cmdline) - 1);
	s.qemu.capture = "qemu72-virt-2node";
	s.qemu.blocks = blocks;
	s.qemu.replies[QMP_QUERY_MEMDEV] =
		"{\"return\": [{\"id\": \"ram-node0\", \"size\": 1073741824, "
		"\"merge\": true, \"dump\": true, \"prealloc\": false, "
		"\"share\": false, \"host-nodes\": [], \"policy\": "
		"\"default\"}, {\"id\": \"ram-node1\", \"size\": 1073741824, "
		"\"merge\": true, \"dump\": true, \"prealloc\": false, "
		"\"share\": false, \"host-nodes\": [], \"policy\": "
		"\"default\"}]}";
	ck_assert_msg(scene_build(&s) == 0, "%s", s.why.text);
	ck_assert_uint_eq(s.result.map->n_regions, 2);
	check_region(s.result.map, 0, GIB, GIB, PCRAM + GIB, 0, BACKING_ANON,
		     "ram-node0");
	check_region(s.result.map, 1, 2 * GIB, GIB, PCRAM, 1, BACKING_ANON,
		     "ram-node1");
	scene_end(&s);
}
END_TEST

START_TEST(old_cells_share_a_block_by_offset_not_by_guest_address)
{
	static const char cmdline[] =
		"qemu-system-x86_64\0-m\0005G\0-numa\0node,cpus=0,mem=3584\0"
		"-numa\0node,nodeid=1,cpus=1,mem=1536M\0";
	struct scene s;

	scene_begin_5g(&s, cmdline, sizeof(cmdline) - 1);
	ck_assert_msg(scene_build(&s) == 0, "%s", s.why.text);
	/* 3 GiB below 4 GiB; the other half GiB of cell 0 above it. */
	ck_assert_uint_eq(s.result.map->n_regions, 4);
	check_region(s.result.map, 2, 0x100000000, 0x20000000,
		     PCRAM + 0xc0000000, 0, BACKING_ANON, "pc.ram");
	check_region(s.result.map, 3, 0x120000000, 0x60000000,
		     PCRAM + 0xe0000000, 1, BACKING_ANON, "pc.ram");
	scene_end(&s);
}
END_TEST

START_TEST(block_that_nothing_gives_to_a_cell_is_left_alone)
{
	static const char cmdline[] = "qemu-system-x86_64\0-numa\0node\0"
				      "-numa\0node\0";
	struct scene s;

	scene_begin_5g(&s, cmdline, sizeof(cmdline) - 1);
	ck_assert_int_eq(scene_build(&s), -EINVAL);
	ck_assert(strstr(s.why.text, "to which guest cell") != NULL);
	scene_end(&s);
}
END_TEST

/* --- what /proc says counts ---------------------------------------------- */

static const struct {
	const char *what;
	const char *maps; /* of the DIMM, in place of its anonymous memory */
	enum map_skip skip;
} refusals[] = {
	{ "a library",
	  "7fd467c00000-7fd477c00000 r-xp 00000000 fe:00 12 /lib/libc.so.6\n",
	  MAP_SKIP_REFUSED },
	{ "a stack",
	  "7fd467c00000-7fd477c00000 rw-p 00000000 00:00 0 [stack]\n",
	  MAP_SKIP_REFUSED },
	{ "nothing", "", MAP_SKIP_REFUSED },
	{ "a hole in it",
	  "7fd467c00000-7fd46ac00000 rw-p 00000000 00:00 0 \n"
	  "7fd46ac01000-7fd477c00000 rw-p 00000000 00:00 0 \n",
	  MAP_SKIP_REFUSED },
	{ "read-only memory",
	  "7fd467c00000-7fd477c00000 r--p 00000000 00:00 0 \n",
	  MAP_SKIP_REFUSED },
	{ "memory that others could execute",
	  "7fd467c00000-7fd477c00000 rwxp 00000000 00:00 0 \n",
	  MAP_SKIP_REFUSED },
	{ "a file that we may not look at",
	  "7fd467c00000-7fd477c00000 rw-s 00000000 fe:00 77 "
	  "/var/lib/libvirt/qemu/ram/1-a/ram-node0\n",
	  MAP_SKIP_FILE },
};

START_TEST(piece_that_proc_does_not_confirm_is_never_in_the_map)
{
	struct scene s;
	char maps[2048];

	scene_begin(&s);
	snprintf(maps, sizeof(maps), "%s%s%s", refusals[_i].maps, MAPS_NODES,
		 MAPS_HIGH);
	fake_file(s.host, "/proc/4242/maps", maps);
	if (refusals[_i].skip == MAP_SKIP_FILE)
		fake_set_pagemap_rights(s.host, false);
	ck_assert_msg(scene_build(&s) == 0, "%s: %s", refusals[_i].what,
		      s.why.text);
	ck_assert_ptr_null(
		guest_map_find_gpa(s.result.map, (struct gpa) { 0x180000000 }));
	ck_assert_ptr_null(
		guest_map_find_hva(s.result.map, (struct hva) { DIMM }));
	ck_assert_str_eq(s.result.skipped[0].block, "memdimm0");
	ck_assert_msg(s.result.skipped[0].skip == refusals[_i].skip, "%s",
		      refusals[_i].what);
	scene_end(&s);
}
END_TEST

START_TEST(guest_of_which_nothing_is_confirmed_gets_no_map)
{
	struct scene s;

	scene_begin(&s);
	fake_file(s.host, "/proc/4242/maps", MAPS_LOW MAPS_HIGH);
	ck_assert_int_eq(scene_build(&s), -EINVAL);
	ck_assert(strstr(s.why.text, "/proc/PID/maps") != NULL);
	scene_end(&s);
}
END_TEST

START_TEST(hugetlb_memory_has_its_page_size_from_the_kernel)
{
	static const struct fake_block blocks[] = {
		{ 0, 0xc0000, PCRAM, "pc.ram" },
		{ 0x100000, 0x3f00000, PCRAM + 0x100000, "pc.ram" },
		{ 0 },
	};
	static const char cmdline[] = "qemu-system-x86_64\0";
	struct scene s;
	const bool is_allowed = _i == 0; /* else by QEMU's word for it */

	scene_begin_5g(&s, cmdline, sizeof(cmdline) - 1);
	s.qemu.capture = "qemu72-pc-hugetlb";
	s.qemu.blocks = blocks;
	fake_file(s.host, "/proc/4242/maps",
		  "7f2000000000-7f2004000000 rw-p 00000000 00:0f 1 "
		  "/dev/hugepages/libvirt/qemu/1-a/qemu_back_mem.pc.ram.X "
		  "(deleted)\n");
	fake_region(s.host, PID, PCRAM, 0x4000000, PAGE_2M_BYTES, NODE_NONE,
		    FAKE_HUGETLB);
	fake_set_pagemap_rights(s.host, is_allowed);
	ck_assert_msg(scene_build(&s) == 0, "%s", s.why.text);
	ck_assert_uint_eq(s.result.map->n_regions, 2);
	ck_assert_int_eq(s.result.map->regions[1].backing, BACKING_HUGETLB);
	ck_assert_uint_eq(s.result.map->regions[1].page_bytes, PAGE_2M_BYTES);
	scene_end(&s);
}
END_TEST

static const struct {
	enum fake_backing kind; /* in the kernel's words */
	bool is_skipped;
} files[] = {
	{ FAKE_SHMEM, false },
	{ FAKE_DISK, true },
};

START_TEST(file_on_a_disk_is_told_from_one_in_memory_by_the_kernel)
{
	struct scene s;
	char maps[2048];

	scene_begin(&s);
	snprintf(maps, sizeof(maps),
		 "7fd467c00000-7fd477c00000 rw-s 00000000 fe:00 77 "
		 "/mem/qemu_back_mem.memdimm0.a1b2c3 (deleted)\n%s",
		 MAPS_NODES);
	fake_file(s.host, "/proc/4242/maps", maps);
	fake_region(s.host, PID, DIMM, 0x10000000, PAGE_2M_BYTES, NODE_NONE,
		    files[_i].kind);
	ck_assert_msg(scene_build(&s) == 0, "%s", s.why.text);
	if (files[_i].is_skipped)
		ck_assert_int_eq(s.result.skipped[0].skip, MAP_SKIP_FILE);
	else
		check_region(s.result.map, 4, 0x180000000, 0x10000000, DIMM, 1,
			     BACKING_MEMFD, "memdimm0");
	scene_end(&s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("map_build");
	TCase *tc = tcase_create("map_build");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(
		tc,
		two_cells_with_devices_give_every_region_its_place_and_cell);
	tcase_add_test(tc, usual_guest_takes_two_questions_a_range);
	tcase_add_test(tc, persistent_memory_is_left_out_and_told);
	tcase_add_test(tc, vcpus_come_with_their_cells);
	tcase_add_test(tc, vcpus_of_a_guest_without_cells_are_in_cell_0);
	tcase_add_test(tc, qemu_10_gives_the_same_kind_of_map);
	tcase_add_test(tc, gpa2hva_is_believed_where_ramblock_differs);
	tcase_add_test(tc, single_block_is_cell_0);
	tcase_add_test(tc, arm_memory_is_one_region);
	tcase_add_test(tc, arm_cells_are_told_apart);
	tcase_add_test(tc,
		       old_cells_share_a_block_by_offset_not_by_guest_address);
	tcase_add_test(tc, block_that_nothing_gives_to_a_cell_is_left_alone);
	tcase_add_loop_test(
		tc, piece_that_proc_does_not_confirm_is_never_in_the_map, 0,
		N(refusals));
	tcase_add_test(tc, guest_of_which_nothing_is_confirmed_gets_no_map);
	tcase_add_loop_test(
		tc, hugetlb_memory_has_its_page_size_from_the_kernel, 0, 2);
	tcase_add_loop_test(
		tc, file_on_a_disk_is_told_from_one_in_memory_by_the_kernel, 0,
		N(files));
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
