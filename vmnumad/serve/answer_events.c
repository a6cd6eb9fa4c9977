/* SPDX-License-Identifier: Apache-2.0 */
/*
 * events: what happened and was decided, with reasons. With follow, each one is
 * a notification, first those that are remembered and then those that come; the
 * call is never answered, and ends with its client. A client that reads too
 * slowly is dropped by its connection (serve/conn.h), so nothing piles up here.
 */
#include <json-c/json.h>
#include <stdlib.h>
#include <time.h>

#include "daemon.h"
#include "history.h"
#include "serve/answer.h"
#include "serve/control.h"
#include "serve/json.h"
#include "serve/params.h"
#include "xalloc.h"

#define EXIT_USAGE 2

/* 2026-01-31T12:00:00.123Z */
static void add_time(struct json_object *to, int64_t time_ms)
{
	time_t seconds = (time_t)(time_ms / 1000);
	char text[32], whole[48];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(whole, sizeof(whole), "%s.%03dZ", text, (int)(time_ms % 1000));
	json_add_text(to, "time", whole);
}

static void add_happening(struct json_object *to, const struct happening *h)
{
	json_add_u64(to, "event", h->number);
	add_time(to, h->time_ms);
	json_add_text(to, "kind", happening_text(h->kind));
	if (*h->uuid.text) {
		json_add_text(to, "guest", h->guest);
		json_add_text(to, "uuid", h->uuid.text);
	} else {
		json_add_null(to, "guest");
		json_add_null(to, "uuid");
	}
	if (h->cell >= 0)
		json_add_int(to, "cell", h->cell);
	else
		json_add_null(to, "cell");
	if (h->job)
		json_add_u64(to, "job", h->job);
	else
		json_add_null(to, "job");
	json_add_text(to, "text", h->text);
	json_add_text(to, "reason", h->reason.text);
}

static void append(void *arg, const struct happening *h)
{
	add_happening(json_append_object(arg), h);
}

static void notify(void *arg, const struct happening *h)
{
	struct json_object *event = json_object_new_object();

	add_happening(event, h);
	control_notify(arg, "event", event);
	json_object_put(event);
}

/* A client that follows. */
struct following {
	struct control_call *call; /* answered, with nothing, at its end */
	struct history_watch *watch; /* ended with it */
};

static void on_gone(void *arg)
{
	struct following *following = arg;

	history_unwatch(following->watch);
	control_reply(following->call, NULL);
	free(following);
}

static void follow(struct daemon *daemon, struct control_call *call)
{
	struct following *following = xcalloc(1, sizeof(*following));

	history_each(daemon->history, notify, call);
	*following = (struct following) {
		.call = call,
		.watch = history_watch(daemon->history, notify, call),
	};
	control_on_gone(call, on_gone, following);
}

int answer_events(void *arg, struct control_call *call,
		  struct json_object *params)
{
	static const char *const known[] = { "follow", NULL };
	struct daemon *daemon = arg;
	struct json_object *answer;
	bool is_following = false;
	struct why why;

	if (params_check(params, known, &why) < 0 ||
	    params_bool(params, "follow", &is_following, &why) < 0)
		return control_fail(call, RPC_BAD_PARAMS, EXIT_USAGE, why.text);
	if (is_following) {
		follow(daemon, call);
		return 0;
	}
	answer = json_object_new_object();
	history_each(daemon->history, append, json_add_array(answer, "events"));
	return control_reply(call, answer);
}
