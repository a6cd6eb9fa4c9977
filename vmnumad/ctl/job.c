/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmnumactl job, cancel, pause and resume: one job, by its number.
 */
#include "ctl/verb.h"

#include <json-c/json.h>
#include <stdio.h>

#include "ctl/field.h"
#include "ctl/receipt.h"
#include "ctl/text.h"

#define JOB_MAX 999999999

/* Asks for method on the job in argv. The exit status; *ret_job only after
 * CTL_DONE and only when *ret_has_job. */
static int ask(struct ctl *ctl, int argc, char **argv,
	       struct json_object **ret_job)
{
	struct json_object *params;
	struct why why;
	char **operands;
	uint64_t job;
	int exit;

	if (ctl_operands(ctl, argc, argv, 1, &operands, &exit))
		return exit;
	if (text_parse_number(operands[0], "a job's number", 1, JOB_MAX, &job,
			      &why))
		return ctl_usage(ctl, "%s", why.text);
	params = json_object_new_object();
	json_object_object_add(params, "job",
			       json_object_new_int64((int64_t)job));
	return ctl_ask(ctl, ctl->verb->name, params, ret_job);
}

static int job_run(struct ctl *ctl, int argc, char **argv)
{
	struct json_object *job = NULL;
	int exit = ask(ctl, argc, argv, &job);

	if (!job)
		return exit;
	if (ctl->is_json)
		ctl_print_json(job);
	else
		receipt_print(job);
	exit = receipt_exit(job);
	json_object_put(job);
	return exit;
}

static int change_run(struct ctl *ctl, int argc, char **argv, const char *words)
{
	struct json_object *job = NULL;
	int exit = ask(ctl, argc, argv, &job);

	if (!job)
		return exit;
	if (ctl->is_json)
		ctl_print_json(job);
	else
		printf("%s: job %llu %s; %s of %s moved.\n",
		       text_name(field_text(job, "guest", "?")).s,
		       (unsigned long long)field_u64(job, "job", 0), words,
		       text_size(field_u64(job, "bytes_moved", 0)).s,
		       text_size(field_u64(job, "bytes_planned", 0)).s);
	json_object_put(job);
	return CTL_DONE;
}

static int cancel_run(struct ctl *ctl, int argc, char **argv)
{
	return change_run(ctl, argc, argv, "is cancelled");
}

static int pause_run(struct ctl *ctl, int argc, char **argv)
{
	return change_run(ctl, argc, argv, "pauses");
}

static int resume_run(struct ctl *ctl, int argc, char **argv)
{
	return change_run(ctl, argc, argv, "goes on");
}

const struct verb verb_job = {
	.name = "job",
	.args = "ID",
	.summary = "Show what a job does or did; ends with the job's status",
	.help = "",
	.run = job_run,
};

const struct verb verb_cancel = {
	.name = "cancel",
	.args = "ID",
	.summary = "End a job; what it has moved stays where it is",
	.help = "",
	.run = cancel_run,
};

const struct verb verb_pause = {
	.name = "pause",
	.args = "ID",
	.summary = "Hold a job until it is resumed",
	.help = "",
	.run = pause_run,
};

const struct verb verb_resume = {
	.name = "resume",
	.args = "ID",
	.summary = "Let a paused job go on",
	.help = "",
	.run = resume_run,
};
