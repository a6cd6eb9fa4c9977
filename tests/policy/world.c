/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small host on paper for the policy tests: see world.h. Out of memory ends
 * the test.
 */
#include "world.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *must_calloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size);

	assert(p);
	return p;
}

static void guest_create(struct world *w, size_t g, size_t n_cells,
			 size_t n_vcpus)
{
	struct world_guest *guest = &w->guests[g];
	struct snap_guest *view = &w->views[g];

	guest->vcpus = must_calloc(n_vcpus, sizeof(*guest->vcpus));
	guest->busy = must_calloc(n_vcpus, sizeof(*guest->busy));
	guest->cells = must_calloc(n_cells, sizeof(*guest->cells));
	guest->storage = must_calloc(n_vcpus, sizeof(*guest->storage));
	policy_guest_init(&guest->memory, guest->storage, n_vcpus);
	for (size_t v = 0; v < n_vcpus; v++) {
		guest->vcpus[v].id = (int)v;
		guest->vcpus[v].cell = (int)(v * n_cells / n_vcpus);
		guest->busy[v] = 1000;
	}
	for (size_t c = 0; c < n_cells; c++) {
		guest->cells[c].id = (int)c;
		guest->cells[c].is_measured = true;
	}
	*view = (struct snap_guest) {
		.name = "guest",
		.vcpus = guest->vcpus,
		.n_vcpus = n_vcpus,
		.cells = guest->cells,
		.n_cells = n_cells,
		.memory = &guest->memory,
	};
}

struct world *world_create(int n_nodes, uint64_t total_bytes, size_t n_guests,
			   size_t n_cells, size_t n_vcpus)
{
	struct world *w = must_calloc(1, sizeof(*w));
	size_t cells = n_guests * n_cells;

	w->cfg = policy_config_default();
	w->views = must_calloc(n_guests, sizeof(*w->views));
	w->guests = must_calloc(n_guests, sizeof(*w->guests));
	w->s.now_ns = 1000 * SEC;
	w->s.guests = w->views;
	w->s.n_guests = n_guests;
	for (int n = 0; n < n_nodes; n++) {
		w->s.nodes[n].is_online = true;
		w->s.nodes[n].has_cpu = true;
		w->s.nodes[n].has_memory = true;
		w->s.nodes[n].total_bytes = total_bytes;
		w->s.nodes[n].free_bytes = total_bytes;
		w->s.nodes[n].reserve_bytes = 256 * MIB;
		for (int m = 0; m < n_nodes; m++)
			w->s.nodes[n].distance[m] = m == n ? 10 : 20;
	}
	for (size_t g = 0; g < n_guests; g++) {
		guest_create(w, g, n_cells, n_vcpus);
		world_run_all(w, g, 0);
	}
	w->plan.cap_moves = cells * 16;
	w->plan.moves = must_calloc(w->plan.cap_moves, sizeof(*w->plan.moves));
	w->plan.cap_decisions = cells;
	w->plan.decisions = must_calloc(cells, sizeof(*w->plan.decisions));
	return w;
}

void world_destroy(struct world *w)
{
	if (!w)
		return;
	for (size_t g = 0; g < w->s.n_guests; g++) {
		free(w->guests[g].vcpus);
		free(w->guests[g].busy);
		free(w->guests[g].cells);
		free(w->guests[g].storage);
	}
	free(w->guests);
	free(w->views);
	free(w->plan.moves);
	free(w->plan.decisions);
	free(w);
}

void world_put(struct world *w, size_t guest, size_t cell, int node,
	       uint64_t bytes)
{
	struct snap_cell *c = &w->guests[guest].cells[cell];

	w->s.nodes[node].free_bytes += c->node_bytes[node];
	assert(w->s.nodes[node].free_bytes >= bytes);
	w->s.nodes[node].free_bytes -= bytes;
	w->views[guest].ram_bytes += bytes;
	w->views[guest].ram_bytes -= c->node_bytes[node];
	c->size_bytes += bytes;
	c->size_bytes -= c->node_bytes[node];
	c->node_bytes[node] = bytes;
}

void world_pin(struct world *w, size_t guest, size_t v, struct node_mask nodes)
{
	w->guests[guest].vcpus[v].allowed = nodes;
	world_run(w, guest, v, node_mask_first(nodes));
}

void world_pin_all(struct world *w, size_t guest, struct node_mask nodes)
{
	for (size_t v = 0; v < w->views[guest].n_vcpus; v++)
		world_pin(w, guest, v, nodes);
}

void world_run(struct world *w, size_t guest, size_t v, int node)
{
	w->guests[guest].vcpus[v].node = node;
}

void world_run_all(struct world *w, size_t guest, int node)
{
	for (size_t v = 0; v < w->views[guest].n_vcpus; v++)
		world_run(w, guest, v, node);
}

void world_decide(struct world *w)
{
	policy_decide(&w->cfg, &w->s, &w->plan);
}

void world_pass(struct world *w, uint64_t ns)
{
	w->s.now_ns += ns;
	for (size_t g = 0; g < w->s.n_guests; g++)
		for (size_t v = 0; v < w->views[g].n_vcpus; v++)
			w->guests[g].vcpus[v].run_ns +=
				ns / 1000 * w->guests[g].busy[v];
}

void world_ticks(struct world *w, unsigned int ticks, uint64_t step_ns)
{
	for (unsigned int t = 0; t < ticks; t++) {
		world_pass(w, step_ns);
		world_decide(w);
	}
}

static void apply_guest(struct world *w, size_t guest)
{
	struct plan_move *moves = must_calloc(w->plan.n_moves, sizeof(*moves));
	struct outcome out = { .moves = moves, .end_ns = w->s.now_ns };

	for (size_t i = 0; i < w->plan.n_moves; i++) {
		const struct plan_move *m = &w->plan.moves[i];
		struct snap_cell *c = w->guests[guest].cells;

		if (m->guest != guest)
			continue;
		while (c->id != m->cell)
			c++;
		assert(c->node_bytes[m->from] >= m->bytes);
		assert(w->s.nodes[m->to].free_bytes >= m->bytes);
		c->node_bytes[m->from] -= m->bytes;
		c->node_bytes[m->to] += m->bytes;
		w->s.nodes[m->from].free_bytes += m->bytes;
		w->s.nodes[m->to].free_bytes -= m->bytes;
		moves[out.n_moves++] = *m;
		out.moved_bytes += m->bytes;
	}
	if (out.n_moves > 0)
		policy_outcome(&w->cfg, &w->guests[guest].memory, &out);
	w->moved_bytes += out.moved_bytes;
	free(moves);
}

void world_apply(struct world *w)
{
	if (w->plan.n_moves == 0)
		return;
	for (size_t g = 0; g < w->s.n_guests; g++)
		apply_guest(w, g);
}

const struct decision *world_decision(const struct world *w, size_t guest,
				      int cell)
{
	for (size_t i = 0; i < w->plan.n_decisions; i++)
		if (w->plan.decisions[i].guest == guest &&
		    w->plan.decisions[i].cell == cell)
			return &w->plan.decisions[i];
	assert(!"no such decision");
	return NULL;
}

uint64_t world_planned(const struct world *w, size_t guest, int to)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < w->plan.n_moves; i++)
		if (w->plan.moves[i].guest == guest &&
		    (to == NODE_NONE || w->plan.moves[i].to == to))
			sum += w->plan.moves[i].bytes;
	return sum;
}

struct node_mask world_mask(int first, ...)
{
	struct node_mask mask = { 0 };
	va_list ap;

	va_start(ap, first);
	for (int n = first; n != NODE_NONE; n = va_arg(ap, int))
		node_mask_add(&mask, n);
	va_end(ap);
	return mask;
}

static void format_decision(FILE *f, const struct decision *d)
{
	fprintf(f, "guest %zu cell %d: home", d->guest, d->cell);
	for (int n = 0; n < NODES_MAX; n++)
		if (d->home.weight[n] > 0)
			fprintf(f, " %d:%u", n, d->home.weight[n]);
	fprintf(f, "%s confidence %u, wrong %llu of %llu MiB",
		d->by_affinity ? " by affinity" : "", d->confidence,
		(unsigned long long)(d->wrong_bytes / MIB),
		(unsigned long long)(d->resident_bytes / MIB));
	if (d->rest != REASON_NONE)
		fprintf(f, ", planned %llu (%s)",
			(unsigned long long)(d->planned_bytes / MIB),
			reason_text(d->rest));
	if (d->again_ns)
		fprintf(f, ", again at %llu s",
			(unsigned long long)(d->again_ns / SEC));
	fprintf(f, ": %s",
		d->gate ? gate_text(d->gate) : reason_text(d->reason));
	fputc('\n', f);
}

char *world_format(const struct world *w)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	assert(f);
	for (size_t i = 0; i < w->plan.n_decisions; i++)
		format_decision(f, &w->plan.decisions[i]);
	for (size_t i = 0; i < w->plan.n_moves; i++) {
		const struct plan_move *m = &w->plan.moves[i];

		fprintf(f, "  move guest %zu cell %d: %llu MiB, %d -> %d\n",
			m->guest, m->cell, (unsigned long long)(m->bytes / MIB),
			m->from, m->to);
	}
	if (w->plan.is_cut)
		fputs("  cut\n", f);
	fclose(f);
	return text;
}
