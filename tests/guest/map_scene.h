/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scene that the tests of the map play in: a fake host with one QEMU
 * process, and what that QEMU answers. A pc with two cells of 2.5 GiB on memfd,
 * a DIMM of cell 1, an NVDIMM and a virtio-mem of cell 0, as captured from QEMU
 * 7.2 in tests/data/qmp/qemu72-pc-devices-*.
 */
#ifndef MAP_SCENE_H
#define MAP_SCENE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "fake_qemu.h"
#include "fake_sys.h"
#include "guest/map_build.h"

#define N(array) ((int)(sizeof(array) / sizeof((array)[0])))

#define PID         4242
#define DEADLINE_NS (60ull * 1000000000)

/* Where its blocks are in QEMU. */
#define NODE0  0x7fd517fff000ull
#define NODE1  0x7fd477ffe000ull
#define DIMM   0x7fd467c00000ull
#define NVDIMM 0x7fd45fa00000ull
#define VMEM   0x7fd41f800000ull

/* Its /proc/PID/maps: program and heap, guest memory, a library. */
#define MAPS_LOW                                                               \
	"55d0c0000000-55d0c0400000 r-xp 00000000 fe:00 11 "                    \
	"/usr/bin/qemu-system-x86_64\n"                                        \
	"55d0c1000000-55d0c1200000 rw-p 00000000 00:00 0 [heap]\n"
#define MAPS_MEMORY                                                            \
	"7fd41f800000-7fd45f800000 rw-p 00000000 00:00 0 \n"                   \
	"7fd45f800000-7fd45f801000 ---p 00000000 00:00 0 \n"                   \
	"7fd45fa00000-7fd467a00000 rw-s 00000000 fe:00 99 /srv/nvdimm.img\n"   \
	"7fd467c00000-7fd477c00000 rw-p 00000000 00:00 0 \n"                   \
	"7fd477ffe000-7fd517ffe000 rw-s 00000000 00:01 31 "                    \
	"/memfd:memory-backend-memfd (deleted)\n"                              \
	"7fd517fff000-7fd5b7fff000 rw-s 00000000 00:01 30 "                    \
	"/memfd:memory-backend-memfd (deleted)\n"
#define MAPS_HIGH                                                              \
	"7fd5fd000000-7fd5fd200000 r-xp 00000000 fe:00 12 "                    \
	"/usr/lib/x86_64-linux-gnu/libc.so.6\n"

/* The guest memory of MAPS_MEMORY without virtio-mem, NVDIMM and DIMM. */
#define MAPS_NODES strstr(MAPS_MEMORY, "7fd477ffe000-")

#define SCENE_BLOCKS 8
#define SCENE_DIMM   4 /* index of the DIMM's block */
#define SCENE_VMEM   6 /* and of the virtio-mem's */

/* The memory of this QEMU; a copy can be changed. */
extern const struct fake_block scene_blocks[SCENE_BLOCKS];

struct scene {
	struct fake_sys *host; /* owned */
	struct sys sys; /* the door to host */
	struct identity identity; /* of the process */
	struct fake_qemu qemu; /* behind the monitor */
	struct map_result result; /* of scene_build() */
	struct why why; /* of scene_build() */
};

void scene_begin(struct scene *s);
int scene_build(struct scene *s);
void scene_end(struct scene *s);

#endif
