/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real host behind sys.h: every system call and file open that looks at or
 * touches a guest's process. It has no state; main() makes the one door.
 *
 * sit() narrows the calling thread within the CPUs of the main thread, and
 * SEAT_ANY goes back to those: an administrator's CPUAffinity= holds, and the
 * main thread must not call it.
 */
#ifndef HOST_SYS_LINUX_H
#define HOST_SYS_LINUX_H

#include "sys.h"

struct sys sys_linux(void);

#endif
