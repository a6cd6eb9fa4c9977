/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs "adopt" and "release" over a real socket, with a fake host behind
 * them: what is asked in the wrong way, what is refused, and the whole way from
 * a process to a guest, into the journal, and back.
 */
#include <check.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adopted.h"
#include "daemon.h"
#include "fake_sys.h"
#include "guest/adopt.h"
#include "harness.h"
#include "history.h"
#include "loop.h"
#include "serve/answer.h"
#include "task.h"
#include "xalloc.h"

#define N(array) ((int)(sizeof(array) / sizeof((array)[0])))

#define ASK(method, params)                                                    \
	"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" method                   \
	"\",\"params\":" params "}\n"
#define RESULT(text) "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":" text "}\n"
#define ERROR(code, exit, text)                                                \
	"{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":" code              \
	",\"message\":\"" text "\",\"data\":{\"exit\":" exit "}}}\n"

#define ADOPTED                                                                \
	"{\"guest\":\"web\",\"uuid\":\"00001092-766e-8000-8000-000000000309\"" \
	",\"pid\":4242,\"inferred\":true}"

static struct daemon *daemon_now; /* what the verbs work on */
static struct fake_sys *host; /* what the daemon works on */

static int run_adopt(void *arg, struct control_call *call,
		     struct json_object *params)
{
	return answer_adopt(daemon_now, call, params);
}

static int run_release(void *arg, struct control_call *call,
		       struct json_object *params)
{
	return answer_release(daemon_now, call, params);
}

static const struct control_verb verbs[] = {
	{ "adopt", CONTROL_READ, run_adopt },
	{ "release", CONTROL_READ, run_release },
	{ NULL, 0, NULL },
};

static void on_tick(void *arg)
{
}

/* A QEMU called web, of 256 MiB and one vCPU. */
static void set_process(void)
{
	static const char cmdline[] = "kvm\0-m\0"
				      "256\0-name\0web\0";

	fake_process(host, 4242);
	fake_file_bytes(host, "/proc/4242/cmdline", cmdline,
			sizeof(cmdline) - 1);
	fake_file(host, "/proc/4242/task/4242/stat",
		  "4242 (qemu) S 1 1 1 0 -1 0 0 0 0 0 5 6 0 0 20 0 1 0 777 1 1 "
		  "1 1 1 1 1 1 1 1 1 1 1 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n");
	fake_file(host, "/proc/4242/status",
		  "Name:\tqemu\nUid:\t0\t0\t0\t0\nNSpid:\t4242\n");
	fake_file(host, "/proc/4242/maps",
		  "7f0000000000-7f0010000000 rw-p 00000000 00:00 0 \n"
		  "7f1000000000-7f1000003000 rw-s 00000000 00:0e 1035 "
		  "anon_inode:kvm-vcpu:0\n");
	fake_file(host, "/proc/4242/fd/0", "/dev/null");
	fake_file(host, "/proc/4242/task/4250/comm", "CPU 0/KVM\n");
}

static void setup(void)
{
	serve_setup();
	host = fake_sys_create(FAKE_LINUX_6_12);
	set_process();
	daemon_now = xcalloc(1, sizeof(*daemon_now));
	daemon_now->loop = serve.loop;
	daemon_now->sys = fake_sys_door(host);
	daemon_now->history = history_create();
	daemon_now->jobs = jobs_create(0, (struct mover) { 0 });
	daemon_now->look_pool = task_pool_create(serve.loop, "look", 1, 16);
	daemon_now->tick_timer = loop_timer_add(serve.loop, on_tick, NULL);
	config_init(&daemon_now->config);
	free(daemon_now->config.journal_path);
	daemon_now->config.journal_path = xasprintf("%s/journal", serve.folder);
	daemon_now->env = (struct guest_env) {
		.sys = &daemon_now->sys,
		.config = &daemon_now->config,
	};
	start_with(verbs, 0);
}

static void teardown(void)
{
	struct guest *next;

	task_pool_destroy(daemon_now->look_pool, 1000);
	for (struct guest *g = daemon_now->guests; g; g = next) {
		next = g->next;
		guest_destroy(g);
	}
	loop_timer_remove(daemon_now->tick_timer);
	unlink(daemon_now->config.journal_path);
	config_finish(&daemon_now->config);
	journal_finish(&daemon_now->journal);
	jobs_destroy(daemon_now->jobs);
	serve_teardown();
	history_destroy(daemon_now->history);
	free(daemon_now);
	ck_assert_uint_eq(fake_open_handles(host), 0);
	fake_sys_destroy(host);
}

static void dialog(const char *request, const char *reply)
{
	int fd = client_open();

	say(fd, request);
	expect(fd, reply);
	close(fd);
}

/* A guest of libvirt's. */
static struct guest *libvirt_guest(const char *name)
{
	const struct uuid uuid = { "11111111-2222-3333-4444-555555555555" };
	struct guest *guest = daemon_get_guest(daemon_now, &uuid);

	free(guest->name);
	guest->name = xstrdup(name);
	return guest;
}

static const struct {
	const char *request;
	const char *reply;
} dialogs[] = {
	{ ASK("adopt", "{}"), ERROR("-32602", "2", "\\\"pid\\\" is missing") },
	{ ASK("adopt", "{\"pid\":4242,\"qmp\":\"run/x\"}"),
	  ERROR("-32602", "2",
		"\\\"qmp\\\" must be a path from / on, of 107 bytes at "
		"most") },
	{ ASK("adopt", "{\"pid\":4242,\"name\":\"a\\nb\"}"),
	  ERROR("-32602", "2",
		"\\\"name\\\" must be 1 to 127 bytes without control "
		"characters") },
	{ ASK("adopt", "{\"pid\":4711}"),
	  ERROR("-32002", "4", "there is no process 4711") },
	{ ASK("release", "{\"guest\":\"theirs\"}"),
	  ERROR("-32002", "4",
		"guest theirs is libvirt's and cannot be released; "
		"\\\"vmnumactl follow theirs off\\\" leaves it alone") },
	{ ASK("adopt", "{\"pid\":4242,\"name\":\"theirs\"}"),
	  ERROR("-32002", "4",
		"there is a guest called theirs; give process 4242 another "
		"name with --name") },
	{ ASK("adopt", "{\"pid\":4242}"), RESULT(ADOPTED) },
};

START_TEST(wrong_and_right_questions_are_answered)
{
	libvirt_guest("theirs");
	dialog(dialogs[_i].request, dialogs[_i].reply);
}
END_TEST

START_TEST(process_of_libvirt_is_not_adopted)
{
	struct guest *guest = libvirt_guest("theirs");

	guest->identity.pid = 4242;
	ck_assert_int_eq(
		daemon_now->sys.ops->open_process(daemon_now->sys.self, 4242,
						  &guest->identity.pidfd),
		0);
	dialog(ASK("adopt", "{\"pid\":4242}"),
	       ERROR("-32002", "4",
		     "libvirt manages process 4242, as guest theirs: there is "
		     "nothing to adopt"));
}
END_TEST

/* The newest happening. */
static void take_newest(void *arg, const struct happening *happening)
{
	*(struct happening *)arg = *happening;
}

static void expect_newest(const char *text, const char *reason)
{
	struct happening newest;

	history_each(daemon_now->history, take_newest, &newest);
	ck_assert_str_eq(newest.text, text);
	ck_assert_str_eq(newest.reason.text, reason);
}

static size_t adopted_in_journal(void)
{
	struct journal journal;
	struct why why;
	size_t n;

	ck_assert_int_eq(
		journal_load(daemon_now->config.journal_path, &journal, &why),
		0);
	n = journal.n_adopted;
	journal_finish(&journal);
	return n;
}

START_TEST(guest_is_kept_until_it_is_released)
{
	dialog(ASK("adopt", "{\"pid\":4242}"), RESULT(ADOPTED));
	expect_newest("it is watched from now on", "process 4242 was adopted");
	ck_assert_uint_eq(adopted_in_journal(), 1);
	dialog(ASK("adopt", "{\"pid\":4242}"),
	       ERROR("-32002", "4",
		     "process 4242 is adopted already, as guest web"));
	dialog(ASK("release", "{\"guest\":\"web\"}"), RESULT(ADOPTED));
	expect_newest("it is watched no more", "an administrator released it");
	ck_assert_uint_eq(adopted_in_journal(), 0);
	ck_assert_ptr_null(daemon_now->guests);
}
END_TEST

START_TEST(ended_process_is_let_go)
{
	dialog(ASK("adopt", "{\"pid\":4242}"), RESULT(ADOPTED));
	adopted_watch(daemon_now);
	ck_assert_ptr_nonnull(daemon_now->guests);
	fake_process_exit(host, 4242);
	adopted_watch(daemon_now);
	ck_assert_ptr_null(daemon_now->guests);
	expect_newest("it is watched no more", "its process has ended");
	ck_assert_uint_eq(adopted_in_journal(), 0);
}
END_TEST

/* ticks: when the process of the journal started. */
static void resume(uint64_t ticks)
{
	struct journal *journal = &daemon_now->journal;

	journal->adopted = xcalloc(1, sizeof(*journal->adopted));
	journal->n_adopted = 1;
	journal->adopted[0] = (struct journal_adopted) {
		.pid = 4242,
		.start_ticks = ticks,
		.name = "kept",
	};
	adopted_resume(daemon_now);
	while (journal->n_adopted > 0)
		turn();
}

START_TEST(restart_takes_the_same_process_on)
{
	resume(777);
	ck_assert_ptr_nonnull(daemon_now->guests);
	ck_assert_str_eq(daemon_now->guests->name, "kept");
	ck_assert_uint_eq(adopted_in_journal(), 1);
}
END_TEST

START_TEST(restart_leaves_another_process_alone)
{
	resume(778);
	ck_assert_ptr_null(daemon_now->guests);
	ck_assert_uint_eq(adopted_in_journal(), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("adopt");
	TCase *tests = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, wrong_and_right_questions_are_answered, 0,
			    N(dialogs));
	tcase_add_test(tests, process_of_libvirt_is_not_adopted);
	tcase_add_test(tests, guest_is_kept_until_it_is_released);
	tcase_add_test(tests, ended_process_is_let_go);
	tcase_add_test(tests, restart_takes_the_same_process_on);
	tcase_add_test(tests, restart_leaves_another_process_alone);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
