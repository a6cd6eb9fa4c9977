/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One job, scan and move, on the host in memory of tests/fake: how many calls
 * of the host it makes for a GiB, and, under valgrind --tool=callgrind, how
 * many instructions of ours a page takes. "bench_move 2m" or "bench_move 4k";
 * prints "NAME<tab>VALUE<tab>UNIT" lines for scripts/bench.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "scene.h"

#define MOVED_BYTES (1 * GIB)

/* Pages that the memory is made of. */
enum {
	KIND_SMALL,
	KIND_HUGE,
};

static void print_calls(struct scene *s, const char *name)
{
	struct fake_books books = fake_books(s->fake);
	double gib = (double)MOVED_BYTES / (double)GIB;
	uint64_t all = 0;

	for (int op = 0; op < FAKE_OPS; op++)
		all += books.calls[op];
	printf("moving %s: moving calls\t%.0f\tper GiB\n", name,
	       (double)books.calls[FAKE_PAGES_MOVE] / gib);
	printf("moving %s: queries where pages are\t%.0f\tper GiB\n", name,
	       (double)books.calls[FAKE_PAGES_WHERE] / gib);
	printf("moving %s: calls of the host, all\t%.0f\tper GiB\n", name,
	       (double)all / gib);
}

static void measure(bool is_huge)
{
	struct scene *s = scene_create(FAKE_LINUX_6_12);

	scene_memory(s, 0, MOVED_BYTES, is_huge ? PAGE_2M_BYTES : PAGE_4K_BYTES,
		     0, FAKE_ANON, 0);
	scene_job(s);
	scene_run(s);
	ck_assert_uint_eq(scene_on(s, 1), MOVED_BYTES);
	print_calls(s, is_huge ? "2 MiB pages" : "4 KiB pages");
	scene_destroy(s);
}

/* The scene checks itself by Check's means, so this has to be one of its
 * tests. */
START_TEST(all_of_it_is_moved)
{
	measure(_i == KIND_HUGE);
}
END_TEST

int main(int argc, char **argv)
{
	int kind = argc == 2 && !strcmp(argv[1], "2m") ? KIND_HUGE : KIND_SMALL;
	Suite *suite = suite_create("bench");
	TCase *tcase = tcase_create("move");
	SRunner *runner = srunner_create(suite);
	int failed;

	if (argc != 2 || (kind == KIND_SMALL && strcmp(argv[1], "4k") != 0)) {
		fputs("usage: bench_move 2m|4k\n", stderr);
		return 2;
	}
	tcase_set_timeout(tcase, 0);
	tcase_add_loop_test(tcase, all_of_it_is_moved, kind, kind + 1);
	suite_add_tcase(suite, tcase);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	if (failed)
		fputs("bench_move: not all was moved\n", stderr);
	srunner_free(runner);
	return failed != 0;
}
