/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocation that ends the process when memory is out: systemd starts the
 * daemon again and nothing of a guest is lost, while half-tested recovery paths
 * would be a risk. Not for sizes that come from outside: those are capped by
 * whoever reads them.
 */
#ifndef XALLOC_H
#define XALLOC_H

#include <stddef.h>
#include <stdlib.h>

/* Zeroed array of n elements of size bytes; n and size may be 0. Owned by the
 * caller, released with free(). */
void *xcalloc(size_t n, size_t size);

/* Resized array of n elements of size bytes; new elements are not zeroed. */
void *xreallocarray(void *old, size_t n, size_t size);

/* Copy of text, which must not be NULL. */
char *xstrdup(const char *text);

/* Formatted text, owned by the caller. */
__attribute__((format(printf, 1, 2))) char *xasprintf(const char *fmt, ...);

/* Releases what a pointer variable holds at the end of its scope. */
static inline void xfree_cleanup(void *pointer)
{
	free(*(void **)pointer);
}
#define autofree __attribute__((cleanup(xfree_cleanup)))

#endif
