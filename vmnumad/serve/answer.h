/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the control socket's methods do: one handler for each verb, and the
 * objects they answer with. The arg of all handlers is the daemon.
 */
#ifndef SERVE_ANSWER_H
#define SERVE_ANSWER_H

struct control_call;
struct control_verb;
struct json_object;
struct job_entry;

/* The table of verbs, for control_create(). */
const struct control_verb *answer_verbs(void);

/* A job as an object, owned by the caller: json_object_put() or a reply. */
struct json_object *answer_job(const struct job_entry *entry);
void answer_free(struct json_object *object);

/* Handlers, see struct control_verb. */
int answer_list(void *arg, struct control_call *call,
		struct json_object *params);
int answer_show(void *arg, struct control_call *call,
		struct json_object *params);
int answer_explain(void *arg, struct control_call *call,
		   struct json_object *params);
int answer_follow(void *arg, struct control_call *call,
		  struct json_object *params);
int answer_rebalance(void *arg, struct control_call *call,
		     struct json_object *params);
int answer_make_room(void *arg, struct control_call *call,
		     struct json_object *params);
int answer_jobs(void *arg, struct control_call *call,
		struct json_object *params);
int answer_one_job(void *arg, struct control_call *call,
		   struct json_object *params);
int answer_cancel(void *arg, struct control_call *call,
		  struct json_object *params);
int answer_pause(void *arg, struct control_call *call,
		 struct json_object *params);
int answer_resume(void *arg, struct control_call *call,
		  struct json_object *params);
int answer_events(void *arg, struct control_call *call,
		  struct json_object *params);
int answer_adopt(void *arg, struct control_call *call,
		 struct json_object *params);
int answer_release(void *arg, struct control_call *call,
		   struct json_object *params);
int answer_hook(void *arg, struct control_call *call,
		struct json_object *params);

#endif
