/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Observe: the first third of a tick. Reads the host's free memory and where
 * every vCPU runs; view.c puts it all into one struct snapshot for policy/.
 */
#include "core.h"
#include "log.h"
#include "tell.h"

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
	observe_host(daemon);
	observe_conflicts(daemon);
	for (struct guest *g = daemon->guests; g; g = g->next)
		daemon_sample(daemon, g);
	core_view(daemon);
}
