/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmnumactl follow: how automatic mode treats a guest from now on.
 */
#include "ctl/verb.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "ctl/field.h"
#include "ctl/text.h"

static bool is_mode(const char *text)
{
	static const char *const modes[] = { "auto", "pin", "observe", "off",
					     "default" };

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(modes[i], text) == 0)
			return true;
	}
	return false;
}

static int run(struct ctl *ctl, int argc, char **argv)
{
	struct json_object *params;
	struct json_object *answer;
	char **operands;
	int exit;

	if (ctl_operands(ctl, argc, argv, 2, &operands, &exit))
		return exit;
	if (!is_mode(operands[1]))
		return ctl_usage(ctl,
				 "\"%.40s\" is not one of auto, pin, observe, "
				 "off and default",
				 operands[1]);
	params = ctl_guest_params(operands[0]);
	json_object_object_add(params, "mode",
			       json_object_new_string(operands[1]));
	exit = ctl_ask(ctl, "follow", params, &answer);
	if (exit)
		return exit;
	if (ctl->is_json)
		ctl_print_json(answer);
	else
		printf("%s: the mode is %s now.\n",
		       text_name(field_text(answer, "guest", operands[0])).s,
		       text_name(field_text(answer, "mode", operands[1])).s);
	json_object_put(answer);
	return CTL_DONE;
}

const struct verb verb_follow = {
	.name = "follow",
	.args = "GUEST auto|pin|observe|off|default",
	.summary = "Set how a guest's memory follows its vCPUs",
	.help = "  auto     follow pinning at once, and drift after a dwell "
		"time\n"
		"  pin      follow pinning only\n"
		"  observe  watch and explain, move on request only\n"
		"  off      leave it alone; requests are refused\n"
		"  default  what the configuration says\n"
		"Any of them ends the hold of an earlier rebalance or "
		"make-room.\n",
	.run = run,
};
