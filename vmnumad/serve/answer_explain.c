/* SPDX-License-Identifier: Apache-2.0 */
/* explain: why a guest would or would not be moved now, in words. */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon.h"
#include "serve/answer.h"
#include "serve/control.h"
#include "serve/guest_of.h"
#include "serve/json.h"
#include "serve/params.h"
#include "xalloc.h"

#define EXIT_USAGE 2
#define NS_PER_S   1e9

static void add_gates(struct json_object *to, const struct snap_guest *guest)
{
	struct json_object *array = json_add_array(to, "gates");

	for (unsigned int gate = 1; gate && gate <= guest->gates; gate <<= 1) {
		struct json_object *element;

		if (!(guest->gates & gate))
			continue;
		element = json_append_object(array);
		json_add_u64(element, "gate", gate);
		json_add_text(element, "text", gate_text(gate));
	}
}

/* The sentence of a decision: its reason, and what holds the rest back. */
static void add_sentence(struct json_object *to, const struct decision *d)
{
	char text[512];

	if (d->reason == REASON_GATE)
		snprintf(text, sizeof(text), "Not now: %s.",
			 gate_text(d->gate));
	else
		snprintf(text, sizeof(text), "%s.", reason_text(d->reason));
	if (text[0] >= 'a' && text[0] <= 'z')
		text[0] = (char)(text[0] - 'a' + 'A');
	json_add_text(to, "text", text);
}

static void add_decision(struct json_object *array, const struct decision *d,
			 uint64_t now_ns)
{
	struct json_object *to = json_append_object(array);

	json_add_int(to, "id", d->cell);
	json_add_home(to, &d->home);
	json_add_double(to, "confidence", (double)d->confidence / WEIGHT_WHOLE);
	json_add_bool(to, "by_affinity", d->by_affinity);
	json_add_int(to, "reason", (int)d->reason);
	add_sentence(to, d);
	json_add_u64(to, "wrong_bytes", d->wrong_bytes);
	json_add_u64(to, "resident_bytes", d->resident_bytes);
	if (d->again_ns > now_ns)
		json_add_double(to, "again_seconds",
				(double)(d->again_ns - now_ns) / NS_PER_S);
	else
		json_add_null(to, "again_seconds");
}

static void add_price(struct json_object *to, const struct price *price)
{
	struct json_object *object;

	if (price->seconds <= 0) {
		json_add_null(to, "price");
		return;
	}
	object = json_add_object(to, "price");
	json_add_bool(object, "measured", price->is_measured);
	json_add_double(object, "expected_seconds", price->seconds);
	json_add_double(object, "expected_stall_ms", price->stall_ms);
	if (price->payback_s >= 0)
		json_add_double(object, "payback_seconds", price->payback_s);
	else
		json_add_null(object, "payback_seconds");
}

/* True when memory of the guest cannot follow its vCPUs, now or later. */
static bool is_stuck(const struct daemon *daemon, size_t index)
{
	const struct plan *plan = &daemon->plan;

	if (daemon->snapshot.guests[index].gates & GATES_IN_PLACE)
		return true;
	for (size_t i = 0; i < plan->n_decisions; i++)
		if (plan->decisions[i].guest == index &&
		    (plan->decisions[i].reason == REASON_BOUND ||
		     plan->decisions[i].reason == REASON_CPUSET))
			return true;
	return false;
}

/* The line that pins a vCPU. */
static char *pin_line(const struct guest *guest, int vcpu, const char *cpus)
{
	if (!guest->adopted)
		return xasprintf("virsh vcpupin %s %d %s --live",
				 guest->uuid.text, vcpu, cpus);
	for (size_t i = 0; i < guest->n_vcpus; i++)
		if (guest->vcpus[i].id == vcpu)
			return xasprintf("taskset -c -p %s %d", cpus,
					 (int)guest->tids[i]);
	return xstrdup("");
}

/* Where memory cannot move, the CPUs could: as lines to be typed. */
static void add_advice(struct json_object *to, const struct daemon *daemon,
		       const struct guest *guest, size_t index)
{
	struct json_object *array = json_add_array(to, "advice");
	struct advice advice = { .cap_vcpus = guest->n_vcpus };

	if (!is_stuck(daemon, index))
		return;
	advice.vcpus = xcalloc(advice.cap_vcpus, sizeof(*advice.vcpus));
	policy_advice(&daemon->snapshot, index, &advice);
	for (size_t i = 0; i < advice.n_vcpus; i++) {
		char *line, *cpus;

		if (advice.vcpus[i].is_there)
			continue;
		cpus = topology_cpulist(&daemon->topo, advice.vcpus[i].node);
		line = pin_line(guest, advice.vcpus[i].vcpu, cpus);
		json_object_array_add(array, json_object_new_string(line));
		free(line);
		free(cpus);
	}
	free(advice.vcpus);
}

int answer_explain(void *arg, struct control_call *call,
		   struct json_object *params)
{
	static const char *const known[] = { "guest", NULL };
	struct daemon *daemon = arg;
	struct json_object *to, *cells;
	struct guest *guest;
	struct price price;
	struct why why;
	int index;

	if (params_check(params, known, &why) < 0)
		return control_fail(call, RPC_BAD_PARAMS, EXIT_USAGE, why.text);
	daemon_tick(daemon); /* decide on what is so now; guests may end */
	guest = guest_of_call(daemon, call, params);
	if (!guest)
		return 0;
	index = daemon_snapshot_index(daemon, guest);
	to = json_object_new_object();
	json_add_text(to, "guest", guest->name);
	json_add_text(to, "uuid", guest->uuid.text);
	json_add_text(to, "mode", guest_mode_text(guest_mode(guest, NULL)));
	json_add_text(to, "problem", guest->map_why.text);
	add_gates(to, &daemon->snapshot.guests[index]);
	cells = json_add_array(to, "cells");
	for (size_t i = 0; i < daemon->plan.n_decisions; i++)
		if (daemon->plan.decisions[i].guest == (size_t)index)
			add_decision(cells, &daemon->plan.decisions[i],
				     daemon->snapshot.now_ns);
	policy_price_wrong(&daemon->config.policy, &daemon->snapshot,
			   &daemon->plan, (size_t)index, &price);
	add_price(to, &price);
	add_advice(to, daemon, guest, (size_t)index);
	return control_reply(call, to);
}
