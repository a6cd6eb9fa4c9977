/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a device holds all memory of a QEMU, by what that process has open:
 * true for any guest, however the device came to it, and at any time.
 */
#ifndef GUEST_HELD_H
#define GUEST_HELD_H

#include <sys/types.h>

#include "sys.h"

/* *ret_by is what holds the memory of pid, for people (static text), NULL if
 * nothing does. 0, or -errno when its descriptors cannot be looked at; *ret_by
 * is NULL then. Takes CAP_SYS_PTRACE. */
int held_by(const struct sys *sys, pid_t pid, const char **ret_by);

#endif
