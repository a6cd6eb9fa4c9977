/* SPDX-License-Identifier: Apache-2.0 */
/*
 * move_pages(2) as mm/migrate.c does it, for Linux 6.1 and 6.12.
 *
 * The kernel walks the array and collects a run of folios for one target. An
 * address that does not join the run (already there, absent, shared, busy, or
 * a second address of a folio that is in it) gets its status at once and
 * FLUSHES the run: it is migrated, and only if all of it went well do its
 * statuses get written. A folio of the run that fails makes the call return
 * the number of failures plus the rest of the array, untried; a shortage of
 * memory makes it return -ENOMEM, with part of the run moved. So statuses are
 * only complete after 0.
 */
#include "fake_internal.h"

#include <errno.h>

#include "xalloc.h"

/* A folio in the run; by address, as a split moves folios about. */
struct queued {
	struct fake_region *region; /* where it is */
	uint64_t hva; /* its first byte */
};

/* One call under way. */
struct move {
	struct fake_sys *fake; /* the host */
	struct fake_process *process; /* whose memory */
	const struct hva *pages; /* the caller's array */
	const int *nodes; /* the caller's array */
	size_t n; /* length of both */
	bool all; /* MPOL_MF_MOVE_ALL */
	int *status; /* the caller's array */
	struct queued *run; /* owned; room for n */
	size_t n_run; /* length of the run */
	bool has_left; /* something of the run has not moved */
};

bool fake_take_room(struct fake_sys *fake, uint64_t bytes, int node)
{
	struct fake_node *n = &fake->nodes[node];

	if (!node_mask_has(fake->own_mems, node) || n->free_bytes < bytes)
		return false;
	if (bytes >= PAGE_2M_BYTES) {
		if (n->free_2m_blocks)
			n->free_2m_blocks--;
		else if (!fake->can_compact)
			return false;
	}
	n->free_bytes -= bytes;
	n->free_2m_blocks =
		u64_min(n->free_2m_blocks, n->free_bytes / PAGE_2M_BYTES);
	return true;
}

void fake_give_room(struct fake_sys *fake, uint64_t bytes, int node)
{
	struct fake_node *n = &fake->nodes[node];

	n->free_bytes += bytes;
	if (bytes >= PAGE_2M_BYTES)
		n->free_2m_blocks++;
}

void fake_pool_resize(struct fake_sys *fake, int node, uint64_t pages)
{
	struct fake_node *n = &fake->nodes[node];
	uint64_t in_use;

	fake_lock(fake);
	while (n->pool_2m_surplus && n->pool_2m - n->pool_2m_surplus < pages)
		n->pool_2m_surplus--;
	while (n->pool_2m < pages &&
	       fake_take_room(fake, PAGE_2M_BYTES, node)) {
		n->pool_2m++;
		n->pool_2m_free++;
	}
	while (n->pool_2m_free && n->pool_2m - n->pool_2m_surplus > pages) {
		n->pool_2m--;
		n->pool_2m_free--;
		fake_give_room(fake, PAGE_2M_BYTES, node);
	}
	in_use = n->pool_2m - n->pool_2m_free;
	if (n->pool_2m - n->pool_2m_surplus > pages)
		n->pool_2m_surplus = u64_min(n->pool_2m - pages, in_use);
	fake_unlock(fake);
}

/* A page of a pool is not needed any more: a surplus one is given up. */
static void free_pool_page(struct fake_sys *fake, int node)
{
	struct fake_node *n = &fake->nodes[node];

	if (n->pool_2m_surplus == 0) {
		n->pool_2m_free++;
		return;
	}
	n->pool_2m_surplus--;
	n->pool_2m--;
	fake_give_room(fake, PAGE_2M_BYTES, node);
}

/* A pool page of the target, or (2 MiB only) a fresh one: then the pools'
 * sizes shift between the nodes, unless the old page was surplus. */
static bool move_hugetlb_room(struct fake_sys *fake, uint64_t bytes, int from,
			      int to)
{
	struct fake_node *source = &fake->nodes[from];
	struct fake_node *target = &fake->nodes[to];

	if (!node_mask_has(fake->own_mems, to))
		return false;
	if (bytes > PAGE_2M_BYTES) {
		if (!target->pool_1g_free)
			return false;
		target->pool_1g_free--;
		source->pool_1g_free++;
		return true;
	}
	if (target->pool_2m_free) {
		target->pool_2m_free--;
		free_pool_page(fake, from);
		return true;
	}
	if (!fake_take_room(fake, bytes, to))
		return false;
	fake_give_room(fake, bytes, from);
	target->pool_2m++;
	source->pool_2m -= source->pool_2m > 0;
	if (source->pool_2m_surplus) {
		source->pool_2m_surplus--;
		target->pool_2m_surplus++;
	}
	return true;
}

static bool move_room(struct fake_sys *fake, const struct fake_folio *folio,
		      int to)
{
	if (folio->is_hugetlb)
		return move_hugetlb_room(fake, folio->bytes, folio->node, to);
	if (!fake_take_room(fake, folio->bytes, to))
		return false;
	fake_give_room(fake, folio->bytes, folio->node);
	return true;
}

static void put_on_node(struct fake_sys *fake, struct fake_folio *folio,
			int node)
{
	folio->node = node;
	fake->books.moved_folios++;
	fake->books.moved_bytes += folio->bytes;
	/* Not by the MiB first: a 4 KiB page costs something too. */
	fake->now_ns += folio->bytes * fake->cost.mib_ns / MIB;
}

/* After a split, Linux 6.3 and later try each part once, without counting
 * failures: the whole counts as one. False: some are left. */
static bool move_parts(struct move *m, const struct queued *q, uint64_t bytes,
		       int node)
{
	for (uint64_t at = 0; at < bytes; at += PAGE_4K_BYTES) {
		struct fake_folio *part =
			fake_region_folio(q->region, q->hva + at);

		if (!move_room(m->fake, part, node))
			return false;
		put_on_node(m->fake, part, node);
	}
	return true;
}

/* No room on the target for this folio. 1: it counts as failed, the run goes
 * on; -ENOMEM: the call ends. */
static int on_no_room(struct move *m, const struct queued *q,
		      const struct fake_folio *folio, int node)
{
	uint64_t bytes = folio->bytes;

	/* A held folio cannot be split. */
	if (folio->is_hugetlb || bytes == PAGE_4K_BYTES || folio->pin_calls)
		return -ENOMEM;
	fake_split_folio(q->region, q->hva);
	m->fake->books.thp_splits++;
	if (m->fake->kernel == FAKE_LINUX_6_1)
		return -ENOMEM;
	m->has_left |= !move_parts(m, q, bytes, node);
	return 1;
}

/* 0 moved, 1 failed, -ENOMEM. */
static int migrate_one(struct move *m, const struct queued *q, int node)
{
	struct fake_folio *folio = fake_region_folio(q->region, q->hva);
	struct fake_node target = m->fake->nodes[node];
	struct fake_node source = m->fake->nodes[folio->node];

	folio->is_isolated = false;
	if (!move_room(m->fake, folio, node))
		return on_no_room(m, q, folio, node);
	if (folio->pin_calls) {
		if (folio->pin_calls != FAKE_ALWAYS)
			folio->pin_calls--;
		m->fake->nodes[folio->node] = source;
		m->fake->nodes[node] = target;
		m->has_left = true;
		return 1;
	}
	put_on_node(m->fake, folio, node);
	return 0;
}

/* The kernel's migrate_pages(): how many folios failed, or -ENOMEM with the
 * rest of the run untried. What was split counts as failed, but if all has
 * moved in the end the answer is 0 (mm/migrate.c of 6.3 and later). The run is
 * empty afterwards. */
static int migrate_run(struct move *m, int node)
{
	int failed = 0;
	int err = 0;

	m->has_left = false;
	for (size_t i = 0; i < m->n_run; i++) {
		const struct queued *q = &m->run[i];
		int ret = 0;

		if (err)
			fake_region_folio(q->region, q->hva)->is_isolated =
				false;
		else
			ret = migrate_one(m, q, node);
		if (ret < 0)
			err = ret;
		else
			failed += ret;
		m->fake->books.failed_folios += ret != 0;
	}
	m->n_run = 0;
	if (err)
		return err;
	return m->has_left ? failed : 0;
}

/* Migrate the run, which began at start and ended before end, and write its
 * statuses if all went well: move_pages_and_store_status(). */
static int flush(struct move *m, int node, size_t start, size_t end)
{
	int ret;

	if (!m->n_run)
		return 0;
	ret = migrate_run(m, node);
	if (ret > 0)
		ret += (int)(m->n - end);
	if (ret)
		return ret;
	for (size_t i = start; i < end; i++)
		m->status[i] = node;
	return 0;
}

/* Isolation: why the folio does not join the run, 0 when it may. */
static int isolate(struct move *m, struct fake_folio *folio, uint64_t hva)
{
	if ((folio->is_shared || folio->is_ksm) && !m->all)
		return -EACCES;
	/* Until 6.1 a hugetlb tail, and a head that is in the run already,
	 * kept the error of the check before it. */
	if (m->fake->kernel == FAKE_LINUX_6_1 && folio->is_hugetlb &&
	    (folio->is_isolated || addr_down(hva, PAGE_4K_BYTES) != folio->hva))
		return -EACCES;
	if (folio->is_isolated)
		return -EBUSY;
	if (folio->busy_calls) {
		if (folio->busy_calls != FAKE_ALWAYS)
			folio->busy_calls--;
		return -EBUSY;
	}
	return 0;
}

/* True: it joined the run. False: *ret_status is its status, for good. */
static bool add_address(struct move *m, size_t i, int *ret_status)
{
	uint64_t hva = m->pages[i].v;
	struct fake_region *region = fake_find_region(m->process, hva);
	struct fake_folio *folio = NULL;
	int err;

	if (region)
		folio = fake_region_folio(region, hva);
	if (!folio || region->backing == FAKE_DEVICE || folio->is_zero ||
	    folio->is_swapped || folio->node == NODE_NONE) {
		*ret_status = fake_absent_status(m->fake, region, folio);
		return false;
	}
	/* A test's nonsense node, for pages_where: it cannot be moved. */
	if (folio->node == m->nodes[i] || !node_is_valid(folio->node)) {
		*ret_status = folio->node;
		return false;
	}
	err = isolate(m, folio, hva);
	if (err) {
		*ret_status = err;
		return false;
	}
	folio->is_isolated = true;
	m->run[m->n_run++] = (struct queued) { region, folio->hva };
	return true;
}

static int check_node(const struct move *m, int node)
{
	if (!node_is_valid(node) || !m->fake->nodes[node].has_memory)
		return -ENODEV;
	return node_mask_has(m->process->mems, node) ? 0 : -EACCES;
}

/* The kernel's do_pages_move(). */
static int move_all(struct move *m)
{
	int current = NODE_NONE;
	size_t start = 0;
	size_t i;
	int ret;

	for (i = 0; i < m->n; i++) {
		int status;

		ret = check_node(m, m->nodes[i]);
		if (ret) {
			/* The run is still flushed; its answer is lost. */
			flush(m, current, start, i);
			return ret;
		}
		if (current != NODE_NONE && m->nodes[i] != current) {
			ret = flush(m, current, start, i);
			if (ret)
				return ret;
			current = NODE_NONE;
		}
		if (current == NODE_NONE) {
			current = m->nodes[i];
			start = i;
		}
		if (add_address(m, i, &status))
			continue;
		m->status[i] = status;
		ret = flush(m, current, start, i);
		/* Address i has its answer: it is not among the untried. */
		if (ret)
			return ret > 0 ? ret - 1 : ret;
		current = NODE_NONE;
	}
	return flush(m, current, start, i);
}

static void note_seat(struct fake_books *books, int to)
{
	if (books->seat.where == SEAT_ON_NODE && books->seat.node == to)
		books->seated_calls++;
	if (books->seat.where == SEAT_OFF_NODE && books->seat.node == to)
		books->away_calls++;
	books->in_place_calls += books->seat.where == SEAT_ON_CPU;
}

static int run_move(struct move *m)
{
	int ret;

	m->fake->books.move_pages += m->n;
	m->fake->books.move_all_calls += m->all;
	note_seat(&m->fake->books, m->nodes[0]);
	m->fake->now_ns += m->n * m->fake->cost.address_ns;
	ret = fake_check_process(m->process);
	/* The kernel asks for the right before it looks at the process. */
	if (m->all && !m->fake->has_sys_nice)
		ret = -EPERM;
	if (ret)
		return ret;
	m->run = xcalloc(m->n, sizeof(*m->run));
	ret = move_all(m);
	free(m->run);
	return ret;
}

int fake_op_pages_move(void *self, pid_t pid, const struct hva *pages,
		       const int *nodes, size_t n, bool all, int *status)
{
	struct fake_sys *fake = self;
	struct move m = {
		.fake = fake,
		.pages = pages,
		.nodes = nodes,
		.n = n,
		.all = all,
		.status = status,
	};
	int ret;

	fake_lock(fake);
	if (!fake_enter(fake, FAKE_PAGES_MOVE, pid, &ret)) {
		m.process = fake_find_process(fake, pid);
		ret = run_move(&m);
	}
	fake_unlock(fake);
	return ret;
}
