/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verb "explain" over a real socket, for a guest on paper: what it says of
 * each cell, what is in the way, and the pinning that would help where memory
 * cannot follow. And "follow", which ends an administrator's hold.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon.h"
#include "fake_sys.h"
#include "guest/adopt.h"
#include "guest/map.h"
#include "harness.h"
#include "loop.h"
#include "serve/answer.h"
#include "xalloc.h"

#define PID  4711
#define UUID "0b9a6b1e-5a3d-4d6e-9c1f-2f6c1b7f8a11"
#define ASK(params)                                                            \
	"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"explain\","                \
	"\"params\":" params "}\n"

/* A host of two nodes with four CPUs and 64 GiB each. Its only guest has 1 GiB
 * in cell 0 on node 0, 512 MiB in cell 1 on node 1; vCPUs 0 and 1 are of cell 0,
 * vCPU 2 of cell 1, and all of them are pinned to node 1. */
static struct {
	struct fake_sys *host;
	struct daemon *daemon; /* what the verb works on */
	struct guest *guest;
	struct guest_map map; /* empty, but there */
} scene;

static int run_explain(void *arg, struct control_call *call,
		       struct json_object *params)
{
	return answer_explain(scene.daemon, call, params);
}

static int run_follow(void *arg, struct control_call *call,
		      struct json_object *params)
{
	return answer_follow(scene.daemon, call, params);
}

static const struct control_verb verbs[] = {
	{ "explain", CONTROL_READ, run_explain },
	{ "follow", CONTROL_CHANGE, run_follow },
	{ NULL, 0, NULL },
};

static void nothing(void *arg)
{
}

static void make_host(struct topology *topo)
{
	topo->online.bits = topo->has_cpu.bits = topo->has_memory.bits = 3;
	memset(topo->node_of_cpu, NODE_NONE, sizeof(topo->node_of_cpu));
	for (int cpu = 0; cpu < 8; cpu++)
		topo->node_of_cpu[cpu] = (int8_t)(cpu / 4);
	for (int node = 0; node < 2; node++) {
		topo->node[node].total_bytes = 64 * GIB;
		topo->node[node].free_bytes = 32 * GIB;
		topo->distance[node][node] = 10;
		topo->distance[node][1 - node] = 20;
	}
}

static void make_guest(struct daemon *d)
{
	struct uuid uuid = { UUID };
	struct guest *g = daemon_get_guest(d, &uuid);

	g->has_domain = true;
	g->state = VIRT_STATE_RUNNING;
	g->wants_domain = g->wants_map = false;
	scene.map = (struct guest_map) { .total_bytes = 3 * GIB / 2 };
	g->built.map = &scene.map;
	g->measured_ns = UINT64_MAX / 2; /* just now: it is not done again */
	g->n_vcpus = 3;
	g->vcpus = calloc(g->n_vcpus, sizeof(*g->vcpus));
	g->memory_vcpus = calloc(g->n_vcpus, sizeof(*g->memory_vcpus));
	policy_guest_lend(&g->memory, g->memory_vcpus, g->n_vcpus);
	g->n_cells = 2;
	g->cells = calloc(g->n_cells, sizeof(*g->cells));
	for (int v = 0; v < 3; v++)
		g->vcpus[v] = (struct snap_vcpu) {
			.id = v, .cell = v / 2, .node = 1, .allowed = { 2 }
		};
	for (int c = 0; c < 2; c++)
		g->cells[c] =
			(struct snap_cell) { .id = c, .is_measured = true };
	g->cells[0].size_bytes = g->cells[0].node_bytes[0] = GIB;
	g->cells[1].size_bytes = g->cells[1].node_bytes[1] = 512 * MIB;
	scene.guest = g;
}

static void setup(void)
{
	struct daemon *d = calloc(1, sizeof(*d));

	serve_setup();
	ck_assert_ptr_nonnull(d);
	scene.daemon = d;
	scene.host = fake_sys_create(FAKE_LINUX_6_12);
	d->sys = fake_sys_door(scene.host);
	config_init(&d->config);
	d->loop = serve.loop;
	d->tick_timer = loop_timer_add(d->loop, nothing, NULL);
	d->jobs = jobs_create(0, (struct mover) { 0 });
	d->is_virt_up = true;
	d->env = (struct guest_env) { .sys = &d->sys, .config = &d->config };
	make_host(&d->topo);
	make_guest(d);
	start_with(verbs, 0);
}

static void teardown(void)
{
	struct daemon *d = scene.daemon;

	loop_timer_remove(d->tick_timer);
	serve_teardown();
	if (scene.guest)
		scene.guest->built.map = NULL;
	guest_destroy(scene.guest);
	jobs_destroy(d->jobs);
	free(d->plan.moves);
	free(d->plan.decisions);
	free(d->snap_guests);
	config_finish(&d->config);
	fake_sys_destroy(scene.host);
	free(d);
}

/* The answer to params is this. */
static void explains(const char *ask, const char *answer)
{
	int fd = client_open();

	say(fd, ask);
	expect(fd, answer);
	close(fd);
}

#define CELL(id, reason, text, wrong, resident)                                \
	"{\"id\":" id ",\"home\":[{\"node\":1,\"weight\":1}],"                 \
	"\"confidence\":1,\"by_affinity\":true,\"reason\":" reason             \
	",\"text\":\"" text "\",\"wrong_bytes\":" wrong                        \
	",\"resident_bytes\":" resident ",\"again_seconds\":null}"
#define ANSWER(mode, gates, reason, text, advice)                                            \
	"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"guest\":\"" UUID "\","                  \
	"\"uuid\":\"" UUID "\",\"mode\":\"" mode "\",\"problem\":\"\","                      \
	"\"gates\":[" gates                                                                  \
	"],\"cells\":[" CELL("0", reason, text, "1073741824", "1073741824") "," CELL(        \
		"1", "4", "Its memory is where its vCPUs are.", "0",                         \
		"536870912") "],\"price\":{\"measured\":false,\"expected_seconds\":2.14748," \
			     "\"expected_stall_ms\":0.562144,\"payback_seconds\":null},"     \
			     "\"advice\":[" advice "]}}\n"
#define PINS                                                                   \
	"\"virsh vcpupin " UUID " 0 0-3 --live\","                             \
	"\"virsh vcpupin " UUID " 1 0-3 --live\""

/* vCPU 2 is where its memory is. */
START_TEST(memory_that_a_device_holds_is_explained_with_advice)
{
	strcpy(scene.guest->domain.pinned_by, "hostdev");
	explains(ASK("{\"guest\":\"" UUID "\"}"),
		 ANSWER("auto",
			"{\"gate\":128,\"text\":"
			"\"a device holds its memory in place\"}",
			"13", "Not now: a device holds its memory in place.",
			PINS));
}
END_TEST

START_TEST(memory_that_a_cpuset_holds_is_explained_with_advice)
{
	scene.guest->mems_allowed = node_mask_of(0);
	explains(ASK("{\"guest\":\"" UUID "\"}"),
		 ANSWER("auto", "", "11",
			"Its cpuset does not allow the wanted node.", PINS));
}
END_TEST

START_TEST(memory_that_may_not_move_now_is_explained_without_advice)
{
	scene.guest->has_mode = true;
	scene.guest->mode_said = MODE_OBSERVE;
	explains(ASK("{\"guest\":\"" UUID "\"}"),
		 ANSWER("observe", "", "12",
			"Its mode does not allow this move.", ""));
}
END_TEST

#define HELD                                                                   \
	"Not now: an administrator placed it, and its vCPUs have stayed since."

static const struct {
	const char *mode; /* said */
	const char *is; /* then it is */
} modes[] = {
	{ "auto", "auto" }, { "pin", "pin" },      { "observe", "observe" },
	{ "off", "off" },   { "default", "auto" },
};

START_TEST(mode_that_is_said_ends_a_hold)
{
	const struct policy_guest *memory = &scene.guest->memory;
	char ask[256], answer[256];

	strcpy(scene.guest->domain.pinned_by, "hostdev");
	daemon_tick(scene.daemon); /* cells are met */
	*scene.guest->domain.pinned_by = '\0';
	policy_guest_hold(&scene.guest->memory);
	explains(ASK("{\"guest\":\"" UUID "\"}"),
		 ANSWER("auto", "", "13", HELD, ""));
	snprintf(ask, sizeof(ask),
		 "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"follow\","
		 "\"params\":{\"guest\":\"" UUID "\",\"mode\":\"%s\"}}\n",
		 modes[_i].mode);
	snprintf(answer, sizeof(answer),
		 "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"guest\":\"" UUID
		 "\",\"uuid\":\"" UUID "\",\"mode\":\"%s\"}}\n",
		 modes[_i].is);
	explains(ask, answer);
	ck_assert_uint_eq(memory->n_cells, 2);
	ck_assert(!memory->cells[0].is_held);
	ck_assert(!memory->cells[1].is_held);
}
END_TEST

START_TEST(guest_that_is_not_there_is_said)
{
	explains(ASK("{\"guest\":\"web\"}"),
		 "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32001,"
		 "\"message\":\"no running guest is called \\\"web\\\"; "
		 "\\\"vmnumactl list\\\" shows those that are\","
		 "\"data\":{\"exit\":1}}}\n");
}
END_TEST

/* The tick that explain brings is what finds out. */
START_TEST(adopted_guest_that_has_just_ended_is_not_there)
{
	struct daemon *d = scene.daemon;
	int pidfd;

	free(d->config.journal_path);
	d->config.journal_path = xstrdup("/nonexistent/journal");
	scene.guest->adopted = xcalloc(1, sizeof(*scene.guest->adopted));
	scene.guest->adopted->maps_fd = -1;
	fake_process(scene.host, PID);
	ck_assert_int_eq(d->sys.ops->open_process(d->sys.self, PID, &pidfd), 0);
	scene.guest->identity.pidfd = pidfd;
	fake_process_exit(scene.host, PID);
	scene.guest->built.map = NULL; /* it is not the guest's own */
	scene.guest = NULL;
	explains(ASK("{\"guest\":\"" UUID "\"}"),
		 "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32001,"
		 "\"message\":\"no running guest is called \\\"" UUID "\\\"; "
		 "\\\"vmnumactl list\\\" shows those that are\","
		 "\"data\":{\"exit\":1}}}\n");
	ck_assert_uint_eq(d->n_guests, 0);
}
END_TEST

START_TEST(strange_parameters_are_refused)
{
	explains(ASK("{\"guest\":3}"),
		 "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32602,"
		 "\"message\":\"\\\"guest\\\" must be a text\","
		 "\"data\":{\"exit\":2}}}\n");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("serve: explain");
	TCase *tests = tcase_create("explain");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests,
		       memory_that_a_device_holds_is_explained_with_advice);
	tcase_add_test(tests,
		       memory_that_a_cpuset_holds_is_explained_with_advice);
	tcase_add_test(
		tests,
		memory_that_may_not_move_now_is_explained_without_advice);
	tcase_add_loop_test(tests, mode_that_is_said_ends_a_hold, 0,
			    (int)(sizeof(modes) / sizeof(modes[0])));
	tcase_add_test(tests, guest_that_is_not_there_is_said);
	tcase_add_test(tests, adopted_guest_that_has_just_ended_is_not_there);
	tcase_add_test(tests, strange_parameters_are_refused);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
