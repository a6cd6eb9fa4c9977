/* SPDX-License-Identifier: Apache-2.0 */
/* When a re-homing is needed, and when cpusets cannot do what is ordered. */
#include "rehome.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon.h"
#include "fake_sys.h"
#include "guest/sample.h"
#include "history.h"

#define N(array) ((int)(sizeof(array) / sizeof((array)[0])))
#define NONE     NODE_NONE
#define NS_PER_S 1000000000ull

/* Two cells of 1 GiB each, all of a cell on one node. Masks of nodes in
 * binary. */
static const struct {
	const char *what; /* the case */
	int node[2]; /* where each cell lies */
	uint64_t bound[2]; /* what numatune strict binds it to */
	uint64_t cpuset; /* what the guest may use */
	int to[2]; /* where the order wants it, NODE_NONE: left out */
	bool is_needed; /* expected */
	int err; /* expected of rehome_check() */
} cases[] = {
	{ "one node to another", { 0, 0 }, { 1, 1 }, 1, { 1, 1 }, true, 0 },
	{ "and back", { 1, 1 }, { 2, 2 }, 2, { 0, 0 }, true, 0 },
	{ "both cells, in their order",
	  { 0, 1 },
	  { 1, 2 },
	  3,
	  { 2, 3 },
	  true,
	  0 },
	{ "down again", { 2, 3 }, { 4, 8 }, 12, { 0, 1 }, true, 0 },
	{ "crosswise", { 0, 1 }, { 1, 2 }, 3, { 3, 2 }, true, -EINVAL },
	{ "places swapped", { 0, 1 }, { 1, 2 }, 3, { 1, 0 }, true, -EINVAL },
	{ "gathered", { 0, 1 }, { 1, 2 }, 3, { 0, 0 }, true, 0 },
	{ "one cell past the other",
	  { 0, 1 },
	  { 1, 2 },
	  3,
	  { 2, NONE },
	  true,
	  -EINVAL },
	{ "the upper cell further up",
	  { 0, 1 },
	  { 1, 2 },
	  3,
	  { NONE, 3 },
	  true,
	  0 },
	{ "bound to both, parted", { 0, 1 }, { 3, 3 }, 3, { 2, 3 }, true, 0 },
	{ "cpuset alone", { 0, 0 }, { 0, 0 }, 1, { 3, 2 }, true, 0 },
	{ "inside what is allowed", { 0, 0 }, { 3, 3 }, 3, { 1, 1 }, false, 0 },
};

START_TEST(what_cpusets_can_do_is_told_from_what_they_cannot)
{
	struct guest *guest = calloc(1, sizeof(*guest));
	struct snap_cell cells[2] = { { .id = 0 }, { .id = 1 } };
	struct plan_move moves[2];
	struct plan plan = { .moves = moves };
	struct job_order order = { 0 };
	struct why why;

	ck_assert_ptr_nonnull(guest);
	guest->cells = cells;
	guest->n_cells = 2;
	guest->mems_allowed.bits = cases[_i].cpuset;
	for (int c = 0; c < 2; c++) {
		cells[c].bound.bits = cases[_i].bound[c];
		cells[c].node_bytes[cases[_i].node[c]] = GIB;
		if (cases[_i].to[c] == NONE)
			continue;
		order.cells[order.n_cells++] = (struct request_cell) {
			.cell = c,
			.to = node_mask_of(cases[_i].to[c]),
		};
		if (cases[_i].to[c] == cases[_i].node[c])
			continue;
		moves[plan.n_moves++] = (struct plan_move) {
			.cell = c,
			.from = cases[_i].node[c],
			.to = cases[_i].to[c],
			.bytes = GIB,
		};
	}
	ck_assert_msg(rehome_is_needed(guest, &plan) == cases[_i].is_needed,
		      "%s", cases[_i].what);
	ck_assert_msg(rehome_check(guest, &order, &plan, &why) == cases[_i].err,
		      "%s", cases[_i].what);
	free(guest);
}
END_TEST

/* A guest of process 500, which has one thread. */
struct scene {
	struct fake_sys *host; /* owned */
	struct daemon daemon; /* of one guest */
	struct guest guest; /* the guest */
	struct snap_cell cell; /* of it */
	struct job_order order; /* to node 1 */
	int err; /* what the end of a rewriting said */
	struct why why; /* with it */
	size_t n_ends; /* how many have ended */
	struct happening last; /* told */
};

static void set_mems(struct scene *s, const char *mems)
{
	char text[160];

	snprintf(text, sizeof(text),
		 "Name:\tqemu\nUid:\t1\t1\t1\t1\nCpus_allowed_list:\t0\n"
		 "Mems_allowed:\t3\nMems_allowed_list:\t%s\n",
		 mems);
	fake_file(s->host, "/proc/500/task/500/status", text);
	fake_advance_ns(s->host, NS_PER_S);
}

static void on_end(void *arg, int err, const struct why *why)
{
	struct scene *s = arg;

	s->err = err;
	s->why = *why;
	s->n_ends++;
}

static void hear(void *arg, const struct happening *h)
{
	struct scene *s = arg;

	s->last = *h;
}

/* The cpuset has been widened to both nodes; all memory is on node 1 now. */
static struct scene *scene_create(void)
{
	struct scene *s = calloc(1, sizeof(*s));

	ck_assert_ptr_nonnull(s);
	s->host = fake_sys_create(FAKE_LINUX_6_12);
	s->daemon.sys = fake_sys_door(s->host);
	s->daemon.topo.has_memory.bits = 3;
	s->daemon.config.policy = policy_config_default();
	s->daemon.history = history_create();
	s->daemon.guests = &s->guest;
	s->daemon.env.sys = &s->daemon.sys;
	s->daemon.env.config = &s->daemon.config;
	s->guest.env = &s->daemon.env;
	s->guest.name = (char *)"web";
	strcpy(s->guest.uuid.text, "0b9a6b1e-5a3d-4d6e-9c1f-2f6c1b7f8a11");
	s->guest.identity.pidfd = -1;
	s->guest.cells = &s->cell;
	s->guest.n_cells = 1;
	s->cell.node_bytes[1] = GIB;
	fake_file(s->host, "/proc/500/task/500/comm", "qemu\n");
	set_mems(s, "0-1");
	s->guest.sampler = sampler_create(&s->daemon.sys, 500);
	daemon_sample(&s->daemon, &s->guest);
	s->order.is_rehome = true;
	s->order.to = node_mask_of(1);
	s->order.trigger_ns = s->daemon.sys.ops->now_ns(s->daemon.sys.self);
	return s;
}

static void scene_destroy(struct scene *s)
{
	sampler_destroy(s->guest.sampler);
	free(s->guest.memory_vcpus);
	free(s->guest.vcpus);
	free(s->guest.tids);
	free(s->guest.cpus);
	history_destroy(s->daemon.history);
	fake_sys_destroy(s->host);
	free(s);
}

static const struct {
	const char *mems; /* what others make of the cpuset */
	int err; /* of the narrowing */
} others[] = {
	{ "0-2", -EBUSY },
	{ "0", -EBUSY },
	{ "2", -EBUSY },
	{ "1", 0 }, /* as we would have made it */
};

START_TEST(what_others_make_of_a_cpuset_meanwhile_stays)
{
	struct scene *s = scene_create();

	set_mems(s, others[_i].mems);
	rehome_narrow(&s->daemon, &s->guest, &s->order, on_end, s);
	ck_assert_uint_eq(s->n_ends, 1);
	ck_assert_int_eq(s->err, others[_i].err);
	if (s->err)
		ck_assert_str_eq(s->why.text,
				 "others have changed its cpuset meanwhile, "
				 "and it stays as they wanted it");
	ck_assert_uint_eq(s->guest.mend_ns,
			  s->guest.cpuset.changed_ns + 30000000000ull);
	scene_destroy(s);
}
END_TEST

/* Its process has ended, so that it goes no further than to the attempt. */
START_TEST(what_nobody_has_changed_is_narrowed)
{
	struct scene *s = scene_create();

	rehome_narrow(&s->daemon, &s->guest, &s->order, on_end, s);
	ck_assert_uint_eq(s->n_ends, 1);
	ck_assert_int_eq(s->err, -ESRCH);
	ck_assert_str_eq(s->why.text,
			 "its cpuset stays wide: the guest has ended");
	ck_assert_uint_eq(s->guest.mend_ns, 0);
	scene_destroy(s);
}
END_TEST

/* The memory of the guest, as counted a moment ago. */
static void count(struct scene *s)
{
	s->guest.measured_ns = s->daemon.snapshot.now_ns;
	s->guest.wants_measure = false;
	rehome_mend(&s->daemon);
}

START_TEST(memory_outside_of_the_cpuset_is_looked_for_once_they_have_settled)
{
	struct scene *s = scene_create();
	struct history_watch *watch = history_watch(s->daemon.history, hear, s);

	set_mems(s, "0");
	ck_assert(rehome_is_theirs(&s->daemon, &s->guest, &s->order));
	s->daemon.snapshot.now_ns = s->guest.mend_ns - 1;
	rehome_mend(&s->daemon);
	ck_assert(!s->guest.wants_measure);
	s->daemon.snapshot.now_ns += 2;
	rehome_mend(&s->daemon);
	ck_assert(s->guest.wants_measure); /* counted too long ago */
	s->guest.active_job = 8;
	count(s);
	ck_assert_uint_ne(s->guest.mend_ns, 0); /* what comes of that first */
	s->guest.active_job = 0;
	count(s);
	ck_assert_uint_eq(s->guest.mend_ns, 0);
	ck_assert_str_eq(s->last.text, "its cpuset lacks nodes 1");
	history_unwatch(watch);
	scene_destroy(s);
}
END_TEST

START_TEST(cpuset_that_has_all_memory_stays_as_others_left_it)
{
	struct scene *s = scene_create();
	struct history_watch *watch = history_watch(s->daemon.history, hear, s);

	set_mems(s, "1");
	ck_assert(rehome_is_theirs(&s->daemon, &s->guest, &s->order));
	s->daemon.snapshot.now_ns = s->guest.mend_ns + 1;
	memset(&s->last, 0, sizeof(s->last));
	count(s);
	ck_assert_uint_eq(s->guest.mend_ns, 0);
	ck_assert_str_eq(s->last.text, "");
	history_unwatch(watch);
	scene_destroy(s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rehome");
	TCase *tc = tcase_create("rehome");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tc,
			    what_cpusets_can_do_is_told_from_what_they_cannot,
			    0, N(cases));
	tcase_add_loop_test(tc, what_others_make_of_a_cpuset_meanwhile_stays, 0,
			    N(others));
	tcase_add_test(tc, what_nobody_has_changed_is_narrowed);
	tcase_add_test(
		tc,
		memory_outside_of_the_cpuset_is_looked_for_once_they_have_settled);
	tcase_add_test(tc, cpuset_that_has_all_memory_stays_as_others_left_it);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
