// SPDX-License-Identifier: Apache-2.0
/*
 * Holds pages for long, as a device would that has been given them: registers
 * them as fixed buffers of an io_uring. Such a page cannot be moved until this
 * program ends. Run by scenarios of tests/lab.
 *
 *   hold PID COUNT
 *
 * Maps the memfd of that QEMU and holds COUNT pages of it, spread evenly among
 * those that the guest has used. Prints the offset of each in the memfd, one a
 * line and in decimal, when all are held, and then waits to be killed.
 *
 *   hold --map PID
 *
 * Maps the memfd of that QEMU as a vhost-user backend does, and reads what the
 * guest has used of it: then those pages are mapped twice. Prints how many they
 * are, and waits to be killed.
 *
 *   hold --crumble MIB
 *
 * Takes so much memory of its own (of one node, by numactl), holds a page in
 * each 256 KiB and gives the rest back: then that is free, but in no piece of
 * 2 MiB, and cannot be compacted. Prints "crumbled" and waits to be killed.
 *
 * Exit status 1 with a sentence when that is not possible.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/io_uring.h>

#define PAGE_BYTES  4096ull
#define BIG_BYTES   (64ull << 20)
#define MAX_PAGES   16384 /* io_uring's own limit */
#define CRUMB_BYTES (256ull << 10)

/* The guest's memory, mapped here too. */
struct memory {
	char *at; /* its first byte */
	unsigned long long size_bytes; /* of all of it */
};

static void die(const char *what, int error)
{
	fprintf(stderr, "hold: %s: %s\n", what, strerror(error));
	exit(1);
}

/* Opens what the link stands for if it is a large memfd; -1 if not. */
static int open_if_memory(const char *link, unsigned long long *ret_size_bytes)
{
	char name[64] = "";
	struct stat stat;
	int fd;

	if (readlink(link, name, sizeof(name) - 1) < 0 ||
	    strncmp(name, "/memfd:", strlen("/memfd:")) != 0)
		return -1;
	fd = open(link, O_RDWR | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &stat) < 0)
		die(link, errno);
	if ((unsigned long long)stat.st_size < BIG_BYTES) {
		close(fd);
		return -1;
	}
	*ret_size_bytes = (unsigned long long)stat.st_size;
	return fd;
}

static struct memory map_memory(const char *pid)
{
	struct memory memory = { 0 };
	char path[512];
	struct dirent *entry;
	int fd = -1;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	dir = opendir(path);
	if (!dir)
		die(path, errno);
	while (fd < 0 && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%s/fd/%s", pid,
			 entry->d_name);
		fd = open_if_memory(path, &memory.size_bytes);
	}
	closedir(dir);
	if (fd < 0)
		die("a memfd of that process", ENOENT);
	memory.at = mmap(NULL, memory.size_bytes, PROT_READ | PROT_WRITE,
			 MAP_SHARED, fd, 0);
	if (memory.at == MAP_FAILED)
		die("mmap", errno);
	close(fd);
	return memory;
}

/* Chooses n of the pages that the guest has used. */
static void choose_pages(const struct memory *memory, struct iovec *ret_pages,
			 unsigned long long n)
{
	unsigned long long n_all = memory->size_bytes / PAGE_BYTES;
	unsigned char *there = malloc(n_all);
	unsigned long long n_there = 0, nth = 0, chosen = 0;
	unsigned long long i;

	if (!there || mincore(memory->at, memory->size_bytes, there))
		die("mincore", errno);
	for (i = 0; i < n_all; i++)
		n_there += there[i] & 1;
	if (n_there < n)
		die("so many pages", ENOENT);
	for (i = 0; i < n_all && chosen < n; i++) {
		if (!(there[i] & 1))
			continue;
		if (nth++ == (2 * chosen + 1) * n_there / (2 * n))
			ret_pages[chosen++] =
				(struct iovec) { memory->at + i * PAGE_BYTES,
						 PAGE_BYTES };
	}
	free(there);
}

/* The pages are held as long as this process lives. */
static void hold_pages(const struct iovec *pages, unsigned int n)
{
	struct io_uring_params params = { 0 };
	int fd = (int)syscall(SYS_io_uring_setup, 1, &params);

	if (fd < 0)
		die("io_uring_setup", errno);
	if (syscall(SYS_io_uring_register, fd, IORING_REGISTER_BUFFERS, pages,
		    n))
		die("io_uring_register", errno);
}

static void hold_guest_pages(const char *pid, unsigned int n)
{
	static struct iovec pages[MAX_PAGES];
	struct memory memory = map_memory(pid);

	choose_pages(&memory, pages, n);
	hold_pages(pages, n);
	for (unsigned int i = 0; i < n; i++)
		printf("%llu\n",
		       (unsigned long long)((char *)pages[i].iov_base -
					    memory.at));
}

/* Holds nothing: the pages are only mapped here too. */
static void map_guest_pages(const char *pid)
{
	struct memory memory = map_memory(pid);
	unsigned long long n_all = memory.size_bytes / PAGE_BYTES;
	unsigned char *there = malloc(n_all);
	unsigned long long n_there = 0;

	if (!there || mincore(memory.at, memory.size_bytes, there))
		die("mincore", errno);
	for (unsigned long long i = 0; i < n_all; i++) {
		if (!(there[i] & 1))
			continue;
		(void)*(volatile char *)(memory.at + i * PAGE_BYTES);
		n_there++;
	}
	free(there);
	printf("%llu\n", n_there);
}

static void crumble(unsigned long long size_bytes)
{
	static struct iovec pages[MAX_PAGES];
	unsigned int n = (unsigned int)(size_bytes / CRUMB_BYTES);
	char *at = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED || madvise(at, size_bytes, MADV_NOHUGEPAGE))
		die("memory", errno);
	memset(at, 1, size_bytes);
	for (unsigned int i = 0; i < n; i++)
		pages[i] = (struct iovec) { at + i * CRUMB_BYTES, PAGE_BYTES };
	hold_pages(pages, n);
	for (unsigned int i = 0; i < n; i++)
		if (madvise(at + i * CRUMB_BYTES + PAGE_BYTES,
			    CRUMB_BYTES - PAGE_BYTES, MADV_DONTNEED))
			die("madvise", errno);
	printf("crumbled\n");
}

int main(int argc, char **argv)
{
	bool is_map = argc == 3 && strcmp(argv[1], "--map") == 0;
	int n = argc == 3 ? atoi(argv[2]) : 0;

	if (n < 1 || (!is_map && n > (int)(MAX_PAGES * CRUMB_BYTES >> 20))) {
		fprintf(stderr,
			"usage: hold PID COUNT | --map PID | --crumble MIB\n");
		return 2;
	}
	if (is_map)
		map_guest_pages(argv[2]);
	else if (strcmp(argv[1], "--crumble") == 0)
		crumble((unsigned long long)n << 20);
	else
		hold_guest_pages(argv[1], (unsigned int)n);
	fflush(stdout);
	for (;;)
		pause();
}
