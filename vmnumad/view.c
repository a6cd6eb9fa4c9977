/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of host and guests, as one struct snapshot for policy/; and the
 * list of the guests. Part of the core (core.h): what is known was read by
 * observe.c.
 */
#include <string.h>

#include "core.h"
#include "log.h"
#include "tell.h"
#include "xalloc.h"

/* Guests -------------------------------------------------------------------- */

struct guest *daemon_find_guest(struct daemon *daemon, const char *name)
{
	struct guest *by_name = NULL;

	for (struct guest *g = daemon->guests; g; g = g->next) {
		if (strcmp(g->uuid.text, name) == 0)
			return g;
		if (strcmp(g->name, name) == 0)
			by_name = g;
	}
	return by_name;
}

void core_forget_guest(struct daemon *daemon, struct guest *guest)
{
	struct guest **link = &daemon->guests;
	struct job_entry *entry = jobs_find(daemon->jobs, guest->active_job);

	while (*link != guest)
		link = &(*link)->next;
	*link = guest->next;
	daemon->n_guests--;
	/* the job finds its process dead by itself; do not let it wait */
	if (entry)
		job_entry_wake(entry);
	log_info("virt", "guest %s: gone", guest->name);
	if (guest->has_domain && !guest->adopted)
		tell_guest(daemon, guest, false);
	daemon->snapshot.n_guests = 0; /* it pointed into the guest */
}

/* The snapshot -------------------------------------------------------------- */

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

void core_view(struct daemon *daemon)
{
	struct snapshot *s = &daemon->snapshot;

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
