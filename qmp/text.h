/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsers of three texts that QEMU's human monitor prints. None is a promised
 * interface; the formats are those of QEMU 7.2 to 10.0. Anything not understood
 * is refused, never skipped: a map with a hole in it is worse than none. Called
 * by the guest map code with the text of qmp_parse_hmp().
 */
#ifndef QMP_TEXT_H
#define QMP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "why.h"
#include "qmp/query.h"

/* What a range of the guest's address space is ("info mtree -f"). Guest memory
 * is QMP_RANGE_RAM alone. */
enum qmp_range_kind {
	QMP_RANGE_RAM, /* "ram" */
	QMP_RANGE_NV_RAM, /* "nv-ram": NVDIMM */
	QMP_RANGE_RAMD, /* "ramd": a device's memory, such as a VFIO BAR */
	QMP_RANGE_ROM, /* "rom", "romd" */
	QMP_RANGE_IO, /* "i/o" */
	QMP_RANGE_OTHER, /* a word unknown to us */
};

struct qmp_range {
	struct gpa start; /* first byte */
	uint64_t size_bytes; /* never 0 */
	enum qmp_range_kind kind; /* what is there */
	bool is_kvm; /* a KVM memory slot covers it */
	char name[QMP_NAME_SIZE]; /* of the memory region: for RAM the id of
				   * its backend; printable ASCII */
	uint64_t offset; /* of start in that region, in bytes */
};

struct qmp_ranges {
	struct qmp_range *ranges; /* owned; by start, never overlapping */
	size_t n; /* of ranges, at most QMP_LIST_MAX */
};

enum qmp_mapped {
	QMP_MAPPED, /* name and hva are set */
	QMP_NOT_RAM, /* something else than memory is there */
	QMP_NO_MEMORY, /* nothing is there */
};

struct qmp_gpa2hva {
	enum qmp_mapped mapped; /* what QEMU says of the address */
	char name[QMP_NAME_SIZE]; /* of the memory region, printable ASCII */
	struct hva hva; /* in QEMU's own address space; not 0 */
};

struct qmp_ramblock {
	char name[QMP_NAME_SIZE]; /* after the last '/', printable ASCII */
	uint64_t page_bytes; /* of its backing: 4 KiB to 16 GiB, power of 2 */
	uint64_t offset; /* in QEMU's RAM address space, not a gpa */
	uint64_t used_bytes; /* at most total_bytes */
	uint64_t total_bytes; /* never 0 */
	bool has_hva; /* QEMU 8.0 and later say hva and is_read_only */
	struct hva hva; /* in QEMU's own address space */
	bool is_read_only; /* for the guest */
};

struct qmp_ramblocks {
	struct qmp_ramblock *blocks; /* owned, by offset, never overlapping */
	size_t n; /* of blocks, at most QMP_LIST_MAX */
};

/* "info mtree -f": the ranges of the flat view that AS "memory" with root
 * system uses; none when QEMU has not rendered it (machine none). -ENOENT: no
 * such view. -EBADMSG: a line of it is not understood, ranges overlap, wrap or
 * leave QMP_GPA_END, RAM is not aligned to 4 KiB or larger than
 * QMP_BLOCK_MAX_BYTES, or there are over QMP_LIST_MAX. */
int qmp_text_mtree(const char *text, size_t len, struct qmp_ranges *ret_ranges,
		   struct why *why);
void qmp_ranges_finish(struct qmp_ranges *ranges);

/* "gpa2hva ADDR", the answer for gpa. -EBADMSG: an answer that is not
 * understood, is for another address, or is no page of a process. */
int qmp_text_gpa2hva(const char *text, size_t len, struct gpa gpa,
		     struct qmp_gpa2hva *ret_answer, struct why *why);

/* "info ramblock" (also the human-readable-text of x-query-ramblock).
 * -EBADMSG as for qmp_text_mtree(); blocks overlap if they do by offset or by
 * hva. */
int qmp_text_ramblock(const char *text, size_t len,
		      struct qmp_ramblocks *ret_blocks, struct why *why);
void qmp_ramblocks_finish(struct qmp_ramblocks *blocks);

#endif
