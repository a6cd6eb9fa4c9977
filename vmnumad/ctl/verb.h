/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a verb of vmnumactl is, and what all verbs need: options, the question
 * to the daemon, errors and exit statuses. main.c has the table of verbs.
 */
#ifndef CTL_VERB_H
#define CTL_VERB_H

#include <stdbool.h>

struct client_question;
struct json_object;
struct option;

/* Exit statuses: the contract with scripts. */
enum ctl_exit {
	CTL_DONE = 0, /* done */
	CTL_FAILED = 1, /* failed, or cancelled */
	CTL_USAGE = 2, /* wrong arguments */
	CTL_PARTIAL = 3, /* done in part */
	CTL_REFUSED = 4, /* refused by a gate */
	CTL_NO_DAEMON = 5, /* no daemon answers */
};

struct verb;

/* How vmnumactl was called. */
struct ctl {
	const char *socket_path; /* of the control socket */
	bool is_json; /* --json */
	const struct verb *verb; /* the verb that runs, NULL before it is known */
};

/* One verb. */
struct verb {
	const char *name; /* as typed */
	const char *args; /* its arguments, for the help; may be "" */
	const char *summary; /* one line for the list of verbs */
	const char *help; /* lines below the usage; may be "" */
	/* argv[0] is the verb. Returns an exit status. */
	int (*run)(struct ctl *ctl, int argc, char **argv);
};

extern const struct verb verb_list;
extern const struct verb verb_show;
extern const struct verb verb_rebalance;
extern const struct verb verb_make_room;
extern const struct verb verb_follow;
extern const struct verb verb_explain;
extern const struct verb verb_events;
extern const struct verb verb_jobs;
extern const struct verb verb_job;
extern const struct verb verb_cancel;
extern const struct verb verb_pause;
extern const struct verb verb_resume;
extern const struct verb verb_adopt;
extern const struct verb verb_release;
extern const struct verb verb_hook;

/* Says what went wrong (to standard error, or as an object with --json) and
 * returns exit. */
__attribute__((format(printf, 3, 4))) int ctl_fail(struct ctl *ctl, int exit,
						   const char *fmt, ...);

/* As ctl_fail with CTL_USAGE, pointing at the verb's help. */
__attribute__((format(printf, 2, 3))) int ctl_usage(struct ctl *ctl,
						    const char *fmt, ...);

/*
 * getopt_long(3) for a verb, whose options also are --help and --json: the val
 * of the next option, with its value in optarg; 0 at the end, optind is then
 * the first operand; -1 when the verb is to end with *ret_exit (--help was
 * printed, or an error).
 */
int ctl_option(struct ctl *ctl, int argc, char **argv,
	       const struct option *options, int *ret_exit);

/* A verb without options: checks that n operands follow, and points
 * *ret_operands at them. 0; or -1 when the verb is to end with *ret_exit. */
int ctl_operands(struct ctl *ctl, int argc, char **argv, int n,
		 char ***ret_operands, int *ret_exit);

/* The number of operands left is n, or ctl_usage(). */
int ctl_check_count(struct ctl *ctl, int count, int n);

/* Asks the daemon. params is taken over. CTL_DONE with *ret_result, to be put
 * by the caller; or the exit status, after saying why. */
int ctl_ask(struct ctl *ctl, const char *method, struct json_object *params,
	    struct json_object **ret_result);

/* The same for a question of the caller's own, whose params stay his. */
int ctl_ask_with(struct ctl *ctl, const struct client_question *question,
		 struct json_object **ret_result);

/* Says why client_connect() failed with rc; returns the exit status. */
int ctl_fail_connect(struct ctl *ctl, int rc);

/* Says why client_ask() failed with rc; exit and sentence are the daemon's. */
int ctl_fail_ask(struct ctl *ctl, int rc, int exit, const char *sentence);

/* Prints an answer as it came, for --json. */
void ctl_print_json(struct json_object *answer);

/* {"guest": guest}, owned by the caller. */
struct json_object *ctl_guest_params(const char *guest);

/* Usage and help of one verb. */
void ctl_print_help(const struct verb *verb);

#endif
