/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Golden files: a scenario with the plans that it leads to written into it, each
 * line behind a ">". Called by script.c for the lines "plan" and "advice"; does
 * nothing when no golden file is asked for. check-golden compares.
 */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

void plans_print(const struct sim *sim)
{
	char *text, *rest, *one;

	if (!sim->plans)
		return;
	text = rest = world_format(sim->w);
	fprintf(sim->plans, "> at %llu s\n",
		(unsigned long long)(sim->w->s.now_ns / SEC));
	while ((one = strsep(&rest, "\n")) && *one)
		fprintf(sim->plans, "> %s\n", one);
	free(text);
}

void plans_print_advice(const struct sim *sim, size_t guest)
{
	struct advice_vcpu vcpus[64];
	struct advice advice = { .vcpus = vcpus, .cap_vcpus = 64 };

	if (!sim->plans)
		return;
	policy_advice(&sim->w->s, guest, &advice);
	for (size_t i = 0; i < advice.n_vcpus; i++)
		fprintf(sim->plans, "> guest %zu cell %d: vcpu %d %s node %d\n",
			guest, vcpus[i].cell, vcpus[i].vcpu,
			vcpus[i].is_there ? "is on" : "to", vcpus[i].node);
}
