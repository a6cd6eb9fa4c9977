/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two address spaces, two types: what the guest calls an address and what the
 * QEMU process calls an address must never be mixed, so mixing them must not
 * compile. Sizes are plain uint64_t and always bytes.
 */
#ifndef ADDR_H
#define ADDR_H

#include <stdbool.h>
#include <stdint.h>

#define KIB 1024ull
#define MIB (1024ull * KIB)
#define GIB (1024ull * MIB)
#define TIB (1024ull * GIB)

#define PAGE_4K_BYTES (4 * KIB)
#define PAGE_2M_BYTES (2 * MIB)
#define PAGES_PER_2M  (PAGE_2M_BYTES / PAGE_4K_BYTES)

/* Guest-physical address: what the guest believes in. */
struct gpa {
	uint64_t v;
};

/* Host virtual address in the QEMU process: what move_pages(2) takes. */
struct hva {
	uint64_t v;
};

/* True, and *ret_sum written, when a + b does not wrap. */
static inline bool addr_add(uint64_t a, uint64_t b, uint64_t *ret_sum)
{
	uint64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return false;
	*ret_sum = sum;
	return true;
}

/* align is a power of two. */
static inline bool addr_is_aligned(uint64_t v, uint64_t align)
{
	return (v & (align - 1)) == 0;
}

/* align is a power of two. */
static inline uint64_t addr_down(uint64_t v, uint64_t align)
{
	return v & ~(align - 1);
}

static inline uint64_t u64_min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t u64_max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

#endif
