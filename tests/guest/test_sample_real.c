/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest/sample.c on the real kernel: how many system calls a sample of real
 * threads makes. Counts alone; the time that they take is for tests/bench.
 */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "guest/sample.h"
#include "host/sys_linux.h"
#include "host/topology.h"
#include "real/calls.h"
#include "real/vcpus.h"

#define GUESTS 8
#define VCPUS  5 /* of each: many small guests cost the most */

/* All that is not read each time comes round so often. */
#define SAMPLES (2 * SAMPLE_AFFINITY_EVERY * SAMPLE_LIST_EVERY)

struct scene {
	struct sys sys;
	struct topology topo;
	pid_t pids[GUESTS];
	struct sampler *samplers[GUESTS];
};

static void scene_begin(struct scene *s)
{
	s->sys = sys_linux();
	ck_assert_int_eq(topology_read(&s->sys, &s->topo, NULL), 0);
	for (int i = 0; i < GUESTS; i++) {
		s->pids[i] = vcpus_start(VCPUS, vcpu_rest);
		s->samplers[i] = sampler_create(&s->sys, s->pids[i]);
	}
}

static void scene_end(struct scene *s)
{
	for (int i = 0; i < GUESTS; i++) {
		sampler_destroy(s->samplers[i]);
		vcpus_end(s->pids[i]);
	}
}

/* In the child that is counted, where Check's assertions lead nowhere. */
static void take_all(void *arg)
{
	struct scene *s = arg;
	const struct vcpu_sample *vcpus;
	size_t n;

	for (int i = 0; i < GUESTS; i++)
		if (sampler_take(s->samplers[i], &s->topo, &vcpus, &n) ||
		    n != VCPUS)
			abort();
}

static void take_many(void *arg)
{
	for (int i = 0; i < SAMPLES; i++)
		take_all(arg);
}

/* The main thread is no vCPU: its name is read at each listing. */
START_TEST(sample_is_one_system_call_for_each_vcpu_and_little_more)
{
	const uint64_t n_vcpus = GUESTS * VCPUS;
	const uint64_t statuses = n_vcpus * SAMPLES / SAMPLE_AFFINITY_EVERY +
				  GUESTS * SAMPLES / SAMPLE_MEMS_EVERY;
	const uint64_t names = GUESTS * SAMPLES / SAMPLE_LIST_EVERY;
	struct call_counts counts;
	struct scene s;

	scene_begin(&s);
	ck_assert_int_eq(calls_count(take_all, take_many, &s, &counts), 0);
	ck_assert_uint_eq(counts.by_number[SYS_pread64], n_vcpus * SAMPLES);
	/* read_file reads on until nothing comes */
	ck_assert_uint_eq(counts.by_number[SYS_read], 2 * (statuses + names));
	/* beside the files, the directory of each guest's threads */
	ck_assert_uint_eq(counts.by_number[SYS_openat], statuses + 2 * names);
	ck_assert_uint_le(counts.all, 2 * n_vcpus * SAMPLES);
	scene_end(&s);
}
END_TEST

static unsigned int count_open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

START_TEST(one_file_for_each_vcpu_is_kept_open_and_no_other)
{
	unsigned int before = count_open_files();
	struct scene s;

	scene_begin(&s);
	take_many(&s);
	ck_assert_uint_eq(count_open_files(), before + GUESTS * VCPUS);
	scene_end(&s);
	ck_assert_uint_eq(count_open_files(), before);
}
END_TEST

static void nothing(void *arg)
{
}

int main(void)
{
	Suite *suite = suite_create("sample-real");
	TCase *tc = tcase_create("sample-real");
	SRunner *runner = srunner_create(suite);
	struct call_counts counts;
	int failed;

	if (calls_count(nothing, nothing, NULL, &counts) == -EPERM) {
		printf("not allowed to trace a child: skipped\n");
		return 77;
	}
	tcase_add_test(tc,
		       sample_is_one_system_call_for_each_vcpu_and_little_more);
	tcase_add_test(tc, one_file_for_each_vcpu_is_kept_open_and_no_other);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
