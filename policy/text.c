/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What reasons, gates and refusals mean, in one sentence each. Printed by
 * explain, events, receipts and error messages, so that all use the same words.
 */
#include "policy/policy.h"

static const char *const reason_texts[REASON_COUNT] = {
	[REASON_NONE] = "nothing was asked or decided",
	[REASON_AFFINITY] = "its vCPUs are pinned to other nodes",
	[REASON_DRIFT] = "its vCPUs have stayed on other nodes for long enough",
	[REASON_REQUEST] = "an administrator asked for it",
	[REASON_LOCAL] = "its memory is where its vCPUs are",
	[REASON_NO_VCPU] = "no vCPU shows yet where its memory should be",
	[REASON_DWELL] = "its vCPUs have not stayed on other nodes long enough",
	[REASON_COOLDOWN] = "it was moved a short time ago",
	[REASON_BUDGET] = "the bytes that may be moved in an hour are used up",
	[REASON_PAYBACK] = "moving would cost more than it has time to gain",
	[REASON_NO_ROOM] = "the wanted node has no room for it",
	[REASON_CPUSET] = "its cpuset does not allow the wanted node",
	[REASON_MODE] = "its mode does not allow this move",
	[REASON_GATE] = "a gate is closed",
	[REASON_UNMEASURED] = "it is not measured yet where its memory lies",
	[REASON_BOUND] = "numatune strict binds its memory to other nodes",
	[REASON_SPREAD] = "numatune interleave spreads its memory on purpose",
};

static const struct {
	unsigned int gate;
	const char *text;
} gate_texts[] = {
	{ GATE_NO_MAP, "it is not known where its memory lies" },
	{ GATE_INFERRED_MAP,
	  "where its memory lies is only inferred, not confirmed by QEMU" },
	{ GATE_PAUSED, "it is paused" },
	{ GATE_STARTING, "it has just started" },
	{ GATE_MIGRATING, "it is being live-migrated" },
	{ GATE_JOB, "it is being saved, dumped, snapshotted or backed up" },
	{ GATE_CONFIDENTIAL,
	  "it is a confidential guest, whose memory cannot be moved" },
	{ GATE_PINNED, "a device holds its memory in place" },
	{ GATE_MONITOR, "its monitor does not answer" },
	{ GATE_MOVING, "a job is moving its memory already" },
	{ GATE_HELD,
	  "an administrator placed it, and its vCPUs have stayed since" },
	{ GATE_DENIED, "the kernel does not let us move its memory" },
	{ GATE_SETTLING, "others have changed its cpuset a moment ago" },
};

static const char *const refusal_texts[REFUSAL_COUNT] = {
	[REFUSAL_NONE] = "not refused",
	[REFUSAL_NO_GUEST] = "there is no such guest",
	[REFUSAL_NO_CELL] = "the guest has no such cell",
	[REFUSAL_BAD_NODE] = "a wanted node is offline or has no memory",
	[REFUSAL_OFF] = "the guest's mode is off",
	[REFUSAL_GATE] = "a gate is closed",
	[REFUSAL_UNMEASURED] = "it is not measured yet where its memory lies",
	[REFUSAL_NO_HOME] = "it is not known yet where its vCPUs live",
	[REFUSAL_CPUSET] = "its cpuset does not allow the wanted nodes",
	[REFUSAL_BOUND] = "numatune strict binds its memory to other nodes",
	[REFUSAL_NO_ROOM] = "the wanted nodes have no room",
};

const char *reason_text(enum reason reason)
{
	if ((unsigned int)reason >= REASON_COUNT)
		return "unknown reason";
	return reason_texts[reason];
}

const char *gate_text(unsigned int gate)
{
	for (size_t i = 0; i < sizeof(gate_texts) / sizeof(gate_texts[0]); i++)
		if (gate_texts[i].gate == gate)
			return gate_texts[i].text;
	return "unknown gate";
}

const char *refusal_text(enum refusal refusal)
{
	if ((unsigned int)refusal >= REFUSAL_COUNT)
		return "unknown refusal";
	return refusal_texts[refusal];
}
