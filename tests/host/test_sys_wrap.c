/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the doors that wrap another: host/sys_null.c and sys_record.c. */
#include "host/sys_null.h"
#include "host/sys_record.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "fake_sys.h"
#include "run.h"
#include "xalloc.h"

#define PID  42
#define BASE 0x7f0000000000ull

static struct fake_sys *two_nodes(void)
{
	struct fake_sys *fake = fake_sys_create(FAKE_LINUX_6_12);

	fake_node(fake, 0, GIB);
	fake_node(fake, 1, GIB);
	fake_process(fake, PID);
	fake_region(fake, PID, BASE, 16 * KIB, 4 * KIB, 0, FAKE_ANON);
	fake_file(fake, "/sys/fs/cgroup/cpuset.mems", "0");
	return fake;
}

START_TEST(dry_run_moves_nothing_and_says_where_pages_are)
{
	struct fake_sys *fake = two_nodes();
	struct sys_null null;
	struct sys sys = sys_null_init(&null, fake_sys_door(fake));
	struct hva pages[3] = { { BASE }, { BASE + 4096 }, { 0x1000 } };
	int nodes[3] = { 1, 1, 1 };
	int status[3] = { 9, 9, 9 };

	ck_assert_int_eq(sys.ops->pages_move(sys.self, PID, pages, nodes, 3,
					     false, status),
			 0);
	ck_assert_int_eq(status[0], 0);
	ck_assert_int_eq(status[1], 0);
	ck_assert_int_eq(status[2], -EFAULT);
	ck_assert_uint_eq(fake_books(fake).calls[FAKE_PAGES_MOVE], 0);
	ck_assert_uint_eq(fake_bytes_on(fake, PID, 1), 0);
	ck_assert_uint_eq(sys_null_books(&null).moves, 1);
	ck_assert_uint_eq(sys_null_books(&null).pages, 3);
	fake_sys_destroy(fake);
}
END_TEST

START_TEST(dry_run_collapses_and_writes_nothing)
{
	struct fake_sys *fake = two_nodes();
	struct sys_null null;
	struct sys sys = sys_null_init(&null, fake_sys_door(fake));
	int pidfd;

	ck_assert_int_eq(sys.ops->open_process(sys.self, PID, &pidfd), 0);
	ck_assert_int_eq(sys.ops->collapse(sys.self, pidfd,
					   (struct hva) { BASE },
					   PAGE_2M_BYTES),
			 0);
	ck_assert_int_eq(sys.ops->write_file(sys.self,
					     "/sys/fs/cgroup/cpuset.mems", "1"),
			 0);
	sys.ops->close_fd(sys.self, pidfd);
	ck_assert_str_eq(fake_file_text(fake, "/sys/fs/cgroup/cpuset.mems"),
			 "0");
	ck_assert_uint_eq(fake_books(fake).calls[FAKE_COLLAPSE], 0);
	ck_assert_uint_eq(sys_null_books(&null).collapses, 1);
	ck_assert_uint_eq(sys_null_books(&null).writes, 1);
	fake_sys_destroy(fake);
}
END_TEST

START_TEST(dry_run_of_a_dead_process_says_so)
{
	struct fake_sys *fake = two_nodes();
	struct sys_null null;
	struct sys sys = sys_null_init(&null, fake_sys_door(fake));
	struct hva page = { BASE };
	int node = 1;
	int status;

	fake_process_reap(fake, PID);
	ck_assert_int_eq(sys.ops->pages_move(sys.self, PID, &page, &node, 1,
					     false, &status),
			 -ESRCH);
	fake_sys_destroy(fake);
}
END_TEST

static int stop_at_first(void *arg, const char *name)
{
	*(const char **)arg = strcmp(name, "fs") ? "?" : "fs";
	return 1;
}

/* Makes every call once through a door. */
static void use_all(struct sys sys)
{
	struct hva page = { BASE };
	struct hva end;
	struct page_run run;
	struct backing backing;
	char buf[16];
	const char *seen = "";
	size_t n;
	int node = 1;
	int status = PAGE_STATUS_UNWRITTEN;
	int fd;

	ck_assert_int_eq(sys.ops->read_file(sys.self,
					    "/sys/fs/cgroup/cpuset.mems", buf,
					    sizeof(buf), &n),
			 0);
	ck_assert_int_eq(
		sys.ops->open_file(sys.self, "/sys/fs/cgroup/cpuset.mems", &fd),
		0);
	ck_assert_int_eq(sys.ops->read_fd(sys.self, fd, buf, sizeof(buf), &n),
			 0);
	ck_assert_str_eq(buf, "0");
	sys.ops->close_fd(sys.self, fd);
	ck_assert_int_eq(
		sys.ops->each_entry(sys.self, "/sys", stop_at_first, &seen), 0);
	ck_assert_str_eq(seen, "fs");
	ck_assert_int_eq(sys.ops->open_process(sys.self, PID, &fd), 0);
	ck_assert_int_eq(sys.ops->is_alive(sys.self, fd), 1);
	ck_assert_int_eq(sys.ops->collapse(sys.self, fd, page, 4096), -EINVAL);
	sys.ops->close_fd(sys.self, fd);
	ck_assert_int_eq(sys.ops->backing(sys.self, PID, page,
					  (struct hva) { BASE + 16384 },
					  &backing),
			 -ENOENT);
	ck_assert_int_eq(sys.ops->open_pagemap(sys.self, PID, &fd), 0);
	ck_assert_int_eq(sys.ops->pagemap_scan(sys.self, fd, page,
					       (struct hva) { BASE + 16384 },
					       &run, 1, &n, &end),
			 0);
	ck_assert_uint_eq(n, 1);
	sys.ops->close_fd(sys.self, fd);
	ck_assert_int_eq(sys.ops->pages_where(sys.self, PID, &page, 1, &status),
			 0);
	status = PAGE_STATUS_UNWRITTEN;
	ck_assert_int_eq(sys.ops->pages_move(sys.self, PID, &page, &node, 1,
					     false, &status),
			 0);
	ck_assert_int_eq(status, 1);
	ck_assert_int_eq(
		sys.ops->sit(sys.self,
			     (struct seat) { .where = SEAT_ON_CPU, .cpu = 3 }),
		0);
	ck_assert_uint_gt(sys.ops->now_ns(sys.self), 0);
	ck_assert_int_eq(sys.ops->write_file(sys.self,
					     "/sys/fs/cgroup/cpuset.mems", "1"),
			 0);
	ck_assert_int_eq(sys.ops->read_link(sys.self,
					    "/sys/fs/cgroup/cpuset.mems", buf,
					    sizeof(buf)),
			 0);
	ck_assert_str_eq(buf, "1");
}

START_TEST(every_call_goes_through_and_touching_ones_leave_a_line)
{
	struct fake_sys *fake = two_nodes();
	struct sys_record record;
	struct sys sys;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	fake_set_cost(fake, (struct fake_cost) { .call_ns = 1000 });
	sys = sys_record_init(&record, fake_sys_door(fake), out);
	use_all(sys);
	fclose(out);
	ck_assert_str_eq(
		text,
		"1000005000 open-process pid=42 result=0\n"
		"1000006000 collapse pidfd=10001 start=7f0000000000 size=4096 "
		"result=-22 took_ns=1000\n"
		"1000008000 backing pid=42 start=7f0000000000 "
		"end=7f0000004000 result=-2\n"
		"1000009000 open-pagemap pid=42 result=0\n"
		"1000009000 scan fd=10002 start=7f0000000000 "
		"end=7f0000004000 runs=1 result=0 took_ns=1000\n"
		"1000010000 where pid=42 n=1 first=7f0000000000 result=0 "
		"took_ns=1000 on=0:1\n"
		"1000011000 move pid=42 n=1 first=7f0000000000 "
		"last=7f0000000000 to=1 all=0 result=0 took_ns=1000 "
		"written=1\n"
		"1000013000 sit on-cpu=3 result=0\n"
		"1000014000 write path=/sys/fs/cgroup/cpuset.mems text=1 "
		"result=0\n");
	free(text);
	fake_sys_destroy(fake);
}
END_TEST

START_TEST(trace_counts_nodes_and_errors)
{
	struct fake_sys *fake = two_nodes();
	struct sys_record record;
	struct hva pages[4] = {
		{ BASE }, { BASE + 4096 }, { BASE + 8192 }, { 0x1000 }
	};
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	struct sys sys = sys_record_init(&record, fake_sys_door(fake), out);
	int status[4];

	fake_folio(fake, PID, BASE)->node = 1;
	fake_folio(fake, PID, BASE + 4096)->node = NODE_NONE;
	sys.ops->pages_where(sys.self, PID, pages, 4, status);
	sys.ops->pages_where(sys.self, 43, pages, 4, status);
	sys.ops->pages_where(sys.self, PID, NULL, 0, status);
	fclose(out);
	ck_assert_str_eq(text, "1000000000 where pid=42 n=4 first=7f0000000000 "
			       "result=0 took_ns=0 on=0:1,1:1 err=-2:1,-14:1\n"
			       "1000000000 where pid=43 n=4 first=7f0000000000 "
			       "result=-3 took_ns=0\n"
			       "1000000000 where pid=42 n=0 first=0 result=0 "
			       "took_ns=0\n");
	free(text);
	fake_sys_destroy(fake);
}
END_TEST

START_TEST(death_is_traced_life_is_not)
{
	struct fake_sys *fake = two_nodes();
	struct sys_record record;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	struct sys sys = sys_record_init(&record, fake_sys_door(fake), out);
	int fd;

	sys.ops->open_process(sys.self, PID, &fd);
	sys.ops->is_alive(sys.self, fd);
	fake_process_exit(fake, PID);
	ck_assert_int_eq(sys.ops->is_alive(sys.self, fd), 0);
	sys.ops->close_fd(sys.self, fd);
	fclose(out);
	ck_assert_ptr_nonnull(strstr(text, " dead pidfd=10000 result=0\n"));
	ck_assert_ptr_null(strstr(text, "result=1"));
	free(text);
	fake_sys_destroy(fake);
}
END_TEST

static void *ask_many_times(void *arg)
{
	const struct sys *sys = arg;
	struct hva page = { BASE };
	int status;

	for (int i = 0; i < 200; i++)
		sys->ops->pages_where(sys->self, PID, &page, 1, &status);
	return NULL;
}

START_TEST(lines_of_many_threads_stay_whole)
{
	struct fake_sys *fake = two_nodes();
	struct sys_record record;
	pthread_t threads[4];
	char *text = NULL;
	size_t len = 0;
	unsigned n = 0;
	FILE *out = open_memstream(&text, &len);
	struct sys sys = sys_record_init(&record, fake_sys_door(fake), out);

	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, ask_many_times, &sys);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	fclose(out);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		ck_assert_str_eq(line, "1000000000 where pid=42 n=1 "
				       "first=7f0000000000 result=0 took_ns=0 "
				       "on=0:1");
		n++;
	}
	ck_assert_uint_eq(n, 800);
	free(text);
	fake_sys_destroy(fake);
}
END_TEST

static void add(TCase *tests)
{
	tcase_add_test(tests, dry_run_moves_nothing_and_says_where_pages_are);
	tcase_add_test(tests, dry_run_collapses_and_writes_nothing);
	tcase_add_test(tests, dry_run_of_a_dead_process_says_so);
	tcase_add_test(tests,
		       every_call_goes_through_and_touching_ones_leave_a_line);
	tcase_add_test(tests, trace_counts_nodes_and_errors);
	tcase_add_test(tests, death_is_traced_life_is_not);
	tcase_add_test(tests, lines_of_many_threads_stay_whole);
}

int main(void)
{
	return run_tests("sys wrappers", add);
}
