/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsers of the human monitor's texts; see text.h. Lines are read from the
 * front where a name comes last, from the back where it comes first: a name may
 * hold any printable character.
 */
#include "qmp/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xalloc.h"
#include "qmp/cursor.h"

/* User space ends below 2^56 even with five-level page tables. */
#define HVA_END (1ull << 56)

#define PAGE_MAX_BYTES (16 * GIB)

/* All of c as a name: printable ASCII, not empty, that fits. */
static bool copy_name(const struct cursor *c, char name[QMP_NAME_SIZE])
{
	if (!cursor_left(c) || cursor_left(c) >= QMP_NAME_SIZE)
		return false;
	for (const char *p = c->at; p < c->end; p++)
		if (*p < 0x20 || *p >= 0x7f)
			return false;
	memcpy(name, c->at, cursor_left(c));
	name[cursor_left(c)] = '\0';
	return true;
}

static int refuse(struct why *why, const char *what, const char *reason)
{
	why_set(why, "QEMU's answer to \"%s\" is not understood: %s", what,
		reason);
	return -EBADMSG;
}

/* Room for one more element of an array that doubles; n is its length now. */
static void *grown(void *array, size_t n, size_t element_bytes)
{
	if (n & (n - 1))
		return array;
	return xreallocarray(array, n ? 2 * n : 1, element_bytes);
}

static bool take_kind(struct cursor *line, enum qmp_range_kind *ret_kind)
{
	static const struct {
		const char *word;
		enum qmp_range_kind kind;
	} kinds[] = {
		{ "ram)", QMP_RANGE_RAM },   { "nv-ram)", QMP_RANGE_NV_RAM },
		{ "ramd)", QMP_RANGE_RAMD }, { "rom)", QMP_RANGE_ROM },
		{ "romd)", QMP_RANGE_ROM },  { "i/o)", QMP_RANGE_IO },
	};
	const char *close = memchr(line->at, ')', cursor_left(line));

	*ret_kind = QMP_RANGE_OTHER;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (cursor_starts_with(line, kinds[i].word))
			*ret_kind = kinds[i].kind;
	if (!close)
		return false;
	line->at = close;
	return cursor_take(line, "): ");
}

/* "NAME", "NAME @OFFSET", each with or without " KVM". */
static bool parse_region(struct cursor line, struct qmp_range *range)
{
	struct cursor offset;

	range->is_kvm = cursor_drop(&line, " KVM");
	range->offset = 0;
	offset = line;
	if (cursor_left(&line) > 18) {
		offset.at = line.end - 18;
		if (cursor_take(&offset, " @") &&
		    cursor_take_hex(&offset, &range->offset) &&
		    !cursor_left(&offset))
			line.end -= 18;
	}
	return copy_name(&line, range->name);
}

/* START-LAST, both inclusive, to a size that neither wraps nor is 0. */
static bool take_span(struct cursor *line, struct qmp_range *range)
{
	uint64_t last;

	if (!cursor_take_hex(line, &range->start.v) ||
	    !cursor_take(line, "-") || !cursor_take_hex(line, &last))
		return false;
	if (last < range->start.v || last >= QMP_GPA_END)
		return false;
	range->size_bytes = last - range->start.v + 1;
	return true;
}

static bool parse_range(struct cursor line, struct qmp_range *range)
{
	uint64_t end;

	if (!cursor_take(&line, "  ") || !take_span(&line, range) ||
	    !cursor_take(&line, " (prio "))
		return false;
	cursor_take(&line, "-");
	while (cursor_left(&line) && *line.at >= '0' && *line.at <= '9')
		line.at++;
	if (!cursor_take(&line, ", ") || !take_kind(&line, &range->kind) ||
	    !parse_region(line, range))
		return false;
	if (range->kind != QMP_RANGE_RAM)
		return true;
	return addr_is_aligned(range->start.v | range->size_bytes |
				       range->offset,
			       PAGE_4K_BYTES) &&
	       range->size_bytes <= QMP_BLOCK_MAX_BYTES &&
	       addr_add(range->offset, range->size_bytes, &end) &&
	       end <= QMP_BLOCK_MAX_BYTES;
}

/* Go to the first line behind ` AS "memory", root: system`. */
static bool find_system_view(struct cursor *text)
{
	struct cursor line;

	while (cursor_take_line(text, &line))
		if (cursor_take(&line, " AS \"memory\", root: system") &&
		    !cursor_left(&line))
			return true;
	return false;
}

/* One line of the view: 1 a range, 0 something else, -EBADMSG. */
static int parse_view_line(struct cursor line, struct qmp_range *range)
{
	if (cursor_is_blank(&line) || cursor_starts_with(&line, " AS \"") ||
	    cursor_starts_with(&line, " Root memory region: ") ||
	    cursor_starts_with(&line, "  No rendered FlatView"))
		return 0;
	return parse_range(line, range) ? 1 : -EBADMSG;
}

static int parse_view(struct cursor *text, struct qmp_ranges *ranges,
		      struct why *why)
{
	static const char what[] = "info mtree -f";
	struct qmp_range range = { 0 };
	uint64_t end = 0;
	struct cursor line;

	while (cursor_take_line(text, &line) &&
	       !cursor_starts_with(&line, "FlatView")) {
		int rc = parse_view_line(line, &range);

		if (rc < 0)
			return refuse(why, what, "a line is no valid range");
		if (rc == 0)
			continue;
		if (range.start.v < end)
			return refuse(why, what, "ranges overlap");
		if (ranges->n == QMP_LIST_MAX)
			return refuse(why, what, "too many ranges");
		end = range.start.v + range.size_bytes;
		ranges->ranges =
			grown(ranges->ranges, ranges->n, sizeof(range));
		ranges->ranges[ranges->n++] = range;
	}
	return 0;
}

int qmp_text_mtree(const char *text, size_t len, struct qmp_ranges *ret_ranges,
		   struct why *why)
{
	struct cursor rest = { text, text + len };
	struct qmp_ranges ranges = { 0 };
	int rc;

	if (!find_system_view(&rest)) {
		why_set(why, "QEMU shows no address space \"memory\"");
		return -ENOENT;
	}
	rc = parse_view(&rest, &ranges, why);
	if (rc) {
		qmp_ranges_finish(&ranges);
		return rc;
	}
	*ret_ranges = ranges;
	return 0;
}

void qmp_ranges_finish(struct qmp_ranges *ranges)
{
	free(ranges->ranges);
	*ranges = (struct qmp_ranges) { 0 };
}

/* "0xGPA" at the front is the address that was asked for. */
static bool take_gpa(struct cursor *line, struct gpa gpa)
{
	uint64_t number;

	return cursor_take(line, "0x") && cursor_take_hex(line, &number) &&
	       number == gpa.v;
}

/* "0xGPA (NAME) is 0xHVA"; NAME may hold any printable character, so the HVA is
 * looked for from the back. */
static bool parse_mapped(struct cursor line, struct gpa gpa,
			 struct qmp_gpa2hva *answer)
{
	struct cursor number = { line.end, line.end };

	if (!take_gpa(&line, gpa) || !cursor_take(&line, " ("))
		return false;
	while (number.at > line.at && number.at[-1] != ' ')
		number.at--;
	line.end = number.at;
	if (!cursor_drop(&line, ") is ") || !copy_name(&line, answer->name) ||
	    !cursor_is_hex(number, &answer->hva.v))
		return false;
	answer->mapped = QMP_MAPPED;
	return answer->hva.v && answer->hva.v < HVA_END &&
	       addr_is_aligned(answer->hva.v ^ gpa.v, PAGE_4K_BYTES);
}

static bool parse_gpa2hva(struct cursor line, struct gpa gpa,
			  struct qmp_gpa2hva *answer)
{
	if (cursor_take(&line, "Host virtual address for "))
		return parse_mapped(line, gpa, answer);
	if (cursor_take(&line, "No memory is mapped at address ")) {
		answer->mapped = QMP_NO_MEMORY;
		return take_gpa(&line, gpa) && !cursor_left(&line);
	}
	if (cursor_take(&line, "Memory at address ")) {
		answer->mapped = QMP_NOT_RAM;
		if (!take_gpa(&line, gpa))
			return false;
		/* The blank is missing in builds of before 2024. */
		cursor_take(&line, " ");
		return cursor_take(&line, "is not RAM") && !cursor_left(&line);
	}
	return false;
}

int qmp_text_gpa2hva(const char *text, size_t len, struct gpa gpa,
		     struct qmp_gpa2hva *ret_answer, struct why *why)
{
	struct cursor rest = { text, text + len };
	struct qmp_gpa2hva answer = { 0 };
	struct cursor line;

	if (!cursor_take_line(&rest, &line) || cursor_left(&rest) ||
	    !parse_gpa2hva(line, gpa, &answer))
		return refuse(why, "gpa2hva", "no address for what was asked");
	*ret_answer = answer;
	return 0;
}

/* "4 KiB", "2 MiB", "1 GiB" at the end of the line. */
static bool drop_page_size(struct cursor *line, uint64_t *ret_bytes)
{
	struct cursor unit = cursor_drop_word(line);
	struct cursor number = cursor_drop_word(line);
	uint64_t bytes = 0;

	for (; cursor_left(&number) && *number.at >= '0' && *number.at <= '9';
	     number.at++)
		bytes = bytes > 1023 ? bytes
				     : bytes * 10 + (uint64_t)*number.at - '0';
	if (cursor_left(&number) || !bytes || bytes > 1023 ||
	    bytes & (bytes - 1))
		return false;
	if (cursor_is_word(unit, "KiB"))
		bytes *= KIB;
	else if (cursor_is_word(unit, "MiB"))
		bytes *= MIB;
	else if (cursor_is_word(unit, "GiB"))
		bytes *= GIB;
	else
		return false;
	*ret_bytes = bytes;
	return bytes >= PAGE_4K_BYTES && bytes <= PAGE_MAX_BYTES;
}

static bool parse_hva_columns(struct cursor *line, struct qmp_ramblock *block)
{
	struct cursor mode = cursor_drop_word(line);

	block->is_read_only = cursor_is_word(mode, "ro");
	if (!block->is_read_only && !cursor_is_word(mode, "rw"))
		return false;
	if (!cursor_is_hex(cursor_drop_word(line), &block->hva.v))
		return false;
	block->has_hva = block->hva.v != 0;
	return true;
}

static bool block_is_sane(const struct qmp_ramblock *block)
{
	uint64_t end;

	return block->total_bytes && block->used_bytes <= block->total_bytes &&
	       block->total_bytes <= QMP_BLOCK_MAX_BYTES &&
	       addr_is_aligned(block->offset | block->used_bytes |
				       block->total_bytes | block->hva.v,
			       PAGE_4K_BYTES) &&
	       addr_add(block->offset, block->total_bytes, &end) &&
	       addr_add(block->hva.v, block->total_bytes, &end) &&
	       end <= HVA_END;
}

static bool parse_block(struct cursor line, bool has_hva,
			struct qmp_ramblock *block)
{
	const char *slash;

	*block = (struct qmp_ramblock) { 0 };
	if (has_hva && !parse_hva_columns(&line, block))
		return false;
	if (!cursor_is_hex(cursor_drop_word(&line), &block->total_bytes) ||
	    !cursor_is_hex(cursor_drop_word(&line), &block->used_bytes) ||
	    !cursor_is_hex(cursor_drop_word(&line), &block->offset) ||
	    !drop_page_size(&line, &block->page_bytes))
		return false;
	while (cursor_drop(&line, " "))
		;
	while (cursor_take(&line, " "))
		;
	slash = memrchr(line.at, '/', cursor_left(&line));
	if (slash)
		line.at = slash + 1;
	return copy_name(&line, block->name) && block_is_sane(block);
}

static int by_offset(const void *a, const void *b)
{
	uint64_t x = ((const struct qmp_ramblock *)a)->offset;
	uint64_t y = ((const struct qmp_ramblock *)b)->offset;

	return (x > y) - (x < y);
}

static int by_hva(const void *a, const void *b)
{
	uint64_t x = ((const struct qmp_ramblock *)a)->hva.v;
	uint64_t y = ((const struct qmp_ramblock *)b)->hva.v;

	return (x > y) - (x < y);
}

/* Leaves the blocks sorted by offset. */
static bool blocks_overlap(struct qmp_ramblocks *blocks)
{
	struct qmp_ramblock *block = blocks->blocks;
	bool do_overlap = false;

	if (!blocks->n)
		return false;
	qsort(block, blocks->n, sizeof(*block), by_hva);
	for (size_t i = 1; i < blocks->n; i++)
		do_overlap |= block[i - 1].has_hva &&
			      block[i].hva.v - block[i - 1].hva.v <
				      block[i - 1].total_bytes;
	qsort(block, blocks->n, sizeof(*block), by_offset);
	for (size_t i = 1; i < blocks->n; i++)
		do_overlap |= block[i].offset - block[i - 1].offset <
			      block[i - 1].total_bytes;
	return do_overlap;
}

static int parse_blocks(struct cursor *text, bool has_hva,
			struct qmp_ramblocks *blocks, struct why *why)
{
	static const char what[] = "info ramblock";
	struct qmp_ramblock block;
	struct cursor line;

	while (cursor_take_line(text, &line)) {
		if (cursor_is_blank(&line))
			continue;
		if (!parse_block(line, has_hva, &block))
			return refuse(why, what, "a line is no valid block");
		if (blocks->n == QMP_LIST_MAX)
			return refuse(why, what, "too many blocks");
		blocks->blocks =
			grown(blocks->blocks, blocks->n, sizeof(block));
		blocks->blocks[blocks->n++] = block;
	}
	if (blocks_overlap(blocks))
		return refuse(why, what, "blocks overlap");
	return 0;
}

int qmp_text_ramblock(const char *text, size_t len,
		      struct qmp_ramblocks *ret_blocks, struct why *why)
{
	struct cursor rest = { text, text + len };
	struct qmp_ramblocks blocks = { 0 };
	struct cursor header;
	struct cursor last;
	bool has_hva;
	int rc;

	if (!cursor_take_line(&rest, &header) ||
	    !memmem(header.at, cursor_left(&header), "Block Name", 10))
		return refuse(why, "info ramblock", "no header");
	last = cursor_drop_word(&header);
	has_hva = cursor_is_word(last, "RO") &&
		  cursor_is_word(cursor_drop_word(&header), "HVA");
	if (!has_hva && !cursor_is_word(last, "Total"))
		return refuse(why, "info ramblock", "unknown columns");
	rc = parse_blocks(&rest, has_hva, &blocks, why);
	if (rc) {
		qmp_ramblocks_finish(&blocks);
		return rc;
	}
	*ret_blocks = blocks;
	return 0;
}

void qmp_ramblocks_finish(struct qmp_ramblocks *blocks)
{
	free(blocks->blocks);
	*blocks = (struct qmp_ramblocks) { 0 };
}
