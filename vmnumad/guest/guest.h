/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One guest as the daemon knows it: what libvirt says, which process it is,
 * where its memory is mapped, where its vCPUs run and its memory lies. Keeps
 * these up to date by questions that run elsewhere (virt_fetch, inspect) and
 * fills its part of a snapshot. Everything belongs to the loop's thread.
 */
#ifndef GUEST_GUEST_H
#define GUEST_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/cpuset_watch.h"
#include "guest/domain.h"
#include "guest/identity.h"
#include "guest/inspect.h"
#include "guest/map_build.h"
#include "guest/sample.h"
#include "guest/virt.h"
#include "host/topology.h"
#include "move/ledger.h"
#include "policy/policy.h"
#include "snapshot.h"
#include "sys.h"
#include "uuid.h"

struct adopted;
struct config;
struct guest;
struct task_pool;

/* What guests need of the daemon; outlives all of them. */
struct guest_env {
	const struct sys *sys; /* the door */
	const struct config *config; /* as loaded now */
	struct task_pool *pool; /* for inspections */
	struct virt *virt; /* libvirt */
	virt_fetched_fn *on_fetched; /* hands the answer to guest_take_domain */
	void *arg; /* first argument of on_fetched */
	void (*on_known)(void *arg, struct guest *guest); /* map or counts
							   * are new */
};

/* What was told last of a cell whose moves are put off; see tell.h. */
struct guest_told {
	int cell; /* the cell's number */
	enum reason reason; /* why they are */
	unsigned int gate; /* the enum gate bit behind REASON_GATE, else 0 */
	uint64_t seen_ns; /* when this was still so */
};

struct guest {
	struct guest *next; /* in the daemon's list, which owns it */
	const struct guest_env *env; /* borrowed */
	struct uuid uuid; /* its identity for us */
	char *name; /* libvirt's name; the uuid until it is known; owned */
	uint64_t seen_ns; /* when it was first met */
	uint64_t started_ns; /* when it started, as far as we saw it */

	struct adopted *adopted; /* not libvirt's, but adopted; owned; NULL:
				  * libvirt's */

	/* What libvirt says, or what is known of an adopted one. */
	bool has_domain; /* the following are filled */
	struct domain_info domain; /* from its XML, owned */
	enum virt_state state; /* runs or not */
	enum virt_job job; /* libvirt's own long work on it */
	bool is_postcopy; /* migrating in its last phase */

	/* What the process says. */
	struct identity identity; /* its QEMU; pidfd -1: not known */
	struct map_result built; /* its map; built.map NULL: none */
	struct why map_why; /* why there is no map, "" if there is one */
	const char *held_by; /* what holds its memory, by what the process has
			      * open; static text, NULL: nothing seen */
	bool is_denied; /* the kernel refuses us the process */
	struct sampler *sampler; /* of its vCPUs, owned, NULL: no process */
	uint64_t measured_ns; /* when its memory was counted last, 0 never */
	uint64_t measure_took_ns; /* how long that took */
	uint64_t measure_rounds; /* counts begun so far */

	/* Questions under way and wanted. */
	bool wants_domain; /* ask libvirt again */
	bool wants_state; /* for its state and job only */
	bool wants_map; /* build the map again */
	bool wants_measure; /* count again soon */
	bool is_fetching; /* libvirt is being asked */
	uint64_t asked_ns; /* when it was asked last */
	struct inspection *inspection; /* under way, borrowed until done */
	uint64_t retry_ns; /* after a failure, not before */
	unsigned int failures; /* in a row */

	/* What it adds to a snapshot; arrays owned. */
	struct snap_vcpu *vcpus; /* from the last sample */
	pid_t *tids; /* their threads, same order */
	int *cpus; /* CPUs they last ran on, same order */
	size_t n_vcpus; /* length of the three */
	uint64_t sampled_ns; /* when these were looked at, 0 never */
	struct node_mask mems_allowed; /* from the last sample: nodes that its
					* cpusets allow */
	struct cpuset_watch cpuset; /* and whose word that is */
	struct snap_cell *cells; /* from the last count */
	size_t n_cells; /* length of cells */

	/* What is decided about it. */
	bool has_mode; /* follow GUEST MODE was said */
	enum guest_mode mode_said; /* then this */
	struct policy_guest memory; /* policy's own */
	struct policy_vcpu *memory_vcpus; /* its storage, owned */
	struct snap_cost cost; /* of moving its memory, as its jobs found it */
	struct ledger ledger; /* residue of its last job */
	uint64_t active_job; /* number of the job at work on it, 0 none */
	uint64_t mend_ns; /* others came in between of a re-homing: then its
			   * cpuset is to be looked at again, 0 not */
	uint64_t stirred_ns; /* the event that may lead to a job, 0 none */
	struct guest_told told[POLICY_CELLS_MAX]; /* in order of arrival */
	size_t n_told; /* filled */
};

struct guest *guest_create(const struct guest_env *env,
			   const struct uuid *uuid);
void guest_destroy(struct guest *guest); /* takes NULL */

/* Start whatever is wanted and not under way. Cheap when nothing is. */
void guest_pursue(struct guest *guest, uint64_t now_ns);

/* libvirt's answer about it; err as in virt_fetched_fn. */
void guest_take_domain(struct guest *guest, int err,
		       const struct virt_domain *domain, const struct why *why);

/* A tick has come: read the vCPUs' places, and whether others have changed its
 * cpuset, unless all has been calm and this tick is passed over (sample.h).
 * -ESRCH: its process has ended. */
int guest_sample(struct guest *guest, const struct topology *topo);

/* The next sample reads anew what its threads may use. */
void guest_refresh_cpuset(struct guest *guest);

/* Put the counts of a fresh look in; none: no change. */
void guest_take_measure(struct guest *guest, const struct inspection *looked);

/* Put counts of some cells in, as a job left them. */
void guest_take_counts(struct guest *guest, const struct cell_count *counts,
		       size_t n_counts, uint64_t now_ns);

/* Its part of a snapshot; arrays stay the guest's. */
void guest_snapshot(struct guest *guest, struct snap_guest *ret_snap);

/* How automatic mode treats it, and who says so ("config", "metadata",
 * "vmnumactl follow", "default"). */
enum guest_mode guest_mode(const struct guest *guest, const char **ret_source);

/* True when the administrator allows its cpuset to be rewritten. */
bool guest_may_rehome(const struct guest *guest);

/* "running", "paused", … for people and for list. */
const char *guest_state_text(const struct guest *guest);

#endif
