/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest/sample.c: which threads are vCPUs, where they run and may run, and what
 * happens when they come and go.
 */
#include "guest/sample.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "qmp/query.h"
#include "sample_scene.h"

START_TEST(vcpus_are_found_by_name_and_sorted_by_number)
{
	struct scene s;

	scene_begin(&s);
	take(&s);
	ck_assert_uint_eq(s.n, 2);
	ck_assert_int_eq(s.vcpus[0].id, 0);
	ck_assert_int_eq(s.vcpus[0].tid, 502);
	ck_assert_int_eq(s.vcpus[1].id, 1);
	ck_assert_int_eq(s.vcpus[1].tid, 503);
	scene_end(&s);
}
END_TEST

START_TEST(each_sample_has_the_cpu_its_node_and_the_time_run)
{
	struct scene s;

	scene_begin(&s);
	set_stat(&s, 502, 100, 3);
	set_stat(&s, 503, 7, 4);
	take(&s);
	ck_assert_int_eq(s.vcpus[0].cpu, 3);
	ck_assert_int_eq(s.vcpus[0].node, 0);
	ck_assert_uint_eq(s.vcpus[0].run_ns, 100 * TICK_NS);
	ck_assert_int_eq(s.vcpus[1].node, 1);
	set_stat(&s, 502, 150, 7);
	take(&s);
	ck_assert_int_eq(s.vcpus[0].node, 1);
	ck_assert_uint_eq(s.vcpus[0].run_ns, 150 * TICK_NS);
	set_stat(&s, 502, 150, 4000);
	take(&s);
	ck_assert_int_eq(s.vcpus[0].node, NODE_NONE);
	scene_end(&s);
}
END_TEST

START_TEST(affinity_is_the_nodes_of_the_allowed_cpus)
{
	struct scene s;

	scene_begin(&s);
	set_affinity(&s, 502, "5,7", "1");
	take(&s);
	ck_assert_uint_eq(s.vcpus[0].allowed.bits, 2);
	ck_assert_uint_eq(s.vcpus[0].mems_allowed.bits, 2);
	ck_assert_uint_eq(s.vcpus[1].allowed.bits, 3);
	scene_end(&s);
}
END_TEST

START_TEST(affinity_that_cannot_be_read_is_none)
{
	struct scene s;

	scene_begin(&s);
	fake_file(s.host, "/proc/500/task/502/status", "gibberish");
	take(&s);
	ck_assert_uint_eq(s.vcpus[0].allowed.bits, 3);
	ck_assert_uint_eq(s.vcpus[0].mems_allowed.bits, 3);
	scene_end(&s);
}
END_TEST

/* The kernel asks the main thread's cpuset when pages are moved. */
START_TEST(memory_may_go_where_all_cpusets_allow)
{
	static const struct {
		const char *main; /* Mems_allowed_list of the main thread */
		const char *vcpus[2]; /* of the vCPUs */
		uint64_t mems; /* what comes of it */
	} cases[] = {
		{ "0-1", { "0-1", "0-1" }, 3 },
		{ "1", { "0-1", "0-1" }, 2 },
		{ "0-1", { "0-1", "0" }, 1 },
		{ "0-1", { "0", "1" }, 3 }, /* cells with nodes of their own */
		{ "0", { "1", "1" }, 1 },
	};
	struct scene s;

	scene_begin(&s);
	take(&s);
	set_affinity(&s, 500, "0-7", cases[_i].main);
	set_affinity(&s, 502, "0-7", cases[_i].vcpus[0]);
	set_affinity(&s, 503, "0-7", cases[_i].vcpus[1]);
	for (int i = 0; i < SAMPLE_AFFINITY_EVERY; i++)
		take(&s);
	ck_assert_uint_eq(sampler_mems_allowed(s.sampler).bits, cases[_i].mems);
	scene_end(&s);
}
END_TEST

START_TEST(pin_without_an_event_is_seen_within_sixteen_samples)
{
	struct scene s;
	int samples = 0;

	scene_begin(&s);
	take(&s);
	set_affinity(&s, 502, "4-7", "0-1");
	set_affinity(&s, 503, "0-3", "0-1");
	while (s.vcpus[0].allowed.bits != 2 || s.vcpus[1].allowed.bits != 1) {
		take(&s);
		ck_assert_int_le(++samples, SAMPLE_AFFINITY_EVERY);
	}
	scene_end(&s);
}
END_TEST

START_TEST(pin_that_takes_a_vcpu_elsewhere_is_seen_with_it)
{
	struct scene s;

	scene_begin(&s);
	for (int i = 0; i <= SAMPLE_AFFINITY_REST; i++)
		take(&s);
	set_affinity(&s, 502, "4-7", "0-1");
	set_affinity(&s, 503, "4-7", "0-1");
	set_stat(&s, 502, 1, 4);
	set_stat(&s, 503, 1, 5);
	take(&s);
	ck_assert_uint_eq(s.vcpus[0].allowed.bits, 2);
	ck_assert_uint_eq(s.vcpus[1].allowed.bits, 2);
	scene_end(&s);
}
END_TEST

START_TEST(pin_with_an_event_is_seen_at_once)
{
	struct scene s;

	scene_begin(&s);
	for (int i = 0; i < 5; i++)
		take(&s);
	set_affinity(&s, 502, "4-7", "0-1");
	set_affinity(&s, 503, "4-7", "0-1");
	sampler_refresh(s.sampler);
	take(&s);
	ck_assert_uint_eq(s.vcpus[0].allowed.bits, 2);
	ck_assert_uint_eq(s.vcpus[1].allowed.bits, 2);
	scene_end(&s);
}
END_TEST

START_TEST(plugged_vcpu_is_found_within_sixteen_samples)
{
	struct scene s;
	int samples = 0;

	scene_begin(&s);
	take(&s);
	set_thread(&s, 510, "CPU 2/KVM");
	while (s.n < 3) {
		take(&s);
		ck_assert_int_le(++samples, SAMPLE_LIST_EVERY);
	}
	ck_assert_int_eq(s.vcpus[2].id, 2);
	ck_assert_int_eq(s.vcpus[2].tid, 510);
	scene_end(&s);
}
END_TEST

START_TEST(unplugged_vcpu_is_gone_at_once_and_its_number_found_again)
{
	struct scene s;

	scene_begin(&s);
	take(&s);
	remove_thread(&s, 502);
	take(&s);
	ck_assert_uint_eq(s.n, 1);
	ck_assert_int_eq(s.vcpus[0].id, 1);
	set_thread(&s, 520, "CPU 0/KVM");
	take(&s);
	ck_assert_uint_eq(s.n, 2);
	ck_assert_int_eq(s.vcpus[0].tid, 520);
	scene_end(&s);
}
END_TEST

START_TEST(second_thread_of_the_same_name_is_not_believed)
{
	struct scene s;

	scene_begin(&s);
	set_thread(&s, 530, "CPU 1/KVM");
	take(&s);
	ck_assert_uint_eq(s.n, 2);
	ck_assert_int_eq(s.vcpus[1].tid, 503);
	scene_end(&s);
}
END_TEST

START_TEST(threads_without_names_are_taken_from_qemu)
{
	struct qmp_cpu cpus[] = { { 1, 501, 1 }, { 0, 500, 0 }, { 2, 1, 0 } };
	const struct qmp_cpus hint = { cpus, 3 };
	struct scene s;

	scene_begin(&s);
	fake_file(s.host, "/proc/500/task/502/comm", "qemu-system-x86\n");
	fake_file(s.host, "/proc/500/task/503/comm", "qemu-system-x86\n");
	take(&s);
	ck_assert_uint_eq(s.n, 0);
	sampler_set_hint(s.sampler, &hint);
	take(&s);
	/* Thread 1 is of another process, whatever QEMU says. */
	ck_assert_uint_eq(s.n, 2);
	ck_assert_int_eq(s.vcpus[0].tid, 500);
	ck_assert_int_eq(s.vcpus[1].tid, 501);
	scene_end(&s);
}
END_TEST

START_TEST(process_that_ends_is_told)
{
	struct scene s;

	scene_begin(&s);
	take(&s);
	fake_file_remove(s.host, "/proc/500/");
	take(&s);
	ck_assert_uint_eq(s.n, 0);
	ck_assert_int_eq(sampler_take(s.sampler, &s.topo, &s.vcpus, &s.n),
			 -ESRCH);
	scene_end(&s);
}
END_TEST

START_TEST(without_descriptors_a_vcpu_is_left_out_until_there_is_one)
{
	struct scene s;

	scene_begin(&s);
	fake_fault(s.host, FAKE_OPEN_FILE, 1, -EMFILE);
	take(&s);
	ck_assert_uint_eq(s.n, 1);
	sampler_refresh(s.sampler);
	take(&s);
	ck_assert_uint_eq(s.n, 2);
	scene_end(&s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sample");
	TCase *tc = tcase_create("sample");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tc, vcpus_are_found_by_name_and_sorted_by_number);
	tcase_add_test(tc, each_sample_has_the_cpu_its_node_and_the_time_run);
	tcase_add_test(tc, affinity_is_the_nodes_of_the_allowed_cpus);
	tcase_add_test(tc, affinity_that_cannot_be_read_is_none);
	tcase_add_loop_test(tc, memory_may_go_where_all_cpusets_allow, 0, 5);
	tcase_add_test(tc, pin_without_an_event_is_seen_within_sixteen_samples);
	tcase_add_test(tc, pin_that_takes_a_vcpu_elsewhere_is_seen_with_it);
	tcase_add_test(tc, pin_with_an_event_is_seen_at_once);
	tcase_add_test(tc, plugged_vcpu_is_found_within_sixteen_samples);
	tcase_add_test(
		tc, unplugged_vcpu_is_gone_at_once_and_its_number_found_again);
	tcase_add_test(tc, second_thread_of_the_same_name_is_not_believed);
	tcase_add_test(tc, threads_without_names_are_taken_from_qemu);
	tcase_add_test(tc, process_that_ends_is_told);
	tcase_add_test(
		tc, without_descriptors_a_vcpu_is_left_out_until_there_is_one);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
