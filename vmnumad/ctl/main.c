/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmnumactl: asks the daemon and prints what it answers. This file is the table
 * of contents; each verb has its own file, and none of them knows how guests
 * are moved.
 */
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "ctl/verb.h"

#ifndef VMNUMAD_VERSION
#define VMNUMAD_VERSION "unknown"
#endif

#define SOCKET_PATH "/run/vmnumad/control.sock"

static const struct verb *const verbs[] = {
	&verb_list,   &verb_show,    &verb_rebalance, &verb_make_room,
	&verb_follow, &verb_explain, &verb_events,    &verb_jobs,
	&verb_job,    &verb_cancel,  &verb_pause,     &verb_resume,
	&verb_adopt,  &verb_release, &verb_hook,
};
#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

static const struct verb *verb_find(const char *name)
{
	for (size_t i = 0; i < N_VERBS; i++) {
		if (strcmp(verbs[i]->name, name) == 0)
			return verbs[i];
	}
	return NULL;
}

static void help_print(void)
{
	puts("Usage: vmnumactl [--socket PATH] [--json] VERB\n"
	     "\n"
	     "Shows where the memory of KVM guests lies and moves it to the "
	     "vCPUs.\n"
	     "\n"
	     "Verbs:");
	for (size_t i = 0; i < N_VERBS; i++)
		printf("  %-10s %s\n", verbs[i]->name, verbs[i]->summary);
	puts("\n"
	     "Options:\n"
	     "  --socket PATH  the daemon's control socket "
	     "(" SOCKET_PATH ")\n"
	     "  --json         print one JSON object\n"
	     "  --version      print the version\n"
	     "  --help         print this; VERB --help prints more on a verb\n"
	     "\n"
	     "GUEST is a name or a uuid. Put -- before a name that begins with "
	     "a dash.\n"
	     "Exit status: 0 done, 1 failed, 2 usage, 3 done in part, 4 "
	     "refused, 5 no daemon.");
}

/* The options before the verb. -1, or the exit status to end with. */
static int options_take(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "+:", options, NULL)) != -1) {
		switch (c) {
		case 's':
			ctl->socket_path = optarg;
			break;
		case 'j':
			ctl->is_json = true;
			break;
		case 'v':
			puts("vmnumactl " VMNUMAD_VERSION);
			return CTL_DONE;
		case 'h':
			help_print();
			return CTL_DONE;
		case ':':
			return ctl_usage(ctl, "option \"%.60s\" needs a value",
					 argv[optind - 1]);
		default:
			return ctl_usage(ctl, "unknown option \"%.60s\"",
					 argv[optind - 1]);
		}
	}
	return -1;
}

int main(int argc, char **argv)
{
	struct ctl ctl = { .socket_path = SOCKET_PATH };
	int exit;

	setlocale(LC_CTYPE, "");
	exit = options_take(&ctl, argc, argv);
	if (exit >= 0)
		return exit;
	argc -= optind;
	argv += optind;
	if (argc == 0)
		return ctl_usage(&ctl, "a verb is missing");
	ctl.verb = verb_find(argv[0]);
	if (!ctl.verb)
		return ctl_usage(&ctl, "unknown verb \"%.60s\"", argv[0]);
	optind = 0; /* getopt_long(3): begin anew */
	exit = ctl.verb->run(&ctl, argc, argv);
	/* a full disk or a closed pipe must not look like success */
	if (fflush(stdout) || ferror(stdout))
		return exit ? exit : CTL_FAILED;
	return exit;
}
