/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the next call of a job moves: folios of the current window, huge ones
 * first; then those whose time to be tried again has come; then the next
 * window. One call has one target and folios of one region. Called by job.c
 * with the job's lock held.
 */
#include "move/job_state.h"

/* A full target is asked again so soon. */
#define ROOM_CHECK_NS 200000000ull

static bool is_huge(const struct folio *folio)
{
	return folio->pages > 1;
}

static bool is_of_kind(const struct route *route, const struct region *region)
{
	return route->plan.page_bytes == 0 ||
	       route->plan.page_bytes == region->page_bytes;
}

/*
 * The way from a node; NULL: there is none. Memory that appeared on a node
 * nobody planned for takes the way of the rest. *ret_is_spared: the plan wanted
 * only so much of this node and has it, or wants other pages.
 */
static struct route *find_route(struct job *job, const struct region *region,
				int from, bool *ret_is_spared)
{
	struct route *fallback = NULL;
	bool is_full = false;

	*ret_is_spared = false;
	for (size_t i = 0; i < job->n_routes; i++) {
		struct route *route = &job->routes[i];

		if (route->plan.cell != region->cell)
			continue;
		if (route->plan.from == from && route->left_bytes > 0 &&
		    is_of_kind(route, region))
			return route;
		if (route->plan.from == from)
			is_full = true;
		else if (route->plan.bytes == UINT64_MAX && !fallback)
			fallback = route;
	}
	*ret_is_spared = is_full;
	return is_full ? NULL : fallback;
}

/* What keeps this page itself: another one may go in its place. */
static bool is_of_page(enum residue residue)
{
	return residue == RESIDUE_PINNED || residue == RESIDUE_SHARED;
}

/* The target of a folio is closed. Small pages that were to be made a huge one do
 * not need what it lacks: they go as they are. */
static void give_up(struct job *job, const struct region *region,
		    const struct folio *folio, enum residue was)
{
	const struct target *small = &job->targets[folio->to][KIND_SMALL];

	if (folio->is_apart && !small->is_closed) {
		job->is_collapsing = false;
		job_set_aside(job, region, folio, was);
		return;
	}
	job_leave(job, region, folio, was,
		  job_target(job, region, folio)->closed_as);
}

/* Decide about one folio that the scan has found on a wrong node. */
static void route_folio(struct job *job, struct folio *folio)
{
	const struct region *region = job->window.region;
	uint64_t bytes = folio->pages * PAGE_4K_BYTES;
	struct gpa gpa = { region->gpa.v + (folio->at.v - region->hva.v) };
	const struct ledger_range *known = ledger_find(&job->known, gpa);
	bool is_known = known && known->residue != RESIDUE_BUSY;
	struct target *target;
	struct route *route;
	bool is_spared;

	route = find_route(job, region, folio->node, &is_spared);
	if (is_spared) {
		job_book_right(job, bytes, RESIDUE_UNTRIED);
		return;
	}
	if (route && route->left_bytes != UINT64_MAX &&
	    !(is_known && is_of_page(known->residue)))
		route->left_bytes -= u64_min(route->left_bytes, bytes);
	if (is_known) {
		job_leave(job, region, folio, RESIDUE_UNTRIED, known->residue);
		return;
	}
	if (!route)
		return; /* not part of the plan: stays untried */
	if (job_is_others(job, region, folio)) {
		job_leave(job, region, folio, RESIDUE_UNTRIED,
			  RESIDUE_UNMOVABLE);
		return;
	}
	folio->to = (int8_t)route->plan.to;
	target = job_target(job, region, folio);
	if (!target->is_closed)
		return;
	give_up(job, region, folio, RESIDUE_UNTRIED);
	folio->to = NODE_NONE;
}

/* Are all ways of the cell for so many bytes only? Then what cannot move is not
 * missing. */
static bool has_limit(const struct job *job, int cell)
{
	bool has_route = false;

	for (size_t i = 0; i < job->n_routes; i++) {
		const struct job_route *plan = &job->routes[i].plan;

		if (plan->cell == cell && plan->bytes == UINT64_MAX)
			return false;
		has_route |= plan->cell == cell;
	}
	return has_route;
}

/* That all routes together still lack; UINT64_MAX: one of them is for all. */
static uint64_t lacking_bytes(const struct job *job)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < job->n_routes; i++) {
		const struct route *route = &job->routes[i];

		if (route->plan.bytes == UINT64_MAX)
			return UINT64_MAX;
		sum += route->plan.bytes -
		       u64_min(route->plan.bytes, route->moved_bytes);
	}
	return sum;
}

void job_write_off(struct job *job, enum residue residue)
{
	uint64_t *bytes = job->receipt.residue_bytes;
	uint64_t lacking = lacking_bytes(job), unseen;

	unseen = lacking - u64_min(lacking, bytes[RESIDUE_UNTRIED]);
	unseen = u64_min(unseen, bytes[RESIDUE_UNSEEN]);
	bytes[residue] += bytes[RESIDUE_UNTRIED] + unseen;
	bytes[RESIDUE_UNTRIED] = 0;
	bytes[RESIDUE_UNSEEN] -= unseen;
}

/* Book what a window showed and mark what has to move. */
static void book_window(struct job *job)
{
	struct scan_window *window = &job->window;
	struct cell_count *cell = job_find_cell(job, window->region->cell);
	struct tally *tally = &job->tally;

	tally->residue_bytes[RESIDUE_UNSEEN] -= window->size_bytes;
	tally->residue_bytes[RESIDUE_UNTRIED] +=
		window->size_bytes - window->absent_bytes;
	tally->residue_bytes[RESIDUE_ABSENT] += window->absent_bytes;
	if (window->region->backing == BACKING_FILE) {
		tally->residue_bytes[RESIDUE_UNTRIED] -= window->size_bytes;
		if (has_limit(job, cell->cell))
			tally->right_bytes += window->size_bytes;
		else
			tally->residue_bytes[RESIDUE_UNMOVABLE] +=
				window->size_bytes;
		return;
	}
	for (int node = 0; node < NODES_MAX; node++) {
		cell->after_bytes[node] += window->node_bytes[node];
		if (job->pass == 0)
			cell->before_bytes[node] += window->node_bytes[node];
		if (!node_mask_is_empty(cell->home) &&
		    !node_mask_has(cell->home, node))
			continue;
		tally->right_bytes += window->node_bytes[node];
		tally->residue_bytes[RESIDUE_UNTRIED] -=
			window->node_bytes[node];
	}
	job_book_along(job);
	if (node_mask_is_empty(cell->home))
		return;
	for (size_t i = 0; i < window->n_folios; i++)
		if (!node_mask_has(cell->home, window->folios[i].node))
			route_folio(job, &window->folios[i]);
	job_join(job);
}

/* 1 with a new window, 0 at the end of the map, -errno. */
static int scan_window(struct job *job)
{
	int got;

	do {
		got = scan_next(&job->scan, job->map, &job->cursor,
				&job->window);
	} while (got > 0 && !job_find_cell(job, job->window.region->cell));
	if (got <= 0) {
		job->window.n_folios = 0;
		return got;
	}
	job->next_huge = 0;
	job->next_small = 0;
	book_window(job);
	return 1;
}

/* The window is what is left of a block that was no huge page. Its bytes are
 * booked as untried and lie in the cell's counts already. */
static int scan_rest(struct job *job)
{
	struct rest rest = job->rests[--job->n_rests];
	int cell = rest.region->cell;
	int err;

	job->next_huge = 0;
	job->next_small = 0;
	err = scan_pages(&job->scan, rest.region, rest.at, rest.pages,
			 &job->window);
	if (err < 0) {
		job->window.n_folios = 0;
		return err;
	}
	job->tally.residue_bytes[RESIDUE_UNTRIED] -= job->window.absent_bytes;
	job->tally.residue_bytes[RESIDUE_ABSENT] += job->window.absent_bytes;
	job_shift_bytes(job, cell, job->window.absent_bytes, rest.from,
			NODE_NONE);
	for (size_t i = 0; i < job->window.n_folios; i++) {
		struct folio *folio = &job->window.folios[i];

		if (folio->node != rest.to) {
			folio->to = rest.to;
			continue;
		}
		job_book_right(job, PAGE_4K_BYTES, RESIDUE_UNTRIED);
		job_shift_bytes(job, cell, PAGE_4K_BYTES, rest.from, rest.to);
	}
	return 1;
}

/* True when nothing may go to the target just now. Its time to be asked again
 * lowers *wake_ns. */
static bool is_waiting(const struct target *target, uint64_t now_ns,
		       uint64_t *wake_ns)
{
	if (target->wait_since_ns == 0 || target->next_check_ns <= now_ns)
		return false;
	*wake_ns = u64_min(*wake_ns, target->next_check_ns);
	return true;
}

/* No room on the target: wait, and in the end give up on it. */
static void note_no_room(const struct job *job, struct target *target,
			 uint64_t now_ns)
{
	if (target->wait_since_ns == 0)
		target->wait_since_ns = now_ns;
	target->next_check_ns = now_ns + ROOM_CHECK_NS;
	if (now_ns - target->wait_since_ns < job->room_wait_ns)
		return;
	target->is_closed = true;
	target->closed_as = RESIDUE_NOMEM;
	target->wait_since_ns = 0;
}

/* How many bytes a call with this first folio may have: pace and room. */
static uint64_t call_limit_bytes(struct job *job, const struct region *region,
				 const struct folio *first, uint64_t now_ns)
{
	bool huge = is_huge(first);
	enum page_kind kind = job_page_kind(region, first);
	uint64_t unit_bytes = huge ? PAGE_2M_BYTES : PAGE_4K_BYTES;
	uint64_t page_bytes =
		kind == KIND_THP ? PAGE_2M_BYTES : region->page_bytes;
	uint64_t taken_bytes = job->in_flight_bytes[first->to];
	uint64_t wanted_bytes = pace_call_pages(&job->pace, huge) * unit_bytes;
	uint64_t allowed_bytes;

	wanted_bytes = u64_max(wanted_bytes, page_bytes);
	allowed_bytes =
		room_allow(&job->room, first->to, page_bytes,
			   kind == KIND_HUGETLB, wanted_bytes + taken_bytes);
	if (allowed_bytes < page_bytes + taken_bytes) {
		note_no_room(job, job_target(job, region, first), now_ns);
		return 0;
	}
	return allowed_bytes - taken_bytes;
}

/* MPOL_MF_MOVE_ALL only for backings that others may map; never for anonymous
 * memory, where a second mapping means KSM or a fork. */
static bool wants_move_all(const struct job *job, const struct region *region)
{
	return region->is_shared && !job->has_no_move_all;
}

/* The first folio of the window of that size that can go now; n_folios when
 * there is none. Folios that came along with others meanwhile are done with,
 * those whose target was closed are left behind. */
static size_t first_open(struct job *job, size_t from, bool huge,
			 uint64_t now_ns, uint64_t *wake_ns)
{
	struct scan_window *window = &job->window;

	for (size_t i = from; i < window->n_folios; i++) {
		struct folio *folio = &window->folios[i];
		const struct target *target;

		if (folio->to == NODE_NONE || is_huge(folio) != huge)
			continue;
		if (job_take_along(job, folio)) {
			folio->to = NODE_NONE;
			continue;
		}
		target = job_target(job, window->region, folio);
		if (target->is_closed) {
			give_up(job, window->region, folio, RESIDUE_UNTRIED);
			folio->to = NODE_NONE;
			continue;
		}
		if (!is_waiting(target, now_ns, wake_ns))
			return i;
	}
	return window->n_folios;
}

/* Put folios of the window into the call, from the first one on. */
static void fill_from_window(struct job *job, struct call *call, size_t first,
			     uint64_t limit_bytes)
{
	struct scan_window *window = &job->window;
	bool huge = is_huge(&window->folios[first]);
	int to = window->folios[first].to;

	call_reset(call, window->region, to,
		   wants_move_all(job, window->region));
	for (size_t i = first; i < window->n_folios; i++) {
		struct folio *folio = &window->folios[i];

		if (folio->to != to || is_huge(folio) != huge)
			continue;
		if (call->n > 0 &&
		    call->bytes + folio_span_bytes(window->region, folio) >
			    limit_bytes)
			return;
		if (!call_add(call, folio))
			return;
		folio->to = NODE_NONE;
	}
}

static enum take take_from_window(struct job *job, struct call *call,
				  uint64_t now_ns, uint64_t *wake_ns)
{
	size_t *cursors[] = { &job->next_huge, &job->next_small };
	uint64_t limit_bytes;
	size_t first;

	for (int i = 0; i < 2; i++) {
		bool huge = i == 0;
		uint64_t wait_ns = JOB_NEVER_NS;

		first = first_open(job, *cursors[i], huge, now_ns, &wait_ns);
		*wake_ns = u64_min(*wake_ns, wait_ns);
		if (wait_ns == JOB_NEVER_NS)
			*cursors[i] = first; /* nothing waits before it */
		if (first == job->window.n_folios)
			continue;
		limit_bytes =
			call_limit_bytes(job, job->window.region,
					 &job->window.folios[first], now_ns);
		if (limit_bytes == 0)
			return TAKE_AGAIN;
		fill_from_window(job, call, first, limit_bytes);
		return TAKE_CALL;
	}
	return *wake_ns == JOB_NEVER_NS ? TAKE_NOTHING : TAKE_WAIT;
}

static void drop_retry(struct job *job, size_t i)
{
	job->retries[i] = job->retries[--job->n_retries];
}

/* The first folio that may be tried again now; n_retries when there is none. */
static size_t first_due(struct job *job, uint64_t now_ns, uint64_t *wake_ns)
{
	for (size_t i = 0; i < job->n_retries;) {
		struct retry *retry = &job->retries[i];
		struct target *target =
			job_target(job, retry->region, &retry->folio);

		if (target->is_closed) {
			give_up(job, retry->region, &retry->folio,
				job_waiting_class(&retry->folio));
			drop_retry(job, i);
			continue;
		}
		if (retry->due_ns <= now_ns &&
		    !is_waiting(target, now_ns, wake_ns))
			return i;
		if (retry->due_ns > now_ns)
			*wake_ns = u64_min(*wake_ns, retry->due_ns);
		i++;
	}
	return job->n_retries;
}

static enum take take_from_retries(struct job *job, struct call *call,
				   uint64_t now_ns, uint64_t *wake_ns)
{
	size_t first = first_due(job, now_ns, wake_ns);
	const struct region *region;
	uint64_t limit_bytes;
	bool huge;
	int to;

	if (first == job->n_retries)
		return *wake_ns == JOB_NEVER_NS ? TAKE_NOTHING : TAKE_WAIT;
	region = job->retries[first].region;
	huge = is_huge(&job->retries[first].folio);
	to = job->retries[first].folio.to;
	limit_bytes = call_limit_bytes(job, region, &job->retries[first].folio,
				       now_ns);
	if (limit_bytes == 0)
		return TAKE_AGAIN;

	call_reset(call, region, to, wants_move_all(job, region));
	for (size_t i = first; i < job->n_retries;) {
		struct retry *retry = &job->retries[i];

		if (retry->due_ns > now_ns || retry->region != region ||
		    retry->folio.to != to || is_huge(&retry->folio) != huge) {
			i++;
			continue;
		}
		if (call->n > 0 &&
		    call->bytes + folio_span_bytes(region, &retry->folio) >
			    limit_bytes)
			break;
		if (!call_add(call, &retry->folio))
			break;
		job->receipt.retried_bytes +=
			retry->folio.pages * PAGE_4K_BYTES;
		drop_retry(job, i);
	}
	return TAKE_CALL;
}

int job_take(struct job *job, struct call *call, uint64_t now_ns,
	     enum take *ret_take, uint64_t *ret_wake_ns)
{
	uint64_t wake_ns = JOB_NEVER_NS;
	enum take take;
	int got;

	take = take_from_window(job, call, now_ns, &wake_ns);
	if (take == TAKE_NOTHING) {
		got = job->n_rests > 0 ? scan_rest(job) : scan_window(job);
		if (got < 0)
			return got;
		take = got > 0 ? TAKE_AGAIN : TAKE_NOTHING;
	}
	if (take == TAKE_NOTHING)
		take = take_from_retries(job, call, now_ns, &wake_ns);
	if (take == TAKE_NOTHING && job->in_flight > 0) {
		take = TAKE_WAIT;
		wake_ns = now_ns + JOB_LANE_WAIT_NS;
	}
	*ret_take = take;
	*ret_wake_ns = wake_ns;
	return 0;
}
