/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of host/maps_text.c. */
#include "host/maps_text.h"

#include <errno.h>
#include <string.h>

#include "run.h"
#include "tree.h"
#include "xalloc.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* Hand-made, in the shapes that QEMU 7 to 10 and libvirt leave behind. */
static const char map[] =
	/* a library */
	"500000000000-500000001000 r--p 00000000 fe:00 33 /usr/lib/libc.so.6\n"
	"500000001000-500000002000 r-xp 00001000 fe:00 33 /usr/lib/libc.so.6\n"
	"500000002000-500000003000 rw-p 00002000 fe:00 33 /usr/lib/libc.so.6\n"
	"500000003000-500000010000 rw-p 00000000 00:00 0                   "
	"       [heap]\n"
	/* RAM, split by madvise into three, and its guard */
	"600000000000-600000200000 rw-p 00000000 00:00 0 \n"
	"600000200000-600000400000 rw-p 00000000 00:00 0 \n"
	"600000400000-600001000000 rw-p 00000000 00:00 0 \n"
	"600001000000-600001001000 ---p 00000000 00:00 0 \n"
	/* two memfds side by side, the first in two pieces */
	"610000000000-610000100000 rw-s 00000000 00:01 1044               "
	"        /memfd:memory-backend-memfd (deleted)\n"
	"610000100000-610000200000 rw-s 00100000 00:01 1044               "
	"        /memfd:memory-backend-memfd (deleted)\n"
	"610000200000-610000400000 rw-s 00000000 00:01 1045               "
	"        /memfd:memory-backend-memfd (deleted)\n"
	/* share=on without memfd */
	"620000000000-620000200000 rw-s 00000000 00:01 7                  "
	"        /dev/zero (deleted)\n"
	/* files */
	"630000000000-630000200000 rw-s 00000000 00:1b 11                 "
	"        /dev/shm/qemu_back_mem.ram-node2.lzsjeG (deleted)\n"
	"631000000000-631000200000 rw-p 00000000 00:30 12                 "
	"        /dev/hugepages/libvirt/qemu/1-a b/qemu_back_mem.x (deleted)\n"
	"632000000000-632000200000 rw-s 00000000 00:0f 13                 "
	"        /anon_hugepage (deleted)\n"
	"633000000000-633000200000 rw-s 00000000 fe:00 14                 "
	"        /var/lib/libvirt/qemu/ram/1-web3/ram-node0\n"
	"634000000000-634000200000 rw-s 00000000 fe:00 15                 "
	"        /srv/nvdimm.img\n"
	/* what must never be touched */
	"640000000000-640000200000 rwxp 00000000 00:00 0 \n"
	"641000000000-641000200000 r--p 00000000 00:00 0 \n"
	"642000000000-642000200000 rw-p 00000000 00:00 0                  "
	"        [anon:guest ram]\n"
	"643000000000-643000200000 rw-s 00000000 00:00 9                  "
	"        /dev/vfio/12\n"
	/* a hole in the file: pieces swapped */
	"650000000000-650000100000 rw-s 00100000 00:01 1050               "
	"        /memfd:memory-backend-memfd (deleted)\n"
	"650000100000-650000200000 rw-s 00000000 00:01 1050               "
	"        /memfd:memory-backend-memfd (deleted)\n"
	"7ffe277d2000-7ffe277f3000 rw-p 00000000 00:00 0                  "
	"        [stack]\n"
	"7ffe27a9f000-7ffe27aa1000 r-xp 00000000 00:00 0                  "
	"        [vdso]\n"
	"fffffffffffff000-ffffffffffffffff rw-p 00000000 00:00 0 \n";

static const struct {
	const char *what; /* a sentence for failures */
	uint64_t start; /* the claimed range */
	uint64_t size; /* its bytes */
	int err; /* the answer */
	enum maps_kind kind; /* and what it is */
	bool is_shared; /* whether others may map it */
	unsigned n; /* of how many mappings */
} claims[] = {
	{ "one mapping", 0x600000000000, 2 * MIB, 0, MAPS_ANON, false, 1 },
	{ "three pieces", 0x600000000000, 16 * MIB, 0, MAPS_ANON, false, 3 },
	{ "inside of them", 0x600000100000, 2 * MIB, 0, MAPS_ANON, false, 2 },
	{ "one page", 0x600000fff000, 4 * KIB, 0, MAPS_ANON, false, 1 },
	{ "the guard too", 0x600000000000, 16 * MIB + 4 * KIB, -EPERM },
	{ "the guard alone", 0x600001000000, 4 * KIB, -EPERM },
	{ "a memfd", 0x610000000000, 2 * MIB, 0, MAPS_MEMFD, true, 2 },
	{ "two memfds", 0x610000000000, 4 * MIB, -EPERM },
	{ "shared anonymous", 0x620000000000, 2 * MIB, 0, MAPS_ANON, true, 1 },
	{ "shm file", 0x630000000000, 2 * MIB, 0, MAPS_FILE, true, 1 },
	{ "huge, private", 0x631000000000, 2 * MIB, 0, MAPS_HUGETLB, false, 1 },
	{ "anonymous huge", 0x632000000000, 2 * MIB, 0, MAPS_HUGETLB, true, 1 },
	{ "libvirt's file", 0x633000000000, 2 * MIB, 0, MAPS_FILE, true, 1 },
	{ "some other file", 0x634000000000, 2 * MIB, -EPERM },
	{ "named anonymous", 0x642000000000, 2 * MIB, 0, MAPS_ANON, false, 1 },
	{ "executable", 0x640000000000, 2 * MIB, -EPERM },
	{ "read-only", 0x641000000000, 2 * MIB, -EPERM },
	{ "a device", 0x643000000000, 2 * MIB, -EPERM },
	{ "swapped pieces", 0x650000000000, 2 * MIB, -EPERM },
	{ "one of them", 0x650000100000, 1 * MIB, 0, MAPS_MEMFD, true, 1 },
	{ "text of libc", 0x500000001000, 4 * KIB, -EPERM },
	{ "data of libc", 0x500000002000, 4 * KIB, -EPERM },
	{ "heap", 0x500000003000, 4 * KIB, -EPERM },
	{ "stack", 0x7ffe277d2000, 4 * KIB, -EPERM },
	{ "vdso", 0x7ffe27a9f000, 4 * KIB, -EPERM },
	{ "below everything", 0, 4 * KIB, -ENOENT },
	{ "a gap", 0x600001001000, 4 * KIB, -ENOENT },
	{ "starts in a gap", 0x5ffffffff000, 8 * KIB, -ENOENT },
	{ "ends in a gap", 0x620000000000, 4 * MIB, -ENOENT },
	{ "above everything", 0xfffffffffffff000, 4 * KIB, -EINVAL },
	{ "empty", 0x600000000000, 0, -EINVAL },
	{ "unaligned", 0x600000000800, 4 * KIB, -EINVAL },
	{ "unaligned size", 0x600000000000, 100, -EINVAL },
	{ "wraps", 0x600000000000, 0xffffffffffff0000, -EINVAL },
	{ "a petabyte", 0x600000000000, 1ull << 50, -EPERM },
};

START_TEST(claimed_ranges_are_judged)
{
	struct maps_cover cover = { .n_mappings = 99 };
	struct why why = { "" };
	int err = maps_cover(map, (struct hva) { claims[_i].start },
			     claims[_i].size, &cover, &why);

	ck_assert_msg(err == claims[_i].err, "%s: %d (%s)", claims[_i].what,
		      err, why.text);
	if (err) {
		ck_assert_uint_eq(cover.n_mappings, 99);
		ck_assert_str_ne(why.text, "");
		return;
	}
	ck_assert_int_eq(cover.kind, claims[_i].kind);
	ck_assert_int_eq(cover.is_shared, claims[_i].is_shared);
	ck_assert_uint_eq(cover.n_mappings, claims[_i].n);
}
END_TEST

START_TEST(reason_names_what_lies_there)
{
	struct maps_cover cover;
	struct why why;

	maps_cover(map, (struct hva) { 0x500000001000 }, 4096, &cover, &why);
	ck_assert_str_eq(why.text, "0x500000001000 is mapped r-x "
				   "(/usr/lib/libc.so.6), guest memory is rw-");
	maps_cover(map, (struct hva) { 0x7ffe277d2000 }, 4096, &cover, &why);
	ck_assert_str_eq(why.text, "0x7ffe277d2000 is \"[stack]\", which is "
				   "not guest memory");
}
END_TEST

START_TEST(cover_names_the_first_mapping_for_map_files)
{
	struct maps_cover cover;

	ck_assert_int_eq(maps_cover(map, (struct hva) { 0x610000110000 }, 4096,
				    &cover, NULL),
			 0);
	ck_assert_uint_eq(cover.first_start.v, 0x610000100000);
	ck_assert_uint_eq(cover.first_end.v, 0x610000200000);
	ck_assert_uint_eq(cover.inode, 1044);
}
END_TEST

START_TEST(real_qemu_is_walked_to_the_end)
{
	autofree char *text = tree_read("qemu-7.2/maps", NULL);
	const char *at = text;
	struct maps_entry entry;
	unsigned n = 0;
	unsigned n_memfd = 0;
	int more;

	while ((more = maps_next(&at, &entry)) == 1) {
		n++;
		n_memfd += entry.path_len >= 7 &&
			   !memcmp(entry.path, "/memfd:", 7);
		ck_assert_uint_lt(entry.start.v, entry.end.v);
	}
	ck_assert_int_eq(more, 0);
	ck_assert_uint_eq(n, 349);
	ck_assert_uint_eq(n_memfd, 1);
}
END_TEST

static const struct {
	uint64_t start; /* of a backend of 64 MiB in the captured QEMU */
	enum maps_kind kind; /* what it was made as */
	bool is_shared; /* share=on */
} backends[] = {
	{ 0x7fe5d7e00000, MAPS_ANON, false },
	{ 0x7fe5d3dff000, MAPS_MEMFD, true },
	{ 0x7fe5cfdfe000, MAPS_FILE, true },
};

START_TEST(real_qemu_backends_are_accepted)
{
	autofree char *text = tree_read("qemu-7.2/maps", NULL);
	struct hva start = { backends[_i].start };
	struct maps_cover cover;

	ck_assert_int_eq(maps_cover(text, start, 64 * MIB, &cover, NULL), 0);
	ck_assert_int_eq(cover.kind, backends[_i].kind);
	ck_assert_int_eq(cover.is_shared, backends[_i].is_shared);
	ck_assert_int_ne(maps_cover(text, start, 64 * MIB + 4096, &cover, NULL),
			 0);
}
END_TEST

START_TEST(entry_has_every_field)
{
	const char *at = "7f0000-7f1000 rw-s 00001000 fe:1f 42     /a b\\012c "
			 "(deleted)\n";
	struct maps_entry e;

	ck_assert_int_eq(maps_next(&at, &e), 1);
	ck_assert_uint_eq(e.start.v, 0x7f0000);
	ck_assert_uint_eq(e.end.v, 0x7f1000);
	ck_assert(e.is_readable && e.is_writable && !e.is_executable);
	ck_assert(e.is_shared);
	ck_assert_uint_eq(e.offset, 0x1000);
	ck_assert_uint_eq(e.dev_major, 0xfe);
	ck_assert_uint_eq(e.dev_minor, 0x1f);
	ck_assert_uint_eq(e.inode, 42);
	ck_assert_uint_eq(e.path_len, strlen("/a b\\012c (deleted)"));
	ck_assert_int_eq(maps_next(&at, &e), 0);
}
END_TEST

static const char *const broken[] = {
	"x\n",
	"\n",
	"7f0000-7f1000 rw-p 00000000 00:00 0", /* no newline: cut short */
	"7f0000-7f1000 rw-p 00000000 00:00 \n",
	"7f0000-7f1000 rw-p 00000000 00:00\n",
	"7f0000-7f1000 rw-p\n",
	"7f0000-7f1000\n",
	"7f1000-7f1000 rw-p 00000000 00:00 0 \n",
	"7f2000-7f1000 rw-p 00000000 00:00 0 \n",
	"7f0000-7f1000 rwzp 00000000 00:00 0 \n",
	"7f0000-7f1000 rw-q 00000000 00:00 0 \n",
	"-7f0000-7f1000 rw-p 00000000 00:00 0 \n",
	"0x7f0000-7f1000 rw-p 00000000 00:00 0 \n",
	" 7f0000-7f1000 rw-p 00000000 00:00 0 \n",
	"7f0000- 7f1000 rw-p 00000000 00:00 0 \n",
	"7f0000-7f1000 rw-p 00000000 00:00 x \n",
	"7f0000-11112222333344445 rw-p 00000000 00:00 0 \n",
	"7f0000-7f1000 rw-p 00000000 100000000:00 0 \n",
};

START_TEST(broken_lines_are_refused)
{
	const char *at = broken[_i];
	struct maps_entry e = { .inode = 77 };
	struct maps_cover cover;

	ck_assert_int_eq(maps_next(&at, &e), -EINVAL);
	ck_assert_uint_eq(e.inode, 77);
	ck_assert_int_eq(maps_cover(broken[_i], (struct hva) { 0x7f0000 }, 4096,
				    &cover, NULL),
			 -EINVAL);
}
END_TEST

START_TEST(mapping_without_a_name_may_end_at_the_inode)
{
	const char *at = "7f0000-7f1000 rw-p 00000000 00:00 0\n";
	struct maps_entry e;

	ck_assert_int_eq(maps_next(&at, &e), 1);
	ck_assert_uint_eq(e.path_len, 0);
	ck_assert_int_eq(*at, '\0');
}
END_TEST

START_TEST(kinds_have_the_words_of_the_control_protocol)
{
	ck_assert_str_eq(maps_kind_name(MAPS_ANON), "anon");
	ck_assert_str_eq(maps_kind_name(MAPS_MEMFD), "memfd");
	ck_assert_str_eq(maps_kind_name(MAPS_HUGETLB), "hugetlb");
	ck_assert_str_eq(maps_kind_name(MAPS_FILE), "file");
}
END_TEST

static void add(TCase *tests)
{
	tcase_add_loop_test(tests, claimed_ranges_are_judged, 0, COUNT(claims));
	tcase_add_test(tests, reason_names_what_lies_there);
	tcase_add_test(tests, cover_names_the_first_mapping_for_map_files);
	tcase_add_test(tests, real_qemu_is_walked_to_the_end);
	tcase_add_loop_test(tests, real_qemu_backends_are_accepted, 0,
			    COUNT(backends));
	tcase_add_test(tests, entry_has_every_field);
	tcase_add_loop_test(tests, broken_lines_are_refused, 0, COUNT(broken));
	tcase_add_test(tests, mapping_without_a_name_may_end_at_the_inode);
	tcase_add_test(tests, kinds_have_the_words_of_the_control_protocol);
}

int main(void)
{
	return run_tests("maps text", add);
}
