/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The language of scenarios: a command and its numbers on each line, looked up
 * in a table. Called by sim.c; README.md lists the commands.
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

/* Whom the first number of a command names. */
enum subject {
	THE_WORLD,
	A_GUEST,
	A_NODE
};

/* One command. */
struct command {
	const char *word; /* its name */
	int least, most; /* numbers that it takes */
	enum subject subject; /* checked before run is called */
	int (*run)(struct sim *sim, const struct line *l); /* 0, -EINVAL */
};

static int do_world(struct sim *sim, const struct line *l)
{
	if (sim->w || !l->n[0] || l->n[0] > NODES_MAX || l->n[1] > 65536 ||
	    !l->n[1] || !l->n[2] || l->n[2] > SIM_GUESTS_MAX || !l->n[3] ||
	    l->n[3] > POLICY_CELLS_MAX || !l->n[4] || l->n[4] > 1024)
		return -EINVAL;
	sim->w = world_create((int)l->n[0], l->n[1] * GIB, l->n[2], l->n[3],
			      l->n[4]);
	sim->vcpus_max = l->n[4];
	sim->guests = calloc(l->n[2], sizeof(*sim->guests));
	for (size_t g = 0; sim->guests && g < l->n[2]; g++)
		sim->guests[g].success = 1000;
	return sim->guests ? 0 : -ENOMEM;
}

/* Guests ------------------------------------------------------------------ */

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
			sim->guests[l->n[0]].events++;
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
	policy_guest_lend(&wg->memory, storage, l->n[1]);
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

static int do_restart(struct sim *sim, const struct line *l)
{
	host_restart(sim, l->n[0]);
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

/* An administrator's order; it must not be refused. */
static int do_rebalance(struct sim *sim, const struct line *l)
{
	struct request request = { .to = node_mask_of((int)l->n[1]) };

	if (l->n[1] >= NODES_MAX)
		return -EINVAL;
	if (policy_request(&sim->w->cfg, &sim->w->s, l->n[0], &request,
			   &sim->w->plan, NULL) < 0)
		check_failed(sim, l->n[0], "the order is refused");
	host_start(sim, l->n[0]);
	return 0;
}

static int do_release(struct sim *sim, const struct line *l)
{
	policy_guest_release(&sim->w->guests[l->n[0]].memory);
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

/* Nodes, time and the rest ------------------------------------------------ */

static int do_node(struct sim *sim, const struct line *l)
{
	struct snap_node *node = &sim->w->s.nodes[l->n[0]];
	bool is_on = !strcmp(l->word, "online");

	if (!strcmp(l->word, "nomemory"))
		node->has_memory = false;
	else if (!strcmp(l->word, "nocpu"))
		node->has_cpu = false;
	else
		node->is_online = node->has_cpu = node->has_memory = is_on;
	for (size_t g = 0; g < sim->w->s.n_guests; g++)
		sim->guests[g].events++;
	return 0;
}

static int do_reserve(struct sim *sim, const struct line *l)
{
	if (l->n[1] > 1ull << 26)
		return -EINVAL;
	sim->w->s.nodes[l->n[0]].reserve_bytes = l->n[1] * MIB;
	return 0;
}

static int do_distance(struct sim *sim, const struct line *l)
{
	if (l->n[1] >= NODES_MAX || l->n[2] > UINT8_MAX)
		return -EINVAL;
	sim->w->s.nodes[l->n[0]].distance[l->n[1]] = (uint8_t)l->n[2];
	return 0;
}

static int do_wait(struct sim *sim, const struct line *l)
{
	if (l->n[0] > SIM_DAY_S)
		return -EINVAL;
	for (uint64_t s = 0; s < l->n[0]; s++)
		host_second(sim);
	return 0;
}

/* The clock jumps, forward or back. */
static int do_jump(struct sim *sim, const struct line *l)
{
	uint64_t ns = l->n[0] * SEC;

	if (l->n[0] > SIM_DAY_S || (*l->word == 'b' && ns > sim->w->s.now_ns))
		return -EINVAL;
	sim->w->s.now_ns += *l->word == 'b' ? -ns : ns;
	for (uint64_t s = 0; *l->word == 'g' && s < l->n[0]; s++) {
		sim->lived_s++;
		check_second(sim);
	}
	return 0;
}

static int do_quiet(struct sim *sim, const struct line *l)
{
	if (sim->has_run_job && sim->lived_s - sim->last_job_s < l->n[0])
		check_failed(sim, 0, "not quiet for %llu s", l->n[0]);
	return 0;
}

static int do_budget(struct sim *sim, const struct line *l)
{
	sim->ram_per_hour = (unsigned int)l->n[0];
	return 0;
}

static int do_config(struct sim *sim, const struct line *l)
{
	if (!strcmp(l->word, "cooldown") && l->n[0] <= SIM_DAY_S)
		sim->w->cfg.cooldown_ns = l->n[0] * SEC;
	else if (!strcmp(l->word, "hostbudget") && l->n[0] <= 1ull << 30)
		sim->w->cfg.host_bytes_per_hour = l->n[0] * MIB;
	else
		return -EINVAL;
	return 0;
}

/* Golden plans ------------------------------------------------------------ */

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

static int do_plan(struct sim *sim, const struct line *l)
{
	plans_print(sim);
	return 0;
}

static int do_advice(struct sim *sim, const struct line *l)
{
	plans_print_advice(sim, l->n[0]);
	return 0;
}

static const struct command commands[] = {
	{ "put", 4, 4, A_GUEST, do_put },
	{ "claim", 4, 4, A_GUEST, do_claim },
	{ "pin", 2, 3, A_GUEST, do_place },
	{ "run", 2, 3, A_GUEST, do_place },
	{ "pinv", 3, 3, A_GUEST, do_place_one },
	{ "runv", 3, 3, A_GUEST, do_place_one },
	{ "pinflap", 5, 5, A_GUEST, do_flap },
	{ "runflap", 5, 5, A_GUEST, do_flap },
	{ "free", 1, 1, A_GUEST, do_free },
	{ "busy", 2, 2, A_GUEST, do_busy },
	{ "vcpus", 2, 2, A_GUEST, do_vcpus },
	{ "rewind", 2, 2, A_GUEST, do_rewind },
	{ "restart", 1, 1, A_GUEST, do_restart },
	{ "mode", 2, 2, A_GUEST, do_mode },
	{ "gate", 2, 2, A_GUEST, do_gate },
	{ "ungate", 2, 2, A_GUEST, do_gate },
	{ "success", 2, 2, A_GUEST, do_success },
	{ "rebalance", 2, 2, A_GUEST, do_rebalance },
	{ "release", 1, 1, A_GUEST, do_release },
	{ "cpuset", 1, 5, A_GUEST, do_cpuset },
	{ "advice", 1, 1, A_GUEST, do_advice },
	{ "moved", 3, 3, A_GUEST, do_moved },
	{ "at", 4, 4, A_GUEST, do_at },
	{ "offline", 1, 1, A_NODE, do_node },
	{ "online", 1, 1, A_NODE, do_node },
	{ "nomemory", 1, 1, A_NODE, do_node },
	{ "nocpu", 1, 1, A_NODE, do_node },
	{ "reserve", 2, 2, A_NODE, do_reserve },
	{ "distance", 3, 3, A_NODE, do_distance },
	{ "wait", 1, 1, THE_WORLD, do_wait },
	{ "gap", 1, 1, THE_WORLD, do_jump },
	{ "back", 1, 1, THE_WORLD, do_jump },
	{ "plan", 0, 0, THE_WORLD, do_plan },
	{ "quiet", 1, 1, THE_WORLD, do_quiet },
	{ "budget", 1, 1, THE_WORLD, do_budget },
	{ "cooldown", 1, 1, THE_WORLD, do_config },
	{ "hostbudget", 1, 1, THE_WORLD, do_config },
};

/* Does the command leave what policy sees of the guest as it is? */
static bool is_unseen(const struct command *c)
{
	return c->run == do_at || c->run == do_moved || c->run == do_success ||
	       c->run == do_advice;
}

static int do_line(struct sim *sim, const struct line *l)
{
	if (!strcmp(l->word, "world"))
		return l->count == 5 ? do_world(sim, l) : -EINVAL;
	for (size_t i = 0; sim->w && i < sizeof(commands) / sizeof(commands[0]);
	     i++) {
		const struct command *c = &commands[i];

		if (strcmp(l->word, c->word) != 0)
			continue;
		if (l->count < c->least || l->count > c->most ||
		    (c->subject == A_GUEST && l->n[0] >= sim->w->s.n_guests) ||
		    (c->subject == A_NODE && l->n[0] >= NODES_MAX))
			return -EINVAL;
		if (c->subject == A_GUEST && !is_unseen(c))
			sim->guests[l->n[0]].events++;
		return c->run(sim, l);
	}
	return -EINVAL;
}

int script_run(struct sim *sim, FILE *file)
{
	char text[1024];

	for (int number = 1; fgets(text, sizeof(text), file); number++) {
		struct line l = { 0 };
		int got;

		if (*text == '>') /* what a golden file expects */
			continue;
		if (sim->plans)
			fputs(text, sim->plans);
		text[strcspn(text, "#\n")] = '\0';
		got = sscanf(text, "%15s %llu %llu %llu %llu %llu", l.word,
			     &l.n[0], &l.n[1], &l.n[2], &l.n[3], &l.n[4]);
		if (got <= 0)
			continue;
		l.count = got - 1;
		if (do_line(sim, &l) < 0) {
			fprintf(stderr, "%s:%d: not understood: %s\n",
				sim->name, number, text);
			return -EINVAL;
		}
	}
	return sim->w ? 0 : -EINVAL;
}
