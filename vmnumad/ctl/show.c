/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmnumactl show: one guest in full: vCPUs, cells, regions, and what could not
 * be moved; with --map a drawing of its memory.
 */
#include "ctl/verb.h"

#include <getopt.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

#include "ctl/field.h"
#include "ctl/guest.h"
#include "ctl/map.h"
#include "ctl/receipt.h"
#include "ctl/table.h"
#include "ctl/text.h"
#include "xalloc.h"

static void head_print(struct json_object *guest)
{
	const char *shared_with = field_text(guest, "shared_with", "");
	autofree char *job = guest_job(guest);

	printf("%s  %s\n", text_name(field_text(guest, "name", "?")).s,
	       text_name(field_text(guest, "uuid", "")).s);
	printf("%s, process %llu, mode %s, %s of its memory is local",
	       text_name(field_text(guest, "state", "?")).s,
	       (unsigned long long)field_u64(guest, "pid", 0),
	       text_name(field_text(guest, "mode", "?")).s,
	       text_share(field_double(guest, "locality", -1)).s);
	if (*job != '-')
		printf(", job %s is at work", job);
	putchar('\n');
	if (field_bool(guest, "adopted"))
		puts(field_bool(guest, "inferred")
			     ? "Adopted; where its memory lies is inferred: it "
			       "moves on request only, unless configured."
			     : "Adopted.");
	if (*shared_with)
		printf("Another process maps its memory too: %s.\n",
		       text_name(shared_with).s);
	guest_print_problem(guest);
}

/* Prints table after an empty line, and destroys it. */
static void section_print(struct table *table, size_t n_rows)
{
	if (n_rows)
		putchar('\n');
	table_print(table, true);
	table_destroy(table);
}

static void number_cell(struct table *table, size_t column,
			struct json_object *object, const char *key)
{
	uint64_t number = field_u64(object, key, UINT64_MAX);

	if (number == UINT64_MAX)
		table_cell(table, column, "?");
	else
		table_cell(table, column, "%llu", (unsigned long long)number);
}

static void vcpus_print(struct json_object *guest)
{
	static const struct table_column columns[] = {
		{ "VCPU", TABLE_RIGHT },
		{ "NODE", TABLE_RIGHT },
		{ "CPU", TABLE_RIGHT },
		{ "THREAD", TABLE_RIGHT },
		{ NULL, 0 },
	};
	struct table *table = table_create(columns);
	size_t n = field_count(guest, "vcpus");

	for (size_t i = 0; i < n; i++) {
		struct json_object *vcpu = field_at(guest, "vcpus", i);

		table_row(table);
		number_cell(table, 0, vcpu, "id");
		number_cell(table, 1, vcpu, "node");
		number_cell(table, 2, vcpu, "cpu");
		number_cell(table, 3, vcpu, "tid");
	}
	section_print(table, n);
}

static void cells_print(struct json_object *guest)
{
	static const struct table_column columns[] = {
		{ "CELL", TABLE_RIGHT },   { "HOME", TABLE_CUT },
		{ "MEMORY", TABLE_RIGHT }, { "LOCAL", TABLE_RIGHT },
		{ "PER NODE", TABLE_CUT }, { NULL, 0 },
	};
	struct table *table = table_create(columns);
	size_t n = field_count(guest, "cells");

	for (size_t i = 0; i < n; i++) {
		struct json_object *cell = field_at(guest, "cells", i);
		uint64_t resident = field_u64(cell, "resident_bytes", 0);
		autofree char *home = guest_home(cell);
		autofree char *nodes = guest_node_bytes(cell);

		table_row(table);
		number_cell(table, 0, cell, "id");
		table_cell(table, 1, "%s", home);
		table_cell(table, 2, "%s", text_size(resident).s);
		table_cell(
			table, 3, "%s",
			text_part(field_u64(cell, "local_bytes", 0), resident)
				.s);
		table_cell(table, 4, "%s", nodes);
	}
	section_print(table, n);
}

static void region_row(struct table *table, struct json_object *region)
{
	table_row(table);
	table_cell(table, 0, "0x%012" PRIx64, field_u64(region, "gpa", 0));
	table_cell(table, 1, "%s", text_size(field_u64(region, "size", 0)).s);
	number_cell(table, 2, region, "cell");
	table_cell(table, 3, "%s",
		   text_page_size(field_u64(region, "page_size", 0)).s);
	table_cell(table, 4, "%s%s",
		   text_name(field_text(region, "backing", "?")).s,
		   field_bool(region, "shared") ? ", shared" : "");
	table_cell(table, 5, "%s",
		   text_name(field_text(region, "block", "")).s);
}

static void regions_print(struct json_object *guest)
{
	static const struct table_column columns[] = {
		{ "REGION", TABLE_RIGHT },
		{ "SIZE", TABLE_RIGHT },
		{ "CELL", TABLE_RIGHT },
		{ "PAGE", TABLE_RIGHT },
		{ "BACKING", 0 },
		{ "BLOCK", TABLE_CUT },
		{ NULL, 0 },
	};
	struct table *table = table_create(columns);
	size_t n = field_count(guest, "regions");

	for (size_t i = 0; i < n; i++)
		region_row(table, field_at(guest, "regions", i));
	section_print(table, n);
}

static void guest_print(struct json_object *guest, bool has_map)
{
	head_print(guest);
	vcpus_print(guest);
	cells_print(guest);
	regions_print(guest);
	residue_print(guest);
	if (has_map)
		map_print(guest);
}

static int run(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {
		{ "map", no_argument, NULL, 'm' },
		{ NULL, 0, NULL, 0 },
	};
	struct json_object *params;
	struct json_object *answer;
	bool has_map = false;
	int exit;
	int c;

	while ((c = ctl_option(ctl, argc, argv, options, &exit)) > 0)
		has_map = true;
	if (c < 0)
		return exit;
	exit = ctl_check_count(ctl, argc - optind, 1);
	if (exit)
		return exit;
	params = ctl_guest_params(argv[optind]);
	if (has_map)
		json_object_object_add(params, "map",
				       json_object_new_boolean(true));
	exit = ctl_ask(ctl, "show", params, &answer);
	if (exit)
		return exit;
	if (ctl->is_json)
		ctl_print_json(answer);
	else
		guest_print(field_at(answer, "guests", 0), has_map);
	json_object_put(answer);
	return CTL_DONE;
}

const struct verb verb_show = {
	.name = "show",
	.args = "GUEST [--map]",
	.summary = "Show one guest: vCPUs, cells, regions and their nodes",
	.help = "  --map  draw its memory as blocks, coloured by node\n",
	.run = run,
};
