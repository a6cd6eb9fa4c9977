/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest/identity.c: the right process is found, a number that is used again
 * never passes for it.
 */
#include "guest/identity.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_sys.h"

#define N(array) ((int)(sizeof(array) / sizeof((array)[0])))
#define PID_FILE "/run/libvirt/qemu/web.pid"

static const struct uuid web = { "11111111-2222-3333-4444-5555555555ab" };

struct scene {
	struct fake_sys *host;
	struct sys sys;
	struct identity identity;
	struct why why;
};

/* What /proc says of pid; '|' in cmdline stands for the NUL between
 * arguments. */
static void set_files(struct scene *s, pid_t pid, const char *cmdline,
		      unsigned int start_ticks, unsigned int stack_start)
{
	char path[64];
	char text[512];
	size_t len = strlen(cmdline);

	for (size_t i = 0; i < len; i++)
		text[i] = cmdline[i] == '|' ? '\0' : cmdline[i];
	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	fake_file_bytes(s->host, path, text, len);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", (int)pid,
		 (int)pid);
	snprintf(text, sizeof(text),
		 "%d (a) b) S 1 1 1 0 -1 0 0 0 0 0 5 6 0 0 20 0 1 0 %u 1 1 1 1 "
		 "1 %u 1 1 1 1 1 1 1 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
		 (int)pid, start_ticks, stack_start);
	fake_file(s->host, path, text);
}

static void process(struct scene *s, pid_t pid, const char *cmdline,
		    unsigned int start_ticks)
{
	fake_process(s->host, pid);
	set_files(s, pid, cmdline, start_ticks, 1);
}

#define QEMU_WEB                                                               \
	"/usr/bin/qemu-system-x86_64|-S|-uuid|"                                \
	"11111111-2222-3333-4444-5555555555ab|"

static void scene_begin(struct scene *s)
{
	memset(s, 0, sizeof(*s));
	s->host = fake_sys_create(FAKE_LINUX_6_12);
	s->sys = fake_sys_door(s->host);
	s->identity.pidfd = -1;
	process(s, 1, "/sbin/init|", 1);
	process(s, 100,
		"/usr/bin/qemu-system-x86_64|-uuid|"
		"99999999-2222-3333-4444-5555555555ab|",
		100);
	process(s, 200,
		"sh|-c|qemu -uuid "
		"11111111-2222-3333-4444-5555555555ab|",
		200);
	process(s, 300, QEMU_WEB, 300);
	fake_file(s->host, "/proc/self", "not a number");
	fake_file(s->host, PID_FILE, "300\n");
}

static void scene_end(struct scene *s)
{
	identity_close(&s->sys, &s->identity);
	ck_assert_uint_eq(fake_open_handles(s->host), 0);
	fake_sys_destroy(s->host);
}

static const struct {
	const char *what;
	const char *pid_text; /* content of the pid file; NULL: no such file */
	bool is_scanned; /* the pid file did not do */
} pid_files[] = {
	{ "right", "300\n", false },
	{ "without a line end", "300", false },
	{ "of another guest", "100\n", true },
	{ "of no process", "4000\n", true },
	{ "empty", "", true },
	{ "zero", "0\n", true },
	{ "negative", "-300\n", true },
	{ "with more behind the number", "300 1\n", true },
	{ "too large a number", "4294967596\n", true },
	{ "missing", NULL, true },
};

START_TEST(process_is_found_by_pid_file_or_else_by_search)
{
	struct scene s;

	scene_begin(&s);
	if (pid_files[_i].pid_text)
		fake_file(s.host, PID_FILE, pid_files[_i].pid_text);
	else
		fake_file_remove(s.host, PID_FILE);
	ck_assert_msg(
		identity_find(&s.sys, &web, PID_FILE, &s.identity, &s.why) == 0,
		"%s: %s", pid_files[_i].what, s.why.text);
	ck_assert_int_eq(s.identity.pid, 300);
	ck_assert_uint_eq(s.identity.start_ticks, 300);
	ck_assert_str_eq(s.identity.uuid.text, web.text);
	ck_assert_msg((fake_books(s.host).calls[FAKE_EACH_ENTRY] > 0) ==
			      pid_files[_i].is_scanned,
		      "%s", pid_files[_i].what);
	scene_end(&s);
}
END_TEST

START_TEST(without_such_a_process_nothing_is_found)
{
	struct scene s;

	scene_begin(&s);
	set_files(&s, 300, "/usr/bin/qemu-system-x86_64|-uuid|", 300, 1);
	ck_assert_int_eq(
		identity_find(&s.sys, &web, PID_FILE, &s.identity, &s.why),
		-ESRCH);
	ck_assert(strstr(s.why.text, "no QEMU process") != NULL);
	scene_end(&s);
}
END_TEST

START_TEST(two_that_claim_a_uuid_are_told_apart_by_the_pid_file_only)
{
	struct scene s;

	scene_begin(&s);
	process(&s, 250, QEMU_WEB, 250);
	ck_assert_int_eq(identity_find(&s.sys, &web, NULL, &s.identity, &s.why),
			 -EEXIST);
	ck_assert_int_eq(
		identity_find(&s.sys, &web, PID_FILE, &s.identity, &s.why), 0);
	ck_assert_int_eq(s.identity.pid, 300);
	scene_end(&s);
}
END_TEST

static const struct {
	const char *cmdline;
	const char *uuid; /* that it is asked for; NULL: any */
	int err;
	const char *found; /* uuid in the result */
} opens[] = {
	{ QEMU_WEB, NULL, 0, "11111111-2222-3333-4444-5555555555ab" },
	{ "qemu-kvm|-uuid|11111111-2222-3333-4444-5555555555AB|",
	  "11111111-2222-3333-4444-5555555555ab", 0,
	  "11111111-2222-3333-4444-5555555555ab" },
	{ "qemu-kvm|-uuid|ABCDEF11-2222-3333-4444-5555555555AB|", NULL, 0,
	  "abcdef11-2222-3333-4444-5555555555ab" },
	{ "kvm|-m|1G|", NULL, 0, "" },
	{ "kvm|-m|1G|", "11111111-2222-3333-4444-5555555555ab", -EINVAL, "" },
	{ "/qemu/bin/cat|", NULL, -EINVAL, "" },
	{ "", NULL, -EINVAL, "" },
};

START_TEST(adopted_process_must_be_a_qemu)
{
	struct scene s;
	struct uuid uuid;

	scene_begin(&s);
	process(&s, 400, opens[_i].cmdline, 400);
	if (opens[_i].uuid)
		strcpy(uuid.text, opens[_i].uuid);
	ck_assert_msg(identity_open(&s.sys, 400, opens[_i].uuid ? &uuid : NULL,
				    &s.identity, &s.why) == opens[_i].err,
		      "%s", opens[_i].cmdline);
	if (opens[_i].err == 0)
		ck_assert_str_eq(s.identity.uuid.text, opens[_i].found);
	else
		ck_assert_str_ne(s.why.text, "");
	scene_end(&s);
}
END_TEST

START_TEST(process_that_does_not_exist_is_gone)
{
	struct scene s;

	scene_begin(&s);
	ck_assert_int_eq(identity_open(&s.sys, 4000, NULL, &s.identity, &s.why),
			 -ESRCH);
	scene_end(&s);
}
END_TEST

/* Before the nth read of a file the process dies and its number goes to one
 * that looks just like it. */
struct swap {
	struct scene *scene; /* where */
	int reads_left; /* until it happens */
};

static void swap_process(void *arg, struct fake_sys *fake, enum fake_op op,
			 pid_t pid)
{
	struct swap *swap = arg;

	(void)pid;
	if (op != FAKE_READ_FILE || --swap->reads_left != 0)
		return;
	fake_process_exit(fake, 300);
	fake_process_reuse(fake, 300);
	set_files(swap->scene, 300, QEMU_WEB, 999, 1);
}

START_TEST(number_used_again_while_it_is_verified_is_not_taken)
{
	struct scene s;
	struct swap swap = { &s, _i };

	scene_begin(&s);
	fake_hook(s.host, swap_process, &swap);
	ck_assert_int_eq(identity_open(&s.sys, 300, &web, &s.identity, &s.why),
			 -ESRCH);
	scene_end(&s);
}
END_TEST

static const struct {
	const char *what;
	void (*happen)(struct fake_sys *fake, pid_t pid);
	int err;
} fates[] = {
	{ "nothing happens", NULL, 0 },
	{ "it ends", fake_process_exit, -ESRCH },
	{ "its number is used again", fake_process_reuse, -ESRCH },
};

START_TEST(checks_tell_the_living_from_the_dead_and_the_reborn)
{
	struct scene s;
	struct identity copy = { .pidfd = -1 };

	scene_begin(&s);
	ck_assert_int_eq(
		identity_find(&s.sys, &web, PID_FILE, &s.identity, &s.why), 0);
	if (fates[_i].happen == fake_process_reuse)
		fake_process_exit(s.host, 300);
	if (fates[_i].happen)
		fates[_i].happen(s.host, 300);
	ck_assert_int_eq(identity_poll(&s.sys, &s.identity), fates[_i].err);
	ck_assert_int_eq(identity_check(&s.sys, &s.identity), fates[_i].err);
	ck_assert_int_eq(identity_dup(&s.sys, &s.identity, &copy),
			 fates[_i].err);
	identity_close(&s.sys, &copy);
	scene_end(&s);
}
END_TEST

/* QEMU itself does so when it is replaced by a newer one (cpr-exec). */
START_TEST(check_tells_a_program_from_its_successor_in_the_same_process)
{
	struct identity copy = { .pidfd = -1 };
	struct scene s;

	scene_begin(&s);
	ck_assert_int_eq(identity_open(&s.sys, 300, &web, &s.identity, NULL),
			 0);
	set_files(&s, 300, QEMU_WEB, 300, 2);
	ck_assert_int_eq(identity_poll(&s.sys, &s.identity), 0);
	ck_assert_int_eq(identity_check(&s.sys, &s.identity), -ESRCH);
	ck_assert_int_eq(identity_dup(&s.sys, &s.identity, &copy), 0);
	ck_assert_int_eq(identity_check(&s.sys, &copy), -ESRCH);
	identity_close(&s.sys, &copy);
	identity_close(&s.sys, &s.identity);
	ck_assert_int_eq(identity_open(&s.sys, 300, &web, &s.identity, NULL),
			 0);
	ck_assert_int_eq(identity_check(&s.sys, &s.identity), 0);
	scene_end(&s);
}
END_TEST

START_TEST(copy_outlives_the_original)
{
	struct scene s;
	struct identity copy;

	scene_begin(&s);
	ck_assert_int_eq(identity_open(&s.sys, 300, &web, &s.identity, NULL),
			 0);
	ck_assert_int_eq(identity_dup(&s.sys, &s.identity, &copy), 0);
	identity_close(&s.sys, &s.identity);
	ck_assert_int_eq(identity_check(&s.sys, &copy), 0);
	fake_process_exit(s.host, 300);
	ck_assert_int_eq(identity_poll(&s.sys, &copy), -ESRCH);
	identity_close(&s.sys, &copy);
	scene_end(&s);
}
END_TEST

START_TEST(check_around_a_batch_is_one_call)
{
	struct scene s;
	uint64_t before;

	scene_begin(&s);
	ck_assert_int_eq(identity_open(&s.sys, 300, &web, &s.identity, NULL),
			 0);
	before = fake_books(s.host).calls[FAKE_READ_FILE];
	ck_assert_int_eq(identity_poll(&s.sys, &s.identity), 0);
	ck_assert_uint_eq(fake_books(s.host).calls[FAKE_READ_FILE], before);
	scene_end(&s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("identity");
	TCase *tc = tcase_create("identity");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tc, process_is_found_by_pid_file_or_else_by_search,
			    0, N(pid_files));
	tcase_add_test(tc, without_such_a_process_nothing_is_found);
	tcase_add_test(
		tc, two_that_claim_a_uuid_are_told_apart_by_the_pid_file_only);
	tcase_add_loop_test(tc, adopted_process_must_be_a_qemu, 0, N(opens));
	tcase_add_test(tc, process_that_does_not_exist_is_gone);
	tcase_add_loop_test(
		tc, number_used_again_while_it_is_verified_is_not_taken, 1, 3);
	tcase_add_loop_test(tc,
			    checks_tell_the_living_from_the_dead_and_the_reborn,
			    0, N(fates));
	tcase_add_test(
		tc,
		check_tells_a_program_from_its_successor_in_the_same_process);
	tcase_add_test(tc, copy_outlives_the_original);
	tcase_add_test(tc, check_around_a_batch_is_one_call);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
