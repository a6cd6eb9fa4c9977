/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of qmp/text.c: texts captured from QEMU 7.2 and 10.0, and texts that no
 * honest QEMU prints. RAM blocks have test_text_ramblock.c.
 */
#include "qmp/text.h"

#include <errno.h>
#include <string.h>

#include "data.h"

static void read_mtree(const char *name, struct qmp_ranges *ranges)
{
	struct why why = { "" };
	size_t len;
	char *text = read_data(name, &len);

	ck_assert_msg(!qmp_text_mtree(text, len, ranges, &why), "%s: %s", name,
		      why.text);
	free(text);
}

static const struct {
	const char *file;
	size_t n;
	struct {
		uint64_t start, size_bytes;
		const char *name;
		uint64_t offset;
	} ram[6];
} map_files[] = {
	{ "qemu72-none-mtree.txt", 0, { { 0 } } },
	{ "qemu72-pc-5g-mtree.txt",
	  9,
	  { { 0, 0xc0000, "pc.ram", 0 },
	    { MIB, 3 * GIB - MIB, "pc.ram", MIB },
	    { 4 * GIB, 2 * GIB, "pc.ram", 3 * GIB } } },
	{ "qemu72-q35-5g-mtree.txt",
	  10,
	  { { 0, 0xa0000, "pc.ram", 0 },
	    { MIB, 2 * GIB - MIB, "pc.ram", MIB },
	    { 4 * GIB, 3 * GIB, "pc.ram", 2 * GIB } } },
	{ "qemu100-q35-5g-mtree.txt",
	  10,
	  { { 0, 0xa0000, "pc.ram", 0 },
	    { MIB, 2 * GIB - MIB, "pc.ram", MIB },
	    { 4 * GIB, 3 * GIB, "pc.ram", 2 * GIB } } },
	{ "qemu72-pc-2node-mtree.txt",
	  10,
	  { { 0, 0xc0000, "ram-node0", 0 },
	    { MIB, 2559 * MIB, "ram-node0", MIB },
	    { 2560 * MIB, 512 * MIB, "ram-node1", 0 },
	    { 4 * GIB, 2 * GIB, "ram-node1", 512 * MIB } } },
	{ "qemu72-virt-2node-mtree.txt",
	  49,
	  { { GIB, GIB, "ram-node0", 0 }, { 2 * GIB, GIB, "ram-node1", 0 } } },
	{ "qemu72-virt-5g-mtree.txt",
	  48,
	  { { GIB, 5 * GIB, "mach-virt.ram", 0 } } },
	{ "qemu100-pc-devices-mtree.txt",
	  13,
	  { { 0, 0xc0000, "ram-node0", 0 },
	    { MIB, 2559 * MIB, "ram-node0", MIB },
	    { 2560 * MIB, 512 * MIB, "ram-node1", 0 },
	    { 4 * GIB, 2 * GIB, "ram-node1", 512 * MIB },
	    { 6 * GIB, 256 * MIB, "memdimm0", 0 },
	    { 0x198000000, GIB, "vm0m", 0 } } },
};

START_TEST(captured_maps_give_their_ram_with_holes_and_offsets)
{
	for (size_t i = 0; i < COUNT(map_files); i++) {
		struct qmp_ranges ranges;
		size_t k = 0;

		read_mtree(map_files[i].file, &ranges);
		ck_assert_msg(ranges.n == map_files[i].n, "%s: %zu",
			      map_files[i].file, ranges.n);
		for (size_t j = 0; j < ranges.n; j++) {
			const struct qmp_range *r = &ranges.ranges[j];

			if (r->kind != QMP_RANGE_RAM)
				continue;
			ck_assert_uint_eq(r->start.v,
					  map_files[i].ram[k].start);
			ck_assert_uint_eq(r->size_bytes,
					  map_files[i].ram[k].size_bytes);
			ck_assert_str_eq(r->name, map_files[i].ram[k].name);
			ck_assert_uint_eq(r->offset,
					  map_files[i].ram[k].offset);
			ck_assert(!r->is_kvm);
			k++;
		}
		ck_assert(k == COUNT(map_files[i].ram) ||
			  !map_files[i].ram[k].name);
		qmp_ranges_finish(&ranges);
	}
}
END_TEST

START_TEST(slots_of_kvm_are_marked_and_the_mark_is_no_part_of_a_name)
{
	struct qmp_ranges ranges;

	read_mtree("qemu72-pc-kvm-mtree.txt", &ranges);
	ck_assert_uint_eq(ranges.n, 9);
	ck_assert(ranges.ranges[2].is_kvm);
	ck_assert_str_eq(ranges.ranges[2].name, "pc.bios");
	ck_assert_uint_eq(ranges.ranges[2].offset, 0x20000);
	ck_assert_int_eq(ranges.ranges[2].kind, QMP_RANGE_ROM);
	ck_assert(!ranges.ranges[4].is_kvm);
	ck_assert_int_eq(ranges.ranges[4].kind, QMP_RANGE_IO);
	ck_assert_str_eq(ranges.ranges[6].name, "kvm-apic-msi");
	ck_assert(ranges.ranges[8].is_kvm);
	ck_assert_uint_eq(ranges.ranges[8].offset, 3 * GIB);
	qmp_ranges_finish(&ranges);
}
END_TEST

START_TEST(a_captured_map_cut_anywhere_neither_crashes_nor_invents)
{
	struct qmp_ranges whole;
	size_t len;
	char *text = read_data("qemu72-pc-kvm-mtree.txt", &len);

	read_mtree("qemu72-pc-kvm-mtree.txt", &whole);
	for (size_t cut = 0; cut < 1000; cut++) {
		struct qmp_ranges ranges = { 0 };
		char *copy = xcalloc(1, cut);

		memcpy(copy, text, cut);
		if (!qmp_text_mtree(copy, cut, &ranges, NULL))
			ck_assert_uint_le(ranges.n, whole.n);
		for (size_t i = 0; i + 1 < ranges.n; i++)
			ck_assert_uint_eq(ranges.ranges[i].start.v,
					  whole.ranges[i].start.v);
		qmp_ranges_finish(&ranges);
		free(copy);
	}
	qmp_ranges_finish(&whole);
	free(text);
}
END_TEST

#define VIEW                    "FlatView #0\r\n AS \"memory\", root: system\r\n"
#define LINE(start, last, rest) "  " start "-" last " (prio 0, " rest "\r\n"
#define PAGE_0                  LINE("0000000000000000", "0000000000000fff", "ram): a")

static const struct {
	const char *text;
	int rc;
	size_t n;
} map_cases[] = {
	{ "", -ENOENT, 0 },
	{ "unknown command: 'info'\r\n", -ENOENT, 0 },
	{ "FlatView #0\n AS \"memory\", root: systemd\n", -ENOENT, 0 },
	{ "FlatView #0\n AS \"I/O\", root: io\n" PAGE_0, -ENOENT, 0 },
	{ VIEW, 0, 0 },
	{ VIEW PAGE_0, 0, 1 },
	{ VIEW PAGE_0 "FlatView #1\n garbage\n", 0, 1 },
	{ VIEW PAGE_0 " AS \"x\", root: system\n Root memory region: "
		      "system\n\n",
	  0, 1 },
	{ VIEW LINE("0000000000000000", "0000000000000fff",
		    "ram): a b @c (d) KVM"),
	  0, 1 },
	{ VIEW LINE("0000000000000000", "0000000000000fff", "new kind): a"), 0,
	  1 },
	{ VIEW "  0000000000000000-0000000000000fff (prio -1, ram): "
	       "a\n",
	  0, 1 },
	/* overlapping, out of order, twice */
	{ VIEW PAGE_0 PAGE_0, -EBADMSG, 0 },
	{ VIEW LINE("0000000000000000", "0000000000001fff", "ram): a")
		  LINE("0000000000001000", "0000000000002fff", "ram): b"),
	  -EBADMSG, 0 },
	{ VIEW LINE("0000000000002000", "0000000000002fff", "ram): a") PAGE_0,
	  -EBADMSG, 0 },
	/* empty, backwards, wrapping, beyond the address space */
	{ VIEW LINE("0000000000001000", "0000000000000fff", "ram): a"),
	  -EBADMSG, 0 },
	{ VIEW LINE("0000000000000000", "ffffffffffffffff", "i/o): a"),
	  -EBADMSG, 0 },
	{ VIEW LINE("fffffffffffff000", "ffffffffffffffff", "ram): a"),
	  -EBADMSG, 0 },
	{ VIEW LINE("0010000000000000", "0010000000000fff", "ram): a"),
	  -EBADMSG, 0 },
	/* a pebibyte, unaligned, an offset that wraps */
	{ VIEW LINE("0000000000000000", "0003ffffffffffff", "ram): a"),
	  -EBADMSG, 0 },
	{ VIEW LINE("0000000000000000", "0000000000000ffe", "ram): a"),
	  -EBADMSG, 0 },
	{ VIEW LINE("0000000000000001", "0000000000001000", "ram): a"),
	  -EBADMSG, 0 },
	{ VIEW LINE("0000000000000000", "0000000000000fff",
		    "ram): a @0000000000000001"),
	  -EBADMSG, 0 },
	{ VIEW LINE("0000000000000000", "0000000000000fff",
		    "ram): a @fffffffffffff000"),
	  -EBADMSG, 0 },
	/* not the format */
	{ VIEW LINE("0000000000000000", "0000000000000fff", "ram): "), -EBADMSG,
	  0 },
	{ VIEW LINE("0000000000000000", "0000000000000fff", "ram"), -EBADMSG,
	  0 },
	{ VIEW LINE("0000000000000000", "0000000000000fff", "ram): \x1b[31m"),
	  -EBADMSG, 0 },
	{ VIEW LINE("0000000000000000", "0000000000000fff", "ram): \xc3\xa9"),
	  -EBADMSG, 0 },
	{ VIEW LINE("00000000000000000", "0000000000000fff", "ram): a"),
	  -EBADMSG, 0 },
	{ VIEW LINE("0x00000000000000", "0000000000000fff", "ram): a"),
	  -EBADMSG, 0 },
	{ VIEW LINE("", "0000000000000fff", "ram): a"), -EBADMSG, 0 },
	{ VIEW "something else\n", -EBADMSG, 0 },
	{ VIEW "  0", -EBADMSG, 0 },
};

START_TEST(lines_of_a_map_are_read_strictly)
{
	for (size_t i = 0; i < COUNT(map_cases); i++) {
		struct qmp_ranges ranges = { 0 };
		struct why why = { "" };

		ck_assert_msg(qmp_text_mtree(map_cases[i].text,
					     strlen(map_cases[i].text), &ranges,
					     &why) == map_cases[i].rc,
			      "%zu: %s", i, map_cases[i].text);
		ck_assert_uint_eq(ranges.n, map_cases[i].n);
		ck_assert_int_eq(*why.text != '\0', map_cases[i].rc != 0);
		qmp_ranges_finish(&ranges);
	}
}
END_TEST

START_TEST(an_odd_name_keeps_all_its_characters)
{
	static const char text[] =
		VIEW LINE("0000000000000000", "0000000000000fff",
			  "ram): a b @c (d) @0000000000002000 KVM");
	struct qmp_ranges ranges;

	ck_assert_int_eq(qmp_text_mtree(text, strlen(text), &ranges, NULL), 0);
	ck_assert_str_eq(ranges.ranges[0].name, "a b @c (d)");
	ck_assert_uint_eq(ranges.ranges[0].offset, 0x2000);
	ck_assert(ranges.ranges[0].is_kvm);
	qmp_ranges_finish(&ranges);
}
END_TEST

static char *many_lines(size_t n)
{
	char *text = xcalloc(n + 2, 128);
	size_t at = strlen(strcpy(text, VIEW));

	for (size_t i = 0; i < n; i++) {
		unsigned long long v = i << 12;

		at += (size_t)sprintf(text + at,
				      "  %016llx-%016llx (prio 0, ram): a\r\n",
				      v, v + 0xfff);
	}
	return text;
}

START_TEST(at_most_4096_lines_of_a_map_are_taken)
{
	static const size_t counts[] = { 4095, 4096, 4097, 100000 };
	struct qmp_ranges ranges;

	for (size_t i = 0; i < COUNT(counts); i++) {
		size_t n = counts[i];
		char *text = many_lines(n);

		ck_assert_int_eq(
			qmp_text_mtree(text, strlen(text), &ranges, NULL),
			n > 4096 ? -EBADMSG : 0);
		if (n <= 4096)
			qmp_ranges_finish(&ranges);
		free(text);
	}
}
END_TEST

/* The text of a captured human-monitor-command reply. */
static int gpa2hva_of(const char *reply, struct gpa gpa,
		      struct qmp_gpa2hva *answer)
{
	struct qmp_value *value;
	const char *text;
	size_t len;
	int rc;

	ck_assert_int_eq(qmp_reply_parse(reply, strlen(reply), &value, NULL),
			 0);
	ck_assert_int_eq(qmp_parse_hmp(value, &text, &len, NULL), 0);
	rc = qmp_text_gpa2hva(text, len, gpa, answer, NULL);
	qmp_value_free(value);
	return rc;
}

START_TEST(captured_answers_to_gpa2hva_are_read)
{
	static const char *const files[] = {
		"qemu72-pc-2node-gpa2hva.jsonl",
		"qemu72-pc-devices-gpa2hva.jsonl",
		"qemu100-pc-devices-gpa2hva.jsonl",
		"qemu72-q35-5g-gpa2hva.jsonl",
		"qemu100-q35-5g-gpa2hva.jsonl",
	};
	/* The addresses that were asked for, in this order. */
	static const uint64_t gpas[] = {
		0,
		0x9f000,
		0xa0000,
		0xc0000,
		0x100000,
		0x40000000,
		0x80000000,
		0xbffff000,
		0xc0000000,
		0x100000000,
		0x180000000,
		0x190000000,
		0x7fffffffff000,
	};
	size_t count[3] = { 0 };

	for (size_t i = 0; i < COUNT(files); i++) {
		size_t len;
		char *text = read_data(files[i], &len);
		char *line = strtok(text, "\n");

		for (size_t j = 0; j < COUNT(gpas); j++) {
			struct qmp_gpa2hva answer;
			struct gpa gpa = { gpas[j] };
			struct gpa other = { gpas[j] ^ 0x1000 };

			ck_assert_int_eq(gpa2hva_of(line, gpa, &answer), 0);
			count[answer.mapped]++;
			ck_assert_int_eq(answer.mapped == QMP_MAPPED,
					 answer.hva.v != 0);
			ck_assert_int_eq(gpa2hva_of(line, other, &answer),
					 -EBADMSG);
			line = strtok(NULL, "\n");
		}
		free(text);
	}
	ck_assert_uint_gt(count[QMP_MAPPED], 30);
	ck_assert_uint_gt(count[QMP_NOT_RAM], 0);
	ck_assert_uint_gt(count[QMP_NO_MEMORY], 5);
}
END_TEST

#define MAPPED_AT "Host virtual address for 0x1000 "

START_TEST(only_the_known_answers_to_gpa2hva_count)
{
	static const struct {
		const char *text;
		int rc;
		enum qmp_mapped mapped;
		const char *name;
		uint64_t hva;
	} t[] = {
		{ MAPPED_AT "(ram-node0) is 0x7fac13f00000\r\n", 0, QMP_MAPPED,
		  "ram-node0", 0x7fac13f00000 },
		{ MAPPED_AT "(a) is (b) is 0x1000", 0, QMP_MAPPED, "a) is (b",
		  0x1000 },
		{ "Memory at address 0x1000 is not RAM\r\n", 0, QMP_NOT_RAM, "",
		  0 },
		{ "Memory at address 0x1000is not RAM\r\n", 0, QMP_NOT_RAM, "",
		  0 },
		{ "No memory is mapped at address 0x1000\r\n", 0, QMP_NO_MEMORY,
		  "", 0 },
		{ "No memory is mapped at address 0x2000\r\n", -EBADMSG },
		{ "Memory at address 0x10000 is not RAM\r\n", -EBADMSG },
		{ "Memory at address 0x1000 is not RAM!\r\n", -EBADMSG },
		{ "Host virtual address for 0x2000 (a) is 0x1000", -EBADMSG },
		{ "Host virtual address for 4096 (a) is 0x1000", -EBADMSG },
		{ MAPPED_AT "(a) is 0x1001", -EBADMSG },
		{ MAPPED_AT "(a) is 0x0", -EBADMSG },
		{ MAPPED_AT "(a) is (nil)", -EBADMSG },
		{ MAPPED_AT "(a) is 0x", -EBADMSG },
		{ MAPPED_AT "(a) is 1000", -EBADMSG },
		{ MAPPED_AT "(a) is 0x1000 ", -EBADMSG },
		{ MAPPED_AT "(a) is 0xffff800000001000", -EBADMSG },
		{ MAPPED_AT "(a) is 0x10000000000001000", -EBADMSG },
		{ MAPPED_AT "() is 0x1000", -EBADMSG },
		{ MAPPED_AT "(a\x07) is 0x1000", -EBADMSG },
		{ MAPPED_AT "is 0x1000", -EBADMSG },
		{ MAPPED_AT "(", -EBADMSG },
		{ MAPPED_AT, -EBADMSG },
		{ MAPPED_AT "(a) is 0x1000\nmore", -EBADMSG },
		{ "\n" MAPPED_AT "(a) is 0x1000\n", -EBADMSG },
		{ "unknown command: 'gpa2hva'\r\n", -EBADMSG },
		{ "No memory is mapped at address 0x1000 @", -EBADMSG },
		{ "", -EBADMSG },
	};

	for (size_t i = 0; i < COUNT(t); i++) {
		struct qmp_gpa2hva answer;

		ck_assert_msg(qmp_text_gpa2hva(t[i].text, strlen(t[i].text),
					       (struct gpa) { 0x1000 }, &answer,
					       NULL) == t[i].rc,
			      "%s", t[i].text);
		if (t[i].rc)
			continue;
		ck_assert_int_eq(answer.mapped, t[i].mapped);
		ck_assert_str_eq(answer.name, t[i].name);
		ck_assert_uint_eq(answer.hva.v, t[i].hva);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		captured_maps_give_their_ram_with_holes_and_offsets,
		slots_of_kvm_are_marked_and_the_mark_is_no_part_of_a_name,
		a_captured_map_cut_anywhere_neither_crashes_nor_invents,
		lines_of_a_map_are_read_strictly,
		an_odd_name_keeps_all_its_characters,
		at_most_4096_lines_of_a_map_are_taken,
		captured_answers_to_gpa2hva_are_read,
		only_the_known_answers_to_gpa2hva_count,
	};

	return run_tests("qmp/text", tests, COUNT(tests));
}
