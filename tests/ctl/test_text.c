/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sizes, durations, shares and names as vmnumactl writes and reads them, and
 * the line of the progress bar.
 */
#include <check.h>
#include <errno.h>
#include <json-c/json.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "ctl/progress.h"
#include "ctl/text.h"

static const struct {
	uint64_t bytes;
	const char *text;
} sizes[] = {
	{ 0, "0 B" },
	{ 1, "1 B" },
	{ 1023, "1023 B" },
	{ 1024, "1.0 KiB" },
	{ 12 * MIB, "12 MiB" },
	{ GIB, "1.0 GiB" },
	{ 3 * GIB / 2, "1.5 GiB" },
	{ 10 * GIB - 1, "10 GiB" },
	{ 1023 * MIB + 600 * KIB, "1.0 GiB" },
	{ 1023 * MIB + 100 * KIB, "1023 MiB" },
	{ 6 * TIB, "6.0 TiB" },
	{ UINT64_MAX, "16384 PiB" },
};

START_TEST(size_has_two_or_three_digits)
{
	ck_assert_str_eq(text_size(sizes[_i].bytes).s, sizes[_i].text);
}
END_TEST

START_TEST(page_size_is_exact)
{
	ck_assert_str_eq(text_page_size(4096).s, "4 KiB");
	ck_assert_str_eq(text_page_size(2 * MIB).s, "2 MiB");
	ck_assert_str_eq(text_page_size(GIB).s, "1 GiB");
	ck_assert_str_eq(text_page_size(5000).s, "5000 B");
	ck_assert_str_eq(text_page_size(0).s, "0 B");
}
END_TEST

static const struct {
	double seconds;
	const char *text;
} durations[] = {
	{ 0, "0 ms" },           { 0.0024, "2 ms" },    { 0.34, "340 ms" },
	{ 2.31, "2.3 s" },       { 9.96, "10 s" },      { 45, "45 s" },
	{ 119.4, "119 s" },      { 120, "2 min" },      { 725, "12 min 5 s" },
	{ 12000, "3 h 20 min" }, { 864000, "10 days" }, { -1, "?" },
	{ 1e300, "?" },          { 0.0 / 0.0, "?" },
};

START_TEST(duration_is_read_at_a_glance)
{
	ck_assert_str_eq(text_duration(durations[_i].seconds).s,
			 durations[_i].text);
}
END_TEST

static const struct {
	double share;
	const char *text;
} shares[] = {
	{ 0, "0 %" },   { 0.0001, "1 %" }, { 0.5, "50 %" }, { 0.9999, "99 %" },
	{ 1, "100 %" }, { -1, "-" },       { 1.5, "-" },    { 0.0 / 0.0, "-" },
};

START_TEST(share_is_whole_only_when_it_is)
{
	ck_assert_str_eq(text_share(shares[_i].share).s, shares[_i].text);
}
END_TEST

static const struct {
	const char *name;
	const char *text;
} names[] = {
	{ "web3", "web3" },
	{ "", "" },
	{ "a\"b\\c", "a\"b\\c" },
	{ "\xc3\xa4\xe2\x82\xac", "\xc3\xa4\xe2\x82\xac" },
	{ "a\033[31mb", "a\\x1b[31mb" },
	{ "a\nb\tc\x7f", "a\\x0ab\\x09c\\x7f" },
	{ "\xff\xc0\xaf", "\\xff\\xc0\\xaf" },
	{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },
	{ "\xc2\x9b", "\\xc2\\x9b" },
	{ "\xe2\x80\xae", "\\xe2\\x80\\xae" },
	{ "\xe2\x81\xa6", "\\xe2\\x81\\xa6" },
	{ "\xe2\x82", "\\xe2\\x82" },
	{ "\xf0\x9f\x90\xa7", "\xf0\x9f\x90\xa7" },
	{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" },
};

START_TEST(name_cannot_command_a_terminal)
{
	char *clean = text_clean(names[_i].name);

	ck_assert_str_eq(text_name(names[_i].name).s, names[_i].text);
	ck_assert_str_eq(clean, names[_i].text);
	free(clean);
}
END_TEST

START_TEST(long_name_is_cut_between_characters)
{
	char name[400] = "";

	for (int i = 0; i < 130; i++)
		strcat(name, "\xc3\xa4");
	memmove(name + 1, name, strlen(name) + 1);
	name[0] = 'x';
	ck_assert_uint_eq(strlen(text_name(name).s), 127 + 3);
	memset(name, 1, 399);
	ck_assert_uint_eq(strlen(text_name(name).s), 128 * 4 + 3);
}
END_TEST

static const struct {
	const char *text;
	uint64_t bytes; /* 0: refused */
} parsed[] = {
	{ "4096", 4096 },
	{ "512M", 512 * MIB },
	{ "200m", 200 * MIB },
	{ "2GiB", 2 * GIB },
	{ "1.5G", 3 * GIB / 2 },
	{ "1T", TIB },
	{ "", 0 },
	{ "0", 0 },
	{ "-1", 0 },
	{ "+1", 0 },
	{ " 1", 0 },
	{ "M", 0 },
	{ "1MB", 0 },
	{ "1e9", 0 },
	{ "0x10", 0 },
	{ "1.2.3M", 0 },
	{ "nan", 0 },
	{ "inf", 0 },
	{ "1 M", 0 },
	{ "1MM", 0 },
	{ "0.4", 0 },
	{ "99999999999999999999", 0 },
	{ "9999999P", 0 },
};

START_TEST(size_is_read_or_refused_with_a_sentence)
{
	struct why why = { "" };
	uint64_t bytes = 0;
	int rc = text_parse_size(parsed[_i].text, &bytes, &why);

	ck_assert_uint_eq(bytes, parsed[_i].bytes);
	ck_assert_int_eq(rc, parsed[_i].bytes ? 0 : -EINVAL);
	ck_assert(!rc == !why.text[0]);
}
END_TEST

START_TEST(number_is_read_within_its_range)
{
	struct why why;
	uint64_t number = 0;

	ck_assert_int_eq(text_parse_number("7", "x", 1, 9, &number, &why), 0);
	ck_assert_uint_eq(number, 7);
	ck_assert_int_eq(text_parse_number("0", "x", 1, 9, &number, &why),
			 -EINVAL);
	ck_assert_int_eq(text_parse_number("7x", "x", 1, 9, &number, &why),
			 -EINVAL);
	ck_assert_int_eq(text_parse_number("99999999999999999999", "x", 1,
					   UINT64_MAX, &number, &why),
			 -EINVAL);
}
END_TEST

static const struct {
	unsigned int columns;
	bool is_utf8;
	const char *job;
	const char *line;
} bars[] = {
	{ 80, false,
	  "{\"guest\":\"web3\",\"bytes_planned\":1073741824,"
	  "\"bytes_moved\":536870912,\"bytes_left\":536870912,"
	  "\"rate_bytes_per_s\":209715200,\"seconds_left\":2.6,"
	  "\"phase\":\"moving\"}",
	  "web3  ############------------  50 %  512 MiB of 1.0 GiB  "
	  "200 MiB/s  2.6 s left" },
	{ 50, false,
	  "{\"guest\":\"web3\",\"bytes_planned\":1073741824,"
	  "\"bytes_moved\":0,\"bytes_left\":1073741824,\"phase\":\"waiting for room\"}",
	  "---------   0 %  0 B of 1.0 GiB  waiting for room" },
	{ 20, false, "{\"guest\":\"web3\"}", "  0 %  0 B of 0 B" },
};

START_TEST(bar_takes_what_the_words_leave)
{
	struct json_object *job = json_tokener_parse(bars[_i].job);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	progress_line(out, job, bars[_i].columns, bars[_i].is_utf8);
	fclose(out);
	ck_assert_uint_lt(strlen(text), bars[_i].columns);
	ck_assert_str_eq(text, bars[_i].line);
	free(text);
	json_object_put(job);
}
END_TEST

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

int main(void)
{
	Suite *suite = suite_create("text");
	TCase *tcase = tcase_create("text");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	setlocale(LC_CTYPE, "C.UTF-8");
	tcase_add_loop_test(tcase, size_has_two_or_three_digits, 0,
			    ROWS(sizes));
	tcase_add_test(tcase, page_size_is_exact);
	tcase_add_loop_test(tcase, duration_is_read_at_a_glance, 0,
			    ROWS(durations));
	tcase_add_loop_test(tcase, share_is_whole_only_when_it_is, 0,
			    ROWS(shares));
	tcase_add_loop_test(tcase, name_cannot_command_a_terminal, 0,
			    ROWS(names));
	tcase_add_test(tcase, long_name_is_cut_between_characters);
	tcase_add_loop_test(tcase, size_is_read_or_refused_with_a_sentence, 0,
			    ROWS(parsed));
	tcase_add_test(tcase, number_is_read_within_its_range);
	tcase_add_loop_test(tcase, bar_takes_what_the_words_leave, 0,
			    ROWS(bars));
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? 1 : 0;
}
