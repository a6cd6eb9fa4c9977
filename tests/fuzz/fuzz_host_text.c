/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz harness (libFuzzer) of all text parsers of host/: the first byte picks
 * one, the rest is its text, NUL terminated as the door gives it. What comes
 * out of a text that was accepted must keep the promises of the headers.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/list.h"
#include "host/maps_text.h"
#include "host/node_text.h"
#include "host/proc_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_list(const char *text)
{
	struct node_mask mask, again;
	struct cpu_bits cpus;
	struct why why;
	char buf[LIST_NODES_TEXT];

	list_parse_cpus(text, &cpus, &why);
	if (list_parse_nodes(text, &mask, &why))
		return;
	list_format_nodes(mask, buf, sizeof(buf));
	assert(list_parse_nodes(buf, &again, &why) == 0);
	assert(again.bits == mask.bits);
}

static void fuzz_proc(const char *text, size_t len)
{
	struct proc_stat stat;
	struct proc_status status;
	char buf[32];
	unsigned vcpu;

	if (proc_stat_parse(text, &stat) == 0)
		assert(stat.last_cpu >= 0 && stat.last_cpu < CPUS_MAX &&
		       strlen(stat.name) < PROC_NAME_SIZE);
	if (proc_status_parse(text, &status) == 0)
		assert(strlen(status.name) < PROC_NAME_SIZE);
	proc_status_field(text, "Cpus_allowed_list", buf, sizeof(buf));
	proc_comm_vcpu(text, &vcpu);
	proc_cmdline_value(text, len, "-uuid");
	if (proc_cmdline_guest_name(text, len, buf, sizeof(buf)) == 0)
		assert(buf[0] && strlen(buf) < sizeof(buf));
}

/* The first 16 bytes are the range that is claimed. */
static void fuzz_maps(const char *text, size_t len)
{
	struct maps_cover cover;
	struct maps_entry entry;
	struct hva start;
	struct why why;
	uint64_t size;
	const char *at;

	if (len < 16)
		return;
	memcpy(&start.v, text, 8);
	memcpy(&size, text + 8, 8);
	at = text + 16;
	if (maps_cover(at, start, size, &cover, &why) == 0)
		assert(cover.n_mappings > 0 && size > 0 &&
		       start.v + size > start.v &&
		       cover.first_start.v <= start.v &&
		       cover.first_end.v > start.v);
	while (maps_next(&at, &entry) == 1)
		assert(entry.start.v < entry.end.v &&
		       entry.path + entry.path_len < at);
}

static void fuzz_node(const char *text)
{
	struct node_watermarks marks[NODES_MAX];
	struct node_buddy buddies[NODES_MAX];
	struct node_meminfo info;
	uint8_t row[NODES_MAX];
	uint64_t number;
	size_t n;

	node_meminfo_parse(text, &info);
	node_number_parse(text, &number);
	if (node_distance_parse(text, row, NODES_MAX, &n) == 0)
		assert(n > 0 && n <= NODES_MAX);
	node_zoneinfo_parse(text, marks);
	if (node_buddyinfo_parse(text, buddies) == 0)
		node_buddy_2m_blocks(&buddies[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;
	size_t len;

	if (size == 0)
		return 0;
	len = size - 1;
	text = malloc(len + 1);
	if (!text)
		return 0;
	memcpy(text, data + 1, len);
	text[len] = '\0';
	switch (data[0] % 4) {
	case 0:
		fuzz_list(text);
		break;
	case 1:
		fuzz_proc(text, len);
		break;
	case 2:
		fuzz_maps(text, len);
		break;
	default:
		fuzz_node(text);
		break;
	}
	free(text);
	return 0;
}
