/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmnumactl events: what happened and was decided, and why; with --follow, what
 * happens from now on too, until the daemon ends or Ctrl-C.
 */
#include "ctl/verb.h"

#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/client.h"
#include "ctl/field.h"
#include "ctl/table.h"
#include "ctl/text.h"
#include "xalloc.h"

/* The daemon's UTC as local time, "?" when it is none. */
static struct text time_of(struct json_object *event)
{
	struct text text = { "?" };
	struct tm tm = { 0 };
	time_t seconds;

	if (!strptime(field_text(event, "time", ""), "%Y-%m-%dT%H:%M:%S", &tm))
		return text;
	seconds = timegm(&tm);
	localtime_r(&seconds, &tm);
	strftime(text.s, sizeof(text.s), "%Y-%m-%d %H:%M:%S", &tm);
	return text;
}

/* What happened, and why; the caller frees it. */
static char *sentence_of(struct json_object *event)
{
	const char *reason = field_text(event, "reason", "");
	autofree char *whole =
		xasprintf("%s%s%s", field_text(event, "text", ""),
			  *reason ? ": " : "", reason);

	return text_clean(whole);
}

static void event_row(struct table *table, struct json_object *event)
{
	autofree char *sentence = sentence_of(event);

	table_row(table);
	table_cell(table, 0, "%s", time_of(event).s);
	table_cell(table, 1, "%s", text_name(field_text(event, "kind", "?")).s);
	table_cell(table, 2, "%s",
		   text_name(field_text(event, "guest", "-")).s);
	table_cell(table, 3, "%s", sentence);
}

static void events_print(struct json_object *answer)
{
	static const struct table_column columns[] = {
		{ "TIME", 0 },
		{ "EVENT", 0 },
		{ "GUEST", TABLE_CUT },
		{ "WHAT AND WHY", TABLE_CUT },
		{ NULL, 0 },
	};
	size_t n = field_count(answer, "events");
	struct table *table;

	if (!n) {
		puts("Nothing has happened yet.");
		return;
	}
	table = table_create(columns);
	for (size_t i = 0; i < n; i++)
		event_row(table, field_at(answer, "events", i));
	table_print(table, false);
	table_destroy(table);
}

/* The same as a line of its own: the next ones are not known yet. */
static void line_print(struct json_object *event)
{
	autofree char *sentence = sentence_of(event);

	printf("%s  %-8s  %-12s  %s\n", time_of(event).s,
	       text_name(field_text(event, "kind", "?")).s,
	       text_name(field_text(event, "guest", "-")).s, sentence);
}

static void on_note(void *arg, const char *method, struct json_object *params)
{
	const struct ctl *ctl = arg;

	if (strcmp(method, "event") != 0 || !params)
		return;
	if (ctl->is_json)
		ctl_print_json(params);
	else
		line_print(params);
	fflush(stdout); /* somebody reads along */
}

/* Until the daemon goes away: the question is never answered. */
static int follow(struct ctl *ctl, struct json_object *params)
{
	struct client_question question = {
		.method = "events",
		.params = params,
		.timeout_ms = -1,
		.on_note = on_note,
		.interrupt_fd = -1,
		.arg = ctl,
	};
	struct json_object *answer = NULL;
	int exit = ctl_ask_with(ctl, &question, &answer);

	json_object_put(answer);
	return exit;
}

static int show(struct ctl *ctl)
{
	struct json_object *answer;
	int exit = ctl_ask(ctl, "events", NULL, &answer);

	if (exit)
		return exit;
	if (ctl->is_json)
		ctl_print_json(answer);
	else
		events_print(answer);
	json_object_put(answer);
	return CTL_DONE;
}

static int run(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {
		{ "follow", no_argument, NULL, 'f' },
		{ NULL, 0, NULL, 0 },
	};
	struct json_object *params;
	bool is_following = false;
	int exit = CTL_DONE;
	int c;

	while ((c = ctl_option(ctl, argc, argv, options, &exit)) > 0)
		is_following = true;
	if (c < 0)
		return exit;
	exit = ctl_check_count(ctl, argc - optind, 0);
	if (exit || !is_following)
		return exit ? exit : show(ctl);
	params = json_object_new_object();
	json_object_object_add(params, "follow", json_object_new_boolean(true));
	exit = follow(ctl, params);
	json_object_put(params);
	return exit;
}

const struct verb verb_events = {
	.name = "events",
	.args = "[--follow]",
	.summary = "Tell what was planned, put off and refused, and why",
	.help = "  --follow  go on with what happens, until Ctrl-C; with --json "
		"an object\n"
		"            a line\n",
	.run = run,
};
