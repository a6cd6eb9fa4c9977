/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the guest map of one QEMU: asks it through a monitor where the guest's
 * memory is, and believes only what /proc confirms. Blocks; runs on a task
 * thread when a guest appears, when its memory changes and when a job finds
 * that its map is stale.
 */
#ifndef GUEST_MAP_BUILD_H
#define GUEST_MAP_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/identity.h"
#include "guest/map.h"
#include "guest/monitor.h"
#include "qmp/query.h"
#include "why.h"

struct sys;

/* Room for "7.2.22", NUL included. */
#define QEMU_VERSION_SIZE 36

/* Why a piece of guest memory is not in the map and is never moved. */
enum map_skip {
	MAP_SKIP_DEVICE, /* NVDIMM, virtio-pmem: it is what the device is */
	MAP_SKIP_FILE, /* a file on a disk, or not to be told from one */
	MAP_SKIP_CELL, /* nothing says to which guest cell it belongs */
	MAP_SKIP_REFUSED, /* /proc/PID/maps says that it is not guest memory:
			   * QEMU lies, or holds it in a way unknown to us */
};

struct map_skipped {
	struct gpa gpa; /* first byte for the guest */
	uint64_t size_bytes; /* length */
	enum map_skip skip; /* why */
	char block[BLOCK_NAME_SIZE]; /* of which block */
};

/* All that one round of questions gave. */
struct map_result {
	struct guest_map *map; /* one reference, the holder's */
	struct qmp_cpus cpus; /* owned: vCPU numbers, thread ids as QEMU gives
			       * them, and cells; without vNUMA cell 0 */
	struct map_skipped *skipped; /* owned: unmovable memory */
	size_t n_skipped; /* length of skipped */
	unsigned int n_questions; /* what it took */
	bool is_inferred; /* nobody was asked: see map_infer.h */
	uint64_t devices; /* fingerprint of its memory devices: run_state.h */
	char qemu_version[QEMU_VERSION_SIZE]; /* "7.2.22"; inferred: "0.0.0" */
};

/*
 * monitor NULL: infer it from the command line and /proc/PID/maps, or -ENOTSUP
 * where that leaves a doubt. Build it, until deadline_ns (CLOCK_MONOTONIC) at
 * the latest plus the time of one question. The 384 KiB below 1 MiB are left
 * out: video window and shadowed ROM on x86. *ret_result is written on 0 only and ended with
 * map_result_finish(). -ESRCH: the process is gone; -ETIMEDOUT, -E2BIG: see
 * map_probe.h; -EBADMSG, -ENOENT: an answer that is not understood; -EAGAIN: it
 * changed meanwhile; -EINVAL: no sound map, or no memory that may be touched;
 * errors of the monitor and of reading /proc/PID/maps.
 */
int map_build(const struct sys *sys, const struct identity *identity,
	      struct monitor *monitor, uint64_t deadline_ns,
	      struct map_result *ret_result, struct why *why);

/* Gives up the map too. */
void map_result_finish(struct map_result *result);

/* One sentence about the reason, without a full stop. */
const char *map_skip_text(enum map_skip skip);

#endif
