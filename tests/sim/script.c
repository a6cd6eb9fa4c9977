/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The language of scenarios: a command and its numbers on each line, looked up
 * in a table; those about guests are in words.c. Called by sim.c; README.md
 * lists the commands.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"
#include "xalloc.h"

#define TEXT_MAX 1024 /* of a line, with its NUL */

void script_touch(struct sim *sim, size_t guest)
{
	sim->guests[guest].events++;
	sim->guests[guest].event_s = sim->lived_s;
}

static int do_world(struct sim *sim, const struct line *l)
{
	if (sim->w || !l->n[0] || l->n[0] > NODES_MAX || l->n[1] > 65536 ||
	    !l->n[1] || !l->n[2] || l->n[2] > SIM_GUESTS_MAX || !l->n[3] ||
	    l->n[3] > POLICY_CELLS_MAX || !l->n[4] || l->n[4] > 1024)
		return -EINVAL;
	sim->w = world_create((int)l->n[0], l->n[1] * GIB, l->n[2], l->n[3],
			      l->n[4]);
	sim->vcpus_max = l->n[4];
	sim->guests = xcalloc(l->n[2], sizeof(*sim->guests));
	for (size_t g = 0; g < l->n[2]; g++) {
		sim->guests[g].success = 1000;
		sim->guests[g].map = xcalloc(1, sizeof(struct guest_map));
	}
	sim->n_nodes = (unsigned int)l->n[0];
	host_begin(sim);
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
		script_touch(sim, g);
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

static int do_line(struct sim *sim, const struct line *l);

/* The next guest in turn goes if it is here, and comes if it is not: with so
 * much memory in each cell, on one node, and bound to another one. */
static int churn_one(struct sim *sim, unsigned long long mib)
{
	size_t guest = sim->churned++ % sim->w->s.n_guests;
	unsigned long long from = sim->churned % sim->n_nodes;
	struct line come = { "come", { guest, from, mib }, 3 };
	struct line pin = { "pin", { guest, (from + 3) % sim->n_nodes }, 2 };
	struct line go = { "go", { guest }, 1 };

	if (sim->guests[guest].pid)
		return do_line(sim, &go);
	if (do_line(sim, &come) < 0)
		return -EINVAL;
	return do_line(sim, &pin);
}

static int do_churn(struct sim *sim, const struct line *l)
{
	if (l->n[0] > SIM_DAY_S || !l->n[1])
		return -EINVAL;
	for (uint64_t s = 0; s < l->n[0]; s++) {
		if (s % l->n[1] == 0 && churn_one(sim, l->n[2]) < 0)
			return -EINVAL;
		host_second(sim);
	}
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
	struct policy_config *config = &sim->daemon.config.policy;

	if (!strcmp(l->word, "cooldown") && l->n[0] <= SIM_DAY_S)
		config->cooldown_ns = l->n[0] * SEC;
	else if (!strcmp(l->word, "hostbudget") && l->n[0] <= 1ull << 30)
		config->host_bytes_per_hour = l->n[0] * MIB;
	else
		return -EINVAL;
	return 0;
}

static int do_plan(struct sim *sim, const struct line *l)
{
	plans_print(sim);
	return 0;
}

static int do_room(struct sim *sim, const struct line *l)
{
	if (l->n[1] > 1ull << 26)
		return -EINVAL;
	host_make_room(sim, (int)l->n[0], l->n[1] * MIB);
	return 0;
}

/* Beside the reserve, as much as was asked for. */
static int do_has(struct sim *sim, const struct line *l)
{
	const struct snap_node *node = &sim->w->s.nodes[l->n[0]];
	uint64_t mib = (node->free_bytes -
			u64_min(node->free_bytes, node->reserve_bytes)) /
		       MIB;

	if (mib < l->n[1])
		check_failed(sim, 0,
			     "%llu MiB free on node %llu, expected %llu",
			     (unsigned long long)mib, l->n[0], l->n[1]);
	return 0;
}

/* Of moving, as the daemon has learnt it. */
static int do_rate(struct sim *sim, const struct line *l)
{
	uint64_t mib = sim->daemon.rate_bytes_per_s / MIB;

	if (mib < l->n[0] || mib > l->n[1])
		check_failed(sim, 0, "%llu MiB/s learnt, expected %llu to %llu",
			     (unsigned long long)mib, l->n[0], l->n[1]);
	return 0;
}

static const struct command commands[] = {
	{ "offline", 1, 1, A_NODE, false, do_node },
	{ "online", 1, 1, A_NODE, false, do_node },
	{ "nomemory", 1, 1, A_NODE, false, do_node },
	{ "nocpu", 1, 1, A_NODE, false, do_node },
	{ "reserve", 2, 2, A_NODE, false, do_reserve },
	{ "distance", 3, 3, A_NODE, false, do_distance },
	{ "room", 2, 2, A_NODE, false, do_room },
	{ "has", 2, 2, A_NODE, false, do_has },
	{ "wait", 1, 1, THE_WORLD, false, do_wait },
	{ "churn", 3, 3, THE_WORLD, false, do_churn },
	{ "gap", 1, 1, THE_WORLD, false, do_jump },
	{ "back", 1, 1, THE_WORLD, false, do_jump },
	{ "plan", 0, 0, THE_WORLD, false, do_plan },
	{ "quiet", 1, 1, THE_WORLD, false, do_quiet },
	{ "rate", 2, 2, THE_WORLD, false, do_rate },
	{ "budget", 1, 1, THE_WORLD, false, do_budget },
	{ "cooldown", 1, 1, THE_WORLD, false, do_config },
	{ "hostbudget", 1, 1, THE_WORLD, false, do_config },
};

static const struct command *find_command(const char *word)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(word, commands[i].word))
			return &commands[i];
	return words_find(word);
}

static int do_line(struct sim *sim, const struct line *l)
{
	const struct command *c;

	if (!strcmp(l->word, "world"))
		return l->count == 5 ? do_world(sim, l) : -EINVAL;
	c = sim->w ? find_command(l->word) : NULL;
	if (!c || l->count < c->least || l->count > c->most ||
	    (c->subject == A_GUEST && l->n[0] >= sim->w->s.n_guests) ||
	    (c->subject == A_NODE && l->n[0] >= NODES_MAX))
		return -EINVAL;
	if (c->subject == A_GUEST && !c->is_unseen)
		script_touch(sim, l->n[0]);
	return c->run(sim, l);
}

static int do_text(struct sim *sim, const char *text);

/* "every A B LINE": the line for each guest from A to B, with its number in
 * place of G, and that number modulo the nodes in place of N. */
static int do_every(struct sim *sim, const char *text)
{
	unsigned long long first, last;
	int len = 0;

	if (sscanf(text, "every %llu %llu %n", &first, &last, &len) < 2 ||
	    !len || !sim->w || last >= sim->w->s.n_guests)
		return -EINVAL;
	for (unsigned long long g = first; g <= last; g++) {
		char one[TEXT_MAX];
		size_t n = 0;

		for (const char *c = text + len; *c; c++) {
			if (n + 32 > sizeof(one))
				return -EINVAL;
			if (*c == 'G')
				n += (size_t)sprintf(one + n, "%llu", g);
			else if (*c == 'N')
				n += (size_t)sprintf(one + n, "%llu",
						     g % sim->n_nodes);
			else
				one[n++] = *c;
		}
		one[n] = '\0';
		if (do_text(sim, one) < 0)
			return -EINVAL;
	}
	return 0;
}

static int do_text(struct sim *sim, const char *text)
{
	struct line l = { 0 };
	int got;

	if (!strncmp(text, "every ", 6))
		return do_every(sim, text);
	got = sscanf(text, "%15s %llu %llu %llu %llu %llu", l.word, &l.n[0],
		     &l.n[1], &l.n[2], &l.n[3], &l.n[4]);
	if (got <= 0)
		return 0;
	l.count = got - 1;
	return do_line(sim, &l);
}

int script_run(struct sim *sim, FILE *file)
{
	char text[TEXT_MAX];

	for (int number = 1; fgets(text, sizeof(text), file); number++) {
		if (*text == '>') /* what a golden file expects */
			continue;
		if (sim->plans)
			fputs(text, sim->plans);
		text[strcspn(text, "#\n")] = '\0';
		if (do_text(sim, text) < 0) {
			fprintf(stderr, "%s:%d: not understood: %s\n",
				sim->name, number, text);
			return -EINVAL;
		}
	}
	return sim->w ? 0 : -EINVAL;
}
