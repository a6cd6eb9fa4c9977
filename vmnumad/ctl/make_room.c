/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmnumactl make-room: frees memory on a node for a guest to come, by moving
 * some of what other guests have there.
 */
#include "ctl/verb.h"

#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "ctl/client.h"
#include "ctl/field.h"
#include "ctl/table.h"
#include "ctl/text.h"
#include "node.h"

static struct text size_of(struct json_object *answer, const char *key)
{
	return text_size(field_u64(answer, key, 0));
}

/* What is moved, or would be, and what that means for the guest. */
static void moves_print(struct json_object *answer)
{
	static const struct table_column columns[] = {
		{ "GUEST", TABLE_CUT },
		{ "CELL", TABLE_RIGHT },
		{ "FROM", TABLE_RIGHT },
		{ "TO", TABLE_RIGHT },
		{ "SIZE", TABLE_RIGHT },
		{ "AND", 0 },
		{ NULL, 0 },
	};
	struct table *table = table_create(columns);

	for (size_t i = 0; i < field_count(answer, "moves"); i++) {
		struct json_object *move = field_at(answer, "moves", i);

		table_row(table);
		table_cell(table, 0, "%s",
			   text_name(field_text(move, "guest", "?")).s);
		table_cell(table, 1, "%d", (int)field_u64(move, "cell", 0));
		table_cell(table, 2, "%d", (int)field_u64(move, "from", 0));
		table_cell(table, 3, "%d", (int)field_u64(move, "to", 0));
		table_cell(table, 4, "%s", size_of(move, "bytes").s);
		table_cell(table, 5, "%s",
			   text_name(field_text(move, "effect", "")).s);
	}
	table_print(table, true);
	table_destroy(table);
}

static void jobs_print(struct json_object *answer)
{
	static const struct table_column columns[] = {
		{ "JOB", TABLE_RIGHT },  { "GUEST", TABLE_CUT },
		{ "RESULT", 0 },         { "MOVED", TABLE_RIGHT },
		{ "LEFT", TABLE_RIGHT }, { NULL, 0 },
	};
	struct table *table = table_create(columns);

	for (size_t i = 0; i < field_count(answer, "jobs"); i++) {
		struct json_object *job = field_at(answer, "jobs", i);

		table_row(table);
		table_cell(table, 0, "%llu",
			   (unsigned long long)field_u64(job, "job", 0));
		table_cell(table, 1, "%s",
			   text_name(field_text(job, "guest", "?")).s);
		table_cell(table, 2, "%s",
			   text_name(field_text(job, "result", "?")).s);
		table_cell(table, 3, "%s", size_of(job, "bytes_moved").s);
		table_cell(table, 4, "%s", size_of(job, "bytes_left").s);
	}
	table_print(table, true);
	table_destroy(table);
}

static void answer_print(struct json_object *answer)
{
	const char *result = field_text(answer, "result", "?");
	const char *where = field_u64(answer, "page_bytes", 0)
				    ? " in its pool of 2 MiB pages"
				    : "";

	printf("Node %d: %s are wanted%s, %s are free",
	       (int)field_u64(answer, "node", 0),
	       size_of(answer, "bytes_wanted").s, where,
	       size_of(answer, "bytes_free_before").s);
	if (field_count(answer, "moves") == 0) {
		puts(" already.");
		return;
	}
	if (strcmp(result, "dry-run") == 0) {
		printf("; %s would be moved, in about %s.\n\n",
		       size_of(answer, "bytes_planned").s,
		       text_duration(
			       field_double(answer, "expected_seconds", -1))
			       .s);
		moves_print(answer);
	} else if (strcmp(result, "running") == 0) {
		printf("; %s are being moved.\n\n",
		       size_of(answer, "bytes_planned").s);
		jobs_print(answer);
	} else {
		printf("; %s were moved, and %s are free now.\n\n",
		       size_of(answer, "bytes_moved").s,
		       size_of(answer, "bytes_free").s);
		jobs_print(answer);
	}
}

static int exit_of(struct json_object *answer)
{
	const char *result = field_text(answer, "result", "");

	if (strcmp(result, "partial") == 0)
		return CTL_PARTIAL;
	return strcmp(result, "failed") == 0 ? CTL_FAILED : CTL_DONE;
}

static int ask(struct ctl *ctl, struct json_object *params)
{
	struct client_question question = {
		.method = "make-room",
		.params = params,
		.timeout_ms = -1,
		.interrupt_fd = -1,
	};
	struct json_object *answer;
	int exit = ctl_ask_with(ctl, &question, &answer);

	if (exit)
		return exit;
	if (ctl->is_json)
		ctl_print_json(answer);
	else
		answer_print(answer);
	exit = exit_of(answer);
	json_object_put(answer);
	return exit;
}

static int operands_take(struct ctl *ctl, char **operands,
			 struct json_object *params)
{
	uint64_t node, bytes;
	struct why why;

	if (text_parse_number(operands[0], "a node", 0, NODES_MAX - 1, &node,
			      &why) ||
	    text_parse_size(operands[1], &bytes, &why))
		return ctl_usage(ctl, "%s", why.text);
	if (bytes > INT64_MAX)
		return ctl_usage(ctl, "\"%.40s\" is too large", operands[1]);
	json_object_object_add(params, "node",
			       json_object_new_int64((int64_t)node));
	json_object_object_add(params, "bytes",
			       json_object_new_int64((int64_t)bytes));
	return CTL_DONE;
}

static int option_take(struct ctl *ctl, struct json_object *params, int c)
{
	const char *key = c == 'd' ? "dry_run" : c == 'w' ? "wait" : "hurry";
	uint64_t page_bytes;
	struct why why;

	if (c != 'p') {
		json_object_object_add(params, key,
				       json_object_new_boolean(c != 'w'));
		return CTL_DONE;
	}
	if (text_parse_size(optarg, &page_bytes, &why))
		return ctl_usage(ctl, "%s", why.text);
	if (page_bytes > INT64_MAX)
		return ctl_usage(ctl, "\"%.40s\" is too large", optarg);
	json_object_object_add(params, "page_bytes",
			       json_object_new_int64((int64_t)page_bytes));
	return CTL_DONE;
}

static int run(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {
		{ "hugepages", required_argument, NULL, 'p' },
		{ "dry-run", no_argument, NULL, 'd' },
		{ "no-wait", no_argument, NULL, 'w' },
		{ "hurry", no_argument, NULL, 'H' },
		{ NULL, 0, NULL, 0 },
	};
	struct json_object *params = json_object_new_object();
	int exit = CTL_DONE;
	int c = 0;

	while (!exit && (c = ctl_option(ctl, argc, argv, options, &exit)) > 0)
		exit = option_take(ctl, params, c);
	if (!exit && c == 0) {
		exit = ctl_check_count(ctl, argc - optind, 2);
		if (!exit)
			exit = operands_take(ctl, argv + optind, params);
		if (!exit)
			exit = ask(ctl, params);
	}
	json_object_put(params);
	return exit;
}

const struct verb verb_make_room = {
	.name = "make-room",
	.args = "NODE SIZE [--hugepages SIZE]\n"
		"         [--dry-run] [--no-wait] [--hurry]",
	.summary = "Free memory on a node for a guest to come",
	.help = "  --hugepages SIZE  in the node's pool of such pages: 2M\n"
		"  --dry-run         show what would be moved, move nothing\n"
		"  --no-wait         do not wait for the end\n"
		"  --hurry           move as fast as the host can, at the "
		"guests' cost\n",
	.run = run,
};
