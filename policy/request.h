/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an administrator's word does and does not open. Used by request.c and
 * make_room.c.
 */
#ifndef POLICY_REQUEST_H
#define POLICY_REQUEST_H

#include "snapshot.h"

/* Gates that even an administrator's word does not open: moving would fail, or
 * would disturb what is under way. The others only say "not by itself". */
#define REQUEST_HARD_GATES                                                     \
	(GATE_NO_MAP | GATE_MIGRATING | GATE_JOB | GATE_CONFIDENTIAL |         \
	 GATE_PINNED | GATE_MOVING | GATE_DENIED)

#endif
