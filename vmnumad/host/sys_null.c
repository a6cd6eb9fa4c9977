/* SPDX-License-Identifier: Apache-2.0 */
/* The dry run. See sys_null.h. */
#include "host/sys_null.h"

static int null_write_file(void *self, const char *path, const char *text)
{
	struct sys_null *null = self;

	atomic_fetch_add(&null->writes, 1);
	return 0;
}

static int null_pages_move(void *self, pid_t pid, const struct hva *pages,
			   const int *nodes, size_t n, bool all, int *status)
{
	struct sys_null *null = self;
	const struct sys *in = &null->pass.inner;

	atomic_fetch_add(&null->moves, 1);
	atomic_fetch_add(&null->pages, n);
	return in->ops->pages_where(in->self, pid, pages, n, status);
}

static int null_collapse(void *self, int pidfd, struct hva start,
			 uint64_t size_bytes)
{
	struct sys_null *null = self;

	atomic_fetch_add(&null->collapses, 1);
	return 0;
}

struct sys sys_null_init(struct sys_null *null, struct sys inner)
{
	null->pass.inner = inner;
	null->ops = sys_pass_ops();
	null->ops.write_file = null_write_file;
	null->ops.pages_move = null_pages_move;
	null->ops.collapse = null_collapse;
	atomic_init(&null->moves, 0);
	atomic_init(&null->pages, 0);
	atomic_init(&null->collapses, 0);
	atomic_init(&null->writes, 0);
	return (struct sys) { .ops = &null->ops, .self = null };
}

struct sys_null_books sys_null_books(struct sys_null *null)
{
	return (struct sys_null_books) {
		.moves = atomic_load(&null->moves),
		.pages = atomic_load(&null->pages),
		.collapses = atomic_load(&null->collapses),
		.writes = atomic_load(&null->writes),
	};
}
