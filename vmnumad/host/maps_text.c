/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/maps. See maps_text.h. */
#include "host/maps_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A number at *at that ends with stop; *at is moved behind stop. */
static int parse_until(const char **at, int base, char stop, uint64_t *ret)
{
	const char *p = *at;
	char *end;

	/* strtoull takes blanks, signs and "0x": the kernel prints none. */
	if (!((*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'f')))
		return -EINVAL;
	errno = 0;
	*ret = strtoull(p, &end, base);
	if (errno || *end != stop || (p[0] == '0' && p[1] == 'x'))
		return -EINVAL;
	*at = end + 1;
	return 0;
}

/* "rw-p " */
static int parse_perms(const char **at, struct maps_entry *entry)
{
	const char *p = *at;

	if (strnlen(p, 5) < 5 || p[4] != ' ' || (p[3] != 'p' && p[3] != 's') ||
	    (p[0] != 'r' && p[0] != '-') || (p[1] != 'w' && p[1] != '-') ||
	    (p[2] != 'x' && p[2] != '-'))
		return -EINVAL;
	entry->is_readable = p[0] == 'r';
	entry->is_writable = p[1] == 'w';
	entry->is_executable = p[2] == 'x';
	entry->is_shared = p[3] == 's';
	*at = p + 5;
	return 0;
}

/* "fe:00 " */
static int parse_device(const char **at, struct maps_entry *entry)
{
	uint64_t major, minor;

	if (parse_until(at, 16, ':', &major) ||
	    parse_until(at, 16, ' ', &minor) || major > UINT32_MAX ||
	    minor > UINT32_MAX)
		return -EINVAL;
	entry->dev_major = (uint32_t)major;
	entry->dev_minor = (uint32_t)minor;
	return 0;
}

int maps_next(const char **text, struct maps_entry *ret_entry)
{
	struct maps_entry entry = { 0 };
	const char *p = *text;
	const char *eol = strchr(p, '\n');

	if (*p == '\0')
		return 0;
	if (!eol)
		return -EINVAL;
	if (parse_until(&p, 16, '-', &entry.start.v) ||
	    parse_until(&p, 16, ' ', &entry.end.v) ||
	    entry.end.v <= entry.start.v || parse_perms(&p, &entry) ||
	    parse_until(&p, 16, ' ', &entry.offset) || parse_device(&p, &entry))
		return -EINVAL;
	/* A mapping without a name ends with a blank or with the inode. */
	if (parse_until(&p, 10, ' ', &entry.inode)) {
		if (parse_until(&p, 10, '\n', &entry.inode))
			return -EINVAL;
		p = eol;
	}
	while (p < eol && *p == ' ')
		p++;
	entry.path = p;
	entry.path_len = (size_t)(eol - p);
	*text = eol + 1;
	*ret_entry = entry;
	return 1;
}

static bool path_starts(const struct maps_entry *e, const char *prefix)
{
	size_t len = strlen(prefix);

	return e->path_len >= len && !memcmp(e->path, prefix, len);
}

static bool path_is(const struct maps_entry *e, const char *path)
{
	return e->path_len == strlen(path) && path_starts(e, path);
}

static bool path_holds(const struct maps_entry *e, const char *part)
{
	return memmem(e->path, e->path_len, part, strlen(part)) != NULL;
}

/* A name that QEMU or libvirt gives to guest memory. The path is what the
 * process sees in its own mount namespace and may be a lie; all that it can
 * win with one is that its own file pages are moved between nodes. */
static bool find_kind(const struct maps_entry *e, enum maps_kind *ret_kind)
{
	if (!e->path_len || path_starts(e, "[anon:")) {
		*ret_kind = MAPS_ANON;
		return e->inode == 0 && !e->is_shared;
	}
	if (path_is(e, "/dev/zero (deleted)") ||
	    path_starts(e, "[anon_shmem:")) {
		*ret_kind = MAPS_ANON;
		return e->is_shared;
	}
	if (path_starts(e, "/memfd:")) {
		*ret_kind = MAPS_MEMFD;
		return true;
	}
	if (path_is(e, "/anon_hugepage (deleted)") ||
	    path_holds(e, "/hugepages")) {
		*ret_kind = MAPS_HUGETLB;
		return true;
	}
	/* QEMU's name for a file that it makes in a mem-path directory, and
	 * libvirt's directory for memory of <source type='file'/>. */
	*ret_kind = MAPS_FILE;
	return path_holds(e, "/qemu_back_mem.") ||
	       path_starts(e, "/var/lib/libvirt/qemu/ram/");
}

static int check_entry(const struct maps_entry *e, enum maps_kind *ret_kind,
		       struct why *why)
{
	int shown = e->path_len > 80 ? 80 : (int)e->path_len;

	if (!e->is_readable || !e->is_writable || e->is_executable) {
		why_set(why,
			"0x%llx is mapped %c%c%c (%.*s), guest memory is rw-",
			(unsigned long long)e->start.v,
			e->is_readable ? 'r' : '-', e->is_writable ? 'w' : '-',
			e->is_executable ? 'x' : '-', shown, e->path);
		return -EPERM;
	}
	if (!find_kind(e, ret_kind)) {
		why_set(why, "0x%llx is \"%.*s\", which is not guest memory",
			(unsigned long long)e->start.v, shown, e->path);
		return -EPERM;
	}
	return 0;
}

/* Is e the continuation of prev in the same piece of memory? */
static bool is_same_memory(const struct maps_entry *prev,
			   const struct maps_entry *e)
{
	if (e->is_shared != prev->is_shared || e->inode != prev->inode ||
	    e->dev_major != prev->dev_major || e->dev_minor != prev->dev_minor)
		return false;
	return e->inode == 0 ||
	       e->offset == prev->offset + (prev->end.v - prev->start.v);
}

static int check_range(struct hva start, uint64_t size_bytes, uint64_t *ret_end,
		       struct why *why)
{
	if (size_bytes == 0 || !addr_is_aligned(start.v, PAGE_4K_BYTES) ||
	    !addr_is_aligned(size_bytes, PAGE_4K_BYTES) ||
	    !addr_add(start.v, size_bytes, ret_end)) {
		why_set(why,
			"0x%llx of 0x%llx bytes is empty, unaligned or wraps",
			(unsigned long long)start.v,
			(unsigned long long)size_bytes);
		return -EINVAL;
	}
	return 0;
}

/* Take e, which holds the byte at cover's end so far, into cover. */
static int add_entry(struct maps_cover *cover, const struct maps_entry *prev,
		     const struct maps_entry *e, struct why *why)
{
	enum maps_kind kind;
	int err = check_entry(e, &kind, why);

	if (err)
		return err;
	if (cover->n_mappings++ == 0) {
		cover->kind = kind;
		cover->is_shared = e->is_shared;
		cover->inode = e->inode;
		cover->first_start = e->start;
		cover->first_end = e->end;
		return 0;
	}
	if (kind != cover->kind || !is_same_memory(prev, e)) {
		why_set(why, "another piece of memory begins at 0x%llx",
			(unsigned long long)e->start.v);
		return -EPERM;
	}
	return 0;
}

int maps_cover(const char *text, struct hva start, uint64_t size_bytes,
	       struct maps_cover *ret_cover, struct why *why)
{
	struct maps_cover cover = { 0 };
	struct maps_entry entry, prev = { 0 };
	uint64_t at = start.v;
	uint64_t end;
	int more;
	int err = check_range(start, size_bytes, &end, why);

	if (err)
		return err;
	while (at < end && (more = maps_next(&text, &entry)) != 0) {
		if (more < 0) {
			why_set(why, "cannot read the list of mappings");
			return more;
		}
		if (entry.end.v <= at)
			continue;
		if (entry.start.v > at)
			break;
		err = add_entry(&cover, &prev, &entry, why);
		if (err)
			return err;
		prev = entry;
		at = entry.end.v;
	}
	if (at < end) {
		why_set(why, "nothing is mapped at 0x%llx",
			(unsigned long long)at);
		return -ENOENT;
	}
	*ret_cover = cover;
	return 0;
}

const char *maps_kind_name(enum maps_kind kind)
{
	switch (kind) {
	case MAPS_ANON:
		return "anon";
	case MAPS_MEMFD:
		return "memfd";
	case MAPS_HUGETLB:
		return "hugetlb";
	case MAPS_FILE:
		return "file";
	}
	return "?";
}
