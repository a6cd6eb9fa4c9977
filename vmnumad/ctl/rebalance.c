/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmnumactl rebalance: asks for a job and waits for its receipt. While it
 * waits, the first Ctrl-C cancels the job and the second one leaves.
 */
#include "ctl/verb.h"

#include <errno.h>
#include <getopt.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "ctl/client.h"
#include "ctl/field.h"
#include "ctl/progress.h"
#include "ctl/receipt.h"
#include "ctl/text.h"
#include "host/list.h"

#define STALL_MS_MAX 60000
#define CELL_MAX     1023

/* A rebalance that waits for its end. */
struct waiting {
	struct client *client; /* borrowed */
	bool is_json; /* no progress bar */
	uint64_t job; /* its number, 0 until the daemon has said it */
	unsigned int n_interrupts; /* how often Ctrl-C was hit */
	bool is_cancel_sent; /* the daemon was asked to cancel */
};

static void cancel_send(struct waiting *waiting)
{
	struct json_object *params;

	if (!waiting->n_interrupts || !waiting->job || waiting->is_cancel_sent)
		return;
	params = json_object_new_object();
	json_object_object_add(params, "job",
			       json_object_new_int64((int64_t)waiting->job));
	/* a failure shows at once where the answer is waited for */
	client_tell(waiting->client, "cancel", params);
	json_object_put(params);
	waiting->is_cancel_sent = true;
}

static void on_note(void *arg, const char *method, struct json_object *params)
{
	struct waiting *waiting = arg;

	if (strcmp(method, "progress") != 0)
		return;
	waiting->job = field_u64(params, "job", waiting->job);
	cancel_send(waiting);
	if (!waiting->is_json)
		progress_draw(params);
}

static bool on_interrupt(void *arg)
{
	struct waiting *waiting = arg;

	waiting->n_interrupts++;
	cancel_send(waiting);
	if (waiting->n_interrupts == 1 && !waiting->is_json &&
	    progress_is_wanted())
		fputs("\nCancelling. Ctrl-C again leaves without waiting.\n",
		      stderr);
	return waiting->n_interrupts > 1;
}

static int interrupt_fd_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int fail_left(struct ctl *ctl, const struct waiting *waiting)
{
	if (waiting->is_cancel_sent)
		return ctl_fail(ctl, CTL_FAILED,
				"left while job %llu was being cancelled",
				(unsigned long long)waiting->job);
	return ctl_fail(ctl, CTL_FAILED,
			"left; see \"vmnumactl jobs\" for what was started");
}

static int ask_and_wait(struct ctl *ctl, struct client *client,
			struct json_object *params)
{
	struct waiting waiting = { .client = client, .is_json = ctl->is_json };
	struct client_question question = {
		.method = "rebalance",
		.params = params,
		.timeout_ms = -1,
		.on_note = on_note,
		.interrupt_fd = interrupt_fd_open(),
		.on_interrupt = on_interrupt,
		.arg = &waiting,
	};
	struct json_object *job;
	struct why why = { "" };
	int exit = CTL_FAILED;
	int rc;

	rc = client_ask(client, &question, &job, &exit, &why);
	if (question.interrupt_fd >= 0)
		close(question.interrupt_fd);
	if (!ctl->is_json)
		progress_clear();
	if (rc == -EINTR)
		return fail_left(ctl, &waiting);
	if (rc)
		return ctl_fail_ask(ctl, rc, exit, why.text);
	if (ctl->is_json)
		ctl_print_json(job);
	else
		receipt_print(job);
	exit = receipt_exit(job);
	json_object_put(job);
	return exit;
}

static int nodes_check(struct ctl *ctl, const char *option, const char *text)
{
	struct node_mask nodes;
	struct why why = { "" };

	if (!*text)
		return ctl_usage(ctl, "%s: no node is named", option);
	if (list_parse_nodes(text, &nodes, &why))
		return ctl_usage(ctl, "%s: %s", option, why.text);
	return CTL_DONE;
}

/* "0=1" or "1=0,2", added to params as cells. */
static int cell_add(struct ctl *ctl, struct json_object *params,
		    const char *text)
{
	struct json_object *cells = field_object(params, "cells");
	const char *equals = strchr(text, '=');
	char number[8] = "";
	uint64_t cell;
	struct why why;
	int exit;

	if (!equals || (size_t)(equals - text) >= sizeof(number))
		return ctl_usage(ctl,
				 "--cell: \"%.40s\" is not CELL=NODES "
				 "such as 0=1",
				 text);
	memcpy(number, text, (size_t)(equals - text));
	if (text_parse_number(number, "a cell number", 0, CELL_MAX, &cell,
			      &why))
		return ctl_usage(ctl, "--cell: %s", why.text);
	exit = nodes_check(ctl, "--cell", equals + 1);
	if (exit)
		return exit;
	snprintf(number, sizeof(number), "%u", (unsigned int)cell);
	if (!cells) {
		cells = json_object_new_object();
		json_object_object_add(params, "cells", cells);
	}
	if (field_has(cells, number))
		return ctl_usage(ctl, "--cell: cell %s is named twice", number);
	json_object_object_add(cells, number,
			       json_object_new_string(equals + 1));
	return CTL_DONE;
}

static void number_add(struct json_object *params, const char *key,
		       uint64_t number)
{
	json_object_object_add(params, key,
			       json_object_new_int64((int64_t)number));
}

static void true_add(struct json_object *params, const char *key)
{
	json_object_object_add(params, key, json_object_new_boolean(true));
}

/* One option into params. */
static int option_take(struct ctl *ctl, struct json_object *params, int c)
{
	struct why why;
	uint64_t number;
	int exit;

	switch (c) {
	case 't':
		exit = nodes_check(ctl, "--to", optarg);
		if (!exit)
			json_object_object_add(params, "to",
					       json_object_new_string(optarg));
		return exit;
	case 'c':
		return cell_add(ctl, params, optarg);
	case 'r':
		true_add(params, "rehome");
		return CTL_DONE;
	case 'd':
		true_add(params, "dry_run");
		return CTL_DONE;
	case 'H':
		true_add(params, "hurry");
		return CTL_DONE;
	case 'w':
		json_object_object_add(params, "wait",
				       json_object_new_boolean(false));
		return CTL_DONE;
	case 's':
		if (text_parse_number(optarg, "a number of milliseconds", 1,
				      STALL_MS_MAX, &number, &why))
			return ctl_usage(ctl, "--max-stall: %s", why.text);
		number_add(params, "max_stall_ms", number);
		return CTL_DONE;
	default:
		if (text_parse_size(optarg, &number, &why))
			return ctl_usage(ctl, "--rate: %s", why.text);
		number_add(params, "rate_bytes_per_s", number);
		return CTL_DONE;
	}
}

static int arguments_take(struct ctl *ctl, int argc, char **argv,
			  struct json_object *params)
{
	static const struct option options[] = {
		{ "to", required_argument, NULL, 't' },
		{ "cell", required_argument, NULL, 'c' },
		{ "rehome", no_argument, NULL, 'r' },
		{ "dry-run", no_argument, NULL, 'd' },
		{ "no-wait", no_argument, NULL, 'w' },
		{ "hurry", no_argument, NULL, 'H' },
		{ "max-stall", required_argument, NULL, 's' },
		{ "rate", required_argument, NULL, 'R' },
		{ NULL, 0, NULL, 0 },
	};
	int exit = CTL_DONE;
	int c;

	true_add(params, "wait");
	while ((c = ctl_option(ctl, argc, argv, options, &exit)) > 0) {
		exit = option_take(ctl, params, c);
		if (exit)
			return exit;
	}
	if (c < 0)
		return exit ? exit : -1;
	if (field_has(params, "to") && field_has(params, "cells"))
		return ctl_usage(ctl, "--to and --cell exclude each other");
	exit = ctl_check_count(ctl, argc - optind, 1);
	if (!exit)
		json_object_object_add(params, "guest",
				       json_object_new_string(argv[optind]));
	return exit;
}

static int run(struct ctl *ctl, int argc, char **argv)
{
	struct json_object *params = json_object_new_object();
	struct client *client;
	int exit = arguments_take(ctl, argc, argv, params);
	int rc;

	if (exit) {
		json_object_put(params);
		return exit < 0 ? CTL_DONE : exit;
	}
	rc = client_connect(ctl->socket_path, &client);
	if (rc) {
		exit = ctl_fail_connect(ctl, rc);
	} else {
		exit = ask_and_wait(ctl, client, params);
		client_destroy(client);
	}
	json_object_put(params);
	return exit;
}

const struct verb verb_rebalance = {
	.name = "rebalance",
	.args = "GUEST [--to NODES | --cell N=NODES ...]\n"
		"         [--rehome] [--dry-run] [--no-wait]\n"
		"         [--hurry | --max-stall MS] [--rate SIZE]",
	.summary =
		"Move a guest's memory to where its vCPUs are, or where told",
	.help = "  --to NODES      share its memory over these nodes, such as 1 "
		"or 0-1\n"
		"  --cell N=NODES  the same for one guest NUMA cell; may be "
		"repeated\n"
		"  --rehome        widen and narrow the cpuset of a guest bound "
		"by\n"
		"                  numatune strict or restrictive\n"
		"  --dry-run       show the plan and its price, move nothing\n"
		"  --no-wait       do not wait for the end\n"
		"  --hurry         move as fast as the host can, at the guest's cost\n"
		"  --max-stall MS  longest stall a vCPU may feel, in "
		"milliseconds\n"
		"  --rate SIZE     bytes a second at most, such as 200M\n",
	.run = run,
};
