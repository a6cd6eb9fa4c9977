/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest/sample.c: what a sample asks of the host, and when one is taken.
 */
#include <stdlib.h>

#include "sample_scene.h"

START_TEST(steady_sample_is_one_read_for_each_vcpu)
{
	enum {
		SAMPLES = 10 * SAMPLE_AFFINITY_EVERY * SAMPLE_LIST_EVERY,
		VCPUS = 64,
	};
	struct scene s;
	struct fake_books before;
	struct fake_books after;
	char comm[32];

	scene_begin(&s);
	for (int i = 2; i < VCPUS; i++) {
		snprintf(comm, sizeof(comm), "CPU %d/KVM", i);
		set_thread(&s, 600 + i, comm);
	}
	take(&s);
	ck_assert_uint_eq(s.n, VCPUS);
	before = fake_books(s.host);
	for (int i = 0; i < SAMPLES; i++)
		take(&s);
	after = fake_books(s.host);
	ck_assert_uint_eq(after.calls[FAKE_READ_FD] -
				  before.calls[FAKE_READ_FD],
			  SAMPLES * VCPUS);
	ck_assert_uint_eq(after.calls[FAKE_OPEN_FILE],
			  before.calls[FAKE_OPEN_FILE]);
	/* The statuses of vCPUs and main thread in their turns, and the names of the three
	 * threads that are no vCPUs at each listing. */
	ck_assert_uint_eq(after.calls[FAKE_READ_FILE] -
				  before.calls[FAKE_READ_FILE],
			  SAMPLES * VCPUS / SAMPLE_AFFINITY_EVERY +
				  SAMPLES / SAMPLE_MEMS_EVERY +
				  3 * SAMPLES / SAMPLE_LIST_EVERY);
	ck_assert_uint_eq(after.calls[FAKE_EACH_ENTRY] -
				  before.calls[FAKE_EACH_ENTRY],
			  SAMPLES / SAMPLE_LIST_EVERY);
	scene_end(&s);
}
END_TEST

/* What the door is asked in all for many samples of a host with so many CPUs,
 * and for the host itself each time. */
static struct fake_books books_of_host(int n_cpus)
{
	struct scene s;
	struct fake_books books;
	char list[32];

	scene_begin(&s);
	for (int cpu = 0; cpu < n_cpus; cpu++)
		s.topo.node_of_cpu[cpu] = (int8_t)(cpu * 2 / n_cpus);
	snprintf(list, sizeof(list), "0-%d", n_cpus - 1);
	set_affinity(&s, 502, list, "0-1");
	for (int i = 0; i < SAMPLE_AFFINITY_EVERY * SAMPLE_LIST_EVERY; i++) {
		take(&s);
		topology_refresh_memory(&s.sys, &s.topo);
	}
	ck_assert_uint_eq(s.vcpus[0].allowed.bits, 3);
	books = fake_books(s.host);
	scene_end(&s);
	return books;
}

START_TEST(what_a_sample_asks_does_not_grow_with_the_hosts_cpus)
{
	struct fake_books small = books_of_host(8);
	struct fake_books large = books_of_host(CPUS_MAX);

	for (int op = 0; op < FAKE_OPS; op++)
		ck_assert_uint_eq(small.calls[op], large.calls[op]);
	ck_assert_uint_gt(small.calls[FAKE_READ_FD], 0);
}
END_TEST

START_TEST(affinity_reads_are_spread_over_the_samples)
{
	struct scene s;
	char comm[32];

	scene_begin(&s);
	for (int i = 2; i < 16; i++) {
		snprintf(comm, sizeof(comm), "CPU %d/KVM", i);
		set_thread(&s, 600 + i, comm);
	}
	take(&s);
	for (int i = 2; i < SAMPLE_LIST_EVERY; i++) {
		uint64_t before = fake_books(s.host).calls[FAKE_READ_FILE];

		take(&s); /* and now and then the main thread's */
		ck_assert_uint_eq(fake_books(s.host).calls[FAKE_READ_FILE],
				  before + 16 / SAMPLE_AFFINITY_EVERY +
					  (i % SAMPLE_MEMS_EVERY == 1));
	}
	scene_end(&s);
}
END_TEST

/* Takes a sample where one is due; the number taken in so many ticks. */
static int take_in_ticks(struct scene *s, int ticks)
{
	int taken = 0;

	for (int i = 0; i < ticks; i++) {
		if (!sampler_is_due(s->sampler))
			continue;
		take(s);
		taken++;
	}
	return taken;
}

static void take_until_calm(struct scene *s)
{
	ck_assert_int_eq(take_in_ticks(s, SAMPLE_CALM + 1), SAMPLE_CALM + 1);
	ck_assert_int_eq(take_in_ticks(s, 10 * SAMPLE_STRETCH), 10);
}

START_TEST(calm_guest_is_looked_at_in_each_fourth_tick)
{
	struct scene s;

	scene_begin(&s);
	take_until_calm(&s);
	/* to run is no reason, nor is another CPU of the node */
	set_stat(&s, 502, 900, 3);
	ck_assert_int_eq(take_in_ticks(&s, 3 * SAMPLE_STRETCH), 3);
	ck_assert_int_eq(s.vcpus[0].cpu, 3);
	ck_assert_uint_eq(s.vcpus[0].run_ns, 900 * TICK_NS);
	scene_end(&s);
}
END_TEST

static void drift(struct scene *s)
{
	set_stat(s, 503, 1, 4);
}

static void pin(struct scene *s)
{
	set_affinity(s, 502, "4-7", "0-1");
}

static void change_cpuset(struct scene *s)
{
	set_affinity(s, 500, "0-7", "1");
}

static void plug(struct scene *s)
{
	set_thread(s, 510, "CPU 2/KVM");
}

static void unplug(struct scene *s)
{
	remove_thread(s, 503);
}

static const struct {
	void (*change)(struct scene *s); /* what happens, unannounced */
	int ticks; /* within which it is seen */
} changes[] = {
	{ drift, SAMPLE_STRETCH },
	{ unplug, SAMPLE_STRETCH },
	{ pin, SAMPLE_AFFINITY_EVERY + SAMPLE_STRETCH - 1 },
	{ change_cpuset, SAMPLE_MEMS_EVERY + SAMPLE_STRETCH - 1 },
	{ plug, SAMPLE_LIST_EVERY + SAMPLE_STRETCH - 1 },
};

START_TEST(change_ends_the_calm_and_is_seen_in_time)
{
	struct scene s;
	int ticks = 0;

	scene_begin(&s);
	take_until_calm(&s);
	changes[_i].change(&s);
	/* two samples in two ticks: the calm is over */
	while (take_in_ticks(&s, 1) == 0 || !sampler_is_due(s.sampler))
		ck_assert_int_le(++ticks, changes[_i].ticks);
	take(&s);
	ck_assert_int_eq(take_in_ticks(&s, SAMPLE_CALM - 1), SAMPLE_CALM - 1);
	ck_assert_int_eq(take_in_ticks(&s, SAMPLE_STRETCH), 1);
	scene_end(&s);
}
END_TEST

START_TEST(calm_ends_with_an_event)
{
	struct scene s;

	scene_begin(&s);
	take_until_calm(&s);
	if (_i == 0)
		sampler_refresh(s.sampler);
	else
		sampler_refresh_affinity(s.sampler);
	ck_assert_int_eq(take_in_ticks(&s, SAMPLE_CALM), SAMPLE_CALM);
	scene_end(&s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sample-cost");
	TCase *tc = tcase_create("sample-cost");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tc, steady_sample_is_one_read_for_each_vcpu);
	tcase_add_test(tc,
		       what_a_sample_asks_does_not_grow_with_the_hosts_cpus);
	tcase_add_test(tc, affinity_reads_are_spread_over_the_samples);
	tcase_add_test(tc, calm_guest_is_looked_at_in_each_fourth_tick);
	tcase_add_loop_test(tc, change_ends_the_calm_and_is_seen_in_time, 0,
			    (int)(sizeof(changes) / sizeof(changes[0])));
	tcase_add_loop_test(tc, calm_ends_with_an_event, 0, 2);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
