/* SPDX-License-Identifier: Apache-2.0 */
/* Widen, move, narrow; see rehome.h. */
#include "rehome.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon.h"
#include "guest/cpuset.h"
#include "guest/virt.h"
#include "host/list.h"
#include "log.h"
#include "options.h"
#include "task.h"
#include "tell.h"
#include "xalloc.h"

/* What is needed ------------------------------------------------------------ */

static const struct snap_cell *cell_of(const struct guest *guest, int id)
{
	for (size_t c = 0; c < guest->n_cells; c++)
		if (guest->cells[c].id == id)
			return &guest->cells[c];
	return NULL;
}

struct node_mask rehome_closed(const struct guest *guest,
			       const struct plan *plan)
{
	struct node_mask to = { 0 };

	for (size_t i = 0; i < plan->n_moves; i++)
		node_mask_add(&to, plan->moves[i].to);
	to.bits &= ~guest->mems_allowed.bits;
	return to;
}

bool rehome_is_needed(const struct guest *guest, const struct plan *plan)
{
	if (!node_mask_is_empty(rehome_closed(guest, plan)))
		return true;
	for (size_t i = 0; i < plan->n_moves; i++) {
		const struct snap_cell *cell =
			cell_of(guest, plan->moves[i].cell);

		if (cell && cell->bound.bits &&
		    !node_mask_has(cell->bound, plan->moves[i].to))
			return true;
	}
	return false;
}

/* What stays ---------------------------------------------------------------- */

/* Where the order wants the cell; empty: where its vCPUs are. A cell that the
 * order leaves out is wanted where it is bound to. */
static struct node_mask wanted_of(const struct job_order *order,
				  const struct snap_cell *cell)
{
	for (size_t i = 0; i < order->n_cells; i++)
		if (order->cells[i].cell == cell->id)
			return order->cells[i].to;
	if (order->to.bits || order->n_cells == 0)
		return order->to;
	return cell->bound;
}

/* Nodes with memory of a cell; a last crumb the kernel moves by itself. */
static struct node_mask nodes_of(const struct snap_cell *cell)
{
	struct node_mask nodes = { 0 };

	for (int node = 0; node < NODES_MAX; node++)
		if (cell->node_bytes[node] >= MIB)
			node_mask_add(&nodes, node);
	return nodes;
}

/* What the plan makes of nodes_of(). */
static struct node_mask nodes_after(const struct snap_cell *cell,
				    const struct plan *plan)
{
	struct snap_cell after = *cell;

	for (size_t i = 0; i < plan->n_moves; i++) {
		const struct plan_move *move = &plan->moves[i];

		if (move->cell != cell->id)
			continue;
		after.node_bytes[move->from] -=
			u64_min(move->bytes, after.node_bytes[move->from]);
		after.node_bytes[move->to] += move->bytes;
	}
	return nodes_of(&after);
}

/* The nodes that the guest needs: with plan, once that is carried out. */
static struct node_mask nodes_kept(const struct guest *guest,
				   const struct job_order *order,
				   const struct plan *plan)
{
	struct node_mask keep = { 0 };

	for (size_t c = 0; c < guest->n_cells; c++) {
		const struct snap_cell *cell = &guest->cells[c];

		keep.bits |= wanted_of(order, cell).bits;
		keep.bits |= plan ? nodes_after(cell, plan).bits
				  : nodes_of(cell).bits;
	}
	return keep;
}

/* What becomes of bound when the kernel maps from onto to by position; see
 * mpol_rebind_nodemask() in mm/mempolicy.c (Linux 6.1 and 6.12). */
static struct node_mask remap(struct node_mask bound, struct node_mask from,
			      struct node_mask to)
{
	struct node_mask ret = { 0 };
	int target = node_mask_first(to);

	node_each (node, from) {
		if (node_mask_has(bound, node))
			node_mask_add(&ret, target);
		target = node_mask_next(to, target);
		if (target == NODE_NONE)
			target = node_mask_first(to);
	}
	return ret;
}

int rehome_check(const struct guest *guest, const struct job_order *order,
		 const struct plan *plan, struct why *why)
{
	struct node_mask old = guest->mems_allowed, wide, kept;
	char nodes[LIST_NODES_TEXT];

	wide.bits = old.bits | rehome_closed(guest, plan).bits;
	kept.bits = wide.bits & nodes_kept(guest, order, plan).bits;
	for (size_t c = 0; c < guest->n_cells && kept.bits; c++) {
		const struct snap_cell *cell = &guest->cells[c];
		struct node_mask home = nodes_after(cell, plan), bound;

		bound = remap(remap(cell->bound, old, wide), wide, kept);
		home.bits |= wanted_of(order, cell).bits;
		if (!bound.bits || !home.bits || bound.bits & home.bits)
			continue;
		why_set(why,
			"numatune strict is rebound node by node in their "
			"order, which would bind cell %d to %s; choose nodes "
			"for its cells in the order of those they have now",
			cell->id,
			list_format_nodes(bound, nodes, sizeof(nodes)));
		return -EINVAL;
	}
	return 0;
}

/* Rewriting ----------------------------------------------------------------- */

/* A rewriting of cpusets, on its way. */
struct rewriting {
	struct daemon *daemon; /* borrowed: outlives the loop */
	struct uuid uuid; /* the guest's */
	struct sys sys; /* borrowed door */
	struct identity identity; /* whose cpusets; owned copy */
	struct node_mask nodes; /* to be added or removed */
	bool is_widening; /* added */
	bool is_theirs; /* others have had their say: nothing is written */
	int err; /* what came of it */
	struct why why; /* sentence for err */
	rehome_fn *fn; /* what to do then */
	void *arg; /* with what */
};

static void run(void *arg)
{
	struct rewriting *r = arg;

	if (r->is_widening)
		r->err = cpuset_widen(&r->sys, &r->identity, r->nodes, &r->why);
	else
		r->err =
			cpuset_narrow(&r->sys, &r->identity, r->nodes, &r->why);
}

static void on_done(void *arg)
{
	struct rewriting *r = arg;
	struct guest *guest = daemon_find_guest(r->daemon, r->uuid.text);
	struct why why = r->why;

	if (r->err < 0 && !r->is_widening && !r->is_theirs)
		why_set(&r->why, "its cpuset stays wide: %.200s", why.text);
	if (guest) {
		cpuset_watch_end(&guest->cpuset, r->err < 0);
		guest_refresh_cpuset(guest);
	}
	r->fn(r->arg, r->err, &r->why);
	identity_close(&r->sys, &r->identity);
	free(r);
}

/* virt_tuned_fn */
static void on_tuned(void *arg, int err, const struct why *why)
{
	struct rewriting *r = arg;

	r->err = err;
	r->why = *why;
	on_done(r);
}

static void give_up(struct rewriting *r, int err, const char *why)
{
	r->err = err;
	why_set(&r->why, "%s", why);
	on_done(r);
}

/* One nodeset for all that the guest has; libvirt would give it to each cell's
 * vCPUs, so cells with a word of their own are not for it. */
static bool is_for_libvirt(const struct guest *guest)
{
	if (!guest->has_domain ||
	    guest->domain.tune.mode != DOMAIN_TUNE_RESTRICTIVE)
		return false;
	for (size_t c = 0; c < guest->domain.n_cells; c++)
		if (guest->domain.cells[c].tune.mode != DOMAIN_TUNE_NONE)
			return false;
	return true;
}

static void submit(struct daemon *daemon, const struct guest *guest,
		   struct rewriting *r)
{
	if (identity_dup(&daemon->sys, &guest->identity, &r->identity) < 0)
		give_up(r, -ESRCH, "the guest has ended");
	else if (task_submit(daemon->look_pool, run, on_done, r) < 0)
		give_up(r, -EAGAIN, "too much is being done at once");
}

/* nodes: all that it may use afterwards. */
static void ask_libvirt(struct daemon *daemon, const struct guest *guest,
			struct node_mask nodes, struct rewriting *r)
{
	int err = 0;

	if (daemon->options->is_dry_run)
		on_done(r);
	else
		err = virt_set_nodes(daemon->virt, &guest->uuid, nodes,
				     on_tuned, r);
	if (err < 0)
		give_up(r, err,
			err == -EPERM ? "the connection to libvirt is read-only"
				      : "libvirt cannot be asked now");
}

static struct rewriting *begin(struct daemon *daemon, const struct guest *guest,
			       rehome_fn *fn, void *arg)
{
	struct rewriting *r = xcalloc(1, sizeof(*r));

	*r = (struct rewriting) {
		.daemon = daemon,
		.sys = daemon->sys,
		.identity.pidfd = -1,
		.fn = fn,
		.arg = arg,
	};
	if (guest)
		r->uuid = guest->uuid;
	return r;
}

/* What is about to be written is our word. */
static void announce(struct guest *guest, const struct rewriting *r)
{
	struct node_mask none = { 0 }, ours = guest->mems_allowed;

	if (guest->sampler)
		ours = sampler_mems_after(guest->sampler,
					  r->is_widening ? r->nodes : none,
					  r->is_widening ? none : r->nodes);
	cpuset_watch_begin(&guest->cpuset, ours);
}

void rehome_widen(struct daemon *daemon, struct guest *guest,
		  struct node_mask nodes, rehome_fn *fn, void *arg)
{
	struct rewriting *r = begin(daemon, guest, fn, arg);

	r->nodes = nodes;
	r->is_widening = true;
	log_info("mover", "guest %s: widening its cpuset for re-homing%s",
		 guest->name, is_for_libvirt(guest) ? ", by libvirt" : "");
	announce(guest, r);
	nodes.bits |= guest->mems_allowed.bits;
	if (is_for_libvirt(guest))
		ask_libvirt(daemon, guest, nodes, r);
	else
		submit(daemon, guest, r);
}

bool rehome_is_due(const struct job_entry *entry)
{
	const struct receipt *r = &entry->receipt;

	if (!entry->order.is_rehome)
		return false;
	return r->result == JOB_DONE ||
	       (r->result == JOB_PARTIAL &&
		r->residue_bytes[RESIDUE_NOMEM] == 0 &&
		r->residue_bytes[RESIDUE_CPUSET] == 0 &&
		r->residue_bytes[RESIDUE_UNTRIED] == 0 &&
		r->residue_bytes[RESIDUE_DENIED] == 0);
}

bool rehome_is_theirs(struct daemon *daemon, struct guest *guest,
		      const struct job_order *order)
{
	guest_refresh_cpuset(guest);
	daemon_sample(daemon, guest);
	if (guest->cpuset.changed_ns <= order->trigger_ns)
		return false;
	guest->mend_ns =
		guest->cpuset.changed_ns + daemon->config.policy.settle_ns;
	return true;
}

void rehome_narrow(struct daemon *daemon, struct guest *guest,
		   const struct job_order *order, rehome_fn *fn, void *arg)
{
	struct rewriting *r = begin(daemon, guest, fn, arg);
	char text[LIST_NODES_TEXT];
	struct node_mask keep;

	if (!guest) {
		give_up(r, -ESRCH, "the guest has ended");
		return;
	}
	keep = nodes_kept(guest, order, NULL);
	if (rehome_is_theirs(daemon, guest, order)) {
		r->is_theirs = true;
		if (!(guest->mems_allowed.bits & ~keep.bits))
			on_done(r); /* as we would have it */
		else
			give_up(r, -EBUSY,
				"others have changed its cpuset meanwhile, and it "
				"stays as they wanted it");
		return;
	}
	r->nodes.bits = ~keep.bits;
	keep.bits &= daemon->topo.has_memory.bits;
	log_info("mover", "guest %s: narrowing its cpuset to its new home, %s",
		 guest->name, list_format_nodes(keep, text, sizeof(text)));
	announce(guest, r);
	if (is_for_libvirt(guest))
		ask_libvirt(daemon, guest, keep, r);
	else
		submit(daemon, guest, r);
}

/* Mending ------------------------------------------------------------------- */

/* A cpuset that is to have some more nodes. */
struct mending {
	struct daemon *daemon; /* borrowed: outlives the loop */
	struct uuid uuid; /* the guest's */
	struct node_mask nodes; /* those */
};

static void on_mended(void *arg, int err, const struct why *why)
{
	struct mending *mending = arg;
	struct guest *guest =
		daemon_find_guest(mending->daemon, mending->uuid.text);

	if (guest)
		tell_mended(mending->daemon, guest, mending->nodes, err, why);
	free(mending);
}

static void mend(struct daemon *daemon, struct guest *guest)
{
	struct mending *mending;
	struct node_mask lacks = { 0 };

	for (size_t c = 0; c < guest->n_cells; c++)
		lacks.bits |= nodes_of(&guest->cells[c]).bits;
	lacks.bits &= ~guest->mems_allowed.bits;
	guest->mend_ns = 0;
	if (node_mask_is_empty(lacks))
		return;
	mending = xcalloc(1, sizeof(*mending));
	*mending = (struct mending) { .daemon = daemon,
				      .uuid = guest->uuid,
				      .nodes = lacks };
	rehome_widen(daemon, guest, lacks, on_mended, mending);
}

void rehome_mend(struct daemon *daemon)
{
	for (struct guest *g = daemon->guests; g; g = g->next) {
		if (!g->mend_ns || g->active_job ||
		    daemon->snapshot.now_ns < g->mend_ns)
			continue;
		if (g->measured_ns < g->mend_ns + g->measure_took_ns)
			g->wants_measure = true; /* the kernel may have moved */
		else
			mend(daemon, g);
	}
}
