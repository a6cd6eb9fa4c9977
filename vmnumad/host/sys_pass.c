/* SPDX-License-Identifier: Apache-2.0 */
/* Hands every call on. See sys_pass.h. */
#include "host/sys_pass.h"

static const struct sys *inner_of(void *self)
{
	return &((struct sys_pass *)self)->inner;
}

static int pass_read_file(void *self, const char *path, char *buf, size_t size,
			  size_t *ret_len)
{
	const struct sys *in = inner_of(self);

	return in->ops->read_file(in->self, path, buf, size, ret_len);
}

static int pass_write_file(void *self, const char *path, const char *text)
{
	const struct sys *in = inner_of(self);

	return in->ops->write_file(in->self, path, text);
}

static int pass_open_file(void *self, const char *path, int *ret_fd)
{
	const struct sys *in = inner_of(self);

	return in->ops->open_file(in->self, path, ret_fd);
}

static int pass_read_fd(void *self, int fd, char *buf, size_t size,
			size_t *ret_len)
{
	const struct sys *in = inner_of(self);

	return in->ops->read_fd(in->self, fd, buf, size, ret_len);
}

static void pass_close_fd(void *self, int fd)
{
	const struct sys *in = inner_of(self);

	in->ops->close_fd(in->self, fd);
}

static int pass_each_entry(void *self, const char *dir, sys_entry_fn *fn,
			   void *arg)
{
	const struct sys *in = inner_of(self);

	return in->ops->each_entry(in->self, dir, fn, arg);
}

static int pass_read_link(void *self, const char *path, char *buf, size_t size)
{
	const struct sys *in = inner_of(self);

	return in->ops->read_link(in->self, path, buf, size);
}

static int pass_open_process(void *self, pid_t pid, int *ret_pidfd)
{
	const struct sys *in = inner_of(self);

	return in->ops->open_process(in->self, pid, ret_pidfd);
}

static int pass_is_alive(void *self, int pidfd)
{
	const struct sys *in = inner_of(self);

	return in->ops->is_alive(in->self, pidfd);
}

static int pass_backing(void *self, pid_t pid, struct hva start, struct hva end,
			struct backing *ret_backing)
{
	const struct sys *in = inner_of(self);

	return in->ops->backing(in->self, pid, start, end, ret_backing);
}

static int pass_pages_where(void *self, pid_t pid, const struct hva *pages,
			    size_t n, int *status)
{
	const struct sys *in = inner_of(self);

	return in->ops->pages_where(in->self, pid, pages, n, status);
}

static int pass_pages_move(void *self, pid_t pid, const struct hva *pages,
			   const int *nodes, size_t n, bool all, int *status)
{
	const struct sys *in = inner_of(self);

	return in->ops->pages_move(in->self, pid, pages, nodes, n, all, status);
}

static int pass_open_pagemap(void *self, pid_t pid, int *ret_fd)
{
	const struct sys *in = inner_of(self);

	return in->ops->open_pagemap(in->self, pid, ret_fd);
}

static int pass_pagemap_scan(void *self, int pagemap_fd, struct hva start,
			     struct hva end, struct page_run *runs, size_t cap,
			     size_t *ret_n, struct hva *ret_walk_end)
{
	const struct sys *in = inner_of(self);

	return in->ops->pagemap_scan(in->self, pagemap_fd, start, end, runs,
				     cap, ret_n, ret_walk_end);
}

static int pass_pagemap_read(void *self, int pagemap_fd, struct hva start,
			     size_t n_pages, uint64_t *entries)
{
	const struct sys *in = inner_of(self);

	return in->ops->pagemap_read(in->self, pagemap_fd, start, n_pages,
				     entries);
}

static int pass_page_flags(void *self, int kpageflags_fd, uint64_t pfn,
			   uint64_t *ret_flags)
{
	const struct sys *in = inner_of(self);

	return in->ops->page_flags(in->self, kpageflags_fd, pfn, ret_flags);
}

static int pass_collapse(void *self, int pidfd, struct hva start,
			 uint64_t size_bytes)
{
	const struct sys *in = inner_of(self);

	return in->ops->collapse(in->self, pidfd, start, size_bytes);
}

static int pass_sit(void *self, struct seat seat)
{
	const struct sys *in = inner_of(self);

	return in->ops->sit(in->self, seat);
}

static uint64_t pass_now_ns(void *self)
{
	const struct sys *in = inner_of(self);

	return in->ops->now_ns(in->self);
}

struct sys_ops sys_pass_ops(void)
{
	return (struct sys_ops) {
		.read_file = pass_read_file,
		.write_file = pass_write_file,
		.open_file = pass_open_file,
		.read_fd = pass_read_fd,
		.close_fd = pass_close_fd,
		.each_entry = pass_each_entry,
		.read_link = pass_read_link,
		.open_process = pass_open_process,
		.is_alive = pass_is_alive,
		.backing = pass_backing,
		.pages_where = pass_pages_where,
		.pages_move = pass_pages_move,
		.open_pagemap = pass_open_pagemap,
		.pagemap_scan = pass_pagemap_scan,
		.pagemap_read = pass_pagemap_read,
		.page_flags = pass_page_flags,
		.collapse = pass_collapse,
		.sit = pass_sit,
		.now_ns = pass_now_ns,
	};
}
