/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest/map_infer.c: memory that nobody may ask for is found where only one
 * mapping fits, and refused wherever it could be mistaken.
 */
#include "guest/map_infer.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define N(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* Mappings of 256 MiB, 512 MiB, a memfd of 512 MiB and two of QEMU's files. */
#define A256  "7f0000000000-7f0010000000 rw-p 00000000 00:00 0 \n"
#define B256  "7f0020000000-7f0030000000 rw-p 00000000 00:00 0 \n"
#define A512  "7f0100000000-7f0120000000 rw-p 00000000 00:00 0 \n"
#define GUARD "7f0120000000-7f0120001000 ---p 00000000 00:00 0 \n"
#define MEMFD                                                                  \
	"7f0200000000-7f0220000000 rw-s 00000000 00:01 9 "                     \
	"/memfd:memory-backend-memfd (deleted)\n"
#define FILE0                                                                  \
	"7f0300000000-7f0310000000 rw-s 00000000 00:02 5 "                     \
	"/dev/shm/qemu_back_mem.m0.Zt3fJ1 (deleted)\n"
#define FILE1                                                                  \
	"7f0310000000-7f0320000000 rw-s 00000000 00:02 6 "                     \
	"/dev/shm/qemu_back_mem.m1.aQ81xx (deleted)\n"
#define HEAP "55d0c1000000-55d0d1000000 rw-p 00000000 00:00 0 [heap]\n"

#define TWO_CELLS                                                              \
	"-numa|node,nodeid=0,cpus=0-1,memdev=m0|"                              \
	"-numa|node,nodeid=1,cpus=2,cpus=3,memdev=m1|"

static const struct {
	const char *what;
	const char *cmdline; /* '|' stands for NUL */
	const char *maps;
	const char *why; /* part of the sentence, NULL: it is found */
	size_t n; /* blocks */
	uint64_t hva[2]; /* where they are */
	size_t n_cpus; /* vCPUs whose cell is known */
} cases[] = {
	{ "-m in MiB",
	  "qemu|-m|256|",
	  HEAP A256 GUARD,
	  NULL,
	  1,
	  { 0x7f0000000000 },
	  0 },
	{ "-m with a letter",
	  "qemu|-m|512M,slots=2,maxmem=1G|",
	  A256 A512,
	  NULL,
	  1,
	  { 0x7f0100000000 },
	  0 },
	{ "-m size=",
	  "qemu|-m|slots=2,size=512M|",
	  A256 A512,
	  NULL,
	  1,
	  { 0x7f0100000000 },
	  0 },
	{ "a backend of the machine",
	  "qemu|-machine|q35,memory-backend=ram|-object|"
	  "memory-backend-memfd,id=ram,size=512M|-m|512|",
	  A256 MEMFD,
	  NULL,
	  1,
	  { 0x7f0200000000 },
	  0 },
	{ "cells of different sizes",
	  "qemu|-object|memory-backend-ram,id=m0,size=512M|-object|"
	  "memory-backend-ram,size=268435456,id=m1|" TWO_CELLS,
	  A256 A512,
	  NULL,
	  2,
	  { 0x7f0100000000, 0x7f0000000000 },
	  4 },
	{ "equal cells with files",
	  "qemu|-object|memory-backend-file,id=m0,size=256M,mem-path=/dev/shm|"
	  "-object|memory-backend-file,id=m1,size=256M,mem-path=/dev/shm|" TWO_CELLS,
	  A256 FILE0 FILE1,
	  NULL,
	  2,
	  { 0x7f0300000000, 0x7f0310000000 },
	  4 },
	{ "equal anonymous cells",
	  "qemu|-object|memory-backend-ram,id=m0,size=256M|-object|"
	  "memory-backend-ram,id=m1,size=256M|" TWO_CELLS,
	  A256 B256,
	  "only QEMU's monitor could tell them apart",
	  0,
	  { 0 },
	  0 },
	{ "two mappings that fit",
	  "qemu|-m|256|",
	  A256 B256,
	  "2 mappings of that size",
	  0,
	  { 0 },
	  0 },
	{ "none that fits",
	  "qemu|-m|300|",
	  A256 B256,
	  "0 mappings of that size",
	  0,
	  { 0 },
	  0 },
	{ "only the heap is so large",
	  "qemu|-m|256|",
	  HEAP,
	  "0 mappings of that size",
	  0,
	  { 0 },
	  0 },
	{ "JSON",
	  "qemu|-object|{\"qom-type\":\"memory-backend-ram\"}|" TWO_CELLS,
	  A256 B256,
	  "the size of memory backend m0",
	  0,
	  { 0 },
	  0 },
	{ "a size with a fraction",
	  "qemu|-m|1.5G|",
	  A256,
	  "-m 1.5G is not understood",
	  0,
	  { 0 },
	  0 },
	{ "vCPUs by socket",
	  "qemu|-object|memory-backend-ram,id=m0,size=512M|-object|"
	  "memory-backend-ram,id=m1,size=256M|-numa|node,memdev=m0|-numa|"
	  "node,memdev=m1|-numa|cpu,node-id=0,socket-id=0|",
	  A256 A512,
	  "to which cells the vCPUs belong",
	  0,
	  { 0 },
	  0 },
	{ "too many vCPUs",
	  "qemu|-object|memory-backend-ram,id=m0,size=512M|-object|"
	  "memory-backend-ram,id=m1,size=256M|-numa|node,memdev=m0,"
	  "cpus=0-99999|-numa|node,memdev=m1|",
	  A256 A512,
	  "to which cells the vCPUs belong",
	  0,
	  { 0 },
	  0 },
	{ "maps that are cut",
	  "qemu|-m|256|",
	  "7f0000000000-7f00",
	  "not understood",
	  0,
	  { 0 },
	  0 },
};

START_TEST(what_fits_once_is_found_and_nothing_else)
{
	size_t len = strlen(cases[_i].cmdline);
	char *cmdline = strdup(cases[_i].cmdline);
	struct cell_layout layout;
	struct map_pieces pieces = { 0 };
	struct qmp_cpus cpus = { 0 };
	struct why why = { "" };
	int err;

	for (size_t i = 0; i < len; i++)
		if (cmdline[i] == '|')
			cmdline[i] = '\0';
	ck_assert_int_eq(cell_layout_parse(cmdline, len, &layout, &why), 0);
	err = map_infer(cmdline, len, &layout, cases[_i].maps, &pieces, &cpus,
			&why);
	if (cases[_i].why) {
		ck_assert_int_lt(err, 0);
		ck_assert_msg(strstr(why.text, cases[_i].why), "%s: %s",
			      cases[_i].what, why.text);
	} else {
		ck_assert_msg(err == 0, "%s: %s", cases[_i].what, why.text);
	}
	ck_assert_uint_eq(pieces.n, cases[_i].n);
	for (size_t i = 0; i < pieces.n; i++)
		ck_assert_uint_eq(pieces.pieces[i].hva.v, cases[_i].hva[i]);
	ck_assert_uint_eq(cpus.n, cases[_i].n_cpus);
	for (size_t i = 0; i < cpus.n; i++)
		ck_assert_int_eq(cpus.cpus[i].cell,
				 cpus.cpus[i].index < 2 ? 0 : 1);
	free(pieces.pieces);
	qmp_cpus_finish(&cpus);
	cell_layout_finish(&layout);
	free(cmdline);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("map_infer");
	TCase *tests = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tests, what_fits_once_is_found_and_nothing_else, 0,
			    N(cases));
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
