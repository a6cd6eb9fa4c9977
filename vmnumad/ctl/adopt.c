/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmnumactl adopt and release: a QEMU that libvirt does not manage.
 */
#include "ctl/verb.h"

#include <errno.h>
#include <getopt.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/field.h"
#include "ctl/text.h"

#define PID_MAX 2147483647

/* How vmnumactl adopt was called. */
struct wish {
	uint64_t pid; /* --pid, 0: not given */
	const char *qmp; /* --qmp, NULL without */
	const char *name; /* --name, NULL without */
};

/* 0, or -1 when the verb is to end with *ret_exit. */
static int options_take(struct ctl *ctl, int argc, char **argv,
			struct wish *wish, int *ret_exit)
{
	static const struct option options[] = {
		{ "pid", required_argument, NULL, 'p' },
		{ "qmp", required_argument, NULL, 'q' },
		{ "name", required_argument, NULL, 'n' },
		{ NULL, 0, NULL, 0 },
	};
	struct why why;
	int c;

	while ((c = ctl_option(ctl, argc, argv, options, ret_exit)) > 0) {
		if (c == 'q') {
			wish->qmp = optarg;
		} else if (c == 'n') {
			wish->name = optarg;
		} else if (text_parse_number(optarg, "a process number", 1,
					     PID_MAX, &wish->pid, &why)) {
			*ret_exit = ctl_usage(ctl, "%s", why.text);
			return -1;
		}
	}
	if (c < 0)
		return -1;
	*ret_exit = ctl_check_count(ctl, argc - optind, 0);
	if (*ret_exit)
		return -1;
	if (wish->pid)
		return 0;
	*ret_exit = ctl_usage(ctl, "--pid is missing");
	return -1;
}

static void print_adopted(struct json_object *answer)
{
	printf("%s: process %llu is adopted; ",
	       text_name(field_text(answer, "guest", "?")).s,
	       (unsigned long long)field_u64(answer, "pid", 0));
	puts(field_bool(answer, "inferred")
		     ? "where its memory lies is inferred, so it moves on "
		       "request only, unless configured."
		     : "its memory follows its vCPUs as its mode says.");
}

static int adopt_run(struct ctl *ctl, int argc, char **argv)
{
	struct wish wish = { 0 };
	struct json_object *params, *answer;
	char path[PATH_MAX];
	int exit;

	if (options_take(ctl, argc, argv, &wish, &exit))
		return exit;
	/* the daemon has another working directory */
	if (wish.qmp && *wish.qmp != '/') {
		if (!realpath(wish.qmp, path))
			return ctl_fail(ctl, CTL_FAILED, "%.200s: %s", wish.qmp,
					strerror(errno));
		wish.qmp = path;
	}
	params = json_object_new_object();
	json_object_object_add(params, "pid",
			       json_object_new_int64((int64_t)wish.pid));
	if (wish.qmp)
		json_object_object_add(params, "qmp",
				       json_object_new_string(wish.qmp));
	if (wish.name)
		json_object_object_add(params, "name",
				       json_object_new_string(wish.name));
	exit = ctl_ask(ctl, "adopt", params, &answer);
	if (exit)
		return exit;
	if (ctl->is_json)
		ctl_print_json(answer);
	else
		print_adopted(answer);
	json_object_put(answer);
	return CTL_DONE;
}

static int release_run(struct ctl *ctl, int argc, char **argv)
{
	struct json_object *answer;
	char **operands;
	int exit;

	if (ctl_operands(ctl, argc, argv, 1, &operands, &exit))
		return exit;
	exit = ctl_ask(ctl, "release", ctl_guest_params(operands[0]), &answer);
	if (exit)
		return exit;
	if (ctl->is_json)
		ctl_print_json(answer);
	else
		printf("%s: released; process %llu runs on.\n",
		       text_name(field_text(answer, "guest", operands[0])).s,
		       (unsigned long long)field_u64(answer, "pid", 0));
	json_object_put(answer);
	return CTL_DONE;
}

const struct verb verb_adopt = {
	.name = "adopt",
	.args = "--pid PID [--qmp SOCKET] [--name NAME]",
	.summary = "Make a guest of a QEMU that libvirt does not manage",
	.help = "  --pid PID     its process\n"
		"  --qmp SOCKET  a socket of its monitor that nobody else uses; "
		"without one,\n"
		"                where its memory lies is inferred\n"
		"  --name NAME   what to call it; QEMU's -name, or qemu-PID, "
		"without this\n",
	.run = adopt_run,
};

const struct verb verb_release = {
	.name = "release",
	.args = "GUEST",
	.summary = "Let an adopted guest go; it runs on, and is left alone",
	.help = "",
	.run = release_run,
};
