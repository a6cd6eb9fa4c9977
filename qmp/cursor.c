/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a text from its front or its back without copying; see cursor.h.
 */
#include "qmp/cursor.h"

#include <string.h>

size_t cursor_left(const struct cursor *c)
{
	return (size_t)(c->end - c->at);
}

bool cursor_take_line(struct cursor *text, struct cursor *ret_line)
{
	const char *newline;

	if (!cursor_left(text))
		return false;
	newline = memchr(text->at, '\n', cursor_left(text));
	ret_line->at = text->at;
	ret_line->end = newline ? newline : text->end;
	text->at = newline ? newline + 1 : text->end;
	if (cursor_left(ret_line) && ret_line->end[-1] == '\r')
		ret_line->end--;
	return true;
}

bool cursor_starts_with(const struct cursor *c, const char *word)
{
	size_t len = strlen(word);

	return cursor_left(c) >= len && memcmp(c->at, word, len) == 0;
}

bool cursor_take(struct cursor *c, const char *word)
{
	if (!cursor_starts_with(c, word))
		return false;
	c->at += strlen(word);
	return true;
}

bool cursor_drop(struct cursor *c, const char *word)
{
	size_t len = strlen(word);

	if (cursor_left(c) < len || memcmp(c->end - len, word, len) != 0)
		return false;
	c->end -= len;
	return true;
}

bool cursor_is_blank(const struct cursor *c)
{
	for (const char *p = c->at; p < c->end; p++)
		if (*p != ' ')
			return false;
	return true;
}

/* -1: not a digit */
static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool cursor_take_hex(struct cursor *c, uint64_t *ret_number)
{
	uint64_t number = 0;
	int digits = 0;

	for (; cursor_left(c) && hex_digit(*c->at) >= 0; c->at++) {
		if (++digits > 16)
			return false;
		number = number << 4 | (uint64_t)hex_digit(*c->at);
	}
	if (!digits)
		return false;
	*ret_number = number;
	return true;
}

bool cursor_is_hex(struct cursor word, uint64_t *ret_number)
{
	return cursor_take(&word, "0x") && cursor_take_hex(&word, ret_number) &&
	       !cursor_left(&word);
}

struct cursor cursor_drop_word(struct cursor *line)
{
	struct cursor word;

	while (cursor_drop(line, " "))
		;
	word = (struct cursor) { line->end, line->end };
	while (word.at > line->at && word.at[-1] != ' ')
		word.at--;
	line->end = word.at;
	return word;
}

bool cursor_is_word(struct cursor word, const char *text)
{
	return cursor_take(&word, text) && !cursor_left(&word);
}
