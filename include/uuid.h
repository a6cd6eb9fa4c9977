/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's uuid as text. Names can be anything that libvirt accepts, so files,
 * tables and requests between the parts go by uuid.
 */
#ifndef UUID_H
#define UUID_H

#include <stdbool.h>
#include <string.h>

#define UUID_TEXT_LEN 36

struct uuid {
	char text[UUID_TEXT_LEN + 1]; /* lower case, with dashes, NUL ended */
};

static inline bool uuid_is_equal(const struct uuid *a, const struct uuid *b)
{
	return memcmp(a->text, b->text, UUID_TEXT_LEN) == 0;
}

#endif
