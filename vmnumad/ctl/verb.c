/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all verbs share. Answers go to standard output and nothing else does;
 * sentences about failures go to standard error, or with --json to standard
 * output as an object, so that a script finds them in one place.
 */
#include "ctl/verb.h"

#include <errno.h>
#include <getopt.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ctl/client.h"
#include "ctl/text.h"
#include "xalloc.h"

/* The daemon may wait 30 s for libvirt before it answers. */
#define ASK_TIMEOUT_MS 40000
#define OPTIONS_MAX    16

static void failure_print(struct ctl *ctl, int exit, const char *sentence)
{
	struct json_object *answer;
	char *clean;

	if (ctl->is_json) {
		answer = json_object_new_object();
		json_object_object_add(answer, "error",
				       json_object_new_string(sentence));
		json_object_object_add(answer, "exit",
				       json_object_new_int(exit));
		ctl_print_json(answer);
		json_object_put(answer);
		return;
	}
	clean = text_clean(sentence);
	fprintf(stderr, "vmnumactl: %s\n", clean);
	free(clean);
}

__attribute__((format(printf, 3, 0))) static void failure_vprint(
	struct ctl *ctl, int exit, const char *fmt, va_list ap)
{
	char sentence[512];

	vsnprintf(sentence, sizeof(sentence), fmt, ap);
	failure_print(ctl, exit, sentence);
}

int ctl_fail(struct ctl *ctl, int exit, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	failure_vprint(ctl, exit, fmt, ap);
	va_end(ap);
	return exit;
}

int ctl_usage(struct ctl *ctl, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	failure_vprint(ctl, CTL_USAGE, fmt, ap);
	va_end(ap);
	if (!ctl->is_json)
		fprintf(stderr, "Try \"vmnumactl %s%s--help\".\n",
			ctl->verb ? ctl->verb->name : "", ctl->verb ? " " : "");
	return CTL_USAGE;
}

void ctl_print_help(const struct verb *verb)
{
	printf("Usage: vmnumactl %s%s%s\n\n%s.\n", verb->name,
	       *verb->args ? " " : "", verb->args, verb->summary);
	if (*verb->help)
		printf("\n%s", verb->help);
}

static int option_failed(struct ctl *ctl, char **argv, int c)
{
	const char *what = argv[optind - 1];

	if (c == ':')
		return ctl_usage(ctl, "option \"%.60s\" needs a value", what);
	/* options that name an own val by mistake of the user: --map=3 */
	if (optopt && strncmp(what, "--", 2) == 0)
		return ctl_usage(ctl, "option \"%.60s\" takes no value", what);
	return ctl_usage(ctl, "unknown option \"%.60s\"", what);
}

int ctl_option(struct ctl *ctl, int argc, char **argv,
	       const struct option *options, int *ret_exit)
{
	struct option all[OPTIONS_MAX + 3] = {
		{ "help", no_argument, NULL, 'h' },
		{ "json", no_argument, NULL, 'j' },
	};
	int n = 2;
	int c;

	for (; options && options->name && n < OPTIONS_MAX + 2; options++)
		all[n++] = *options;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", all, NULL)) == 'j')
		ctl->is_json = true;
	if (c == -1)
		return 0;
	if (c == 'h') {
		ctl_print_help(ctl->verb);
		*ret_exit = CTL_DONE;
		return -1;
	}
	if (c == '?' || c == ':') {
		*ret_exit = option_failed(ctl, argv, c);
		return -1;
	}
	return c;
}

int ctl_check_count(struct ctl *ctl, int count, int n)
{
	size_t len;

	if (count == n)
		return CTL_DONE;
	if (n == 0)
		return ctl_usage(ctl, "%s takes no arguments", ctl->verb->name);
	/* the operands come first in args, options after them */
	len = strcspn(ctl->verb->args, "[");
	while (len && ctl->verb->args[len - 1] == ' ')
		len--;
	return ctl_usage(ctl, "%s needs %.*s", ctl->verb->name, (int)len,
			 ctl->verb->args);
}

int ctl_operands(struct ctl *ctl, int argc, char **argv, int n,
		 char ***ret_operands, int *ret_exit)
{
	int c = ctl_option(ctl, argc, argv, NULL, ret_exit);

	if (c)
		return -1;
	*ret_exit = ctl_check_count(ctl, argc - optind, n);
	if (*ret_exit)
		return -1;
	*ret_operands = argv + optind;
	return 0;
}

int ctl_fail_connect(struct ctl *ctl, int rc)
{
	if (rc == -EACCES || rc == -EPERM)
		return ctl_fail(ctl, CTL_FAILED,
				"%s may not be used by this user: it takes "
				"root, or membership of group \"vmnumad\"",
				ctl->socket_path);
	return ctl_fail(ctl, CTL_NO_DAEMON,
			"no vmnumad answers on %s (%s); start it with "
			"\"systemctl start vmnumad\", or name its socket with "
			"--socket",
			ctl->socket_path, strerror(-rc));
}

int ctl_fail_ask(struct ctl *ctl, int rc, int exit, const char *sentence)
{
	switch (rc) {
	case -EREMOTEIO:
		return ctl_fail(ctl, exit, "%s", sentence);
	case -ETIMEDOUT:
		return ctl_fail(ctl, CTL_FAILED,
				"vmnumad has not answered for %d seconds",
				ASK_TIMEOUT_MS / 1000);
	case -ECONNRESET:
	case -EPIPE:
		return ctl_fail(ctl, CTL_NO_DAEMON,
				"vmnumad went away before it answered");
	case -EBADMSG:
		return ctl_fail(ctl, CTL_FAILED,
				"what answers on %s is not vmnumad",
				ctl->socket_path);
	default:
		return ctl_fail(ctl, CTL_FAILED, "cannot ask vmnumad: %s",
				strerror(-rc));
	}
}

int ctl_ask_with(struct ctl *ctl, const struct client_question *question,
		 struct json_object **ret_result)
{
	struct client *client;
	struct why why = { "" };
	int exit = CTL_FAILED;
	int rc;

	rc = client_connect(ctl->socket_path, &client);
	if (rc)
		return ctl_fail_connect(ctl, rc);
	rc = client_ask(client, question, ret_result, &exit, &why);
	client_destroy(client);
	return rc ? ctl_fail_ask(ctl, rc, exit, why.text) : CTL_DONE;
}

int ctl_ask(struct ctl *ctl, const char *method, struct json_object *params,
	    struct json_object **ret_result)
{
	struct client_question question = { .method = method,
					    .params = params,
					    .timeout_ms = ASK_TIMEOUT_MS,
					    .interrupt_fd = -1 };
	int exit = ctl_ask_with(ctl, &question, ret_result);

	json_object_put(params);
	return exit;
}

void ctl_print_json(struct json_object *answer)
{
	puts(json_object_to_json_string_ext(
		answer,
		JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

struct json_object *ctl_guest_params(const char *guest)
{
	struct json_object *params = json_object_new_object();

	json_object_object_add(params, "guest", json_object_new_string(guest));
	return params;
}
