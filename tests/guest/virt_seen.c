/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handlers that note what they are told, and waiting for it; see virt_seen.h.
 */
#include "virt_seen.h"

#include <check.h>
#include <stdlib.h>

#include "xalloc.h"

void seen_look(void *arg)
{
	struct seen *seen = arg;

	if (seen->is_enough && seen->is_enough(seen))
		loop_stop(seen->loop);
}

static void on_up(void *arg)
{
	struct seen *seen = arg;

	seen->n_up++;
	seen_look(seen);
}

static void on_down(void *arg, const struct why *why, unsigned int retry_ms)
{
	struct seen *seen = arg;

	if (seen->n_down < 8) {
		seen->retry_ms[seen->n_down] = retry_ms;
		seen->down_ns[seen->n_down] = loop_now_ns(seen->loop);
	}
	seen->n_down++;
	seen->why = *why;
	seen_look(seen);
}

static void on_event(void *arg, const struct virt_event *event)
{
	struct seen *seen = arg;

	ck_assert_uint_lt(seen->n_events, EVENTS_MAX);
	seen->events[seen->n_events++] = *event;
	seen_look(seen);
}

static const struct virt_handlers handlers = {
	.on_up = on_up,
	.on_down = on_down,
	.on_event = on_event,
};

void seen_run_until(struct seen *seen, bool (*is_enough)(struct seen *seen))
{
	seen->is_enough = is_enough;
	if (!is_enough(seen))
		ck_assert_int_eq(loop_run(seen->loop), 0);
	seen->is_enough = NULL;
}

struct seen *seen_start(const struct virt_options *options)
{
	struct seen *seen = xcalloc(1, sizeof(*seen));
	struct why why;

	seen->loop = loop_create();
	ck_assert_ptr_nonnull(seen->loop);
	seen->pool = task_pool_create(seen->loop, "pool", 2, 64);
	seen->virt =
		virt_create(seen->loop, seen->pool, options, &handlers, seen);
	ck_assert_int_eq(virt_start(seen->virt, &why), 0);
	return seen;
}

static bool is_pool_idle(struct seen *seen)
{
	if (task_pool_load(seen->pool) == 0)
		return true;
	loop_post(seen->loop, seen_look, seen);
	return false;
}

void seen_finish(struct seen *seen)
{
	virt_destroy(seen->virt);
	seen_run_until(seen, is_pool_idle);
	task_pool_destroy(seen->pool, 1000);
	/* one more round for the last done() */
	loop_post(seen->loop, (loop_fn *)loop_stop, seen->loop);
	loop_run(seen->loop);
	loop_destroy(seen->loop);
	free(seen->xml);
	free(seen);
}

bool seen_has_list(struct seen *seen)
{
	return seen->n_events &&
	       seen->events[seen->n_events - 1].kind == VIRT_LIST_END;
}

struct seen *seen_start_and_list(void)
{
	struct seen *seen =
		seen_start(&(struct virt_options) { .uri = TEST_URI });

	seen_run_until(seen, seen_has_list);
	seen->n_read = seen->n_events;
	return seen;
}

/* A second connection, for what an administrator would do. */
virDomainPtr admin_domain(virConnectPtr *ret_conn)
{
	virDomainPtr domain;

	*ret_conn = virConnectOpen(TEST_URI);
	ck_assert_ptr_nonnull(*ret_conn);
	domain = virDomainLookupByName(*ret_conn, "test");
	ck_assert_ptr_nonnull(domain);
	return domain;
}

void admin_finish(virConnectPtr conn, virDomainPtr domain)
{
	virDomainFree(domain);
	virConnectClose(conn);
}
