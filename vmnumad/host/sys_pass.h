/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A door that hands every call to another one: what sys_null and sys_record
 * are built from. They put struct sys_pass first in their own state and replace
 * the calls that they care about. Not used by anyone else.
 */
#ifndef HOST_SYS_PASS_H
#define HOST_SYS_PASS_H

#include "sys.h"

/* First member of the wrapper's state: each call takes a pointer to it. */
struct sys_pass {
	struct sys inner; /* borrowed: outlives the wrapper */
};

/* All calls, handed on. A wrapper copies it and replaces some. */
struct sys_ops sys_pass_ops(void);

#endif
