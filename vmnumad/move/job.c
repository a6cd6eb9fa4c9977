/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps of a job.
 *
 * Theory of operation. A job walks over its guest in windows. For each window
 * it finds out where the pages lie (scan.c), books what is right or absent and
 * marks what has to move (job_take.c); then it makes calls, each of which moves
 * a list of pages of one region to one node (call.c), and books what became of
 * each page (job_settle.c). What failed waits in a list until it is due again.
 * When the walk is over and nothing waits, the walk begins anew if anything was
 * moved, to meet memory that appeared meanwhile and to count what is where. When
 * a pass moved nothing, huge pages that were split on the way are made whole
 * again (job_repair.c), and the job has ended. When the guest gets another map
 * meanwhile, all of this begins anew (job_map.c).
 *
 * A step does one such piece of work. Several threads may step a job: choosing
 * and booking happen under the job's lock, the calls do not.
 */
#include "move/job.h"

#include <errno.h>
#include <string.h>

#include "move/job_state.h"
#include "xalloc.h"

/* So long is looked at how busy a guest is: the kernel accounts for running threads
 * every 4 ms (CONFIG_HZ=250). */
#define LOOK_NS 20000000ull

uint64_t job_scope_bytes(const struct job *job)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < job->n_cells; i++)
		sum += guest_map_cell_bytes(job->map, job->cells[i].cell);
	return sum;
}

/* Pages whose moving can change the pools. */
static bool has_pool_pages(const struct guest_map *map)
{
	for (size_t i = 0; i < map->n_regions; i++)
		if (map->regions[i].backing == BACKING_HUGETLB &&
		    map->regions[i].page_bytes == PAGE_2M_BYTES)
			return true;
	return false;
}

struct job *job_create(const struct job_spec *spec, const struct sys *sys)
{
	struct job *job = xcalloc(1, sizeof(*job));

	job->sys = *sys;
	job->id = spec->id;
	job->identity = spec->identity;
	job->map = guest_map_ref(spec->map);
	job->room_wait_ns = spec->room_wait_ns;
	job->is_collapsing = spec->is_collapsing;
	job->n_routes = spec->n_routes;
	job->routes = xcalloc(spec->n_routes, sizeof(*job->routes));
	for (size_t i = 0; i < spec->n_routes; i++)
		job->routes[i].plan = spec->routes[i];
	job->n_cells = spec->n_cells;
	job->cells = xcalloc(spec->n_cells, sizeof(*job->cells));
	job->published_cells = xcalloc(spec->n_cells, sizeof(*job->cells));
	for (size_t i = 0; i < spec->n_cells; i++) {
		job->cells[i].cell = spec->cells[i].cell;
		job->cells[i].home = spec->cells[i].home;
		job->published_cells[i] = job->cells[i];
	}
	pthread_mutex_init(&job->lock, NULL);
	pthread_mutex_init(&job->published_lock, NULL);
	pace_init(&job->pace, &spec->pace);
	lanes_init(&job->lanes, spec->pace.lanes_max,
		   pace_is_hurried(&job->pace));
	atomic_store(&job->n_lanes, job->lanes.now);
	job->room.reserve_bytes = spec->reserve_bytes;
	job->room.grows_pools = spec->grows_pools;
	job->pools = has_pool_pages(job->map) ? spec->pools : NULL;
	ledger_init(&job->ledger);
	ledger_init(&job->known);
	job->receipt.kvm_pages_2m_before = KVM_STAT_UNKNOWN;
	job->receipt.kvm_pages_2m_after = KVM_STAT_UNKNOWN;
	job->receipt.planned_bytes = spec->planned_bytes;
	job->receipt.scope_bytes = job_scope_bytes(job);
	job->receipt.residue_bytes[RESIDUE_UNSEEN] = job->receipt.scope_bytes;
	job->published = job->receipt;
	job_begin_pass(job);
	return job;
}

/* Also for a job that the end of the daemon cuts short. */
static void put_pools_back(struct job *job)
{
	if (job->has_pools)
		pools_end(job->pools, &job->room, &job->receipt.pools);
	job->has_pools = false;
}

void job_destroy(struct job *job)
{
	if (!job)
		return;
	put_pools_back(job);
	if (job->has_scan)
		scan_finish(&job->scan);
	feel_finish(&job->feel);
	identity_close(&job->sys, &job->identity);
	guest_map_unref(job->map);
	guest_map_unref(job->due_map);
	guest_map_unref(atomic_load(&job->next_map));
	ledger_finish(&job->ledger);
	ledger_finish(&job->known);
	pthread_mutex_destroy(&job->lock);
	pthread_mutex_destroy(&job->published_lock);
	free(job->routes);
	free(job->cells);
	free(job->published_cells);
	free(job->retries);
	free(job->splits);
	free(job->alongs);
	free(job);
}

/* The first call waits until it is known how busy the guest is. A guest of one
 * vCPU has one gentle call at a time: of two, each would make it wait longer. */
static void begin_feeling(struct job *job)
{
	uint64_t now_ns;

	feel_init(&job->feel, &job->sys, job->identity.pid);
	seats_init(&job->seats, (unsigned int)job->feel.n);
	if (job->feel.n == 0)
		return;
	now_ns = job->sys.ops->now_ns(job->sys.self);
	feel_look(&job->feel, now_ns);
	pace_hold(&job->pace, now_ns + LOOK_NS);
	if (job->feel.n > 1 || pace_is_hurried(&job->pace))
		return;
	lanes_init(&job->lanes, 1, false);
	atomic_store(&job->n_lanes, job->lanes.now);
}

static void begin(struct job *job, uint64_t now_ns)
{
	scan_init(&job->scan, &job->sys, job->identity.pid);
	job->has_scan = true;
	begin_feeling(job);
	room_init(&job->room, &job->sys, job->room.reserve_bytes,
		  job->room.grows_pools);
	if (job->pools)
		pools_begin(job->pools);
	job->has_pools = job->pools;
	job->counters = room_counters_read(&job->sys);
	kvm_stats_find(&job->kvm, &job->sys, job->identity.pid);
	job->receipt.kvm_pages_2m_before =
		kvm_stats_read(&job->kvm, "pages_2m");
	job->receipt.started_ns = now_ns;
}

/* The receipt's sums, from the books of the pass. */
static void sum_receipt(struct job *job)
{
	struct receipt *receipt = &job->receipt;

	receipt->moved_bytes =
		u64_min(job->all_moved_bytes, job->tally.right_bytes);
	receipt->already_bytes = job->tally.right_bytes - receipt->moved_bytes;
	memcpy(receipt->residue_bytes, job->tally.residue_bytes,
	       sizeof(receipt->residue_bytes));
}

/* Let others see the numbers. While a later pass is on its way its counts are
 * not whole: then those of the pass before stand. */
static void publish(struct job *job, bool with_counts)
{
	job->receipt.seen_ns = job->sys.ops->now_ns(job->sys.self);
	if (with_counts)
		sum_receipt(job);
	pthread_mutex_lock(&job->published_lock);
	job->published = job->receipt;
	if (with_counts)
		memcpy(job->published_cells, job->cells,
		       job->n_cells * sizeof(*job->cells));
	pthread_mutex_unlock(&job->published_lock);
}

/* The end comes in the middle of a pass. The first one's books are as whole as
 * any; in a later pass those of the pass before stand. After the last pass they
 * are closed. */
static void close_books(struct job *job)
{
	if (job->is_repairing)
		return;
	if (job->pass == 0) {
		sum_receipt(job);
		return;
	}
	ledger_finish(&job->ledger);
	job->ledger = job->known;
	ledger_init(&job->known);
}

/* Is it no longer the process that the map is of? Asked before and after what
 * touches it and before its pages are counted for good; to look, it is enough
 * that it lives. */
static bool is_lost(struct job *job)
{
	if (!job->is_gone && identity_check(&job->sys, &job->identity) < 0)
		job->is_gone = true;
	return job->is_gone;
}

static enum job_turn end(struct job *job, enum job_result result,
			 uint64_t now_ns)
{
	struct receipt *receipt = &job->receipt;

	receipt->result = result;
	receipt->phase = PHASE_ENDED;
	receipt->ended_ns = now_ns;
	if (receipt->started_ns == 0) /* it took no time */
		receipt->started_ns = now_ns;
	receipt->has_lost = feel_lost(&job->feel, now_ns - receipt->started_ns,
				      &receipt->lost);
	if (job->has_scan)
		scan_finish(&job->scan);
	job->has_scan = false;
	if (receipt->kvm_pages_2m_before != KVM_STAT_UNKNOWN &&
	    result != JOB_FAILED) /* its pid may be another's now */
		receipt->kvm_pages_2m_after =
			kvm_stats_read(&job->kvm, "pages_2m");
	put_pools_back(job);
	publish(job, false);
	return JOB_ENDED;
}

/* Calls of other lanes have to end first: what they move is to be counted, they
 * hold on to the map, and a page of a pool that is on its way is counted on both
 * nodes. */
static bool must_wait_for_lanes(const struct job *job, uint64_t now_ns,
				uint64_t *ret_wake_ns)
{
	if (job->in_flight > 0)
		*ret_wake_ns = now_ns + JOB_LANE_WAIT_NS;
	return job->in_flight > 0;
}

static enum job_turn end_gone(struct job *job, uint64_t now_ns,
			      uint64_t *ret_wake_ns)
{
	if (must_wait_for_lanes(job, now_ns, ret_wake_ns))
		return JOB_WAIT;
	close_books(job);
	job_write_off(job, RESIDUE_GONE);
	why_set(&job->receipt.why, "the guest has ended");
	return end(job, JOB_FAILED, now_ns);
}

static enum job_turn end_cancelled(struct job *job, uint64_t now_ns,
				   uint64_t *ret_wake_ns)
{
	if (must_wait_for_lanes(job, now_ns, ret_wake_ns))
		return JOB_WAIT;
	close_books(job);
	job->receipt.why = job->cancel_why;
	return end(job, JOB_CANCELLED, now_ns);
}

/* All that could be moved has been: what is left is to rebuild what was split.
 */
static enum job_turn repair(struct job *job, uint64_t now_ns)
{
	enum job_turn turn = job_repair(job);

	if (turn != JOB_ENDED) {
		job->receipt.phase = PHASE_REPAIR;
		publish(job, false);
		return turn;
	}
	return end(job,
		   receipt_left_bytes(&job->receipt) ? JOB_PARTIAL : JOB_DONE,
		   now_ns);
}

static enum job_turn end_pass(struct job *job, uint64_t now_ns)
{
	bool is_last =
		job->pass_moved_bytes == 0 || job->pass + 1 == PASSES_MAX;

	publish(job, true);
	if (!is_last) {
		job->pass++;
		job_begin_pass(job);
		return JOB_GO_ON;
	}
	job->is_repairing = true;
	return repair(job, now_ns);
}

/* The kernel refuses to be asked about this process, or has lost it. */
static enum job_turn end_error(struct job *job, int err, uint64_t now_ns,
			       uint64_t *ret_wake_ns)
{
	if (err == -ESRCH || err == -EINVAL)
		job->is_gone = true;
	if (is_lost(job))
		return end_gone(job, now_ns, ret_wake_ns);
	if (must_wait_for_lanes(job, now_ns, ret_wake_ns))
		return JOB_WAIT;
	close_books(job);
	job_write_off(job, RESIDUE_DENIED);
	why_set(&job->receipt.why,
		"the kernel does not say where the guest's "
		"memory lies: %s",
		strerror(-err));
	return end(job, JOB_FAILED, now_ns);
}

/* Everything that may hold a job up before it takes its next call. */
static bool is_held(struct job *job, uint64_t now_ns, uint64_t *ret_wake_ns)
{
	bool is_paused = atomic_load(&job->is_paused);

	if (is_paused || atomic_load(&job->is_held)) {
		job->receipt.phase = is_paused ? PHASE_PAUSED : PHASE_HELD;
		publish(job, job->pass == 0);
		*ret_wake_ns = JOB_NEVER_NS;
		return true;
	}
	if (pace_next_ns(&job->pace) > now_ns) {
		*ret_wake_ns = pace_next_ns(&job->pace);
		return true;
	}
	return false;
}

static enum job_turn wait_turn(struct job *job, uint64_t wake_ns,
			       uint64_t now_ns)
{
	job->receipt.phase = PHASE_RETRY;
	for (int node = 0; node < NODES_MAX; node++)
		for (int kind = 0; kind < KIND_COUNT; kind++)
			if (job->targets[node][kind].wait_since_ns)
				job->receipt.phase = PHASE_ROOM;
	publish(job, job->pass == 0);
	return JOB_WAIT;
}

/* With the lock held: choose. JOB_GO_ON with *ret_has_call: make the call. */
static enum job_turn choose(struct job *job, struct call *call,
			    bool *ret_has_call, uint64_t *ret_wake_ns)
{
	uint64_t now_ns = job->sys.ops->now_ns(job->sys.self);
	bool is_cancelled = atomic_load(&job->is_cancelled);
	enum take take;
	int err;

	if (job->receipt.phase == PHASE_ENDED)
		return JOB_ENDED;
	if (job->is_gone || identity_poll(&job->sys, &job->identity) < 0 ||
	    ((!job->has_scan || job->is_repairing || is_cancelled) &&
	     is_lost(job)))
		return end_gone(job, now_ns, ret_wake_ns);
	if (is_cancelled)
		return end_cancelled(job, now_ns, ret_wake_ns);
	if (job_is_map_due(job)) {
		if (must_wait_for_lanes(job, now_ns, ret_wake_ns))
			return JOB_WAIT;
		job_take_map(job);
	}
	if (is_held(job, now_ns, ret_wake_ns))
		return JOB_WAIT;
	if (!job->has_scan) {
		begin(job, now_ns);
		return JOB_GO_ON;
	}
	if (job->is_repairing)
		return repair(job, now_ns);

	err = job_take(job, call, now_ns, &take, ret_wake_ns);
	if (err < 0)
		return end_error(job, err, now_ns, ret_wake_ns);
	if ((take == TAKE_CALL || take == TAKE_NOTHING) && is_lost(job))
		return end_gone(job, now_ns, ret_wake_ns);
	switch (take) {
	case TAKE_CALL:
		job->receipt.phase = PHASE_MOVE;
		*ret_has_call = true;
		return JOB_GO_ON;
	case TAKE_AGAIN:
		job->receipt.phase = PHASE_SCAN;
		publish(job, job->pass == 0);
		return JOB_GO_ON;
	case TAKE_WAIT:
		return wait_turn(job, *ret_wake_ns, now_ns);
	case TAKE_NOTHING:
		break;
	}
	return end_pass(job, now_ns);
}

/* Where the thread that makes a call runs: in the place of a vCPU, or where the
 * guest feels it least; in a hurry, where the scheduler likes. */
static struct seat find_seat(struct job *job, struct call *call)
{
	int cpu;

	call->vcpu = seats_take(&job->seats, feel_is_busy(&job->feel));
	if (call->vcpu != SEATS_ELSEWHERE) {
		cpu = feel_cpu(&job->feel, (unsigned int)call->vcpu);
		if (cpu >= 0)
			return (struct seat) { .where = SEAT_ON_CPU,
					       .cpu = cpu };
		seats_refuse(&job->seats, call->vcpu);
		call->vcpu = SEATS_ELSEWHERE;
	}
	if (pace_is_hurried(&job->pace))
		return (struct seat) { .where = SEAT_ANY };
	return feel_seat(&job->feel, call->to);
}

/* The room that a call takes is not free for the next one; and what the guest
 * feels is measured from the first of several calls at the same time to the end
 * of the last. */
static void begin_call(struct job *job, struct call *call)
{
	uint64_t now_ns = job->sys.ops->now_ns(job->sys.self);

	if (job->in_flight++ == 0)
		feel_begin_call(&job->feel, now_ns);
	job->in_flight_bytes[call->to] += call->bytes;
	call->refusals = job->refusals;
	call->is_cancelled = &job->is_cancelled;
	/* Pressure in the pause before is not this call's. */
	job->counters.stall_us = room_stall_us(&job->sys);
	lanes_begin_call(&job->lanes, now_ns);
}

/* Book what a call did, and what more or fewer lanes would do. */
static void end_call(struct job *job, const struct call *call)
{
	uint64_t now_ns = job->sys.ops->now_ns(job->sys.self);
	uint64_t before_bytes = job->all_moved_bytes + job->along_bytes;
	uint64_t moved_bytes;
	bool is_huge = call->folios[0].pages > 1;
	int vcpu = call->vcpu;

	if (vcpu != SEATS_ELSEWHERE && call->is_refused) {
		seats_refuse(&job->seats, vcpu); /* isolated, perhaps */
		vcpu = SEATS_ELSEWHERE;
	}

	job->in_flight_bytes[call->to] -= call->bytes;
	if (--job->in_flight == 0)
		pace_note_wait(&job->pace,
			       feel_end_call(&job->feel,
					     vcpu != SEATS_ELSEWHERE, now_ns));
	if (job->receipt.phase != PHASE_ENDED &&
	    identity_check(&job->sys, &job->identity) == 0) {
		job_settle(job, call, now_ns);
		publish(job, job->pass == 0);
	}
	moved_bytes = job->all_moved_bytes + job->along_bytes - before_bytes;
	seats_leave(&job->seats, vcpu, feel_is_busy(&job->feel), is_huge,
		    moved_bytes, call->took_ns);
	lanes_end_call(&job->lanes, moved_bytes, now_ns);
	atomic_store(&job->n_lanes, job->lanes.now);
}

enum job_turn job_step(struct job *job, struct call *call,
		       uint64_t *ret_wake_ns)
{
	bool has_call = false;
	enum job_turn turn;
	struct seat seat = { .where = SEAT_ANY };

	pthread_mutex_lock(&job->lock);
	turn = choose(job, call, &has_call, ret_wake_ns);
	if (has_call) {
		begin_call(job, call);
		seat = find_seat(job, call);
	}
	pthread_mutex_unlock(&job->lock);
	if (!has_call)
		return turn;

	call_sit(call, &job->sys, seat);
	call_run(call, &job->sys, &job->identity);

	pthread_mutex_lock(&job->lock);
	end_call(job, call);
	pthread_mutex_unlock(&job->lock);
	return JOB_CALLED;
}
