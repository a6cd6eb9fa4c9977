/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small private pages that fill a block and go the same way become one huge page
 * first, where they are, and are then moved by one address: two copies cost the
 * guest less than 512 moves, and it has a huge page afterwards. Here they become
 * one folio; call.c asks the kernel for the rest. Called by job_take.c with the
 * job's lock held.
 */
#include "move/job_state.h"

/* Pages of zeros that a block may have: as one huge page it has memory for each
 * of them. */
#define ZEROS_MAX (PAGES_PER_2M / 2)

/* Small pages from the first folio on that are all the window shows of a block,
 * and lie on one node and go to one; 0: there are others. */
static size_t count_run(const struct scan_window *window, size_t first)
{
	const struct folio *head = &window->folios[first];
	uint64_t block = addr_down(head->at.v, PAGE_2M_BYTES);
	size_t n = 0;

	for (; first + n < window->n_folios; n++) {
		const struct folio *folio = &window->folios[first + n];

		if (addr_down(folio->at.v, PAGE_2M_BYTES) != block)
			break;
		if (folio->pages != 1 || folio->node != head->node ||
		    folio->to != head->to)
			return 0;
	}
	return head->to == NODE_NONE ? 0 : n;
}

/* Is a block that shows so many pages full? The others are pages of zeros, which
 * lie on no node, or holes, which the kernel would fill. */
static bool is_full(struct job *job, uint64_t block, size_t n)
{
	const struct region *region = job->window.region;

	if (n == PAGES_PER_2M)
		return true;
	return n + ZEROS_MAX >= PAGES_PER_2M && block >= region->hva.v &&
	       block + PAGE_2M_BYTES <= region->hva.v + region->size_bytes &&
	       classify_is_full(&job->scan.classify, (struct hva) { block });
}

/* What was a page of zeros will be memory of the guest. */
static void book_zeros(struct job *job, int node, uint64_t pages)
{
	struct cell_count *cell = job_find_cell(job, job->window.region->cell);

	job->tally.residue_bytes[RESIDUE_ABSENT] -= pages * PAGE_4K_BYTES;
	job->tally.residue_bytes[RESIDUE_UNTRIED] += pages * PAGE_4K_BYTES;
	cell->after_bytes[node] += pages * PAGE_4K_BYTES;
}

static void join(struct job *job, struct folio *folios, size_t n)
{
	struct folio joined = folios[0];

	joined.at.v = addr_down(joined.at.v, PAGE_2M_BYTES);
	joined.pages = PAGES_PER_2M;
	joined.is_guess = true;
	joined.is_apart = true;
	if (job_target(job, job->window.region, &joined)->is_closed)
		return; /* it has no room for huge pages */
	book_zeros(job, joined.node, PAGES_PER_2M - n);
	for (size_t i = 1; i < n; i++)
		folios[i].to = NODE_NONE; /* taken */
	folios[0] = joined;
}

void job_join(struct job *job)
{
	struct scan_window *window = &job->window;
	uint64_t before = UINT64_MAX; /* block of the folio before */

	if (!job->is_collapsing || window->region->backing != BACKING_ANON)
		return;
	for (size_t i = 0; i < window->n_folios; i++) {
		struct folio *folio = &window->folios[i];
		uint64_t block = addr_down(folio->at.v, PAGE_2M_BYTES);
		size_t n;

		if (folio->is_guess) /* perhaps they are one already */
			folio->is_apart = true;
		if (block == before)
			continue;
		before = block;
		n = count_run(window, i);
		if (n > 0 && is_full(job, block, n))
			join(job, folio, n);
	}
}
