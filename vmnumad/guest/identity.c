/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order is what makes it safe: the pidfd is opened first, everything else
 * is read after it, and it is polled last. If it is alive at the end, all that
 * was read in between was read of the process that it is bound to.
 */
#include "guest/identity.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host/proc_text.h"
#include "sys.h"
#include "xalloc.h"

/* Of a process that is being looked at; the buffer is shared by all of them. */
struct candidate {
	const struct sys *sys; /* borrowed */
	char *cmdline; /* owned, IDENTITY_CMDLINE_SIZE bytes */
	size_t len; /* of cmdline */
};

struct search {
	struct candidate candidate; /* the one being looked at */
	const struct uuid *uuid; /* borrowed: what is looked for */
	struct identity found; /* the first that fits; pidfd -1 before */
	bool is_ambiguous; /* a second one fits too */
};

int identity_poll(const struct sys *sys, const struct identity *identity)
{
	if (identity->pidfd < 0)
		return -ESRCH;
	return sys->ops->is_alive(sys->self, identity->pidfd) == 1 ? 0 : -ESRCH;
}

/* Of the first thread alone: for the whole process the kernel walks all of its
 * threads to fill the file. */
static int read_stat(const struct sys *sys, pid_t pid,
		     struct proc_stat *ret_stat)
{
	char path[64];
	char text[1024];
	size_t len;
	int err;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", (int)pid,
		 (int)pid);
	err = sys->ops->read_file(sys->self, path, text, sizeof(text), &len);
	if (err)
		return err == -ENOENT ? -ESRCH : err;
	return proc_stat_parse(text, ret_stat);
}

int identity_check(const struct sys *sys, const struct identity *identity)
{
	struct proc_stat stat;

	if (identity_poll(sys, identity) ||
	    read_stat(sys, identity->pid, &stat) ||
	    stat.start_ticks != identity->start_ticks ||
	    stat.stack_start != identity->stack_start)
		return -ESRCH;
	return 0;
}

/* Is the program called qemu-something, or kvm as some distributions do? */
static bool is_qemu_name(const char *arg0)
{
	const char *slash = strrchr(arg0, '/');
	const char *name = slash ? slash + 1 : arg0;

	return strstr(name, "qemu") || strcmp(name, "kvm") == 0;
}

/* Does the command line belong to the QEMU of uuid? */
static int candidate_check(struct candidate *c, pid_t pid,
			   const struct uuid *uuid, struct uuid *ret_uuid,
			   struct why *why)
{
	const char *carried;
	char path[64];
	int err;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	err = c->sys->ops->read_file(c->sys->self, path, c->cmdline,
				     IDENTITY_CMDLINE_SIZE, &c->len);
	if (err) {
		why_set(why, "cannot read %s: %s", path, strerror(-err));
		return err == -ENOENT ? -ESRCH : err;
	}
	if (!is_qemu_name(c->cmdline)) {
		why_set(why, "process %d is not a QEMU", (int)pid);
		return -EINVAL;
	}
	carried = proc_cmdline_value(c->cmdline, c->len, "-uuid");
	if (uuid && (!carried || strcasecmp(carried, uuid->text) != 0)) {
		why_set(why, "process %d does not carry -uuid %s", (int)pid,
			uuid->text);
		return -EINVAL;
	}
	memset(ret_uuid, 0, sizeof(*ret_uuid));
	if (uuid)
		*ret_uuid = *uuid;
	else if (carried && strlen(carried) == UUID_TEXT_LEN)
		for (size_t i = 0; i < UUID_TEXT_LEN; i++)
			ret_uuid->text[i] =
				carried[i] >= 'A' && carried[i] <= 'F'
					? (char)(carried[i] - 'A' + 'a')
					: carried[i];
	return 0;
}

static int candidate_open(struct candidate *c, pid_t pid,
			  const struct uuid *uuid,
			  struct identity *ret_identity, struct why *why)
{
	struct identity id = { .pid = pid, .pidfd = -1 };
	struct proc_stat stat;
	int err = c->sys->ops->open_process(c->sys->self, pid, &id.pidfd);

	if (err) {
		why_set(why, "process %d: %s", (int)pid, strerror(-err));
		return err;
	}
	err = candidate_check(c, pid, uuid, &id.uuid, why);
	if (!err)
		err = read_stat(c->sys, pid, &stat);
	/* A zombie looks like any process without a command line. */
	if (identity_poll(c->sys, &id))
		err = -ESRCH;
	if (err) {
		if (err == -ESRCH)
			why_set(why, "process %d is gone", (int)pid);
		identity_close(c->sys, &id);
		return err;
	}
	id.start_ticks = stat.start_ticks;
	id.stack_start = stat.stack_start;
	*ret_identity = id;
	return 0;
}

int identity_open(const struct sys *sys, pid_t pid, const struct uuid *uuid,
		  struct identity *ret_identity, struct why *why)
{
	struct candidate c = { .sys = sys };
	int err;

	c.cmdline = xcalloc(1, IDENTITY_CMDLINE_SIZE);
	err = candidate_open(&c, pid, uuid, ret_identity, why);
	free(c.cmdline);
	return err;
}

/* A process number, all of the text but one line end; 0 if it is none. */
static pid_t parse_pid(const char *text)
{
	char *end;
	long pid;

	if (text[0] < '1' || text[0] > '9')
		return 0;
	errno = 0;
	pid = strtol(text, &end, 10);
	if (*end == '\n')
		end++;
	if (*end != '\0' || errno || pid > INT32_MAX)
		return 0;
	return (pid_t)pid;
}

static pid_t read_pid_file(const struct sys *sys, const char *pid_file)
{
	char text[32];
	size_t len;

	if (!pid_file ||
	    sys->ops->read_file(sys->self, pid_file, text, sizeof(text), &len))
		return 0;
	return parse_pid(text);
}

static int search_entry(void *arg, const char *name)
{
	struct search *s = arg;
	struct identity id;
	pid_t pid = parse_pid(name);

	if (pid == 0 || candidate_open(&s->candidate, pid, s->uuid, &id, NULL))
		return 0;
	if (s->found.pidfd < 0) {
		s->found = id;
		return 0;
	}
	identity_close(s->candidate.sys, &id);
	s->is_ambiguous = true;
	return 1;
}

static int search_proc(struct search *s, struct identity *ret_identity,
		       struct why *why)
{
	const struct sys *sys = s->candidate.sys;
	int err = sys->ops->each_entry(sys->self, "/proc", search_entry, s);

	if (s->is_ambiguous) {
		why_set(why, "several processes carry -uuid %s", s->uuid->text);
		identity_close(sys, &s->found);
		return -EEXIST;
	}
	if (s->found.pidfd >= 0) {
		*ret_identity = s->found;
		return 0;
	}
	if (err < 0) {
		why_set(why, "cannot list /proc: %s", strerror(-err));
		return err;
	}
	why_set(why, "no QEMU process carries -uuid %s", s->uuid->text);
	return -ESRCH;
}

int identity_find(const struct sys *sys, const struct uuid *uuid,
		  const char *pid_file, struct identity *ret_identity,
		  struct why *why)
{
	struct search s = {
		.candidate = { .sys = sys },
		.uuid = uuid,
		.found = { .pidfd = -1 },
	};
	pid_t pid = read_pid_file(sys, pid_file);
	int err = -ESRCH;

	s.candidate.cmdline = xcalloc(1, IDENTITY_CMDLINE_SIZE);
	if (pid != 0)
		err = candidate_open(&s.candidate, pid, uuid, ret_identity,
				     NULL);
	if (err)
		err = search_proc(&s, ret_identity, why);
	free(s.candidate.cmdline);
	return err;
}

int identity_dup(const struct sys *sys, const struct identity *identity,
		 struct identity *ret_copy)
{
	struct identity copy = *identity;
	int err = sys->ops->open_process(sys->self, copy.pid, &copy.pidfd);

	if (err)
		return err;
	/* The first handle was alive after the second one was opened, so the
	 * number still meant the same process then. */
	err = identity_poll(sys, identity);
	if (err) {
		identity_close(sys, &copy);
		return err;
	}
	*ret_copy = copy;
	return 0;
}

void identity_close(const struct sys *sys, struct identity *identity)
{
	if (identity->pidfd < 0)
		return;
	sys->ops->close_fd(sys->self, identity->pidfd);
	identity->pidfd = -1;
}
