/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One moving call. The kernel writes status[] for certain only when it answers
 * 0; after any other answer the pages themselves are asked where they are, so
 * that what moved is counted as moved and only the rest is tried again. Called
 * by job.c.
 */
#include "move/call.h"

#include <errno.h>
#include <stdlib.h>

#include "xalloc.h"

void call_init(struct call *call)
{
	*call = (struct call) { .to = NODE_NONE };
	call->folios = xcalloc(CALL_FOLIOS_MAX, sizeof(*call->folios));
	call->verdicts = xcalloc(CALL_FOLIOS_MAX, sizeof(*call->verdicts));
	call->pages = xcalloc(CALL_FOLIOS_MAX, sizeof(*call->pages));
	call->nodes = xcalloc(CALL_FOLIOS_MAX, sizeof(*call->nodes));
	call->status = xcalloc(CALL_FOLIOS_MAX, sizeof(*call->status));
}

void call_finish(struct call *call)
{
	free(call->folios);
	free(call->verdicts);
	free(call->pages);
	free(call->nodes);
	free(call->status);
	*call = (struct call) { .to = NODE_NONE };
}

void call_reset(struct call *call, const struct region *region, int to,
		bool all)
{
	call->n = 0;
	call->region = region;
	call->bytes = 0;
	call->to = to;
	call->all = all;
}

void call_sit(struct call *call, const struct sys *sys, struct seat seat)
{
	const struct seat any = { .where = SEAT_ANY };

	if (call->seat.where == seat.where &&
	    (seat.where == SEAT_ANY ||
	     (call->seat.node == seat.node && call->seat.cpu == seat.cpu)))
		return;
	/* After a refusal the thread still has the seat before. That it was
	 * refused is remembered too: the next call need not ask again. */
	call->is_refused = sys->ops->sit(sys->self, seat) < 0;
	if (call->is_refused && seat.where != SEAT_ANY)
		sys->ops->sit(sys->self, any);
	call->seat = seat;
}

bool call_add(struct call *call, const struct folio *folio)
{
	if (call->n == CALL_FOLIOS_MAX)
		return false;
	call->folios[call->n++] = *folio;
	call->bytes += folio_span_bytes(call->region, folio);
	return true;
}

/* Every status is written: read them. */
static void judge_clean(struct call *call)
{
	for (size_t i = 0; i < call->n; i++)
		call->verdicts[i] =
			verdict_of_status(call->status[i], call->to);
}

/*
 * The index from which on the kernel has tried nothing. An address that cannot
 * be queued (its status is written) ends a run, and a run that fails ends the
 * call: then nothing after that address was tried. When some page behind the
 * last written status has moved, or no status is written at all, the call went
 * through to its end.
 */
static size_t first_untried(const struct call *call, const int *now)
{
	size_t after = 0;

	for (size_t i = 0; i < call->n; i++)
		if (call->status[i] != PAGE_STATUS_UNWRITTEN)
			after = i + 1;
	if (after == 0)
		return call->n;
	for (size_t i = after; i < call->n; i++)
		if (now[i] == call->to)
			return call->n;
	return after;
}

/* What became of a page that is not on the target after a failed call. */
static enum verdict judge_left(const struct call *call, size_t i,
			       size_t untried)
{
	if (call->verdict != CALL_MIXED)
		return VERDICT_STOPPED;
	if (call->status[i] != PAGE_STATUS_UNWRITTEN &&
	    call->status[i] != call->to)
		return verdict_of_status(call->status[i], call->to);
	return i >= untried ? VERDICT_UNTRIED : VERDICT_STRIKE;
}

/* The answer was not 0: ask the pages where they are. */
static void judge_mixed(struct call *call, const struct sys *sys, pid_t pid)
{
	int *now = call->nodes; /* not needed any more: holds the answers */
	size_t untried;
	int err;

	err = sys->ops->pages_where(sys->self, pid, call->pages, call->n, now);
	if (err < 0) {
		call->verdict = verdict_of_call(err);
		for (size_t i = 0; i < call->n; i++)
			call->verdicts[i] = VERDICT_STOPPED;
		return;
	}
	untried = first_untried(call, now);
	for (size_t i = 0; i < call->n; i++) {
		if (now[i] == call->to)
			call->verdicts[i] = VERDICT_MOVED;
		else if (!node_is_valid(now[i]))
			call->verdicts[i] = VERDICT_ABSENT;
		else
			call->verdicts[i] = judge_left(call, i, untried);
	}
}

/* A folio that was taken for one huge page is one if its last page came along
 * with its first; otherwise only the first page has moved. */
static void check_guesses(struct call *call, const struct sys *sys, pid_t pid)
{
	size_t n = 0, asked = 0;
	int err;

	for (size_t i = 0; i < call->n; i++) {
		const struct folio *f = &call->folios[i];

		if (f->is_guess && call->verdicts[i] == VERDICT_MOVED)
			call->pages[n++].v =
				f->at.v + (f->pages - 1) * PAGE_4K_BYTES;
	}
	if (n == 0)
		return;
	err = sys->ops->pages_where(sys->self, pid, call->pages, n,
				    call->status);
	for (size_t i = 0; i < call->n; i++) {
		if (!call->folios[i].is_guess ||
		    call->verdicts[i] != VERDICT_MOVED)
			continue;
		if (err < 0 || call->status[asked] != call->to)
			call->verdicts[i] = VERDICT_HEAD_MOVED;
		asked++;
	}
}

/* The address that stands for a folio: for a hugetlb page its head, since Linux
 * up to 6.1 refuses tails, even where the region begins inside the page. */
static struct hva folio_address(const struct call *call,
				const struct folio *folio)
{
	return (struct hva) { addr_down(folio->at.v,
					call->region->page_bytes) };
}

static bool is_cancelled(const struct call *call)
{
	return call->is_cancelled && atomic_load(call->is_cancelled);
}

/*
 * Small pages that are apart become one huge page where they are, and are then
 * moved as one: two copies cost the guest less than 512 single moves, each of
 * which stops its vCPUs. One that fails goes as small pages. In a hurry a call has
 * many of them, each a copy of 2 MiB: a cancel is seen between two.
 */
static void put_together(struct call *call, const struct sys *sys, int pidfd)
{
	for (size_t i = 0; i < call->n; i++) {
		struct folio *folio = &call->folios[i];
		int answer;

		if (call->refusals >= COLLAPSE_REFUSALS_MAX)
			return;
		if (!folio->is_apart || folio->pages != PAGES_PER_2M)
			continue;
		if (is_cancelled(call)) {
			call->is_cut_off = true;
			return;
		}
		answer = sys->ops->collapse(sys->self, pidfd, folio->at,
					    PAGE_2M_BYTES);
		call->refusals = verdict_count_refusals(call->refusals, answer);
		folio->is_apart = answer != 0;
	}
}

void call_run(struct call *call, const struct sys *sys,
	      const struct identity *identity)
{
	pid_t pid = identity->pid;
	long result;

	for (size_t i = 0; i < call->n; i++) {
		call->pages[i] = folio_address(call, &call->folios[i]);
		call->nodes[i] = call->to;
		call->status[i] = PAGE_STATUS_UNWRITTEN;
	}
	call->start_ns = sys->ops->now_ns(sys->self);
	call->is_cut_off = false;
	put_together(call, sys, identity->pidfd);
	if (call->is_cut_off) {
		for (size_t i = 0; i < call->n; i++)
			call->verdicts[i] = VERDICT_UNTRIED;
		call->verdict = CALL_CLEAN;
		call->took_ns = sys->ops->now_ns(sys->self) - call->start_ns;
		return;
	}
	result = sys->ops->pages_move(sys->self, pid, call->pages, call->nodes,
				      call->n, call->all, call->status);
	call->took_ns = sys->ops->now_ns(sys->self) - call->start_ns;

	call->verdict = verdict_of_call(result);
	if (call->verdict == CALL_CLEAN)
		judge_clean(call);
	else
		judge_mixed(call, sys, pid);
	check_guesses(call, sys, pid);
}
