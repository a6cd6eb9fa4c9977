/* SPDX-License-Identifier: Apache-2.0 */
/* The table of methods: adding a verb is a row here and a handler. */
#include "serve/answer.h"
#include "serve/control.h"

const struct control_verb *answer_verbs(void)
{
	static const struct control_verb verbs[] = {
		{ "list", CONTROL_READ, answer_list },
		{ "show", CONTROL_READ, answer_show },
		{ "explain", CONTROL_READ, answer_explain },
		{ "jobs", CONTROL_READ, answer_jobs },
		{ "job", CONTROL_READ, answer_one_job },
		{ "events", CONTROL_READ, answer_events },
		{ "rebalance", CONTROL_CHANGE, answer_rebalance },
		{ "make-room", CONTROL_CHANGE, answer_make_room },
		{ "follow", CONTROL_CHANGE, answer_follow },
		{ "cancel", CONTROL_CHANGE, answer_cancel },
		{ "pause", CONTROL_CHANGE, answer_pause },
		{ "resume", CONTROL_CHANGE, answer_resume },
		{ "adopt", CONTROL_CHANGE, answer_adopt },
		{ "release", CONTROL_CHANGE, answer_release },
		{ "hook", CONTROL_ROOT, answer_hook },
		{ 0 },
	};

	return verbs;
}
