/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What holds moves back: the bytes allowed in an hour, the cooldown after a
 * job, and the price that a move must repay. Used by policy.c, placement.c and
 * request.c.
 */
#ifndef POLICY_BUDGET_H
#define POLICY_BUDGET_H

#include "policy/policy.h"

/* A move as a deal: what is paid for and what it is worth. */
struct deal {
	uint64_t bytes; /* to be moved */
	uint64_t far_bytes; /* these, weighted by how much nearer they come:
			     * 1 for a distance of 10 saved */
};

/* Bytes that the guest may still move now, after what is planned already. */
uint64_t budget_left(const struct policy_config *cfg,
		     const struct snap_guest *guest, uint64_t now_ns);

/* The same for all guests together; UINT64_MAX without a limit. */
uint64_t budget_host_left(const struct policy_config *cfg,
			  const struct snapshot *s);

/* When the oldest bytes stop counting; 0 when none count. */
uint64_t budget_again_ns(const struct policy_guest *m, uint64_t now_ns);

/* bytes were moved until now. */
void budget_charge(struct policy_guest *m, uint64_t now_ns, uint64_t bytes);

/* True when the cell's last job forbids a move to the nodes to. Going on with
 * that job's work is not forbidden, nor is a first change of affinity. */
bool budget_is_cooling(const struct policy_cell *pc, struct node_mask to,
		       bool by_affinity, uint64_t now_ns);

/* So much of the cell is wrong now, and changes up to slack are no news. When a
 * job was futile and more is wrong than was then, there is something to move that
 * it says nothing of. */
void budget_look_again(struct policy_cell *pc, uint64_t wrong_bytes,
		       uint64_t slack_bytes);

/* The cell's last job from one set of nodes to another has ended. */
void budget_cool(const struct policy_config *cfg, struct policy_cell *pc,
		 struct node_mask from, struct node_mask to, uint64_t end_ns,
		 bool is_futile);

/* What the deal costs the guest and when it has repaid itself. */
void budget_price(const struct policy_config *cfg, const struct snapshot *s,
		  const struct snap_guest *guest, struct deal deal,
		  struct price *ret_price);

#endif
