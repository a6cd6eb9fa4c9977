/* SPDX-License-Identifier: Apache-2.0 */
/* The words of a receipt, and the one sum that several parts need. */
#include "move/receipt.h"

#include <assert.h>

#include "addr.h"

const char *residue_text(enum residue residue)
{
	static const char *const texts[] = {
		[RESIDUE_ABSENT] = "absent", [RESIDUE_BUSY] = "busy",
		[RESIDUE_PINNED] = "pinned", [RESIDUE_SHARED] = "shared",
		[RESIDUE_NOMEM] = "nomem",   [RESIDUE_CPUSET] = "cpuset",
		[RESIDUE_DENIED] = "denied", [RESIDUE_UNMOVABLE] = "unmovable",
		[RESIDUE_GONE] = "gone",     [RESIDUE_UNTRIED] = "untried",
		[RESIDUE_UNSEEN] = "unseen",
	};
	static_assert(sizeof(texts) / sizeof(*texts) == RESIDUE_COUNT,
		      "a word for each class");

	return texts[residue];
}

const char *job_result_text(enum job_result result)
{
	static const char *const texts[] = {
		[JOB_RUNNING] = "running",     [JOB_DONE] = "done",
		[JOB_PARTIAL] = "partial",     [JOB_REFUSED] = "refused",
		[JOB_CANCELLED] = "cancelled", [JOB_FAILED] = "failed",
	};

	return texts[result];
}

const char *job_phase_text(enum job_phase phase)
{
	static const char *const texts[] = {
		[PHASE_SCAN] = "checking",
		[PHASE_MOVE] = "moving",
		[PHASE_ROOM] = "waiting for room",
		[PHASE_RETRY] = "retrying",
		[PHASE_REPAIR] = "repairing",
		[PHASE_PAUSED] = "paused",
		[PHASE_HELD] = "waiting for libvirt",
		[PHASE_ENDED] = "ended",
	};

	return texts[phase];
}

uint64_t receipt_left_bytes(const struct receipt *receipt)
{
	uint64_t left_bytes = 0, known_bytes, lacking_bytes = 0;

	for (int i = 0; i < RESIDUE_COUNT; i++)
		if (i != RESIDUE_ABSENT && i != RESIDUE_UNSEEN)
			left_bytes += receipt->residue_bytes[i];
	known_bytes = receipt->moved_bytes + left_bytes;
	if (receipt->planned_bytes > known_bytes)
		lacking_bytes = receipt->planned_bytes - known_bytes;
	return left_bytes +
	       u64_min(receipt->residue_bytes[RESIDUE_UNSEEN], lacking_bytes);
}
