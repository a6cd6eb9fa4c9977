/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the fake host's files, handles, faults, clock and memory. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fake_sys.h"
#include "run.h"
#include "xalloc.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))
#define PID      42
#define BASE     0x7f0000000000ull

struct scene {
	struct fake_sys *fake; /* the host */
	struct sys sys; /* its door */
};

static struct scene scene_of(enum fake_kernel kernel)
{
	struct scene s = { .fake = fake_sys_create(kernel) };

	s.sys = fake_sys_door(s.fake);
	fake_node(s.fake, 0, GIB);
	fake_node(s.fake, 1, GIB);
	fake_process(s.fake, PID);
	return s;
}

static int read_file(struct scene *s, const char *path, char *buf, size_t size)
{
	size_t len;

	return s->sys.ops->read_file(s->sys.self, path, buf, size, &len);
}

START_TEST(files_are_read_written_and_removed)
{
	struct scene s = scene_of(FAKE_LINUX_6_12);
	char buf[8];

	fake_file(s.fake, "/proc/42/comm", "qemu\n");
	ck_assert_int_eq(read_file(&s, "/proc/42/comm", buf, 8), 0);
	ck_assert_str_eq(buf, "qemu\n");
	ck_assert_int_eq(read_file(&s, "/proc/42/comm", buf, 6), 0);
	ck_assert_int_eq(read_file(&s, "/proc/42/comm", buf, 5), -E2BIG);
	ck_assert_int_eq(
		s.sys.ops->write_file(s.sys.self, "/proc/42/comm", "x"), 0);
	ck_assert_str_eq(fake_file_text(s.fake, "/proc/42/comm"), "x");
	fake_file_error(s.fake, "/proc/42/comm", -EACCES);
	ck_assert_int_eq(read_file(&s, "/proc/42/comm", buf, 8), -EACCES);
	fake_file_remove(s.fake, "/proc/42/");
	ck_assert_int_eq(read_file(&s, "/proc/42/comm", buf, 8), -ENOENT);
	ck_assert_int_eq(
		s.sys.ops->write_file(s.sys.self, "/proc/42/comm", "x"),
		-ENOENT);
	fake_sys_destroy(s.fake);
}
END_TEST

static int append_name(void *arg, const char *name)
{
	strcat(strcat(arg, name), " ");
	return 0;
}

START_TEST(directories_are_made_of_paths)
{
	struct scene s = scene_of(FAKE_LINUX_6_12);
	char names[64] = "";

	fake_file(s.fake, "/proc/42/task/43/comm", "");
	fake_file(s.fake, "/proc/42/task/43/stat", "");
	fake_file(s.fake, "/proc/42/task/44/comm", "");
	fake_file(s.fake, "/proc/42/taskx", "");
	ck_assert_int_eq(s.sys.ops->each_entry(s.sys.self, "/proc/42/task",
					       append_name, names),
			 0);
	ck_assert_str_eq(names, "42 43 44 ");
	ck_assert_int_eq(s.sys.ops->each_entry(s.sys.self, "/proc/43",
					       append_name, names),
			 -ENOENT);
	fake_sys_destroy(s.fake);
}
END_TEST

START_TEST(open_file_of_a_reaped_process_says_esrch)
{
	struct scene s = scene_of(FAKE_LINUX_6_12);
	char buf[8];
	size_t len;
	int fd;

	fake_file(s.fake, "/proc/42/stat", "1");
	ck_assert_int_eq(s.sys.ops->open_file(s.sys.self, "/proc/42/stat", &fd),
			 0);
	fake_file(s.fake, "/proc/42/stat", "2");
	ck_assert_int_eq(s.sys.ops->read_fd(s.sys.self, fd, buf, 8, &len), 0);
	ck_assert_str_eq(buf, "2");
	fake_process_reap(s.fake, PID);
	ck_assert_int_eq(s.sys.ops->read_fd(s.sys.self, fd, buf, 8, &len),
			 -ESRCH);
	ck_assert_uint_eq(fake_open_handles(s.fake), 1);
	s.sys.ops->close_fd(s.sys.self, fd);
	ck_assert_uint_eq(fake_open_handles(s.fake), 0);
	fake_sys_destroy(s.fake);
}
END_TEST

START_TEST(handle_stays_with_the_old_process_when_its_number_is_reused)
{
	struct scene s = scene_of(FAKE_LINUX_6_12);
	int old_fd, new_fd;

	ck_assert_int_eq(s.sys.ops->open_process(s.sys.self, PID, &old_fd), 0);
	ck_assert_int_eq(s.sys.ops->is_alive(s.sys.self, old_fd), 1);
	fake_process_reuse(s.fake, PID);
	ck_assert_int_eq(s.sys.ops->open_process(s.sys.self, PID, &new_fd), 0);
	ck_assert_int_eq(s.sys.ops->is_alive(s.sys.self, old_fd), 0);
	ck_assert_int_eq(s.sys.ops->is_alive(s.sys.self, new_fd), 1);
	s.sys.ops->close_fd(s.sys.self, old_fd);
	s.sys.ops->close_fd(s.sys.self, new_fd);
	ck_assert_int_eq(s.sys.ops->open_process(s.sys.self, 99, &old_fd),
			 -ESRCH);
	fake_sys_destroy(s.fake);
}
END_TEST

static const int errors[] = { -ENOMEM, -EPERM,  -EACCES, -ENODEV,
			      -EINVAL, -EFAULT, -ESRCH,  -ENOSYS,
			      -EINTR,  -E2BIG,  7 };

START_TEST(scripted_fault_hits_the_kth_call_only)
{
	struct scene s = scene_of(FAKE_LINUX_6_12);
	struct hva page = { BASE };
	int node = 1;
	int status = PAGE_STATUS_UNWRITTEN;

	fake_region(s.fake, PID, BASE, 4096, 4096, 0, FAKE_ANON);
	fake_fault(s.fake, FAKE_PAGES_MOVE, 2, errors[_i]);
	node = 0;
	ck_assert_int_eq(s.sys.ops->pages_move(s.sys.self, PID, &page, &node, 1,
					       false, &status),
			 0);
	node = 1;
	status = PAGE_STATUS_UNWRITTEN;
	ck_assert_int_eq(s.sys.ops->pages_move(s.sys.self, PID, &page, &node, 1,
					       false, &status),
			 errors[_i]);
	ck_assert_int_eq(status, PAGE_STATUS_UNWRITTEN);
	ck_assert_uint_eq(fake_bytes_on(s.fake, PID, 1), 0);
	ck_assert_int_eq(s.sys.ops->pages_move(s.sys.self, PID, &page, &node, 1,
					       false, &status),
			 0);
	ck_assert_uint_eq(fake_bytes_on(s.fake, PID, 1), 4096);
	fake_sys_destroy(s.fake);
}
END_TEST

/* Kills the process before its second move. */
static void kill_before_second_move(void *arg, struct fake_sys *fake,
				    enum fake_op op, pid_t pid)
{
	int *moves = arg;

	if (op != FAKE_PAGES_MOVE || ++*moves != 2)
		return;
	ck_assert_int_eq(pid, PID);
	fake_process_reuse(fake, pid);
}

START_TEST(hook_changes_the_host_between_two_calls)
{
	struct scene s = scene_of(FAKE_LINUX_6_12);
	struct hva page = { BASE };
	int moves = 0;
	int node = 1;
	int status;

	fake_region(s.fake, PID, BASE, 4096, 4096, 0, FAKE_ANON);
	fake_hook(s.fake, kill_before_second_move, &moves);
	ck_assert_int_eq(s.sys.ops->pages_move(s.sys.self, PID, &page, &node, 1,
					       false, &status),
			 0);
	ck_assert_int_eq(status, 1);
	ck_assert_int_eq(s.sys.ops->pages_move(s.sys.self, PID, &page, &node, 1,
					       false, &status),
			 0);
	ck_assert_int_eq(status, -EFAULT);
	fake_sys_destroy(s.fake);
}
END_TEST

START_TEST(clock_moves_by_the_cost_of_calls_only)
{
	struct scene s = scene_of(FAKE_LINUX_6_12);
	struct hva pages[2] = { { BASE }, { BASE + PAGE_2M_BYTES } };
	int nodes[2] = { 1, 1 };
	int status[2];
	uint64_t start = s.sys.ops->now_ns(s.sys.self);

	fake_region(s.fake, PID, BASE, 4 * MIB, 2 * MIB, 0, FAKE_ANON);
	ck_assert_uint_eq(s.sys.ops->now_ns(s.sys.self), start);
	fake_set_cost(s.fake, (struct fake_cost) { 1000, 10, 100000 });
	s.sys.ops->pages_where(s.sys.self, PID, pages, 2, status);
	ck_assert_uint_eq(s.sys.ops->now_ns(s.sys.self) - start, 1020);
	s.sys.ops->pages_move(s.sys.self, PID, pages, nodes, 2, true, status);
	ck_assert_uint_eq(s.sys.ops->now_ns(s.sys.self) - start, 402040);
	fake_advance_ns(s.fake, 7);
	ck_assert_uint_eq(s.sys.ops->now_ns(s.sys.self) - start, 402047);
	fake_sys_destroy(s.fake);
}
END_TEST

START_TEST(books_count_calls_and_pages)
{
	struct scene s = scene_of(FAKE_LINUX_6_12);
	struct hva pages[3] = { { BASE }, { BASE + 4096 }, { BASE + 8192 } };
	int nodes[3] = { 1, 1, 1 };
	int status[3];
	struct fake_books books;

	fake_region(s.fake, PID, BASE, 12288, 4096, 0, FAKE_ANON);
	s.sys.ops->pages_where(s.sys.self, PID, pages, 3, status);
	s.sys.ops->pages_move(s.sys.self, PID, pages, nodes, 2, true, status);
	books = fake_books(s.fake);
	ck_assert_uint_eq(books.calls[FAKE_PAGES_WHERE], 1);
	ck_assert_uint_eq(books.calls[FAKE_PAGES_MOVE], 1);
	ck_assert_uint_eq(books.where_pages, 3);
	ck_assert_uint_eq(books.move_pages, 2);
	ck_assert_uint_eq(books.move_all_calls, 1);
	ck_assert_uint_eq(books.moved_bytes, 8192);
	fake_sys_destroy(s.fake);
}
END_TEST

START_TEST(nonsense_node_is_reported_as_it_is_and_never_moves)
{
	struct scene s = scene_of(FAKE_LINUX_6_12);
	struct hva page = { BASE };
	int node = 1;
	int status;

	fake_region(s.fake, PID, BASE, 4096, 4096, 5000, FAKE_ANON);
	s.sys.ops->pages_where(s.sys.self, PID, &page, 1, &status);
	ck_assert_int_eq(status, 5000);
	s.sys.ops->pages_move(s.sys.self, PID, &page, &node, 1, true, &status);
	ck_assert_int_eq(status, 5000);
	fake_sys_destroy(s.fake);
}
END_TEST

/* Scan [BASE, BASE + size) of the process. */
static int scan(struct scene *s, uint64_t size, struct page_run *runs,
		size_t cap, size_t *n, uint64_t *ret_walked)
{
	struct hva end = { 0 };
	int fd;
	int err;

	ck_assert_int_eq(s->sys.ops->open_pagemap(s->sys.self, PID, &fd), 0);
	err = s->sys.ops->pagemap_scan(s->sys.self, fd, (struct hva) { BASE },
				       (struct hva) { BASE + size }, runs, cap,
				       n, &end);
	s->sys.ops->close_fd(s->sys.self, fd);
	*ret_walked = end.v - BASE;
	return err;
}

START_TEST(scan_gives_runs_of_one_kind)
{
	struct scene s = scene_of(FAKE_LINUX_6_12);
	struct page_run runs[8];
	uint64_t walked;
	size_t n;

	fake_region(s.fake, PID, BASE, 2 * MIB, 4096, 0, FAKE_ANON);
	fake_region(s.fake, PID, BASE + 2 * MIB, 4 * MIB, 2 * MIB, 0,
		    FAKE_ANON);
	fake_region(s.fake, PID, BASE + 8 * MIB, 64 * KIB, 64 * KIB, 1,
		    FAKE_SHMEM);
	fake_folio(s.fake, PID, BASE + 8192)->node = NODE_NONE;
	fake_folio(s.fake, PID, BASE)->is_zero = true;
	ck_assert_int_eq(scan(&s, 16 * MIB, runs, 8, &n, &walked), 0);
	ck_assert_uint_eq(walked, 16 * MIB);
	ck_assert_uint_eq(n, 4);
	ck_assert_uint_eq(runs[0].start.v, BASE + 4096);
	ck_assert_uint_eq(runs[0].end.v, BASE + 8192);
	ck_assert_uint_eq(runs[1].end.v, BASE + 2 * MIB);
	ck_assert(runs[2].is_huge && !runs[2].is_file);
	ck_assert_uint_eq(runs[2].end.v, BASE + 6 * MIB);
	ck_assert(!runs[3].is_huge && runs[3].is_file);
	fake_sys_destroy(s.fake);
}
END_TEST

START_TEST(scan_stops_where_room_ends_and_clips)
{
	struct scene s = scene_of(FAKE_LINUX_6_12);
	struct page_run runs[2];
	uint64_t walked;
	size_t n;

	fake_region(s.fake, PID, BASE, 2 * MIB, 4096, 0, FAKE_ANON);
	fake_folio(s.fake, PID, BASE + 4096)->node = NODE_NONE;
	ck_assert_int_eq(scan(&s, 2 * MIB, runs, 1, &n, &walked), 0);
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(walked, 8192);
	ck_assert_int_eq(scan(&s, 12288, runs, 2, &n, &walked), 0);
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(runs[1].end.v, BASE + 12288);
	fake_sys_destroy(s.fake);
}
END_TEST

START_TEST(scan_can_be_missing_or_refused)
{
	struct scene s = scene_of(FAKE_LINUX_6_1);
	struct page_run run;
	uint64_t walked;
	size_t n;
	int fd;

	ck_assert_int_eq(scan(&s, MIB, &run, 1, &n, &walked), -ENOTTY);
	fake_set_pagemap_scan(s.fake, true);
	ck_assert_int_eq(scan(&s, MIB, &run, 1, &n, &walked), 0);
	ck_assert_uint_eq(n, 0);
	fake_set_pagemap_rights(s.fake, false);
	ck_assert_int_eq(s.sys.ops->open_pagemap(s.sys.self, PID, &fd),
			 -EACCES);
	fake_sys_destroy(s.fake);
}
END_TEST

static const struct {
	enum fake_backing kind; /* of the region */
	int err; /* the answer */
	bool is_hugetlb; /* what it is said to be */
	bool is_shmem; /* the same */
	uint64_t page_bytes; /* the same */
} backings[] = {
	{ FAKE_ANON, -ENOENT, false, false, 0 },
	{ FAKE_SHMEM, 0, false, true, PAGE_4K_BYTES },
	{ FAKE_HUGETLB, 0, true, false, PAGE_2M_BYTES },
	{ FAKE_DISK, 0, false, false, PAGE_4K_BYTES },
};

START_TEST(backing_is_told_for_the_exact_mapping)
{
	struct scene s = scene_of(FAKE_LINUX_6_12);
	struct hva start = { BASE };
	struct hva end = { BASE + 4 * MIB };
	struct backing b = { 0 };

	fake_region(s.fake, PID, BASE, 4 * MIB, 2 * MIB, 0, backings[_i].kind);
	ck_assert_int_eq(s.sys.ops->backing(s.sys.self, PID, start, end, &b),
			 backings[_i].err);
	ck_assert_int_eq(b.is_hugetlb, backings[_i].is_hugetlb);
	ck_assert_int_eq(b.is_shmem, backings[_i].is_shmem);
	ck_assert_uint_eq(b.page_bytes, backings[_i].page_bytes);
	end.v -= 4096;
	ck_assert_int_eq(s.sys.ops->backing(s.sys.self, PID, start, end, &b),
			 -ENOENT);
	fake_set_pagemap_rights(s.fake, false);
	end.v += 4096;
	ck_assert_int_eq(s.sys.ops->backing(s.sys.self, PID, start, end, &b),
			 -EPERM);
	fake_sys_destroy(s.fake);
}
END_TEST

static int collapse(struct scene *s, uint64_t hva, uint64_t size)
{
	int fd, err;

	ck_assert_int_eq(s->sys.ops->open_process(s->sys.self, PID, &fd), 0);
	err = s->sys.ops->collapse(s->sys.self, fd, (struct hva) { hva }, size);
	s->sys.ops->close_fd(s->sys.self, fd);
	return err;
}

START_TEST(collapse_lands_where_most_pages_are)
{
	struct scene s = scene_of(FAKE_LINUX_6_12);
	struct fake_node *one = fake_node(s.fake, 1, GIB);

	fake_region(s.fake, PID, BASE, 4 * MIB, 4096, 1, FAKE_ANON);
	for (int i = 0; i < 200; i++)
		fake_folio(s.fake, PID, BASE + (uint64_t)i * 4096)->node = 0;
	fake_folio(s.fake, PID, BASE + 300 * 4096)->node = NODE_NONE;
	ck_assert_int_eq(collapse(&s, BASE, PAGE_2M_BYTES), 0);
	ck_assert_uint_eq(fake_folio(s.fake, PID, BASE + 4096)->bytes,
			  PAGE_2M_BYTES);
	ck_assert_int_eq(fake_folio(s.fake, PID, BASE)->node, 1);
	ck_assert_uint_eq(fake_folio(s.fake, PID, BASE + 2 * MIB)->bytes, 4096);
	ck_assert_uint_eq(fake_bytes_on(s.fake, PID, 1), 4 * MIB);
	ck_assert_uint_eq(one->free_bytes, GIB - 2 * MIB + 311 * 4096);
	ck_assert_uint_eq(fake_books(s.fake).collapsed, 1);
	/* Once more changes nothing. */
	ck_assert_int_eq(collapse(&s, BASE, PAGE_2M_BYTES), 0);
	ck_assert_uint_eq(fake_books(s.fake).collapsed, 1);
	fake_sys_destroy(s.fake);
}
END_TEST

START_TEST(collapse_says_why_not)
{
	struct scene s = scene_of(FAKE_LINUX_6_12);

	fake_region(s.fake, PID, BASE, 2 * MIB, 4096, 1, FAKE_ANON);
	fake_region(s.fake, PID, BASE + 2 * MIB, 2 * MIB, 4096, NODE_NONE,
		    FAKE_ANON);
	ck_assert_int_eq(collapse(&s, BASE + 4096, PAGE_2M_BYTES), -EINVAL);
	ck_assert_int_eq(collapse(&s, BASE + 2 * MIB, PAGE_2M_BYTES), -EINVAL);
	ck_assert_int_eq(collapse(&s, BASE + 4 * MIB, PAGE_2M_BYTES), -ENOMEM);
	fake_folio(s.fake, PID, BASE)->pin_calls = FAKE_ALWAYS;
	ck_assert_int_eq(collapse(&s, BASE, PAGE_2M_BYTES), -EAGAIN);
	fake_folio(s.fake, PID, BASE)->pin_calls = 0;
	fake_node(s.fake, 1, 4096);
	ck_assert_int_eq(collapse(&s, BASE, PAGE_2M_BYTES), -ENOMEM);
	fake_set_sys_nice(s.fake, false);
	ck_assert_int_eq(collapse(&s, BASE, PAGE_2M_BYTES), -EPERM);
	fake_process_exit(s.fake, PID);
	ck_assert_int_eq(collapse(&s, BASE, PAGE_2M_BYTES), -ESRCH);
	fake_sys_destroy(s.fake);
}
END_TEST

static void add(TCase *tests)
{
	tcase_add_test(tests, files_are_read_written_and_removed);
	tcase_add_test(tests, directories_are_made_of_paths);
	tcase_add_test(tests, open_file_of_a_reaped_process_says_esrch);
	tcase_add_test(
		tests,
		handle_stays_with_the_old_process_when_its_number_is_reused);
	tcase_add_loop_test(tests, scripted_fault_hits_the_kth_call_only, 0,
			    COUNT(errors));
	tcase_add_test(tests, hook_changes_the_host_between_two_calls);
	tcase_add_test(tests, clock_moves_by_the_cost_of_calls_only);
	tcase_add_test(tests, books_count_calls_and_pages);
	tcase_add_test(tests,
		       nonsense_node_is_reported_as_it_is_and_never_moves);
	tcase_add_test(tests, scan_gives_runs_of_one_kind);
	tcase_add_test(tests, scan_stops_where_room_ends_and_clips);
	tcase_add_test(tests, scan_can_be_missing_or_refused);
	tcase_add_loop_test(tests, backing_is_told_for_the_exact_mapping, 0,
			    COUNT(backings));
	tcase_add_test(tests, collapse_lands_where_most_pages_are);
	tcase_add_test(tests, collapse_says_why_not);
}

int main(void)
{
	return run_tests("fake host", add);
}
