/* SPDX-License-Identifier: Apache-2.0 */
/* A guest as the policy and people see it, and what a job tells of it; see
 * guest.h. Part of the core (core.h). */
#include "guest/guest.h"

#include <string.h>

#include "config.h"
#include "guest/adopt.h"

static unsigned int gates(const struct guest *guest)
{
	unsigned int set = 0;

	if (!guest->built.map)
		set |= GATE_NO_MAP;
	if (guest->built.is_inferred && !guest->env->config->follows_inferred)
		set |= GATE_INFERRED_MAP;
	if (guest->is_denied)
		set |= GATE_DENIED;
	if (guest->active_job)
		set |= GATE_MOVING;
	if (guest->held_by)
		set |= GATE_PINNED;
	if (guest->adopted && guest->adopted->state_failures > 0)
		set |= GATE_MONITOR;
	if (!guest->has_domain)
		return set;
	/* a job of libvirt that pauses it is the better reason */
	if (guest->is_postcopy || guest->job == VIRT_JOB_MIGRATION_IN ||
	    guest->job == VIRT_JOB_MIGRATION_OUT)
		set |= GATE_MIGRATING;
	else if (guest->job != VIRT_JOB_NONE && guest->job != VIRT_JOB_BACKUP)
		set |= GATE_JOB;
	else if (guest->state != VIRT_STATE_RUNNING)
		set |= GATE_PAUSED;
	if (*guest->domain.confidential)
		set |= GATE_CONFIDENTIAL;
	if (*guest->domain.pinned_by)
		set |= GATE_PINNED;
	return set;
}

/* A re-homing binds memory to other nodes without libvirt's knowledge: what its
 * XML says counts only where it agrees with the cpuset. */
static void fill_tuning(struct guest *guest)
{
	for (size_t i = 0; i < guest->n_cells && guest->has_domain; i++) {
		struct snap_cell *cell = &guest->cells[i];
		const struct domain_tune *tune =
			domain_cell_tune(&guest->domain, (size_t)cell->id);

		cell->is_spread = tune->mode == DOMAIN_TUNE_INTERLEAVE;
		cell->bound.bits =
			tune->mode == DOMAIN_TUNE_STRICT
				? tune->nodes.bits & guest->mems_allowed.bits
				: 0;
	}
}

/* What the map says of pages, and of each cell's share in them. */
static void fill_pages(struct guest *guest, struct snap_guest *snap)
{
	const struct guest_map *map = guest->built.map;

	snap->ram_bytes = map->total_bytes;
	snap->page_bytes = guest_map_pool_page_bytes(map);
	for (size_t i = 0; i < guest->n_cells; i++) {
		struct snap_cell *cell = &guest->cells[i];

		cell->pool_bytes = guest_map_cell_paged_bytes(map, cell->id,
							      snap->page_bytes);
	}
}

void guest_snapshot(struct guest *guest, struct snap_guest *ret_snap)
{
	struct snap_guest snap = {
		.name = guest->name,
		.mode = guest_mode(guest, NULL),
		.gates = gates(guest),
		.mems_allowed = guest->mems_allowed,
		.started_ns = guest->started_ns,
		.cpuset_ns = guest->cpuset.changed_ns,
		.sampled_ns = guest->sampled_ns,
		.vcpus = guest->vcpus,
		.n_vcpus = guest->n_vcpus,
		.cells = guest->cells,
		.n_cells = guest->n_cells,
		.cost = guest->cost,
		.memory = &guest->memory,
	};

	fill_tuning(guest);
	if (guest->built.map)
		fill_pages(guest, &snap);
	*ret_snap = snap;
}

enum guest_mode guest_mode(const struct guest *guest, const char **ret_source)
{
	const struct config *config = guest->env->config;
	const struct config_guest *own = config_find_guest(config, guest->name);
	const char *source = "default";
	enum guest_mode mode = config->follow;

	if (guest->has_mode) {
		source = "vmnumactl follow";
		mode = guest->mode_said;
	} else if (own && own->has_follow) {
		source = "config";
		mode = own->follow;
	} else if (guest->has_domain && guest->domain.policy.has_follow) {
		source = "metadata";
		mode = guest->domain.policy.follow;
	}
	if (ret_source)
		*ret_source = source;
	return mode;
}

bool guest_may_rehome(const struct guest *guest)
{
	const struct config_guest *own =
		config_find_guest(guest->env->config, guest->name);

	if (guest->adopted)
		return false; /* its cpuset is not libvirt's */
	if (own && own->has_rehome)
		return own->is_rehome;
	return guest->has_domain && guest->domain.policy.has_rehome &&
	       guest->domain.policy.is_rehome;
}

const char *virt_state_text(enum virt_state state)
{
	switch (state) {
	case VIRT_STATE_RUNNING:
		return "running";
	case VIRT_STATE_PAUSED:
		return "paused";
	case VIRT_STATE_CRASHED:
		return "crashed";
	case VIRT_STATE_OFF:
		break;
	}
	return "off";
}

const char *guest_state_text(const struct guest *guest)
{
	return guest->has_domain ? virt_state_text(guest->state) : "unknown";
}

void guest_take_counts(struct guest *guest, const struct cell_count *counts,
		       size_t n_counts, uint64_t now_ns)
{
	for (size_t i = 0; i < n_counts; i++)
		for (size_t c = 0; c < guest->n_cells; c++)
			if (guest->cells[c].id == counts[i].cell)
				memcpy(guest->cells[c].node_bytes,
				       counts[i].after_bytes,
				       sizeof(guest->cells[c].node_bytes));
	guest->measured_ns = now_ns;
}
