/* SPDX-License-Identifier: Apache-2.0 */
/* Captured files out of tests/data/host. */
#ifndef TESTS_HOST_TREE_H
#define TESTS_HOST_TREE_H

#include <stddef.h>

#include "fake_sys.h"

/* The content of DATA_DIR/name, owned by the caller, NUL terminated; ends the
 * test when it cannot be read. ret_len may be NULL. */
char *tree_read(const char *name, size_t *ret_len);

/* Put every file below DATA_DIR/host into the fake host, under the path that it
 * has there. */
void tree_load(struct fake_sys *fake, const char *host);

#endif
