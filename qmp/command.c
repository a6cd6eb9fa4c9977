/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The allow list of command.h as a table of fixed texts. The only parts of a
 * command that vary are a number printed by us and an id whose characters are
 * checked, so nothing here needs JSON escaping.
 */
#include "qmp/command.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *execute; /* the QMP command */
	const char *hmp; /* the monitor text it carries, NULL for none */
} questions[QMP_QUESTIONS] = {
	[QMP_CAPABILITIES] = { "qmp_capabilities" },
	[QMP_QUERY_VERSION] = { "query-version" },
	[QMP_QUERY_STATUS] = { "query-status" },
	[QMP_QUERY_CPUS_FAST] = { "query-cpus-fast" },
	[QMP_QUERY_MEMORY_DEVICES] = { "query-memory-devices" },
	[QMP_QUERY_MEMDEV] = { "query-memdev" },
	[QMP_QUERY_MIGRATE] = { "query-migrate" },
	[QMP_HMP_MTREE] = { "human-monitor-command", "info mtree -f" },
	[QMP_HMP_GPA2HVA] = { "human-monitor-command", "gpa2hva" },
	[QMP_HMP_RAMBLOCK] = { "human-monitor-command", "info ramblock" },
};

static bool id_is_plain(const char *id)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-_.";

	return strlen(id) < QMP_ID_SIZE && id[strspn(id, plain)] == '\0';
}

int qmp_command_text(const struct qmp_command *command, const char *id,
		     char *buf, size_t size)
{
	char address[24] = "";
	char arguments[96] = "";
	char id_member[QMP_ID_SIZE + 16] = "";
	const char *hmp;
	int len;

	if ((unsigned int)command->question >= QMP_QUESTIONS ||
	    (id && !id_is_plain(id)))
		return -EINVAL;
	hmp = questions[command->question].hmp;
	if (command->question == QMP_HMP_GPA2HVA)
		snprintf(address, sizeof(address), " 0x%" PRIx64,
			 command->gpa.v);
	if (hmp)
		snprintf(arguments, sizeof(arguments),
			 ",\"arguments\":{\"command-line\":\"%s%s\"}", hmp,
			 address);
	if (id)
		snprintf(id_member, sizeof(id_member), ",\"id\":\"%s\"", id);
	len = snprintf(buf, size, "{\"execute\":\"%s\"%s%s}",
		       questions[command->question].execute, arguments,
		       id_member);
	return len >= 0 && (size_t)len < size ? 0 : -EINVAL;
}
