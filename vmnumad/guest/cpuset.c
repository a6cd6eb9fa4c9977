/* SPDX-License-Identifier: Apache-2.0 */
/* Widen and narrow; see cpuset.h. Called by rehome.c. */
#include "guest/cpuset.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/list.h"
#include "host/proc_text.h"
#include "xalloc.h"

/* One cgroup that has threads of the guest. */
struct cpuset_dir {
	char *path; /* of its cpuset.mems, owned */
	struct node_mask mems; /* what it says; empty: as the one above */
};

/* All of them. */
struct cpusets {
	const struct sys *sys; /* borrowed door */
	pid_t pid; /* whose */
	struct cpuset_dir *dirs; /* owned */
	size_t n; /* length of dirs */
};

static void cpusets_finish(struct cpusets *sets)
{
	for (size_t i = 0; i < sets->n; i++)
		free(sets->dirs[i].path);
	free(sets->dirs);
}

static bool has_path(const struct cpusets *sets, const char *path)
{
	for (size_t i = 0; i < sets->n; i++)
		if (strcmp(sets->dirs[i].path, path) == 0)
			return true;
	return false;
}

/* The cgroup's cpuset.mems, if it is there and not known yet. */
static void add_dir(struct cpusets *sets, const char *mount, const char *cgroup)
{
	autofree char *path = xasprintf("%s%s/cpuset.mems", mount, cgroup);
	struct cpuset_dir dir = { 0 };
	char text[LIST_NODES_TEXT];
	size_t len;

	if (sets->n == CPUSET_DIRS_MAX || has_path(sets, path) ||
	    strstr(path, "/../") || !strstr(cgroup, "libvirt") ||
	    sets->sys->ops->read_file(sets->sys->self, path, text, sizeof(text),
				      &len) < 0 ||
	    list_parse_nodes(text, &dir.mems, NULL) < 0)
		return;
	dir.path = path;
	path = NULL;
	sets->dirs = xreallocarray(sets->dirs, sets->n + 1, sizeof(dir));
	sets->dirs[sets->n++] = dir;
}

/* Lines "0::/machine/…" (cgroup v2) or "5:cpuset:/machine/…" (v1). */
static void add_thread(struct cpusets *sets, char *text)
{
	char *rest = NULL, *line;

	for (line = strtok_r(text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		char *controllers = strchr(line, ':');
		char *cgroup =
			controllers ? strchr(controllers + 1, ':') : NULL;

		if (!cgroup)
			continue;
		*cgroup++ = '\0';
		controllers++;
		if (strcmp(line, "0:") == 0 || *controllers == '\0')
			add_dir(sets, "/sys/fs/cgroup", cgroup);
		else if (strcmp(controllers, "cpuset") == 0)
			add_dir(sets, "/sys/fs/cgroup/cpuset", cgroup);
	}
}

/* sys_entry_fn: one thread of the guest. */
static int on_thread(void *arg, const char *tid)
{
	struct cpusets *sets = arg;
	char path[64], text[4096];
	size_t len;

	snprintf(path, sizeof(path), "/proc/%d/task/%.10s/cgroup",
		 (int)sets->pid, tid);
	if (sets->sys->ops->read_file(sets->sys->self, path, text, sizeof(text),
				      &len) == 0)
		add_thread(sets, text);
	return 0;
}

static int cpusets_read(const struct sys *sys, const struct identity *guest,
			struct cpusets *ret_sets, struct why *why)
{
	struct cpusets sets = { .sys = sys, .pid = guest->pid };
	char path[32];
	int err;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)guest->pid);
	err = sys->ops->each_entry(sys->self, path, on_thread, &sets);
	/* alive after it was read: these are its cgroups, no other process' */
	if (err >= 0)
		err = identity_poll(sys, guest);
	if (err < 0 || sets.n == 0) {
		why_set(why, err < 0 ? "the guest has ended"
				     : "no cpuset controls this guest");
		cpusets_finish(&sets);
		return err < 0 ? err : -ENOENT;
	}
	*ret_sets = sets;
	return 0;
}

static int write_mems(const struct cpusets *sets, const struct cpuset_dir *dir,
		      struct node_mask mems, struct why *why)
{
	char text[LIST_NODES_TEXT];
	int err;

	list_format_nodes(mems, text, sizeof(text));
	err = sets->sys->ops->write_file(sets->sys->self, dir->path, text);
	if (err < 0)
		why_set(why, "%s: %s", dir->path, strerror(-err));
	return err;
}

/* Put back what the first n said. */
static void take_back(const struct cpusets *sets, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!node_mask_is_empty(sets->dirs[i].mems))
			write_mems(sets, &sets->dirs[i], sets->dirs[i].mems,
				   NULL);
}

/* What the kernel allows the process in effect. */
static struct node_mask allowed_now(const struct cpusets *sets)
{
	struct proc_status status;
	char path[64], text[8192];
	size_t len;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)sets->pid);
	if (sets->sys->ops->read_file(sets->sys->self, path, text, sizeof(text),
				      &len) < 0 ||
	    proc_status_parse(text, &status) < 0)
		return (struct node_mask) { 0 };
	return status.mems_allowed;
}

int cpuset_widen(const struct sys *sys, const struct identity *guest,
		 struct node_mask add, struct why *why)
{
	struct cpusets sets;
	size_t i;
	int err;

	err = cpusets_read(sys, guest, &sets, why);
	if (err < 0)
		return err;
	for (i = 0; i < sets.n && err == 0; i++) {
		struct node_mask mems = { sets.dirs[i].mems.bits | add.bits };

		if (!node_mask_is_empty(sets.dirs[i].mems))
			err = write_mems(&sets, &sets.dirs[i], mems, why);
	}
	if (err == 0 && add.bits & ~allowed_now(&sets).bits) {
		why_set(why, "a cgroup above the guest's does not allow the "
			     "target node");
		err = -EACCES;
	}
	if (err < 0)
		take_back(&sets, i);
	cpusets_finish(&sets);
	return err;
}

int cpuset_narrow(const struct sys *sys, const struct identity *guest,
		  struct node_mask remove, struct why *why)
{
	struct cpusets sets;
	int err;

	err = cpusets_read(sys, guest, &sets, why);
	if (err < 0)
		return err;
	for (size_t i = 0; i < sets.n && err == 0; i++) {
		struct node_mask mems = { sets.dirs[i].mems.bits &
					  ~remove.bits };

		if (!node_mask_is_empty(mems))
			err = write_mems(&sets, &sets.dirs[i], mems, why);
	}
	cpusets_finish(&sets);
	return err;
}
