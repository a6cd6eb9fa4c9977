/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The map of a guest's memory. A row holds blocks that follow each other in
 * guest-physical memory, and its label is the address of its first block; a
 * hole in the address space begins a new row.
 */
#include "ctl/map.h"

#include <inttypes.h>
#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ctl/field.h"
#include "ctl/text.h"

#define ROW_MAX       64
#define LABEL_COLUMNS 20
/* A block is drawn as mixed from this share of the second node on. */
#define MIXED_PERCENT 20

/* How to draw. */
struct map_style {
	bool has_colour; /* the terminal takes colours */
	bool is_utf8; /* and block characters */
	unsigned int row_blocks; /* blocks in a row at most */
};

/* What one block holds. */
struct map_block {
	uint64_t gpa; /* where it begins */
	uint64_t size; /* its bytes of guest-physical memory */
	int first; /* node that holds most, NODE_NONE: nothing is populated */
	int second; /* node that holds a good part too, or NODE_NONE */
};

static struct map_style style_find(void)
{
	struct map_style style = { .row_blocks = ROW_MAX };
	const char *term = getenv("TERM");
	const char *no_colour = getenv("NO_COLOR");
	struct winsize size;

	if (!isatty(STDOUT_FILENO))
		return style;
	style.has_colour =
		term && strcmp(term, "dumb") != 0 && !(no_colour && *no_colour);
	style.is_utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col) {
		while (style.row_blocks > 8 &&
		       style.row_blocks + LABEL_COLUMNS > size.ws_col)
			style.row_blocks /= 2;
	}
	return style;
}

static struct map_block block_of(struct json_object *slot)
{
	struct map_block block = { .gpa = field_u64(slot, "gpa", 0),
				   .size = field_u64(slot, "size", 0),
				   .first = NODE_NONE,
				   .second = NODE_NONE };
	struct field_nodes nodes;

	field_node_bytes(slot, "node_bytes", &nodes);
	node_each (node, nodes.present) {
		uint64_t bytes = nodes.bytes[node];

		if (!bytes)
			continue;
		if (block.first == NODE_NONE ||
		    bytes > nodes.bytes[block.first]) {
			block.second = block.first;
			block.first = node;
		} else if (block.second == NODE_NONE ||
			   bytes > nodes.bytes[block.second]) {
			block.second = node;
		}
	}
	if (block.second != NODE_NONE &&
	    nodes.bytes[block.second] < nodes.total_bytes / 100 * MIXED_PERCENT)
		block.second = NODE_NONE;
	return block;
}

/* Colours of the 256-colour palette that differ from each other on dark and on
 * light ground, for people who see no red or no green as well. */
static unsigned int node_colour(int node)
{
	static const unsigned char colours[] = { 33, 214, 35,  199,
						 45, 227, 129, 203 };

	return colours[(unsigned int)node % sizeof(colours)];
}

static char node_digit(int node)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				     "ABCDEFGHIJKLMNOPQRSTUVWXYZ@#";

	return node_is_valid(node) ? digits[node] : '?';
}

static void block_print(const struct map_style *style, int first, int second)
{
	if (first == NODE_NONE) {
		fputs(style->is_utf8 ? "·" : ".", stdout);
		return;
	}
	if (!style->has_colour) {
		putchar(node_digit(first));
		return;
	}
	if (second != NODE_NONE)
		printf("\033[48;5;%um", node_colour(second));
	printf("\033[38;5;%um", node_colour(first));
	if (!style->is_utf8)
		putchar(node_digit(first));
	else
		fputs(second == NODE_NONE ? "█" : "▓", stdout);
	fputs("\033[0m", stdout);
}

static void legend_print(const struct map_style *style, struct node_mask nodes,
			 bool has_absent, bool has_mixed, uint64_t block_size)
{
	printf("\n  ");
	node_each (node, nodes) {
		block_print(style, node, NODE_NONE);
		printf(" node %d   ", node);
	}
	if (has_mixed && style->has_colour) {
		int first = node_mask_first(nodes);

		block_print(style, first, node_mask_next(nodes, first));
		printf(" mixed   ");
	}
	if (has_absent) {
		block_print(style, NODE_NONE, NODE_NONE);
		printf(" not populated   ");
	}
	printf("one block: %s\n", text_size(block_size).s);
}

void map_print(struct json_object *guest)
{
	struct map_style style = style_find();
	size_t n = field_count(guest, "map");
	struct node_mask nodes = { 0 };
	bool has_absent = false;
	bool has_mixed = false;
	unsigned int in_row = 0;
	uint64_t block_size = 0;
	uint64_t end = 0;

	if (!n) {
		puts("\nWhere its memory lies is not known.");
		return;
	}
	for (size_t i = 0; i < n; i++) {
		struct map_block block = block_of(field_at(guest, "map", i));

		if (!i || block.gpa != end || in_row == style.row_blocks) {
			printf("\n  0x%012" PRIx64 "  ", block.gpa);
			in_row = 0;
		}
		block_print(&style, block.first, block.second);
		in_row++;
		end = block.gpa + block.size;
		if (block.size > block_size)
			block_size = block.size;
		node_mask_add(&nodes, block.first);
		has_absent = has_absent || block.first == NODE_NONE;
		has_mixed = has_mixed || block.second != NODE_NONE;
	}
	putchar('\n');
	legend_print(&style, nodes, has_absent, has_mixed, block_size);
}
