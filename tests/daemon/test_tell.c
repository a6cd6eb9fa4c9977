/* SPDX-License-Identifier: Apache-2.0 */
/* Which decisions are news, and in what words things are told. */
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "daemon.h"
#include "history.h"
#include "run.h"
#include "tell.h"

#define NS_PER_S 1000000000ull

/* A daemon that knows one guest, and what was told last. */
struct scene {
	struct daemon daemon; /* history, plan and guests are used */
	struct guest guest; /* the only one */
	struct decision decisions[2]; /* of its cells */
	struct happening last; /* told */
	size_t n_told; /* since the start */
};

static void hear(void *arg, const struct happening *h)
{
	struct scene *scene = arg;

	scene->last = *h;
	scene->n_told++;
}

static struct scene *scene_create(void)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	ck_assert_ptr_nonnull(scene);
	scene->guest.name = (char *)"web";
	strcpy(scene->guest.uuid.text, "0b9a6b1e-5a3d-4d6e-9c1f-2f6c1b7f8a11");
	scene->daemon.guests = &scene->guest;
	scene->daemon.history = history_create();
	scene->daemon.plan.decisions = scene->decisions;
	scene->daemon.plan.n_decisions = 1;
	scene->daemon.snapshot.now_ns = 1000 * NS_PER_S;
	return scene;
}

static void scene_destroy(struct scene *scene)
{
	history_destroy(scene->daemon.history);
	free(scene);
}

/* Decide so a second later; how many were told. */
static size_t decide(struct scene *scene, struct decision decision)
{
	struct history_watch *watch =
		history_watch(scene->daemon.history, hear, scene);
	size_t before = scene->n_told;

	scene->decisions[0] = decision;
	scene->daemon.snapshot.now_ns += NS_PER_S;
	tell_decisions(&scene->daemon);
	history_unwatch(watch);
	return scene->n_told - before;
}

static const struct {
	const char *what; /* the case */
	struct decision decision; /* of cell 3 */
	const char *text; /* NULL: nothing is told */
	const char *reason; /* with it */
} decisions[] = {
	{ "local", { .reason = REASON_LOCAL }, NULL, NULL },
	{ "none", { .reason = REASON_NONE }, NULL, NULL },
	{ "no vCPU", { .reason = REASON_NO_VCPU }, NULL, NULL },
	{ "planned whole", { .reason = REASON_DRIFT }, NULL, NULL },
	{ "a job is at work",
	  { .reason = REASON_GATE, .gate = GATE_MOVING },
	  NULL,
	  NULL },
	{ "dwell",
	  { .reason = REASON_DWELL, .wrong_bytes = 446 * MIB },
	  "cell 3 waits with 446 MiB in the wrong place",
	  "its vCPUs have not stayed on other nodes long enough" },
	{ "little",
	  { .reason = REASON_BUDGET, .wrong_bytes = 12 * KIB },
	  "cell 3 waits with 12 KiB in the wrong place",
	  "the bytes that may be moved in an hour are used up" },
	{ "gate",
	  { .reason = REASON_GATE, .gate = GATE_PAUSED },
	  "cell 3 is left alone",
	  "it is paused" },
	{ "off",
	  { .reason = REASON_MODE },
	  "cell 3 is left alone",
	  "its mode does not allow this move" },
	{ "planned in part",
	  { .reason = REASON_AFFINITY,
	    .rest = REASON_NO_ROOM,
	    .wrong_bytes = 500 * MIB,
	    .planned_bytes = 100 * MIB },
	  "cell 3 waits with 400 MiB in the wrong place",
	  "the wanted node has no room for it" },
};

START_TEST(job_that_waits_for_libvirt_is_told_with_what_it_waits_for)
{
	struct scene *scene = scene_create();
	struct job_entry entry = {
		.id = 7,
		.guest_name = (char *)"web",
		.held_by = GATE_MIGRATING,
	};
	struct history_watch *watch =
		history_watch(scene->daemon.history, hear, scene);

	tell_held(&scene->daemon, &entry);
	ck_assert_int_eq(scene->last.kind, HAPPENING_DEFERRED);
	ck_assert_uint_eq(scene->last.job, 7);
	ck_assert_str_eq(scene->last.text, "job 7 waits");
	ck_assert_str_eq(scene->last.reason.text, "it is being live-migrated");
	entry.held_by = 0;
	tell_held(&scene->daemon, &entry);
	ck_assert_int_eq(scene->last.kind, HAPPENING_START);
	ck_assert_str_eq(scene->last.text, "job 7 goes on");
	history_unwatch(watch);
	scene_destroy(scene);
}
END_TEST

START_TEST(what_is_put_off_is_told_with_its_reason)
{
	struct scene *scene = scene_create();
	struct decision decision = decisions[_i].decision;
	size_t n;

	decision.cell = 3;
	n = decide(scene, decision);
	if (!decisions[_i].text) {
		ck_assert_msg(n == 0, "%s: %s", decisions[_i].what,
			      scene->last.text);
	} else {
		ck_assert_msg(n == 1, "%s", decisions[_i].what);
		ck_assert_int_eq(scene->last.kind, HAPPENING_DEFERRED);
		ck_assert_int_eq(scene->last.cell, 3);
		ck_assert_str_eq(scene->last.guest, "web");
		ck_assert_str_eq(scene->last.uuid.text, scene->guest.uuid.text);
		ck_assert_str_eq(scene->last.text, decisions[_i].text);
		ck_assert_str_eq(scene->last.reason.text, decisions[_i].reason);
		ck_assert_int_gt(scene->last.time_ms, 1500000000000);
	}
	scene_destroy(scene);
}
END_TEST

START_TEST(cpuset_that_others_change_is_told_with_what_it_was)
{
	struct scene *scene = scene_create();
	struct history_watch *watch =
		history_watch(scene->daemon.history, hear, scene);
	struct why why = { "the guest has ended" };

	scene->daemon.config.policy.settle_ns = 30 * NS_PER_S;
	scene->guest.cpuset.was.bits = 1;
	scene->guest.cpuset.known.bits = 14;
	scene->guest.active_job = 7;
	tell_cpuset(&scene->daemon, &scene->guest);
	ck_assert_int_eq(scene->last.kind, HAPPENING_CPUSET);
	ck_assert_str_eq(scene->last.guest, "web");
	ck_assert_uint_eq(scene->last.job, 7);
	ck_assert_str_eq(
		scene->last.text,
		"others have changed the nodes that its cpuset allows");
	ck_assert_str_eq(scene->last.reason.text,
			 "from nodes 0 to nodes 1-3; it is not moved by itself "
			 "for 30 s");
	tell_mended(&scene->daemon, &scene->guest, node_mask_of(2), 0, NULL);
	ck_assert_str_eq(scene->last.text, "its cpuset was given nodes 2 too");
	tell_mended(&scene->daemon, &scene->guest, node_mask_of(2), -1, &why);
	ck_assert_str_eq(scene->last.text, "its cpuset lacks nodes 2");
	ck_assert_str_eq(
		scene->last.reason.text,
		"memory of it lies there since a re-homing that others "
		"came in between of: the guest has ended");
	history_unwatch(watch);
	scene_destroy(scene);
}
END_TEST

static const struct decision local = { .reason = REASON_LOCAL };
static const struct decision dwell = { .reason = REASON_DWELL };
static const struct decision paused = { .reason = REASON_GATE,
					.gate = GATE_PAUSED };
static const struct decision held = { .reason = REASON_GATE,
				      .gate = GATE_HELD };

START_TEST(reason_is_told_once_and_not_each_tick)
{
	struct scene *scene = scene_create();

	ck_assert_uint_eq(decide(scene, dwell), 1);
	for (int i = 0; i < 1000; i++)
		ck_assert_uint_eq(decide(scene, dwell), 0);
	ck_assert_uint_eq(decide(scene, paused), 1);
	ck_assert_uint_eq(decide(scene, held), 1);
	ck_assert_uint_eq(decide(scene, held), 0);
	ck_assert_uint_eq(decide(scene, dwell), 1);
	scene_destroy(scene);
}
END_TEST

/* vCPUs that swing to and fro would push all else out of the ring. */
START_TEST(reason_that_comes_and_goes_is_told_once)
{
	struct scene *scene = scene_create();

	ck_assert_uint_eq(decide(scene, dwell), 1);
	for (int i = 0; i < 1000; i++)
		ck_assert_uint_eq(decide(scene, i % 3 ? local : dwell), 0);
	scene_destroy(scene);
}
END_TEST

START_TEST(reason_that_returns_after_a_minute_is_told_again)
{
	struct scene *scene = scene_create();

	ck_assert_uint_eq(decide(scene, dwell), 1);
	for (int i = 0; i < 60; i++)
		ck_assert_uint_eq(decide(scene, local), 0);
	ck_assert_uint_eq(decide(scene, dwell), 1);
	scene_destroy(scene);
}
END_TEST

START_TEST(cells_have_reasons_of_their_own)
{
	struct scene *scene = scene_create();

	scene->daemon.plan.n_decisions = 2;
	scene->decisions[1] = paused;
	scene->decisions[1].cell = 1;
	ck_assert_uint_eq(decide(scene, dwell), 2);
	ck_assert_uint_eq(decide(scene, dwell), 0);
	ck_assert_uint_eq(decide(scene, held), 1);
	ck_assert_int_eq(scene->last.cell, 0);
	scene_destroy(scene);
}
END_TEST

START_TEST(cells_beyond_those_that_policy_knows_are_not_told)
{
	struct scene *scene = scene_create();
	struct decision decision = dwell;

	for (int i = 0; i < POLICY_CELLS_MAX; i++) {
		decision.cell = i;
		ck_assert_uint_eq(decide(scene, decision), 1);
	}
	decision.cell = POLICY_CELLS_MAX;
	ck_assert_uint_eq(decide(scene, decision), 0);
	scene_destroy(scene);
}
END_TEST

/* A job with so many moves of 100 MiB each. */
static void tell_job(struct scene *scene, size_t n_moves)
{
	struct history_watch *watch =
		history_watch(scene->daemon.history, hear, scene);
	struct job_entry entry = { .id = 7, .guest_name = (char *)"web" };

	entry.moves = calloc(n_moves, sizeof(*entry.moves));
	ck_assert_ptr_nonnull(entry.moves);
	entry.n_moves = n_moves;
	for (size_t i = 0; i < n_moves; i++)
		entry.moves[i] = (struct plan_move) {
			.cell = (int)i,
			.to = 1,
			.bytes = 100 * MIB,
			.reason = REASON_AFFINITY,
		};
	entry.receipt.result = JOB_PARTIAL;
	entry.receipt.planned_bytes = n_moves * 100 * MIB;
	entry.receipt.moved_bytes = 90 * MIB;
	entry.receipt.started_ns = NS_PER_S;
	entry.receipt.ended_ns = 5 * NS_PER_S / 2;
	why_set(&entry.receipt.why, "%s", n_moves > 1 ? "no room" : "");
	tell_start(&scene->daemon, &entry);
	if (n_moves == 1)
		tell_end(&scene->daemon, &entry);
	history_unwatch(watch);
	free(entry.moves);
}

/* The texts of all that is remembered, each with a newline. */
static void append(void *arg, const struct happening *h)
{
	char *all = arg;

	sprintf(all + strlen(all), "%s %s: %s\n", happening_text(h->kind),
		h->text, h->reason.text);
}

START_TEST(job_is_told_as_its_plan_its_start_and_its_end)
{
	struct scene *scene = scene_create();
	char all[4096] = "";

	tell_job(scene, 1);
	ck_assert_uint_eq(scene->last.job, 7);
	history_each(scene->daemon.history, append, all);
	ck_assert_str_eq(
		all,
		"plan 100 MiB of cell 0 from node 0 to node 1: "
		"its vCPUs are pinned to other nodes\n"
		"start job 7 starts to move 100 MiB, in about 0.0 s: "
		"its vCPUs are pinned to other nodes\n"
		"end job 7 ended (partial): moved 90 MiB of 100 MiB in 1.5 s: "
		"its vCPUs are pinned to other nodes\n");
	scene_destroy(scene);
}
END_TEST

START_TEST(moves_that_do_not_fit_are_left_out_whole)
{
	struct scene *scene = scene_create();
	char all[4096] = "";

	tell_job(scene, 64);
	history_each(scene->daemon.history, append, all);
	ck_assert_ptr_nonnull(
		strstr(all, "100 MiB of cell 3 from node 0 to node 1, ...: "));
	scene_destroy(scene);
}
END_TEST

START_TEST(world_is_told_with_what_is_wrong)
{
	struct scene *scene = scene_create();
	struct why why = { "it says no" };
	char all[4096] = "";

	tell_libvirt(&scene->daemon, false, &why);
	tell_libvirt(&scene->daemon, true, NULL);
	tell_guest(&scene->daemon, &scene->guest, true);
	tell_guest(&scene->daemon, &scene->guest, false);
	tell_config(&scene->daemon, &why);
	tell_config(&scene->daemon, NULL);
	tell_refused(&scene->daemon, &scene->guest, "a rebalance", "not now");
	history_each(scene->daemon.history, append, all);
	ck_assert_str_eq(all,
			 "libvirt libvirt is not connected: it says no\n"
			 "libvirt libvirt is connected: \n"
			 "guest it is watched from now on: \n"
			 "guest it is gone: \n"
			 "config the old configuration is kept: it says no\n"
			 "config the configuration was read again: \n"
			 "refused a rebalance was refused: not now\n");
	scene_destroy(scene);
}
END_TEST

/* What was found on the host, tick after tick, and what is to be told of it. */
static const struct {
	struct host_conflicts found; /* of the parts that count */
	const char *told; /* "": nothing */
} finds[] = {
	{ { .numa_balancing = -1 }, "" },
	{ { .numa_balancing = 1 },
	  "conflict begins: kernel.numa_balancing is on: it moves the same "
	  "pages by other rules; with pinned guests, set it to 0\n" },
	{ { .numa_balancing = 1 }, "" },
	{ { .numa_balancing = 2 }, "" },
	{ { .numa_balancing = 0, .has_numad = true },
	  "conflict has ended: kernel.numa_balancing is on: \n"
	  "conflict begins: numad is running: it moves the same pages and pins "
	  "vCPUs to other CPUs; stop one of the two\n" },
	{ { .has_numad = true }, "" },
	{ { .closed = { 0x2 } },
	  "conflict has ended: numad is running: \n"
	  "conflict begins: our own cpuset lacks some memory nodes: moves to "
	  "them would fail and are not planned; run vmnumad outside of it\n" },
	{ { .closed = { 0x6 } }, "" },
	{ { .closed = { 0 } },
	  "conflict has ended: our own cpuset lacks some memory nodes: \n" },
	{ { .closed = { 0 } }, "" },
};

START_TEST(conflict_is_told_once_when_it_begins_and_once_when_it_ends)
{
	struct scene *scene = scene_create();
	struct history_watch *watch;
	char told[4096];

	watch = history_watch(scene->daemon.history, append, told);
	for (size_t i = 0; i < sizeof(finds) / sizeof(*finds); i++) {
		*told = '\0';
		tell_conflicts(&scene->daemon, &finds[i].found);
		scene->daemon.conflicts = finds[i].found;
		ck_assert_str_eq(told, finds[i].told);
	}
	history_unwatch(watch);
	scene_destroy(scene);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, what_is_put_off_is_told_with_its_reason, 0,
			    (int)(sizeof(decisions) / sizeof(*decisions)));
	tcase_add_test(tests,
		       cpuset_that_others_change_is_told_with_what_it_was);
	tcase_add_test(tests, reason_is_told_once_and_not_each_tick);
	tcase_add_test(
		tests,
		job_that_waits_for_libvirt_is_told_with_what_it_waits_for);
	tcase_add_test(tests, reason_that_comes_and_goes_is_told_once);
	tcase_add_test(tests, reason_that_returns_after_a_minute_is_told_again);
	tcase_add_test(tests, cells_have_reasons_of_their_own);
	tcase_add_test(tests,
		       cells_beyond_those_that_policy_knows_are_not_told);
	tcase_add_test(tests, job_is_told_as_its_plan_its_start_and_its_end);
	tcase_add_test(tests, moves_that_do_not_fit_are_left_out_whole);
	tcase_add_test(tests, world_is_told_with_what_is_wrong);
	tcase_add_test(
		tests,
		conflict_is_told_once_when_it_begins_and_once_when_it_ends);
}

int main(void)
{
	return run_tests("daemon: what is told", add_tests);
}
