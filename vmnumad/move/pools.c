/* SPDX-License-Identifier: Apache-2.0 */
/* Pools of huge pages put back; see pools.h. Called by job.c. */
#include "move/pools.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "host/node_text.h"
#include "xalloc.h"

/* Sizes of the pools of all nodes, as set: without surplus pages. */
struct sizes {
	uint64_t pages[NODES_MAX]; /* 0 without a pool */
	uint64_t sum_pages; /* of all */
};

struct pools {
	struct sys sys; /* borrowed door */
	pthread_mutex_t lock; /* guards the rest, also while writing */
	unsigned int n_jobs; /* at work */
	struct sizes noted; /* pages: when the first of these began; sum: what
			     * it is without the work of others */
};

struct pools *pools_create(const struct sys *sys)
{
	struct pools *pools = xcalloc(1, sizeof(*pools));

	pools->sys = *sys;
	pthread_mutex_init(&pools->lock, NULL);
	return pools;
}

void pools_destroy(struct pools *pools)
{
	if (!pools)
		return;
	pthread_mutex_destroy(&pools->lock);
	free(pools);
}

static void pool_path(int node, const char *file, char *path, size_t size)
{
	snprintf(path, size,
		 "/sys/devices/system/node/node%d/hugepages/"
		 "hugepages-2048kB/%s",
		 node, file);
}

/* 0 when there is no such file. */
static uint64_t read_number(const struct pools *pools, int node,
			    const char *file)
{
	char path[128], text[64];
	uint64_t number;
	size_t len;

	pool_path(node, file, path, sizeof(path));
	if (pools->sys.ops->read_file(pools->sys.self, path, text, sizeof(text),
				      &len) < 0 ||
	    node_number_parse(text, &number) < 0)
		return 0;
	return number;
}

/* nr_hugepages counts surplus pages, but what is written to it does not. */
static uint64_t read_size(const struct pools *pools, int node)
{
	uint64_t surplus = read_number(pools, node, "surplus_hugepages");
	uint64_t all = read_number(pools, node, "nr_hugepages");

	return all > surplus ? all - surplus : 0;
}

static void read_sizes(const struct pools *pools, struct sizes *ret_sizes)
{
	ret_sizes->sum_pages = 0;
	for (int node = 0; node < NODES_MAX; node++) {
		ret_sizes->pages[node] = read_size(pools, node);
		ret_sizes->sum_pages += ret_sizes->pages[node];
	}
}

void pools_begin(struct pools *pools)
{
	pthread_mutex_lock(&pools->lock);
	if (pools->n_jobs++ == 0)
		read_sizes(pools, &pools->noted);
	pthread_mutex_unlock(&pools->lock);
}

static void list_changes(const struct pools *pools, const struct sizes *seen,
			 struct pools_report *report)
{
	for (int node = 0; node < NODES_MAX; node++) {
		uint64_t before = pools->noted.pages[node];

		if (seen->pages[node] == before)
			continue;
		report->pools[report->n_pools++] = (struct pool_change) {
			.node = node,
			.before_pages = before,
			.after_pages = seen->pages[node],
			.now_pages = seen->pages[node],
		};
	}
}

/* False, and why, when the kernel refuses. */
static bool write_size(const struct pools *pools, int node, uint64_t pages,
		       struct why *why)
{
	char path[128], text[32];
	int err;

	pool_path(node, "nr_hugepages", path, sizeof(path));
	snprintf(text, sizeof(text), "%llu", (unsigned long long)pages);
	err = pools->sys.ops->write_file(pools->sys.self, path, text);
	if (err < 0)
		why_set(why, "vmnumad cannot write %s: %s", path,
			strerror(-err));
	return err == 0;
}

/* A pool that has shrunk takes new pages out of free memory. */
static bool refill(const struct pools *pools, const struct room *room,
		   struct pool_change *pool, struct why *why)
{
	uint64_t missing = pool->before_pages - pool->after_pages;
	uint64_t spare = room_free_bytes(room, pool->node) / PAGE_2M_BYTES;
	uint64_t taken = u64_min(missing, spare);

	if (taken > 0 &&
	    !write_size(pools, pool->node, pool->after_pages + taken, why))
		return false;
	pool->now_pages = read_size(pools, pool->node);
	if (pool->now_pages < pool->before_pages)
		why_set(why, "node %d has no free memory for them", pool->node);
	return true;
}

/* A pool that has grown counts as much as before; pages in use above that are
 * surplus. */
static bool shrink(const struct pools *pools, struct pool_change *pool,
		   struct why *why)
{
	if (!write_size(pools, pool->node, pool->before_pages, why))
		return false;
	pool->now_pages = read_size(pools, pool->node);
	if (pool->now_pages != pool->before_pages)
		why_set(why, "the kernel keeps it so");
	pool->lent_pages =
		u64_min(read_number(pools, pool->node, "surplus_hugepages"),
			pool->after_pages - pool->before_pages);
	return true;
}

/* The sources first: their memory was theirs a moment ago. */
static void put_back(const struct pools *pools, const struct room *room,
		     struct pools_report *report)
{
	bool may_go_on = true;

	for (size_t i = 0; i < report->n_pools && may_go_on; i++)
		if (report->pools[i].after_pages <
		    report->pools[i].before_pages)
			may_go_on = refill(pools, room, &report->pools[i],
					   &report->why);
	for (size_t i = 0; i < report->n_pools && may_go_on; i++)
		if (report->pools[i].after_pages >
		    report->pools[i].before_pages)
			may_go_on =
				shrink(pools, &report->pools[i], &report->why);
}

void pools_end(struct pools *pools, const struct room *room,
	       struct pools_report *ret_report)
{
	struct sizes seen;

	*ret_report = (struct pools_report) { 0 };
	pthread_mutex_lock(&pools->lock);
	pools->n_jobs--;
	read_sizes(pools, &seen);
	list_changes(pools, &seen, ret_report);
	if (seen.sum_pages == pools->noted.sum_pages) {
		put_back(pools, room, ret_report);
		read_sizes(pools, &seen);
		pools->noted.sum_pages = seen.sum_pages; /* refilled or not */
	} else if (pools->n_jobs > 0) {
		/* a page on its way is counted on both nodes */
		why_set(&ret_report->why, "another job moves huge pages; they "
					  "are put back after it");
	} else {
		why_set(&ret_report->why,
			"somebody else has changed the pools meanwhile");
	}
	pthread_mutex_unlock(&pools->lock);
}
