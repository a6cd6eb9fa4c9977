/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmnumactl list: a row for each guest; with --nodes a row for each host node.
 */
#include "ctl/verb.h"

#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

#include "ctl/field.h"
#include "ctl/guest.h"
#include "ctl/table.h"
#include "ctl/text.h"
#include "xalloc.h"

static void guest_row(struct table *table, struct json_object *guest)
{
	autofree char *vcpus = guest_vcpus(guest);
	autofree char *memory = guest_memory(guest);
	autofree char *job = guest_job(guest);

	table_row(table);
	table_cell(table, 0, "%s", text_name(field_text(guest, "name", "?")).s);
	table_cell(table, 1, "%s",
		   text_name(field_text(guest, "state", "?")).s);
	table_cell(table, 2, "%s", text_name(field_text(guest, "mode", "?")).s);
	table_cell(table, 3, "%s", vcpus);
	table_cell(table, 4, "%s", memory);
	table_cell(table, 5, "%s",
		   text_share(field_double(guest, "locality", -1)).s);
	table_cell(table, 6, "%s", job);
}

static void guests_print(struct json_object *answer)
{
	static const struct table_column columns[] = {
		{ "NAME", TABLE_CUT },  { "STATE", 0 },
		{ "MODE", 0 },          { "VCPUS", 0 },
		{ "MEMORY", 0 },        { "LOCAL", TABLE_RIGHT },
		{ "JOB", TABLE_RIGHT }, { NULL, 0 },
	};
	size_t n = field_count(answer, "guests");
	struct table *table;

	if (!n) {
		puts("No guests are running.");
		return;
	}
	table = table_create(columns);
	for (size_t i = 0; i < n; i++)
		guest_row(table, field_at(answer, "guests", i));
	table_print(table, false);
	table_destroy(table);
}

static void nodes_print(struct json_object *answer)
{
	static const struct table_column columns[] = {
		{ "NODE", TABLE_RIGHT },
		{ "CPUS", TABLE_CUT },
		{ "MEMORY", TABLE_RIGHT },
		{ "FREE", TABLE_RIGHT },
		{ NULL, 0 },
	};
	struct table *table = table_create(columns);

	for (size_t i = 0; i < field_count(answer, "nodes"); i++) {
		struct json_object *node = field_at(answer, "nodes", i);
		const char *cpus = field_text(node, "cpus", "");

		table_row(table);
		table_cell(table, 0, "%d", (int)field_u64(node, "node", 0));
		table_cell(table, 1, "%s", *cpus ? text_name(cpus).s : "none");
		table_cell(table, 2, "%s",
			   text_size(field_u64(node, "total_bytes", 0)).s);
		table_cell(table, 3, "%s",
			   text_size(field_u64(node, "free_bytes", 0)).s);
	}
	table_print(table, false);
	table_destroy(table);
}

/* To standard error: the table stays a table. */
static void problem_print(struct json_object *answer)
{
	const char *problem =
		field_text(field_object(answer, "host"), "problem", "");
	autofree char *clean = text_clean(problem);

	if (*problem)
		fprintf(stderr,
			"vmnumactl: libvirt does not answer vmnumad: %s\n",
			clean);
}

static int run(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {
		{ "nodes", no_argument, NULL, 'n' },
		{ NULL, 0, NULL, 0 },
	};
	struct json_object *answer;
	bool has_nodes = false;
	int exit;
	int c;

	while ((c = ctl_option(ctl, argc, argv, options, &exit)) > 0)
		has_nodes = true;
	if (c < 0)
		return exit;
	exit = ctl_check_count(ctl, argc - optind, 0);
	if (!exit)
		exit = ctl_ask(ctl, "list", NULL, &answer);
	if (exit)
		return exit;
	if (ctl->is_json)
		ctl_print_json(answer);
	else if (has_nodes)
		nodes_print(answer);
	else
		guests_print(answer);
	if (!ctl->is_json)
		problem_print(answer);
	json_object_put(answer);
	return CTL_DONE;
}

const struct verb verb_list = {
	.name = "list",
	.args = "[--nodes]",
	.summary =
		"List the guests: where their vCPUs run and their memory lies",
	.help = "  --nodes  list the host's nodes in place of the guests\n",
	.run = run,
};
