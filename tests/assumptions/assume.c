/* SPDX-License-Identifier: Apache-2.0 */
#include "assume.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/io_uring.h>
#include <linux/mempolicy.h>

#define SKIPPED 77

/* A file of the host that is put back at the end. */
struct saved {
	pid_t owner; /* the process that does so */
	char path[256]; /* the file */
	char text[256]; /* what it held; for a cgroup nothing */
};

void end_wrong(const char *belief, const char *format, ...)
{
	va_list args;

	printf("NOT SO: %s\n  seen: ", belief);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	exit(1);
}

void skip(const char *format, ...)
{
	va_list args;

	printf("skipped: ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	exit(SKIPPED);
}

void must(bool ok, const char *what)
{
	if (!ok) {
		printf("BROKEN: %s: %s\n", what, strerror(errno));
		exit(1);
	}
}

int confirmed(const char *belief)
{
	printf("%s\n", belief);
	return 0;
}

bool kernel_is_at_least(unsigned int major, unsigned int minor)
{
	struct utsname name;
	unsigned int has_major = 0, has_minor = 0;

	must(!uname(&name) &&
		     sscanf(name.release, "%u.%u", &has_major, &has_minor) == 2,
	     "uname");
	return has_major > major || (has_major == major && has_minor >= minor);
}

void need_two_nodes(void)
{
	char text[64] = "";
	FILE *file = fopen("/sys/devices/system/node/has_memory", "r");

	if (!file || !fgets(text, sizeof(text), file) ||
	    (strncmp(text, "0-", 2) && strncmp(text, "0,1", 3)))
		skip("nodes 0 and 1 with memory are needed");
	fclose(file);
	if (geteuid())
		skip("root is needed");
}

void need_lab(void)
{
	if (!getenv("LAB_OUT"))
		skip("this would hurt others on a real host");
}

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = write(fd, text, strlen(text));
	close(fd);
	return n < 0 ? -1 : 0;
}

static void put_back(int status, void *arg)
{
	struct saved *saved = arg;

	if (saved->owner == getpid())
		(void)write_text(saved->path, saved->text);
	free(saved);
}

/* Of a choice like "always [madvise] never" only the word is written. */
static void keep_chosen_word(char *text)
{
	char *word = strchr(text, '[');

	if (word) {
		memmove(text, word + 1, strlen(word));
		text[strcspn(text, "]")] = '\0';
	}
}

void host_set(const char *path, const char *text)
{
	struct saved *saved = calloc(1, sizeof(*saved));
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		skip("there is no %s", path);
	must(saved && read(fd, saved->text, sizeof(saved->text) - 1) > 0, path);
	close(fd);
	keep_chosen_word(saved->text);
	saved->owner = getpid();
	snprintf(saved->path, sizeof(saved->path), "%s", path);
	on_exit(put_back, saved);
	must(!write_text(path, text), path);
}

long host_number(const char *path)
{
	FILE *file = fopen(path, "r");
	long value = 0;

	must(file && fscanf(file, "%ld", &value) == 1, path);
	fclose(file);
	return value;
}

static void remove_cgroup(int status, void *arg)
{
	struct saved *saved = arg;

	if (saved->owner == getpid()) {
		(void)write_text("/sys/fs/cgroup/cgroup.procs", "0");
		rmdir(saved->path);
	}
	free(saved);
}

char *cpuset_create(const char *mems)
{
	struct saved *saved = calloc(1, sizeof(*saved));

	must(saved, "memory");
	saved->owner = getpid();
	snprintf(saved->path, sizeof(saved->path),
		 "/sys/fs/cgroup/vmnumad-assume-%d", getpid());
	if (mkdir(saved->path, 0755))
		skip("there is no cgroup2 at /sys/fs/cgroup");
	on_exit(remove_cgroup, saved);
	cpuset_write_mems(saved->path, mems);
	return saved->path;
}

void cpuset_write_mems(const char *cgroup, const char *mems)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/cpuset.mems", cgroup);
	if (write_text(path, mems))
		skip("%s: %s", path, strerror(errno));
}

void cpuset_enter(const char *cgroup, pid_t pid)
{
	char path[512], text[32];

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	snprintf(text, sizeof(text), "%d", pid);
	must(!write_text(path, text), path);
}

/* --- the process that is acted upon */

static void end_target(int status, void *arg)
{
	struct target *target = arg;

	/* Only the program that started it is its parent. */
	if (target->pid > 0 && target->pid != getpid()) {
		kill(target->pid, SIGKILL);
		target_reap(target);
	}
}

static void __attribute__((noreturn))
run_steps(struct target *target, int steps, int done)
{
	target_fn *step;

	while (read(steps, &step, sizeof(step)) == sizeof(step)) {
		step(target);
		if (write(done, "", 1) != 1)
			break;
	}
	_exit(0);
}

struct target *target_start(target_fn *prepare)
{
	struct target *target =
		mmap(NULL, sizeof(*target), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int steps[2], done[2];
	pid_t pid;

	must(target != MAP_FAILED && !pipe(steps) && !pipe(done), "target");
	pid = fork();
	must(pid >= 0, "fork");
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(steps[1]);
		close(done[0]);
		run_steps(target, steps[0], done[1]);
	}
	close(steps[0]);
	close(done[1]);
	target->pid = pid;
	target->to_target = steps[1];
	target->from_target = done[0];
	on_exit(end_target, target);
	target_do(target, prepare);
	return target;
}

void target_begin(struct target *target, target_fn *step)
{
	must(write(target->to_target, &step, sizeof(step)) == sizeof(step),
	     "the target ended");
}

void target_wait(struct target *target)
{
	char done;
	int status;

	if (read(target->from_target, &done, 1) == 1)
		return;
	waitpid(target->pid, &status, 0);
	target->pid = 0;
	/* It has said itself why. */
	if (WIFEXITED(status) && WEXITSTATUS(status))
		exit(WEXITSTATUS(status));
	printf("BROKEN: the target ended with status %#x\n", status);
	exit(1);
}

void target_do(struct target *target, target_fn *step)
{
	target_begin(target, step);
	target_wait(target);
}

void target_kill(struct target *target)
{
	siginfo_t info;

	kill(target->pid, SIGKILL);
	must(!waitid(P_PID, (id_t)target->pid, &info, WEXITED | WNOWAIT),
	     "waitid");
}

void target_reap(struct target *target)
{
	waitpid(target->pid, NULL, 0);
	target->pid = 0;
}

/* --- memory */

void allocate_on(int node)
{
	unsigned long mask = node < 0 ? 0 : 1ul << node;

	must(!syscall(SYS_set_mempolicy, node < 0 ? MPOL_DEFAULT : MPOL_BIND,
		      node < 0 ? NULL : &mask, node < 0 ? 0 : 64),
	     "set_mempolicy");
}

static char *map_aligned(size_t size_bytes, enum memory memory)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	char *at;

	if (memory == MEMORY_HUGETLB) {
		at = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE,
			  flags | MAP_HUGETLB, -1, 0);
		must(at != MAP_FAILED, "huge pages of the pool");
		return at;
	}
	at = mmap(NULL, size_bytes + HUGE_BYTES, PROT_READ | PROT_WRITE, flags,
		  -1, 0);
	must(at != MAP_FAILED, "mmap");
	at = (char *)(((uintptr_t)at + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1));
	if (madvise(at, size_bytes,
		    memory == MEMORY_HUGE ? MADV_HUGEPAGE : MADV_NOHUGEPAGE))
		skip("this kernel has no transparent huge pages");
	return at;
}

char *memory_on(int node, size_t size_bytes, enum memory memory)
{
	char *at;
	size_t i;

	allocate_on(node);
	at = map_aligned(size_bytes, memory);
	for (i = 0; i < size_bytes / PAGE_BYTES; i++)
		*(size_t *)(void *)(at + i * PAGE_BYTES) = i + 1;
	allocate_on(-1);
	return at;
}

void pin_long(char *at)
{
	struct io_uring_params params = { 0 };
	struct iovec page = { at, PAGE_BYTES };
	int fd = (int)syscall(SYS_io_uring_setup, 1, &params);

	if (fd < 0)
		skip("io_uring is not to be had: %s", strerror(errno));
	must(!syscall(SYS_io_uring_register, fd, IORING_REGISTER_BUFFERS, &page,
		      1),
	     "io_uring_register");
}

void pin_by_pipe(char *at)
{
	struct iovec page = { at, PAGE_BYTES };
	int ends[2];

	must(!pipe(ends) &&
		     vmsplice(ends[1], &page, 1, 0) == (ssize_t)PAGE_BYTES,
	     "vmsplice");
}

/* --- move_pages(2) */

long move_list(pid_t pid, void **pages, size_t n, int node, int *status,
	       int flags)
{
	int *nodes = calloc(n, sizeof(*nodes));
	long result;
	size_t i;

	must(nodes, "memory");
	for (i = 0; i < n; i++) {
		nodes[i] = node;
		status[i] = NOT_WRITTEN;
	}
	result = syscall(SYS_move_pages, pid, n, pages, nodes, status, flags);
	if (result < 0)
		result = -errno;
	free(nodes);
	return result;
}

static void **addresses(char *at, size_t step_bytes, size_t n)
{
	void **pages = calloc(n, sizeof(*pages));
	size_t i;

	must(pages, "memory");
	for (i = 0; i < n; i++)
		pages[i] = at + i * step_bytes;
	return pages;
}

long move(const struct target *target, char *at, size_t step_bytes, size_t n,
	  int node, int *status, int flags)
{
	void **pages = addresses(at, step_bytes, n);
	long result = move_list(target->pid, pages, n, node, status, flags);

	free(pages);
	return result;
}

long query_list(pid_t pid, void **pages, size_t n, int *status)
{
	long result = syscall(SYS_move_pages, pid, n, pages, NULL, status, 0);

	return result < 0 ? -errno : result;
}

static void locate(const struct target *target, char *at, size_t n, int *status)
{
	void **pages = addresses(at, PAGE_BYTES, n);

	must(!query_list(target->pid, pages, n, status), "query by move_pages");
	free(pages);
}

int node_of(const struct target *target, char *at)
{
	int status = NOT_WRITTEN;

	locate(target, at, 1, &status);
	return status;
}

size_t count_on(const struct target *target, char *at, size_t n, int node)
{
	int *status = calloc(n, sizeof(*status));
	size_t found;

	must(status, "memory");
	locate(target, at, n, status);
	found = count_status(status, n, node);
	free(status);
	return found;
}

size_t count_status(const int *status, size_t n, int value)
{
	size_t i, found = 0;

	for (i = 0; i < n; i++)
		found += status[i] == value;
	return found;
}

size_t smaps_bytes(const struct target *target, char *at, const char *field)
{
	char line[512], name[64];
	unsigned long start, end, kib, found = 0;
	bool is_inside = false;
	FILE *file;

	snprintf(line, sizeof(line), "/proc/%d/smaps", target->pid);
	file = fopen(line, "r");
	must(file, line);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			is_inside =
				start <= (uintptr_t)at && (uintptr_t)at < end;
		else if (is_inside &&
			 sscanf(line, "%63[^:]: %lu kB", name, &kib) == 2 &&
			 !strcmp(name, field))
			found = kib << 10;
	}
	fclose(file);
	return found;
}

long vmstat(const char *name)
{
	char key[64];
	long value, found = 0;
	FILE *file = fopen("/proc/vmstat", "r");

	must(file, "/proc/vmstat");
	while (fscanf(file, "%63s %ld", key, &value) == 2) {
		if (!strcmp(key, name))
			found = value;
	}
	fclose(file);
	return found;
}
