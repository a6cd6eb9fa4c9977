/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Observe: the first third of a tick. Reads the host's free memory and where
 * every vCPU runs, and puts it all into one struct snapshot for policy/.
 */
#include <string.h>

#include "daemon.h"
#include "log.h"
#include "tell.h"
#include "xalloc.h"

/* CPUs and nodes come and go seldom: the whole topology is read so often. */
#define TOPOLOGY_EVERY_TICKS 30

/* Conflicts are looked for so often. */
#define CONFLICTS_EVERY_TICKS 10

static void observe_conflicts(struct daemon *daemon)
{
	struct host_conflicts conflicts;

	if (daemon->ticks % CONFLICTS_EVERY_TICKS != 0 ||
	    host_conflicts_read(&daemon->sys, daemon->topo.has_memory,
				&conflicts) < 0)
		return;
	tell_conflicts(daemon, &conflicts);
	daemon->conflicts = conflicts;
}

static void observe_host(struct daemon *daemon)
{
	struct topology topo;
	struct why why;

	if (daemon->ticks % TOPOLOGY_EVERY_TICKS != 0 &&
	    topology_refresh_memory(&daemon->sys, &daemon->topo) == 0)
		return;
	if (topology_read(&daemon->sys, &topo, &why) < 0)
		log_warning("host", "%s; going on with what was known",
			    why.text);
	else
		daemon->topo = topo;
}

static void fill_nodes(struct daemon *daemon, struct snapshot *s)
{
	const struct topology *topo = &daemon->topo;

	memset(s->nodes, 0, sizeof(s->nodes));
	node_each (node, topo->online) {
		struct snap_node *to = &s->nodes[node];

		to->is_online = true;
		to->has_cpu = node_mask_has(topo->has_cpu, node);
		to->has_memory = node_mask_has(topo->has_memory, node) &&
				 !node_mask_has(daemon->conflicts.closed, node);
		to->total_bytes = topo->node[node].total_bytes;
		to->free_bytes = topo->node[node].free_bytes;
		to->reserve_bytes = topo->node[node].high_bytes +
				    daemon->config.reserve_bytes;
		memcpy(to->distance, topo->distance[node],
		       sizeof(to->distance));
	}
}

/* What jobs at work will still bring to a node is not free any more. */
static void fill_promises(struct daemon *daemon, struct snapshot *s)
{
	for (struct job_entry *e = jobs_first(daemon->jobs); e; e = e->next) {
		uint64_t done_bytes;

		if (!e->job)
			continue;
		job_entry_refresh(e);
		done_bytes = e->receipt.moved_bytes;
		for (size_t i = 0; i < e->n_moves; i++) {
			const struct plan_move *move = &e->moves[i];
			uint64_t come_bytes = u64_min(move->bytes, done_bytes);

			done_bytes -= come_bytes;
			s->nodes[move->to].promised_bytes +=
				move->bytes - come_bytes;
		}
	}
}

static void fill_guests(struct daemon *daemon, struct snapshot *s)
{
	size_t n = 0;

	if (daemon->cap_guests < daemon->n_guests) {
		daemon->cap_guests = daemon->n_guests;
		daemon->snap_guests =
			xreallocarray(daemon->snap_guests, daemon->cap_guests,
				      sizeof(*daemon->snap_guests));
	}
	for (struct guest *g = daemon->guests; g; g = g->next)
		guest_snapshot(g, &daemon->snap_guests[n++]);
	s->guests = daemon->snap_guests;
	s->n_guests = n;
}

void daemon_sample(struct daemon *daemon, struct guest *guest)
{
	uint64_t changed_ns = guest->cpuset.changed_ns;

	if (guest_sample(guest, &daemon->topo) < 0)
		guest->wants_domain = true; /* it may have ended */
	if (guest->cpuset.changed_ns != changed_ns)
		tell_cpuset(daemon, guest);
}

void daemon_observe(struct daemon *daemon)
{
	struct snapshot *s = &daemon->snapshot;

	observe_host(daemon);
	observe_conflicts(daemon);
	for (struct guest *g = daemon->guests; g; g = g->next)
		daemon_sample(daemon, g);
	s->now_ns = daemon->sys.ops->now_ns(daemon->sys.self);
	s->rate_bytes_per_s = daemon->rate_bytes_per_s;
	fill_nodes(daemon, s);
	fill_promises(daemon, s);
	fill_guests(daemon, s);
}

int daemon_snapshot_index(const struct daemon *daemon,
			  const struct guest *guest)
{
	for (size_t i = 0; i < daemon->snapshot.n_guests; i++)
		if (daemon->snapshot.guests[i].memory == &guest->memory)
			return (int)i;
	return -1;
}
