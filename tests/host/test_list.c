/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of host/list.c. */
#include "host/list.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "run.h"

static const struct {
	const char *text; /* what is read */
	int err; /* what is answered */
	uint64_t bits; /* the set */
} node_lists[] = {
	{ "0", 0, 1 },
	{ "0\n", 0, 1 },
	{ "", 0, 0 },
	{ "\n", 0, 0 },
	{ "0-3,8", 0, 0x10f },
	{ "0,2,7\n", 0, 0x85 },
	{ "63", 0, 1ull << 63 },
	{ "0-63", 0, UINT64_MAX },
	{ "1,1,0-1", 0, 3 },
	{ "007", 0, 1 << 7 },
	{ "64", -ERANGE, 0 },
	{ "0-64", -ERANGE, 0 },
	{ "4294967296", -ERANGE, 0 },
	{ "99999999999999999999999999", -ERANGE, 0 },
	{ "3-1", -EINVAL, 0 },
	{ "-1", -EINVAL, 0 },
	{ "1-", -EINVAL, 0 },
	{ "1--2", -EINVAL, 0 },
	{ ",", -EINVAL, 0 },
	{ "1,", -EINVAL, 0 },
	{ "1,\n", -EINVAL, 0 },
	{ ",1", -EINVAL, 0 },
	{ " 1", -EINVAL, 0 },
	{ "1 ", -EINVAL, 0 },
	{ "1\n\n", -EINVAL, 0 },
	{ "1\n2", -EINVAL, 0 },
	{ "+1", -EINVAL, 0 },
	{ "0x1", -EINVAL, 0 },
	{ "0-31:2/4", -EINVAL, 0 },
	{ "all", -EINVAL, 0 },
};

START_TEST(node_lists_are_read_strictly)
{
	struct node_mask mask = { 0xabc };
	struct why why = { "" };
	int err = list_parse_nodes(node_lists[_i].text, &mask, &why);

	ck_assert_int_eq(err, node_lists[_i].err);
	ck_assert_uint_eq(mask.bits, err ? 0xabc : node_lists[_i].bits);
	ck_assert_int_eq(why.text[0] != '\0', err != 0);
	ck_assert_int_eq(list_parse_nodes(node_lists[_i].text, &mask, NULL),
			 err);
}
END_TEST

START_TEST(reason_names_the_number_that_is_too_high)
{
	struct node_mask mask;
	struct why why;

	ck_assert_int_eq(list_parse_nodes("0-70", &mask, &why), -ERANGE);
	ck_assert_str_eq(why.text, "70 is above the highest number, 63");
}
END_TEST

START_TEST(reason_quotes_no_more_than_fits)
{
	char text[2000];
	struct node_mask mask;
	struct why why;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	ck_assert_int_eq(list_parse_nodes(text, &mask, &why), -EINVAL);
	ck_assert_uint_lt(strlen(why.text), 200);
}
END_TEST

START_TEST(cpus_up_to_8191_are_read)
{
	struct cpu_bits cpus;

	ck_assert_int_eq(list_parse_cpus("0-1,8191\n", &cpus, NULL), 0);
	ck_assert(bits_has(cpus.words, 0));
	ck_assert(bits_has(cpus.words, 1));
	ck_assert(!bits_has(cpus.words, 2));
	ck_assert(bits_has(cpus.words, 8191));
	ck_assert_int_eq(list_parse_cpus("8192", &cpus, NULL), -ERANGE);
}
END_TEST

START_TEST(bitmap_that_is_not_whole_words_is_bounded)
{
	uint64_t words[2];

	ck_assert_int_eq(list_parse("69", words, 70, NULL), 0);
	ck_assert_uint_eq(words[1], 1 << 5);
	ck_assert_int_eq(list_parse("70", words, 70, NULL), -ERANGE);
}
END_TEST

static const struct {
	uint64_t bits; /* the set */
	const char *text; /* as the kernel prints it */
} formatted[] = {
	{ 0, "" },
	{ 1, "0" },
	{ 3, "0-1" },
	{ 0x10f, "0-3,8" },
	{ 0x85, "0,2,7" },
	{ 1ull << 63, "63" },
	{ UINT64_MAX, "0-63" },
};

START_TEST(sets_are_written_as_the_kernel_does)
{
	struct node_mask mask = { formatted[_i].bits };
	struct node_mask again = { 0 };
	char buf[LIST_NODES_TEXT];

	ck_assert_str_eq(list_format_nodes(mask, buf, sizeof(buf)),
			 formatted[_i].text);
	ck_assert_int_eq(list_parse_nodes(buf, &again, NULL), 0);
	ck_assert_uint_eq(again.bits, mask.bits);
}
END_TEST

START_TEST(longest_set_fits_the_promised_room)
{
	struct node_mask mask = { 0x5555555555555555ull };
	struct node_mask again;
	char buf[LIST_NODES_TEXT];

	list_format_nodes(mask, buf, sizeof(buf));
	ck_assert_int_eq(list_parse_nodes(buf, &again, NULL), 0);
	ck_assert_uint_eq(again.bits, mask.bits);
	/* Of runs, those of two with one hole take the most room. */
	mask.bits = 0xdb6db6db6db6db6d;
	list_format_nodes(mask, buf, sizeof(buf));
	ck_assert_int_eq(list_parse_nodes(buf, &again, NULL), 0);
	ck_assert_uint_eq(again.bits, mask.bits);
}
END_TEST

START_TEST(short_room_is_not_overrun)
{
	struct node_mask mask = { 0x10f };
	char buf[8] = "zzzzzzz";

	list_format_nodes(mask, buf, 5);
	ck_assert_str_eq(buf, "0-3");
	ck_assert_int_eq(buf[5], 'z');
	list_format_nodes(mask, buf, 1);
	ck_assert_str_eq(buf, "");
}
END_TEST

START_TEST(longest_list_of_cpus_fits_the_promised_room)
{
	struct cpu_bits cpus, again;
	char *buf = malloc(LIST_CPUS_TEXT);

	for (int pattern = 0; pattern < 2; pattern++) {
		memset(&cpus, 0, sizeof(cpus));
		/* Every other CPU, and runs of two. */
		for (size_t i = 0; i < CPUS_MAX; i++)
			if (pattern ? i % 3 != 2 : i % 2 == 1)
				cpus.words[i / 64] |= 1ull << (i % 64);
		ck_assert_int_eq(
			list_format(cpus.words, CPUS_MAX, buf, LIST_CPUS_TEXT),
			0);
		ck_assert_int_eq(list_parse_cpus(buf, &again, NULL), 0);
		ck_assert_mem_eq(&cpus, &again, sizeof(cpus));
	}
	free(buf);
}
END_TEST

START_TEST(list_that_does_not_fit_keeps_whole_items)
{
	uint64_t words[1] = { 0x10f };
	char buf[8];

	ck_assert_int_eq(list_format(words, 64, buf, 6), 0);
	ck_assert_str_eq(buf, "0-3,8");
	ck_assert_int_eq(list_format(words, 64, buf, 5), -E2BIG);
	ck_assert_str_eq(buf, "0-3");
	ck_assert_int_eq(list_format(words, 64, buf, 0), -E2BIG);
}
END_TEST

static void add(TCase *tests)
{
	tcase_add_loop_test(tests, node_lists_are_read_strictly, 0,
			    sizeof(node_lists) / sizeof(node_lists[0]));
	tcase_add_test(tests, reason_names_the_number_that_is_too_high);
	tcase_add_test(tests, reason_quotes_no_more_than_fits);
	tcase_add_test(tests, cpus_up_to_8191_are_read);
	tcase_add_test(tests, bitmap_that_is_not_whole_words_is_bounded);
	tcase_add_loop_test(tests, sets_are_written_as_the_kernel_does, 0,
			    sizeof(formatted) / sizeof(formatted[0]));
	tcase_add_test(tests, longest_set_fits_the_promised_room);
	tcase_add_test(tests, short_room_is_not_overrun);
	tcase_add_test(tests, longest_list_of_cpus_fits_the_promised_room);
	tcase_add_test(tests, list_that_does_not_fit_keeps_whole_items);
}

int main(void)
{
	return run_tests("list", add);
}
