/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The properties that hold in every scenario at every second. Called by
 * host.c when jobs begin and end; script.c says here what it expected in vain.
 */
#include <stdarg.h>
#include <string.h>

#include "sim.h"

void check_failed(struct sim *sim, size_t guest, const char *format, ...)
{
	va_list args;

	sim->is_failed = true;
	fprintf(stderr, "%s: second %llu: guest %zu: ", sim->name,
		(unsigned long long)((sim->w->s.now_ns - sim->begin_ns) / SEC),
		guest);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

static void check_home(struct sim *sim, size_t guest)
{
	const struct sim_guest *g = &sim->guests[guest];

	for (size_t i = 0; i < g->n_moves; i++) {
		const struct decision *d =
			world_decision(sim->w, guest, g->moves[i].cell);

		if (!d->with_shares && d->home.weight[g->moves[i].from])
			check_failed(sim, guest, "moved from home node %d",
				     g->moves[i].from);
	}
}

void check_start(struct sim *sim, size_t guest)
{
	struct sim_guest *g = &sim->guests[guest];
	const struct snap_guest *view = &sim->w->views[guest];
	bool is_same = g->has_state && g->seen_events == g->events;

	check_home(sim, guest);
	if (view->gates)
		check_failed(sim, guest, "planned though a gate is closed");
	if (view->mode == MODE_OBSERVE || view->mode == MODE_OFF)
		check_failed(sim, guest, "planned against its mode");
	for (size_t c = 0; c < view->n_cells; c++) {
		is_same = is_same &&
			  !memcmp(g->state[c], view->cells[c].node_bytes,
				  sizeof(g->state[c]));
		memcpy(g->state[c], view->cells[c].node_bytes,
		       sizeof(g->state[c]));
	}
	if (is_same)
		check_failed(sim, guest, "planned twice for the same state");
	g->has_state = true;
	g->seen_events = g->events;
}

void check_moved(struct sim *sim, size_t guest, uint64_t bytes)
{
	struct sim_guest *g = &sim->guests[guest];
	uint64_t limit_bytes =
		sim->ram_per_hour * sim->w->views[guest].ram_bytes;

	g->second_bytes[sim->w->s.now_ns / SEC % SIM_HOUR_S] += bytes;
	g->hour_bytes += bytes;
	g->moved_bytes += bytes;
	if (g->hour_bytes > limit_bytes)
		check_failed(sim, guest, "%llu MiB moved within an hour",
			     (unsigned long long)(g->hour_bytes / MIB));
	for (size_t i = 0; i < g->n_moves; i++) {
		const struct snap_node *n = &sim->w->s.nodes[g->moves[i].to];

		if (n->free_bytes < n->reserve_bytes)
			check_failed(sim, guest, "reserve of node %d is broken",
				     g->moves[i].to);
	}
}

void check_second(struct sim *sim)
{
	for (size_t i = 0; i < sim->w->s.n_guests; i++) {
		struct sim_guest *g = &sim->guests[i];
		size_t slot = sim->w->s.now_ns / SEC % SIM_HOUR_S;

		g->hour_bytes -= g->second_bytes[slot];
		g->second_bytes[slot] = 0;
	}
}
