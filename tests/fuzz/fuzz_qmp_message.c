/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reply as libvirt's passthrough hands it over, given to every parser of
 * query.c: only one of them expects it, the others must refuse it.
 */
#include <stddef.h>
#include <stdint.h>

#include "qmp/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct qmp_memory_devices devices = { 0 };
	struct qmp_memdevs memdevs = { 0 };
	struct qmp_cpus cpus = { 0 };
	enum qmp_migration migration;
	struct qmp_version version;
	struct qmp_status status;
	struct qmp_value *value;
	struct why why;
	const char *text;
	size_t len;

	if (qmp_reply_parse((const char *)data, size, &value, &why))
		return 0;
	qmp_parse_version(value, &version, &why);
	qmp_parse_status(value, &status, &why);
	qmp_parse_cpus(value, &cpus, &why);
	qmp_parse_memory_devices(value, &devices, &why);
	qmp_parse_memdevs(value, &memdevs, &why);
	qmp_parse_migration(value, &migration, &why);
	qmp_parse_hmp(value, &text, &len, &why);
	qmp_cpus_finish(&cpus);
	qmp_memory_devices_finish(&devices);
	qmp_memdevs_finish(&memdevs);
	qmp_value_free(value);
	return 0;
}
