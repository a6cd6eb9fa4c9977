/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What became of a call's folios, in the books: every byte of the scope is in
 * exactly one place of the tally at any time, so the sum is always right.
 * Called by job.c with the job's lock held.
 */
#include <assert.h>
#include <string.h>

#include "move/job_state.h"
#include "xalloc.h"

#define NS_PER_MS 1000000ull
#define NS_PER_S  1000000000ull

/* A busy page is tried again after 50 ms, twice as long each time. */
#define BUSY_WAIT_NS (50 * NS_PER_MS)
#define BUSY_MAX     5

/* A failed page is tried again after so long; after the last of them it is
 * pinned. The kernel has tried ten times itself in each call. */
static const uint64_t strike_wait_ns[] = { 1 * NS_PER_S, 10 * NS_PER_S,
					   60 * NS_PER_S };
#define STRIKES_MAX (sizeof(strike_wait_ns) / sizeof(*strike_wait_ns))

struct cell_count *job_find_cell(struct job *job, int cell)
{
	for (size_t i = 0; i < job->n_cells; i++)
		if (job->cells[i].cell == cell)
			return &job->cells[i];
	return NULL;
}

/* What was taken in the pass before and has not gone may be made up for by
 * other pages. */
static void refill_routes(struct job *job)
{
	for (size_t i = 0; i < job->n_routes; i++) {
		struct route *route = &job->routes[i];
		uint64_t bytes = route->plan.bytes;

		route->left_bytes =
			bytes == UINT64_MAX
				? UINT64_MAX
				: bytes - u64_min(bytes, route->moved_bytes);
	}
}

void job_begin_pass(struct job *job)
{
	job->cursor = (struct scan_cursor) { 0 };
	job->window = (struct scan_window) { 0 };
	job->next_huge = 0;
	job->next_small = 0;
	job->pass_moved_bytes = 0;
	ledger_finish(&job->known);
	job->known = job->ledger;
	ledger_init(&job->ledger);
	job_forget_splits(job);
	refill_routes(job);
	job->tally = (struct tally) { 0 };
	job->tally.residue_bytes[RESIDUE_UNSEEN] = job->receipt.scope_bytes;
	for (size_t i = 0; i < job->n_cells; i++)
		memset(job->cells[i].after_bytes, 0,
		       sizeof(job->cells[i].after_bytes));
}

enum page_kind job_page_kind(const struct region *region,
			     const struct folio *folio)
{
	if (region->page_bytes > PAGE_4K_BYTES)
		return KIND_HUGETLB;
	return folio->pages > 1 || folio->is_guess ? KIND_THP : KIND_SMALL;
}

struct target *job_target(struct job *job, const struct region *region,
			  const struct folio *folio)
{
	return &job->targets[folio->to][job_page_kind(region, folio)];
}

enum residue job_waiting_class(const struct folio *folio)
{
	return folio->busy || folio->strikes ? RESIDUE_BUSY : RESIDUE_UNTRIED;
}

static uint64_t folio_bytes(const struct folio *folio)
{
	return folio->pages * PAGE_4K_BYTES;
}

/* Move bytes from one class of the tally to another. */
static void rebook(struct job *job, uint64_t bytes, enum residue was,
		   enum residue residue)
{
	job->tally.residue_bytes[was] -= bytes;
	job->tally.residue_bytes[residue] += bytes;
}

static struct gpa folio_gpa(const struct region *region,
			    const struct folio *folio)
{
	return (struct gpa) { region->gpa.v + (folio->at.v - region->hva.v) };
}

void job_leave(struct job *job, const struct region *region,
	       const struct folio *folio, enum residue was,
	       enum residue residue)
{
	struct ledger_range range = {
		.gpa = folio_gpa(region, folio),
		.size_bytes = folio_bytes(folio),
		.residue = residue,
		.cell = region->cell,
	};

	rebook(job, range.size_bytes, was, residue);
	if (residue != RESIDUE_ABSENT)
		ledger_note(&job->ledger, &range);
}

void job_shift_bytes(struct job *job, int cell, uint64_t bytes, int from,
		     int to)
{
	struct cell_count *count = job_find_cell(job, cell);

	count->after_bytes[from] -= u64_min(count->after_bytes[from], bytes);
	if (to != NODE_NONE)
		count->after_bytes[to] += bytes;
}

void job_book_right(struct job *job, uint64_t bytes, enum residue was)
{
	job->tally.residue_bytes[was] -= bytes;
	job->tally.right_bytes += bytes;
}

void job_book_route(struct job *job, int cell, int from, int to, uint64_t bytes,
		    bool is_untaken)
{
	for (size_t i = 0; i < job->n_routes; i++) {
		struct route *route = &job->routes[i];

		if (route->plan.cell != cell || route->plan.from != from ||
		    route->plan.to != to ||
		    route->moved_bytes >= route->plan.bytes)
			continue;
		route->moved_bytes += bytes;
		if (is_untaken && route->left_bytes != UINT64_MAX)
			route->left_bytes -= u64_min(route->left_bytes, bytes);
		return;
	}
}

void job_book_moved(struct job *job, int cell, uint64_t bytes, int from, int to,
		    enum residue was)
{
	job_book_right(job, bytes, was);
	job_book_route(job, cell, from, to, bytes, false);
	job_shift_bytes(job, cell, bytes, from, to);
	job->pass_moved_bytes += bytes;
	job->all_moved_bytes += bytes;
}

void job_set_aside(struct job *job, const struct region *region,
		   const struct folio *folio, enum residue was)
{
	if (job->n_rests == RESTS_MAX) { /* another pass will find it */
		job_leave(job, region, folio, was, RESIDUE_BUSY);
		return;
	}
	rebook(job, folio_bytes(folio), was, RESIDUE_UNTRIED);
	job->rests[job->n_rests++] = (struct rest) {
		.region = region,
		.at = folio->at,
		.pages = folio->pages,
		.from = folio->node,
		.to = folio->to,
	};
}

/* Only the first page of a guess has moved; the rest is small pages. */
static void book_head(struct job *job, const struct call *call,
		      const struct folio *folio, enum residue was)
{
	struct folio rest = *folio;

	job_book_moved(job, call->region->cell, PAGE_4K_BYTES, folio->node,
		       call->to, was);
	if (!folio->is_apart)
		job->scan.is_guessing = false;
	rest.at.v += PAGE_4K_BYTES;
	rest.pages--;
	job_set_aside(job, call->region, &rest, was);
}

/* Try a folio again later; without room in the list it is left behind. */
static void try_again(struct job *job, const struct region *region,
		      const struct folio *folio, enum residue was,
		      uint64_t due_ns)
{
	if (job->n_retries == RETRIES_MAX) {
		job_leave(job, region, folio, was, RESIDUE_BUSY);
		return;
	}
	if (job->n_retries == job->cap_retries) {
		job->cap_retries = job->cap_retries ? job->cap_retries * 2 : 64;
		job->retries = xreallocarray(job->retries, job->cap_retries,
					     sizeof(*job->retries));
	}
	rebook(job, folio_bytes(folio), was, job_waiting_class(folio));
	job->retries[job->n_retries++] = (struct retry) { .folio = *folio,
							  .region = region,
							  .due_ns = due_ns };
}

static void book_busy(struct job *job, const struct region *region,
		      struct folio folio, enum residue was, uint64_t now_ns)
{
	uint64_t wait_ns = BUSY_WAIT_NS << folio.busy;

	if (folio.busy == BUSY_MAX) {
		job_leave(job, region, &folio, was, RESIDUE_BUSY);
		return;
	}
	folio.busy++;
	try_again(job, region, &folio, was, now_ns + wait_ns);
}

static void book_strike(struct job *job, const struct region *region,
			struct folio folio, enum residue was, uint64_t now_ns)
{
	if (folio.strikes == STRIKES_MAX) {
		job_leave(job, region, &folio, was, RESIDUE_PINNED);
		return;
	}
	folio.strikes++;
	try_again(job, region, &folio, was,
		  now_ns + strike_wait_ns[folio.strikes - 1]);
}

static void book_folio(struct job *job, const struct call *call,
		       struct folio folio, enum verdict verdict,
		       uint64_t now_ns)
{
	const struct region *region = call->region;
	enum residue was = job_waiting_class(&folio);

	switch (verdict) {
	case VERDICT_MOVED:
		job_note_along(job, region, &folio);
		job_book_moved(job, region->cell, folio_bytes(&folio),
			       folio.node, call->to, was);
		return;
	case VERDICT_HEAD_MOVED:
		book_head(job, call, &folio, was);
		return;
	case VERDICT_ABSENT:
		rebook(job, folio_bytes(&folio), was, RESIDUE_ABSENT);
		job_shift_bytes(job, region->cell, folio_bytes(&folio),
				folio.node, NODE_NONE);
		return;
	case VERDICT_BUSY:
		book_busy(job, region, folio, was, now_ns);
		return;
	case VERDICT_STRIKE:
		book_strike(job, region, folio, was, now_ns);
		return;
	case VERDICT_SHARED:
		if (region->is_shared && job->has_no_move_all)
			why_set(&job->receipt.why,
				"what other processes have mapped too moves "
				"with CAP_SYS_NICE only");
		job_leave(job, region, &folio, was, RESIDUE_SHARED);
		return;
	case VERDICT_UNTRIED:
	case VERDICT_STOPPED: /* its target may be closed when it is due */
		try_again(job, region, &folio, was, now_ns);
		return;
	}
}

/*
 * Book what became of a folio. When nothing moved of what was taken for one
 * huge page, the answer is its first page's: the rest is tried by itself, and
 * shows whether the guess was right. Of pages that are still apart it is known
 * that they are none.
 */
static void book_answer(struct job *job, const struct call *call, size_t i,
			uint64_t now_ns)
{
	enum verdict verdict = call->verdicts[i];
	struct folio folio = call->folios[i];
	struct folio rest = folio;
	bool is_of_head = verdict == VERDICT_ABSENT ||
			  verdict == VERDICT_STRIKE ||
			  verdict == VERDICT_SHARED;

	folio.to = (int8_t)call->to;
	if (folio.is_guess && folio.pages == PAGES_PER_2M && is_of_head) {
		rest.to = folio.to;
		rest.at.v += PAGE_4K_BYTES;
		rest.pages--;
		if (folio.is_apart)
			job_set_aside(job, call->region, &rest,
				      job_waiting_class(&rest));
		else
			try_again(job, call->region, &rest,
				  job_waiting_class(&rest), now_ns);
		folio.pages = 1;
	}
	book_folio(job, call, folio, verdict, now_ns);
}

/* The kernel takes pages out of the guest, copies them and puts them in again a
 * batch at a time: a huge page, or up to 512 small ones (Linux 6.3,
 * NR_MAX_BATCHED_MIGRATION; before that one by one). */
static uint64_t stall_ns(const struct call *call)
{
	uint64_t batch_bytes = u64_max(call->region->page_bytes, PAGE_2M_BYTES);

	return call->took_ns / u64_max(call->bytes / batch_bytes, 1);
}

static void note_call(struct job *job, const struct call *call)
{
	bool huge = folio_span_bytes(call->region, &call->folios[0]) >
		    PAGE_4K_BYTES;
	uint64_t unit_bytes = huge ? PAGE_2M_BYTES : PAGE_4K_BYTES;
	uint64_t units = call->bytes / unit_bytes;

	pace_note_call(&job->pace, huge, (unsigned int)units, call->start_ns,
		       call->took_ns);
	if (job->receipt.first_call_ns == 0)
		job->receipt.first_call_ns = call->start_ns;
	job->receipt.calls++;
	job->receipt.call_ns += call->took_ns;
	job->receipt.longest_call_ns =
		u64_max(job->receipt.longest_call_ns, call->took_ns);
	job->receipt.longest_stall_ns =
		u64_max(job->receipt.longest_stall_ns, stall_ns(call));
}

void job_settle(struct job *job, const struct call *call, uint64_t now_ns)
{
	assert(call->n > 0);
	job->refusals = call->refusals;
	if (job->refusals >= COLLAPSE_REFUSALS_MAX)
		job->is_collapsing = false;
	if (!call->is_cut_off) {
		note_call(job, call);
		job_judge(job, call, now_ns);
	}
	for (size_t i = 0; i < call->n; i++)
		book_answer(job, call, i, now_ns);
}
