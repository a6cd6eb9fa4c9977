/* SPDX-License-Identifier: Apache-2.0 */
/* The trace. See sys_record.h. */
#include "host/sys_record.h"

#include <inttypes.h>
#include <string.h>

#include "node.h"

/* Room for the counts of one line; more than this is cut. */
#define COUNTS_TEXT 1024

/* Errors of single pages that are told apart: ENOENT, EACCES, EFAULT, EBUSY. */
#define ERRNO_MAX 64

static const struct sys *inner_of(struct sys_record *record)
{
	return &record->pass.inner;
}

static uint64_t now_ns(struct sys_record *record)
{
	const struct sys *in = inner_of(record);

	return in->ops->now_ns(in->self);
}

/* " key=" and "value:count,..." of every count that is not 0. */
static size_t format_counts(char *buf, size_t size, const char *key, int sign,
			    const size_t *counts, int n)
{
	size_t used = 0;

	buf[0] = '\0';
	for (int i = 0; i < n; i++) {
		int len;

		if (!counts[i])
			continue;
		len = snprintf(buf + used, size - used, "%s%s%d:%zu",
			       used ? "," : " ", used ? "" : key, sign * i,
			       counts[i]);
		if (len < 0 || (size_t)len >= size - used)
			break;
		used += (size_t)len;
	}
	return used;
}

/* " on=0:500 err=-2:3" */
static void format_where(char *buf, size_t size, const int *status, size_t n)
{
	size_t on[NODES_MAX] = { 0 };
	size_t errors[ERRNO_MAX] = { 0 };
	size_t used;

	for (size_t i = 0; i < n; i++) {
		if (node_is_valid(status[i]))
			on[status[i]]++;
		else if (status[i] < 0 && status[i] > -ERRNO_MAX)
			errors[-status[i]]++;
	}
	used = format_counts(buf, size, "on=", 1, on, NODES_MAX);
	format_counts(buf + used, size - used, "err=", -1, errors, ERRNO_MAX);
}

static int record_pages_where(void *self, pid_t pid, const struct hva *pages,
			      size_t n, int *status)
{
	struct sys_record *record = self;
	const struct sys *in = inner_of(record);
	uint64_t start_ns = now_ns(record);
	int err = in->ops->pages_where(in->self, pid, pages, n, status);
	uint64_t took_ns = now_ns(record) - start_ns;
	char counts[COUNTS_TEXT] = "";

	if (!err)
		format_where(counts, sizeof(counts), status, n);
	fprintf(record->out,
		"%" PRIu64 " where pid=%d n=%zu first=%" PRIx64
		" result=%d took_ns=%" PRIu64 "%s\n",
		start_ns, (int)pid, n, n ? pages[0].v : 0, err, took_ns,
		counts);
	return err;
}

static int record_pages_move(void *self, pid_t pid, const struct hva *pages,
			     const int *nodes, size_t n, bool all, int *status)
{
	struct sys_record *record = self;
	const struct sys *in = inner_of(record);
	uint64_t start_ns = now_ns(record);
	int ret = in->ops->pages_move(in->self, pid, pages, nodes, n, all,
				      status);
	uint64_t took_ns = now_ns(record) - start_ns;
	size_t written = 0;

	for (size_t i = 0; i < n; i++)
		written += status[i] != PAGE_STATUS_UNWRITTEN;
	fprintf(record->out,
		"%" PRIu64 " move pid=%d n=%zu first=%" PRIx64 " last=%" PRIx64
		" to=%d all=%d result=%d took_ns=%" PRIu64 " written=%zu\n",
		start_ns, (int)pid, n, n ? pages[0].v : 0,
		n ? pages[n - 1].v : 0, n ? nodes[0] : NODE_NONE, all, ret,
		took_ns, written);
	return ret;
}

static int record_collapse(void *self, int pidfd, struct hva start,
			   uint64_t size_bytes)
{
	struct sys_record *record = self;
	const struct sys *in = inner_of(record);
	uint64_t start_ns = now_ns(record);
	int err = in->ops->collapse(in->self, pidfd, start, size_bytes);

	fprintf(record->out,
		"%" PRIu64 " collapse pidfd=%d start=%" PRIx64 " size=%" PRIu64
		" result=%d took_ns=%" PRIu64 "\n",
		start_ns, pidfd, start.v, size_bytes, err,
		now_ns(record) - start_ns);
	return err;
}

static int record_pagemap_scan(void *self, int pagemap_fd, struct hva start,
			       struct hva end, struct page_run *runs,
			       size_t cap, size_t *ret_n,
			       struct hva *ret_walk_end)
{
	struct sys_record *record = self;
	const struct sys *in = inner_of(record);
	uint64_t start_ns = now_ns(record);
	int err = in->ops->pagemap_scan(in->self, pagemap_fd, start, end, runs,
					cap, ret_n, ret_walk_end);

	fprintf(record->out,
		"%" PRIu64 " scan fd=%d start=%" PRIx64 " end=%" PRIx64
		" runs=%zu result=%d took_ns=%" PRIu64 "\n",
		start_ns, pagemap_fd, start.v, end.v, err ? 0 : *ret_n, err,
		now_ns(record) - start_ns);
	return err;
}

static int record_open_process(void *self, pid_t pid, int *ret_pidfd)
{
	struct sys_record *record = self;
	const struct sys *in = inner_of(record);
	int err = in->ops->open_process(in->self, pid, ret_pidfd);

	fprintf(record->out, "%" PRIu64 " open-process pid=%d result=%d\n",
		now_ns(record), (int)pid, err);
	return err;
}

static int record_open_pagemap(void *self, pid_t pid, int *ret_fd)
{
	struct sys_record *record = self;
	const struct sys *in = inner_of(record);
	int err = in->ops->open_pagemap(in->self, pid, ret_fd);

	fprintf(record->out, "%" PRIu64 " open-pagemap pid=%d result=%d\n",
		now_ns(record), (int)pid, err);
	return err;
}

static int record_backing(void *self, pid_t pid, struct hva start,
			  struct hva end, struct backing *ret_backing)
{
	struct sys_record *record = self;
	const struct sys *in = inner_of(record);
	int err = in->ops->backing(in->self, pid, start, end, ret_backing);

	fprintf(record->out,
		"%" PRIu64 " backing pid=%d start=%" PRIx64 " end=%" PRIx64
		" result=%d\n",
		now_ns(record), (int)pid, start.v, end.v, err);
	return err;
}

static int record_is_alive(void *self, int pidfd)
{
	struct sys_record *record = self;
	const struct sys *in = inner_of(record);
	int ret = in->ops->is_alive(in->self, pidfd);

	if (ret != 1)
		fprintf(record->out, "%" PRIu64 " dead pidfd=%d result=%d\n",
			now_ns(record), pidfd, ret);
	return ret;
}

static int record_write_file(void *self, const char *path, const char *text)
{
	struct sys_record *record = self;
	const struct sys *in = inner_of(record);
	int err = in->ops->write_file(in->self, path, text);

	fprintf(record->out, "%" PRIu64 " write path=%s text=%.*s result=%d\n",
		now_ns(record), path, (int)strcspn(text, "\n"), text, err);
	return err;
}

static int record_sit(void *self, struct seat seat)
{
	static const char *const places[] = {
		[SEAT_ANY] = "any",
		[SEAT_ON_NODE] = "on-node",
		[SEAT_OFF_NODE] = "off-node",
		[SEAT_ON_CPU] = "on-cpu",
	};
	struct sys_record *record = self;
	const struct sys *in = inner_of(record);
	int err = in->ops->sit(in->self, seat);

	fprintf(record->out, "%" PRIu64 " sit %s=%d result=%d\n",
		now_ns(record), places[seat.where],
		seat.where == SEAT_ON_CPU ? seat.cpu : seat.node, err);
	return err;
}

struct sys sys_record_init(struct sys_record *record, struct sys inner,
			   FILE *out)
{
	record->pass.inner = inner;
	record->out = out;
	record->ops = sys_pass_ops();
	record->ops.pages_where = record_pages_where;
	record->ops.pages_move = record_pages_move;
	record->ops.collapse = record_collapse;
	record->ops.pagemap_scan = record_pagemap_scan;
	record->ops.open_process = record_open_process;
	record->ops.open_pagemap = record_open_pagemap;
	record->ops.backing = record_backing;
	record->ops.is_alive = record_is_alive;
	record->ops.write_file = record_write_file;
	record->ops.sit = record_sit;
	return (struct sys) { .ops = &record->ops, .self = record };
}
