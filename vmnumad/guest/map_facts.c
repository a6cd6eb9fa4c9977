/* SPDX-License-Identifier: Apache-2.0 */
/* What QEMU says before single addresses are asked for. See map_facts.h. */
#include "guest/map_facts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/map_infer.h"
#include "host/read_all.h"
#include "log.h"
#include "sys.h"

typedef int parse_fn(const struct qmp_value *value, struct map_facts *facts,
		     struct why *why);

static int parse_version(const struct qmp_value *value, struct map_facts *facts,
			 struct why *why)
{
	return qmp_parse_version(value, &facts->version, why);
}

static int parse_cpus(const struct qmp_value *value, struct map_facts *facts,
		      struct why *why)
{
	return qmp_parse_cpus(value, &facts->cpus, why);
}

static int parse_memdevs(const struct qmp_value *value, struct map_facts *facts,
			 struct why *why)
{
	return qmp_parse_memdevs(value, &facts->memdevs, why);
}

static int parse_devices(const struct qmp_value *value, struct map_facts *facts,
			 struct why *why)
{
	return qmp_parse_memory_devices(value, &facts->devices, why);
}

static int parse_mtree(const struct qmp_value *value, struct map_facts *facts,
		       struct why *why)
{
	const char *text;
	size_t len;
	int err = qmp_parse_hmp(value, &text, &len, why);

	return err ? err : qmp_text_mtree(text, len, &facts->ranges, why);
}

/* Only a check hangs on it: a text that is not understood is no reason to
 * leave the guest alone. */
static int parse_blocks(const struct qmp_value *value, struct map_facts *facts,
			struct why *why)
{
	struct why reason = { "no text" };
	const char *text;
	size_t len;

	if (qmp_parse_hmp(value, &text, &len, &reason) ||
	    qmp_text_ramblock(text, len, &facts->blocks, &reason))
		log_debug("map", "info ramblock is not used: %s", reason.text);
	return 0;
}

static const struct {
	enum qmp_question question; /* what to ask */
	parse_fn *parse; /* who reads the answer */
} questions[] = {
	{ QMP_QUERY_VERSION, parse_version },
	{ QMP_QUERY_MEMORY_DEVICES, parse_devices },
	{ QMP_QUERY_MEMDEV, parse_memdevs },
	{ QMP_QUERY_CPUS_FAST, parse_cpus },
	{ QMP_HMP_RAMBLOCK, parse_blocks },
	{ QMP_HMP_MTREE, parse_mtree },
};

static int read_cmdline(const struct sys *sys, const struct identity *identity,
			char **ret_text, size_t *ret_len, struct why *why)
{
	char path[64];
	int err;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)identity->pid);
	err = read_all_file(sys, path, IDENTITY_CMDLINE_SIZE, ret_text,
			    ret_len);
	if (err)
		why_set(why, "cannot read %s: %s", path, strerror(-err));
	return err;
}

static int read_layout(const struct sys *sys, const struct identity *identity,
		       struct cell_layout *ret_layout, struct why *why)
{
	char *text;
	size_t len;
	int err = read_cmdline(sys, identity, &text, &len, why);

	if (err)
		return err;
	err = cell_layout_parse(text, len, ret_layout, why);
	free(text);
	return err;
}

int map_facts_infer(const struct sys *sys, const struct identity *identity,
		    const char *maps, struct map_facts *ret_facts,
		    struct map_pieces *ret_pieces, struct why *why)
{
	char *text;
	size_t len;
	int err;

	memset(ret_facts, 0, sizeof(*ret_facts));
	err = read_cmdline(sys, identity, &text, &len, why);
	if (err)
		return err;
	err = cell_layout_parse(text, len, &ret_facts->layout, why);
	if (!err)
		err = map_infer(text, len, &ret_facts->layout, maps, ret_pieces,
				&ret_facts->cpus, why);
	free(text);
	return err;
}

int map_facts_ask(struct map_asker *asker, const struct identity *identity,
		  struct map_facts *ret_facts, struct why *why)
{
	int err;

	memset(ret_facts, 0, sizeof(*ret_facts));
	err = read_layout(asker->sys, identity, &ret_facts->layout, why);
	for (size_t i = 0; !err && i < sizeof(questions) / sizeof(questions[0]);
	     i++) {
		const struct qmp_command command = { questions[i].question };
		struct qmp_value *value;

		err = map_ask(asker, &command, &value, why);
		if (err)
			break;
		err = questions[i].parse(value, ret_facts, why);
		qmp_value_free(value);
	}
	return err;
}

void map_facts_finish(struct map_facts *facts)
{
	qmp_cpus_finish(&facts->cpus);
	qmp_memdevs_finish(&facts->memdevs);
	qmp_memory_devices_finish(&facts->devices);
	qmp_ranges_finish(&facts->ranges);
	qmp_ramblocks_finish(&facts->blocks);
	cell_layout_finish(&facts->layout);
}

bool map_facts_is_memory(const struct map_facts *facts, const char *block)
{
	/* Default names of the machines' own memory: a backend of this name
	 * is listed by query-memdev since QEMU 5.0, not before. */
	if (strcmp(block, "pc.ram") == 0 || strcmp(block, "mach-virt.ram") == 0)
		return true;
	for (size_t i = 0; i < facts->memdevs.n; i++)
		if (strcmp(facts->memdevs.memdevs[i].id, block) == 0)
			return true;
	return false;
}

const struct qmp_memory_device *map_facts_device(const struct map_facts *facts,
						 const char *block)
{
	for (size_t i = 0; i < facts->devices.n; i++)
		if (strcmp(facts->devices.devices[i].memdev, block) == 0)
			return &facts->devices.devices[i];
	return NULL;
}

const struct qmp_ramblock *map_facts_block(const struct map_facts *facts,
					   const char *block)
{
	for (size_t i = 0; i < facts->blocks.n; i++)
		if (strcmp(facts->blocks.blocks[i].name, block) == 0)
			return &facts->blocks.blocks[i];
	return NULL;
}
