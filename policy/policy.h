/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole of policy/ as others see it: what was observed goes in, a plan
 * comes out. Pure: no clock, no I/O, no log, no heap; the same inputs give the
 * same plan byte for byte. Called by the daemon's tick, by its control socket
 * (requests, explain) and by the tests. docs/policy.md tells how it decides.
 */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node.h"
#include "plan.h"
#include "snapshot.h"

#define POLICY_NS_PER_S 1000000000ull

/* Cells remembered for one guest; a guest's cells beyond are never moved
 * (REASON_UNMEASURED). */
#define POLICY_CELLS_MAX 64

/* The hourly budget is counted in slots; one more than an hour holds, so that
 * no 60 minutes, wherever they begin, exceed it. */
#define POLICY_SLOT_NS (300 * POLICY_NS_PER_S)
#define POLICY_SLOTS   13

/* Everything that can be tuned. Thousandths are of WEIGHT_WHOLE. */
struct policy_config {
	uint64_t period_ns; /* usual time between ticks; over three of them
			     * is a gap, after which nothing is concluded */
	uint64_t half_life_ns; /* after which a sample counts half */
	uint64_t evidence_ns; /* run time below which a vCPU is idle and keeps
			       * the home it had */
	uint64_t dwell_ns; /* drifting vCPUs must have stayed for so long */
	unsigned int confidence; /* thousandths of run time that must have been
				  * spent on a node to call it home */
	unsigned int minority; /* thousandths of a drifting cell's vCPUs below
				* which a node is no home of it */
	unsigned int wide_change; /* thousandths of a cell that must lie in the
				   * wrong proportion before it is corrected */
	unsigned int thin_change; /* thousandths of a cell that must lie
				   * outside its home before it is moved */
	uint64_t thin_change_bytes; /* and at least so many bytes */
	uint64_t part_bytes; /* smallest part worth moving where a whole does
			      * not fit */
	uint64_t cooldown_ns; /* after a move; doubles with each reversal */
	uint64_t cooldown_max_ns; /* and ends here */
	unsigned int ram_per_hour; /* a guest's moves in any hour, as multiple
				    * of its RAM */
	uint64_t host_bytes_per_hour; /* of all guests together, 0 no limit */
	uint64_t payback_ns; /* a drift move must be repaid within this */
	uint64_t grace_ns; /* a guest so young is left alone */
	uint64_t settle_ns; /* and one whose cpuset others have just changed */
	uint64_t rate_bytes_per_s; /* assumed until moving was measured */
};

/* The built-in defaults. */
struct policy_config policy_config_default(void);

/* What is remembered of one vCPU. Private to policy/; the size is public so
 * that the daemon can lend an array. */
struct policy_vcpu {
	int id; /* the guest's number of the vCPU */
	int home; /* node it lives on, NODE_NONE: spread or unknown */
	int seen; /* node it was on at the last look, NODE_NONE unknown */
	bool has_base; /* base_run_ns holds an earlier sample */
	uint64_t base_run_ns; /* run time at the last sample */
	uint64_t run_ns[NODES_MAX]; /* run time by node, older time counting
				     * less: halved each half-life */
};

/* What is remembered of one cell. Private to policy/. */
struct policy_cell {
	int id; /* libvirt's number of the cell */
	struct home home; /* what it wants; changes only by enough */
	uint64_t since_ns; /* home has been so since */
	struct node_mask last_from; /* nodes its last job emptied */
	struct node_mask last_to; /* nodes its last job filled */
	uint64_t last_end_ns; /* end of its last job */
	uint64_t cool_until_ns; /* end of the cooldown after it */
	unsigned int strikes; /* reversals and futile jobs in a row */
	bool is_back; /* its last job undid the one before */
	bool is_futile; /* its last job moved next to nothing */
	uint64_t futile_bytes; /* that were wrong then */
	uint64_t wrong_bytes; /* that are wrong, as of the last tick */
	bool is_held; /* stays until its home is no longer held_home */
	struct node_mask held_home; /* nodes of home when the hold began */
};

/* What is remembered of one guest between ticks. Private to policy/. */
struct policy_guest {
	struct policy_vcpu *vcpus; /* lent by the daemon, sorted by id */
	size_t n_vcpus; /* in use */
	size_t cap_vcpus; /* lent */
	struct policy_cell cells[POLICY_CELLS_MAX]; /* in order of arrival */
	size_t n_cells; /* in use */
	bool has_sample; /* the two below hold an earlier tick */
	uint64_t ticked_ns; /* the last tick */
	uint64_t sampled_ns; /* the last look at its vCPUs that was taken in */
	uint64_t slot; /* number of the newest slot charged */
	uint64_t slot_bytes[POLICY_SLOTS]; /* moved, by slot modulo length */
	uint64_t planned_bytes; /* planned in the tick under way, or for the
				 * job at work */
};

/* Begin remembering a guest. storage (n_vcpus long, owned by the caller) must
 * outlive g or the next policy_guest_lend(); its contents do not matter. */
void policy_guest_init(struct policy_guest *g, struct policy_vcpu *storage,
		       size_t n_vcpus);

/* Replace the lent storage after the number of vCPUs changed. What is known is
 * carried over by vCPU id; the old storage may be freed afterwards, the two
 * must not overlap. vCPUs for which there is no storage are judged by their
 * affinity and last CPU alone. */
void policy_guest_lend(struct policy_guest *g, struct policy_vcpu *storage,
		       size_t n_vcpus);

/* An administrator placed the guest: leave each cell that a tick has met alone
 * until its vCPUs' home is on other nodes than now. Release ends it early. */
void policy_guest_hold(struct policy_guest *g);
void policy_guest_release(struct policy_guest *g);

/* One tick. Takes the samples of s into each guest's memory (s->guests[i].memory
 * must be set) and fills ret_plan, whose arrays and caps the caller has set.
 * Room for decisions must be the number of all cells, or the last guests are
 * never decided; moves that do not fit are planned again by a later tick. */
void policy_decide(const struct policy_config *cfg, const struct snapshot *s,
		   struct plan *ret_plan);

/* Where an administrator wants one cell's memory. */
struct request_cell {
	int cell; /* libvirt's number of the cell */
	struct node_mask to; /* nodes to share it over, evenly; not empty */
};

/* What an administrator wants. */
struct request {
	struct node_mask to; /* for cells not named below; empty: where the
			      * vCPUs are, if cells is empty too */
	const struct request_cell *cells; /* borrowed; overrides to */
	size_t n_cells; /* length of cells; cells of the guest that neither it
			 * nor to names stay where they are */
	bool rehome; /* the cpuset will be rewritten: neither it nor what
		      * numatune strict says of cells counts */
};

/* Why a request is refused as a whole. */
enum refusal {
	REFUSAL_NONE,
	REFUSAL_NO_GUEST, /* no guest with that index */
	REFUSAL_NO_CELL, /* the guest has no cell of that number */
	REFUSAL_BAD_NODE, /* a wanted node is offline or has no memory */
	REFUSAL_OFF, /* its mode is off */
	REFUSAL_GATE, /* a gate is closed */
	REFUSAL_UNMEASURED, /* not known yet where its memory lies */
	REFUSAL_NO_HOME, /* not known yet where its vCPUs live */
	REFUSAL_CPUSET, /* its cpuset allows none of the wanted nodes */
	REFUSAL_BOUND, /* numatune strict allows none of them */
	REFUSAL_NO_ROOM, /* no wanted node has room */
	REFUSAL_COUNT
};

/* A refusal and the gate behind it. */
struct refused {
	enum refusal refusal; /* why */
	unsigned int gate; /* enum gate bit behind REFUSAL_GATE, else 0 */
};

/* Plan an administrator's rebalance of guest number guest. Mode observe and
 * pin, dwell, cooldown, budget, payback and GATE_HELD do not count; room,
 * cpuset and gates that make moving impossible or unsafe do. The guest's
 * memory is read, not changed. Returns 0 (also when nothing has to move) or,
 * with *ret_refused written if not NULL: -EINVAL (guest, cell, node), -EPERM
 * (mode, gate, cpuset), -ENODATA (unmeasured, no home), -ENOSPC (no room). */
int policy_request(const struct policy_config *cfg, const struct snapshot *s,
		   size_t guest, const struct request *req,
		   struct plan *ret_plan, struct refused *ret_refused);

/* Room that an administrator wants on a node, for a guest to come. */
struct make_room {
	int node; /* the node */
	uint64_t bytes; /* to be free on it, beside its reserve */
	bool is_huge; /* in its pool of 2 MiB pages, not beside it */
	bool grows_pools; /* with is_huge: other nodes' pools may grow */
	uint64_t pool_bytes[NODES_MAX]; /* with is_huge: free in the pools, and
					 * not promised to anybody */
};

/* Plan the moves that free the room, of as few bytes as it takes: first those
 * that are not at home on the node, then those that lose the least, never onto
 * a node without room, never of a guest that policy_request() would refuse.
 * A decision for each cell: REASON_REQUEST where it might give, planned_bytes
 * of its resident_bytes on the node; else why it does not. *ret_free_bytes is
 * what is free there already. Room for moves must be the number of all cells
 * and nodes. Returns 0 (also when nothing has to move), -EINVAL (no such node),
 * or -ENOSPC with all that could be moved in *ret_plan. */
int policy_make_room(const struct policy_config *cfg, const struct snapshot *s,
		     const struct make_room *want, struct plan *ret_plan,
		     uint64_t *ret_free_bytes);

/* How much farther from home each byte lies after a move: distance (10 within a
 * node) times 1000, by the weights of home; below 0 it comes nearer. */
int64_t policy_farther(const struct snapshot *s, const struct home *home,
		       int from, int to);

/* Price and gain of the moves that plan holds for guest number guest; all 0
 * when there are none. */
void policy_price(const struct policy_config *cfg, const struct snapshot *s,
		  const struct plan *plan, size_t guest,
		  struct price *ret_price);

/* The same for all that lies wrong by the plan's decisions, planned or put off;
 * plan is of this snapshot. */
void policy_price_wrong(const struct policy_config *cfg,
			const struct snapshot *s, const struct plan *plan,
			size_t guest, struct price *ret_price);

/* A job of the guest has ended: charges the hourly budget, starts cooldowns,
 * notices reversals and futile jobs. Call once for each job, also for those
 * that failed or were cancelled. Moves that an administrator asked for count
 * neither as bytes nor as reversals: the limits are there to keep automatic
 * mode from thrashing, not to make it pay for somebody's wish. */
void policy_outcome(const struct policy_config *cfg, struct policy_guest *g,
		    const struct outcome *outcome);

/* Where one vCPU would be near its memory. */
struct advice_vcpu {
	int vcpu; /* the guest's number of the vCPU */
	int cell; /* its cell */
	int node; /* node to pin it to */
	bool is_there; /* its affinity is inside that node already */
};

/* Array lent by the caller. */
struct advice {
	struct advice_vcpu *vcpus; /* in the order of the vCPUs' ids */
	size_t n_vcpus; /* filled */
	size_t cap_vcpus; /* room */
};

/* Reverse advice: for each vCPU the node with CPUs that is on or nearest to
 * where most of its cell's memory lies. vCPUs of cells without measured memory
 * take the node of most of the guest's memory; without any, none is given. */
void policy_advice(const struct snapshot *s, size_t guest,
		   struct advice *ret_advice);

/* One sentence each, without a full stop; never NULL. */
const char *reason_text(enum reason reason);
const char *gate_text(unsigned int gate);
const char *refusal_text(enum refusal refusal);

#endif
