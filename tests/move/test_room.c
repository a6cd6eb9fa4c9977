/* SPDX-License-Identifier: Apache-2.0 */
/* The gate in front of every call. */
#include "move/room.h"

#include <errno.h>

#include "run.h"
#include "scene.h"

/* The files of the real scene are replaced by the tests' own here. */
static struct fake_sys *room_host(struct sys *ret_sys)
{
	struct fake_sys *fake = fake_sys_create(FAKE_LINUX_6_12);

	fake_file(fake, "/sys/devices/system/node/node1/meminfo",
		  "Node 1 MemTotal:  8388608 kB\n"
		  "Node 1 MemFree:    524288 kB\n");
	fake_file(fake, "/proc/zoneinfo",
		  "Node 1, zone   Normal\n  pages free     131072\n"
		  "        min      1000\n        low      2000\n"
		  "        high     3072\n");
	fake_file(fake, "/proc/buddyinfo",
		  "Node 1, zone   Normal 0 0 0 0 0 0 0 0 0 4 3\n");
	fake_file(fake, "/sys/devices/system/node/node1/compact", "");
	*ret_sys = fake_sys_door(fake);
	return fake;
}

static const struct {
	const char *what; /* the case */
	uint64_t reserve_bytes; /* kept free */
	uint64_t page_bytes; /* of what is moved */
	uint64_t wanted_bytes; /* to be moved */
	uint64_t allowed_bytes; /* what the gate says: the node has 512 MiB
				 * free, 12 MiB high mark, 10 blocks */
} rooms[] = {
	{ "all that is wanted", 0, 4 * KIB, 100 * MIB, 100 * MIB },
	{ "free above the high mark", 0, 4 * KIB, GIB, 500 * MIB },
	{ "and above the reserve", 400 * MIB, 4 * KIB, GIB, 100 * MIB },
	{ "reserve is all there is", 500 * MIB, 4 * KIB, GIB, 0 },
	{ "reserve is more than that", GIB, 4 * KIB, GIB, 0 },
	{ "four fifths of the blocks", 0, 2 * MIB, GIB, 16 * MIB },
	{ "less than the blocks", 0, 2 * MIB, 6 * MIB, 6 * MIB },
	{ "blocks within the reserve", 498 * MIB, 2 * MIB, GIB, 2 * MIB },
};

START_TEST(gate_leaves_watermark_reserve_and_blocks)
{
	struct room room;
	struct sys sys;
	struct fake_sys *fake = room_host(&sys);
	uint64_t got;

	room_init(&room, &sys, rooms[_i].reserve_bytes, false);
	got = room_allow(&room, 1, rooms[_i].page_bytes, false,
			 rooms[_i].wanted_bytes);
	ck_assert_msg(got == rooms[_i].allowed_bytes, "%s: %llu KiB",
		      rooms[_i].what, (unsigned long long)(got / KIB));
	fake_sys_destroy(fake);
}
END_TEST

START_TEST(node_without_files_has_no_room)
{
	struct room room;
	struct sys sys;
	struct fake_sys *fake = room_host(&sys);

	room_init(&room, &sys, 0, false);
	ck_assert_uint_eq(room_allow(&room, 2, 4 * KIB, false, MIB), 0);
	ck_assert_uint_eq(room_allow(&room, 1, 2 * MIB, true, 2 * MIB), 0);
	fake_file(fake, "/sys/devices/system/node/node1/meminfo", "nonsense");
	ck_assert_uint_eq(room_allow(&room, 1, 4 * KIB, false, MIB), 0);
	fake_sys_destroy(fake);
}
END_TEST

START_TEST(without_buddyinfo_free_memory_counts)
{
	struct room room;
	struct sys sys;
	struct fake_sys *fake = room_host(&sys);

	fake_file_remove(fake, "/proc/buddyinfo");
	room_init(&room, &sys, 0, false);
	ck_assert_uint_eq(room_allow(&room, 1, 2 * MIB, false, GIB), 500 * MIB);
	fake_sys_destroy(fake);
}
END_TEST

START_TEST(fragmented_node_is_asked_once_to_compact)
{
	const char *path = "/sys/devices/system/node/node1/compact";
	struct room room;
	struct sys sys;
	struct fake_sys *fake = room_host(&sys);

	fake_file(fake, "/proc/buddyinfo",
		  "Node 1, zone   Normal 99999 9 9 9 9 9 9 9 9 0 0\n");
	room_init(&room, &sys, 0, false);
	for (int i = 0; i < 5; i++)
		ck_assert_uint_eq(room_allow(&room, 1, 2 * MIB, false, GIB), 0);
	ck_assert_str_eq(fake_file_text(fake, path), "1");
	ck_assert_uint_eq(fake_books(fake).calls[FAKE_WRITE_FILE], 1);
	fake_sys_destroy(fake);
}
END_TEST

START_TEST(hugetlb_has_the_room_of_its_pool)
{
	struct room room;
	struct sys sys;
	struct fake_sys *fake = room_host(&sys);

	fake_file(fake,
		  "/sys/devices/system/node/node1/hugepages/"
		  "hugepages-1048576kB/free_hugepages",
		  "3\n");
	room_init(&room, &sys, GIB, false);
	ck_assert_uint_eq(room_allow(&room, 1, GIB, true, 8 * GIB), 3 * GIB);
	ck_assert_uint_eq(room_allow(&room, 1, GIB, true, GIB), GIB);
	fake_sys_destroy(fake);
}
END_TEST

START_TEST(pool_that_may_grow_has_the_free_blocks_too)
{
	struct room room;
	struct sys sys;
	struct fake_sys *fake = room_host(&sys);

	fake_file(fake,
		  "/sys/devices/system/node/node1/hugepages/"
		  "hugepages-2048kB/free_hugepages",
		  "3\n");
	fake_file(fake,
		  "/sys/devices/system/node/node1/hugepages/"
		  "hugepages-1048576kB/free_hugepages",
		  "1\n");
	room_init(&room, &sys, 0, false);
	ck_assert_uint_eq(room_allow(&room, 1, 2 * MIB, true, GIB), 6 * MIB);
	room_init(&room, &sys, 0, true);
	ck_assert_uint_eq(room_allow(&room, 1, 2 * MIB, true, GIB), 22 * MIB);
	ck_assert_uint_eq(room_allow(&room, 1, GIB, true, 4 * GIB), GIB);
	room_init(&room, &sys, 500 * MIB, true);
	ck_assert_uint_eq(room_allow(&room, 1, 2 * MIB, true, GIB), 6 * MIB);
	fake_sys_destroy(fake);
}
END_TEST

START_TEST(counters_are_found_by_their_whole_name)
{
	struct sys sys;
	struct fake_sys *fake = room_host(&sys);
	struct room_counters counters = room_counters_read(&sys);

	ck_assert_uint_eq(counters.thp_splits, 0);
	fake_file(fake, "/proc/vmstat",
		  "thp_migration_split_x 7\nx_pgscan_direct 5\n"
		  "thp_migration_split 11\npgscan_direct_throttle 3\n"
		  "pgscan_direct 13");
	counters = room_counters_read(&sys);
	ck_assert_uint_eq(counters.thp_splits, 11);
	ck_assert_uint_eq(counters.reclaim_pages, 13);
	fake_sys_destroy(fake);
}
END_TEST

static const struct {
	const char *text; /* of /proc/pressure/memory, NULL: no such file */
	uint64_t stall_us; /* what it says */
} pressures[] = {
	{ "some avg10=0.00 avg60=1.20 avg300=0.45 total=81234\n"
	  "full avg10=0.00 avg60=0.00 avg300=0.00 total=4711\n",
	  81234 },
	{ "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n", 0 },
	{ NULL, 0 },
	{ "", 0 },
	{ "some", 0 },
	{ "some avg10=0.00 total=\nfull total=5\n", 0 },
	{ "some avg10=0.00\nfull avg10=0.00 total=5\n", 0 },
	{ "full avg10=0.00 total=5\n", 0 },
	{ "some avg10=0.00 total=-5\n", 0 },
	{ "some avg10=0.00 total=5x\n", 0 },
	{ "some total=99999999999999999999999999\n", 0 },
	{ "something total=5\n", 0 },
};

START_TEST(pressure_that_is_not_understood_is_none)
{
	struct sys sys;
	struct fake_sys *fake = room_host(&sys);

	if (pressures[_i].text)
		fake_file(fake, "/proc/pressure/memory", pressures[_i].text);
	ck_assert_uint_eq(room_counters_read(&sys).stall_us,
			  pressures[_i].stall_us);
	fake_sys_destroy(fake);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, gate_leaves_watermark_reserve_and_blocks, 0,
			    (int)(sizeof(rooms) / sizeof(*rooms)));
	tcase_add_test(tests, node_without_files_has_no_room);
	tcase_add_test(tests, without_buddyinfo_free_memory_counts);
	tcase_add_test(tests, fragmented_node_is_asked_once_to_compact);
	tcase_add_test(tests, hugetlb_has_the_room_of_its_pool);
	tcase_add_test(tests, pool_that_may_grow_has_the_free_blocks_too);
	tcase_add_test(tests, counters_are_found_by_their_whole_name);
	tcase_add_loop_test(tests, pressure_that_is_not_understood_is_none, 0,
			    (int)(sizeof(pressures) / sizeof(*pressures)));
}

int main(void)
{
	return run_tests("move: room on the target", add_tests);
}
