/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens to guests, as libvirt, the hook and finished inspections tell
 * it. An event is a reason to look and never the truth: it marks what is to be
 * asked again, and brings the next tick forward.
 */
#include "events.h"

#include <errno.h>
#include <string.h>

#include "adopted.h"
#include "daemon.h"
#include "log.h"
#include "resume.h"
#include "serve/hook.h"
#include "tell.h"

void events_on_guest_known(void *arg, struct guest *guest)
{
	struct daemon *daemon = arg;
	struct job_entry *entry = jobs_find(daemon->jobs, guest->active_job);

	if (entry && guest->built.map)
		job_entry_remap(entry, guest->built.map);
	resume_guest(daemon, guest);
	daemon_tick_soon(daemon);
}

void events_on_fetched(void *arg, const struct uuid *uuid, int err,
		       const struct virt_domain *domain, const struct why *why)
{
	struct daemon *daemon = arg;
	struct guest *guest = daemon_find_guest(daemon, uuid->text);
	struct why known_wrong;
	bool is_new;

	if (!guest || guest->adopted)
		return;
	if (err == -ENOENT || (err == 0 && domain->state == VIRT_STATE_OFF)) {
		daemon_drop_guest(daemon, guest);
		return;
	}
	is_new = !guest->has_domain;
	known_wrong = guest->domain.policy.wrong;
	guest_take_domain(guest, err, domain, why);
	if (is_new && guest->has_domain)
		tell_guest(daemon, guest, true);
	/* once, not at each look */
	if (*guest->domain.policy.wrong.text &&
	    strcmp(guest->domain.policy.wrong.text, known_wrong.text) != 0)
		tell_refused(daemon, guest, "the policy in its metadata",
			     guest->domain.policy.wrong.text);
}

static void on_virt_up(void *arg)
{
	struct daemon *daemon = arg;

	daemon->is_virt_up = true;
	log_info("virt", "connected to libvirt%s",
		 virt_is_read_only(daemon->virt) ? ", for reading only" : "");
	tell_libvirt(daemon, true, NULL);
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
	if (daemon->is_virt_up || !*daemon->virt_why.text)
		tell_libvirt(daemon, false, why);
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
		if (g->adopted)
			continue;
		g->wants_domain = true;
		if (g->identity.pidfd >= 0 &&
		    identity_poll(&daemon->sys, &g->identity) < 0)
			daemon_drop_guest(daemon, g);
	}
	daemon_tick_soon(daemon);
}

static void stir(struct daemon *daemon, struct guest *guest)
{
	if (guest->sampler)
		sampler_refresh(guest->sampler);
	daemon_tick_soon(daemon);
}

/* It has landed here (or stayed, after a migration that failed): what was known
 * of its memory is from before most of it came. */
static bool has_landed(const struct virt_event *event)
{
	return event->kind == VIRT_RESUMED &&
	       (strcmp(event->detail, "migrated") == 0 ||
		strcmp(event->detail, "postcopy") == 0);
}

static void take_event(struct daemon *daemon, struct guest *guest,
		       const struct virt_event *event)
{
	switch (event->kind) {
	case VIRT_STARTED:
		/* one that comes in has its memory when it lands */
		if (strcmp(event->detail, "migrated") != 0)
			guest->started_ns =
				daemon->sys.ops->now_ns(daemon->sys.self);
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
		guest->wants_map |= has_landed(event);
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
	guest = daemon_find_guest(daemon, event->uuid.text);
	if (guest && guest->adopted) {
		if (event->kind == VIRT_STOPPED)
			return; /* a guest of libvirt's that we never had */
		adopted_drop(daemon, guest, "libvirt manages it now");
		guest = NULL;
	}
	if (event->kind == VIRT_STOPPED) {
		if (guest)
			daemon_drop_guest(daemon, guest);
		return;
	}
	guest = daemon_get_guest(daemon, &event->uuid);
	log_debug("virt", "guest %s: event %d %s", guest->name,
		  (int)event->kind, event->detail);
	take_event(daemon, guest, event);
}

/* The hook script only makes us look sooner. */
void events_on_hook(void *arg, const struct hook_word *word)
{
	struct daemon *daemon = arg;

	log_debug("virt", "hook: %s %s of %s", word->op, word->subop,
		  word->name);
	if (daemon->is_virt_up)
		virt_relist(daemon->virt);
	daemon_tick_soon(daemon);
}

const struct virt_handlers *events_virt_handlers(void)
{
	static const struct virt_handlers handlers = {
		.on_up = on_virt_up,
		.on_down = on_virt_down,
		.on_event = on_virt_event,
	};

	return &handlers;
}
