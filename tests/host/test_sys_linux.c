/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of host/sys_linux.c on the running process itself and on children made
 * for it. Nothing here needs a second node or a right that a container lacks:
 * what the kernel refuses or does not have ends the one test early.
 */
#include "host/sys_linux.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/maps_text.h"
#include "host/proc_text.h"
#include "host/read_all.h"
#include "host/topology.h"
#include "run.h"
#include "xalloc.h"

#define N_PAGES 8

static struct hva address_of(const void *p)
{
	return (struct hva) { (uintptr_t)p };
}

static char *map_pages(size_t n, int flags)
{
	char *p = mmap(NULL, n * PAGE_4K_BYTES, PROT_READ | PROT_WRITE,
		       flags | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(p, MAP_FAILED);
	return p;
}

/* Some hosts build kernels, or filter calls, without move_pages(2). */
static bool is_refused(int err)
{
	if (err == -ENOSYS || err == -EPERM) {
		fprintf(stderr, "not tested here: %s\n", strerror(-err));
		return true;
	}
	return false;
}

START_TEST(own_pages_are_found_and_stay_on_their_node)
{
	struct sys sys = sys_linux();
	char *memory = map_pages(N_PAGES, MAP_PRIVATE);
	struct hva pages[N_PAGES];
	int status[N_PAGES];
	int nodes[N_PAGES];
	int again[N_PAGES];
	int err;

	for (size_t i = 0; i < N_PAGES; i++)
		pages[i] = address_of(memory + i * PAGE_4K_BYTES);
	memset(memory, 1, (N_PAGES - 1) * PAGE_4K_BYTES);
	err = sys.ops->pages_where(sys.self, getpid(), pages, N_PAGES, status);
	if (is_refused(err))
		return;
	ck_assert_int_eq(err, 0);
	for (size_t i = 0; i < N_PAGES - 1; i++) {
		ck_assert_msg(node_is_valid(status[i]), "%d", status[i]);
		nodes[i] = status[i];
		again[i] = PAGE_STATUS_UNWRITTEN;
	}
	/* Never touched: EFAULT before Linux 6.12, ENOENT since. */
	ck_assert(status[N_PAGES - 1] == -ENOENT ||
		  status[N_PAGES - 1] == -EFAULT);
	ck_assert_int_eq(sys.ops->pages_move(sys.self, getpid(), pages, nodes,
					     N_PAGES - 1, false, again),
			 0);
	ck_assert_mem_eq(again, nodes, (N_PAGES - 1) * sizeof(*nodes));
	munmap(memory, N_PAGES * PAGE_4K_BYTES);
}
END_TEST

START_TEST(node_that_does_not_exist_is_refused)
{
	struct sys sys = sys_linux();
	char *memory = map_pages(1, MAP_PRIVATE);
	struct hva page = address_of(memory);
	int node = 1000;
	int status = PAGE_STATUS_UNWRITTEN;
	int err;

	memory[0] = 1;
	err = sys.ops->pages_move(sys.self, getpid(), &page, &node, 1, false,
				  &status);
	if (is_refused(err))
		return;
	ck_assert_int_eq(err, -ENODEV);
	ck_assert_int_eq(status, PAGE_STATUS_UNWRITTEN);
	munmap(memory, PAGE_4K_BYTES);
}
END_TEST

/* A child that waits to be killed. */
static pid_t make_child(void)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		for (;;)
			pause();
	return pid;
}

START_TEST(killed_child_is_dead_before_and_after_it_is_reaped)
{
	struct sys sys = sys_linux();
	pid_t pid = make_child();
	struct hva page = { 0x1000 };
	siginfo_t info;
	int pidfd, status;

	ck_assert_int_eq(sys.ops->open_process(sys.self, pid, &pidfd), 0);
	ck_assert_int_eq(sys.ops->is_alive(sys.self, pidfd), 1);
	kill(pid, SIGKILL);
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	ck_assert_int_eq(sys.ops->is_alive(sys.self, pidfd), 0);
	status = sys.ops->pages_where(sys.self, pid, &page, 1, &status);
	ck_assert_msg(status == -EINVAL || is_refused(status), "%d", status);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert_int_eq(sys.ops->is_alive(sys.self, pidfd), 0);
	status = sys.ops->pages_where(sys.self, pid, &page, 1, &status);
	ck_assert_msg(status == -ESRCH || is_refused(status), "%d", status);
	sys.ops->close_fd(sys.self, pidfd);
	ck_assert_int_eq(sys.ops->open_process(sys.self, pid, &pidfd), -ESRCH);
}
END_TEST

START_TEST(handle_that_is_none_is_an_error_not_a_death)
{
	struct sys sys = sys_linux();

	ck_assert_int_eq(sys.ops->is_alive(sys.self, 987654), -EBADF);
}
END_TEST

START_TEST(long_proc_files_are_read_whole)
{
	struct sys sys = sys_linux();
	struct maps_cover cover;
	char *pieces[200];
	char *text;
	size_t len;

	/* Pages of alternating rights cannot be merged: 400 lines. */
	for (int i = 0; i < 200; i++) {
		pieces[i] = map_pages(2, MAP_PRIVATE);
		mprotect(pieces[i], PAGE_4K_BYTES, PROT_READ);
	}
	ck_assert_int_eq(
		read_all_file(&sys, "/proc/self/maps", MIB, &text, &len), 0);
	ck_assert_uint_eq(strlen(text), len);
	ck_assert_uint_gt(len, 200 * 50);
	for (int i = 0; i < 200; i++) {
		struct hva page = address_of(pieces[i]);

		ck_assert_int_eq(
			maps_cover(text, page, PAGE_4K_BYTES, &cover, NULL),
			-EPERM);
		page.v += PAGE_4K_BYTES;
		ck_assert_int_eq(
			maps_cover(text, page, PAGE_4K_BYTES, &cover, NULL), 0);
		munmap(pieces[i], 2 * PAGE_4K_BYTES);
	}
	free(text);
}
END_TEST

START_TEST(file_that_does_not_fit_is_refused_whole)
{
	struct sys sys = sys_linux();
	char small[64];
	size_t len = 99;

	ck_assert_int_eq(sys.ops->read_file(sys.self, "/proc/self/status",
					    small, sizeof(small), &len),
			 -E2BIG);
	ck_assert_int_eq(sys.ops->read_file(sys.self, "/proc/self/status",
					    small, 0, &len),
			 -E2BIG);
	ck_assert_int_eq(sys.ops->read_file(sys.self, "/no/such", small,
					    sizeof(small), &len),
			 -ENOENT);
	ck_assert_uint_eq(len, 99);
}
END_TEST

START_TEST(file_of_exactly_the_room_fits)
{
	struct sys sys = sys_linux();
	char path[] = "/dev/shm/vmnumad-test-XXXXXX";
	int fd = mkstemp(path);
	char buf[5];
	size_t len;

	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(sys.ops->write_file(sys.self, path, "abcdefgh"), 0);
	ck_assert_int_eq(sys.ops->read_file(sys.self, path, buf, 5, &len),
			 -E2BIG);
	ck_assert_int_eq(sys.ops->write_file(sys.self, path, "abcd"), 0);
	ck_assert_int_eq(sys.ops->read_file(sys.self, path, buf, 5, &len), 0);
	ck_assert_uint_eq(len, 4);
	ck_assert_str_eq(buf, "abcd");
	unlink(path);
	ck_assert_int_eq(sys.ops->write_file(sys.self, path, "x"), -ENOENT);
}
END_TEST

START_TEST(open_stat_file_is_read_again_and_again)
{
	struct sys sys = sys_linux();
	struct proc_stat stat;
	char text[1024];
	size_t len;
	int fd;

	ck_assert_int_eq(sys.ops->open_file(sys.self, "/proc/self/stat", &fd),
			 0);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(sys.ops->read_fd(sys.self, fd, text,
						  sizeof(text), &len),
				 0);
		ck_assert_int_eq(proc_stat_parse(text, &stat), 0);
		ck_assert_int_eq(stat.pid, getpid());
		ck_assert_int_eq(stat.parent_pid, getppid());
	}
	ck_assert_int_eq(sys.ops->read_fd(sys.self, fd, text, len, &len),
			 -E2BIG);
	ck_assert_int_eq(sys.ops->read_fd(sys.self, fd, text, len + 1, &len),
			 0);
	sys.ops->close_fd(sys.self, fd);
}
END_TEST

static int count_names(void *arg, const char *name)
{
	ck_assert_str_ne(name, ".");
	ck_assert_str_ne(name, "..");
	return ++*(int *)arg == 2;
}

START_TEST(directory_walk_ends_when_told)
{
	struct sys sys = sys_linux();
	int n = 0;

	ck_assert_int_eq(
		sys.ops->each_entry(sys.self, "/proc/self", count_names, &n),
		0);
	ck_assert_int_eq(n, 2);
	ck_assert_int_eq(
		sys.ops->each_entry(sys.self, "/no/such", count_names, &n),
		-ENOENT);
}
END_TEST

START_TEST(link_of_a_descriptor_names_its_file_and_is_cut_to_fit)
{
	struct sys sys = sys_linux();
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	char path[64];
	char buf[10];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ck_assert_int_eq(sys.ops->read_link(sys.self, path, buf, sizeof(buf)),
			 0);
	ck_assert_str_eq(buf, "/dev/null");
	ck_assert_int_eq(sys.ops->read_link(sys.self, path, buf, 5), 0);
	ck_assert_str_eq(buf, "/dev");
	close(fd);
	ck_assert_int_eq(sys.ops->read_link(sys.self, path, buf, sizeof(buf)),
			 -ENOENT);
}
END_TEST

START_TEST(shared_memory_has_a_backing_and_private_memory_none)
{
	struct sys sys = sys_linux();
	char *shared = map_pages(4, MAP_SHARED);
	char *own = map_pages(4, MAP_PRIVATE);
	struct hva end = address_of(shared + 4 * PAGE_4K_BYTES);
	struct backing backing;
	int err = sys.ops->backing(sys.self, getpid(), address_of(shared), end,
				   &backing);

	if (err == -EPERM || err == -ENOENT) {
		fprintf(stderr, "not tested here: map_files\n");
		return;
	}
	ck_assert_int_eq(err, 0);
	ck_assert(backing.is_shmem);
	ck_assert(!backing.is_hugetlb);
	ck_assert_uint_eq(backing.page_bytes, PAGE_4K_BYTES);
	end = address_of(own + 4 * PAGE_4K_BYTES);
	ck_assert_int_eq(sys.ops->backing(sys.self, getpid(), address_of(own),
					  end, &backing),
			 -ENOENT);
	munmap(shared, 4 * PAGE_4K_BYTES);
	munmap(own, 4 * PAGE_4K_BYTES);
}
END_TEST

START_TEST(scan_finds_the_pages_that_are_there)
{
	struct sys sys = sys_linux();
	char *memory = map_pages(64, MAP_PRIVATE);
	struct page_run runs[4];
	struct hva start = address_of(memory);
	struct hva end = address_of(memory + 64 * PAGE_4K_BYTES);
	struct hva walk_end;
	size_t n;
	int fd, err;

	madvise(memory, 64 * PAGE_4K_BYTES, MADV_NOHUGEPAGE);
	memset(memory + 2 * PAGE_4K_BYTES, 1, 3 * PAGE_4K_BYTES);
	memory[10 * PAGE_4K_BYTES] = 1;
	/* The zero page is nothing that could be moved. */
	ck_assert_int_eq(*(volatile char *)(memory + 20 * PAGE_4K_BYTES), 0);
	ck_assert_int_eq(sys.ops->open_pagemap(sys.self, getpid(), &fd), 0);
	err = sys.ops->pagemap_scan(sys.self, fd, start, end, runs, 4, &n,
				    &walk_end);
	if (err == -ENOTTY) {
		sys.ops->close_fd(sys.self, fd);
		return;
	}
	ck_assert_int_eq(err, 0);
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(runs[0].start.v, start.v + 2 * PAGE_4K_BYTES);
	ck_assert_uint_eq(runs[0].end.v, start.v + 5 * PAGE_4K_BYTES);
	ck_assert(!runs[0].is_huge && !runs[0].is_file);
	ck_assert_uint_eq(runs[1].start.v, start.v + 10 * PAGE_4K_BYTES);
	ck_assert_uint_eq(walk_end.v, end.v);
	/* Room for one: the walk says where to go on. */
	ck_assert_int_eq(sys.ops->pagemap_scan(sys.self, fd, start, end, runs,
					       1, &n, &walk_end),
			 0);
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_lt(walk_end.v, end.v);
	ck_assert_uint_ge(walk_end.v, start.v + 5 * PAGE_4K_BYTES);
	sys.ops->close_fd(sys.self, fd);
	munmap(memory, 64 * PAGE_4K_BYTES);
}
END_TEST

START_TEST(collapse_makes_a_huge_page_or_says_why_not)
{
	struct sys sys = sys_linux();
	char *memory = map_pages(2 * PAGES_PER_2M, MAP_PRIVATE);
	uint64_t aligned =
		addr_down((uintptr_t)memory + PAGE_2M_BYTES - 1, PAGE_2M_BYTES);
	int pidfd, err;

	memset((void *)(uintptr_t)aligned, 1, PAGE_2M_BYTES);
	ck_assert_int_eq(sys.ops->open_process(sys.self, getpid(), &pidfd), 0);
	err = sys.ops->collapse(sys.self, pidfd, (struct hva) { aligned },
				PAGE_2M_BYTES);
	ck_assert_msg(err == 0 || err == -EINVAL || err == -ENOMEM ||
			      err == -EPERM || err == -EAGAIN ||
			      err == -EBUSY || err == -ENOSYS,
		      "%d", err);
	ck_assert_int_ne(sys.ops->collapse(sys.self, pidfd,
					   (struct hva) { 0x1000 },
					   PAGE_2M_BYTES),
			 0);
	sys.ops->close_fd(sys.self, pidfd);
	munmap(memory, 2 * PAGE_2M_BYTES);
}
END_TEST

START_TEST(this_host_has_a_topology)
{
	struct sys sys = sys_linux();
	autofree struct topology *topo = xcalloc(1, sizeof(*topo));
	struct why why;

	ck_assert_msg(topology_read(&sys, topo, &why) == 0, "%s", why.text);
	ck_assert(!node_mask_is_empty(topo->has_memory));
	ck_assert_int_ne(topology_node_of_cpu(topo, sched_getcpu()), NODE_NONE);
	ck_assert_int_eq(topology_refresh_memory(&sys, topo), 0);
}
END_TEST

static int sit_at(const struct sys *sys, int where, int node)
{
	return sys->ops->sit(sys->self, (struct seat) { where, node, 0 });
}

START_TEST(thread_runs_on_a_node_or_off_it)
{
	struct sys sys = sys_linux();
	autofree struct topology *topo = xcalloc(1, sizeof(*topo));
	int node;

	ck_assert_int_eq(topology_read(&sys, topo, NULL), 0);
	node = topology_node_of_cpu(topo, sched_getcpu());
	ck_assert_int_ne(sit_at(&sys, SEAT_ON_NODE, 63), 0);
	if (sit_at(&sys, SEAT_ON_NODE, node) == 0)
		ck_assert_int_eq(topology_node_of_cpu(topo, sched_getcpu()),
				 node);
	if (sit_at(&sys, SEAT_OFF_NODE, node) == 0)
		ck_assert_int_ne(topology_node_of_cpu(topo, sched_getcpu()),
				 node);
	ck_assert_int_eq(sit_at(&sys, SEAT_ANY, NODE_NONE), 0);
}
END_TEST

START_TEST(thread_runs_on_one_cpu)
{
	struct sys sys = sys_linux();
	struct seat seat = { .where = SEAT_ON_CPU, .cpu = sched_getcpu() };
	cpu_set_t cpus;

	ck_assert_int_eq(sys.ops->sit(sys.self, seat), 0);
	ck_assert_int_eq(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
	ck_assert_int_eq(CPU_COUNT(&cpus), 1);
	ck_assert(CPU_ISSET(seat.cpu, &cpus));
	seat.cpu = -1;
	ck_assert_int_eq(sys.ops->sit(sys.self, seat), -ENODEV);
	seat.cpu = INT_MAX;
	ck_assert_int_eq(sys.ops->sit(sys.self, seat), -ENODEV);
}
END_TEST

START_TEST(clock_never_goes_back)
{
	struct sys sys = sys_linux();
	uint64_t first = sys.ops->now_ns(sys.self);

	ck_assert_uint_gt(first, 0);
	ck_assert_uint_ge(sys.ops->now_ns(sys.self), first);
}
END_TEST

static void add(TCase *tests)
{
	tcase_add_test(tests, own_pages_are_found_and_stay_on_their_node);
	tcase_add_test(tests, node_that_does_not_exist_is_refused);
	tcase_add_test(tests,
		       killed_child_is_dead_before_and_after_it_is_reaped);
	tcase_add_test(tests, handle_that_is_none_is_an_error_not_a_death);
	tcase_add_test(tests, long_proc_files_are_read_whole);
	tcase_add_test(tests, file_that_does_not_fit_is_refused_whole);
	tcase_add_test(tests, file_of_exactly_the_room_fits);
	tcase_add_test(tests, open_stat_file_is_read_again_and_again);
	tcase_add_test(tests, directory_walk_ends_when_told);
	tcase_add_test(tests,
		       link_of_a_descriptor_names_its_file_and_is_cut_to_fit);
	tcase_add_test(tests,
		       shared_memory_has_a_backing_and_private_memory_none);
	tcase_add_test(tests, scan_finds_the_pages_that_are_there);
	tcase_add_test(tests, collapse_makes_a_huge_page_or_says_why_not);
	tcase_add_test(tests, this_host_has_a_topology);
	tcase_add_test(tests, thread_runs_on_a_node_or_off_it);
	tcase_add_test(tests, thread_runs_on_one_cpu);
	tcase_add_test(tests, clock_never_goes_back);
}

int main(void)
{
	return run_tests("sys linux", add);
}
