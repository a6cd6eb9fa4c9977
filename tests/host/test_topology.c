/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of host/topology.c, host/conflicts.c and host/read_all.c. */
#include "host/topology.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fake_sys.h"
#include "host/conflicts.h"
#include "host/read_all.h"
#include "run.h"
#include "tree.h"
#include "xalloc.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))
#define NODES    "/sys/devices/system/node/"

/* One host and what was read of it. */
struct scene {
	struct fake_sys *fake; /* the host */
	struct sys sys; /* its door */
	struct topology *topo; /* what was read */
	struct why why; /* or why not */
};

static struct scene scene_of(const char *host)
{
	struct scene s = { .fake = fake_sys_create(FAKE_LINUX_6_12) };

	s.sys = fake_sys_door(s.fake);
	s.topo = xcalloc(1, sizeof(*s.topo));
	if (host)
		tree_load(s.fake, host);
	return s;
}

static int scene_read(struct scene *s)
{
	return topology_read(&s->sys, s->topo, &s->why);
}

static void scene_end(struct scene *s)
{
	ck_assert_uint_eq(fake_open_handles(s->fake), 0);
	fake_sys_destroy(s->fake);
	free(s->topo);
}

START_TEST(real_host_of_one_node_is_read)
{
	struct scene s = scene_of("one-node");

	ck_assert_int_eq(scene_read(&s), 0);
	ck_assert_uint_eq(s.topo->online.bits, 1);
	ck_assert_uint_eq(s.topo->has_cpu.bits, 1);
	ck_assert_uint_eq(s.topo->has_memory.bits, 1);
	ck_assert_int_eq(topology_node_of_cpu(s.topo, 1), 0);
	ck_assert_int_eq(topology_node_of_cpu(s.topo, 2), NODE_NONE);
	ck_assert_uint_eq(s.topo->distance[0][0], 10);
	ck_assert_uint_eq(s.topo->node[0].total_bytes, 7039180 * KIB);
	ck_assert_uint_gt(s.topo->node[0].high_bytes, MIB);
	ck_assert(s.topo->has_free_2m);
	ck_assert_uint_gt(s.topo->node[0].free_2m_blocks, 1000);
	ck_assert_uint_eq(s.topo->node[0].huge_2m.total, 0);
	scene_end(&s);
}
END_TEST

START_TEST(holes_memoryless_and_cpuless_nodes_are_told_apart)
{
	struct scene s = scene_of("odd-0-2-7");

	ck_assert_int_eq(scene_read(&s), 0);
	ck_assert_uint_eq(s.topo->online.bits, 0x85);
	ck_assert_uint_eq(s.topo->has_cpu.bits, 0x05);
	ck_assert_uint_eq(s.topo->has_memory.bits, 0x81);
	ck_assert_int_eq(topology_node_of_cpu(s.topo, 9), 0);
	ck_assert_int_eq(topology_node_of_cpu(s.topo, 12), 2);
	ck_assert_int_eq(topology_node_of_cpu(s.topo, 16), NODE_NONE);
	ck_assert_uint_eq(s.topo->node[2].total_bytes, 0);
	ck_assert_uint_eq(s.topo->node[7].free_bytes, 33554000 * KIB);
	ck_assert_uint_eq(s.topo->node[7].free_2m_blocks, 16001);
	ck_assert_uint_eq(s.topo->node[7].huge_2m.total, 512);
	ck_assert_uint_eq(s.topo->node[7].huge_2m.free, 500);
	ck_assert_uint_eq(s.topo->node[7].huge_1g.total, 4);
	ck_assert_uint_eq(s.topo->node[7].huge_1g.free, 1);
	ck_assert_uint_eq(s.topo->node[0].low_bytes, 1261 * PAGE_4K_BYTES);
	scene_end(&s);
}
END_TEST

START_TEST(distance_columns_are_the_online_nodes)
{
	struct scene s = scene_of("odd-0-2-7");

	ck_assert_int_eq(scene_read(&s), 0);
	ck_assert_uint_eq(s.topo->distance[0][0], 10);
	ck_assert_uint_eq(s.topo->distance[0][2], 21);
	ck_assert_uint_eq(s.topo->distance[0][7], 17);
	ck_assert_uint_eq(s.topo->distance[2][7], 28);
	/* Node 7 has no distance file. */
	ck_assert_uint_eq(s.topo->distance[7][7], 10);
	ck_assert_uint_eq(s.topo->distance[7][0], 20);
	scene_end(&s);
}
END_TEST

START_TEST(distance_file_of_another_width_is_ignored)
{
	struct scene s = scene_of("odd-0-2-7");

	fake_file(s.fake, NODES "node0/distance", "10 99\n");
	ck_assert_int_eq(scene_read(&s), 0);
	ck_assert_uint_eq(s.topo->distance[0][2], 20);
	scene_end(&s);
}
END_TEST

START_TEST(kernel_without_numa_is_one_node)
{
	struct scene s = scene_of("no-numa");

	ck_assert_int_eq(scene_read(&s), 0);
	ck_assert_uint_eq(s.topo->online.bits, 1);
	ck_assert_uint_eq(s.topo->has_memory.bits, 1);
	ck_assert_int_eq(topology_node_of_cpu(s.topo, 3), 0);
	ck_assert_int_eq(topology_node_of_cpu(s.topo, 4), NODE_NONE);
	ck_assert_int_eq(topology_node_of_cpu(s.topo, 6), 0);
	ck_assert_uint_eq(s.topo->node[0].free_bytes, GIB);
	ck_assert_uint_eq(s.topo->node[0].free_2m_blocks, 8);
	ck_assert_uint_eq(s.topo->node[0].huge_2m.free, 2);
	ck_assert_uint_eq(s.topo->node[0].high_bytes, 0);
	scene_end(&s);
}
END_TEST

static const struct {
	const char *path; /* the file that is spoilt */
	const char *text; /* its content, NULL: it is missing */
	int err; /* the answer */
	const char *reason; /* a part of the reason */
} spoilt[] = {
	{ NODES "online", "0-64\n", -ERANGE, "64 is above the highest" },
	{ NODES "online", "", -EINVAL, "names no node" },
	{ NODES "online", "zero\n", -EINVAL, "zero" },
	{ NODES "online", "0-1\n", -ENOENT, "node1/cpulist" },
	{ NODES "node0/cpulist", "0-9999\n", -ERANGE, "cpulist: 9999" },
	{ NODES "node0/cpulist", "\1\2\3", -EINVAL, "cpulist" },
	{ NODES "node0/cpulist", NULL, -ENOENT, "cpulist" },
	{ NODES "node0/meminfo", "", -EINVAL, "memory" },
	{ NODES "node0/meminfo", "Node 0 MemTo", -EINVAL, "memory" },
	{ NODES "has_memory", NULL, 0, "" },
	{ NODES "has_memory", "junk", 0, "" },
	{ NODES "has_cpu", NULL, 0, "" },
	{ NODES "node0/distance", NULL, 0, "" },
	{ NODES "node0/distance", "junk", 0, "" },
	{ "/proc/zoneinfo", NULL, 0, "" },
	{ "/proc/zoneinfo", "junk", 0, "" },
	{ "/proc/buddyinfo", "junk", 0, "" },
	{ NODES "node0/hugepages/hugepages-2048kB/nr_hugepages", NULL, 0, "" },
	{ NODES "node0/hugepages/hugepages-2048kB/nr_hugepages", "x", 0, "" },
};

START_TEST(spoilt_files_are_reported_or_done_without)
{
	struct scene s = scene_of("one-node");
	int err;

	if (spoilt[_i].text)
		fake_file(s.fake, spoilt[_i].path, spoilt[_i].text);
	else
		fake_file_remove(s.fake, spoilt[_i].path);
	err = scene_read(&s);
	ck_assert_msg(err == spoilt[_i].err, "%s: %d", spoilt[_i].path, err);
	if (err) {
		ck_assert_ptr_nonnull(strstr(s.why.text, spoilt[_i].reason));
		ck_assert_uint_eq(s.topo->online.bits, 0);
	}
	scene_end(&s);
}
END_TEST

START_TEST(line_of_a_mebibyte_is_refused_not_swallowed)
{
	struct scene s = scene_of("one-node");
	autofree char *text = xcalloc(MIB + 1, 1);

	memset(text, '1', MIB);
	fake_file(s.fake, NODES "node0/cpulist", text);
	ck_assert_int_eq(scene_read(&s), -E2BIG);
	scene_end(&s);
}
END_TEST

START_TEST(without_buddyinfo_huge_blocks_are_unknown)
{
	struct scene s = scene_of("one-node");

	fake_file_remove(s.fake, "/proc/buddyinfo");
	ck_assert_int_eq(scene_read(&s), 0);
	ck_assert(!s.topo->has_free_2m);
	scene_end(&s);
}
END_TEST

START_TEST(refresh_sees_new_free_memory)
{
	struct scene s = scene_of("odd-0-2-7");

	ck_assert_int_eq(scene_read(&s), 0);
	fake_file(s.fake, NODES "node0/meminfo",
		  "Node 0 MemTotal: 8 kB\nNode 0 MemFree: 4 kB\n");
	fake_file(s.fake, "/proc/buddyinfo",
		  "Node 0, zone Normal 0 0 0 0 0 0 0 0 0 3 0\n");
	ck_assert_int_eq(topology_refresh_memory(&s.sys, s.topo), 0);
	ck_assert_uint_eq(s.topo->node[0].free_bytes, 4 * KIB);
	ck_assert_uint_eq(s.topo->node[0].free_2m_blocks, 3);
	ck_assert_uint_eq(s.topo->node[7].free_2m_blocks, 0);
	/* Watermarks hardly change and are left as they were. */
	ck_assert_uint_eq(s.topo->node[0].high_bytes, 1514 * PAGE_4K_BYTES);
	scene_end(&s);
}
END_TEST

START_TEST(refresh_tells_that_a_node_went_and_does_the_others)
{
	struct scene s = scene_of("odd-0-2-7");

	ck_assert_int_eq(scene_read(&s), 0);
	fake_file_remove(s.fake, NODES "node2/");
	fake_file(s.fake, NODES "node7/meminfo",
		  "Node 7 MemTotal: 8 kB\nNode 7 MemFree: 4 kB\n");
	ck_assert_int_eq(topology_refresh_memory(&s.sys, s.topo), -ENOENT);
	ck_assert_uint_eq(s.topo->node[7].free_bytes, 4 * KIB);
	scene_end(&s);
}
END_TEST

START_TEST(refresh_is_cheap)
{
	struct scene s = scene_of("odd-0-2-7");
	uint64_t before;

	ck_assert_int_eq(scene_read(&s), 0);
	before = fake_books(s.fake).calls[FAKE_READ_FILE];
	topology_refresh_memory(&s.sys, s.topo);
	ck_assert_uint_le(fake_books(s.fake).calls[FAKE_READ_FILE] - before,
			  3 * 5 + 1);
	scene_end(&s);
}
END_TEST

START_TEST(cpu_that_goes_offline_has_no_node_any_more)
{
	struct scene s = scene_of("odd-0-2-7");
	struct node_mask nodes;

	fake_file(s.fake, NODES "node2/cpulist", "4-7,12-14\n");
	ck_assert_int_eq(scene_read(&s), 0);
	ck_assert_int_eq(topology_node_of_cpu(s.topo, 15), NODE_NONE);
	ck_assert_int_eq(topology_nodes_of_cpulist(s.topo, "15", &nodes, NULL),
			 -ENOENT);
	scene_end(&s);
}
END_TEST

static const struct {
	const char *cpus; /* a Cpus_allowed_list */
	int err; /* the answer */
	uint64_t nodes; /* nodes that it spans */
} affinities[] = {
	{ "0\n", 0, 0x1 },      { "0-3,8-11", 0, 0x1 },
	{ "4", 0, 0x4 },        { "3-4", 0, 0x5 },
	{ "0-8191\n", 0, 0x5 }, { "100", -ENOENT, 0 },
	{ "", -ENOENT, 0 },     { "x", -EINVAL, 0 },
	{ "8192", -ERANGE, 0 }, { "15,100-200", 0, 0x4 },
};

START_TEST(affinity_is_turned_into_nodes)
{
	struct scene s = scene_of("odd-0-2-7");
	struct node_mask nodes = { 0 };

	ck_assert_int_eq(scene_read(&s), 0);
	ck_assert_int_eq(topology_nodes_of_cpulist(s.topo, affinities[_i].cpus,
						   &nodes, &s.why),
			 affinities[_i].err);
	ck_assert_uint_eq(nodes.bits, affinities[_i].nodes);
	scene_end(&s);
}
END_TEST

static const struct {
	int node; /* of the odd host */
	const char *cpus; /* its CPUs */
} node_cpus[] = {
	{ 0, "0-3,8-11" }, { 2, "4-7,12-15" }, { 7, "" },
	{ 1, "" },         { NODE_NONE, "" },  { 64, "" },
};

START_TEST(cpus_of_a_node_are_written_as_a_list)
{
	struct scene s = scene_of("odd-0-2-7");
	autofree char *cpus = NULL;

	ck_assert_int_eq(scene_read(&s), 0);
	cpus = topology_cpulist(s.topo, node_cpus[_i].node);
	ck_assert_str_eq(cpus, node_cpus[_i].cpus);
	scene_end(&s);
}
END_TEST

START_TEST(cpu_numbers_from_outside_are_bounded)
{
	struct scene s = scene_of("one-node");

	ck_assert_int_eq(scene_read(&s), 0);
	ck_assert_int_eq(topology_node_of_cpu(s.topo, -1), NODE_NONE);
	ck_assert_int_eq(topology_node_of_cpu(s.topo, CPUS_MAX), NODE_NONE);
	ck_assert_int_eq(topology_node_of_cpu(s.topo, 1 << 30), NODE_NONE);
	scene_end(&s);
}
END_TEST

START_TEST(conflicts_are_found)
{
	struct scene s = scene_of("odd-0-2-7");
	struct node_mask has_memory = { 0x81 };
	struct host_conflicts c;

	ck_assert_int_eq(host_conflicts_read(&s.sys, has_memory, &c), 0);
	ck_assert_int_eq(c.numa_balancing, 2);
	ck_assert_uint_eq(c.own_mems.bits, 1);
	ck_assert_uint_eq(c.closed.bits, 0x80);
	scene_end(&s);
}
END_TEST

static const struct {
	const char *pid_file, *comm; /* NULL: there is none */
	bool has_numad; /* expected */
} numads[] = {
	{ "4711\n", "numad\n", true },
	{ NULL, "numad\n", false },
	{ "4711\n", NULL, false }, /* it crashed */
	{ "4711\n", "bash\n", false }, /* and its number is used again */
	{ "", "numad\n", false },
	{ "../4711", "numad\n", false },
	{ "99999999999999999999", "numad\n", false },
	{ "4294971999", "numad\n", false }, /* 2^32 more */
};

START_TEST(numad_is_found_by_its_file_and_name)
{
	struct scene s = scene_of("odd-0-2-7");
	struct node_mask has_memory = { 0x81 };
	struct host_conflicts c;

	if (numads[_i].pid_file)
		fake_file(s.fake, "/run/numad.pid", numads[_i].pid_file);
	if (numads[_i].comm)
		fake_file(s.fake, "/proc/4711/comm", numads[_i].comm);
	ck_assert_int_eq(host_conflicts_read(&s.sys, has_memory, &c), 0);
	ck_assert(c.has_numad == numads[_i].has_numad);
	scene_end(&s);
}
END_TEST

START_TEST(host_without_balancing_or_cpusets_has_no_conflict)
{
	struct scene s = scene_of("no-numa");
	struct node_mask has_memory = { 1 };
	struct host_conflicts c;

	ck_assert_int_eq(host_conflicts_read(&s.sys, has_memory, &c), 0);
	ck_assert_int_eq(c.numa_balancing, -1);
	ck_assert_uint_eq(c.closed.bits, 0);
	fake_file_remove(s.fake, "/proc/self/status");
	ck_assert_int_eq(host_conflicts_read(&s.sys, has_memory, &c), -ENOENT);
	scene_end(&s);
}
END_TEST

static const struct {
	size_t size; /* of the file */
	size_t cap; /* the most that is wanted */
	int err; /* the answer */
} lengths[] = {
	{ 0, 1000, 0 },
	{ 1000, 1000, 0 },
	{ 1001, 1000, -E2BIG },
	{ 16384, 1000000, 0 },
	{ 16385, 1000000, 0 },
	{ 200000, 200000, 0 },
	{ 200001, 200000, -E2BIG },
};

START_TEST(files_of_any_length_are_read_up_to_the_cap)
{
	struct scene s = scene_of(NULL);
	autofree char *text = xcalloc(lengths[_i].size + 1, 1);
	autofree char *got = NULL;
	size_t len = 0;

	memset(text, 'a', lengths[_i].size);
	fake_file(s.fake, "/proc/1/maps", text);
	ck_assert_int_eq(read_all_file(&s.sys, "/proc/1/maps", lengths[_i].cap,
				       &got, &len),
			 lengths[_i].err);
	if (!lengths[_i].err) {
		ck_assert_uint_eq(len, lengths[_i].size);
		ck_assert_str_eq(got, text);
	}
	scene_end(&s);
}
END_TEST

START_TEST(file_that_is_gone_gives_its_error)
{
	struct scene s = scene_of(NULL);
	char *got = NULL;
	size_t len;

	ck_assert_int_eq(read_all_file(&s.sys, "/proc/1/maps", MIB, &got, &len),
			 -ENOENT);
	ck_assert_ptr_null(got);
	scene_end(&s);
}
END_TEST

static void add(TCase *tests)
{
	tcase_add_test(tests, real_host_of_one_node_is_read);
	tcase_add_test(tests,
		       holes_memoryless_and_cpuless_nodes_are_told_apart);
	tcase_add_test(tests, distance_columns_are_the_online_nodes);
	tcase_add_test(tests, distance_file_of_another_width_is_ignored);
	tcase_add_test(tests, kernel_without_numa_is_one_node);
	tcase_add_loop_test(tests, spoilt_files_are_reported_or_done_without, 0,
			    COUNT(spoilt));
	tcase_add_test(tests, line_of_a_mebibyte_is_refused_not_swallowed);
	tcase_add_test(tests, without_buddyinfo_huge_blocks_are_unknown);
	tcase_add_test(tests, refresh_sees_new_free_memory);
	tcase_add_test(tests,
		       refresh_tells_that_a_node_went_and_does_the_others);
	tcase_add_test(tests, refresh_is_cheap);
	tcase_add_test(tests, cpu_that_goes_offline_has_no_node_any_more);
	tcase_add_loop_test(tests, affinity_is_turned_into_nodes, 0,
			    COUNT(affinities));
	tcase_add_loop_test(tests, cpus_of_a_node_are_written_as_a_list, 0,
			    COUNT(node_cpus));
	tcase_add_test(tests, cpu_numbers_from_outside_are_bounded);
	tcase_add_test(tests, conflicts_are_found);
	tcase_add_loop_test(tests, numad_is_found_by_its_file_and_name, 0,
			    COUNT(numads));
	tcase_add_test(tests,
		       host_without_balancing_or_cpusets_has_no_conflict);
	tcase_add_loop_test(tests, files_of_any_length_are_read_up_to_the_cap,
			    0, COUNT(lengths));
	tcase_add_test(tests, file_that_is_gone_gives_its_error);
}

int main(void)
{
	return run_tests("topology", add);
}
