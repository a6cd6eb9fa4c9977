/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers and names as people read and write them. Pure text; used by all of
 * vmnumactl.
 */
#ifndef CTL_TEXT_H
#define CTL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "why.h"

/* A short text by value, so that several fit into one printf. */
struct text {
	char s[32]; /* NUL terminated */
};

/* A name by value, made harmless. */
struct text_name {
	char s[512 + 4]; /* NUL terminated */
};

/* Bytes of a name that are looked at; the rest becomes "...". */
#define TEXT_NAME_MAX 128

/* "512 B", "12 MiB", "1.5 GiB": two or three digits, powers of 1024. */
struct text text_size(uint64_t bytes);

/* "4 KiB", "2 MiB", "1 GiB": the size of a page, exact. */
struct text text_page_size(uint64_t bytes);

/* "340 ms", "2.3 s", "45 s", "12 min 5 s", "3 h 20 min"; negative: "?". */
struct text text_duration(double seconds);

/* "93 %"; 100 % only when it is all of it, 0 % only when it is none. Negative
 * or above 1: "-". */
struct text text_share(double share);

/* part of whole as text_share; "-" when whole is 0. */
struct text text_part(uint64_t part, uint64_t whole);

/* A name from outside: bytes that are not printable UTF-8, and characters that
 * turn the direction of writing, become \xNN; long names are cut. */
struct text_name text_name(const char *name);

/* As text_name for text of any length, which the caller frees. */
char *text_clean(const char *text);

/* "512M", "1.5G", "2GiB", "4096": powers of 1024. At least 1 byte. -EINVAL
 * with a sentence. */
int text_parse_size(const char *text, uint64_t *ret_bytes, struct why *why);

/* A whole number from min to max. what names it in the sentence. -EINVAL. */
int text_parse_number(const char *text, const char *what, uint64_t min,
		      uint64_t max, uint64_t *ret_number, struct why *why);

#endif
