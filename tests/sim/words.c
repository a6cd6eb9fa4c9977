/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of scenarios that name a guest. Called by script.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

static bool is_cell(const struct sim *sim, const struct line *l)
{
	return l->n[1] < sim->w->views[l->n[0]].n_cells && l->n[2] < NODES_MAX;
}

static int do_put(struct sim *sim, const struct line *l)
{
	uint64_t free_bytes;

	if (!is_cell(sim, l))
		return -EINVAL;
	free_bytes = sim->w->s.nodes[l->n[2]].free_bytes +
		     sim->w->guests[l->n[0]].cells[l->n[1]].node_bytes[l->n[2]];
	if (l->n[3] > free_bytes / MIB)
		return -EINVAL;
	world_put(sim->w, l->n[0], l->n[1], (int)l->n[2], l->n[3] * MIB);
	return 0;
}

/* A size that nobody checks against the host. */
static int do_claim(struct sim *sim, const struct line *l)
{
	if (!is_cell(sim, l) || l->n[3] > UINT64_MAX / MIB)
		return -EINVAL;
	sim->w->guests[l->n[0]].cells[l->n[1]].node_bytes[l->n[2]] =
		l->n[3] * MIB;
	sim->w->views[l->n[0]].ram_bytes = l->n[3] * MIB;
	return 0;
}

static void place(struct sim *sim, const struct line *l, size_t v, int node)
{
	if (*l->word == 'r') /* run, runv, runflap */
		world_run(sim->w, l->n[0], v, node);
	else
		world_pin(sim->w, l->n[0], v, node_mask_of(node));
}

/* All vCPUs of a guest, or those of one cell. */
static int do_place(struct sim *sim, const struct line *l)
{
	if (l->n[1] >= NODES_MAX)
		return -EINVAL;
	for (size_t v = 0; v < sim->vcpus_max; v++)
		if (l->count < 3 ||
		    sim->w->guests[l->n[0]].vcpus[v].cell == (int)l->n[2])
			place(sim, l, v, (int)l->n[1]);
	return 0;
}

static int do_place_one(struct sim *sim, const struct line *l)
{
	if (l->n[1] >= sim->vcpus_max || l->n[2] >= NODES_MAX)
		return -EINVAL;
	place(sim, l, l->n[1], (int)l->n[2]);
	return 0;
}

/* Time passes, and every few seconds the vCPUs are on the other node. */
static int do_flap(struct sim *sim, const struct line *l)
{
	struct line step = *l;

	if (l->n[2] >= NODES_MAX || l->n[3] > SIM_DAY_S || !l->n[4])
		return -EINVAL;
	step.count = 2;
	for (uint64_t s = 0; s < l->n[3]; s++) {
		step.n[1] = l->n[1 + s / l->n[4] % 2];
		if (s % l->n[4] == 0) {
			script_touch(sim, l->n[0]);
			if (do_place(sim, &step) < 0)
				return -EINVAL;
		}
		host_second(sim);
	}
	return 0;
}

static int do_free(struct sim *sim, const struct line *l)
{
	for (size_t v = 0; v < sim->vcpus_max; v++)
		sim->w->guests[l->n[0]].vcpus[v].allowed.bits = 0;
	return 0;
}

static int do_busy(struct sim *sim, const struct line *l)
{
	if (l->n[1] > 1000)
		return -EINVAL;
	for (size_t v = 0; v < sim->vcpus_max; v++)
		sim->w->guests[l->n[0]].busy[v] = (unsigned int)l->n[1];
	return 0;
}

/* vCPUs come or go: policy is lent storage for so many. */
static int do_vcpus(struct sim *sim, const struct line *l)
{
	struct world_guest *wg = &sim->w->guests[l->n[0]];
	struct policy_vcpu *storage;

	if (!l->n[1] || l->n[1] > sim->vcpus_max)
		return -EINVAL;
	storage = calloc(sim->vcpus_max, sizeof(*storage));
	if (!storage)
		return -ENOMEM;
	policy_guest_lend(&sim->guests[l->n[0]].guest.memory, storage, l->n[1]);
	free(wg->storage);
	wg->storage = storage;
	sim->w->views[l->n[0]].n_vcpus = l->n[1];
	return 0;
}

/* The vCPUs' counters of run time go back. */
static int do_rewind(struct sim *sim, const struct line *l)
{
	for (size_t v = 0; v < sim->vcpus_max; v++) {
		uint64_t *run_ns = &sim->w->guests[l->n[0]].vcpus[v].run_ns;

		*run_ns -= u64_min(*run_ns, l->n[1] * SEC);
	}
	return 0;
}

/* With all of its memory, which stays where it is: its vCPUs begin anew. */
static int do_restart(struct sim *sim, const struct line *l)
{
	if (!sim->guests[l->n[0]].pid)
		return -EINVAL;
	host_go(sim, l->n[0]);
	host_come(sim, l->n[0]);
	return 0;
}

/* Memory of so many MiB in each cell is on that node, and its vCPUs too. */
static int fill(struct sim *sim, const struct line *l)
{
	struct line put = { "put", { l->n[0], 0, l->n[1], l->n[2] }, 4 };
	struct line run = { "run", { l->n[0], l->n[1] }, 2 };

	for (; put.n[1] < sim->w->views[l->n[0]].n_cells; put.n[1]++)
		if (do_put(sim, &put) < 0)
			return -EINVAL;
	do_free(sim, l);
	return do_place(sim, &run);
}

static int do_come(struct sim *sim, const struct line *l)
{
	if (sim->guests[l->n[0]].pid || l->count == 2 ||
	    (l->count == 3 && fill(sim, l) < 0))
		return -EINVAL;
	host_come(sim, l->n[0]);
	return 0;
}

/* Its memory is free again. */
static int do_go(struct sim *sim, const struct line *l)
{
	if (!sim->guests[l->n[0]].pid)
		return -EINVAL;
	host_go(sim, l->n[0]);
	for (size_t c = 0; c < sim->w->views[l->n[0]].n_cells; c++)
		for (int n = 0; n < NODES_MAX; n++)
			world_put(sim->w, l->n[0], c, n, 0);
	return 0;
}

static int do_mode(struct sim *sim, const struct line *l)
{
	if (l->n[1] > MODE_OFF)
		return -EINVAL;
	sim->w->views[l->n[0]].mode = (enum guest_mode)l->n[1];
	return 0;
}

static int do_gate(struct sim *sim, const struct line *l)
{
	unsigned int *gates = &sim->w->views[l->n[0]].gates;

	if (l->n[1] >= 13)
		return -EINVAL;
	sim->guests[l->n[0]].busy_s = sim->lived_s;
	*gates |= 1u << l->n[1];
	if (*l->word == 'u')
		*gates &= ~(1u << l->n[1]);
	return 0;
}

static int do_success(struct sim *sim, const struct line *l)
{
	if (l->n[1] > 1000)
		return -EINVAL;
	sim->guests[l->n[0]].success = (unsigned int)l->n[1];
	return 0;
}

static int do_stuck(struct sim *sim, const struct line *l)
{
	if (!is_cell(sim, l) || l->n[1] >= POLICY_CELLS_MAX)
		return -EINVAL;
	sim->guests[l->n[0]].stuck[l->n[1]][l->n[2]] = l->n[3] * MIB;
	return 0;
}

/* An administrator's order; it must not be refused. */
static int do_rebalance(struct sim *sim, const struct line *l)
{
	if (l->n[1] >= NODES_MAX || !sim->guests[l->n[0]].pid)
		return -EINVAL;
	host_rebalance(sim, l->n[0], (int)l->n[1]);
	return 0;
}

static int do_release(struct sim *sim, const struct line *l)
{
	policy_guest_release(&sim->guests[l->n[0]].guest.memory);
	return 0;
}

static int do_moved(struct sim *sim, const struct line *l)
{
	uint64_t mib = sim->guests[l->n[0]].moved_bytes / MIB;

	if (mib < l->n[1] || mib > l->n[2])
		check_failed(sim, l->n[0],
			     "%llu MiB moved, expected %llu to %llu",
			     (unsigned long long)mib, l->n[1], l->n[2]);
	return 0;
}

static int do_jobs(struct sim *sim, const struct line *l)
{
	size_t n = sim->guests[l->n[0]].n_jobs;

	if (n < l->n[1] || n > l->n[2])
		check_failed(sim, l->n[0],
			     "%zu jobs were begun, expected %llu to %llu", n,
			     l->n[1], l->n[2]);
	return 0;
}

static int do_at(struct sim *sim, const struct line *l)
{
	uint64_t mib;

	if (!is_cell(sim, l))
		return -EINVAL;
	mib = sim->w->guests[l->n[0]].cells[l->n[1]].node_bytes[l->n[2]] / MIB;
	if (mib != l->n[3])
		check_failed(
			sim, l->n[0],
			"cell %llu has %llu MiB on node %llu, expected %llu",
			l->n[1], (unsigned long long)mib, l->n[2], l->n[3]);
	return 0;
}

/* A mask of nodes, as numbers from the second on. */
static int do_cpuset(struct sim *sim, const struct line *l)
{
	struct node_mask *allowed = &sim->w->views[l->n[0]].mems_allowed;

	allowed->bits = 0;
	for (int i = 1; i < l->count; i++) {
		if (l->n[i] >= NODES_MAX)
			return -EINVAL;
		node_mask_add(allowed, (int)l->n[i]);
	}
	return 0;
}

static int do_advice(struct sim *sim, const struct line *l)
{
	plans_print_advice(sim, l->n[0]);
	return 0;
}

static const struct command commands[] = {
	{ "come", 1, 3, A_GUEST, false, do_come },
	{ "go", 1, 1, A_GUEST, false, do_go },
	{ "put", 4, 4, A_GUEST, false, do_put },
	{ "claim", 4, 4, A_GUEST, false, do_claim },
	{ "pin", 2, 3, A_GUEST, false, do_place },
	{ "run", 2, 3, A_GUEST, false, do_place },
	{ "pinv", 3, 3, A_GUEST, false, do_place_one },
	{ "runv", 3, 3, A_GUEST, false, do_place_one },
	{ "pinflap", 5, 5, A_GUEST, false, do_flap },
	{ "runflap", 5, 5, A_GUEST, false, do_flap },
	{ "free", 1, 1, A_GUEST, false, do_free },
	{ "busy", 2, 2, A_GUEST, false, do_busy },
	{ "vcpus", 2, 2, A_GUEST, false, do_vcpus },
	{ "rewind", 2, 2, A_GUEST, false, do_rewind },
	{ "restart", 1, 1, A_GUEST, false, do_restart },
	{ "mode", 2, 2, A_GUEST, false, do_mode },
	{ "gate", 2, 2, A_GUEST, false, do_gate },
	{ "ungate", 2, 2, A_GUEST, false, do_gate },
	{ "success", 2, 2, A_GUEST, true, do_success },
	{ "stuck", 4, 4, A_GUEST, true, do_stuck },
	{ "rebalance", 2, 2, A_GUEST, false, do_rebalance },
	{ "release", 1, 1, A_GUEST, false, do_release },
	{ "cpuset", 1, 5, A_GUEST, false, do_cpuset },
	{ "advice", 1, 1, A_GUEST, true, do_advice },
	{ "moved", 3, 3, A_GUEST, true, do_moved },
	{ "jobs", 3, 3, A_GUEST, true, do_jobs },
	{ "at", 4, 4, A_GUEST, true, do_at },
};

const struct command *words_find(const char *word)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(word, commands[i].word))
			return &commands[i];
	return NULL;
}
