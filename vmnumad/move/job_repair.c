/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Huge pages that a move has split are made whole again when the job has moved
 * all it could: small pieces cost the guest a level of page tables until the
 * kernel's own khugepaged comes by. Only private memory, only where the kernel
 * lets us see what is split, and one block a step. Called by job.c and
 * job_settle.c with the job's lock held.
 */
#include <errno.h>

#include "move/job_state.h"
#include "xalloc.h"

/* Is the block one huge page, in pieces, or empty? false: nobody can tell. */
static bool ask_kind(struct job *job, struct hva at, enum block_kind *ret_kind)
{
	struct classify *classify = &job->scan.classify;

	classify_blocks(classify, at, 1, ret_kind, NULL);
	return classify->means != CLASSIFY_NONE;
}

/* A block that is whole as a huge page is: not cut off by the region's end. */
static bool is_whole(const struct folio *folio)
{
	return folio->pages == PAGES_PER_2M && !folio->is_guess &&
	       addr_is_aligned(folio->at.v, PAGE_2M_BYTES);
}

static void note_split(struct job *job, const struct region *region,
		       struct hva at)
{
	if (job->n_splits == SPLITS_MAX)
		return; /* left to khugepaged */
	if (job->n_splits == job->cap_splits) {
		job->cap_splits = job->cap_splits ? job->cap_splits * 2 : 64;
		job->splits = xreallocarray(job->splits, job->cap_splits,
					    sizeof(*job->splits));
	}
	job->splits[job->n_splits++] =
		(struct split) { .region = region, .at = at };
}

bool job_note_splits(struct job *job, const struct call *call)
{
	const struct region *region = call->region;
	bool has_split = false;
	enum block_kind kind;

	if (region->backing != BACKING_ANON || region->is_shared ||
	    region->page_bytes != PAGE_4K_BYTES)
		return false;
	for (size_t i = 0; i < call->n; i++) {
		struct hva at = call->folios[i].at;

		if (!is_whole(&call->folios[i]) || !ask_kind(job, at, &kind) ||
		    kind != BLOCK_MIXED)
			continue;
		has_split = true;
		note_split(job, region, at);
	}
	return has_split;
}

void job_forget_splits(struct job *job)
{
	for (size_t i = 0; i < job->n_splits; i++) {
		const struct split *split = &job->splits[i];
		const struct region *region = split->region;
		struct gpa gpa = { region->gpa.v +
				   (split->at.v - region->hva.v) };

		ledger_forget(&job->known, gpa, PAGE_2M_BYTES);
	}
}

/*
 * The node that holds all of a block in pieces; NODE_NONE: it has a hole, which
 * the kernel would fill, or lies on several, or cannot be asked. Pages of zeros
 * are no holes: Linux 6.12 and later give back their memory when they split a
 * huge page, and the guest had it a moment ago.
 */
static int node_of_pieces(struct job *job, const struct split *split)
{
	struct scan_window window;
	int found = NODE_NONE;

	if (scan_pages(&job->scan, split->region, split->at, PAGES_PER_2M,
		       &window) < 0)
		return NODE_NONE;
	for (int node = 0; node < NODES_MAX; node++) {
		if (window.node_bytes[node] == 0)
			continue;
		if (found != NODE_NONE)
			return NODE_NONE;
		found = node;
	}
	if (window.absent_bytes > 0 &&
	    !classify_is_full(&job->scan.classify, split->at))
		return NODE_NONE;
	return found;
}

/* Its copy takes as long as a move of a huge page, with the guest's mappings
 * locked: it has the same pace. */
static void collapse(struct job *job, const struct split *split)
{
	const struct sys *sys = &job->sys;
	uint64_t start_ns = sys->ops->now_ns(sys->self);
	int err;

	err = sys->ops->collapse(sys->self, job->identity.pidfd, split->at,
				 PAGE_2M_BYTES);
	pace_note_call(&job->pace, true, 1, start_ns,
		       sys->ops->now_ns(sys->self) - start_ns);
	if (err == 0)
		job->receipt.thp_repaired++;
	job->repair_refusals =
		verdict_count_refusals(job->repair_refusals, err);
	if (job->repair_refusals >= COLLAPSE_REFUSALS_MAX)
		job->n_splits = 0; /* it will say so of each */
}

enum job_turn job_repair(struct job *job)
{
	struct split split;
	enum block_kind kind;
	int node;

	if (job->n_splits == 0)
		return JOB_ENDED;
	split = job->splits[--job->n_splits];
	if (!ask_kind(job, split.at, &kind))
		return JOB_GO_ON;
	if (kind != BLOCK_MIXED) { /* khugepaged was first, or it is gone */
		job->receipt.thp_repaired += kind == BLOCK_HUGE;
		return JOB_GO_ON;
	}
	node = node_of_pieces(job, &split);
	if (node == NODE_NONE ||
	    room_allow(&job->room, node, PAGE_2M_BYTES, false, PAGE_2M_BYTES) <
		    PAGE_2M_BYTES)
		return JOB_GO_ON;
	collapse(job, &split);
	return JOB_CALLED;
}
