/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a vCPU lives: by its CPU affinity when that lies within one node,
 * else by where it has run of late. Used by home.c and policy.c.
 */
#ifndef POLICY_AFFINITY_H
#define POLICY_AFFINITY_H

#include "policy/policy.h"

/* How one vCPU divides its cell's wish for memory. */
struct vcpu_home {
	bool is_known; /* share holds something */
	bool is_pinned; /* by affinity alone */
	bool is_settled; /* share is one node, by habit or affinity */
	unsigned int confidence; /* thousandths of its run time spent on the
				  * node of a settled vCPU; 0: a guess */
	uint16_t share[NODES_MAX]; /* by node, thousandths, sum WEIGHT_WHOLE */
	uint16_t spent[NODES_MAX]; /* its run time by node, in thousandths */
};

/* Take the samples of this tick into the guest's memory. True when they
 * continue the last tick, false after a gap (then nobody's stay is counted
 * on from before). */
bool affinity_sample(const struct policy_config *cfg, const struct snapshot *s,
		     const struct snap_guest *guest);

/* Where vCPU v lives, by what affinity_sample() has gathered in m. */
void affinity_home(const struct policy_config *cfg, const struct snapshot *s,
		   const struct policy_guest *m, const struct snap_vcpu *v,
		   struct vcpu_home *ret_home);

/* CPUs' worth of work that the guest has done of late, in thousandths. */
uint64_t affinity_activity(const struct policy_config *cfg,
			   const struct policy_guest *m);

#endif
