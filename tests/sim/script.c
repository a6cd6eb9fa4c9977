/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The language of scenarios: a command and up to five numbers on each line.
 * Called by sim.c; README.md lists the commands.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

/* One line, taken apart. */
struct line {
	char word[16]; /* the command */
	unsigned long long n[5]; /* its numbers, 0 where missing */
	int count; /* of numbers */
};

static void touch(struct sim *sim, const struct line *l)
{
	sim->guests[l->n[0]].events++;
}

static int do_world(struct sim *sim, const struct line *l)
{
	if (sim->w || !l->n[0] || l->n[0] > NODES_MAX || l->n[1] > 65536 ||
	    !l->n[1] || !l->n[2] || l->n[2] > SIM_GUESTS_MAX || !l->n[3] ||
	    l->n[3] > POLICY_CELLS_MAX || !l->n[4] || l->n[4] > 1024)
		return -EINVAL;
	sim->w = world_create((int)l->n[0], l->n[1] * GIB, l->n[2], l->n[3],
			      l->n[4]);
	sim->guests = calloc(l->n[2], sizeof(*sim->guests));
	sim->begin_ns = sim->w->s.now_ns;
	return sim->guests ? 0 : -ENOMEM;
}

static int do_put(struct sim *sim, const struct line *l)
{
	uint64_t free_bytes;

	if (l->n[1] >= sim->w->views[l->n[0]].n_cells || l->n[2] >= NODES_MAX)
		return -EINVAL;
	free_bytes = sim->w->s.nodes[l->n[2]].free_bytes +
		     sim->w->guests[l->n[0]].cells[l->n[1]].node_bytes[l->n[2]];
	if (l->n[3] > free_bytes / MIB)
		return -EINVAL;
	world_put(sim->w, l->n[0], l->n[1], (int)l->n[2], l->n[3] * MIB);
	touch(sim, l);
	return 0;
}

/* Bind all vCPUs of a guest, or those of one cell, to a node. */
static int do_place(struct sim *sim, const struct line *l, bool is_pin)
{
	const struct snap_guest *view = &sim->w->views[l->n[0]];

	if (l->n[1] >= NODES_MAX)
		return -EINVAL;
	for (size_t v = 0; v < view->n_vcpus; v++) {
		if (l->count == 3 && view->vcpus[v].cell != (int)l->n[2])
			continue;
		if (is_pin)
			world_pin(sim->w, l->n[0], v,
				  node_mask_of((int)l->n[1]));
		else
			world_run(sim->w, l->n[0], v, (int)l->n[1]);
	}
	touch(sim, l);
	return 0;
}

static int do_busy(struct sim *sim, const struct line *l)
{
	if (l->n[1] > 1000)
		return -EINVAL;
	for (size_t v = 0; v < sim->w->views[l->n[0]].n_vcpus; v++)
		sim->w->guests[l->n[0]].busy[v] = (unsigned int)l->n[1];
	touch(sim, l);
	return 0;
}

static int do_expect(struct sim *sim, const struct line *l)
{
	const struct snap_guest *view = &sim->w->views[l->n[0]];
	uint64_t mib = sim->guests[l->n[0]].moved_bytes / MIB;

	if (!strcmp(l->word, "moved")) {
		if (mib < l->n[1] || mib > l->n[2])
			check_failed(sim, l->n[0],
				     "%llu MiB moved, expected %llu to %llu",
				     (unsigned long long)mib, l->n[1], l->n[2]);
		return 0;
	}
	if (strcmp(l->word, "at") || l->n[1] >= view->n_cells ||
	    l->n[2] >= NODES_MAX)
		return -EINVAL;
	mib = view->cells[l->n[1]].node_bytes[l->n[2]] / MIB;
	if (mib != l->n[3])
		check_failed(
			sim, l->n[0],
			"cell %llu has %llu MiB on node %llu, expected %llu",
			l->n[1], (unsigned long long)mib, l->n[2], l->n[3]);
	return 0;
}

static int do_guest(struct sim *sim, const struct line *l)
{
	struct snap_guest *view = &sim->w->views[l->n[0]];

	if (!strcmp(l->word, "put"))
		return do_put(sim, l);
	if (!strcmp(l->word, "pin") || !strcmp(l->word, "run"))
		return do_place(sim, l, *l->word == 'p');
	if (!strcmp(l->word, "busy"))
		return do_busy(sim, l);
	if (!strcmp(l->word, "mode") && l->n[1] <= MODE_OFF)
		view->mode = (enum guest_mode)l->n[1];
	else if (!strcmp(l->word, "gate") && l->n[1] < 13)
		view->gates |= 1u << l->n[1];
	else if (!strcmp(l->word, "ungate") && l->n[1] < 13)
		view->gates &= ~(1u << l->n[1]);
	else
		return do_expect(sim, l);
	touch(sim, l);
	return 0;
}

static int do_node(struct sim *sim, const struct line *l)
{
	struct snap_node *node = &sim->w->s.nodes[l->n[0]];

	if (l->n[0] >= NODES_MAX)
		return -EINVAL;
	if (!strcmp(l->word, "offline"))
		node->is_online = node->has_cpu = node->has_memory = false;
	else if (!strcmp(l->word, "nomemory"))
		node->has_memory = false;
	else if (!strcmp(l->word, "nocpu"))
		node->has_cpu = false;
	else if (!strcmp(l->word, "reserve") && l->n[1] <= 1ull << 26)
		node->reserve_bytes = l->n[1] * MIB;
	else if (!strcmp(l->word, "distance") && l->n[1] < NODES_MAX)
		node->distance[l->n[1]] = (uint8_t)l->n[2];
	else
		return -EINVAL;
	return 0;
}

static int do_time(struct sim *sim, const struct line *l)
{
	if (l->n[0] > SIM_DAY_S)
		return -EINVAL;
	if (!strcmp(l->word, "gap"))
		sim->w->s.now_ns += l->n[0] * SEC;
	else if (!strcmp(l->word, "quiet")) {
		if (sim->last_job_ns &&
		    sim->w->s.now_ns - sim->last_job_ns < l->n[0] * SEC)
			check_failed(sim, 0, "not quiet for %llu s", l->n[0]);
	} else
		for (uint64_t s = 0; s < l->n[0]; s++) {
			struct line pin = { .n = { l->n[1], l->n[2 + s % 2] },
					    .count = 2 };

			if (l->count == 4 && do_place(sim, &pin, true) < 0)
				return -EINVAL;
			host_second(sim);
		}
	return 0;
}

static int do_line(struct sim *sim, const struct line *l)
{
	static const char times[] = " gap quiet wait pingpong ";
	static const char nodes[] = " offline nomemory nocpu distance reserve ";
	char word[20];

	if (!strcmp(l->word, "world"))
		return do_world(sim, l);
	if (!sim->w)
		return -EINVAL;
	snprintf(word, sizeof(word), " %s ", l->word);
	if (!strcmp(l->word, "budget")) {
		sim->ram_per_hour = (unsigned int)l->n[0];
		return 0;
	}
	if (strstr(nodes, word))
		return do_node(sim, l);
	if (strstr(times, word)) {
		if (l->count == 4 && l->n[1] >= sim->w->s.n_guests)
			return -EINVAL;
		return do_time(sim, l);
	}
	return l->n[0] < sim->w->s.n_guests ? do_guest(sim, l) : -EINVAL;
}

int script_run(struct sim *sim, FILE *file)
{
	char text[256];

	for (int number = 1; fgets(text, sizeof(text), file); number++) {
		struct line l = { 0 };
		int got;

		text[strcspn(text, "#\n")] = '\0';
		got = sscanf(text, "%15s %llu %llu %llu %llu %llu", l.word,
			     &l.n[0], &l.n[1], &l.n[2], &l.n[3], &l.n[4]);
		if (got <= 0)
			continue;
		l.count = got - 1;
		if (l.count < 1 || do_line(sim, &l) < 0) {
			fprintf(stderr, "%s:%d: not understood: %s\n",
				sim->name, number, text);
			return -EINVAL;
		}
	}
	return sim->w ? 0 : -EINVAL;
}
