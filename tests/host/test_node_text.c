/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of host/node_text.c. */
#include "host/node_text.h"

#include <errno.h>
#include <string.h>

#include "run.h"
#include "tree.h"
#include "xalloc.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))
#define NODE     "/sys/devices/system/node/node0/"

START_TEST(meminfo_of_a_real_node_is_read)
{
	autofree char *text = tree_read("one-node" NODE "meminfo", NULL);
	struct node_meminfo info;

	ck_assert_int_eq(node_meminfo_parse(text, &info), 0);
	ck_assert_uint_eq(info.total_bytes, 7039180 * KIB);
	ck_assert_uint_gt(info.free_bytes, GIB);
	ck_assert_uint_lt(info.free_bytes, info.total_bytes);
}
END_TEST

static const struct {
	const char *text; /* hand-made */
	int err; /* the answer */
} meminfos[] = {
	{ "Node 3 MemTotal: 8 kB\nNode 3 MemFree: 4 kB\n", 0 },
	{ "MemTotal: 8 kB\nMemFree: 4 kB", 0 },
	{ "MemFree: 4 kB\n\nMemTotal: 8 kB\n", 0 },
	{ "MemTotal: 8 kB\n", -EINVAL },
	{ "MemFree: 8 kB\n", -EINVAL },
	{ "MemTotal: 8 MB\nMemFree: 4 kB\n", -EINVAL },
	{ "MemTotal: -8 kB\nMemFree: 4 kB\n", -EINVAL },
	{ "MemTotal: 8\nMemFree: 4 kB\n", -EINVAL },
	{ "MemTotal: 99999999999999999999 kB\nMemFree: 4 kB\n", -EINVAL },
	{ "MemTotal: 18446744073709551615 kB\nMemFree: 4 kB\n", -EINVAL },
	{ "Node x MemTotal: 8 kB\nNode x MemFree: 4 kB\n", -EINVAL },
	{ "garbage", -EINVAL },
	{ "", -EINVAL },
};

START_TEST(odd_meminfo_is_read_or_refused)
{
	struct node_meminfo info = { 0 };
	int err = node_meminfo_parse(meminfos[_i].text, &info);

	ck_assert_int_eq(err, meminfos[_i].err);
	ck_assert_uint_eq(info.total_bytes, err ? 0 : 8 * KIB);
	ck_assert_uint_eq(info.free_bytes, err ? 0 : 4 * KIB);
}
END_TEST

static const struct {
	const char *text; /* a distance file */
	int err; /* the answer for room of 3 */
	size_t n; /* how many */
} distances[] = {
	{ "10\n", 0, 1 },       { "10 21\n", 0, 2 }, { "10 21 255", 0, 3 },
	{ "10  21 \n", 0, 2 },  { " 10\n", 0, 1 },   { "10 20 20 20", -E2BIG },
	{ "10 256", -EINVAL },  { "", -EINVAL },     { "\n", -EINVAL },
	{ "10,20\n", -EINVAL }, { "-1", -EINVAL },   { "10x", -EINVAL },
};

START_TEST(distances_are_read_or_refused)
{
	uint8_t row[3];
	size_t n = 77;
	int err = node_distance_parse(distances[_i].text, row, 3, &n);

	ck_assert_int_eq(err, distances[_i].err);
	ck_assert_uint_eq(n, err ? 77 : distances[_i].n);
	if (!err)
		ck_assert_uint_eq(row[0], 10);
}
END_TEST

static const struct {
	const char *text; /* a file of one number */
	int err; /* the answer */
	uint64_t number; /* the number */
} numbers[] = {
	{ "0\n", 0, 0 },
	{ "512", 0, 512 },
	{ "18446744073709551615\n", 0, UINT64_MAX },
	{ "18446744073709551616\n", -EINVAL, 0 },
	{ "-1\n", -EINVAL, 0 },
	{ "", -EINVAL, 0 },
	{ "\n", -EINVAL, 0 },
	{ "1 2\n", -EINVAL, 0 },
	{ "1\n\n", -EINVAL, 0 },
};

START_TEST(numbers_are_read_or_refused)
{
	uint64_t number = 0;

	ck_assert_int_eq(node_number_parse(numbers[_i].text, &number),
			 numbers[_i].err);
	ck_assert_uint_eq(number, numbers[_i].number);
}
END_TEST

START_TEST(watermarks_of_a_real_host_are_summed_over_zones)
{
	autofree char *text = tree_read("one-node/proc/zoneinfo", NULL);
	struct node_watermarks marks[NODES_MAX];

	ck_assert_int_eq(node_zoneinfo_parse(text, marks), 0);
	ck_assert_uint_gt(marks[0].low_bytes, MIB);
	ck_assert_uint_lt(marks[0].high_bytes, 100 * MIB);
	ck_assert_uint_gt(marks[0].high_bytes, marks[0].low_bytes);
	ck_assert_uint_eq(marks[1].high_bytes, 0);
}
END_TEST

START_TEST(per_cpu_high_is_no_watermark)
{
	autofree char *text = tree_read("odd-0-2-7/proc/zoneinfo", NULL);
	struct node_watermarks marks[NODES_MAX];

	ck_assert_int_eq(node_zoneinfo_parse(text, marks), 0);
	ck_assert_uint_eq(marks[0].low_bytes, 1261 * PAGE_4K_BYTES);
	ck_assert_uint_eq(marks[0].high_bytes, 1514 * PAGE_4K_BYTES);
	ck_assert_uint_eq(marks[2].high_bytes, 0);
	ck_assert_uint_eq(marks[7].high_bytes, 6000 * PAGE_4K_BYTES);
}
END_TEST

static const struct {
	const char *text; /* hand-made */
	int err; /* the answer */
} zoneinfos[] = {
	{ "Node 0, zone DMA\n  low 1\n", 0 },
	{ "Node 64, zone DMA\n  low 1\n", 0 },
	{ "Node 4294967295, zone DMA\n  low 1\n", 0 },
	{ "Node 0, zone DMA\n low 18446744073709551615\n", -EINVAL },
	{ "Node 0, zone DMA\n low 4503599627370495\n low 4503599627370495\n",
	  0 },
	{ "Node 0, zone DMA\n  low x\n", -EINVAL },
	{ "low 1\nNode 0, zone DMA\n", -EINVAL },
	{ "", -EINVAL },
};

START_TEST(odd_zoneinfo_is_read_or_refused)
{
	struct node_watermarks marks[NODES_MAX];

	ck_assert_int_eq(node_zoneinfo_parse(zoneinfos[_i].text, marks),
			 zoneinfos[_i].err);
}
END_TEST

START_TEST(free_blocks_of_a_real_host_are_counted)
{
	autofree char *text = tree_read("one-node/proc/buddyinfo", NULL);
	struct node_buddy buddies[NODES_MAX];

	ck_assert_int_eq(node_buddyinfo_parse(text, buddies), 0);
	ck_assert_uint_gt(node_buddy_2m_blocks(&buddies[0]), 1000);
	ck_assert_uint_eq(node_buddy_2m_blocks(&buddies[1]), 0);
}
END_TEST

START_TEST(block_of_4_mib_counts_as_two_of_2_mib)
{
	autofree char *text = tree_read("odd-0-2-7/proc/buddyinfo", NULL);
	struct node_buddy buddies[NODES_MAX];

	ck_assert_int_eq(node_buddyinfo_parse(text, buddies), 0);
	ck_assert_uint_eq(buddies[0].free_blocks[0], 4311);
	ck_assert_uint_eq(node_buddy_2m_blocks(&buddies[0]), 10 + 2 * 100);
	ck_assert_uint_eq(node_buddy_2m_blocks(&buddies[7]), 16001);
}
END_TEST

/* A node in crumbs whose zone for old devices is whole has no room for a huge
 * page; one below 4 GiB has. */
START_TEST(blocks_of_zone_dma_do_not_count_those_of_dma32_do)
{
	struct node_buddy buddies[NODES_MAX];

	ck_assert_int_eq(
		node_buddyinfo_parse(
			"Node 0, zone      DMA 0 0 0 0 0 0 0 0 1 1 3 \n"
			"Node 0, zone   Normal 9 9 9 9 9 9 9 9 9 0 0 \n"
			"Node 1, zone    DMA32 0 0 0 0 0 0 0 0 0 5 0 \n",
			buddies),
		0);
	ck_assert_uint_eq(node_buddy_2m_blocks(&buddies[0]), 0);
	ck_assert_uint_eq(node_buddy_2m_blocks(&buddies[1]), 5);
}
END_TEST

static const struct {
	const char *text; /* hand-made */
	int err; /* the answer */
} buddyinfos[] = {
	{ "Node 0, zone DMA 1 2 3\n", 0 },
	{ "Node 0, zone DMA 1 2 3", 0 },
	{ "Node 999, zone DMA 1 2 3\n", 0 },
	{ "Node 0, zone DMA\n", -EINVAL },
	{ "Node 0, zone DMA 1 x\n", -EINVAL },
	{ "Node 0, zone DMA 99999999999\n", -EINVAL },
	{ "Node 0, zone A 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n", 0 },
	{ "Node 0, zone A 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n",
	  -EINVAL },
	{ "zone 1\n", -EINVAL },
	{ "\n", -EINVAL },
	{ "", -EINVAL },
};

START_TEST(odd_buddyinfo_is_read_or_refused)
{
	struct node_buddy buddies[NODES_MAX];

	ck_assert_int_eq(node_buddyinfo_parse(buddyinfos[_i].text, buddies),
			 buddyinfos[_i].err);
}
END_TEST

static void add(TCase *tests)
{
	tcase_add_test(tests, meminfo_of_a_real_node_is_read);
	tcase_add_loop_test(tests, odd_meminfo_is_read_or_refused, 0,
			    COUNT(meminfos));
	tcase_add_loop_test(tests, distances_are_read_or_refused, 0,
			    COUNT(distances));
	tcase_add_loop_test(tests, numbers_are_read_or_refused, 0,
			    COUNT(numbers));
	tcase_add_test(tests, watermarks_of_a_real_host_are_summed_over_zones);
	tcase_add_test(tests, per_cpu_high_is_no_watermark);
	tcase_add_loop_test(tests, odd_zoneinfo_is_read_or_refused, 0,
			    COUNT(zoneinfos));
	tcase_add_test(tests, free_blocks_of_a_real_host_are_counted);
	tcase_add_test(tests, block_of_4_mib_counts_as_two_of_2_mib);
	tcase_add_test(tests,
		       blocks_of_zone_dma_do_not_count_those_of_dma32_do);
	tcase_add_loop_test(tests, odd_buddyinfo_is_read_or_refused, 0,
			    COUNT(buddyinfos));
}

int main(void)
{
	return run_tests("node text", add);
}
