/* SPDX-License-Identifier: Apache-2.0 */
/* Parsers for the kernel's node files. See node_text.h. */
#include "host/node_text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"

#define ORDER_2M 9

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, " \t");
}

static int parse_u64(const char **at, uint64_t *ret_value)
{
	char *end;

	if (**at < '0' || **at > '9')
		return -EINVAL;
	errno = 0;
	*ret_value = strtoull(*at, &end, 10);
	if (errno)
		return -EINVAL;
	*at = end;
	return 0;
}

static bool take_word(const char **at, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(*at, word, len))
		return false;
	*at += len;
	return true;
}

static const char *next_line(const char *p)
{
	p += strcspn(p, "\n");
	return *p ? p + 1 : p;
}

int node_number_parse(const char *text, uint64_t *ret_number)
{
	uint64_t number;

	if (parse_u64(&text, &number) || (*text && strcmp(text, "\n")))
		return -EINVAL;
	*ret_number = number;
	return 0;
}

/* "   4286668 kB" at p; true and *ret_bytes when it is that. */
static bool parse_kib(const char *p, uint64_t *ret_bytes)
{
	uint64_t kib;

	p = skip_blanks(p);
	return !parse_u64(&p, &kib) && take_word(&p, " kB") &&
	       !__builtin_mul_overflow(kib, (uint64_t)KIB, ret_bytes);
}

int node_meminfo_parse(const char *text, struct node_meminfo *ret_meminfo)
{
	struct node_meminfo info = { 0 };
	bool has_total = false;
	bool has_free = false;

	for (const char *line = text; *line; line = next_line(line)) {
		const char *p = line;
		uint64_t node;

		if (take_word(&p, "Node ")) {
			if (parse_u64(&p, &node))
				return -EINVAL;
			p = skip_blanks(p);
		}
		if (take_word(&p, "MemTotal:"))
			has_total = parse_kib(p, &info.total_bytes);
		else if (take_word(&p, "MemFree:"))
			has_free = parse_kib(p, &info.free_bytes);
	}
	if (!has_total || !has_free)
		return -EINVAL;
	*ret_meminfo = info;
	return 0;
}

int node_distance_parse(const char *text, uint8_t *distances, size_t cap,
			size_t *ret_n)
{
	const char *p = skip_blanks(text);
	size_t n = 0;

	while (*p && *p != '\n') {
		uint64_t value;

		if (parse_u64(&p, &value) || value > UINT8_MAX ||
		    (*p && *p != ' ' && *p != '\n'))
			return -EINVAL;
		if (n == cap)
			return -E2BIG;
		distances[n++] = (uint8_t)value;
		p = skip_blanks(p);
	}
	if (n == 0)
		return -EINVAL;
	*ret_n = n;
	return 0;
}

/* "Node 0, zone   Normal": *at is moved behind the zone's name. */
static bool take_zone(const char **at, uint64_t *ret_node, bool *ret_is_dma)
{
	const char *p = *at;
	size_t len;

	if (!take_word(&p, "Node ") || parse_u64(&p, ret_node) ||
	    !take_word(&p, ", zone"))
		return false;
	p = skip_blanks(p);
	len = strcspn(p, " \n");
	*ret_is_dma = len == strlen("DMA") && !strncmp(p, "DMA", len);
	*at = p + len;
	return true;
}

int node_zoneinfo_parse(const char *text, struct node_watermarks *marks)
{
	struct node_watermarks unused = { 0 };
	struct node_watermarks *zone = NULL;

	memset(marks, 0, NODES_MAX * sizeof(*marks));
	for (const char *line = text; *line; line = next_line(line)) {
		const char *p = line;
		uint64_t *field;
		uint64_t node, pages;
		bool is_dma;

		if (take_zone(&p, &node, &is_dma)) {
			zone = node < NODES_MAX ? &marks[node] : &unused;
			continue;
		}
		p = skip_blanks(p);
		if (!zone)
			return -EINVAL;
		/* Per-CPU lists have "high:" and "low:", with a colon. */
		if (take_word(&p, "low "))
			field = &zone->low_bytes;
		else if (take_word(&p, "high "))
			field = &zone->high_bytes;
		else
			continue;
		p = skip_blanks(p);
		if (parse_u64(&p, &pages) ||
		    __builtin_mul_overflow(pages, (uint64_t)PAGE_4K_BYTES,
					   &pages))
			return -EINVAL;
		*field = __builtin_add_overflow(*field, pages, &pages)
				 ? UINT64_MAX
				 : pages;
	}
	return zone ? 0 : -EINVAL;
}

static int parse_buddy_line(const char *p, struct node_buddy *buddy)
{
	size_t order = 0;

	for (p = skip_blanks(p); *p && *p != '\n'; p = skip_blanks(p)) {
		uint64_t blocks;

		if (order == NODE_ORDERS_MAX || parse_u64(&p, &blocks) ||
		    blocks > UINT32_MAX)
			return -EINVAL;
		buddy->free_blocks[order++] += blocks;
	}
	return order ? 0 : -EINVAL;
}

int node_buddyinfo_parse(const char *text, struct node_buddy *buddies)
{
	struct node_buddy unused = { 0 };

	if (!*text)
		return -EINVAL;
	memset(buddies, 0, NODES_MAX * sizeof(*buddies));
	for (const char *line = text; *line; line = next_line(line)) {
		const char *p = line;
		uint64_t node;
		bool is_dma;

		if (!take_zone(&p, &node, &is_dma) ||
		    parse_buddy_line(p, is_dma || node >= NODES_MAX
						? &unused
						: &buddies[node]))
			return -EINVAL;
	}
	return 0;
}

uint64_t node_buddy_2m_blocks(const struct node_buddy *buddy)
{
	uint64_t blocks = 0;

	for (size_t order = ORDER_2M; order < NODE_ORDERS_MAX; order++)
		blocks += buddy->free_blocks[order] << (order - ORDER_2M);
	return blocks;
}
