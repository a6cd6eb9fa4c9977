/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From return values to plain structs; see query.h. Each list element has its
 * own small parser; one place words the refusals.
 */
#include "qmp/query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

#define TID_MAX (4u * 1024 * 1024) /* PID_MAX_LIMIT of Linux on 64 bits */

static int refuse(struct why *why, const char *question, const char *what)
{
	why_set(why, "QEMU's answer to %s cannot be used: %s", question, what);
	return -EBADMSG;
}

/* A list of at most QMP_LIST_MAX elements. */
static int list_length(const struct qmp_value *value, const char *question,
		       size_t *ret_n, struct why *why)
{
	if (!qmp_value_is(value, QMP_ARRAY))
		return refuse(why, question, "no list");
	if (qmp_value_length(value) > QMP_LIST_MAX)
		return refuse(why, question, "too many elements");
	*ret_n = qmp_value_length(value);
	return 0;
}

int qmp_parse_version(const struct qmp_value *value,
		      struct qmp_version *ret_version, struct why *why)
{
	const struct qmp_value *qemu;
	uint64_t major, minor, micro;

	if (qmp_value_member(value, "qemu", QMP_OBJECT, &qemu) ||
	    qmp_value_u64(qemu, "major", 9999, &major) ||
	    qmp_value_u64(qemu, "minor", 9999, &minor) ||
	    qmp_value_u64(qemu, "micro", 9999, &micro))
		return refuse(why, "query-version", "no version numbers");
	*ret_version =
		(struct qmp_version) { (unsigned int)major, (unsigned int)minor,
				       (unsigned int)micro };
	return 0;
}

/* RunState of QEMU's qapi/run-state.json; what is not named here and does not
 * run is stopped. */
static enum qmp_run_state run_state(const char *name)
{
	static const struct {
		const char *name;
		enum qmp_run_state state;
	} states[] = {
		{ "running", QMP_RUNNING },
		{ "paused", QMP_PAUSED },
		{ "prelaunch", QMP_PAUSED },
		{ "inmigrate", QMP_INCOMING },
		{ "finish-migrate", QMP_LEAVING },
		{ "postmigrate", QMP_LEAVING },
		{ "colo", QMP_LEAVING },
		{ "save-vm", QMP_SAVING },
		{ "restore-vm", QMP_SAVING },
	};

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (strcmp(name, states[i].name) == 0)
			return states[i].state;
	return QMP_STOPPED;
}

int qmp_parse_status(const struct qmp_value *value,
		     struct qmp_status *ret_status, struct why *why)
{
	struct qmp_status status;
	bool is_running;

	if (qmp_value_word(value, "status", status.name, sizeof(status.name)) ||
	    qmp_value_bool(value, "running", &is_running))
		return refuse(why, "query-status", "no status");
	status.state = run_state(status.name);
	if (is_running != (status.state == QMP_RUNNING))
		return refuse(why, "query-status", "status and running differ");
	*ret_status = status;
	return 0;
}

/* The member's guest cell; NODE_NONE where there is no such member. */
static int parse_cell(const struct qmp_value *object, const char *name,
		      int *ret_cell)
{
	uint64_t cell;
	int rc = qmp_value_u64(object, name, QMP_CELLS_MAX - 1, &cell);

	if (rc == -ENOENT)
		*ret_cell = NODE_NONE;
	else if (rc)
		return rc;
	else
		*ret_cell = (int)cell;
	return 0;
}

static int parse_cpu(const struct qmp_value *value, struct qmp_cpu *cpu)
{
	const struct qmp_value *props;
	uint64_t index, tid;

	if (qmp_value_u64(value, "cpu-index", QMP_LIST_MAX - 1, &index) ||
	    qmp_value_u64(value, "thread-id", TID_MAX, &tid) || !tid)
		return -EBADMSG;
	cpu->index = (unsigned int)index;
	cpu->tid = (pid_t)tid;
	cpu->cell = NODE_NONE;
	if (qmp_value_member(value, "props", QMP_OBJECT, &props))
		return 0;
	return parse_cell(props, "node-id", &cpu->cell);
}

int qmp_parse_cpus(const struct qmp_value *value, struct qmp_cpus *ret_cpus,
		   struct why *why)
{
	bool is_seen[QMP_LIST_MAX] = { false };
	struct qmp_cpus cpus = { 0 };
	size_t n;
	int rc = list_length(value, "query-cpus-fast", &n, why);

	if (rc)
		return rc;
	cpus.cpus = xcalloc(n, sizeof(*cpus.cpus));
	for (; cpus.n < n; cpus.n++) {
		struct qmp_cpu *cpu = &cpus.cpus[cpus.n];

		if (parse_cpu(qmp_value_at(value, cpus.n), cpu) ||
		    is_seen[cpu->index]) {
			qmp_cpus_finish(&cpus);
			return refuse(why, "query-cpus-fast",
				      "a vCPU without plausible numbers");
		}
		is_seen[cpu->index] = true;
	}
	*ret_cpus = cpus;
	return 0;
}

void qmp_cpus_finish(struct qmp_cpus *cpus)
{
	free(cpus->cpus);
	*cpus = (struct qmp_cpus) { 0 };
}

/* An optional string: empty where there is none. */
static int optional_word(const struct qmp_value *object, const char *name,
			 char *buf, size_t size)
{
	int rc = qmp_value_word(object, name, buf, size);

	if (rc != -ENOENT)
		return rc;
	buf[0] = '\0';
	return 0;
}

/* "/objects/ram0" is the backend "ram0". */
static int parse_memdev_path(const struct qmp_value *data, char *buf,
			     size_t size)
{
	char path[2 * QMP_NAME_SIZE];
	const char *slash;
	int rc = qmp_value_word(data, "memdev", path, sizeof(path));

	if (rc)
		return rc;
	slash = strrchr(path, '/');
	slash = slash ? slash + 1 : path;
	if (!*slash || strlen(slash) >= size)
		return -EBADMSG;
	memcpy(buf, slash, strlen(slash) + 1);
	return 0;
}

static enum qmp_memory_device_kind device_kind(const char *type)
{
	static const char *const types[] = {
		[QMP_DIMM] = "dimm",
		[QMP_NVDIMM] = "nvdimm",
		[QMP_VIRTIO_MEM] = "virtio-mem",
		[QMP_VIRTIO_PMEM] = "virtio-pmem",
	};

	for (int i = 0; i < QMP_OTHER_DEVICE; i++)
		if (strcmp(type, types[i]) == 0)
			return (enum qmp_memory_device_kind)i;
	return QMP_OTHER_DEVICE;
}

static int parse_device_place(const struct qmp_value *data,
			      struct qmp_memory_device *device)
{
	bool is_dimm = device->kind == QMP_DIMM || device->kind == QMP_NVDIMM;
	uint64_t end;

	if (qmp_value_u64(data, is_dimm ? "addr" : "memaddr", QMP_GPA_END,
			  &device->start.v) ||
	    qmp_value_u64(data, "size", QMP_BLOCK_MAX_BYTES,
			  &device->size_bytes))
		return -EBADMSG;
	device->max_bytes = device->size_bytes;
	if (device->kind == QMP_VIRTIO_MEM &&
	    qmp_value_u64(data, "max-size", QMP_BLOCK_MAX_BYTES,
			  &device->max_bytes))
		return -EBADMSG;
	if (!device->max_bytes || device->size_bytes > device->max_bytes ||
	    !addr_add(device->start.v, device->max_bytes, &end) ||
	    end > QMP_GPA_END)
		return -EBADMSG;
	if (!addr_is_aligned(device->start.v | device->size_bytes |
				     device->max_bytes,
			     PAGE_4K_BYTES))
		return -EBADMSG;
	return 0;
}

static int parse_device(const struct qmp_value *value,
			struct qmp_memory_device *device)
{
	const struct qmp_value *data;
	char type[QMP_WORD_SIZE];

	if (qmp_value_word(value, "type", type, sizeof(type)))
		return -EBADMSG;
	device->kind = device_kind(type);
	device->cell = NODE_NONE;
	if (device->kind == QMP_OTHER_DEVICE)
		return 0;
	if (qmp_value_member(value, "data", QMP_OBJECT, &data) ||
	    optional_word(data, "id", device->id, sizeof(device->id)) ||
	    parse_memdev_path(data, device->memdev, sizeof(device->memdev)) ||
	    parse_cell(data, "node", &device->cell))
		return -EBADMSG;
	return parse_device_place(data, device);
}

int qmp_parse_memory_devices(const struct qmp_value *value,
			     struct qmp_memory_devices *ret_devices,
			     struct why *why)
{
	struct qmp_memory_devices devices = { 0 };
	size_t n;
	int rc = list_length(value, "query-memory-devices", &n, why);

	if (rc)
		return rc;
	devices.devices = xcalloc(n, sizeof(*devices.devices));
	for (; devices.n < n; devices.n++)
		if (parse_device(qmp_value_at(value, devices.n),
				 &devices.devices[devices.n])) {
			qmp_memory_devices_finish(&devices);
			return refuse(why, "query-memory-devices",
				      "a device without plausible numbers");
		}
	*ret_devices = devices;
	return 0;
}

void qmp_memory_devices_finish(struct qmp_memory_devices *devices)
{
	free(devices->devices);
	*devices = (struct qmp_memory_devices) { 0 };
}

static int parse_host_nodes(const struct qmp_value *memdev,
			    struct node_mask *ret_nodes)
{
	struct node_mask nodes = { 0 };
	const struct qmp_value *list;
	uint64_t node;

	if (qmp_value_member(memdev, "host-nodes", QMP_ARRAY, &list))
		return -EBADMSG;
	for (size_t i = 0; i < qmp_value_length(list); i++) {
		if (qmp_value_at_u64(list, i, NODES_MAX - 1, &node))
			return -EBADMSG;
		node_mask_add(&nodes, (int)node);
	}
	*ret_nodes = nodes;
	return 0;
}

static int parse_memdev(const struct qmp_value *value,
			struct qmp_memdev *memdev)
{
	int rc;

	if (optional_word(value, "id", memdev->id, sizeof(memdev->id)) ||
	    qmp_value_u64(value, "size", QMP_BLOCK_MAX_BYTES,
			  &memdev->size_bytes) ||
	    parse_host_nodes(value, &memdev->host_nodes) ||
	    qmp_value_word(value, "policy", memdev->policy,
			   sizeof(memdev->policy)))
		return -EBADMSG;
	rc = qmp_value_bool(value, "share", &memdev->is_shared);
	return rc == -ENOENT ? 0 : rc;
}

int qmp_parse_memdevs(const struct qmp_value *value,
		      struct qmp_memdevs *ret_memdevs, struct why *why)
{
	struct qmp_memdevs memdevs = { 0 };
	size_t n;
	int rc = list_length(value, "query-memdev", &n, why);

	if (rc)
		return rc;
	memdevs.memdevs = xcalloc(n, sizeof(*memdevs.memdevs));
	for (; memdevs.n < n; memdevs.n++)
		if (parse_memdev(qmp_value_at(value, memdevs.n),
				 &memdevs.memdevs[memdevs.n])) {
			qmp_memdevs_finish(&memdevs);
			return refuse(why, "query-memdev",
				      "a backend without plausible numbers");
		}
	*ret_memdevs = memdevs;
	return 0;
}

void qmp_memdevs_finish(struct qmp_memdevs *memdevs)
{
	free(memdevs->memdevs);
	*memdevs = (struct qmp_memdevs) { 0 };
}

/* MigrationStatus of QEMU's qapi/migration.json. "completed" with the guest
 * gone is query-status' postmigrate. */
int qmp_parse_migration(const struct qmp_value *value,
			enum qmp_migration *ret_migration, struct why *why)
{
	static const char *const ended[] = { "none", "completed", "failed",
					     "cancelled" };
	char status[QMP_WORD_SIZE];

	if (!qmp_value_is(value, QMP_OBJECT) ||
	    optional_word(value, "status", status, sizeof(status)))
		return refuse(why, "query-migrate", "no status");
	*ret_migration = QMP_MIGRATION_ACTIVE;
	if (!*status)
		*ret_migration = QMP_MIGRATION_NONE;
	if (strncmp(status, "postcopy-", strlen("postcopy-")) == 0)
		*ret_migration = QMP_MIGRATION_POSTCOPY;
	for (size_t i = 0; i < sizeof(ended) / sizeof(ended[0]); i++)
		if (strcmp(status, ended[i]) == 0)
			*ret_migration = QMP_MIGRATION_NONE;
	return 0;
}

int qmp_parse_hmp(const struct qmp_value *value, const char **ret_text,
		  size_t *ret_len, struct why *why)
{
	if (qmp_value_text(value, ret_text, ret_len))
		return refuse(why, "human-monitor-command", "no plain text");
	return 0;
}
