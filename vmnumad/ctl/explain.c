/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmnumactl explain: why a guest's memory would or would not be moved now.
 */
#include "ctl/verb.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

#include "ctl/field.h"
#include "ctl/guest.h"
#include "ctl/text.h"
#include "xalloc.h"

static void clean_print(const char *before, const char *text)
{
	char *clean = text_clean(text);

	printf("%s%s\n", before, clean);
	free(clean);
}

static void gates_print(struct json_object *answer)
{
	size_t n = field_count(answer, "gates");

	if (!n)
		return;
	puts("\nIt is not moved automatically now, because:");
	for (size_t i = 0; i < n; i++)
		clean_print("  * ", field_text(field_at(answer, "gates", i),
					       "text", "?"));
}

static void cell_print(struct json_object *cell)
{
	uint64_t wrong = field_u64(cell, "wrong_bytes", 0);
	autofree char *home = guest_home(cell);

	printf("\nCell %d: home is %s", (int)field_u64(cell, "id", 0), home);
	if (field_double(cell, "confidence", -1) >= 0)
		printf("; certainty %s",
		       text_share(field_double(cell, "confidence", -1)).s);
	putchar('\n');
	clean_print("  ", field_text(cell, "text", "Nothing is decided yet."));
	if (wrong)
		printf("  %s of %s lie elsewhere.\n", text_size(wrong).s,
		       text_size(field_u64(cell, "resident_bytes", 0)).s);
	if (field_double(cell, "again_seconds", -1) >= 0)
		printf("  It is decided anew in %s.\n",
		       text_duration(field_double(cell, "again_seconds", -1)).s);
}

static void price_print(struct json_object *price)
{
	double payback_s = field_double(price, "payback_seconds", -1);

	if (!price)
		return;
	printf("\n%s would take about %s, with stalls of up to %s",
	       field_bool(price, "measured")
		       ? "As its last moves were, moving it"
		       : "Moving it",
	       text_duration(field_double(price, "expected_seconds", -1)).s,
	       text_duration(field_double(price, "expected_stall_ms", -1e4) /
			     1e3)
		       .s);
	if (payback_s >= 0)
		printf(", and be repaid after %s", text_duration(payback_s).s);
	puts(".");
}

static void advice_print(struct json_object *answer)
{
	size_t n = field_count(answer, "advice");

	if (!n)
		return;
	puts("\nTo bring its CPUs to its memory instead:");
	for (size_t i = 0; i < n; i++) {
		struct json_object *line = field_at(answer, "advice", i);

		if (json_object_is_type(line, json_type_string))
			clean_print("  ", json_object_get_string(line));
	}
}

static int run(struct ctl *ctl, int argc, char **argv)
{
	struct json_object *answer;
	char **operands;
	int exit;

	if (ctl_operands(ctl, argc, argv, 1, &operands, &exit))
		return exit;
	exit = ctl_ask(ctl, "explain", ctl_guest_params(operands[0]), &answer);
	if (exit)
		return exit;
	if (ctl->is_json) {
		ctl_print_json(answer);
	} else {
		printf("%s  %s\nmode %s\n",
		       text_name(field_text(answer, "guest", operands[0])).s,
		       text_name(field_text(answer, "uuid", "")).s,
		       text_name(field_text(answer, "mode", "?")).s);
		guest_print_problem(answer);
		gates_print(answer);
		for (size_t i = 0; i < field_count(answer, "cells"); i++)
			cell_print(field_at(answer, "cells", i));
		price_print(field_object(answer, "price"));
		advice_print(answer);
	}
	json_object_put(answer);
	return CTL_DONE;
}

const struct verb verb_explain = {
	.name = "explain",
	.args = "GUEST",
	.summary = "Explain why a guest would or would not be moved now",
	.help = "",
	.run = run,
};
