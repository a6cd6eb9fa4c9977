/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of qmp/text.c: RAM blocks, as captured from QEMU 7.2 and 10.0 and as no
 * honest QEMU prints them. test_text.c has the other texts.
 */
#include "qmp/text.h"

#include <errno.h>
#include <string.h>

#include "data.h"

static void read_blocks(const char *name, struct qmp_ramblocks *blocks)
{
	struct why why = { "" };
	size_t len;
	char *text = read_data(name, &len);

	ck_assert_msg(!qmp_text_ramblock(text, len, blocks, &why), "%s: %s",
		      name, why.text);
	free(text);
}

static const struct qmp_ramblock *block_named(const struct qmp_ramblocks *list,
					      const char *name)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->blocks[i].name, name) == 0)
			return &list->blocks[i];
	ck_abort_msg("no block %s", name);
}

START_TEST(captured_blocks_have_addresses_since_qemu_8_only)
{
	struct qmp_ramblocks blocks;
	const struct qmp_ramblock *b;

	read_blocks("qemu72-pc-devices-ramblock.txt", &blocks);
	ck_assert_uint_eq(blocks.n, 10);
	b = block_named(&blocks, "vm0m");
	ck_assert_uint_eq(b->offset, 0x158000000);
	ck_assert_uint_eq(b->total_bytes, GIB);
	ck_assert_uint_eq(b->page_bytes, 4096);
	ck_assert(!b->has_hva);
	b = block_named(&blocks, "tables");
	ck_assert_uint_eq(b->used_bytes, 0x20000);
	ck_assert_uint_eq(b->total_bytes, 0x200000);
	qmp_ramblocks_finish(&blocks);

	read_blocks("qemu100-pc-devices-ramblock.txt", &blocks);
	ck_assert_uint_eq(blocks.n, 10);
	b = block_named(&blocks, "ram-node1");
	ck_assert(b->has_hva);
	ck_assert_uint_eq(b->hva.v, 0x7f0023ffe000);
	ck_assert(!b->is_read_only);
	ck_assert(block_named(&blocks, "pc.bios")->is_read_only);
	for (size_t i = 1; i < blocks.n; i++)
		ck_assert_uint_lt(blocks.blocks[i - 1].offset,
				  blocks.blocks[i].offset);
	qmp_ramblocks_finish(&blocks);

	read_blocks("qemu72-pc-hugetlb-ramblock.txt", &blocks);
	ck_assert_uint_eq(block_named(&blocks, "pc.ram")->page_bytes, 2 * MIB);
	qmp_ramblocks_finish(&blocks);

	read_blocks("qemu72-none-ramblock.txt", &blocks);
	ck_assert_uint_eq(blocks.n, 0);
	qmp_ramblocks_finish(&blocks);
}
END_TEST

START_TEST(every_captured_block_list_is_read)
{
	static const char *const files[] = {
		"qemu72-pc-5g-ramblock.txt",      "qemu72-q35-5g-ramblock.txt",
		"qemu72-pc-2node-ramblock.txt",   "qemu72-pc-kvm-ramblock.txt",
		"qemu72-virt-2node-ramblock.txt", "qemu72-virt-5g-ramblock.txt",
		"qemu100-pc-2node-ramblock.txt",  "qemu100-q35-5g-ramblock.txt",
	};

	for (size_t i = 0; i < COUNT(files); i++) {
		struct qmp_ramblocks blocks;

		read_blocks(files[i], &blocks);
		ck_assert_uint_gt(blocks.n, 3);
		qmp_ramblocks_finish(&blocks);
	}
}
END_TEST

#define OLD             "  Block Name    PSize   Offset   Used   Total\r\n"
#define NEW             "  Block Name    PSize   Offset   Used   Total HVA  RO\r\n"
#define ROW(name, rest) "  " name "   4 KiB  " rest "\r\n"

static const struct {
	const char *text;
	int rc;
	size_t n;
} block_cases[] = {
	{ OLD, 0, 0 },
	{ OLD ROW("a", "0x0 0x1000 0x1000"), 0, 1 },
	{ OLD ROW("a b", "0x0 0x1000 0x1000") "\r\n", 0, 1 },
	{ OLD "x 1 GiB 0x0 0x40000000 0x40000000", 0, 1 },
	{ OLD ROW("a", "0x0 0x1000 0x1000") ROW("b", "0x1000 0x0 0x1000"), 0,
	  2 },
	{ NEW ROW("a", "0x0 0x1000 0x1000 0x7f0000000000 rw"), 0, 1 },
	{ NEW ROW("a", "0x0 0x1000 0x1000 0x0000000000000000  ro"), 0, 1 },
	{ "", -EBADMSG, 0 },
	{ "unknown command: 'info'\r\n", -EBADMSG, 0 },
	{ "Block Name PSize Offset Used Total More\n", -EBADMSG, 0 },
	{ OLD "garbage\n", -EBADMSG, 0 },
	{ OLD ROW("", "0x0 0x1000 0x1000"), -EBADMSG, 0 },
	{ OLD ROW("a/", "0x0 0x1000 0x1000"), -EBADMSG, 0 },
	{ OLD ROW("a\x7f", "0x0 0x1000 0x1000"), -EBADMSG, 0 },
	{ OLD ROW("a", "0x1000 0x1000"), -EBADMSG, 0 },
	{ OLD ROW("a", "0 1000 1000"), -EBADMSG, 0 },
	{ OLD ROW("a", "0x0 0x0 0x0"), -EBADMSG, 0 },
	{ OLD ROW("a", "0x0 0x2000 0x1000"), -EBADMSG, 0 },
	{ OLD ROW("a", "0x1 0x1000 0x1000"), -EBADMSG, 0 },
	{ OLD ROW("a", "0x0 0x1001 0x2000"), -EBADMSG, 0 },
	{ OLD ROW("a", "0xfffffffffffff000 0x1000 0x2000"), -EBADMSG, 0 },
	{ OLD ROW("a", "0x0 0x1000 0x4000000000000"), -EBADMSG, 0 },
	{ OLD ROW("a", "0x0 0x1000 0x1000 0x7f0000000000 rw"), -EBADMSG, 0 },
	{ NEW ROW("a", "0x0 0x1000 0x1000"), -EBADMSG, 0 },
	{ NEW ROW("a", "0x0 0x1000 0x1000 0x7f0000000000 xx"), -EBADMSG, 0 },
	{ NEW ROW("a", "0x0 0x1000 0x1000 0x7f0000000800 rw"), -EBADMSG, 0 },
	{ NEW ROW("a", "0x0 0x1000 0x2000 0xfffffffffffff000 rw"), -EBADMSG,
	  0 },
	{ NEW ROW("a", "0x0 0x1000 0x1000 0xffff800000000000 rw"), -EBADMSG,
	  0 },
	{ OLD "x 3 KiB 0x0 0x1000 0x1000", -EBADMSG, 0 },
	{ OLD "x 2 KiB 0x0 0x1000 0x1000", -EBADMSG, 0 },
	{ OLD "x 1024 KiB 0x0 0x1000 0x1000", -EBADMSG, 0 },
	{ OLD "x 99999999999999999999 KiB 0x0 0x1000 0x1000", -EBADMSG, 0 },
	{ OLD "x 32 GiB 0x0 0x1000 0x1000", -EBADMSG, 0 },
	{ OLD "x 4 TiB 0x0 0x1000 0x1000", -EBADMSG, 0 },
	{ OLD "x KiB 0x0 0x1000 0x1000", -EBADMSG, 0 },
	/* overlapping by offset, by address */
	{ OLD ROW("a", "0x1000 0x1000 0x1000") ROW("b", "0x0 0x2000 0x2000"),
	  -EBADMSG, 0 },
	{ NEW ROW("a", "0x0 0x2000 0x2000 0x7f0000000000 rw")
		  ROW("b", "0x2000 0x1000 0x1000 0x7f0000001000 rw"),
	  -EBADMSG, 0 },
};

START_TEST(lines_of_a_block_list_are_read_strictly)
{
	for (size_t i = 0; i < COUNT(block_cases); i++) {
		struct qmp_ramblocks blocks = { 0 };
		struct why why = { "" };

		ck_assert_msg(qmp_text_ramblock(block_cases[i].text,
						strlen(block_cases[i].text),
						&blocks,
						&why) == block_cases[i].rc,
			      "%zu: %s", i, block_cases[i].text);
		ck_assert_uint_eq(blocks.n, block_cases[i].n);
		ck_assert_int_eq(*why.text != '\0', block_cases[i].rc != 0);
		qmp_ramblocks_finish(&blocks);
	}
}
END_TEST

static char *many_lines(size_t n)
{
	static const char head[] = "Block Name PSize Offset Used Total\n";
	char *text = xcalloc(n + 2, 128);
	size_t at = strlen(strcpy(text, head));

	for (size_t i = 0; i < n; i++)
		at += (size_t)sprintf(text + at,
				      " a 4 KiB 0x%016llx 0x1000 0x1000\r\n",
				      (unsigned long long)i << 12);
	return text;
}

START_TEST(at_most_4096_blocks_are_taken)
{
	static const size_t counts[] = { 4095, 4096, 4097, 100000 };
	struct qmp_ramblocks blocks;

	for (size_t i = 0; i < COUNT(counts); i++) {
		size_t n = counts[i];
		char *text = many_lines(n);

		ck_assert_int_eq(
			qmp_text_ramblock(text, strlen(text), &blocks, NULL),
			n > 4096 ? -EBADMSG : 0);
		if (n <= 4096)
			qmp_ramblocks_finish(&blocks);
		free(text);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		captured_blocks_have_addresses_since_qemu_8_only,
		every_captured_block_list_is_read,
		lines_of_a_block_list_are_read_strictly,
		at_most_4096_blocks_are_taken,
	};

	return run_tests("qmp/text_ramblock", tests, COUNT(tests));
}
