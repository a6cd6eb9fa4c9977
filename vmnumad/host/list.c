/* SPDX-License-Identifier: Apache-2.0 */
/* Lists such as "0-3,8". See list.h. */
#include "host/list.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Digits at *at into ret_value, which saturates well below overflow. */
static int parse_number(const char **at, uint64_t *ret_value)
{
	const char *p = *at;
	uint64_t value = 0;

	if (*p < '0' || *p > '9')
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++)
		if (value < UINT32_MAX)
			value = value * 10 + (uint64_t)(*p - '0');
	*at = p;
	*ret_value = value;
	return 0;
}

/* "3" or "0-3" at *at. */
static int parse_range(const char **at, uint64_t *ret_first, uint64_t *ret_last)
{
	uint64_t first, last;

	if (parse_number(at, &first))
		return -EINVAL;
	last = first;
	if (**at == '-') {
		(*at)++;
		if (parse_number(at, &last) || last < first)
			return -EINVAL;
	}
	*ret_first = first;
	*ret_last = last;
	return 0;
}

static bool is_end(const char *p)
{
	return *p == '\0' || (p[0] == '\n' && p[1] == '\0');
}

static int bad_list(const char *text, struct why *why)
{
	why_set(why, "\"%.*s\" is not a list such as 0-3,8",
		(int)strnlen(text, 60), text);
	return -EINVAL;
}

int list_parse(const char *text, uint64_t *words, size_t n_bits,
	       struct why *why)
{
	const char *p = text;
	uint64_t first, last;

	memset(words, 0, LIST_WORDS(n_bits) * sizeof(*words));
	if (is_end(p))
		return 0;
	for (;;) {
		if (parse_range(&p, &first, &last))
			return bad_list(text, why);
		if (last >= n_bits) {
			why_set(why, "%llu is above the highest number, %zu",
				(unsigned long long)last, n_bits - 1);
			return -ERANGE;
		}
		for (uint64_t bit = first; bit <= last; bit++)
			words[bit / 64] |= 1ull << (bit % 64);
		if (is_end(p))
			return 0;
		if (*p++ != ',')
			return bad_list(text, why);
	}
}

int list_parse_cpus(const char *text, struct cpu_bits *ret_cpus,
		    struct why *why)
{
	struct cpu_bits cpus;
	int err = list_parse(text, cpus.words, CPUS_MAX, why);

	if (!err)
		*ret_cpus = cpus;
	return err;
}

int list_parse_nodes(const char *text, struct node_mask *ret_nodes,
		     struct why *why)
{
	uint64_t bits;
	int err = list_parse(text, &bits, NODES_MAX, why);

	if (!err)
		ret_nodes->bits = bits;
	return err;
}

int list_format(const uint64_t *words, size_t n_bits, char *buf, size_t size)
{
	size_t used = 0;
	size_t last;

	if (size == 0)
		return -E2BIG;
	buf[0] = '\0';
	for (size_t first = 0; first < n_bits; first = last + 1) {
		const char *comma = used ? "," : "";
		int n;

		last = first;
		if (!bits_has(words, (unsigned)first))
			continue;
		while (last + 1 < n_bits && bits_has(words, (unsigned)last + 1))
			last++;
		if (last > first)
			n = snprintf(buf + used, size - used, "%s%zu-%zu",
				     comma, first, last);
		else
			n = snprintf(buf + used, size - used, "%s%zu", comma,
				     first);
		if (n < 0 || (size_t)n >= size - used) {
			buf[used] = '\0';
			return -E2BIG;
		}
		used += (size_t)n;
	}
	return 0;
}

char *list_format_nodes(struct node_mask mask, char *buf, size_t size)
{
	list_format(&mask.bits, NODES_MAX, buf, size);
	return buf;
}
