/* SPDX-License-Identifier: Apache-2.0 */
/* Room on a target node; see room.h. Called by job.c before each call. */
#include "move/room.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "host/node_text.h"
#include "host/read_all.h"

#define ZONEINFO_CAP_BYTES (4 * MIB)
#define VMSTAT_CAP_BYTES   (64 * KIB)

/* Of the free 2 MiB blocks a fifth is left to others. */
#define BLOCKS_SHARE(blocks) ((blocks) - (blocks) / 5)

void room_init(struct room *room, const struct sys *sys, uint64_t reserve_bytes,
	       bool grows_pools)
{
	struct node_watermarks marks[NODES_MAX];
	char *text = NULL;
	size_t len;

	*room = (struct room) {
		.sys = *sys,
		.reserve_bytes = reserve_bytes,
		.grows_pools = grows_pools,
	};
	if (read_all_file(sys, "/proc/zoneinfo", ZONEINFO_CAP_BYTES, &text,
			  &len) < 0)
		return;
	if (node_zoneinfo_parse(text, marks) == 0)
		for (int node = 0; node < NODES_MAX; node++)
			room->high_bytes[node] = marks[node].high_bytes;
	free(text);
}

static int read_small(const struct room *room, const char *path, char *buf,
		      size_t size)
{
	size_t len;

	return room->sys.ops->read_file(room->sys.self, path, buf, size, &len);
}

uint64_t room_free_bytes(const struct room *room, int node)
{
	char path[64], text[4096];
	struct node_meminfo meminfo;
	uint64_t kept;

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/meminfo",
		 node);
	if (read_small(room, path, text, sizeof(text)) < 0 ||
	    node_meminfo_parse(text, &meminfo) < 0)
		return 0;
	kept = room->high_bytes[node] + room->reserve_bytes;
	return meminfo.free_bytes > kept ? meminfo.free_bytes - kept : 0;
}

/* Free 2 MiB blocks; UINT64_MAX when the kernel does not say. */
static uint64_t free_2m_blocks(const struct room *room, int node)
{
	struct node_buddy buddies[NODES_MAX] = { 0 };
	char *text = NULL;
	uint64_t blocks = UINT64_MAX;
	size_t len;

	if (read_all_file(&room->sys, "/proc/buddyinfo", VMSTAT_CAP_BYTES,
			  &text, &len) < 0)
		return UINT64_MAX;
	if (node_buddyinfo_parse(text, buddies) == 0)
		blocks = node_buddy_2m_blocks(&buddies[node]);
	free(text);
	return blocks;
}

/* Ask a fragmented node to compact, once. */
static void compact(struct room *room, int node)
{
	char path[64];

	if (node_mask_has(room->compacted, node))
		return;
	node_mask_add(&room->compacted, node);
	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/compact",
		 node);
	room->sys.ops->write_file(room->sys.self, path, "1");
}

static uint64_t allow_thp(struct room *room, int node, uint64_t free_bytes)
{
	uint64_t blocks = free_2m_blocks(room, node);

	if (blocks == 0 && free_bytes >= PAGE_2M_BYTES) {
		compact(room, node);
		blocks = free_2m_blocks(room, node);
	}
	if (blocks == UINT64_MAX)
		return free_bytes;
	return u64_min(free_bytes, BLOCKS_SHARE(blocks) * PAGE_2M_BYTES);
}

static uint64_t free_pool_bytes(const struct room *room, int node,
				uint64_t page_bytes)
{
	char path[128], text[64];
	uint64_t free_pages;

	snprintf(path, sizeof(path),
		 "/sys/devices/system/node/node%d/hugepages/"
		 "hugepages-%llukB/free_hugepages",
		 node, page_bytes / KIB);
	if (read_small(room, path, text, sizeof(text)) < 0 ||
	    node_number_parse(text, &free_pages) < 0)
		return 0;
	return free_pages * page_bytes;
}

/* Without a free page in the pool the kernel takes a free block, but never for
 * a gigantic page (alloc_migrate_hugetlb_folio(), Linux 6.1 to 6.12). */
static uint64_t allow_hugetlb(struct room *room, int node, uint64_t page_bytes)
{
	uint64_t bytes = free_pool_bytes(room, node, page_bytes);

	if (room->grows_pools && page_bytes == PAGE_2M_BYTES)
		bytes += allow_thp(room, node, room_free_bytes(room, node));
	return bytes;
}

uint64_t room_allow(struct room *room, int node, uint64_t page_bytes,
		    bool is_hugetlb, uint64_t wanted_bytes)
{
	uint64_t free_bytes;

	if (is_hugetlb) {
		free_bytes = allow_hugetlb(room, node, page_bytes);
		return u64_min(free_bytes, wanted_bytes);
	}
	free_bytes = room_free_bytes(room, node);
	if (page_bytes > PAGE_4K_BYTES)
		free_bytes = allow_thp(room, node, free_bytes);
	return u64_min(free_bytes, wanted_bytes);
}

/* The value in a line "name value" of text, 0 without such a line. */
static uint64_t find_counter(const char *text, const char *name)
{
	size_t name_len = strlen(name);

	while (text) {
		text += *text == '\n';
		if (strncmp(text, name, name_len) == 0 && text[name_len] == ' ')
			return strtoull(text + name_len, NULL, 10);
		text = strchr(text, '\n');
	}
	return 0;
}

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=0", the file's first line; 0
 * when it does not look like that. */
static uint64_t find_stall_us(char *text)
{
	const char *total;
	uint64_t us;

	text[strcspn(text, "\n")] = '\0';
	total = strstr(text, " total=");
	if (strncmp(text, "some ", 5) != 0 || !total)
		return 0;
	total += strlen(" total=");
	return node_number_parse(total, &us) == 0 ? us : 0;
}

uint64_t room_stall_us(const struct sys *sys)
{
	char text[512];
	size_t len;

	if (sys->ops->read_file(sys->self, "/proc/pressure/memory", text,
				sizeof(text), &len) < 0)
		return 0;
	return find_stall_us(text);
}

struct room_counters room_counters_read(const struct sys *sys)
{
	struct room_counters counters = { .stall_us = room_stall_us(sys) };
	char *text = NULL;
	size_t len;

	if (read_all_file(sys, "/proc/vmstat", VMSTAT_CAP_BYTES, &text, &len) <
	    0)
		return counters;
	counters.thp_splits = find_counter(text, "thp_migration_split");
	counters.reclaim_pages = find_counter(text, "pgscan_direct");
	free(text);
	return counters;
}
