/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's nodes: which exist, which CPUs are theirs, how far apart they are,
 * how much memory is free on each. Read whole at start and when CPUs or nodes
 * come and go; the free memory alone before each decision. Called by observe
 * and by the mover's gates.
 */
#ifndef HOST_TOPOLOGY_H
#define HOST_TOPOLOGY_H

#include <stdbool.h>
#include <stdint.h>

#include "host/list.h"
#include "node.h"
#include "sys.h"
#include "why.h"

/* A node's hugetlb pages of one size. */
struct topo_pool {
	uint64_t total; /* nr_hugepages; 0 also where the host has no such */
	uint64_t free; /* free_hugepages */
};

/* One node. All 0 for a node that is not online. */
struct topo_node {
	uint64_t total_bytes; /* MemTotal, 0 for a memoryless node */
	uint64_t free_bytes; /* MemFree */
	uint64_t low_bytes; /* below this the kernel starts to reclaim */
	uint64_t high_bytes; /* keep at least this free */
	uint64_t free_2m_blocks; /* free memory in blocks of 2 MiB, see
				  * has_free_2m */
	struct topo_pool huge_2m; /* hugetlb pages of 2 MiB */
	struct topo_pool huge_1g; /* hugetlb pages of 1 GiB */
};

struct topology {
	struct node_mask online; /* nodes that exist */
	struct node_mask has_cpu; /* with an online CPU */
	struct node_mask has_memory; /* memory can be allocated there */
	bool has_free_2m; /* free_2m_blocks are known (/proc/buddyinfo) */
	int8_t node_of_cpu[CPUS_MAX]; /* NODE_NONE: no such CPU, or offline */
	uint8_t distance[NODES_MAX][NODES_MAX]; /* from, to; 10 is local. The
				* usual 10 and 20 where the host does not say */
	struct topo_node node[NODES_MAX]; /* by node number */
};

/*
 * Read everything. A kernel without NUMA is one node 0 with all CPUs. A node of
 * NODES_MAX or above is -ERANGE. Missing distances, watermarks, buddyinfo or
 * hugepages are no error. *ret_topo is written only on success. The struct
 * takes about 20 KiB.
 */
int topology_read(const struct sys *sys, struct topology *ret_topo,
		  struct why *why);

/* Free memory, free 2 MiB blocks and hugetlb pools of the online nodes again:
 * five small files a node and buddyinfo. On an error, which means that a node
 * went away, the rest is still refreshed: read the topology anew. */
int topology_refresh_memory(const struct sys *sys, struct topology *topo);

/* The nodes of the online CPUs among cpus. -ENOENT: none of them is online. */
int topology_nodes_of_cpus(const struct topology *topo,
			   const struct cpu_bits *cpus,
			   struct node_mask *ret_nodes, struct why *why);

/* The same for the text of a Cpus_allowed_list; -EINVAL and -ERANGE as in
 * list_parse. */
int topology_nodes_of_cpulist(const struct topology *topo, const char *text,
			      struct node_mask *ret_nodes, struct why *why);

/* The online CPUs of node as a list, "0-3,8-11", owned by the caller (free());
 * "" for a node without any, or none at all. Never NULL. */
char *topology_cpulist(const struct topology *topo, int node);

/* The node of a CPU number as the kernel or libvirt gives it, NODE_NONE when
 * there is no such CPU. */
int topology_node_of_cpu(const struct topology *topo, int cpu);

#endif
