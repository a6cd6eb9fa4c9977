/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel's files say about nodes: /sys/devices/system/node/nodeN/
 * {meminfo,distance}, /proc/zoneinfo, /proc/buddyinfo, /proc/meminfo, and files
 * that hold one number. Text in, numbers out. Called by host/topology.c.
 * Lists (cpulist, online, has_memory) are read by host/list.h.
 */
#ifndef HOST_NODE_TEXT_H
#define HOST_NODE_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "node.h"

/* Orders that are told apart in buddyinfo; Linux prints 11 on x86-64. */
#define NODE_ORDERS_MAX 16

/* nodeN/meminfo or /proc/meminfo. */
struct node_meminfo {
	uint64_t total_bytes; /* MemTotal */
	uint64_t free_bytes; /* MemFree */
};

/* Sums over a node's zones out of /proc/zoneinfo. */
struct node_watermarks {
	uint64_t low_bytes; /* below this kswapd wakes up */
	uint64_t high_bytes; /* up to this kswapd reclaims */
};

/* Sums over a node's zones out of /proc/buddyinfo, without zone DMA: its 16 MiB
 * are kept from all but devices (vm.lowmem_reserve_ratio), so a guest's pages
 * cannot come to lie there, however many blocks are free. DMA32 counts. */
struct node_buddy {
	uint64_t free_blocks[NODE_ORDERS_MAX]; /* of 4 KiB << index each */
};

/* A file of one decimal number, such as nr_hugepages. -EINVAL. */
int node_number_parse(const char *text, uint64_t *ret_number);

/* Lines "Node 0 MemTotal:  4286668 kB" or "MemTotal:  4286668 kB". -EINVAL:
 * without MemTotal and MemFree. */
int node_meminfo_parse(const char *text, struct node_meminfo *ret_meminfo);

/* "10 20 20": at most cap distances, in the order of the online nodes.
 * -EINVAL: not such a list, -E2BIG: more than cap. */
int node_distance_parse(const char *text, uint8_t *distances, size_t cap,
			size_t *ret_n);

/* All nodes of the file; nodes that it does not name get 0. -EINVAL: no zone
 * in it. marks is an array of NODES_MAX; zones of higher nodes are skipped. */
int node_zoneinfo_parse(const char *text, struct node_watermarks *marks);

/* The same for buddyinfo; buddies is an array of NODES_MAX. */
int node_buddyinfo_parse(const char *text, struct node_buddy *buddies);

/* Free memory in blocks of 2 MiB: an order-10 block counts as two. */
uint64_t node_buddy_2m_blocks(const struct node_buddy *buddy);

#endif
