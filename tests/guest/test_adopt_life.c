/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of an adopted guest: its end, its state, devices and memory that
 * come and go. */
#include "guest/adopt.h"
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "adopt_scene.h"
#include "guest/inspect.h"
#include "loop.h"
#include "task.h"
#define N(array) ((int)(sizeof(array) / sizeof((array)[0])))

START_TEST(end_and_execve_are_told_apart)
{
	struct config config;
	struct guest_env env;
	struct guest *guest;
	struct scene s;

	scene_begin(&s);
	guest = make_guest(&s, &config, &env);
	ck_assert_int_eq(adopt_poll(guest), 0);
	fake_file(s.host, "/proc/4242/maps", "");
	ck_assert_int_eq(adopt_poll(guest), -ENOEXEC);
	fake_process_exit(s.host, PID);
	ck_assert_int_eq(adopt_poll(guest), -ESRCH);
	guest_destroy(guest);
	config_finish(&config);
	scene_end(&s);
}
END_TEST

START_TEST(inferred_map_closes_the_gate_unless_configured)
{
	struct config config;
	struct guest_env env;
	struct snap_guest snap;
	struct guest *guest;
	struct scene s;

	scene_begin(&s);
	guest = make_guest(&s, &config, &env);
	ck_assert_str_eq(guest_state_text(guest), "running");
	guest_snapshot(guest, &snap);
	ck_assert_uint_eq(snap.gates, GATE_INFERRED_MAP);
	config.follows_inferred = true;
	guest_snapshot(guest, &snap);
	ck_assert_uint_eq(snap.gates, 0);
	ck_assert(!guest_may_rehome(guest));
	guest_destroy(guest);
	config_finish(&config);
	scene_end(&s);
}
END_TEST

static void stop_loop(void *arg, struct guest *guest)
{
	(void)guest;
	loop_stop(arg);
}

/* Looks at the guest anew, as the daemon does from time to time. */
static unsigned int gates_after_a_look(struct guest *guest, struct loop *loop)
{
	struct snap_guest snap;

	guest_pursue(guest, guest->measured_ns + 3600 * 1000000000ull);
	ck_assert_ptr_nonnull(guest->inspection);
	ck_assert_int_eq(loop_run(loop), 0);
	guest_snapshot(guest, &snap);
	return snap.gates;
}

/* As make_guest(), and it can be looked at with gates_after_a_look(); the caller
 * destroys env's pool. */
static struct guest *make_watched_guest(struct scene *s, struct config *config,
					struct guest_env *env,
					struct loop *loop)
{
	struct guest *guest = make_guest(s, config, env);

	env->pool = task_pool_create(loop, "test", 1, 4);
	env->on_known = stop_loop;
	env->arg = loop;
	return guest;
}

/* A look may be the first to see the end: what was known of the process is gone
 * then, and it is not taken to live. */
START_TEST(end_that_a_look_has_seen_is_told_too)
{
	struct config config;
	struct guest_env env;
	struct guest *guest;
	struct loop *loop = loop_create();
	struct scene s;

	scene_begin(&s);
	guest = make_watched_guest(&s, &config, &env, loop);
	/* it lives as the look begins */
	fake_fault(s.host, FAKE_IS_ALIVE, 2, -ESRCH);
	gates_after_a_look(guest, loop);
	ck_assert_ptr_null(guest->sampler);
	ck_assert_int_eq(adopt_poll(guest), -ESRCH);
	guest_refresh_cpuset(guest);
	task_pool_destroy(env.pool, 1000);
	guest_destroy(guest);
	loop_destroy(loop);
	config_finish(&config);
	scene_end(&s);
}
END_TEST

START_TEST(device_that_comes_or_goes_is_seen_at_the_next_look)
{
	struct config config;
	struct guest_env env;
	struct guest *guest;
	struct loop *loop = loop_create();
	struct scene s;

	scene_begin(&s);
	guest = make_watched_guest(&s, &config, &env, loop);
	config.follows_inferred = true;
	ck_assert_uint_eq(gates_after_a_look(guest, loop), 0);
	fake_file(s.host, "/proc/4242/fd/17", "/dev/vfio/3");
	ck_assert_uint_eq(gates_after_a_look(guest, loop), GATE_PINNED);
	fake_fault(s.host, FAKE_EACH_ENTRY, 1, -EIO); /* nothing new is known */
	ck_assert_uint_eq(gates_after_a_look(guest, loop), GATE_PINNED);
	fake_file_remove(s.host, "/proc/4242/fd/17");
	ck_assert_uint_eq(gates_after_a_look(guest, loop), 0);
	task_pool_destroy(env.pool, 1000);
	guest_destroy(guest);
	loop_destroy(loop);
	config_finish(&config);
	scene_end(&s);
}
END_TEST

/* The command line says what it was started with, not what it has. */
START_TEST(device_closes_the_gate_while_the_process_has_it_open)
{
	struct config config;
	struct guest_env env;
	struct snap_guest snap;
	struct guest *guest;
	struct scene s;

	scene_begin(&s);
	set_cmdline(&s, QEMU "-device|vfio-pci,host=01:00.0|");
	fake_file(s.host, "/proc/4242/fd/17", "/dev/vfio/vfio");
	guest = make_guest(&s, &config, &env);
	config.follows_inferred = true;
	guest_snapshot(guest, &snap);
	ck_assert_uint_eq(snap.gates, GATE_PINNED);
	guest_destroy(guest);
	config_finish(&config);
	scene_end(&s);
}
END_TEST

static const struct {
	enum virt_state state;
	enum virt_job job;
	const char *text;
	unsigned int gates;
} lives[] = {
	{ VIRT_STATE_RUNNING, VIRT_JOB_NONE, "running", 0 },
	{ VIRT_STATE_PAUSED, VIRT_JOB_NONE, "paused", GATE_PAUSED },
	{ VIRT_STATE_CRASHED, VIRT_JOB_NONE, "crashed", GATE_PAUSED },
	{ VIRT_STATE_PAUSED, VIRT_JOB_SAVE, "paused", GATE_JOB },
	{ VIRT_STATE_PAUSED, VIRT_JOB_MIGRATION_IN, "paused", GATE_MIGRATING },
};

/* One that has a monitor, which confirmed its map. */
static struct guest *make_asked_guest(struct scene *s, struct config *config,
				      struct guest_env *env)
{
	struct guest *guest = make_guest(s, config, env);

	guest->built.is_inferred = false;
	guest->adopted->qmp_path = strdup("/run/qmp");
	return guest;
}

/* What an inspection brings that has asked the monitor. */
static struct inspection *answer_of(struct scene *s, const struct guest *guest)
{
	struct inspection *i = inspect_create(&s->sys, &guest->uuid);

	adopt_ask_state(guest, i);
	i->state.state = VIRT_STATE_RUNNING;
	i->state.devices = guest->built.devices;
	return i;
}

START_TEST(state_by_the_monitor_closes_gates)
{
	struct config config;
	struct guest_env env;
	struct inspection *i;
	struct snap_guest snap;
	struct guest *guest;
	struct scene s;

	scene_begin(&s);
	guest = make_asked_guest(&s, &config, &env);
	i = answer_of(&s, guest);
	ck_assert(i->asks_state && i->is_qmp_checked);
	ck_assert_str_eq(i->qmp_path, "/run/qmp");
	i->state.state = lives[_i].state;
	i->state.job = lives[_i].job;
	adopt_take_state(guest, i);
	ck_assert_str_eq(guest_state_text(guest), lives[_i].text);
	guest_snapshot(guest, &snap);
	ck_assert_uint_eq(snap.gates, lives[_i].gates);
	ck_assert(!guest->wants_map);
	inspect_destroy(i);
	guest_destroy(guest);
	config_finish(&config);
	scene_end(&s);
}
END_TEST

START_TEST(plugged_memory_makes_a_new_map_wanted)
{
	struct config config;
	struct guest_env env;
	struct inspection *i;
	struct guest *guest;
	struct scene s;

	scene_begin(&s);
	guest = make_asked_guest(&s, &config, &env);
	i = answer_of(&s, guest);
	i->state.devices++;
	adopt_take_state(guest, i);
	ck_assert(guest->wants_map);
	inspect_destroy(i);
	guest_destroy(guest);
	config_finish(&config);
	scene_end(&s);
}
END_TEST

static unsigned int gates_of(struct guest *guest)
{
	struct snap_guest snap;

	guest_snapshot(guest, &snap);
	return snap.gates;
}

/* Who holds it may be stopping or migrating the guest. */
START_TEST(silent_monitor_closes_the_gate_until_it_answers)
{
	struct config config;
	struct guest_env env;
	struct inspection *i;
	struct guest *guest;
	struct scene s;

	scene_begin(&s);
	guest = make_asked_guest(&s, &config, &env);
	i = answer_of(&s, guest);
	i->state_err = -EBUSY;
	adopt_take_state(guest, i);
	ck_assert_uint_eq(gates_of(guest), GATE_MONITOR);
	i->state_err = 0;
	adopt_take_state(guest, i);
	ck_assert_uint_eq(gates_of(guest), 0);
	inspect_destroy(i);
	guest_destroy(guest);
	config_finish(&config);
	scene_end(&s);
}
END_TEST

START_TEST(silent_monitor_leaves_what_is_known_and_is_asked_later)
{
	struct config config;
	struct guest_env env;
	struct inspection *i;
	struct guest *guest;
	struct scene s;

	scene_begin(&s);
	guest = make_asked_guest(&s, &config, &env);
	guest->state = VIRT_STATE_PAUSED;
	i = answer_of(&s, guest);
	i->state_err = -EBUSY;
	adopt_take_state(guest, i);
	inspect_destroy(i);
	ck_assert_str_eq(guest_state_text(guest), "paused");
	i = answer_of(&s, guest);
	ck_assert(!i->asks_state);
	inspect_destroy(i);
	fake_advance_ns(s.host, 11ull * 1000000000ull);
	i = answer_of(&s, guest);
	ck_assert(i->asks_state);
	i->state_err = -EBUSY;
	adopt_take_state(guest, i);
	inspect_destroy(i);
	fake_advance_ns(s.host, 11ull * 1000000000ull);
	i = answer_of(&s, guest);
	ck_assert(!i->asks_state);
	inspect_destroy(i);
	guest_destroy(guest);
	config_finish(&config);
	scene_end(&s);
}
END_TEST

static bool is_due_in(struct scene *s, const struct guest *guest,
		      uint64_t in_ms)
{
	return adopt_is_state_due(guest, s->sys.ops->now_ns(s->sys.self) +
						 in_ms * 1000000ull);
}

/* However long counting its memory takes, which is done less often then. */
START_TEST(how_it_is_is_asked_on_a_clock_of_its_own)
{
	struct config config;
	struct guest_env env;
	struct inspection *i;
	struct guest *guest;
	struct scene s;

	scene_begin(&s);
	guest = make_guest(&s, &config, &env);
	ck_assert(!is_due_in(&s, guest, 100000));
	guest->adopted->qmp_path = strdup("/run/qmp");
	guest->measure_took_ns = 1000000000ull;
	ck_assert(!is_due_in(&s, guest, 4900));
	ck_assert(is_due_in(&s, guest, 5100));
	guest->active_job = 1;
	ck_assert(is_due_in(&s, guest, 1100));
	guest->active_job = 0;
	fake_advance_ns(s.host, 6ull * 1000000000ull);
	i = answer_of(&s, guest);
	i->state.job = VIRT_JOB_SAVE;
	adopt_take_state(guest, i);
	inspect_destroy(i);
	ck_assert(!is_due_in(&s, guest, 900));
	ck_assert(is_due_in(&s, guest, 1100));
	guest_destroy(guest);
	config_finish(&config);
	scene_end(&s);
}
END_TEST

/* What is asked more often costs less: no page is asked for, no open file read. */
START_TEST(look_that_only_asks_does_not_count)
{
	struct config config;
	struct guest_env env;
	struct guest *guest;
	struct loop *loop = loop_create();
	struct scene s;

	scene_begin(&s);
	guest = make_watched_guest(&s, &config, &env, loop);
	gates_after_a_look(guest, loop);
	guest->adopted->qmp_path = strdup("/run/qmp");
	guest->measured_ns = s.sys.ops->now_ns(s.sys.self);
	fake_file(s.host, "/proc/4242/fd/17", "/dev/vfio/3");
	fake_advance_ns(s.host, 6ull * 1000000000ull);
	guest_pursue(guest, s.sys.ops->now_ns(s.sys.self));
	ck_assert_ptr_nonnull(guest->inspection);
	ck_assert(guest->inspection->asks_state);
	ck_assert_ptr_null(guest->inspection->map);
	ck_assert_uint_eq(guest->measure_rounds, 1);
	ck_assert_int_eq(loop_run(loop), 0);
	ck_assert_ptr_null(guest->held_by);
	task_pool_destroy(env.pool, 1000);
	guest_destroy(guest);
	loop_destroy(loop);
	config_finish(&config);
	scene_end(&s);
}
END_TEST

START_TEST(guest_without_monitor_is_not_asked)
{
	struct config config;
	struct guest_env env;
	struct inspection *i;
	struct guest *guest;
	struct scene s;

	scene_begin(&s);
	guest = make_guest(&s, &config, &env);
	i = answer_of(&s, guest);
	ck_assert(!i->asks_state);
	i->state.state = VIRT_STATE_PAUSED;
	adopt_take_state(guest, i);
	ck_assert_str_eq(guest_state_text(guest), "running");
	inspect_destroy(i);
	guest_destroy(guest);
	config_finish(&config);
	scene_end(&s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("adopted guests");
	TCase *tests = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_test(tests, end_and_execve_are_told_apart);
	tcase_add_test(tests, end_that_a_look_has_seen_is_told_too);
	tcase_add_test(tests, inferred_map_closes_the_gate_unless_configured);
	tcase_add_test(tests,
		       device_closes_the_gate_while_the_process_has_it_open);
	tcase_add_test(tests,
		       device_that_comes_or_goes_is_seen_at_the_next_look);
	tcase_add_loop_test(tests, state_by_the_monitor_closes_gates, 0,
			    N(lives));
	tcase_add_test(tests, plugged_memory_makes_a_new_map_wanted);
	tcase_add_test(tests, silent_monitor_closes_the_gate_until_it_answers);
	tcase_add_test(tests,
		       silent_monitor_leaves_what_is_known_and_is_asked_later);
	tcase_add_test(tests, how_it_is_is_asked_on_a_clock_of_its_own);
	tcase_add_test(tests, look_that_only_asks_does_not_count);
	tcase_add_test(tests, guest_without_monitor_is_not_asked);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
