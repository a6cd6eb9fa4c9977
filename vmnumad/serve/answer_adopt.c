/* SPDX-License-Identifier: Apache-2.0 */
/* adopt and release: guests that libvirt does not manage. */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>

#include "adopted.h"
#include "daemon.h"
#include "guest/adopt.h"
#include "serve/answer.h"
#include "serve/control.h"
#include "serve/guest_of.h"
#include "serve/json.h"
#include "serve/params.h"
#include "xalloc.h"

#define EXIT_USAGE   2
#define EXIT_REFUSED 4

static struct json_object *answer_adopted(const struct guest *guest)
{
	struct json_object *to = json_object_new_object();

	json_add_text(to, "guest", guest->name);
	json_add_text(to, "uuid", guest->uuid.text);
	json_add_int(to, "pid", guest->identity.pid);
	json_add_bool(to, "inferred", guest->built.is_inferred);
	return to;
}

/* adopt --------------------------------------------------------------------- */

static void on_taken(void *arg, struct guest *guest, const struct why *why)
{
	struct control_call *call = arg;

	if (guest)
		control_reply(call, answer_adopted(guest));
	else
		control_fail(call, RPC_REFUSED, EXIT_REFUSED, why->text);
}

static int read_params(struct json_object *params, uint64_t *ret_pid,
		       const char **ret_qmp, const char **ret_name,
		       struct why *why)
{
	static const char *const known[] = { "pid", "qmp", "name", NULL };
	int err = params_check(params, known, why);

	if (!err)
		err = params_need_u64(params, "pid", 1, INT32_MAX, ret_pid,
				      why);
	if (!err)
		err = params_string(params, "qmp", ret_qmp, why);
	if (!err)
		err = params_string(params, "name", ret_name, why);
	if (err)
		return err;
	if (*ret_qmp &&
	    (**ret_qmp != '/' || !adopt_is_text(*ret_qmp, ADOPT_PATH_MAX))) {
		why_set(why,
			"\"qmp\" must be a path from / on, of %d bytes at "
			"most",
			ADOPT_PATH_MAX);
		return -EINVAL;
	}
	if (*ret_name && !adopt_is_text(*ret_name, ADOPT_NAME_MAX)) {
		why_set(why,
			"\"name\" must be 1 to %d bytes without control "
			"characters",
			ADOPT_NAME_MAX);
		return -EINVAL;
	}
	return 0;
}

int answer_adopt(void *arg, struct control_call *call,
		 struct json_object *params)
{
	struct daemon *daemon = arg;
	struct adoption *adoption;
	const char *qmp = NULL, *name = NULL;
	uint64_t pid;
	struct why why;

	if (read_params(params, &pid, &qmp, &name, &why) < 0)
		return control_fail(call, RPC_BAD_PARAMS, EXIT_USAGE, why.text);
	adoption = adoption_create((pid_t)pid);
	if (qmp)
		adoption->qmp_path = xstrdup(qmp);
	if (name)
		adoption->name = xstrdup(name);
	adopted_take(daemon, adoption, on_taken, call);
	return 0;
}

/* release ------------------------------------------------------------------- */

static int release(struct daemon *daemon, struct control_call *call,
		   struct guest *guest)
{
	struct json_object *answer = answer_adopted(guest);

	adopted_drop(daemon, guest, "an administrator released it");
	return control_reply(call, answer);
}

/* A release that waits for the end of a job. */
struct releasing {
	struct daemon *daemon; /* borrowed */
	struct control_call *call; /* to be answered */
};

static void on_job_ended(void *arg, struct job_entry *entry)
{
	struct releasing *r = arg;
	struct guest *guest = daemon_find_guest(r->daemon, entry->uuid.text);

	if (guest && guest->adopted)
		release(r->daemon, r->call, guest);
	else
		control_fail(r->call, RPC_FAILED, 1, "the guest has ended");
	free(r);
}

int answer_release(void *arg, struct control_call *call,
		   struct json_object *params)
{
	static const char *const known[] = { "guest", NULL };
	struct daemon *daemon = arg;
	struct job_entry *active;
	struct releasing *r;
	struct guest *guest;
	struct why why;

	if (params_check(params, known, &why) < 0)
		return control_fail(call, RPC_BAD_PARAMS, EXIT_USAGE, why.text);
	guest = guest_of_call(daemon, call, params);
	if (!guest)
		return 0;
	if (!guest->adopted) {
		why_set(&why,
			"guest %.60s is libvirt's and cannot be released; "
			"\"vmnumactl follow %.60s off\" leaves it alone",
			guest->name, guest->name);
		return control_fail(call, RPC_REFUSED, EXIT_REFUSED, why.text);
	}
	active = jobs_find(daemon->jobs, guest->active_job);
	if (!active || !active->job)
		return release(daemon, call, guest);
	r = xcalloc(1, sizeof(*r));
	*r = (struct releasing) { .daemon = daemon, .call = call };
	job_entry_watch(active, on_job_ended, r);
	job_entry_cancel(active, "an administrator releases it");
	return 0;
}
