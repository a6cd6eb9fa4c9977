/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's list format, "0-3,8", as found in cpulist, nodelist, online and
 * Cpus_allowed_list, and as administrators type it. Strict: what the kernel
 * would not print is an error. Pure text; called by the other parsers, the
 * topology, the configuration and vmnumactl.
 */
#ifndef HOST_LIST_H
#define HOST_LIST_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node.h"
#include "why.h"

/* Linux allows 8192 CPUs on x86-64 (CONFIG_NR_CPUS). */
#define CPUS_MAX 8192

#define LIST_WORDS(n_bits) (((n_bits) + 63) / 64)

/* Room for any set of NODES_MAX nodes as text, NUL included. */
#define LIST_NODES_TEXT 192

/* A set of host CPUs. */
struct cpu_bits {
	uint64_t words[LIST_WORDS(CPUS_MAX)]; /* CPU n is bit n % 64 of n / 64 */
};

static inline bool bits_has(const uint64_t *words, unsigned bit)
{
	return words[bit / 64] >> (bit % 64) & 1;
}

/*
 * Read text into bits 0 to n_bits - 1 of words, LIST_WORDS(n_bits) of them,
 * all written. One newline at the end is taken; an empty text is the empty
 * set. -EINVAL: not a list; -ERANGE: a number of n_bits or above. words is
 * undefined after an error.
 */
int list_parse(const char *text, uint64_t *words, size_t n_bits,
	       struct why *why);

/* list_parse for CPUs. */
int list_parse_cpus(const char *text, struct cpu_bits *ret_cpus,
		    struct why *why);

/* list_parse for nodes: -ERANGE names the node of NODES_MAX or above. */
int list_parse_nodes(const char *text, struct node_mask *ret_nodes,
		     struct why *why);

/* Room for any set of CPUS_MAX CPUs as text, NUL included. */
#define LIST_CPUS_TEXT (28 * 1024)

/* Bits 0 to n_bits - 1 of words as the kernel writes a list, "0-3,8"; the empty
 * set is "". -E2BIG: size is too small, and buf holds the items that fit. */
int list_format(const uint64_t *words, size_t n_bits, char *buf, size_t size);

/* mask as "0-3,8"; the empty set is "". A buffer of LIST_NODES_TEXT bytes is
 * always enough, a smaller one is cut. Returns buf. */
char *list_format_nodes(struct node_mask mask, char *buf, size_t size);

#endif
