/* SPDX-License-Identifier: Apache-2.0 */
/* A host and a QEMU for the tests of the map. See map_scene.h. */
#include "map_scene.h"

#include <check.h>
#include <string.h>

#define STAT                                                                   \
	"4242 (qemu-system-x86) S 1 4242 4242 0 -1 4194624 1 0 0 0 5 6 0 0 "   \
	"20 0 6 0 777 1 1 1 1 1 1 1 1 1 1 1 1 1 0 0 17 0 0 0 0 0 0 0 0 0 0 "   \
	"0 0 0 0\n"

const struct fake_block scene_blocks[SCENE_BLOCKS] = {
	{ 0, 0xc0000, NODE0, "ram-node0" },
	{ 0x100000, 0x9ff00000, NODE0 + 0x100000, "ram-node0" },
	{ 0xa0000000, 0x20000000, NODE1, "ram-node1" },
	{ 0x100000000, 0x80000000, NODE1 + 0x20000000, "ram-node1" },
	{ 0x180000000, 0x10000000, DIMM, "memdimm0" },
	{ 0x190000000, 0x8000000, NVDIMM, "nv0m" },
	{ 0x198000000, 0x40000000, VMEM, "vm0m" },
	{ 0 },
};

static const char cmdline_two[] =
	"/usr/bin/qemu-system-x86_64\0-S\0-uuid\0"
	"11111111-2222-3333-4444-555555555555\0-numa\0"
	"node,nodeid=0,cpus=0-1,memdev=ram-node0\0-numa\0"
	"node,nodeid=1,cpus=2-3,memdev=ram-node1\0";

#define CPUS                                                                   \
	"{\"return\": [{\"thread-id\": 4250, \"props\": {\"node-id\": 0}, "    \
	"\"cpu-index\": 0, \"target\": \"x86_64\"}, {\"thread-id\": 4251, "    \
	"\"props\": {\"node-id\": 1}, \"cpu-index\": 1, \"target\": "          \
	"\"x86_64\"}]}"

void scene_begin(struct scene *s)
{
	memset(s, 0, sizeof(*s));
	s->host = fake_sys_create(FAKE_LINUX_6_12);
	s->sys = fake_sys_door(s->host);
	fake_process(s->host, PID);
	fake_file(s->host, "/proc/4242/task/4242/stat", STAT);
	fake_file(s->host, "/proc/4242/maps", MAPS_LOW MAPS_MEMORY MAPS_HIGH);
	fake_file_bytes(s->host, "/proc/4242/cmdline", cmdline_two,
			sizeof(cmdline_two) - 1);
	s->qemu.capture = "qemu72-pc-devices";
	s->qemu.blocks = scene_blocks;
	s->qemu.replies[QMP_QUERY_CPUS_FAST] = CPUS;
	s->identity = (struct identity) {
		.pid = PID,
		.start_ticks = 777,
		.stack_start = 1,
	};
	ck_assert_int_eq(
		s->sys.ops->open_process(s->sys.self, PID, &s->identity.pidfd),
		0);
}

int scene_build(struct scene *s)
{
	struct monitor monitor = fake_qemu_monitor(&s->qemu);

	return map_build(&s->sys, &s->identity, &monitor, DEADLINE_NS,
			 &s->result, &s->why);
}

void scene_end(struct scene *s)
{
	map_result_finish(&s->result);
	identity_close(&s->sys, &s->identity);
	ck_assert_uint_eq(fake_open_handles(s->host), 0);
	fake_sys_destroy(s->host);
}
