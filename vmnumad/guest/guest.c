/* SPDX-License-Identifier: Apache-2.0 */
/* One guest; see guest.h. Owned by daemon.c. */
#include "guest/guest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "guest/adopt.h"
#include "guest/monitor_virt.h"
#include "log.h"
#include "xalloc.h"

#define NS_PER_S 1000000000ull

/* A count is done again after so long, or after so many times of what it took:
 * it must not cost more than a hundredth of one CPU. */
#define MEASURE_PERIOD_NS   (20 * NS_PER_S)
#define MEASURE_LIVE_NS     (1 * NS_PER_S) /* while a job moves it */
#define MEASURE_COST_FACTOR 100
#define DOMAIN_LIVE_NS      (1 * NS_PER_S) /* libvirt is asked again */

/* Where libvirt notes the pid of a guest: a file for anyone to read. */
#define PID_FILE_FORMAT "/run/libvirt/qemu/%s.pid"

struct guest *guest_create(const struct guest_env *env, const struct uuid *uuid)
{
	struct guest *guest = xcalloc(1, sizeof(*guest));

	guest->env = env;
	guest->uuid = *uuid;
	guest->name = xstrdup(uuid->text);
	guest->seen_ns = env->sys->ops->now_ns(env->sys->self);
	guest->identity.pidfd = -1;
	guest->wants_domain = true;
	guest->wants_map = true;
	ledger_init(&guest->ledger);
	policy_guest_init(&guest->memory, NULL, 0);
	return guest;
}

/* The guest is gone before its answer came. */
static void drop_inspection(void *arg, struct inspection *inspection)
{
	inspect_destroy(inspection);
}

void guest_destroy(struct guest *guest)
{
	if (!guest)
		return;
	if (guest->inspection)
		guest->inspection->done = drop_inspection;
	domain_finish(&guest->domain);
	identity_close(guest->env->sys, &guest->identity);
	if (guest->built.map)
		map_result_finish(&guest->built);
	sampler_destroy(guest->sampler);
	adopted_free(guest->env->sys, guest->adopted);
	ledger_finish(&guest->ledger);
	free(guest->memory_vcpus);
	free(guest->vcpus);
	free(guest->tids);
	free(guest->cpus);
	free(guest->cells);
	free(guest->name);
	free(guest);
}

/* Questions ---------------------------------------------------------------- */

/* After a failure the next try comes later each time, a minute at most. */
static void note_failure(struct guest *guest, uint64_t now_ns)
{
	unsigned int shift = guest->failures < 6 ? guest->failures : 6;

	guest->failures++;
	guest->retry_ns = now_ns + u64_min(NS_PER_S << shift, 60 * NS_PER_S);
}

static void fetch(struct guest *guest)
{
	const struct guest_env *env = guest->env;

	if (virt_fetch(env->virt, &guest->uuid, guest->wants_domain,
		       env->on_fetched, env->arg) < 0)
		return; /* the next tick asks again */
	guest->wants_domain = false;
	guest->wants_state = false;
	guest->is_fetching = true;
	guest->asked_ns = env->sys->ops->now_ns(env->sys->self);
}

static void take_info(struct guest *guest, const struct domain_info *info)
{
	domain_finish(&guest->domain);
	guest->domain = *info;
	guest->has_domain = true;
	free(guest->name);
	guest->name = xstrdup(info->name);
	if (*info->policy.wrong.text)
		log_warning("virt", "guest %s: metadata: %s; ignoring it",
			    guest->name, info->policy.wrong.text);
}

void guest_take_domain(struct guest *guest, int err,
		       const struct virt_domain *domain, const struct why *why)
{
	uint64_t now_ns = guest->env->sys->ops->now_ns(guest->env->sys->self);
	struct domain_info info = { 0 };
	struct why wrong = { "" };

	guest->is_fetching = false;
	if (err < 0 && why)
		wrong = *why;
	if (err == 0 && domain->xml)
		err = domain_parse(domain->xml, domain->xml_len, &info, &wrong);
	if (err < 0) {
		log_warning("virt",
			    "guest %s: libvirt's answer: %s; asking "
			    "again later",
			    guest->name, wrong.text);
		guest->wants_domain = true;
		note_failure(guest, now_ns);
		return;
	}
	if (domain->xml)
		take_info(guest, &info);
	guest->state = domain->state;
	guest->job = domain->job;
	guest->is_postcopy = domain->is_postcopy;
	guest_pursue(guest, now_ns);
	guest->env->on_known(guest->env->arg, guest);
}

/* A way to ask its QEMU, or to do without. 0, or -errno with why. */
static int open_monitor(struct guest *guest, struct inspection *i,
			struct why *why)
{
	const struct guest_env *env = guest->env;
	const struct config_guest *own =
		config_find_guest(env->config, guest->name);

	i->is_qmp_checked = guest->adopted && guest->adopted->qmp_path;
	if (i->is_qmp_checked)
		i->qmp_path = xstrdup(guest->adopted->qmp_path);
	else if (own && own->qmp_path)
		i->qmp_path = xstrdup(own->qmp_path);
	if (i->qmp_path || guest->adopted)
		return 0;
	if (!env->config->is_passthrough) {
		why_set(why, "libvirt's monitor is not to be used "
			     "(passthrough = no) and the guest has no QMP "
			     "socket of ours");
		return -EPERM;
	}
	return monitor_virt_open(env->virt, &guest->uuid, &i->monitor, why);
}

/* What was known of its process is void. */
static void forget_process(struct guest *guest)
{
	identity_close(guest->env->sys, &guest->identity);
	if (guest->built.map)
		map_result_finish(&guest->built);
	guest->built = (struct map_result) { 0 };
	guest->held_by = NULL;
	sampler_destroy(guest->sampler);
	guest->sampler = NULL;
	guest->cpuset = (struct cpuset_watch) { 0 };
	guest->n_cells = 0;
}

/* Keep what it says of the process; true when there is a process. */
static bool take_process(struct guest *guest, struct inspection *i)
{
	const struct guest_env *env = guest->env;

	if (i->err == -ESRCH)
		forget_process(guest);
	if (i->err < 0)
		return false;
	if (guest->identity.pidfd >= 0 &&
	    guest->identity.pid == i->identity.pid &&
	    guest->identity.start_ticks == i->identity.start_ticks)
		return true;
	identity_close(env->sys, &guest->identity);
	guest->identity = i->identity;
	i->identity.pidfd = -1;
	sampler_destroy(guest->sampler);
	guest->sampler = sampler_create(env->sys, guest->identity.pid);
	guest->cpuset = (struct cpuset_watch) { 0 };
	return true;
}

static void take_map(struct guest *guest, struct inspection *i)
{
	bool is_new;

	if (!i->built.map) {
		guest->map_why = i->why;
		return;
	}
	is_new = !guest->built.map ||
		 !guest_map_is_equal(guest->built.map, i->built.map);
	if (guest->built.map)
		map_result_finish(&guest->built);
	guest->built = i->built;
	i->built = (struct map_result) { 0 };
	guest->map_why = (struct why) { "" };
	if (guest->adopted)
		adopt_take_cells(guest);
	sampler_set_hint(guest->sampler, &guest->built.cpus);
	ledger_keep(&guest->ledger, guest->built.map);
	if (!is_new)
		return;
	log_info("map",
		 "guest %s: process %d, QEMU %s, %llu MiB in %zu regions",
		 guest->name, (int)guest->identity.pid,
		 guest->built.qemu_version,
		 (unsigned long long)(guest->built.map->total_bytes / MIB),
		 guest->built.map->n_regions);
}

void guest_take_measure(struct guest *guest, const struct inspection *i)
{
	/* counted before what is known now, such as a job's end */
	if (!i->measure.cells || i->measure.start_ns < guest->measured_ns)
		return;
	guest->measured_ns =
		guest->env->sys->ops->now_ns(guest->env->sys->self);
	guest->measure_took_ns = i->measure.took_ns;
	guest->n_cells = i->measure.n_cells;
	guest->cells = xreallocarray(guest->cells, guest->n_cells,
				     sizeof(*guest->cells));
	for (size_t c = 0; c < guest->n_cells; c++) {
		const struct measure_cell *from = &i->measure.cells[c];
		struct snap_cell *to = &guest->cells[c];

		to->id = from->cell;
		to->size_bytes = from->size_bytes;
		to->is_measured = true;
		memcpy(to->node_bytes, from->node_bytes,
		       sizeof(to->node_bytes));
	}
}

/* The answer of a task thread, in the loop. */
static void on_inspected(void *arg, struct inspection *i)
{
	struct guest *guest = arg;
	uint64_t now_ns = guest->env->sys->ops->now_ns(guest->env->sys->self);
	bool has_asked_map = i->asks_map;
	/* an old map that could not be renewed stays in use, for a while */
	bool lacks_map = has_asked_map ? !i->built.map : *i->why.text != 0;

	guest->inspection = NULL;
	guest->is_denied = i->measure_err == -EPERM || i->err == -EPERM;
	if (take_process(guest, i)) {
		if (!i->held_err)
			guest->held_by = i->held_by;
		if (has_asked_map)
			take_map(guest, i);
		guest_take_measure(guest, i);
		adopt_take_state(guest, i);
	}
	if (i->err < 0 || lacks_map || guest->is_denied) {
		if (!*i->why.text)
			why_set(&i->why, "its memory cannot be looked at");
		if (guest->failures == 0)
			log_warning("map",
				    "guest %s: %s; trying again, less "
				    "and less often",
				    guest->name, i->why.text);
		guest->map_why = i->why;
		guest->wants_map = true;
		note_failure(guest, now_ns);
	} else {
		guest->failures = 0;
	}
	inspect_destroy(i);
	guest->env->on_known(guest->env->arg, guest);
}

/* What a guest does to its balloon is no reason to count without end. */
static bool is_measure_due(const struct guest *guest, uint64_t now_ns)
{
	uint64_t period_ns = guest->active_job || guest->wants_measure
				     ? MEASURE_LIVE_NS
				     : MEASURE_PERIOD_NS;

	period_ns = u64_max(period_ns,
			    guest->measure_took_ns * MEASURE_COST_FACTOR);
	return guest->built.map && now_ns > guest->measured_ns + period_ns;
}

static void inspect(struct guest *guest, uint64_t now_ns)
{
	const struct guest_env *env = guest->env;
	struct inspection *i = inspect_create(env->sys, &guest->uuid);
	/* not when it is only due to be asked how it is */
	bool does_count = guest->wants_map || !guest->built.map ||
			  is_measure_due(guest, now_ns);

	i->done = on_inspected;
	i->arg = guest;
	if (does_count)
		i->ask.round = guest->measure_rounds++;
	if (!strchr(guest->name, '/'))
		i->pid_file = xasprintf(PID_FILE_FORMAT, guest->name);
	if (guest->identity.pidfd >= 0)
		identity_dup(env->sys, &guest->identity, &i->known);
	if (guest->wants_map || !guest->built.map)
		i->asks_map = open_monitor(guest, i, &i->why) == 0;
	if (guest->built.map && does_count)
		i->map = guest_map_ref(guest->built.map);
	adopt_ask_state(guest, i);
	/* no other process is looked for in place of one that was adopted */
	if ((guest->adopted && i->known.pidfd < 0) ||
	    inspect_start(i, env->pool) < 0) {
		inspect_destroy(i);
		note_failure(guest, now_ns);
		return;
	}
	guest->inspection = i;
	guest->wants_map = false;
	guest->wants_measure = guest->wants_measure && !does_count;
}

/* Jobs of libvirt begin and end without an event (a dump, what is received):
 * while one is at work, or one of ours that makes way for it, ask again. */
static bool is_domain_old(const struct guest *guest, uint64_t now_ns)
{
	return (guest->active_job || guest->is_postcopy ||
		guest->job != VIRT_JOB_NONE) &&
	       now_ns > guest->asked_ns + DOMAIN_LIVE_NS;
}

void guest_pursue(struct guest *guest, uint64_t now_ns)
{
	if (now_ns < guest->retry_ns)
		return;
	if (is_domain_old(guest, now_ns))
		guest->wants_state = true;
	/* in mode off too: its name and its mode come from there */
	if ((guest->wants_domain || guest->wants_state) &&
	    !guest->is_fetching && !guest->adopted)
		fetch(guest);
	if (guest_mode(guest, NULL) == MODE_OFF)
		return;
	if (guest->has_domain && guest->state != VIRT_STATE_OFF &&
	    !guest->inspection &&
	    (guest->wants_map || is_measure_due(guest, now_ns) ||
	     adopt_is_state_due(guest, now_ns)))
		inspect(guest, now_ns);
}

/* vCPUs and memory --------------------------------------------------------- */

/* Policy remembers each vCPU; give it room when their number changes. */
static void lend_memory(struct guest *guest, size_t n)
{
	struct policy_vcpu *storage;

	if (n == guest->n_vcpus && guest->memory_vcpus)
		return;
	storage = xcalloc(n, sizeof(*storage));
	policy_guest_lend(&guest->memory, storage, n);
	free(guest->memory_vcpus);
	guest->memory_vcpus = storage;
}

static int vcpu_cell(const struct guest *guest, int id)
{
	if (guest->has_domain && id >= 0 &&
	    (unsigned int)id < guest->domain.vcpus_max)
		return guest->domain.vcpu_cells[id];
	return 0;
}

void guest_refresh_cpuset(struct guest *guest)
{
	if (guest->sampler)
		sampler_refresh_affinity(guest->sampler);
}

/* While a guest starts, or a vCPU comes or goes, libvirt makes its cgroups. */
static bool is_being_made(const struct guest *guest, size_t n_vcpus,
			  uint64_t now_ns)
{
	uint64_t grace_ns = guest->env->config->policy.grace_ns;

	return n_vcpus != guest->n_vcpus ||
	       (guest->started_ns && now_ns < guest->started_ns + grace_ns);
}

/* Threads are looked at one by one, some each time: where the nodes that they
 * may use have changed, all are looked at again before it is believed. */
static int take_sample(struct guest *guest, const struct topology *topo,
		       const struct vcpu_sample **ret_samples, size_t *ret_n)
{
	const struct sys *sys = guest->env->sys;
	uint64_t now_ns = sys->ops->now_ns(sys->self);
	int err = sampler_take(guest->sampler, topo, ret_samples, ret_n);

	if (err == 0 && sampler_mems_allowed(guest->sampler).bits !=
				guest->cpuset.known.bits) {
		sampler_refresh_affinity(guest->sampler);
		err = sampler_take(guest->sampler, topo, ret_samples, ret_n);
	}
	if (err < 0)
		return err;
	guest->mems_allowed = sampler_mems_allowed(guest->sampler);
	cpuset_watch_see(&guest->cpuset, guest->mems_allowed,
			 is_being_made(guest, *ret_n, now_ns), now_ns);
	return 0;
}

int guest_sample(struct guest *guest, const struct topology *topo)
{
	const struct vcpu_sample *samples;
	size_t n;
	int err;

	if (!guest->sampler || !sampler_is_due(guest->sampler))
		return 0;
	err = take_sample(guest, topo, &samples, &n);
	if (err < 0)
		return err;
	guest->sampled_ns = guest->env->sys->ops->now_ns(guest->env->sys->self);
	lend_memory(guest, n);
	if (n != guest->n_vcpus || !guest->vcpus) {
		/* only libvirt tells of vCPUs that are plugged in */
		if (guest->adopted && guest->vcpus)
			guest->wants_map = true;
		guest->vcpus =
			xreallocarray(guest->vcpus, n, sizeof(*guest->vcpus));
		guest->tids =
			xreallocarray(guest->tids, n, sizeof(*guest->tids));
		guest->cpus =
			xreallocarray(guest->cpus, n, sizeof(*guest->cpus));
		guest->n_vcpus = n;
	}
	for (size_t i = 0; i < n; i++) {
		guest->vcpus[i] = (struct snap_vcpu) {
			.id = samples[i].id,
			.cell = vcpu_cell(guest, samples[i].id),
			.allowed = samples[i].allowed,
			.node = samples[i].node,
			.run_ns = samples[i].run_ns,
		};
		guest->tids[i] = samples[i].tid;
		guest->cpus[i] = samples[i].cpu;
	}
	return 0;
}
