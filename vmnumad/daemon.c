/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon.
 *
 * Theory of operation. Once a sampling period, and a moment after anything
 * happens to a guest, there is a tick: observe (observe.c) fills a snapshot,
 * decide (policy/) makes a plan of it, act (tick.c) starts a job for each
 * guest that the plan has moves for. Nothing here blocks: libvirt is asked on
 * virt_pool, guests are looked at on look_pool, pages are moved by the crew;
 * their answers come back as callbacks in the loop. Events are a reason to
 * look, never the truth: what they say is read anew from libvirt and /proc.
 */
#include "daemon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "adopted.h"
#include "core.h"
#include "ends.h"
#include "events.h"
#include "history.h"
#include "log.h"
#include "loop.h"
#include "move/crew.h"
#include "move/pools.h"
#include "options.h"
#include "rehome.h"
#include "resume.h"
#include "serve/answer.h"
#include "serve/control.h"
#include "serve/hook.h"
#include "task.h"
#include "tell.h"
#include "xalloc.h"

#define NS_PER_MS 1000000ull

/* Events come in bursts (a pin for each vCPU): look once they are over. */
#define SETTLE_NS (15 * NS_PER_MS)

#define VIRT_THREADS 6
#define LOOK_THREADS 2
#define QUEUE_MAX    4096

/* Guests -------------------------------------------------------------------- */

struct guest *daemon_get_guest(struct daemon *daemon, const struct uuid *uuid)
{
	struct guest **link = &daemon->guests;

	for (; *link; link = &(*link)->next)
		if (uuid_is_equal(&(*link)->uuid, uuid))
			return *link;
	*link = guest_create(&daemon->env, uuid);
	daemon->n_guests++;
	return *link;
}

void daemon_drop_guest(struct daemon *daemon, struct guest *guest)
{
	core_forget_guest(daemon, guest);
	guest_destroy(guest);
}

/* Ticks and orders ---------------------------------------------------------- */

void daemon_tick(struct daemon *daemon)
{
	loop_timer_set(daemon->tick_timer, daemon->config.sample_ns);
	adopted_watch(daemon);
	daemon_observe(daemon);
	rehome_mend(daemon);
	if (core_tick(daemon))
		resume_save(daemon);
	for (struct guest *g = daemon->guests; g; g = g->next)
		guest_pursue(g, daemon->snapshot.now_ns);
	daemon->ticks++;
}

void daemon_tick_soon(struct daemon *daemon)
{
	loop_timer_set(daemon->tick_timer, SETTLE_NS);
}

int daemon_plan_order(struct daemon *daemon, struct guest *guest,
		      const struct job_order *order, struct plan *ret_plan,
		      struct refused *ret_refused)
{
	/* its cpuset may be another one since it was read last, by our hand too */
	if (guest->sampler)
		sampler_refresh(guest->sampler);
	daemon_observe(daemon);
	return core_plan_order(daemon, guest, order, ret_plan, ret_refused);
}

struct job_entry *daemon_start_job(struct daemon *daemon, struct guest *guest,
				   const struct plan *plan,
				   const struct job_order *order,
				   struct why *why)
{
	struct job_entry *entry =
		core_start_job(daemon, guest, plan, order, why);

	if (!entry)
		return NULL;
	daemon_tick_soon(daemon);
	resume_save(daemon);
	return entry;
}

/* Life ---------------------------------------------------------------------- */

static void on_tick(void *arg)
{
	daemon_tick(arg);
}

/* Conflicts are told by the first tick. */
static void warn_of_host(const struct daemon *daemon)
{
	if (node_mask_count(daemon->topo.has_memory) < 2)
		log_warning("host", "this host has one memory node: there is "
				    "nothing to move between; watching only");
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
	if (hook_create(daemon->loop, config->hook_path, events_on_hook, daemon,
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
		.is_read_only = config->is_read_only,
	};

	daemon->history = history_create();
	resume_load(daemon);
	daemon->virt_pool =
		task_pool_create(daemon->loop, "virt", VIRT_THREADS, QUEUE_MAX);
	daemon->look_pool =
		task_pool_create(daemon->loop, "look", LOOK_THREADS, QUEUE_MAX);
	daemon->pools = pools_create(&daemon->sys);
	daemon->crew = crew_create(daemon->loop, &daemon->sys, &crew,
				   daemon_on_job_ended, daemon);
	daemon->jobs =
		jobs_create(daemon->journal.last_id, crew_mover(daemon->crew));
	daemon->virt = virt_create(daemon->loop, daemon->virt_pool, &virt,
				   events_virt_handlers(), daemon);
	daemon->tick_timer = loop_timer_add(daemon->loop, on_tick, daemon);
	daemon->watch_timer =
		loop_timer_add(daemon->loop, daemon_on_watch, daemon);
	daemon->env = (struct guest_env) {
		.sys = &daemon->sys,
		.config = &daemon->config,
		.pool = daemon->look_pool,
		.virt = daemon->virt,
		.on_fetched = events_on_fetched,
		.on_known = events_on_guest_known,
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
	adopted_resume(daemon);
	daemon_tick_soon(daemon);
	return 0;
}

void daemon_finish(struct daemon *daemon)
{
	struct guest *next;

	hook_destroy(daemon->hook);
	control_destroy(daemon->control);
	virt_destroy(daemon->virt);
	crew_destroy(daemon->crew);
	pools_destroy(daemon->pools); /* its jobs are gone now */
	task_pool_destroy(daemon->look_pool, 2000);
	task_pool_destroy(daemon->virt_pool, 500);
	for (struct guest *g = daemon->guests; g; g = next) {
		next = g->next;
		guest_destroy(g);
	}
	jobs_destroy(daemon->jobs);
	history_destroy(daemon->history);
	journal_finish(&daemon->journal);
	journal_finish(&daemon->held);
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
		tell_config(daemon, &why);
		config_finish(&config);
		return;
	}
	config_finish(&daemon->config);
	daemon->config = config;
	log_set_level(daemon->options->is_verbose ? LOG_LEVEL_DEBUG
						  : config.log_level);
	log_info("config", "read again; sockets, threads and connection stay "
			   "as they were");
	tell_config(daemon, NULL);
	daemon_tick_soon(daemon);
}
