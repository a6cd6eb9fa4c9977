/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a call as a whole says of its target, of the memory it was to move and of
 * what it cost the host: nodes are closed to more of the same pages, or left
 * alone for a while. Called by job_settle.c with the job's lock held.
 */
#include "move/job_state.h"

#define NS_PER_US 1000ull
#define NS_PER_S  1000000000ull

/* Calls in a row that moved nothing of what they tried for the first time:
 * then this memory does not move at all (a device holds it). */
#define FRUITLESS_MAX 3

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

/* The other parts of its page ask for the page too. */
static bool is_small_part(const struct call *call, size_t i)
{
	const struct folio *folio = &call->folios[i];

	return folio->pages * PAGE_4K_BYTES * 2 <
	       folio_span_bytes(call->region, folio);
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
			    call->folios[i].strikes == 0 &&
			    !is_small_part(call, i);
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

void job_judge(struct job *job, const struct call *call, uint64_t now_ns)
{
	judge_target(job, call, now_ns);
	judge_success(job, call);
	judge_costs(job, call, now_ns);
}
