/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of unknown length through the door: /proc/PID/maps, /proc/zoneinfo.
 * Called by host/ and guest/.
 */
#ifndef HOST_READ_ALL_H
#define HOST_READ_ALL_H

#include <stddef.h>

#include "sys.h"

/* The whole file in memory of the caller (free()), NUL terminated; *ret_len is
 * without the NUL. -E2BIG above cap_bytes. A file that does not fit the first
 * 16 KiB is read again from the start with more room. */
int read_all_file(const struct sys *sys, const char *path, size_t cap_bytes,
		  char **ret_text, size_t *ret_len);

#endif
