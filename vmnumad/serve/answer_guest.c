/* SPDX-License-Identifier: Apache-2.0 */
/* Guests: list, show, follow. */
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "daemon.h"
#include "guest/inspect.h"
#include "serve/answer.h"
#include "serve/control.h"
#include "serve/guest_of.h"
#include "serve/json.h"
#include "serve/params.h"
#include "xalloc.h"

#define EXIT_USAGE 2

/* Pieces -------------------------------------------------------------------- */

static void add_vcpus(struct json_object *to, const struct guest *guest)
{
	struct json_object *array = json_add_array(to, "vcpus");

	for (size_t i = 0; i < guest->n_vcpus; i++) {
		struct json_object *vcpu = json_append_object(array);

		json_add_int(vcpu, "id", guest->vcpus[i].id);
		json_add_int(vcpu, "tid", guest->tids[i]);
		json_add_int(vcpu, "cpu", guest->cpus[i]);
		json_add_int(vcpu, "cell", guest->vcpus[i].cell);
		if (guest->vcpus[i].node == NODE_NONE)
			json_add_null(vcpu, "node");
		else
			json_add_int(vcpu, "node", guest->vcpus[i].node);
	}
}

/* The last decision about a cell, NULL when there is none. */
static const struct decision *find_decision(const struct daemon *daemon,
					    int index, int cell)
{
	for (size_t i = 0; i < daemon->plan.n_decisions; i++)
		if (index >= 0 &&
		    daemon->plan.decisions[i].guest == (size_t)index &&
		    daemon->plan.decisions[i].cell == cell)
			return &daemon->plan.decisions[i];
	return NULL;
}

/* Adds up what is local for the guest as a whole. */
struct local_sum {
	uint64_t local_bytes; /* on home nodes */
	uint64_t resident_bytes; /* of cells with a known home */
};

static void add_cell(struct json_object *array, const struct daemon *daemon,
		     const struct snap_cell *cell,
		     const struct decision *decision, struct local_sum *sum)
{
	struct json_object *to = json_append_object(array);
	struct home none = { 0 };
	const struct home *home = decision ? &decision->home : &none;
	uint64_t resident_bytes = 0, local_bytes = 0;
	bool has_home = false;

	for (int node = 0; node < NODES_MAX; node++) {
		resident_bytes += cell->node_bytes[node];
		if (!home->weight[node])
			continue;
		local_bytes += cell->node_bytes[node];
		has_home = true;
	}
	json_add_int(to, "id", cell->id);
	json_add_u64(to, "size_bytes", cell->size_bytes);
	json_add_home(to, home);
	json_add_u64(to, "resident_bytes", resident_bytes);
	json_add_u64(to, "local_bytes", local_bytes);
	json_add_node_bytes(to, "node_bytes", cell->node_bytes,
			    daemon->topo.has_memory);
	if (has_home) {
		sum->local_bytes += local_bytes;
		sum->resident_bytes += resident_bytes;
	}
}

static void add_cells(struct json_object *to, const struct daemon *daemon,
		      const struct guest *guest)
{
	struct json_object *array = json_add_array(to, "cells");
	int index = daemon_snapshot_index(daemon, guest);
	struct local_sum sum = { 0 };

	for (size_t i = 0; i < guest->n_cells; i++)
		add_cell(array, daemon, &guest->cells[i],
			 find_decision(daemon, index, guest->cells[i].id),
			 &sum);
	if (sum.resident_bytes)
		json_add_double(to, "locality",
				(double)sum.local_bytes /
					(double)sum.resident_bytes);
	else
		json_add_null(to, "locality");
}

static void add_guest(struct json_object *to, const struct daemon *daemon,
		      const struct guest *guest)
{
	const char *source;

	json_add_text(to, "name", guest->name);
	json_add_text(to, "uuid", guest->uuid.text);
	json_add_int(to, "pid", guest->identity.pid);
	json_add_text(to, "state", guest_state_text(guest));
	json_add_bool(to, "adopted", guest->adopted != NULL);
	json_add_bool(to, "inferred", guest->built.is_inferred);
	json_add_text(to, "mode", guest_mode_text(guest_mode(guest, &source)));
	json_add_text(to, "mode_source", source);
	json_add_text(to, "problem", guest->map_why.text);
	add_vcpus(to, guest);
	add_cells(to, daemon, guest);
	if (guest->active_job)
		json_add_u64(to, "job", guest->active_job);
	else
		json_add_null(to, "job");
}

/* list ---------------------------------------------------------------------- */

static void add_nodes(struct json_object *to, const struct daemon *daemon)
{
	struct json_object *array = json_add_array(to, "nodes");
	const struct topology *topo = &daemon->topo;

	node_each (node, topo->online) {
		struct json_object *element = json_append_object(array);
		autofree char *cpus = topology_cpulist(topo, node);

		json_add_int(element, "node", node);
		json_add_u64(element, "total_bytes",
			     topo->node[node].total_bytes);
		json_add_u64(element, "free_bytes",
			     topo->node[node].free_bytes);
		json_add_text(element, "cpus", cpus);
	}
}

static void add_host(struct json_object *to, const struct daemon *daemon)
{
	struct json_object *host = json_add_object(to, "host");

	json_add_bool(host, "libvirt", daemon->is_virt_up);
	json_add_text(host, "problem",
		      daemon->is_virt_up ? "" : daemon->virt_why.text);
}

int answer_list(void *arg, struct control_call *call,
		struct json_object *params)
{
	static const char *const known[] = { NULL };
	struct daemon *daemon = arg;
	struct json_object *answer, *array;
	struct why why;

	if (params_check(params, known, &why) < 0)
		return control_fail(call, RPC_BAD_PARAMS, EXIT_USAGE, why.text);
	answer = json_object_new_object();
	array = json_add_array(answer, "guests");
	for (struct guest *g = daemon->guests; g; g = g->next)
		add_guest(json_append_object(array), daemon, g);
	add_nodes(answer, daemon);
	add_host(answer, daemon);
	return control_reply(call, answer);
}

/* show ---------------------------------------------------------------------- */

static void add_regions(struct json_object *to, const struct guest *guest)
{
	struct json_object *array = json_add_array(to, "regions");
	const struct guest_map *map = guest->built.map;

	for (size_t i = 0; map && i < map->n_regions; i++) {
		const struct region *region = &map->regions[i];
		struct json_object *element = json_append_object(array);

		json_add_u64(element, "gpa", region->gpa.v);
		json_add_u64(element, "size", region->size_bytes);
		json_add_u64(element, "hva", region->hva.v);
		json_add_int(element, "cell", region->cell);
		json_add_u64(element, "page_size", region->page_bytes);
		json_add_text(element, "backing",
			      backing_kind_text(region->backing));
		json_add_bool(element, "shared", region->is_shared);
		json_add_text(element, "block", region->block);
	}
}

static void add_ledger(struct json_object *to, const struct ledger *ledger)
{
	struct json_object *array = json_add_array(to, "residue");

	for (int class = 0; class < RESIDUE_COUNT; class ++) {
		struct json_object *element = NULL, *ranges = NULL;
		uint64_t bytes = 0;

		for (size_t i = 0; i < ledger->n_ranges; i++) {
			const struct ledger_range *range = &ledger->ranges[i];
			struct json_object *part;

			if ((int)range->residue != class)
				continue;
			if (!element) {
				element = json_append_object(array);
				ranges = json_add_array(element, "ranges");
			}
			bytes += range->size_bytes;
			part = json_append_object(ranges);
			json_add_u64(part, "gpa", range->gpa.v);
			json_add_u64(part, "size", range->size_bytes);
			json_add_int(part, "cell", range->cell);
		}
		if (!element)
			continue;
		json_add_text(element, "class",
			      residue_text((enum residue) class));
		json_add_u64(element, "bytes", bytes);
	}
}

static void add_slots(struct json_object *to, const struct daemon *daemon,
		      const struct measure *measure)
{
	struct json_object *array = json_add_array(to, "map");
	struct node_mask none = { 0 };

	for (size_t i = 0; i < measure->n_slots; i++) {
		struct json_object *element = json_append_object(array);

		json_add_u64(element, "gpa", measure->slots[i].gpa.v);
		json_add_u64(element, "size", measure->slots[i].size_bytes);
		json_add_node_bytes(element, "node_bytes",
				    measure->slots[i].node_bytes, none);
	}
}

/* A fresh look at the guest has come, or the guest was not to be looked at. */
static void on_show_looked(struct daemon *daemon, struct control_call *call,
			   struct guest *guest, struct inspection *looked,
			   void *arg)
{
	struct json_object *answer = json_object_new_object();
	struct json_object *to =
		json_append_object(json_add_array(answer, "guests"));

	add_guest(to, daemon, guest);
	json_add_text(to, "shared_with", guest->domain.shared_with);
	add_regions(to, guest);
	add_ledger(to, &guest->ledger);
	if (looked && looked->measure.slots)
		add_slots(to, daemon, &looked->measure);
	control_reply(call, answer);
}

int answer_show(void *arg, struct control_call *call,
		struct json_object *params)
{
	static const char *const known[] = { "guest", "map", NULL };
	struct daemon *daemon = arg;
	struct guest *guest;
	bool with_map = false;
	struct why why;

	if (params_check(params, known, &why) < 0 ||
	    params_bool(params, "map", &with_map, &why) < 0)
		return control_fail(call, RPC_BAD_PARAMS, EXIT_USAGE, why.text);
	guest = guest_of_call(daemon, call, params);
	if (!guest)
		return 0;
	guest_look(daemon, call, guest,
		   (struct measure_ask) { .with_slots = with_map },
		   on_show_looked, NULL);
	return 0;
}

/* follow -------------------------------------------------------------------- */

int answer_follow(void *arg, struct control_call *call,
		  struct json_object *params)
{
	static const char *const known[] = { "guest", "mode", NULL };
	struct daemon *daemon = arg;
	struct json_object *answer;
	struct guest *guest;
	enum guest_mode mode = MODE_AUTO;
	const char *text;
	bool is_default;
	struct why why;

	if (params_check(params, known, &why) < 0 ||
	    params_need_string(params, "mode", &text, &why) < 0)
		return control_fail(call, RPC_BAD_PARAMS, EXIT_USAGE, why.text);
	is_default = strcmp(text, "default") == 0;
	if (!is_default && guest_mode_parse(text, &mode) < 0)
		return control_fail(call, RPC_BAD_PARAMS, EXIT_USAGE,
				    "the mode is none of auto, pin, observe, "
				    "off, default");
	guest = guest_of_call(daemon, call, params);
	if (!guest)
		return 0;
	guest->has_mode = !is_default;
	guest->mode_said = mode;
	policy_guest_release(&guest->memory);
	answer = json_object_new_object();
	json_add_text(answer, "guest", guest->name);
	json_add_text(answer, "uuid", guest->uuid.text);
	json_add_text(answer, "mode", guest_mode_text(guest_mode(guest, NULL)));
	return control_reply(call, answer);
}

/* hook ---------------------------------------------------------------------- */

int answer_hook(void *arg, struct control_call *call,
		struct json_object *params)
{
	static const char *const known[] = { "name", "op", "subop", NULL };
	struct daemon *daemon = arg;
	struct why why;

	if (params_check(params, known, &why) < 0)
		return control_fail(call, RPC_BAD_PARAMS, EXIT_USAGE, why.text);
	if (daemon->is_virt_up)
		virt_relist(daemon->virt);
	return control_reply(call, NULL);
}
