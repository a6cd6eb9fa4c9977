/* SPDX-License-Identifier: Apache-2.0 */
/* Files of unknown length. See read_all.h. */
#include "host/read_all.h"

#include <errno.h>

#include "xalloc.h"

#define FIRST_BYTES (16 * KIB)

int read_all_file(const struct sys *sys, const char *path, size_t cap_bytes,
		  char **ret_text, size_t *ret_len)
{
	size_t size = u64_min(FIRST_BYTES, cap_bytes);
	char *text = NULL;
	int err;

	for (;;) {
		text = xreallocarray(text, size + 1, 1);
		err = sys->ops->read_file(sys->self, path, text, size + 1,
					  ret_len);
		if (err != -E2BIG || size == cap_bytes)
			break;
		size = u64_min(size * 4, cap_bytes);
	}
	if (err) {
		free(text);
		return err;
	}
	*ret_text = text;
	return 0;
}
