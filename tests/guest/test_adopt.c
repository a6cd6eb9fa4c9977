/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest/adopt.c: which processes may be adopted, and what they are called.
 */
#include "guest/adopt.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adopt_scene.h"

#define N(array) ((int)(sizeof(array) / sizeof((array)[0])))

static const struct {
	const char *what;
	const char *cmdline; /* NULL: as it is */
	const char *name;
	const char *uuid;
	const char *confidential;
} takes[] = {
	{ "without name and uuid", NULL, "qemu-4242",
	  "00001092-766e-8000-8000-000000000309", "" },
	{ "with both",
	  QEMU "-name|guest=we,,b,debug-threads=on|-uuid|"
	       "11111111-2222-3333-4444-5555555555AB|",
	  "we,b", "11111111-2222-3333-4444-5555555555ab", "" },
	{ "a name with a newline", QEMU "-name|a\nb|", "qemu-4242",
	  "00001092-766e-8000-8000-000000000309", "" },
	{ "a uuid that is none",
	  QEMU "-uuid|"
	       "zzzzzzzz-2222-3333-4444-5555555555ab|",
	  "qemu-4242", "00001092-766e-8000-8000-000000000309", "" },
	{ "confidential by JSON",
	  QEMU "-object|{\"qom-type\":\"tdx-guest\",\"id\":\"t\"}|",
	  "qemu-4242", "00001092-766e-8000-8000-000000000309", "tdx" },
	{ "confidential on s390x", QEMU "-object|s390-pv-guest,id=pv0|",
	  "qemu-4242", "00001092-766e-8000-8000-000000000309", "s390-pv" },
	{ "confidential by an object that is not known",
	  QEMU "-object|rme-guest,id=r|-machine|"
	       "virt,confidential-guest-support=r|",
	  "qemu-4242", "00001092-766e-8000-8000-000000000309", "confidential" },
	{ "confidential by one that is known",
	  QEMU "-machine|q35,confidential-guest-support=s|"
	       "-object|sev-guest,id=s|",
	  "qemu-4242", "00001092-766e-8000-8000-000000000309", "sev" },
	{ "a name like that of a confidential one", QEMU "-name|sev-guests|",
	  "sev-guests", "00001092-766e-8000-8000-000000000309", "" },
	{ "confidential", QEMU "-object|sev-snp-guest,id=sev0|", "qemu-4242",
	  "00001092-766e-8000-8000-000000000309", "sev" },
};

START_TEST(qemu_with_vcpu_is_taken)
{
	struct scene s;

	scene_begin(&s);
	if (takes[_i].cmdline)
		set_cmdline(&s, takes[_i].cmdline);
	ck_assert_msg(adopt_check(&s.sys, s.adoption, &s.why) == 0, "%s: %s",
		      takes[_i].what, s.why.text);
	ck_assert_str_eq(s.adoption->name, takes[_i].name);
	ck_assert_str_eq(s.adoption->identity.uuid.text, takes[_i].uuid);
	ck_assert_ptr_null(s.adoption->held_by);
	ck_assert_str_eq(s.adoption->confidential, takes[_i].confidential);
	ck_assert(s.adoption->built.is_inferred);
	/* but for the 384 KiB below 1 MiB */
	ck_assert_uint_eq(s.adoption->built.map->total_bytes,
			  256 * MIB - 384 * KIB);
	scene_end(&s);
}
END_TEST

static void set_nothing(struct scene *s)
{
	fake_process_exit(s->host, PID);
	fake_process_reap(s->host, PID);
}

static void set_self(struct scene *s)
{
	s->adoption->pid = getpid();
}

static void set_sleep(struct scene *s)
{
	set_cmdline(s, "sleep|1000|");
}

static void set_img(struct scene *s)
{
	set_cmdline(s, "qemu-img|convert|");
	fake_file(s->host, "/proc/4242/maps", RAM);
}

static void set_container(struct scene *s)
{
	fake_file(s->host, "/proc/4242/status",
		  "Name:\tqemu\nUid:\t0\t0\t0\t0\nNSpid:\t4242\t1\n");
}

static void set_no_threads(struct scene *s)
{
	fake_file(s->host, "/proc/4242/task/4250/comm", "qemu-system-x86\n");
}

static void set_no_memory(struct scene *s)
{
	fake_file(s->host, "/proc/4242/maps", VCPU);
}

static void set_no_socket(struct scene *s)
{
	s->adoption->qmp_path = strdup("/nowhere/qmp");
}

static void set_later(struct scene *s)
{
	s->adoption->start_ticks = 778;
}

static void set_denied(struct scene *s)
{
	fake_file_error(s->host, "/proc/4242/maps", -EACCES);
}

static void set_no_descriptors(struct scene *s)
{
	fake_fault(s->host, FAKE_EACH_ENTRY, 1, -EACCES);
}

static const struct {
	void (*set)(struct scene *s);
	const char *why; /* part of the sentence */
} refusals[] = {
	{ set_nothing, "there is no process 4242" },
	{ set_self, "is vmnumad itself" },
	{ set_sleep, "not called qemu-something or kvm" },
	{ set_img, "no KVM vCPU" },
	{ set_container, "another pid namespace" },
	{ set_no_threads, "debug-threads=on" },
	{ set_no_memory, "0 mappings of that size" },
	{ set_no_socket, "there is no monitor socket /nowhere/qmp" },
	{ set_later, "another one by now" },
	{ set_denied, "cannot read /proc/4242/maps" },
	{ set_no_descriptors, "cannot read /proc/4242/fd" },
};

START_TEST(what_is_no_guest_is_refused_with_a_sentence)
{
	struct scene s;

	scene_begin(&s);
	refusals[_i].set(&s);
	ck_assert_int_lt(adopt_check(&s.sys, s.adoption, &s.why), 0);
	ck_assert_msg(strstr(s.why.text, refusals[_i].why), "%s: %s",
		      refusals[_i].why, s.why.text);
	scene_end(&s);
}
END_TEST

START_TEST(known_guest_may_get_its_map_later)
{
	struct scene s;

	scene_begin(&s);
	s.adoption->qmp_path = strdup("/nowhere/qmp");
	s.adoption->may_lack_map = true;
	ck_assert_int_eq(adopt_check(&s.sys, s.adoption, &s.why), 0);
	ck_assert_ptr_null(s.adoption->built.map);
	ck_assert_str_ne(s.adoption->map_why.text, "");
	scene_end(&s);
}
END_TEST

START_TEST(names_are_one_line)
{
	ck_assert(adopt_is_text("my guest", 8));
	ck_assert(!adopt_is_text("my guest", 7));
	ck_assert(!adopt_is_text("", 7));
	ck_assert(!adopt_is_text("a\tb", 7));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("adopt");
	TCase *tests = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tests, qemu_with_vcpu_is_taken, 0, N(takes));
	tcase_add_loop_test(tests, what_is_no_guest_is_refused_with_a_sentence,
			    0, N(refusals));
	tcase_add_test(tests, known_guest_may_get_its_map_later);
	tcase_add_test(tests, names_are_one_line);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
