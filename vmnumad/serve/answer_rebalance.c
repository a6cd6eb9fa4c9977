/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rebalance: what an administrator asks for. Three steps, since two of them
 * wait for others: an automatic job of the same guest is stopped, the guest's
 * memory is counted anew, then policy/ plans and the job starts (or, with
 * dry_run, the plan is the answer).
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "daemon.h"
#include "host/list.h"
#include "policy/policy.h"
#include "rehome.h"
#include "resume.h"
#include "serve/answer.h"
#include "serve/control.h"
#include "serve/guest_of.h"
#include "serve/json.h"
#include "serve/params.h"
#include "tell.h"
#include "xalloc.h"

#define EXIT_USAGE   2
#define EXIT_REFUSED 4
#define NS_PER_MS    1000000ull

/* A request on its way. Plain memory: one free() ends it. */
struct rebalance {
	struct job_order order; /* what is asked for */
	bool is_dry_run; /* the plan is the answer */
	bool is_waiting; /* the answer comes at the end of the job */
	bool is_rehome_said; /* --rehome */
	bool is_wide; /* the guest's cpuset was widened for it */
};

static int on_cell(void *arg, int cell, struct node_mask nodes, struct why *why)
{
	struct rebalance *r = arg;

	if (r->order.n_cells == ORDER_CELLS_MAX) {
		why_set(why, "more than %d cells", ORDER_CELLS_MAX);
		return -EINVAL;
	}
	r->order.cells[r->order.n_cells++] =
		(struct request_cell) { .cell = cell, .to = nodes };
	return 0;
}

static int read_params(struct json_object *params, struct rebalance *r,
		       struct why *why)
{
	static const char *const known[] = {
		"guest",   "to",   "cells",        "rehome",
		"dry_run", "wait", "max_stall_ms", "rate_bytes_per_s",
		"hurry",   NULL,
	};
	uint64_t stall_ms = 0;
	int err;

	r->is_waiting = true;
	err = params_check(params, known, why);
	if (!err)
		err = params_nodes(params, "to", &r->order.to, why);
	if (!err)
		err = params_cells(params, "cells", on_cell, r, why);
	if (!err)
		err = params_bool(params, "rehome", &r->is_rehome_said, why);
	if (!err)
		err = params_bool(params, "dry_run", &r->is_dry_run, why);
	if (!err)
		err = params_bool(params, "wait", &r->is_waiting, why);
	if (!err)
		err = params_bool(params, "hurry", &r->order.is_hurried, why);
	if (!err)
		err = params_u64(params, "max_stall_ms", 1, 60000, &stall_ms,
				 why);
	if (!err)
		err = params_u64(params, "rate_bytes_per_s", 1, INT64_MAX,
				 &r->order.rate_bytes_per_s, why);
	r->order.stall_ns = stall_ms * NS_PER_MS;
	return err;
}

/* The answer of a dry run, and of a request that finds nothing to do. */
static struct json_object *answer_plan(const struct daemon *daemon,
				       const struct guest *guest,
				       const struct plan *plan, size_t index,
				       const char *result)
{
	struct json_object *to = json_object_new_object();
	struct json_object *moves = json_add_array(to, "moves");
	uint64_t planned_bytes = 0;
	struct price price;

	for (size_t i = 0; i < plan->n_moves; i++) {
		const struct plan_move *move = &plan->moves[i];
		struct json_object *element = json_append_object(moves);

		json_add_int(element, "cell", move->cell);
		json_add_int(element, "from", move->from);
		json_add_int(element, "to", move->to);
		json_add_u64(element, "bytes", move->bytes);
		json_add_text(element, "reason", reason_text(move->reason));
		planned_bytes += move->bytes;
	}
	policy_price(&daemon->config.policy, &daemon->snapshot, plan, index,
		     &price);
	json_add_text(to, "guest", guest->name);
	json_add_text(to, "uuid", guest->uuid.text);
	json_add_text(to, "result", result);
	json_add_u64(to, "bytes_planned", planned_bytes);
	json_add_u64(to, "bytes_moved", 0);
	json_add_u64(to, "bytes_left", 0);
	json_add_double(to, "seconds", 0);
	json_add_u64(to, "calls", 0);
	json_add_double(to, "expected_seconds", price.seconds);
	json_add_double(to, "expected_stall_ms", price.stall_ms);
	if (price.payback_s >= 0)
		json_add_double(to, "payback_seconds", price.payback_s);
	else
		json_add_null(to, "payback_seconds");
	json_add_array(to, "residue");
	return to;
}

/* No to a rebalance, for everybody to see in events. */
static int refuse_with(struct control_call *call, struct daemon *daemon,
		       const struct guest *guest, const struct rebalance *r,
		       const char *sentence)
{
	if (!r->is_dry_run)
		tell_refused(daemon, guest, "a rebalance", sentence);
	return control_fail(call, RPC_REFUSED, EXIT_REFUSED, sentence);
}

static int refuse(struct control_call *call, struct daemon *daemon,
		  const struct guest *guest, const struct rebalance *r,
		  const struct refused *refused)
{
	struct why why;
	char nodes[LIST_NODES_TEXT];

	switch (refused->refusal) {
	case REFUSAL_NO_CELL:
		why_set(&why, "%s; \"vmnumactl show\" lists those it has",
			refusal_text(refused->refusal));
		return control_fail(call, RPC_BAD_PARAMS, EXIT_USAGE, why.text);
	case REFUSAL_BAD_NODE:
		why_set(&why, "%s; this host's nodes with memory are %s",
			refusal_text(refused->refusal),
			list_format_nodes(daemon->topo.has_memory, nodes,
					  sizeof(nodes)));
		return control_fail(call, RPC_BAD_PARAMS, EXIT_USAGE, why.text);
	case REFUSAL_GATE:
		why_set(&why, "%s%s%s", gate_text(refused->gate),
			*guest->map_why.text ? ": " : "", guest->map_why.text);
		break;
	case REFUSAL_CPUSET:
	case REFUSAL_BOUND:
		why_set(&why,
			"%s; with --rehome it is bound to the new nodes "
			"instead",
			refusal_text(refused->refusal));
		break;
	default:
		why_set(&why, "%s", refusal_text(refused->refusal));
		break;
	}
	return refuse_with(call, daemon, guest, r, why.text);
}

static int start(struct daemon *daemon, struct control_call *call,
		 struct guest *guest, const struct rebalance *r,
		 const struct plan *plan)
{
	struct job_entry *entry;
	struct why why;

	if (r->order.is_rehome && !r->is_wide)
		resume_hold(daemon, guest, &r->order);
	entry = daemon_start_job(daemon, guest, plan, &r->order, &why);
	if (!entry) {
		resume_release(daemon, &guest->uuid);
		return control_fail(call, RPC_FAILED, 1, why.text);
	}
	if (!r->is_waiting)
		return control_reply(call, answer_job(entry));
	daemon_watch_job(daemon, entry, call);
	return 0;
}

static void plan_and_go(struct daemon *daemon, struct control_call *call,
			struct guest *guest, struct inspection *looked,
			void *arg);

/* A re-homing whose cpuset is being widened. */
struct widening {
	struct daemon *daemon; /* borrowed */
	struct control_call *call; /* to be answered */
	struct uuid uuid; /* the guest's */
	struct rebalance *rebalance; /* owned */
};

static void on_widened(void *arg, int err, const struct why *why)
{
	struct widening *w = arg;
	struct guest *guest = daemon_find_guest(w->daemon, w->uuid.text);

	w->rebalance->is_wide = true;
	if (err < 0)
		resume_release(w->daemon, &w->uuid);
	if (err == 0 && guest) {
		plan_and_go(w->daemon, w->call, guest, NULL, w->rebalance);
	} else if (guest) {
		refuse_with(w->call, w->daemon, guest, w->rebalance, why->text);
		free(w->rebalance);
	} else {
		free(w->rebalance);
		control_fail(w->call, RPC_REFUSED, EXIT_REFUSED,
			     "the guest has ended");
	}
	free(w);
}

static void widen(struct daemon *daemon, struct control_call *call,
		  struct guest *guest, struct node_mask nodes,
		  struct rebalance *r)
{
	struct widening *w = xcalloc(1, sizeof(*w));

	*w = (struct widening) {
		.daemon = daemon,
		.call = call,
		.uuid = guest->uuid,
		.rebalance = r,
	};
	resume_hold(daemon, guest, &r->order);
	rehome_widen(daemon, guest, nodes, on_widened, w);
}

/* Step three: the counts are fresh. With a cpuset to be widened there is a
 * step between: then this runs once more. */
static void plan_and_go(struct daemon *daemon, struct control_call *call,
			struct guest *guest, struct inspection *looked,
			void *arg)
{
	struct rebalance *r = arg;
	struct node_mask closed;
	struct refused refused;
	struct plan plan;
	struct why why;
	size_t index;
	int err;

	r->order.is_rehome = r->is_rehome_said || guest_may_rehome(guest);
	err = daemon_plan_order(daemon, guest, &r->order, &plan, &refused);
	index = (size_t)daemon_snapshot_index(daemon, guest);
	closed = rehome_closed(guest, &plan);
	/* allowed is not needed: what is not bound is not narrowed either */
	r->order.is_rehome = r->is_wide || r->is_rehome_said ||
			     rehome_is_needed(guest, &plan);
	if (err < 0) {
		refuse(call, daemon, guest, r, &refused);
	} else if (r->order.is_rehome && !r->is_wide &&
		   rehome_check(guest, &r->order, &plan, &why) < 0) {
		refuse_with(call, daemon, guest, r, why.text);
	} else if (r->is_dry_run) {
		control_reply(call, answer_plan(daemon, guest, &plan, index,
						"dry-run"));
	} else if (plan.n_moves == 0) {
		policy_guest_hold(&guest->memory);
		control_reply(call,
			      answer_plan(daemon, guest, &plan, index, "done"));
	} else if (!node_mask_is_empty(closed) && !r->is_wide) {
		widen(daemon, call, guest, closed, r);
		r = NULL;
	} else {
		start(daemon, call, guest, r, &plan);
	}
	daemon_free_plan(&plan);
	free(r);
}

/* An order is for all strays, the thinly scattered ones too. */
static void look_exactly(struct daemon *daemon, struct control_call *call,
			 struct guest *guest, struct rebalance *r)
{
	guest_look(daemon, call, guest,
		   (struct measure_ask) { .is_exact = true }, plan_and_go, r);
}

/* Step two, after an automatic job: is the guest still there? */
struct freed {
	struct daemon *daemon; /* borrowed */
	struct control_call *call; /* to be answered */
	struct rebalance *rebalance; /* owned */
};

static void on_freed(void *arg, struct job_entry *entry)
{
	struct freed *freed = arg;
	struct guest *guest =
		daemon_find_guest(freed->daemon, entry->uuid.text);

	if (guest) {
		look_exactly(freed->daemon, freed->call, guest,
			     freed->rebalance);
	} else {
		free(freed->rebalance);
		control_fail(freed->call, RPC_FAILED, 1, "the guest has ended");
	}
	free(freed);
}

/* Step one: an administrator's wish goes before follow mode's. */
static void stop_automatic(struct daemon *daemon, struct control_call *call,
			   struct job_entry *active, struct rebalance *r)
{
	struct freed *freed = xcalloc(1, sizeof(*freed));

	*freed = (struct freed) { .daemon = daemon,
				  .call = call,
				  .rebalance = r };
	job_entry_watch(active, on_freed, freed);
	job_entry_cancel(active, "an administrator's rebalance");
}

int answer_rebalance(void *arg, struct control_call *call,
		     struct json_object *params)
{
	struct daemon *daemon = arg;
	struct job_entry *active;
	struct rebalance *r;
	struct guest *guest;
	struct why why;

	guest = guest_of_call(daemon, call, params);
	if (!guest)
		return 0;
	r = xcalloc(1, sizeof(*r));
	/* what others did to its cpuset before is no news at the end */
	guest_refresh_cpuset(guest);
	daemon_sample(daemon, guest);
	r->order.trigger_ns = daemon->sys.ops->now_ns(daemon->sys.self);
	if (read_params(params, r, &why) < 0) {
		free(r);
		return control_fail(call, RPC_BAD_PARAMS, EXIT_USAGE, why.text);
	}
	if (r->is_rehome_said && guest->adopted) {
		refuse_with(call, daemon, guest, r,
			    "--rehome rewrites the cpusets that libvirt makes, "
			    "and an adopted guest has none");
		free(r);
		return 0;
	}
	active = jobs_find(daemon->jobs, guest->active_job);
	if (!active || !active->job || r->is_dry_run) {
		look_exactly(daemon, call, guest, r);
		return 0;
	}
	if (active->order.is_automatic) {
		stop_automatic(daemon, call, active, r);
		return 0;
	}
	why_set(&why,
		"job %llu is moving this guest already; wait for it, or "
		"\"vmnumactl cancel %llu\"",
		(unsigned long long)active->id, (unsigned long long)active->id);
	refuse_with(call, daemon, guest, r, why.text);
	free(r);
	return 0;
}
