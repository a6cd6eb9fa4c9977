/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmnumactl jobs: a row for each job, running ones and those that ended.
 */
#include "ctl/verb.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "ctl/field.h"
#include "ctl/table.h"
#include "ctl/text.h"

/* "running" hides what matters while it runs: paused, waiting for room. */
static const char *state_of(struct json_object *job)
{
	const char *result = field_text(job, "result", "?");

	if (strcmp(result, "running") != 0)
		return result;
	if (strcmp(field_text(job, "phase", ""), "paused") == 0)
		return "paused";
	return result;
}

static void job_row(struct table *table, struct json_object *job)
{
	table_row(table);
	table_cell(table, 0, "%llu",
		   (unsigned long long)field_u64(job, "job", 0));
	table_cell(table, 1, "%s", text_name(field_text(job, "guest", "?")).s);
	table_cell(table, 2, "%s", text_name(state_of(job)).s);
	table_cell(table, 3, "%s",
		   text_size(field_u64(job, "bytes_planned", 0)).s);
	table_cell(table, 4, "%s",
		   text_size(field_u64(job, "bytes_moved", 0)).s);
	table_cell(table, 5, "%s",
		   text_size(field_u64(job, "bytes_left", 0)).s);
	table_cell(table, 6, "%s",
		   text_duration(field_double(job, "seconds", -1)).s);
}

static void jobs_print(struct json_object *answer)
{
	static const struct table_column columns[] = {
		{ "JOB", TABLE_RIGHT },   { "GUEST", TABLE_CUT },
		{ "RESULT", 0 },          { "PLANNED", TABLE_RIGHT },
		{ "MOVED", TABLE_RIGHT }, { "LEFT", TABLE_RIGHT },
		{ "TIME", TABLE_RIGHT },  { NULL, 0 },
	};
	size_t n = field_count(answer, "jobs");
	struct table *table;

	if (!n) {
		puts("There are no jobs.");
		return;
	}
	table = table_create(columns);
	for (size_t i = 0; i < n; i++)
		job_row(table, field_at(answer, "jobs", i));
	table_print(table, false);
	table_destroy(table);
}

static int run(struct ctl *ctl, int argc, char **argv)
{
	struct json_object *answer;
	char **operands;
	int exit;

	if (ctl_operands(ctl, argc, argv, 0, &operands, &exit))
		return exit;
	exit = ctl_ask(ctl, "jobs", NULL, &answer);
	if (exit)
		return exit;
	if (ctl->is_json)
		ctl_print_json(answer);
	else
		jobs_print(answer);
	json_object_put(answer);
	return CTL_DONE;
}

const struct verb verb_jobs = {
	.name = "jobs",
	.args = "",
	.summary = "List the jobs, those that ended included",
	.help = "",
	.run = run,
};
