/* SPDX-License-Identifier: Apache-2.0 */
/* Parsers for /proc/PID. See proc_text.h. */
#include "host/proc_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "host/list.h"

/* Fields of stat that follow the name, counted as in proc(5). */
enum stat_field {
	STAT_STATE = 3,
	STAT_PARENT = 4,
	STAT_USER = 14,
	STAT_SYSTEM = 15,
	STAT_START = 22,
	STAT_STACK = 28,
	STAT_CPU = 39,
};

/* Linux can name this many nodes (CONFIG_NODES_SHIFT 10). */
#define KERNEL_NODES_MAX 1024

static void copy_cut(char *to, size_t size, const char *from, size_t len)
{
	if (len > size - 1)
		len = size - 1;
	memcpy(to, from, len);
	to[len] = '\0';
}

/* A decimal number at *at, which is moved behind it. Signs are refused. By hand:
 * strtoull(3) was a third of what the daemon itself does to sample a vCPU. */
static int parse_u64(const char **at, uint64_t *ret_value)
{
	const char *p = *at;
	uint64_t value = 0;

	if (*p < '0' || *p > '9')
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(value, 10u, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
			return -EINVAL;
	*ret_value = value;
	*at = p;
	return 0;
}

static bool is_kept(int field)
{
	const uint64_t kept = 1ull << STAT_PARENT | 1ull << STAT_USER |
			      1ull << STAT_SYSTEM | 1ull << STAT_START |
			      1ull << STAT_STACK | 1ull << STAT_CPU;

	return kept >> field & 1;
}

static int store_stat_field(struct proc_stat *stat, int field, uint64_t value)
{
	switch (field) {
	case STAT_PARENT:
		stat->parent_pid = (pid_t)value;
		return value > INT32_MAX ? -EINVAL : 0;
	case STAT_USER:
		stat->user_ticks = value;
		return 0;
	case STAT_SYSTEM:
		stat->system_ticks = value;
		return 0;
	case STAT_START:
		stat->start_ticks = value;
		return 0;
	case STAT_STACK:
		stat->stack_start = value;
		return 0;
	case STAT_CPU:
		stat->last_cpu = (int)value;
		return value >= CPUS_MAX ? -EINVAL : 0;
	default:
		return 0;
	}
}

/* Fields 4 and up, each after one blank; those in between may be negative. */
static int parse_stat_numbers(const char *p, struct proc_stat *stat)
{
	for (int field = STAT_PARENT; field <= STAT_CPU; field++) {
		uint64_t value = 0;
		bool is_negative;

		if (*p++ != ' ')
			return -EINVAL;
		is_negative = *p == '-';
		p += is_negative;
		if (!is_kept(field)) {
			if (*p < '0' || *p > '9')
				return -EINVAL;
			while (*p >= '0' && *p <= '9')
				p++;
			continue;
		}
		if (parse_u64(&p, &value))
			return -EINVAL;
		/* A parent of another pid namespace may be shown as 0; no
		 * field that is kept is ever below that. */
		if (!is_negative && store_stat_field(stat, field, value))
			return -EINVAL;
	}
	return *p == ' ' || *p == '\n' || *p == '\0' ? 0 : -EINVAL;
}

int proc_stat_parse(const char *text, struct proc_stat *ret_stat)
{
	struct proc_stat stat = { .last_cpu = -1 };
	/* The name may hold ") R": only the last parenthesis ends it. */
	const char *open = strchr(text, '(');
	const char *close = strrchr(text, ')');
	const char *p = text;
	uint64_t pid;

	if (!open || !close || close < open)
		return -EINVAL;
	if (parse_u64(&p, &pid) || pid > INT32_MAX || *p != ' ' ||
	    p + 1 != open)
		return -EINVAL;
	stat.pid = (pid_t)pid;
	copy_cut(stat.name, sizeof(stat.name), open + 1,
		 (size_t)(close - open - 1));
	if (close[1] != ' ' || close[2] < 'A' || close[2] > 'z')
		return -EINVAL;
	stat.state = close[2];
	if (parse_stat_numbers(close + 3, &stat) || stat.last_cpu < 0)
		return -EINVAL;
	*ret_stat = stat;
	return 0;
}

/* The line "key:\tvalue" and the length of its value, NULL when absent. */
static const char *find_field(const char *text, const char *key,
			      size_t *ret_len)
{
	size_t key_len = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (*line != *key || strncmp(line, key, key_len) ||
		    line[key_len] != ':')
			continue;
		line += key_len + 1;
		line += strspn(line, " \t");
		*ret_len = strcspn(line, "\n");
		return line;
	}
	return NULL;
}

int proc_status_field(const char *text, const char *key, char *buf, size_t size)
{
	size_t len;
	const char *value = find_field(text, key, &len);

	if (!value)
		return -ENOENT;
	if (len >= size)
		return -E2BIG;
	memcpy(buf, value, len);
	buf[len] = '\0';
	return 0;
}

/* "     123 kB"; 0 where the file has no such line. */
static int parse_kib_field(const char *text, const char *key,
			   uint64_t *ret_bytes)
{
	size_t len;
	const char *p = find_field(text, key, &len);
	uint64_t kib;

	if (!p) {
		*ret_bytes = 0;
		return 0;
	}
	if (parse_u64(&p, &kib) || strncmp(p, " kB", 3) ||
	    __builtin_mul_overflow(kib, (uint64_t)1024, ret_bytes))
		return -EINVAL;
	return 0;
}

/* The second number of "Uid:	real effective saved fs". */
static int parse_uid(const char *text, uid_t *ret_uid)
{
	size_t len;
	const char *p = find_field(text, "Uid", &len);
	uint64_t real, effective;

	if (!p || parse_u64(&p, &real) || *p++ != '\t' ||
	    parse_u64(&p, &effective) || effective > UINT32_MAX)
		return -EINVAL;
	*ret_uid = (uid_t)effective;
	return 0;
}

int proc_status_mems(const char *text, struct node_mask *ret_mems)
{
	char list[4096];
	uint64_t words[LIST_WORDS(KERNEL_NODES_MAX)];
	int err = proc_status_field(text, "Mems_allowed_list", list,
				    sizeof(list));

	if (err == -ENOENT)
		return err;
	if (err || list_parse(list, words, KERNEL_NODES_MAX, NULL))
		return -EINVAL;
	ret_mems->bits = words[0];
	return 0;
}

int proc_status_parse(const char *text, struct proc_status *ret_status)
{
	struct proc_status status = { .mems_allowed.bits = UINT64_MAX };
	size_t len;
	int err;
	const char *name = find_field(text, "Name", &len);

	if (!name)
		return -EINVAL;
	copy_cut(status.name, sizeof(status.name), name, len);
	if (parse_uid(text, &status.uid) ||
	    parse_kib_field(text, "VmLck", &status.locked_bytes) ||
	    parse_kib_field(text, "VmPin", &status.pinned_bytes))
		return -EINVAL;
	err = proc_status_mems(text, &status.mems_allowed);
	if (err && err != -ENOENT)
		return err;
	*ret_status = status;
	return 0;
}

const char *proc_cmdline_value(const char *cmdline, size_t len,
			       const char *option)
{
	const char *end = cmdline + len;

	for (const char *arg = cmdline; arg < end;) {
		const char *next = arg + strlen(arg) + 1;

		if (next >= end)
			return NULL;
		if (!strcmp(arg, option) ||
		    (arg[0] == '-' && !strcmp(arg + 1, option)))
			return next;
		arg = next;
	}
	return NULL;
}

int proc_cmdline_guest_name(const char *cmdline, size_t len, char *buf,
			    size_t size)
{
	const char *p = proc_cmdline_value(cmdline, len, "-name");
	size_t used = 0;

	if (!p)
		return -ENOENT;
	if (!strncmp(p, "guest=", 6))
		p += 6;
	else if (p[strcspn(p, ",=")] == '=')
		return -ENOENT;
	for (; *p; p++) {
		if (*p == ',' && *++p != ',')
			break;
		if (used + 1 >= size)
			return -E2BIG;
		buf[used++] = *p;
	}
	if (!used)
		return -ENOENT;
	buf[used] = '\0';
	return 0;
}

int proc_comm_vcpu(const char *comm, unsigned *ret_vcpu)
{
	uint64_t vcpu;

	if (strncmp(comm, "CPU ", 4))
		return -ENOENT;
	comm += 4;
	if (parse_u64(&comm, &vcpu) || vcpu > UINT16_MAX)
		return -ENOENT;
	if (strncmp(comm, "/KVM", 4) && strncmp(comm, "/TCG", 4))
		return -ENOENT;
	if (comm[4] != '\0' && strcmp(comm + 4, "\n"))
		return -ENOENT;
	*ret_vcpu = (unsigned)vcpu;
	return 0;
}
