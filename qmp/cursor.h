/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is left to read of a text that is not NUL terminated and not ours.
 * Reading from the front or the back narrows the cursor; nothing is copied and
 * nothing beyond the ends is looked at. Called by text.c. take_ and drop_
 * functions return false, with the cursor as it was unless they say otherwise,
 * when what they look for is not there.
 */
#ifndef QMP_CURSOR_H
#define QMP_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cursor {
	const char *at; /* next byte */
	const char *end; /* one past the last byte */
};

/* Bytes left. */
size_t cursor_left(const struct cursor *c);

/* Nothing but spaces is left. */
bool cursor_is_blank(const struct cursor *c);

bool cursor_starts_with(const struct cursor *c, const char *word);

/* The next line without its LF or CR LF; false at the end of the text. */
bool cursor_take_line(struct cursor *text, struct cursor *ret_line);

/* Step over word at the front. */
bool cursor_take(struct cursor *c, const char *word);

/* Step over 1 to 16 lower-case hex digits, as QEMU prints them, without a
 * prefix. More digits: false, with the cursor among them. */
bool cursor_take_hex(struct cursor *c, uint64_t *ret_number);

/* Cut word off the back. */
bool cursor_drop(struct cursor *c, const char *word);

/* Cut the last word, and the spaces behind it, off the line; empty if there is
 * none. */
struct cursor cursor_drop_word(struct cursor *line);

/* All of word is this text. */
bool cursor_is_word(struct cursor word, const char *text);

/* All of word is a hex number with the prefix 0x. */
bool cursor_is_hex(struct cursor word, uint64_t *ret_number);

#endif
