/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest/run_state.c: what QEMU's words about itself mean for moving, and when
 * its memory devices are others.
 */
#include "guest/run_state.h"

#include <check.h>
#include <errno.h>
#include <string.h>

#include "fake_qemu.h"
#include "fake_sys.h"
#include "snapshot.h"

#define N(array) ((int)(sizeof(array) / sizeof((array)[0])))

#define STATUS(running, word)                                                  \
	"{\"return\": {\"status\": \"" word "\", \"running\": " running "}}"
#define MIGRATE(word) "{\"return\": {\"status\": \"" word "\"}}"
#define NO_MIGRATION  "{\"return\": {}}"
#define NO_DEVICES    "{\"return\": []}"
#define DIMM(size)                                                             \
	"{\"type\": \"dimm\", \"data\": {\"memdev\": \"/objects/d0\", "        \
	"\"hotplugged\": true, \"addr\": 4294967296, \"hotpluggable\": true, " \
	"\"size\": " size ", \"slot\": 0, \"node\": 1, \"id\": \"dimm0\"}}"

/* Asks a QEMU that gives these replies; NULL: it does not answer in time. */
static int ask(const char *status, const char *migration, const char *devices,
	       struct run_state *ret_state)
{
	struct fake_qemu qemu = {
		.replies = {
			[QMP_QUERY_STATUS] = status,
			[QMP_QUERY_MIGRATE] = migration,
			[QMP_QUERY_MEMORY_DEVICES] = devices,
		},
		.error = {
			[QMP_QUERY_STATUS] = status ? 0 : -ETIMEDOUT,
			[QMP_QUERY_MIGRATE] = migration ? 0 : -ETIMEDOUT,
			[QMP_QUERY_MEMORY_DEVICES] = devices ? 0 : -ETIMEDOUT,
		},
	};
	struct fake_sys *host = fake_sys_create(FAKE_LINUX_6_12);
	struct sys sys = fake_sys_door(host);
	struct monitor monitor = fake_qemu_monitor(&qemu);
	struct why why;
	int err = run_state_ask(&sys, &monitor, UINT64_MAX, ret_state, &why);

	fake_sys_destroy(host);
	return err;
}

static const struct {
	const char *status;
	const char *migration;
	enum virt_state state;
	enum virt_job job;
	bool is_postcopy;
} lives[] = {
	{ STATUS("true", "running"), NO_MIGRATION, VIRT_STATE_RUNNING,
	  VIRT_JOB_NONE, false },
	{ STATUS("false", "paused"), NO_MIGRATION, VIRT_STATE_PAUSED,
	  VIRT_JOB_NONE, false },
	{ STATUS("false", "prelaunch"), NO_MIGRATION, VIRT_STATE_PAUSED,
	  VIRT_JOB_NONE, false },
	{ STATUS("false", "guest-panicked"), NO_MIGRATION, VIRT_STATE_CRASHED,
	  VIRT_JOB_NONE, false },
	{ STATUS("false", "io-error"), NO_MIGRATION, VIRT_STATE_PAUSED,
	  VIRT_JOB_NONE, false },
	{ STATUS("false", "save-vm"), NO_MIGRATION, VIRT_STATE_PAUSED,
	  VIRT_JOB_SAVE, false },
	{ STATUS("false", "inmigrate"), NO_MIGRATION, VIRT_STATE_PAUSED,
	  VIRT_JOB_MIGRATION_IN, false },
	{ STATUS("false", "inmigrate"), MIGRATE("active"), VIRT_STATE_PAUSED,
	  VIRT_JOB_MIGRATION_IN, false },
	{ STATUS("true", "running"), MIGRATE("active"), VIRT_STATE_RUNNING,
	  VIRT_JOB_MIGRATION_OUT, false },
	{ STATUS("false", "finish-migrate"), MIGRATE("device"),
	  VIRT_STATE_PAUSED, VIRT_JOB_MIGRATION_OUT, false },
	{ STATUS("false", "postmigrate"), MIGRATE("completed"),
	  VIRT_STATE_PAUSED, VIRT_JOB_NONE, false },
	{ STATUS("true", "running"), MIGRATE("completed"), VIRT_STATE_RUNNING,
	  VIRT_JOB_NONE, false },
	{ STATUS("true", "running"), MIGRATE("postcopy-active"),
	  VIRT_STATE_RUNNING, VIRT_JOB_MIGRATION_OUT, true },
};

START_TEST(words_of_qemu_are_told_in_those_of_libvirt)
{
	struct run_state state;

	ck_assert_int_eq(
		ask(lives[_i].status, lives[_i].migration, NO_DEVICES, &state),
		0);
	ck_assert_int_eq(state.state, lives[_i].state);
	ck_assert_int_eq(state.job, lives[_i].job);
	ck_assert_int_eq(state.is_postcopy, lives[_i].is_postcopy);
}
END_TEST

static uint64_t devices_of(const char *devices)
{
	struct run_state state;

	ck_assert_int_eq(
		ask(STATUS("true", "running"), NO_MIGRATION, devices, &state),
		0);
	return state.devices;
}

START_TEST(other_memory_devices_have_another_fingerprint)
{
	static const char one[] = "{\"return\": [" DIMM("134217728") "]}";
	static const char larger[] = "{\"return\": [" DIMM("268435456") "]}";
	const struct qmp_memory_devices none = { 0 };

	ck_assert_uint_eq(devices_of(NO_DEVICES), run_state_devices(&none));
	ck_assert_uint_eq(devices_of(one), devices_of(one));
	ck_assert_uint_ne(devices_of(one), devices_of(NO_DEVICES));
	ck_assert_uint_ne(devices_of(one), devices_of(larger));
}
END_TEST

START_TEST(what_is_not_answered_or_not_understood_is_an_error)
{
	static const char strange[] = "{\"return\": {\"status\": 1}}";
	const struct run_state before = { .state = VIRT_STATE_CRASHED };
	struct run_state state = before;

	ck_assert_int_eq(ask(NULL, NO_MIGRATION, NO_DEVICES, &state),
			 -ETIMEDOUT);
	ck_assert_int_eq(
		ask(STATUS("true", "running"), NULL, NO_DEVICES, &state),
		-ETIMEDOUT);
	ck_assert_int_eq(
		ask(STATUS("true", "running"), NO_MIGRATION, NULL, &state),
		-ETIMEDOUT);
	ck_assert_int_eq(ask(strange, NO_MIGRATION, NO_DEVICES, &state),
			 -EBADMSG);
	ck_assert_int_eq(state.state, before.state);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("run_state");
	TCase *tests = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tests, words_of_qemu_are_told_in_those_of_libvirt,
			    0, N(lives));
	tcase_add_test(tests, other_memory_devices_have_another_fingerprint);
	tcase_add_test(tests,
		       what_is_not_answered_or_not_understood_is_an_error);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
