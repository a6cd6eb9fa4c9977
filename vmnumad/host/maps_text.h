/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/PID/maps (proc(5)): the only witness of which ranges of a QEMU process
 * may be touched. QEMU's own words about addresses are hints; maps_cover()
 * decides. Text in, struct out. Called by guest/ when a guest map is built.
 */
#ifndef HOST_MAPS_TEXT_H
#define HOST_MAPS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "why.h"

/* One line: one mapping. */
struct maps_entry {
	struct hva start; /* first byte */
	struct hva end; /* one past the last byte */
	bool is_readable; /* r */
	bool is_writable; /* w */
	bool is_executable; /* x */
	bool is_shared; /* s, as opposed to p */
	uint64_t offset; /* into the file, in bytes */
	uint32_t dev_major; /* device of the file, 0 for none */
	uint32_t dev_minor; /* the same */
	uint64_t inode; /* the file's, 0 for anonymous memory */
	const char *path; /* borrowed from the text, NOT terminated; the
			   * name that the mapping process sees, a label */
	size_t path_len; /* its bytes, " (deleted)" included; 0: none */
};

/* What guest memory is made of, as far as the text tells. */
enum maps_kind {
	MAPS_ANON, /* private anonymous, or shared "/dev/zero (deleted)" */
	MAPS_MEMFD, /* memfd_create(2); of huge pages or not: ask backing() */
	MAPS_HUGETLB, /* a file below a hugepages mount, or anon_hugepage */
	MAPS_FILE, /* a RAM file of QEMU or libvirt; tmpfs or disk: ask
		    * backing() */
};

/* What maps_cover() found. */
struct maps_cover {
	enum maps_kind kind; /* of all mappings of the range */
	bool is_shared; /* others may map the same pages */
	unsigned n_mappings; /* adjacent mappings that make up the range */
	uint64_t inode; /* of the backing file, 0 for none */
	struct hva first_start; /* the mapping that holds the first byte, */
	struct hva first_end; /* as sys' backing() wants it */
};

/* The next mapping at *text, which is moved on. 1: written; 0: end of text;
 * -EINVAL: not a line of maps (also one that was cut short). */
int maps_next(const char **text, struct maps_entry *ret_entry);

/*
 * May [start, start + size_bytes) be guest memory? It must be aligned to 4 KiB,
 * not empty, not wrap, and be covered without a hole by mappings that are all
 * readable, writable, not executable, of one acceptable kind, and, if backed by
 * a file, pieces of that one file in order. -EINVAL: malformed range or text;
 * -ENOENT: not (wholly) mapped; -EPERM: something that is not guest memory,
 * such as a library, stack or heap, lies there. O(length of text).
 */
int maps_cover(const char *text, struct hva start, uint64_t size_bytes,
	       struct maps_cover *ret_cover, struct why *why);

/* A word for messages and --json: "anon", "memfd", "hugetlb", "file". */
const char *maps_kind_name(enum maps_kind kind);

#endif
