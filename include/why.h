/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct why: a short text that a person can act on. The layer that knows the
 * reason writes it, the layer that knows the audience prints it. Functions take
 * it as their last argument and accept NULL.
 */
#ifndef WHY_H
#define WHY_H

#include <stdarg.h>
#include <stdio.h>

struct why {
	char text[256]; /* one sentence without a full stop, NUL terminated */
};

/* Write the reason; a text that does not fit is cut. why may be NULL. */
__attribute__((format(printf, 2, 3))) static inline void why_set(
	struct why *why, const char *fmt, ...)
{
	va_list ap;

	if (!why)
		return;
	va_start(ap, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
}

#endif
