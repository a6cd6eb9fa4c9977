/* SPDX-License-Identifier: Apache-2.0 */
/* The host's nodes. See topology.h. */
#include "host/topology.h"

#include <errno.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "host/node_text.h"
#include "host/read_all.h"
#include "xalloc.h"

#define NODE_DIR      "/sys/devices/system/node"
#define LONE_HUGE_DIR "/sys/kernel/mm/hugepages"
#define PATH_TEXT     128

#define LIST_CAP (64 * KIB)
/* Grows with zones times CPUs: 5 MiB on 1024 CPUs and 8 nodes. */
#define ZONEINFO_CAP (64 * MIB)

#define DISTANCE_LOCAL  10
#define DISTANCE_REMOTE 20

/* -ENOENT and the like as they are; a list that is none is -EINVAL. */
static int read_nodes(const struct sys *sys, const char *name,
		      struct node_mask *ret_mask, struct why *why)
{
	autofree char *text = NULL;
	char path[PATH_TEXT];
	struct why bad;
	size_t len;
	int err;

	snprintf(path, sizeof(path), NODE_DIR "/%s", name);
	err = read_all_file(sys, path, LIST_CAP, &text, &len);
	if (err) {
		why_set(why, "cannot read %s: %s", path, strerror(-err));
		return err;
	}
	err = list_parse_nodes(text, ret_mask, &bad);
	if (err)
		why_set(why, "%s: %.200s", path, bad.text);
	return err;
}

static int add_cpus(const struct sys *sys, struct topology *topo, int node,
		    const char *path, struct why *why)
{
	autofree char *text = NULL;
	struct cpu_bits cpus;
	struct why bad;
	size_t len;
	int err = read_all_file(sys, path, LIST_CAP, &text, &len);

	if (err) {
		why_set(why, "cannot read %s: %s", path, strerror(-err));
		return err;
	}
	err = list_parse_cpus(text, &cpus, &bad);
	if (err) {
		why_set(why, "%s: %.200s", path, bad.text);
		return err;
	}
	for (unsigned cpu = 0; cpu < CPUS_MAX; cpu++) {
		if (!bits_has(cpus.words, cpu))
			continue;
		topo->node_of_cpu[cpu] = (int8_t)node;
		node_mask_add(&topo->has_cpu, node);
	}
	return 0;
}

static void default_distances(struct topology *topo)
{
	memset(topo->distance, DISTANCE_REMOTE, sizeof(topo->distance));
	for (int node = 0; node < NODES_MAX; node++)
		topo->distance[node][node] = DISTANCE_LOCAL;
}

/* The file has a column for each online node, not for each node number. */
static void read_distances(const struct sys *sys, struct topology *topo,
			   int from)
{
	uint8_t row[NODES_MAX];
	char text[1024];
	char path[PATH_TEXT];
	size_t n, len;
	size_t column = 0;

	snprintf(path, sizeof(path), NODE_DIR "/node%d/distance", from);
	if (sys->ops->read_file(sys->self, path, text, sizeof(text), &len) ||
	    node_distance_parse(text, row, NODES_MAX, &n) ||
	    n != (size_t)node_mask_count(topo->online))
		return;
	node_each (to, topo->online) {
		uint8_t distance = row[column++];

		if (distance)
			topo->distance[from][to] = distance;
	}
}

static int read_online_nodes(const struct sys *sys, struct topology *topo,
			     struct why *why)
{
	char path[PATH_TEXT];
	int err = 0;

	/* Linux 3.8 and later have has_memory where memory may be movable. */
	if (read_nodes(sys, "has_memory", &topo->has_memory, NULL))
		err = read_nodes(sys, "has_normal_memory", &topo->has_memory,
				 why);
	if (err)
		return err;
	topo->has_memory.bits &= topo->online.bits;
	node_each (node, topo->online) {
		snprintf(path, sizeof(path), NODE_DIR "/node%d/cpulist", node);
		err = add_cpus(sys, topo, node, path, why);
		if (err)
			return err;
		read_distances(sys, topo, node);
	}
	return 0;
}

/* CONFIG_NUMA=n: there is no node directory. */
static int read_lone_node(const struct sys *sys, struct topology *topo,
			  struct why *why)
{
	topo->online = node_mask_of(0);
	topo->has_memory = node_mask_of(0);
	return add_cpus(sys, topo, 0, "/sys/devices/system/cpu/online", why);
}

static void read_watermarks(const struct sys *sys, struct topology *topo)
{
	struct node_watermarks marks[NODES_MAX];
	autofree char *text = NULL;
	size_t len;

	if (read_all_file(sys, "/proc/zoneinfo", ZONEINFO_CAP, &text, &len) ||
	    node_zoneinfo_parse(text, marks))
		return;
	node_each (node, topo->online) {
		topo->node[node].low_bytes = marks[node].low_bytes;
		topo->node[node].high_bytes = marks[node].high_bytes;
	}
}

static void read_buddies(const struct sys *sys, struct topology *topo)
{
	struct node_buddy buddies[NODES_MAX];
	autofree char *text = NULL;
	size_t len;

	topo->has_free_2m = false;
	if (read_all_file(sys, "/proc/buddyinfo", LIST_CAP, &text, &len) ||
	    node_buddyinfo_parse(text, buddies))
		return;
	topo->has_free_2m = true;
	node_each (node, topo->online)
		topo->node[node].free_2m_blocks =
			node_buddy_2m_blocks(&buddies[node]);
}

static uint64_t read_number(const struct sys *sys, const char *path)
{
	char text[64];
	uint64_t number;
	size_t len;

	if (sys->ops->read_file(sys->self, path, text, sizeof(text), &len) ||
	    node_number_parse(text, &number))
		return 0;
	return number;
}

static struct topo_pool read_pool(const struct sys *sys, const char *dir,
				  const char *size)
{
	struct topo_pool pool;
	char path[PATH_TEXT];

	snprintf(path, sizeof(path), "%s/hugepages-%s/nr_hugepages", dir, size);
	pool.total = read_number(sys, path);
	snprintf(path, sizeof(path), "%s/hugepages-%s/free_hugepages", dir,
		 size);
	pool.free = read_number(sys, path);
	return pool;
}

static int refresh_node(const struct sys *sys, struct topo_node *node,
			const char *meminfo, const char *huge_dir)
{
	struct node_meminfo info;
	char text[8192];
	size_t len;
	int err = sys->ops->read_file(sys->self, meminfo, text, sizeof(text),
				      &len);

	if (!err)
		err = node_meminfo_parse(text, &info);
	if (err)
		return err;
	node->total_bytes = info.total_bytes;
	node->free_bytes = info.free_bytes;
	node->huge_2m = read_pool(sys, huge_dir, "2048kB");
	node->huge_1g = read_pool(sys, huge_dir, "1048576kB");
	return 0;
}

static int refresh_one(const struct sys *sys, struct topology *topo, int node)
{
	char meminfo[PATH_TEXT];
	char huge[PATH_TEXT];
	int err;

	snprintf(meminfo, sizeof(meminfo), NODE_DIR "/node%d/meminfo", node);
	snprintf(huge, sizeof(huge), NODE_DIR "/node%d/hugepages", node);
	err = refresh_node(sys, &topo->node[node], meminfo, huge);
	if (err == -ENOENT && topo->online.bits == node_mask_of(0).bits)
		err = refresh_node(sys, &topo->node[0], "/proc/meminfo",
				   LONE_HUGE_DIR);
	return err;
}

int topology_refresh_memory(const struct sys *sys, struct topology *topo)
{
	int first_err = 0;

	node_each (node, topo->online) {
		int err = refresh_one(sys, topo, node);

		if (err && !first_err)
			first_err = err;
	}
	read_buddies(sys, topo);
	return first_err;
}

int topology_read(const struct sys *sys, struct topology *ret_topo,
		  struct why *why)
{
	autofree struct topology *topo = xcalloc(1, sizeof(*topo));
	int err;

	memset(topo->node_of_cpu, NODE_NONE, sizeof(topo->node_of_cpu));
	default_distances(topo);
	err = read_nodes(sys, "online", &topo->online, why);
	if (!err && node_mask_is_empty(topo->online)) {
		why_set(why, NODE_DIR "/online names no node");
		err = -EINVAL;
	}
	if (!err)
		err = read_online_nodes(sys, topo, why);
	else if (err == -ENOENT)
		err = read_lone_node(sys, topo, why);
	if (err)
		return err;
	err = topology_refresh_memory(sys, topo);
	if (err) {
		why_set(why, "cannot read the memory of the host's nodes: %s",
			strerror(-err));
		return err;
	}
	read_watermarks(sys, topo);
	*ret_topo = *topo;
	return 0;
}

int topology_nodes_of_cpus(const struct topology *topo,
			   const struct cpu_bits *cpus,
			   struct node_mask *ret_nodes, struct why *why)
{
	struct node_mask nodes = { 0 };

	/* asked for each vCPU: most words are empty */
	for (unsigned i = 0; i < LIST_WORDS(CPUS_MAX); i++)
		for (uint64_t word = cpus->words[i]; word; word &= word - 1)
			node_mask_add(&nodes,
				      topo->node_of_cpu[i * 64 +
							__builtin_ctzll(word)]);
	if (node_mask_is_empty(nodes)) {
		why_set(why, "none of these CPUs is online");
		return -ENOENT;
	}
	*ret_nodes = nodes;
	return 0;
}

int topology_nodes_of_cpulist(const struct topology *topo, const char *text,
			      struct node_mask *ret_nodes, struct why *why)
{
	struct cpu_bits cpus;
	int err = list_parse_cpus(text, &cpus, why);

	return err ? err : topology_nodes_of_cpus(topo, &cpus, ret_nodes, why);
}

char *topology_cpulist(const struct topology *topo, int node)
{
	autofree char *text = xcalloc(LIST_CPUS_TEXT, 1);
	struct cpu_bits cpus = { 0 };

	for (unsigned cpu = 0; cpu < CPUS_MAX; cpu++)
		if (node_is_valid(node) && topo->node_of_cpu[cpu] == node)
			cpus.words[cpu / 64] |= 1ull << (cpu % 64);
	list_format(cpus.words, CPUS_MAX, text, LIST_CPUS_TEXT);
	return xstrdup(text);
}

int topology_node_of_cpu(const struct topology *topo, int cpu)
{
	return cpu >= 0 && cpu < CPUS_MAX ? topo->node_of_cpu[cpu] : NODE_NONE;
}
