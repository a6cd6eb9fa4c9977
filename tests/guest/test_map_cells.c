/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest/map_cells.c: the cell of a block out of -numa options and names.
 */
#include "guest/map_cells.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"

#define N(array) ((int)(sizeof(array) / sizeof((array)[0])))
#define NONE     (-1)

static const struct {
	const char *cmdline; /* '|' stands for the NUL between arguments */
	const char *block;
	uint64_t offset;
	int cell; /* NONE: nothing says it */
	uint64_t left; /* 0: all of the block */
} finds[] = {
	/* without cells */
	{ "q|-m|4G|", "pc.ram", 0, 0, 0 },
	{ "q|-numa|node,memdev=m|", "m", 4096, 0, 0 },
	/* as libvirt writes it */
	{ "q|-numa|node,nodeid=0,cpus=0-1,memdev=ram-node0|-numa|"
	  "node,nodeid=1,cpus=2-3,memdev=ram-node1|",
	  "ram-node1", 0, 1, 0 },
	{ "q|", "ram-node3", 0, 3, 0 },
	/* by hand: other names, other order, two dashes, no nodeid */
	{ "q|--numa|node,memdev=a,nodeid=1|-numa|node,nodeid=0,memdev=b|", "a",
	  0, 1, 0 },
	{ "q|-numa|node,memdev=a|-numa|node,memdev=b|", "b", 0, 1, 0 },
	{ "q|-numa|type=node,memdev=a|-numa|type=node,memdev=b|", "b", 0, 1,
	  0 },
	/* what the option says goes before the name */
	{ "q|-numa|node,nodeid=0,memdev=ram-node1|-numa|"
	  "node,nodeid=1,memdev=ram-node0|",
	  "ram-node0", 0, 1, 0 },
	/* other kinds of -numa */
	{ "q|-numa|dist,src=0,dst=1,val=20|-numa|cpu,node-id=0|", "pc.ram", 0,
	  0, 0 },
	/* a cell without memory */
	{ "q|-numa|node,memdev=m|-numa|node,cpus=1|", "m", 0, 0, 0 },
	/* the old form */
	{ "q|-numa|node,mem=1024|-numa|node,mem=2G|", "pc.ram", 0, 0, GIB },
	{ "q|-numa|node,mem=1024|-numa|node,mem=2G|", "pc.ram", GIB, 1,
	  2 * GIB },
	{ "q|-numa|node,mem=1024|-numa|node,mem=2G|", "pc.ram", 3 * GIB - 4096,
	  1, 4096 },
	{ "q|-numa|node,nodeid=1,mem=1g|-numa|node,nodeid=0,mem=2048m|",
	  "pc.ram", 0, 0, 2 * GIB },
	{ "q|-numa|node,mem=1024|-numa|node,mem=2G|", "pc.ram", 3 * GIB, NONE,
	  0 },
	/* nothing to go by */
	{ "q|-numa|node,cpus=0|-numa|node,cpus=1|", "pc.ram", 0, NONE, 0 },
	{ "q|-numa|node,mem=1.5G|-numa|node,mem=x|", "pc.ram", 0, NONE, 0 },
	{ "q|-numa|node,memdev=a|-numa|node,memdev=b|", "dimm", 0, NONE, 0 },
	/* libvirt's prefix is not enough */
	{ "q|-numa|node,memdev=a|-numa|node,memdev=b|", "ram-nodeX", 0, NONE,
	  0 },
	{ "q|-numa|node,memdev=a|-numa|node,memdev=b|", "ram-node128", 0, NONE,
	  0 },
	/* the word -numa as a value, and as the last argument */
	{ "q|-name|-numa|-numa|node,memdev=m|", "m", 0, 0, 0 },
	{ "q|-numa|", "pc.ram", 0, 0, 0 },
};

static size_t make_cmdline(const char *text, char *cmdline)
{
	size_t len = strlen(text);

	for (size_t i = 0; i <= len; i++)
		cmdline[i] = text[i] == '|' ? '\0' : text[i];
	return len;
}

START_TEST(cell_is_found_by_option_then_name_then_offset)
{
	struct cell_layout layout;
	char cmdline[512];
	size_t len = make_cmdline(finds[_i].cmdline, cmdline);
	uint64_t left = 0;
	int cell = -1;
	int err;

	ck_assert_int_eq(cell_layout_parse(cmdline, len, &layout, NULL), 0);
	err = cell_layout_find(&layout, finds[_i].block, finds[_i].offset,
			       &cell, &left);
	if (finds[_i].cell == NONE) {
		ck_assert_msg(err == -ENOENT, "%s", finds[_i].cmdline);
	} else {
		ck_assert_msg(err == 0 && cell == finds[_i].cell, "%s: cell %d",
			      finds[_i].cmdline, cell);
		ck_assert_uint_eq(left,
				  finds[_i].left ? finds[_i].left : UINT64_MAX);
	}
	cell_layout_finish(&layout);
}
END_TEST

static const char *const bad[] = {
	"q|-numa|node,nodeid=x|",
	"q|-numa|node,nodeid=|",
	"q|-numa|node,nodeid=-1|",
	"q|-numa|node,nodeid=128|",
	"q|-numa|node,nodeid=99999999999999999999|",
};

START_TEST(option_that_qemu_would_refuse_is_refused_with_its_text)
{
	struct cell_layout layout;
	char cmdline[512];
	size_t len = make_cmdline(bad[_i], cmdline);
	struct why why;

	ck_assert_int_eq(cell_layout_parse(cmdline, len, &layout, &why),
			 -EINVAL);
	ck_assert(strstr(why.text, "nodeid=") != NULL);
	cell_layout_finish(&layout);
}
END_TEST

START_TEST(no_more_cells_than_qemu_allows)
{
	char *text = calloc(1, 64 * 200);
	struct cell_layout layout;
	size_t len;

	for (int i = 0; i < GUEST_CELLS_MAX + 1; i++)
		strcat(text, "-numa|node,memdev=m|");
	len = make_cmdline(text, text);
	ck_assert_int_eq(cell_layout_parse(text, len, &layout, NULL), -EINVAL);
	ck_assert_uint_eq(layout.n_memdevs, GUEST_CELLS_MAX);
	cell_layout_finish(&layout);
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("map_cells");
	TCase *tc = tcase_create("map_cells");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tc, cell_is_found_by_option_then_name_then_offset,
			    0, N(finds));
	tcase_add_loop_test(
		tc, option_that_qemu_would_refuse_is_refused_with_its_text, 0,
		N(bad));
	tcase_add_test(tc, no_more_cells_than_qemu_allows);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
