/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of guest/virt*.c share: a loop, a pool and a struct virt with
 * handlers that note what they are told, and the administrator's side of
 * libvirt's test driver, which lives in this process (test:///default). The
 * loop runs until what a test waits for has come; Check's timeout ends a test
 * that waits in vain.
 */
#ifndef TESTS_GUEST_VIRT_SEEN_H
#define TESTS_GUEST_VIRT_SEEN_H

#include <libvirt/libvirt.h>

#include "guest/virt.h"
#include "loop.h"
#include "task.h"

#define TEST_URI   "test:///default"
#define EVENTS_MAX 4096
#define NS_PER_MS  1000000ull

/* What the handlers saw, and what they wait for. */
struct seen {
	struct loop *loop; /* owned */
	struct task_pool *pool; /* owned */
	struct virt *virt; /* under test */
	unsigned int n_up; /* calls of on_up */
	unsigned int n_down; /* calls of on_down */
	unsigned int retry_ms[8]; /* of the first on_down calls */
	uint64_t down_ns[8]; /* when they came */
	struct why why; /* of the last one */
	struct virt_event events[EVENTS_MAX]; /* all, in order */
	size_t n_events; /* of them */
	size_t n_read; /* events that find_event() has passed */
	size_t n_fetched; /* answers to fetches */
	int fetch_err; /* of the last one */
	struct virt_domain domain; /* of the last good one, but xml */
	char *xml; /* of the last good one, owned */
	bool (*is_enough)(struct seen *seen); /* ends the wait */
};

/* Create and virt_start() it; ended by seen_finish(). */
struct seen *seen_start(const struct virt_options *options);

/* The same on the test driver, with its first list read. */
struct seen *seen_start_and_list(void);

void seen_finish(struct seen *seen);

/* Run the loop until is_enough(), which is asked after each handler. */
void seen_run_until(struct seen *seen, bool (*is_enough)(struct seen *seen));

/* For handlers of a test's own and for loop_post(): ask is_enough(). */
void seen_look(void *arg);

/* The last event was the end of a list. */
bool seen_has_list(struct seen *seen);

/* A second connection and the test driver's guest, for what an administrator
 * would do. */
virDomainPtr admin_domain(virConnectPtr *ret_conn);
void admin_finish(virConnectPtr conn, virDomainPtr domain);

#endif
