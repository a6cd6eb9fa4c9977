/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The properties that hold in every scenario at every second. Called by host.c
 * and paper.c when jobs begin and move; scenarios say here what they expected in
 * vain.
 */
#include <stdarg.h>
#include <string.h>

#include "sim.h"

/* A plan that has moved nothing is not made again before this. */
#define AGAIN_S 60

/* So long may it take until the vCPUs' habits show where they are now. */
#define HABIT_S 10

/* While one of these is closed, a job waits. */
#define LIBVIRT_GATES (GATE_MIGRATING | GATE_JOB)

void check_failed(struct sim *sim, size_t guest, const char *format, ...)
{
	va_list args;

	sim->is_failed = true;
	fprintf(stderr, "%s: second %llu: guest %zu: ", sim->name,
		(unsigned long long)sim->lived_s, guest);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

/* True when each vCPU of the cell is bound to the node. */
static bool is_bound(const struct snap_guest *view, int cell, int node)
{
	size_t n = 0;

	for (size_t v = 0; v < view->n_vcpus; v++) {
		if (view->vcpus[v].cell != cell)
			continue;
		if (view->vcpus[v].allowed.bits != node_mask_of(node).bits)
			return false;
		n++;
	}
	return n > 0;
}

static void check_move(struct sim *sim, size_t guest, const struct plan_move *m)
{
	const struct decision *d = world_decision(sim->w, guest, m->cell);
	const struct sim_guest *g = &sim->guests[guest];

	if (is_bound(&sim->w->views[guest], m->cell, m->from) &&
	    sim->w->s.nodes[m->from].has_memory)
		check_failed(sim, guest, "moved from node %d of its vCPUs",
			     m->from);
	if (!d->with_shares && d->home.weight[m->from])
		check_failed(sim, guest, "moved from home node %d", m->from);
	if (g->seen_events != g->events)
		return;
	for (size_t i = 0; i < g->n_moves; i++)
		if (g->moves[i].cell == m->cell && g->moves[i].to == m->from &&
		    g->moves[i].from == m->to)
			check_failed(sim, guest,
				     "swings between nodes %d and %d", m->from,
				     m->to);
}

static bool is_same_state(const struct sim_guest *g,
			  const struct snap_guest *view)
{
	for (size_t c = 0; c < view->n_cells; c++)
		if (memcmp(g->state[c], view->cells[c].node_bytes,
			   sizeof(g->state[c])) != 0)
			return false;
	return true;
}

/* Some cell is in the last job and in this one. */
static bool is_same_cell(const struct sim_guest *g,
			 const struct job_entry *entry)
{
	for (size_t i = 0; i < entry->n_moves; i++)
		for (size_t k = 0; k < g->n_moves; k++)
			if (g->moves[k].cell == entry->moves[i].cell)
				return true;
	return false;
}

static void check_automatic(struct sim *sim, size_t guest,
			    const struct job_entry *entry)
{
	struct sim_guest *g = &sim->guests[guest];
	const struct snap_guest *view = &sim->w->views[guest];

	for (size_t i = 0; i < entry->n_moves; i++)
		check_move(sim, guest, &entry->moves[i]);
	if (view->gates)
		check_failed(sim, guest, "planned though a gate is closed");
	if (view->mode == MODE_OBSERVE || view->mode == MODE_OFF)
		check_failed(sim, guest, "planned against its mode");
	if (is_same_cell(g, entry) && g->seen_events == g->events &&
	    sim->lived_s - g->job_end_s < AGAIN_S && is_same_state(g, view))
		check_failed(sim, guest, "planned twice for the same state");
	for (size_t c = 0; c < view->n_cells; c++)
		memcpy(g->state[c], view->cells[c].node_bytes,
		       sizeof(g->state[c]));
	if (entry->moves[0].reason == REASON_AFFINITY ||
	    sim->lived_s - g->event_s >= HABIT_S)
		g->seen_events = g->events;
}

void check_start(struct sim *sim, size_t guest, const struct job_entry *entry)
{
	struct sim_guest *g = &sim->guests[guest];

	if (entry->order.is_automatic)
		check_automatic(sim, guest, entry);
	g->n_moves = 0;
	for (size_t i = 0; i < entry->n_moves && i < SIM_MOVES_MAX; i++)
		g->moves[g->n_moves++] = entry->moves[i];
}

static void hour_add(const struct sim *sim, struct sim_hour *hour,
		     uint64_t bytes)
{
	hour->second_bytes[sim->lived_s % SIM_HOUR_S] += bytes;
	hour->sum_bytes += bytes;
}

void check_moved(struct sim *sim, size_t guest, int to, uint64_t bytes,
		 bool is_ordered)
{
	struct sim_guest *g = &sim->guests[guest];
	const struct snap_node *node = &sim->w->s.nodes[to];
	uint64_t ram_bytes = sim->w->views[guest].ram_bytes;
	uint64_t host_bytes = sim->daemon.config.policy.host_bytes_per_hour;

	g->moved_bytes += bytes;
	if (bytes && node->free_bytes < node->reserve_bytes)
		check_failed(sim, guest, "reserve of node %d is broken", to);
	if (bytes && (sim->w->views[guest].gates & LIBVIRT_GATES) &&
	    sim->lived_s > g->busy_s + 1)
		check_failed(sim, guest, "moved while libvirt works on it");
	if (is_ordered)
		return;
	hour_add(sim, &g->hour, bytes);
	hour_add(sim, &sim->hour, bytes);
	if (bytes && g->hour.sum_bytes > sim->ram_per_hour * ram_bytes)
		check_failed(sim, guest, "%llu MiB moved within an hour",
			     (unsigned long long)(g->hour.sum_bytes / MIB));
	if (host_bytes && sim->hour.sum_bytes > host_bytes)
		check_failed(sim, guest, "all guests: %llu MiB within an hour",
			     (unsigned long long)(sim->hour.sum_bytes / MIB));
}

static void hour_forget(const struct sim *sim, struct sim_hour *hour)
{
	uint64_t *bytes = &hour->second_bytes[sim->lived_s % SIM_HOUR_S];

	hour->sum_bytes -= *bytes;
	*bytes = 0;
}

/* Before anything moves in it. */
void check_second(struct sim *sim)
{
	hour_forget(sim, &sim->hour);
	for (size_t i = 0; i < sim->w->s.n_guests; i++)
		hour_forget(sim, &sim->guests[i].hour);
}
