/* SPDX-License-Identifier: Apache-2.0 */
/* KVM's counters of one guest; see kvm_stats.h. */
#include "move/kvm_stats.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "host/node_text.h"

#define KVM_DIR "/sys/kernel/debug/kvm"

/* What open_in_folder() needs. */
struct opening {
	const struct sys *sys; /* borrowed door */
	char prefix[16]; /* "PID-", as the guest's folder begins */
	const char *name; /* of the counter */
	int err; /* 0 once it is open */
	int fd; /* then */
};

/* sys_entry_fn: open the counter in the first folder of the guest. */
static int open_in_folder(void *arg, const char *folder)
{
	struct opening *opening = arg;
	char path[128];

	if (strncmp(folder, opening->prefix, strlen(opening->prefix)) != 0)
		return 0;
	snprintf(path, sizeof(path), KVM_DIR "/%.40s/%.40s", folder,
		 opening->name);
	opening->err = opening->sys->ops->open_file(opening->sys->self, path,
						    &opening->fd);
	return opening->err == 0;
}

int kvm_stats_open(const struct sys *sys, pid_t pid, const char *name,
		   int *ret_fd)
{
	struct opening opening = { .sys = sys, .name = name, .err = -ENOENT };
	int err;

	snprintf(opening.prefix, sizeof(opening.prefix), "%d-", (int)pid);
	err = sys->ops->each_entry(sys->self, KVM_DIR, open_in_folder,
				   &opening);
	if (opening.err == 0)
		*ret_fd = opening.fd;
	else if (err < 0)
		return err;
	return opening.err;
}

uint64_t kvm_stats_read(const struct sys *sys, int fd)
{
	uint64_t value;
	char text[32];
	size_t len;

	if (sys->ops->read_fd(sys->self, fd, text, sizeof(text), &len) < 0 ||
	    node_number_parse(text, &value) < 0)
		return KVM_STAT_UNKNOWN;
	return value;
}

uint64_t kvm_stats_once(const struct sys *sys, pid_t pid, const char *name)
{
	uint64_t value;
	int fd;

	if (kvm_stats_open(sys, pid, name, &fd) < 0)
		return KVM_STAT_UNKNOWN;
	value = kvm_stats_read(sys, fd);
	sys->ops->close_fd(sys->self, fd);
	return value;
}
