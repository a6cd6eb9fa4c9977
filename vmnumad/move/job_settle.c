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

#define NS_PER_US 1000ull
#define NS_PER_MS 1000000ull
#define NS_PER_S  1000000000ull

/* A busy page is tried again after 50 ms, twice as long each time. */
#define BUSY_WAIT_NS (50 * NS_PER_MS)
#define BUSY_MAX     5

/* Calls in a row that moved nothing of what they tried for the first time:
 * then this memory does not move at all (a device holds it). */
#define FRUITLESS_MAX 3

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
	job->tally.residue_bytes[RESIDUE_UNTRIED] = job->receipt.scope_bytes;
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

/* Count what has gone by a route with a limit; of two equal ones the first is
 * filled first. */
static void book_route(struct job *job, int cell, int from, int to,
		       uint64_t bytes)
{
	for (size_t i = 0; i < job->n_routes; i++) {
		struct route *route = &job->routes[i];

		if (route->plan.cell != cell || route->plan.from != from ||
		    route->plan.to != to ||
		    route->moved_bytes >= route->plan.bytes)
			continue;
		route->moved_bytes += bytes;
		return;
	}
}

static void book_moved(struct job *job, const struct call *call, uint64_t bytes,
		       int from, enum residue was)
{
	job_book_right(job, bytes, was);
	book_route(job, call->region->cell, from, call->to, bytes);
	job_shift_bytes(job, call->region->cell, bytes, from, call->to);
	job->pass_moved_bytes += bytes;
	job->all_moved_bytes += bytes;
}

/* Only the first page of a guess has moved; the rest is small pages. */
static void book_head(struct job *job, const struct call *call,
		      const struct folio *folio, enum residue was)
{
	struct folio rest = *folio;

	book_moved(job, call, PAGE_4K_BYTES, folio->node, was);
	if (!folio->is_apart)
		job->scan.is_guessing = false;
	rest.at.v += PAGE_4K_BYTES;
	rest.pages--;
	if (job->n_rests == RESTS_MAX) { /* another pass will find it */
		job_leave(job, call->region, &rest, was, RESIDUE_BUSY);
		return;
	}
	rebook(job, folio_bytes(&rest), was, RESIDUE_UNTRIED);
	job->rests[job->n_rests++] = (struct rest) {
		.region = call->region,
		.at = rest.at,
		.pages = rest.pages,
		.from = folio->node,
		.to = (int8_t)call->to,
	};
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
		book_moved(job, call, folio_bytes(&folio), folio.node, was);
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
 * shows whether the guess was right.
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
		try_again(job, call->region, &rest, job_waiting_class(&rest),
			  now_ns);
		folio.pages = 1;
	}
	book_folio(job, call, folio, verdict, now_ns);
}

static void close_target(struct target *target, enum residue residue)
{
	if (target->is_closed)
		return;
	target->is_closed = true;
	target->closed_as = residue;
	target->wait_since_ns = 0;
}

/* For pages of any kind. */
static void close_node(struct job *job, int node, enum residue residue)
{
	for (int kind = 0; kind < KIND_COUNT; kind++)
		close_target(&job->targets[node][kind], residue);
}

static void close_all(struct job *job, enum residue residue)
{
	for (int node = 0; node < NODES_MAX; node++)
		close_node(job, node, residue);
}

/* The target of a call, for pages of the kind that it had. */
static struct target *call_target(struct job *job, const struct call *call)
{
	enum page_kind kind = job_page_kind(call->region, &call->folios[0]);

	return &job->targets[call->to][kind];
}

/* What the call as a whole says of its target, or of all of them. */
static void judge_target(struct job *job, const struct call *call,
			 uint64_t now_ns)
{
	struct target *target = call_target(job, call);

	switch (call->verdict) {
	case CALL_CLEAN:
	case CALL_MIXED:
		return;
	case CALL_PROCESS_GONE: /* also when only its first thread has ended */
		job->is_gone = true;
		return;
	case CALL_NOMEM: /* as if the gate had said so; it gives up in time */
		if (target->wait_since_ns == 0)
			target->wait_since_ns = now_ns;
		target->next_check_ns = now_ns + NS_PER_S;
		if (now_ns - target->wait_since_ns >= job->room_wait_ns)
			close_target(target, RESIDUE_NOMEM);
		return;
	case CALL_NODE_GONE:
		close_node(job, call->to, RESIDUE_NOMEM);
		break;
	case CALL_CPUSET:
		close_node(job, call->to, RESIDUE_CPUSET);
		break;
	case CALL_DENIED:
		if (call->all) {
			job->has_no_move_all = true;
			return;
		}
		close_all(job, RESIDUE_DENIED);
		break;
	case CALL_UNSUPPORTED:
	case CALL_BROKEN:
		close_all(job, RESIDUE_DENIED);
		break;
	}
	why_set(&job->receipt.why, "%s (node %d)",
		call_verdict_text(call->verdict), call->to);
}

/* Does this memory move at all? Only first tries count: what is tried again
 * is expected to fail. And only calls that failed for the most part: one that
 * the kernel broke off early says little. */
static void judge_success(struct job *job, const struct call *call)
{
	bool has_moved = false;
	size_t n_failed = 0;

	for (size_t i = 0; i < call->n; i++) {
		has_moved |= call->verdicts[i] == VERDICT_MOVED;
		n_failed += call->verdicts[i] == VERDICT_STRIKE &&
			    call->folios[i].strikes == 0;
	}
	if (has_moved) {
		job->fruitless = 0;
		call_target(job, call)->wait_since_ns = 0;
	} else if (n_failed > call->n / 2) {
		job->fruitless++;
	}
	if (job->fruitless < FRUITLESS_MAX)
		return;
	close_all(job, RESIDUE_PINNED);
	why_set(&job->receipt.why,
		"its memory is held by a device or another long-term user");
}

/* Tasks of the host waited for memory for more than a tenth of the call. A
 * counter that goes backwards says nothing. */
static bool has_stalled(const struct job *job, const struct call *call,
			const struct room_counters *now)
{
	uint64_t before_us = job->counters.stall_us;

	return now->stall_us > before_us &&
	       now->stall_us - before_us > call->took_ns / NS_PER_US / 10;
}

/*
 * Has the call split huge pages? (Linux 6.3 and later do, when the target has no
 * free 2 MiB block.) The counter is the host's: that it has grown says so only
 * for a call that failed for want of room or by its pages, or whose huge pages
 * are in pieces now. The kernel's answer is clean when all the pieces have moved.
 * Once it has grown for this job, a call of another lane may have split more
 * before that was seen.
 */
static bool judge_splits(struct job *job, const struct call *call,
			 uint64_t splits)
{
	bool is_huge = call->folios[0].pages > 1 &&
		       call->region->page_bytes == PAGE_4K_BYTES;

	if (!is_huge || splits + job->receipt.thp_splits == 0)
		return false;
	return job_note_splits(job, call) ||
	       (splits > 0 &&
		(call->verdict == CALL_MIXED || call->verdict == CALL_NOMEM));
}

/*
 * What the call cost the host. If it has split huge pages, no more of them go to
 * its target. Reclaim, or tasks that wait for memory, mean that the target is
 * fuller than it said: wait as for room.
 */
static void judge_costs(struct job *job, const struct call *call,
			uint64_t now_ns)
{
	struct room_counters now = room_counters_read(&job->sys);
	struct target *target = call_target(job, call);
	uint64_t splits = now.thp_splits - job->counters.thp_splits;
	bool has_split = judge_splits(job, call, splits);

	if (has_split) {
		job->receipt.thp_splits += splits;
		close_target(target, RESIDUE_NOMEM);
	} else if (now.reclaim_pages > job->counters.reclaim_pages ||
		   has_stalled(job, call, &now)) {
		if (target->wait_since_ns == 0)
			target->wait_since_ns = now_ns;
		target->next_check_ns = now_ns + NS_PER_S;
	}
	if (!has_split && job->in_flight > 0) /* may be another lane's */
		now.thp_splits = job->counters.thp_splits;
	job->counters = now;
}

static void note_call(struct job *job, const struct call *call)
{
	bool huge = call->folios[0].pages > 1;
	uint64_t unit_bytes = huge ? PAGE_2M_BYTES : PAGE_4K_BYTES;
	uint64_t units = u64_max(call->bytes / unit_bytes, 1);

	pace_note_call(&job->pace, huge, (unsigned int)units, call->start_ns,
		       call->took_ns);
	if (job->receipt.first_call_ns == 0)
		job->receipt.first_call_ns = call->start_ns;
	if (call->is_collapse_vain)
		job->scan.is_collapsing = false;
	job->receipt.calls++;
	job->receipt.call_ns += call->took_ns;
	job->receipt.longest_call_ns =
		u64_max(job->receipt.longest_call_ns, call->took_ns);
}

void job_settle(struct job *job, const struct call *call, uint64_t now_ns)
{
	assert(call->n > 0);
	note_call(job, call);
	judge_target(job, call, now_ns);
	judge_success(job, call);
	judge_costs(job, call, now_ns);
	for (size_t i = 0; i < call->n; i++)
		book_answer(job, call, i, now_ns);
}
