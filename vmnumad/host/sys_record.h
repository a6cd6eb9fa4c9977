/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes one line for each call that looks at or touches a process, and hands
 * the call on: vmnumad --trace FILE. The file is for people and for awk:
 *
 *   TIME_NS where pid=P n=N first=HVA result=R took_ns=T on=0:500,1:12 err=-2:3
 *   TIME_NS move pid=P n=N first=HVA last=HVA to=NODE all=0 result=R took_ns=T
 *           written=N
 *   TIME_NS collapse pidfd=F start=HVA size=S result=R took_ns=T
 *   TIME_NS scan fd=F start=HVA end=HVA runs=N result=R took_ns=T
 *   TIME_NS open-process pid=P result=R
 *   TIME_NS open-pagemap pid=P result=R
 *   TIME_NS backing pid=P start=HVA end=HVA result=R
 *   TIME_NS dead pidfd=F result=R
 *   TIME_NS sit any|on-node|off-node|on-cpu=NUMBER result=R
 *   TIME_NS write path=PATH text=TEXT result=R
 *
 * (each on one line; HVA is hexadecimal, result as in sys.h). "on" counts pages
 * by node and "err" by error; "written" counts the status words that the kernel
 * wrote. A process that is found alive gives no line.
 */
#ifndef HOST_SYS_RECORD_H
#define HOST_SYS_RECORD_H

#include <stdio.h>

#include "host/sys_pass.h"

struct sys_record {
	struct sys_pass pass; /* where calls go; must be first */
	struct sys_ops ops; /* our table */
	FILE *out; /* borrowed; stdio's lock keeps lines whole */
};

/* The returned door works on *record, which outlives it and does not move.
 * inner and out are borrowed. */
struct sys sys_record_init(struct sys_record *record, struct sys inner,
			   FILE *out);

#endif
