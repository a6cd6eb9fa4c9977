/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A QEMU behind struct monitor, for tests of the map: answers with texts that
 * were captured from real ones, and gpa2hva out of a table of its memory.
 * Replies go through the same parser as real ones.
 */
#ifndef FAKE_QEMU_H
#define FAKE_QEMU_H

#include <stddef.h>
#include <stdint.h>

#include "guest/monitor.h"
#include "qmp/command.h"

/* A run of guest memory as this QEMU has it. */
struct fake_block {
	uint64_t gpa; /* first byte for the guest */
	uint64_t size_bytes; /* length */
	uint64_t hva; /* first byte in QEMU */
	const char *name; /* of the memory region; NULL ends a table */
};

typedef void fake_qemu_fn(void *arg, unsigned int n_asked);

struct fake_qemu {
	const struct fake_block *blocks; /* its memory; first match counts */
	const char *capture; /* tests/data/qmp/CAPTURE-* are its answers */
	const char *replies[QMP_QUESTIONS]; /* in place of a capture: the
				* whole reply of QMP_QUERY_*, the text of
				* QMP_HMP_* */
	int error[QMP_QUESTIONS]; /* or no answer but this */
	fake_qemu_fn *hook; /* called before each answer, may be NULL */
	void *hook_arg; /* its first argument */
	unsigned int n_asked; /* questions so far */
};

struct monitor fake_qemu_monitor(struct fake_qemu *qemu);

#endif
