/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon.
 *
 * Theory of operation. Once a sampling period, and a moment after anything
 * happens to a guest, there is a tick: observe (observe.c) fills a snapshot,
 * decide (policy/) makes a plan of it, act (moves.c) starts a job for each
 * guest that the plan has moves for. Nothing here blocks: libvirt is asked on
 * virt_pool, guests are looked at on look_pool, pages are moved by the crew;
 * their answers come back as callbacks in the loop. Events are a reason to
 * look, never the truth: what they say is read anew from libvirt and /proc.
 */
#include "daemon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/conflicts.h"
#include "log.h"
#include "loop.h"
#include "move/crew.h"
#include "moves.h"
#include "options.h"
#include "resume.h"
#include "serve/answer.h"
#include "serve/control.h"
#include "serve/hook.h"
#include "task.h"
#include "xalloc.h"

#define NS_PER_MS 1000000ull

/* Events come in bursts (a pin for each vCPU): look once they are over. */
#define SETTLE_NS (15 * NS_PER_MS)

/* A job that starts so soon after an event was led to by it. */
#define STIRRED_NS (5000 * NS_PER_MS)

/* So much memory of another cell is worth a new job in place of one at work. */
#define SUPERSEDE_BYTES (16 * MIB)

#define VIRT_THREADS 6
#define LOOK_THREADS 2
#define QUEUE_MAX    4096

/* Guests -------------------------------------------------------------------- */

struct guest *daemon_find_guest(struct daemon *daemon, const char *name)
{
	struct guest *by_name = NULL;

	for (struct guest *g = daemon->guests; g; g = g->next) {
		if (strcmp(g->uuid.text, name) == 0)
			return g;
		if (strcmp(g->name, name) == 0)
			by_name = g;
	}
	return by_name;
}

static struct guest *get_guest(struct daemon *daemon, const struct uuid *uuid)
{
	struct guest **link = &daemon->guests;

	for (; *link; link = &(*link)->next)
		if (uuid_is_equal(&(*link)->uuid, uuid))
			return *link;
	*link = guest_create(&daemon->env, uuid);
	daemon->n_guests++;
	return *link;
}

static void drop_guest(struct daemon *daemon, struct guest *guest)
{
	struct guest **link = &daemon->guests;
	struct job_entry *entry;

	while (*link != guest)
		link = &(*link)->next;
	*link = guest->next;
	daemon->n_guests--;
	/* the job finds its process dead by itself; do not let it wait */
	entry = jobs_find(daemon->jobs, guest->active_job);
	if (entry && entry->job)
		crew_wake(daemon->crew, entry->job);
	log_info("virt", "guest %s: gone", guest->name);
	guest_destroy(guest);
	daemon->snapshot.n_guests = 0; /* it pointed into the guest */
}

static void tick_soon(struct daemon *daemon)
{
	loop_timer_set(daemon->tick_timer, SETTLE_NS);
}

/* Deciding ------------------------------------------------------------------ */

static void grow_plan(struct daemon *daemon)
{
	struct plan *plan = &daemon->plan;
	size_t n_cells = 0;

	for (struct guest *g = daemon->guests; g; g = g->next)
		n_cells += g->n_cells;
	plan->n_moves = 0;
	plan->n_decisions = 0;
	if (n_cells <= plan->cap_decisions)
		return;
	plan->cap_decisions = n_cells;
	plan->cap_moves = n_cells * 8;
	plan->decisions = xreallocarray(plan->decisions, plan->cap_decisions,
					sizeof(*plan->decisions));
	plan->moves = xreallocarray(plan->moves, plan->cap_moves,
				    sizeof(*plan->moves));
}

static bool home_overlaps(const struct home *home, struct node_mask nodes)
{
	node_each (node, nodes) {
		if (home->weight[node])
			return true;
	}
	return false;
}

/* Why an automatic job is to make way for a newer plan, given what is decided
 * about one cell now; NULL: it goes on. */
static const char *why_supersede(const struct job_entry *entry,
				 const struct decision *decision)
{
	bool is_in_job = false;

	for (size_t i = 0; i < entry->n_moves; i++) {
		const struct plan_move *move = &entry->moves[i];

		if (move->cell != decision->cell)
			continue;
		is_in_job = true;
		if (!home_overlaps(&decision->home, node_mask_of(move->to)))
			return "the vCPUs have moved on";
	}
	/* vCPUs are pinned one by one: the next one's cell joins in */
	if (!is_in_job && decision->reason == REASON_GATE &&
	    decision->gate == GATE_MOVING &&
	    decision->wrong_bytes >= SUPERSEDE_BYTES)
		return "more of the guest is to move";
	return NULL;
}

static void review_job(struct daemon *daemon, struct guest *guest,
		       const struct decision *decision)
{
	struct job_entry *entry = jobs_find(daemon->jobs, guest->active_job);
	const char *why;

	if (!entry || !entry->job || !entry->order.is_automatic ||
	    entry->is_superseded || !decision->by_affinity)
		return;
	why = why_supersede(entry, decision);
	if (!why)
		return;
	entry->is_superseded = true;
	daemon_cancel_job(daemon, entry, why);
}

/* Decisions come in the order of the guests. */
static void review_jobs(struct daemon *daemon)
{
	const struct plan *plan = &daemon->plan;
	struct guest *guest = daemon->guests;
	size_t index = 0;

	for (size_t i = 0; i < plan->n_decisions; i++) {
		while (index < plan->decisions[i].guest) {
			guest = guest->next;
			index++;
		}
		if (guest->active_job)
			review_job(daemon, guest, &plan->decisions[i]);
	}
}

static bool has_moves(const struct plan *plan, size_t index)
{
	for (size_t i = 0; i < plan->n_moves; i++)
		if (plan->moves[i].guest == index)
			return true;
	return false;
}

/* A pin a moment ago is what led to a job, else what was seen now. */
static uint64_t trigger_of(const struct daemon *daemon,
			   const struct guest *guest)
{
	uint64_t now_ns = daemon->snapshot.now_ns;

	if (guest->stirred_ns + STIRRED_NS > now_ns)
		return guest->stirred_ns;
	return now_ns;
}

static void act(struct daemon *daemon)
{
	const struct plan *plan = &daemon->plan;
	size_t index = 0;

	for (struct guest *g = daemon->guests; g; g = g->next, index++) {
		struct job_order order = {
			.is_automatic = true,
			.trigger_ns = trigger_of(daemon, g),
		};
		struct why why;

		if (g->active_job || !has_moves(plan, index))
			continue;
		if (!daemon_start_job(daemon, g, plan, &order, &why))
			log_warning("mover", "guest %s: no job: %s", g->name,
				    why.text);
	}
	review_jobs(daemon);
}

void daemon_tick(struct daemon *daemon)
{
	loop_timer_set(daemon->tick_timer, daemon->config.sample_ns);
	daemon_observe(daemon);
	grow_plan(daemon);
	policy_decide(&daemon->config.policy, &daemon->snapshot, &daemon->plan);
	act(daemon);
	for (struct guest *g = daemon->guests; g; g = g->next)
		guest_pursue(g, daemon->snapshot.now_ns);
	daemon->ticks++;
}

static void on_tick(void *arg)
{
	daemon_tick(arg);
}

/* What happens to guests ---------------------------------------------------- */

static void on_guest_known(void *arg, struct guest *guest)
{
	resume_guest(arg, guest);
	tick_soon(arg);
}

static void on_fetched(void *arg, const struct uuid *uuid, int err,
		       const struct virt_domain *domain, const struct why *why)
{
	struct daemon *daemon = arg;
	struct guest *guest = daemon_find_guest(daemon, uuid->text);

	if (!guest)
		return;
	if (err == -ENOENT || (err == 0 && domain->state == VIRT_STATE_OFF)) {
		drop_guest(daemon, guest);
		return;
	}
	guest_take_domain(guest, err, domain, why);
}

static void on_virt_up(void *arg)
{
	struct daemon *daemon = arg;

	daemon->is_virt_up = true;
	log_info("virt", "connected to libvirt%s",
		 virt_is_read_only(daemon->virt) ? ", for reading only" : "");
}

static void on_virt_down(void *arg, const struct why *why,
			 unsigned int retry_ms)
{
	struct daemon *daemon = arg;

	if (daemon->is_virt_up || strcmp(daemon->virt_why.text, why->text) != 0)
		log_warning("virt",
			    "no connection to libvirt: %s; trying "
			    "again in %u ms",
			    why->text, retry_ms);
	daemon->is_virt_up = false;
	daemon->virt_why = *why;
}

/* libvirt has listed all running guests: whose process ended meanwhile is
 * gone, and libvirt is asked about the rest. */
static void on_list_end(struct daemon *daemon)
{
	struct guest *next;

	for (struct guest *g = daemon->guests; g; g = next) {
		next = g->next;
		g->wants_domain = true;
		if (g->identity.pidfd >= 0 &&
		    identity_poll(&daemon->sys, &g->identity) < 0)
			drop_guest(daemon, g);
	}
	tick_soon(daemon);
}

static void stir(struct daemon *daemon, struct guest *guest)
{
	if (guest->sampler)
		sampler_refresh(guest->sampler);
	tick_soon(daemon);
}

static void take_event(struct daemon *daemon, struct guest *guest,
		       const struct virt_event *event)
{
	switch (event->kind) {
	case VIRT_STARTED:
		guest->started_ns = daemon->sys.ops->now_ns(daemon->sys.self);
		guest->wants_map = true;
		break;
	case VIRT_DEVICE_ADDED:
	case VIRT_DEVICE_REMOVED:
	case VIRT_MEMORY_SIZE:
		guest->wants_map = true;
		break;
	case VIRT_TUNED:
		guest->stirred_ns = daemon->sys.ops->now_ns(daemon->sys.self);
		break;
	case VIRT_BALLOON:
		guest->wants_measure = true;
		return;
	default:
		break;
	}
	guest->wants_domain = true;
	guest->retry_ns = 0;
	stir(daemon, guest);
}

static void on_virt_event(void *arg, const struct virt_event *event)
{
	struct daemon *daemon = arg;
	struct guest *guest;

	if (event->kind == VIRT_LIST_END) {
		on_list_end(daemon);
		return;
	}
	if (event->kind == VIRT_STOPPED) {
		guest = daemon_find_guest(daemon, event->uuid.text);
		if (guest)
			drop_guest(daemon, guest);
		return;
	}
	guest = get_guest(daemon, &event->uuid);
	log_debug("virt", "guest %s: event %d %s", guest->name,
		  (int)event->kind, event->detail);
	take_event(daemon, guest, event);
}

/* The hook script only makes us look sooner. */
static void on_hook(void *arg, const struct hook_word *word)
{
	struct daemon *daemon = arg;

	log_debug("virt", "hook: %s %s of %s", word->op, word->subop,
		  word->name);
	if (daemon->is_virt_up)
		virt_relist(daemon->virt);
	tick_soon(daemon);
}

/* Life ---------------------------------------------------------------------- */

static const struct virt_handlers virt_handlers = {
	.on_up = on_virt_up,
	.on_down = on_virt_down,
	.on_event = on_virt_event,
};

/* What an administrator should know of this host before anything moves. */
static void warn_of_host(struct daemon *daemon)
{
	struct host_conflicts conflicts;

	if (node_mask_count(daemon->topo.has_memory) < 2)
		log_warning("host", "this host has one memory node: there is "
				    "nothing to move between; watching only");
	if (host_conflicts_read(&daemon->sys, daemon->topo.has_memory,
				&conflicts) < 0)
		return;
	if (conflicts.numa_balancing > 0)
		log_warning("host", "kernel.numa_balancing is on and moves the "
				    "same pages by other rules; with pinned "
				    "guests, set it to 0");
	if (!node_mask_is_empty(conflicts.closed))
		log_warning("host", "our own cpuset lacks some memory nodes: "
				    "moves to them will fail; run vmnumad "
				    "outside of it");
}

static int open_sockets(struct daemon *daemon, struct why *why)
{
	const struct config *config = &daemon->config;
	struct control_settings settings = {
		.path = daemon->options->socket_path
				? daemon->options->socket_path
				: config->socket_path,
		.fd = -1,
		.verbs = answer_verbs(),
		.arg = daemon,
	};
	struct why hook_why;
	int err;

	err = control_create(daemon->loop, &settings, &daemon->control, why);
	if (err < 0)
		return err;
	if (hook_create(daemon->loop, config->hook_path, on_hook, daemon,
			&daemon->hook, &hook_why) < 0)
		log_warning("hook", "%s; going on without hooks",
			    hook_why.text);
	return 0;
}

static void create_parts(struct daemon *daemon)
{
	const struct config *config = &daemon->config;
	struct crew_config crew = {
		.n_threads = config->n_movers,
		.calls_per_s = config->calls_per_s,
	};
	struct virt_options virt = {
		.uri = daemon->options->uri ? daemon->options->uri
					    : config->uri,
	};

	resume_load(daemon);
	daemon->jobs = jobs_create(daemon->journal.last_id);
	daemon->virt_pool =
		task_pool_create(daemon->loop, "virt", VIRT_THREADS, QUEUE_MAX);
	daemon->look_pool =
		task_pool_create(daemon->loop, "look", LOOK_THREADS, QUEUE_MAX);
	daemon->crew = crew_create(daemon->loop, &daemon->sys, &crew,
				   daemon_on_job_ended, daemon);
	daemon->virt = virt_create(daemon->loop, daemon->virt_pool, &virt,
				   &virt_handlers, daemon);
	daemon->tick_timer = loop_timer_add(daemon->loop, on_tick, daemon);
	daemon->watch_timer =
		loop_timer_add(daemon->loop, daemon_on_watch, daemon);
	daemon->env = (struct guest_env) {
		.sys = &daemon->sys,
		.config = &daemon->config,
		.pool = daemon->look_pool,
		.virt = daemon->virt,
		.on_fetched = on_fetched,
		.on_known = on_guest_known,
		.arg = daemon,
	};
}

int daemon_init(struct daemon *daemon, struct loop *loop, const struct sys *sys,
		const struct options *options, struct config *config,
		struct why *why)
{
	int err;

	*daemon = (struct daemon) {
		.options = options,
		.config = *config,
		.sys = *sys,
		.loop = loop,
	};
	*config = (struct config) { 0 };
	err = topology_read(&daemon->sys, &daemon->topo, why);
	if (err < 0)
		return err;
	warn_of_host(daemon);
	create_parts(daemon);
	err = open_sockets(daemon, why);
	if (err < 0)
		return err;
	err = virt_start(daemon->virt, why);
	if (err < 0)
		return err;
	tick_soon(daemon);
	return 0;
}

void daemon_finish(struct daemon *daemon)
{
	struct guest *next;

	hook_destroy(daemon->hook);
	control_destroy(daemon->control);
	virt_destroy(daemon->virt);
	crew_destroy(daemon->crew);
	task_pool_destroy(daemon->look_pool, 2000);
	task_pool_destroy(daemon->virt_pool, 500);
	for (struct guest *g = daemon->guests; g; g = next) {
		next = g->next;
		guest_destroy(g);
	}
	jobs_destroy(daemon->jobs);
	journal_finish(&daemon->journal);
	loop_timer_remove(daemon->tick_timer);
	loop_timer_remove(daemon->watch_timer);
	config_finish(&daemon->config);
	free(daemon->plan.moves);
	free(daemon->plan.decisions);
	free(daemon->snap_guests);
}

void daemon_reload(struct daemon *daemon)
{
	const char *path = daemon->options->config_path;
	struct config config;
	struct why why;

	config_init(&config);
	if (config_load(&config, path ? path : CONFIG_PATH_DEFAULT,
			path != NULL, &why) < 0) {
		log_error("config", "%s; keeping the old configuration",
			  why.text);
		config_finish(&config);
		return;
	}
	config_finish(&daemon->config);
	daemon->config = config;
	log_set_level(daemon->options->is_verbose ? LOG_LEVEL_DEBUG
						  : config.log_level);
	log_info("config", "read again; sockets, threads and connection stay "
			   "as they were");
	tick_soon(daemon);
}
