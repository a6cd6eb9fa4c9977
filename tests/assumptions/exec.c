/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's process that becomes another program. See assume.h. */
#include "assume.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char belief[] =
	"execve(2) keeps process number, pidfd and start time, gives the stack another place, and leaves nothing to be moved at the old addresses.";

/* Of /proc/PID/task/PID/stat, which is all of the first thread's. */
struct marks {
	uint64_t start_ticks; /* field 22 */
	uint64_t stack_start; /* field 28 */
};

static struct marks read_marks(pid_t pid)
{
	struct marks marks = { 0 };
	char path[64], text[1024], *field, *rest = NULL;
	size_t len;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, pid);
	file = fopen(path, "r");
	must(file, path);
	len = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[len] = '\0';
	field = strtok_r(strrchr(text, ')') + 1, " ", &rest);
	for (int number = 3; field; number++) {
		if (number == 22)
			sscanf(field, "%" SCNu64, &marks.start_ticks);
		if (number == 28)
			sscanf(field, "%" SCNu64, &marks.stack_start);
		field = strtok_r(NULL, " ", &rest);
	}
	return marks;
}

static void prepare(struct target *target)
{
	target->at = memory_on(0, PAGE_BYTES, MEMORY_SMALL);
}

/* Never ends: the next program takes the place of this one. */
static void become_another(struct target *target)
{
	execlp("sleep", "sleep", "60", NULL);
	must(false, "execlp");
}

int main(void)
{
	struct marks before, after;
	struct pollfd pidfd = { .events = POLLIN };
	struct target *target;
	int status;
	long result;

	need_two_nodes();
	target = target_start(prepare);
	pidfd.fd = (int)syscall(SYS_pidfd_open, target->pid, 0);
	must(pidfd.fd >= 0, "pidfd_open");
	before = after = read_marks(target->pid);
	expect(before.stack_start > 0, "the stack begins nowhere");
	target_begin(target, become_another);
	for (int i = 0; i < 1000 && !memcmp(&before, &after, sizeof(after));
	     i++) {
		usleep(10000);
		after = read_marks(target->pid);
	}
	expect(after.start_ticks == before.start_ticks,
	       "the start time was %" PRIu64 ", then %" PRIu64,
	       before.start_ticks, after.start_ticks);
	expect(after.stack_start != before.stack_start,
	       "the stack stays at %" PRIx64, before.stack_start);
	expect(poll(&pidfd, 1, 0) == 0, "the pidfd says that it has ended");
	result = move(target, target->at, PAGE_BYTES, 1, 1, &status, MOVE_ALL);
	expect(result == 0 && (status == -EFAULT || status == -ENOENT),
	       "moving memory of before: %ld, %d", result, status);
	return confirmed(belief);
}
