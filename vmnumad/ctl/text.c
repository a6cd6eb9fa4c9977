/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers and names as people read and write them. Guest names come from
 * whoever may define a guest, and go to an administrator's terminal: nothing
 * that a terminal obeys gets through text_clean().
 */
#include "ctl/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
#define N_UNITS (sizeof(units) / sizeof(units[0]))

__attribute__((format(printf, 1, 2))) static struct text text_of(
	const char *fmt, ...)
{
	struct text text;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text.s, sizeof(text.s), fmt, ap);
	va_end(ap);
	return text;
}

struct text text_size(uint64_t bytes)
{
	double value = (double)bytes;
	size_t unit = 0;

	/* 1023.6 MiB would be printed as 1024 MiB */
	while (unit + 1 < N_UNITS && value >= (unit ? 1023.5 : 1024)) {
		value /= 1024;
		unit++;
	}
	if (unit && value < 9.95)
		return text_of("%.1f %s", value, units[unit]);
	return text_of("%.0f %s", value, units[unit]);
}

struct text text_page_size(uint64_t bytes)
{
	size_t unit = 0;

	while (unit + 1 < N_UNITS && bytes && bytes % 1024 == 0) {
		bytes /= 1024;
		unit++;
	}
	return text_of("%llu %s", (unsigned long long)bytes, units[unit]);
}

struct text text_duration(double seconds)
{
	long long s;

	if (!(seconds >= 0) || seconds > 1e9)
		return text_of("?");
	if (seconds < 0.9995)
		return text_of("%.0f ms", seconds * 1000);
	if (seconds < 9.95)
		return text_of("%.1f s", seconds);
	s = (long long)(seconds + 0.5);
	if (s < 120)
		return text_of("%lld s", s);
	if (s < 7200)
		return s % 60 ? text_of("%lld min %lld s", s / 60, s % 60)
			      : text_of("%lld min", s / 60);
	if (s < 172800)
		return text_of("%lld h %lld min", s / 3600, s % 3600 / 60);
	return text_of("%lld days", s / 86400);
}

struct text text_share(double share)
{
	double percent = share * 100;

	if (!(share >= 0) || share > 1)
		return text_of("-");
	if (percent > 0 && percent < 1)
		percent = 1;
	else if (percent > 99 && percent < 100)
		percent = 99;
	return text_of("%.0f %%", percent);
}

struct text text_part(uint64_t part, uint64_t whole)
{
	return text_share(whole ? (double)part / (double)whole : -1);
}

/* Length of the UTF-8 sequence that text begins with and its character; 0 when
 * it is not one (RFC 3629: no surrogates, no overlong forms). */
static size_t utf8_take(const unsigned char *text, uint32_t *ret_character)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t character;
	size_t len;

	if (text[0] < 0x80)
		len = 1;
	else if (text[0] >= 0xf0 && text[0] < 0xf8)
		len = 4;
	else if (text[0] >= 0xe0 && text[0] < 0xf0)
		len = 3;
	else if (text[0] >= 0xc0 && text[0] < 0xe0)
		len = 2;
	else
		return 0;
	character = len == 1 ? text[0] : text[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		character = character << 6 | (text[i] & 0x3f);
	}
	if (character < least[len] || character > 0x10ffff ||
	    (character >= 0xd800 && character <= 0xdfff))
		return 0;
	*ret_character = character;
	return len;
}

/* Controls, separators of lines, and what turns the direction of writing. */
static bool is_harmful(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c ||
	       (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
	       (c >= 0xfff0 && c <= 0xfffb) || c >= 0xe0000;
}

/* Writes at most 4 bytes for each byte of text. Returns the bytes written. */
static size_t clean(const char *text, size_t len, char *out)
{
	const unsigned char *at = (const unsigned char *)text;
	const unsigned char *end = at + len;
	size_t n = 0;

	while (at < end) {
		uint32_t c = 0;
		size_t take = utf8_take(at, &c);

		if (take > (size_t)(end - at))
			take = 0;
		if (take && !is_harmful(c)) {
			memcpy(out + n, at, take);
			n += take;
			at += take;
			continue;
		}
		for (size_t i = 0; i < (take ? take : 1); i++)
			n += (size_t)sprintf(out + n, "\\x%02x", *at++);
	}
	out[n] = '\0';
	return n;
}

struct text_name text_name(const char *name)
{
	struct text_name text;
	size_t len = strlen(name);
	bool is_cut = len > TEXT_NAME_MAX;

	if (is_cut) {
		len = TEXT_NAME_MAX;
		/* not in the middle of a character */
		while (len && ((unsigned char)name[len] & 0xc0) == 0x80)
			len--;
	}
	len = clean(name, len, text.s);
	if (is_cut)
		memcpy(text.s + len, "...", 4);
	return text;
}

char *text_clean(const char *text)
{
	size_t len = strlen(text);
	char *out = xcalloc(len + 1, 4);

	clean(text, len, out);
	return out;
}

/* Powers of 1024 of "", "K", "M", "GiB", …; -1 for what is no unit. */
static int unit_parse(const char *text)
{
	static const char letters[] = "KMGTP";
	const char *letter;

	if (!*text)
		return 0;
	letter = strchr(letters, *text >= 'a' ? *text - 32 : *text);
	if (!letter || (text[1] && strcmp(text + 1, "iB") != 0))
		return -1;
	return (int)(letter - letters) + 1;
}

int text_parse_size(const char *text, uint64_t *ret_bytes, struct why *why)
{
	double value = 0;
	int unit = -1;
	char *end;

	if (*text >= '0' && *text <= '9' &&
	    strspn(text, "0123456789.") < sizeof("18446744073709551615") &&
	    text[1] != 'x' && text[1] != 'X') {
		value = strtod(text, &end);
		unit = *end == 'e' || *end == 'E' ? -1 : unit_parse(end);
	}
	if (unit < 0 || strpbrk(text, "eExX")) {
		why_set(why, "\"%.40s\" is not a size such as 512M or 1.5G",
			text);
		return -EINVAL;
	}
	value *= (double)(1ull << (10 * unit));
	if (value < 1 || value >= 0x1p63) {
		why_set(why, "the size \"%.40s\" is out of range", text);
		return -EINVAL;
	}
	*ret_bytes = (uint64_t)value;
	return 0;
}

int text_parse_number(const char *text, const char *what, uint64_t min,
		      uint64_t max, uint64_t *ret_number, struct why *why)
{
	unsigned long long number = 0;
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 18 || text[digits]) {
		why_set(why, "\"%.40s\" is not %s", text, what);
		return -EINVAL;
	}
	number = strtoull(text, NULL, 10);
	if (number < min || number > max) {
		why_set(why, "%s is %llu to %llu, not %s", what,
			(unsigned long long)min, (unsigned long long)max, text);
		return -EINVAL;
	}
	*ret_number = number;
	return 0;
}
