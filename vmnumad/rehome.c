/* SPDX-License-Identifier: Apache-2.0 */
/* Widen, move, narrow; see rehome.h. */
#include "rehome.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon.h"
#include "guest/cpuset.h"
#include "log.h"
#include "task.h"
#include "xalloc.h"

/* A rewriting of cpusets, on its way. */
struct rewriting {
	struct sys sys; /* borrowed door */
	struct identity identity; /* whose cpusets; owned copy */
	struct node_mask nodes; /* to be added or removed */
	bool is_widening; /* added */
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

	r->fn(r->arg, r->err, &r->why);
	identity_close(&r->sys, &r->identity);
	free(r);
}

static void submit(struct daemon *daemon, const struct guest *guest,
		   struct rewriting *r)
{
	if (!guest ||
	    identity_dup(&daemon->sys, &guest->identity, &r->identity) < 0) {
		r->err = -ESRCH;
		why_set(&r->why, "the guest has ended");
		on_done(r);
		return;
	}
	if (task_submit(daemon->look_pool, run, on_done, r) == 0)
		return;
	r->err = -EAGAIN;
	why_set(&r->why, "too much is being done at once");
	on_done(r);
}

void rehome_widen(struct daemon *daemon, const struct guest *guest,
		  struct node_mask nodes, rehome_fn *fn, void *arg)
{
	struct rewriting *r = xcalloc(1, sizeof(*r));

	*r = (struct rewriting) {
		.sys = daemon->sys,
		.identity.pidfd = -1,
		.nodes = nodes,
		.is_widening = true,
		.fn = fn,
		.arg = arg,
	};
	log_info("mover", "guest %s: widening its cpuset for re-homing",
		 guest->name);
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

void rehome_narrow(struct daemon *daemon, const struct job_entry *entry,
		   rehome_fn *fn, void *arg)
{
	struct guest *guest = daemon_find_guest(daemon, entry->uuid.text);
	struct rewriting *r = xcalloc(1, sizeof(*r));
	struct node_mask from = { 0 }, kept = { 0 };

	for (size_t i = 0; i < entry->n_moves; i++)
		node_mask_add(&from, entry->moves[i].from);
	/* a node that any cell still uses stays */
	for (size_t c = 0; guest && c < guest->n_cells; c++)
		node_each (node, from)
			if (guest->cells[c].node_bytes[node] >= MIB)
				node_mask_add(&kept, node);
	*r = (struct rewriting) {
		.sys = daemon->sys,
		.identity.pidfd = -1,
		.nodes = { from.bits & ~kept.bits },
		.fn = fn,
		.arg = arg,
	};
	log_info("mover", "guest %s: narrowing its cpuset to its new home",
		 entry->guest_name);
	submit(daemon, guest, r);
}
