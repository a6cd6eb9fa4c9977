/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What moving cost teaches what it will cost: the numbers of a job's receipt
 * become those by which the next move of the guest is priced. Called by outcome.c;
 * used by the policy.
 */
#ifndef LEARN_H
#define LEARN_H

#include <stdint.h>

#include "jobs.h"
#include "snapshot.h"

/*
 * Of a job that has ended: what it says of its guest (cost, NULL: it is gone)
 * and of any guest (*rate_bytes_per_s), each smoothed with what was known. Only
 * a job at the usual pace that moved enough and did not wait for most of the
 * time says anything.
 */
void learn_cost(const struct job_entry *entry, struct snap_cost *cost,
		uint64_t *rate_bytes_per_s);

#endif
