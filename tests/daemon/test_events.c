/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What events of libvirt make the daemon look at: above all a guest that comes
 * in by live migration, which is left alone until it has landed.
 */
#include "events.h"

#include <stdlib.h>
#include <string.h>

#include "daemon.h"
#include "fake_sys.h"
#include "loop.h"
#include "run.h"
#include "task.h"

#define NS_PER_S 1000000000ull
#define UUID     "0b9a6b1e-5a3d-4d6e-9c1f-2f6c1b7f8a11"

/* A daemon with one guest and a libvirt that is not connected. */
struct scene {
	struct fake_sys *host;
	struct daemon daemon; /* guests, env and tick_timer are used */
	struct guest *guest; /* known and looked at: it wants nothing */
	unsigned int n_ticks; /* that came */
};

static void on_tick(void *arg)
{
	struct scene *scene = arg;

	scene->n_ticks++;
	loop_stop(scene->daemon.loop);
}

static struct scene *scene_create(void)
{
	static const struct virt_options options = { 0 };
	struct scene *scene = calloc(1, sizeof(*scene));
	struct daemon *d;
	struct uuid uuid = { UUID };

	ck_assert_ptr_nonnull(scene);
	d = &scene->daemon;
	scene->host = fake_sys_create(FAKE_LINUX_6_12);
	d->sys = fake_sys_door(scene->host);
	config_init(&d->config);
	d->config.follow = MODE_OFF; /* memory is not looked at in a test */
	d->loop = loop_create();
	d->tick_timer = loop_timer_add(d->loop, on_tick, scene);
	d->virt_pool = task_pool_create(d->loop, "virt", 2, 16);
	d->virt = virt_create(d->loop, d->virt_pool, &options,
			      events_virt_handlers(), d);
	d->env = (struct guest_env) {
		.sys = &d->sys, .config = &d->config, .virt = d->virt, .arg = d
	};
	scene->guest = daemon_get_guest(d, &uuid);
	scene->guest->has_domain = true;
	scene->guest->state = VIRT_STATE_RUNNING;
	scene->guest->wants_domain = false;
	scene->guest->wants_map = false;
	return scene;
}

static void scene_destroy(struct scene *scene)
{
	struct daemon *d = &scene->daemon;

	guest_destroy(scene->guest);
	virt_destroy(d->virt);
	task_pool_destroy(d->virt_pool, 100);
	loop_timer_remove(d->tick_timer);
	loop_destroy(d->loop);
	config_finish(&d->config);
	fake_sys_destroy(scene->host);
	free(scene);
}

static const struct {
	enum virt_event_kind kind;
	const char *detail;
	bool wants_map; /* its memory is looked at anew */
	bool is_young; /* it is left alone for a while */
} events[] = {
	{ VIRT_STARTED, "booted", true, true },
	{ VIRT_STARTED, "migrated", true },
	{ VIRT_MIGRATION, "3", false },
	{ VIRT_RESUMED, "migrated", true },
	{ VIRT_RESUMED, "postcopy", true },
	{ VIRT_RESUMED, "unpaused", false },
	{ VIRT_PAUSED, "migrated", false },
	{ VIRT_TUNED, "cputune.vcpupin0=2-3", false },
	{ VIRT_DEVICE_ADDED, "dimm0", true },
};

START_TEST(event_makes_the_daemon_look_at_once)
{
	struct scene *scene = scene_create();
	struct virt_event event = { .kind = events[_i].kind, .uuid = { UUID } };

	scene->guest->retry_ns = UINT64_MAX; /* it could not be asked before */
	strcpy(event.detail, events[_i].detail);
	events_virt_handlers()->on_event(&scene->daemon, &event);
	ck_assert(scene->guest->wants_domain);
	ck_assert_msg(scene->guest->wants_map == events[_i].wants_map, "%s",
		      events[_i].detail);
	ck_assert((scene->guest->started_ns > 0) == events[_i].is_young);
	ck_assert_uint_eq(scene->guest->retry_ns, 0);
	ck_assert_int_eq(loop_run(scene->daemon.loop), 0);
	ck_assert_uint_eq(scene->n_ticks, 1);
	scene_destroy(scene);
}
END_TEST

static bool is_deferred(struct guest *guest)
{
	struct snap_guest snap;

	guest_snapshot(guest, &snap);
	return snap.gates & GATE_MIGRATING;
}

/* libvirt tells the landing, and never that the job of it is over. */
START_TEST(guest_that_lands_is_deferred_until_libvirt_knows_of_no_job)
{
	struct scene *scene = scene_create();
	struct guest *guest = scene->guest;

	guest->job = VIRT_JOB_MIGRATION_IN;
	guest->asked_ns = 1000 * NS_PER_S;
	ck_assert(is_deferred(guest));
	guest_pursue(guest, 1001 * NS_PER_S);
	ck_assert(!guest->wants_state);
	guest_pursue(guest, 1003 * NS_PER_S);
	ck_assert(guest->wants_state);
	ck_assert(is_deferred(guest));

	guest->job = VIRT_JOB_NONE; /* says the answer */
	guest->wants_state = false;
	guest_pursue(guest, 2000 * NS_PER_S);
	ck_assert(!guest->wants_state);
	ck_assert(!is_deferred(guest));
	scene_destroy(scene);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, event_makes_the_daemon_look_at_once, 0,
			    (int)(sizeof(events) / sizeof(*events)));
	tcase_add_test(
		tests,
		guest_that_lands_is_deferred_until_libvirt_knows_of_no_job);
}

int main(void)
{
	return run_tests("daemon: events", add_tests);
}
