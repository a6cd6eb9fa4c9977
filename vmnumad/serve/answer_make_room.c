/* SPDX-License-Identifier: Apache-2.0 */
/*
 * make-room: room on a node for a guest to come. policy/ says which bytes of
 * which guests have to go; each guest's moves become an ordinary job, and the
 * call is answered when the last one has ended.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>

#include "addr.h"
#include "core.h"
#include "host/list.h"
#include "host/node_text.h"
#include "policy/policy.h"
#include "serve/answer.h"
#include "serve/control.h"
#include "serve/json.h"
#include "serve/params.h"
#include "tell.h"
#include "xalloc.h"

#define EXIT_USAGE   2
#define EXIT_REFUSED 4

/* A wish on its way, and what has become of it. */
struct room_call {
	struct daemon *daemon; /* borrowed: outlives the jobs */
	struct control_call *call; /* to be answered; NULL: it went away */
	struct make_room want; /* what is asked for */
	uint64_t page_bytes; /* in the pool of such pages; 0: in no pool */
	bool is_dry_run; /* the plan is the answer */
	bool is_waiting; /* the answer comes at the end of the last job */
	bool is_hurried; /* as fast as it goes */
	struct json_object *answer; /* owned; what is known of it so far */
	size_t n_left; /* jobs that have not ended */
	size_t n_done; /* jobs that have ended as wished */
	size_t n_jobs; /* all that were wanted */
	uint64_t moved_bytes; /* by those that have ended */
};

static void room_free(struct room_call *r)
{
	json_object_put(r->answer);
	free(r);
}

static int read_params(struct json_object *params, struct room_call *r,
		       struct why *why)
{
	static const char *const known[] = { "node",    "bytes", "page_bytes",
					     "dry_run", "wait",  "hurry",
					     NULL };
	uint64_t node = 0;
	int err;

	r->is_waiting = true;
	err = params_check(params, known, why);
	if (!err)
		err = params_need_u64(params, "node", 0, NODES_MAX - 1, &node,
				      why);
	if (!err)
		err = params_need_u64(params, "bytes", 1, INT64_MAX,
				      &r->want.bytes, why);
	if (!err)
		err = params_u64(params, "page_bytes", PAGE_4K_BYTES, INT64_MAX,
				 &r->page_bytes, why);
	if (!err)
		err = params_bool(params, "dry_run", &r->is_dry_run, why);
	if (!err)
		err = params_bool(params, "wait", &r->is_waiting, why);
	if (!err)
		err = params_bool(params, "hurry", &r->is_hurried, why);
	r->want.node = (int)node;
	r->want.is_huge = r->page_bytes != 0;
	return err;
}

/* Planning ------------------------------------------------------------------ */

/* Free pages of 2 MiB that are promised to a mapping already; on which node is
 * open, so that they count on each. */
static uint64_t reserved_pages(const struct daemon *daemon)
{
	const struct sys *sys = &daemon->sys;
	uint64_t pages;
	char text[64];
	size_t len;

	if (sys->ops->read_file(sys->self,
				"/sys/kernel/mm/hugepages/hugepages-2048kB/"
				"resv_hugepages",
				text, sizeof(text), &len) < 0 ||
	    node_number_parse(text, &pages) < 0)
		return 0;
	return pages;
}

/* Free in the node's pool of 2 MiB pages for whoever comes. */
static uint64_t pool_free(const struct daemon *daemon, int node)
{
	uint64_t pages = daemon->topo.node[node].huge_2m.free;

	return (pages - u64_min(pages, reserved_pages(daemon))) * PAGE_2M_BYTES;
}

/* The plan is ended with daemon_free_plan(). As policy_make_room(). */
static int plan_room(struct daemon *daemon, struct make_room *want,
		     struct plan *ret_plan, uint64_t *ret_free_bytes)
{
	daemon_observe(daemon);
	want->grows_pools = daemon->config.grows_pools;
	node_each (node, daemon->topo.online)
		want->pool_bytes[node] = pool_free(daemon, node);
	return core_plan_room(daemon, want, ret_plan, ret_free_bytes);
}

static uint64_t planned_of(const struct plan *plan)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < plan->n_moves; i++)
		bytes += plan->moves[i].bytes;
	return bytes;
}

static const struct decision *decision_of(const struct plan *plan,
					  const struct plan_move *move)
{
	const struct decision *d = plan->decisions;

	/* each move comes from a decision */
	while (d->guest != move->guest || d->cell != move->cell)
		d++;
	return d;
}

static const char *effect_text(const struct snapshot *s,
			       const struct home *home,
			       const struct plan_move *move)
{
	int64_t farther = policy_farther(s, home, move->from, move->to);

	if (home->weight[move->from])
		return home->weight[move->to] ? "stays at home" : "leaves home";
	if (home->weight[move->to])
		return "comes home";
	if (farther == 0)
		return "stays as far from home";
	return farther > 0 ? "goes farther from home" : "comes nearer home";
}

static struct json_object *answer_room(const struct room_call *r,
				       const struct plan *plan,
				       uint64_t free_bytes)
{
	struct json_object *to = json_object_new_object();
	const struct snapshot *s = &r->daemon->snapshot;
	struct json_object *moves;
	double seconds = 0;

	json_add_int(to, "node", r->want.node);
	json_add_u64(to, "page_bytes", r->page_bytes);
	json_add_u64(to, "bytes_wanted", r->want.bytes);
	json_add_u64(to, "bytes_free_before", free_bytes);
	json_add_u64(to, "bytes_planned", planned_of(plan));
	moves = json_add_array(to, "moves");
	for (size_t i = 0; i < plan->n_moves; i++) {
		const struct plan_move *move = &plan->moves[i];
		const struct decision *d = decision_of(plan, move);
		struct json_object *element = json_append_object(moves);

		json_add_text(element, "guest", s->guests[move->guest].name);
		json_add_int(element, "cell", move->cell);
		json_add_int(element, "from", move->from);
		json_add_int(element, "to", move->to);
		json_add_u64(element, "bytes", move->bytes);
		json_add_text(element, "effect",
			      effect_text(s, &d->home, move));
	}
	for (size_t g = 0; g < s->n_guests; g++) {
		struct price price;

		policy_price(&r->daemon->config.policy, s, plan, g, &price);
		seconds += price.seconds;
	}
	json_add_double(to, "expected_seconds", seconds);
	return to;
}

/* Refusing ------------------------------------------------------------------ */

/* Why bytes of a cell stay where they are. */
static const char *why_stays(const struct room_call *r,
			     const struct decision *d)
{
	switch (d->reason) {
	case REASON_GATE:
		return gate_text(d->gate);
	case REASON_REQUEST:
		return "no other node that it may use has room for it";
	case REASON_NONE:
		return r->want.is_huge
			       ? "it does not lie in a pool's pages of 2 MiB"
			       : "it lies in a pool of huge pages";
	default:
		return reason_text(d->reason);
	}
}

/* The cell that most is left of; NULL: nothing is left. */
static const struct decision *most_left(const struct plan *plan)
{
	const struct decision *most = NULL;
	uint64_t most_bytes = MIB - 1;

	for (size_t i = 0; i < plan->n_decisions; i++) {
		const struct decision *d = &plan->decisions[i];
		uint64_t left_bytes = d->resident_bytes - d->planned_bytes;

		if (left_bytes <= most_bytes)
			continue;
		most = d;
		most_bytes = left_bytes;
	}
	return most;
}

static int refuse(const struct room_call *r, const struct plan *plan,
		  uint64_t free_bytes)
{
	const struct decision *d = most_left(plan);
	uint64_t planned_bytes = planned_of(plan);
	struct why left = { "" }, why;

	if (d)
		why_set(&left, "; %llu MiB of %.60s stay: %s",
			(unsigned long long)((d->resident_bytes -
					      d->planned_bytes) /
					     MIB),
			r->daemon->snapshot.guests[d->guest].name,
			why_stays(r, d));
	why_set(&why,
		"node %d can have %llu MiB free%s at most: %llu MiB are, and "
		"%llu MiB could be moved%s",
		r->want.node,
		(unsigned long long)((free_bytes + planned_bytes) / MIB),
		r->want.is_huge ? " in its pool of 2 MiB pages" : "",
		(unsigned long long)(free_bytes / MIB),
		(unsigned long long)(planned_bytes / MIB), left.text);
	if (!r->is_dry_run)
		tell_refused(r->daemon, NULL, "room on a node", why.text);
	return control_fail(r->call, RPC_REFUSED, EXIT_REFUSED, why.text);
}

static int refuse_pages(const struct room_call *r)
{
	struct why why;

	why_set(&why,
		"room in a pool can be made with pages of 2 MiB only, not with "
		"pages of %llu KiB",
		(unsigned long long)(r->page_bytes / KIB));
	return control_fail(r->call, RPC_REFUSED, EXIT_REFUSED, why.text);
}

static int refuse_node(const struct room_call *r)
{
	char nodes[LIST_NODES_TEXT];
	struct why why;

	why_set(&why,
		"node %d is offline or has no memory; this host's nodes with "
		"memory are %s",
		r->want.node,
		list_format_nodes(r->daemon->topo.has_memory, nodes,
				  sizeof(nodes)));
	return control_fail(r->call, RPC_BAD_PARAMS, EXIT_USAGE, why.text);
}

/* Going --------------------------------------------------------------------- */

/* Free on the node now, beside the reserve; with --hugepages in the pool. */
static uint64_t free_now(const struct room_call *r)
{
	struct daemon *daemon = r->daemon;
	const struct topo_node *node = &daemon->topo.node[r->want.node];
	uint64_t reserve_bytes =
		node->high_bytes + daemon->config.reserve_bytes;

	topology_refresh_memory(&daemon->sys, &daemon->topo);
	if (r->want.is_huge)
		return pool_free(daemon, r->want.node);
	return node->free_bytes > reserve_bytes
		       ? node->free_bytes - reserve_bytes
		       : 0;
}

/* Takes r over. */
static void finish(struct room_call *r, const char *result)
{
	json_add_text(r->answer, "result", result);
	json_add_u64(r->answer, "bytes_moved", r->moved_bytes);
	json_add_u64(r->answer, "bytes_free", free_now(r));
	if (r->call)
		control_reply(r->call, json_object_get(r->answer));
	room_free(r);
}

/* Pages of a pool are counted exactly; other memory comes and goes all the
 * time, and what was planned is what can be promised. */
static void finish_jobs(struct room_call *r)
{
	bool has_room = !r->want.is_huge || free_now(r) >= r->want.bytes;

	if (r->n_done == r->n_jobs && has_room)
		finish(r, "done");
	else
		finish(r, r->moved_bytes > 0 ? "partial" : "failed");
}

static void add_job(struct room_call *r, const struct job_entry *entry)
{
	struct json_object *jobs;

	if (json_object_object_get_ex(r->answer, "jobs", &jobs))
		json_object_array_add(jobs, answer_job(entry));
}

static void on_job_end(void *arg, struct job_entry *entry)
{
	struct room_call *r = arg;

	add_job(r, entry);
	r->moved_bytes += entry->receipt.moved_bytes;
	if (entry->receipt.result == JOB_DONE)
		r->n_done++;
	if (--r->n_left == 0)
		finish_jobs(r);
}

/* The jobs go on without it. */
static void on_gone(void *arg)
{
	struct room_call *r = arg;

	control_reply(r->call, NULL);
	r->call = NULL;
}

/* Takes r over. */
static void go(struct room_call *r, const struct plan *plan)
{
	struct daemon *daemon = r->daemon;
	struct job_order order = {
		.is_hurried = r->is_hurried,
		.is_part = true,
		.page_bytes = r->page_bytes,
		.trigger_ns = daemon->snapshot.now_ns,
	};

	json_add_array(r->answer, "jobs");
	for (struct guest *g = daemon->guests; g; g = g->next) {
		struct job_entry *entry;
		size_t index;

		index = (size_t)daemon_snapshot_index(daemon, g);
		if (!core_has_moves(plan, index))
			continue;
		r->n_jobs++;
		entry = daemon_start_job(daemon, g, plan, &order, NULL);
		if (!entry)
			continue; /* it has ended, and its memory is free */
		if (!r->is_waiting) {
			add_job(r, entry);
			continue;
		}
		job_entry_watch(entry, on_job_end, r);
		r->n_left++;
	}
	if (!r->is_waiting)
		finish(r, "running");
	else if (r->n_left == 0)
		finish_jobs(r);
	else
		control_on_gone(r->call, on_gone, r);
}

int answer_make_room(void *arg, struct control_call *call,
		     struct json_object *params)
{
	struct room_call *r = xcalloc(1, sizeof(*r));
	uint64_t free_bytes;
	struct plan plan;
	struct why why;
	int err;

	r->daemon = arg;
	r->call = call;
	if (read_params(params, r, &why) < 0) {
		room_free(r);
		return control_fail(call, RPC_BAD_PARAMS, EXIT_USAGE, why.text);
	}
	if (r->want.is_huge && r->page_bytes != PAGE_2M_BYTES) {
		refuse_pages(r);
		room_free(r);
		return 0;
	}
	err = plan_room(r->daemon, &r->want, &plan, &free_bytes);
	r->answer = answer_room(r, &plan, free_bytes);
	if (err == 0 && r->is_dry_run) {
		finish(r, "dry-run");
	} else if (err == 0) {
		go(r, &plan);
	} else {
		if (err == -EINVAL)
			refuse_node(r);
		else
			refuse(r, &plan, free_bytes);
		room_free(r);
	}
	daemon_free_plan(&plan);
	return 0;
}
