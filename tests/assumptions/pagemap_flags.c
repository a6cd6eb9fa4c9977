/* SPDX-License-Identifier: Apache-2.0 */
/* How huge pages are told from others before Linux 6.7. See assume.h. */
#include "assume.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define PRESENT       (1ull << 63)
#define PFN_MASK      ((1ull << 55) - 1)
#define COMPOUND_HEAD (1ull << 15)
#define THP           (1ull << 22)

static const char belief[] =
	"In pagemap a huge page is 512 frames in a row from a multiple of 512 on, whose first has the flags COMPOUND_HEAD and THP in kpageflags; a 4 KiB page has neither flag.";

static void prepare(struct target *target)
{
	target->at = memory_on(0, HUGE_BYTES, MEMORY_HUGE);
	target->other = memory_on(0, HUGE_BYTES, MEMORY_SMALL);
}

static void read_entries(const char *path, uint64_t first, uint64_t *entries,
			 size_t n)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	must(fd >= 0 && pread(fd, entries, n * sizeof(*entries),
			      (off_t)(first * sizeof(*entries))) ==
				(ssize_t)(n * sizeof(*entries)),
	     path);
	close(fd);
}

/* Frames of the 2 MiB at at; those that are not there are 0. */
static void read_frames(const struct target *target, char *at, uint64_t *frames)
{
	char path[64];
	size_t i;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", target->pid);
	read_entries(path, (uintptr_t)at / PAGE_BYTES, frames, HUGE_PAGES);
	for (i = 0; i < HUGE_PAGES; i++)
		frames[i] = frames[i] & PRESENT ? frames[i] & PFN_MASK : 0;
}

static uint64_t flags_of(uint64_t frame)
{
	uint64_t flags;

	read_entries("/proc/kpageflags", frame, &flags, 1);
	return flags & (COMPOUND_HEAD | THP);
}

int main(void)
{
	static uint64_t frames[HUGE_PAGES];
	struct target *target;
	size_t i;

	need_two_nodes();
	target = target_start(prepare);
	must(smaps_bytes(target, target->at, "AnonHugePages") == HUGE_BYTES,
	     "a huge page");
	read_frames(target, target->at, frames);
	expect(frames[0] && frames[0] % HUGE_PAGES == 0,
	       "the first frame is %#lx", (unsigned long)frames[0]);
	for (i = 0; i < HUGE_PAGES; i++)
		expect(frames[i] == frames[0] + i, "frame %zu is %#lx behind",
		       i, (unsigned long)(frames[i] - frames[0]));
	expect(flags_of(frames[0]) == (COMPOUND_HEAD | THP),
	       "its flags are %#lx", (unsigned long)flags_of(frames[0]));

	read_frames(target, target->other, frames);
	for (i = 0; i < HUGE_PAGES; i++)
		expect(frames[i] && !flags_of(frames[i]),
		       "4 KiB page %zu has frame %#lx and flags %#lx", i,
		       (unsigned long)frames[i],
		       (unsigned long)flags_of(frames[i]));
	return confirmed(belief);
}
