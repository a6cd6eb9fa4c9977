/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Return values of the questions in command.h as plain structs. Works on values
 * from a session and from libvirt's passthrough alike. Called by the guest
 * code. QEMU's words are hints: addresses here say nothing about what may be
 * touched, only /proc does. The texts of human-monitor-command are text.h's.
 */
#ifndef QMP_QUERY_H
#define QMP_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "addr.h"
#include "node.h"
#include "why.h"
#include "qmp/message.h"

/* Room for the name of a QEMU object or RAM block, NUL included. */
#define QMP_NAME_SIZE 128

/* Elements of any list; more is refused. */
#define QMP_LIST_MAX 4096

/* Guest-physical addresses have at most 52 bits (x86-64, aarch64). */
#define QMP_GPA_END (1ull << 52)

/* One block of guest memory; a larger one is refused. */
#define QMP_BLOCK_MAX_BYTES (256 * TIB)

/* Guest cells, as in QEMU's MAX_NODES. */
#define QMP_CELLS_MAX 128

struct qmp_version {
	unsigned int major; /* 7 of 7.2.22 */
	unsigned int minor; /* 2 */
	unsigned int micro; /* 22 */
};

enum qmp_run_state {
	QMP_RUNNING, /* vCPUs run */
	QMP_PAUSED, /* stopped by the administrator or before the start */
	QMP_INCOMING, /* an incoming migration is awaited or under way */
	QMP_LEAVING, /* an outgoing migration ends or has ended */
	QMP_SAVING, /* save-vm, restore-vm */
	QMP_STOPPED, /* any other state in which vCPUs do not run */
};

struct qmp_status {
	enum qmp_run_state state; /* in our words */
	char name[QMP_WORD_SIZE]; /* in QEMU's, such as "prelaunch" */
};

struct qmp_cpu {
	unsigned int index; /* cpu-index: the vCPU's number */
	pid_t tid; /* thread-id on the host; checked against /proc by callers */
	int cell; /* node-id: guest cell, NODE_NONE without vNUMA */
};

struct qmp_cpus {
	struct qmp_cpu *cpus; /* owned, in QEMU's order */
	size_t n; /* of cpus */
};

enum qmp_memory_device_kind {
	QMP_DIMM, /* pc-dimm */
	QMP_NVDIMM,
	QMP_VIRTIO_MEM,
	QMP_VIRTIO_PMEM,
	QMP_OTHER_DEVICE, /* unknown to us: nothing below is set */
};

struct qmp_memory_device {
	enum qmp_memory_device_kind kind; /* what it is */
	char id[QMP_NAME_SIZE]; /* of the device; may be empty */
	char memdev[QMP_NAME_SIZE]; /* its backend's id, without the path */
	struct gpa start; /* addr or memaddr */
	uint64_t size_bytes; /* plugged; 0 to max for virtio-mem */
	uint64_t max_bytes; /* what it can grow to; else size_bytes */
	int cell; /* guest cell, NODE_NONE where QEMU does not say */
};

struct qmp_memory_devices {
	struct qmp_memory_device *devices; /* owned, in QEMU's order */
	size_t n; /* of devices */
};

struct qmp_memdev {
	char id[QMP_NAME_SIZE]; /* of the backend; may be empty */
	uint64_t size_bytes; /* of the backend */
	bool is_shared; /* share=on; false where QEMU does not say */
	struct node_mask host_nodes; /* bound to; may be empty */
	char policy[QMP_WORD_SIZE]; /* default, preferred, bind, interleave */
};

struct qmp_memdevs {
	struct qmp_memdev *memdevs; /* owned, in QEMU's order */
	size_t n; /* of memdevs */
};

enum qmp_migration {
	QMP_MIGRATION_NONE, /* none, or the last one has ended */
	QMP_MIGRATION_ACTIVE, /* under way, or in a state unknown to us */
	QMP_MIGRATION_POSTCOPY, /* under way in post-copy */
};

/* Each returns 0, or -EBADMSG with why when the value is not what QEMU's QAPI
 * schema promises or exceeds the limits above. value may be NULL. Lists are
 * freed by the caller with the _finish functions. */

/* query-version, and the value of a greeting. */
int qmp_parse_version(const struct qmp_value *value,
		      struct qmp_version *ret_version, struct why *why);

/* query-status */
int qmp_parse_status(const struct qmp_value *value,
		     struct qmp_status *ret_status, struct why *why);

/* query-cpus-fast. Two vCPUs with one index are refused; with one thread they
 * are not: that is how TCG may run. */
int qmp_parse_cpus(const struct qmp_value *value, struct qmp_cpus *ret_cpus,
		   struct why *why);
void qmp_cpus_finish(struct qmp_cpus *cpus);

/* query-memory-devices */
int qmp_parse_memory_devices(const struct qmp_value *value,
			     struct qmp_memory_devices *ret_devices,
			     struct why *why);
void qmp_memory_devices_finish(struct qmp_memory_devices *devices);

/* query-memdev */
int qmp_parse_memdevs(const struct qmp_value *value,
		      struct qmp_memdevs *ret_memdevs, struct why *why);
void qmp_memdevs_finish(struct qmp_memdevs *memdevs);

/* query-migrate */
int qmp_parse_migration(const struct qmp_value *value,
			enum qmp_migration *ret_migration, struct why *why);

/* human-monitor-command: the text, borrowed from value; for text.h. */
int qmp_parse_hmp(const struct qmp_value *value, const char **ret_text,
		  size_t *ret_len, struct why *why);

#endif
