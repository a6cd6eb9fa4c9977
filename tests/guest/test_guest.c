/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest/guest.c: what libvirt's state and work mean for moving, when libvirt is
 * asked again, and when the vCPUs are looked at.
 */
#include "guest/guest.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "fake_sys.h"
#include "guest/sample.h"
#include "host/topology.h"
#include "virt_seen.h"

#define N(array) ((int)(sizeof(array) / sizeof((array)[0])))
#define NS_PER_S 1000000000ull

#define XML                                                                    \
	"<domain type='kvm' id='1'><name>web</name>"                           \
	"<uuid>11111111-2222-3333-4444-5555555555ab</uuid>"                    \
	"<memory unit='MiB'>64</memory><vcpu>1</vcpu></domain>"

static const struct uuid web = { "11111111-2222-3333-4444-5555555555ab" };

/* A guest that nobody may look at, and a libvirt that is not connected: what is
 * wanted of it stays wanted. */
struct scene {
	struct fake_sys *host; /* owned */
	struct sys sys; /* its door */
	struct config config; /* mode off */
	struct loop *loop; /* owned */
	struct task_pool *pool; /* owned */
	struct virt *virt; /* owned */
	struct guest_env env; /* of the guest */
	struct guest *guest; /* owned */
};

static void on_known(void *arg, struct guest *guest)
{
	(void)arg;
	ck_assert(guest->has_domain);
}

static void scene_begin(struct scene *s)
{
	static const struct virt_options options = { .uri = TEST_URI };
	static const struct virt_handlers handlers = { 0 };

	memset(s, 0, sizeof(*s));
	s->host = fake_sys_create(FAKE_LINUX_6_12);
	s->sys = fake_sys_door(s->host);
	config_init(&s->config);
	s->config.follow = MODE_OFF;
	s->loop = loop_create();
	s->pool = task_pool_create(s->loop, "test", 2, 16);
	s->virt = virt_create(s->loop, s->pool, &options, &handlers, NULL);
	s->env = (struct guest_env) {
		.sys = &s->sys,
		.config = &s->config,
		.pool = s->pool,
		.virt = s->virt,
		.on_known = on_known,
	};
	s->guest = guest_create(&s->env, &web);
	s->guest->wants_domain = false;
}

static void scene_end(struct scene *s)
{
	guest_destroy(s->guest);
	virt_destroy(s->virt);
	task_pool_destroy(s->pool, 1000);
	loop_destroy(s->loop);
	config_finish(&s->config);
	fake_sys_destroy(s->host);
}

static void answer(struct scene *s, enum virt_state state, enum virt_job job,
		   bool is_postcopy)
{
	const struct virt_domain domain = {
		.xml = XML,
		.xml_len = strlen(XML),
		.state = state,
		.job = job,
		.is_postcopy = is_postcopy,
	};

	guest_take_domain(s->guest, 0, &domain, NULL);
}

static const struct {
	enum virt_state state;
	enum virt_job job;
	bool is_postcopy;
	unsigned int gates; /* beside that there is no map */
} lives[] = {
	{ VIRT_STATE_RUNNING, VIRT_JOB_NONE, false, 0 },
	{ VIRT_STATE_PAUSED, VIRT_JOB_NONE, false, GATE_PAUSED },
	{ VIRT_STATE_RUNNING, VIRT_JOB_BACKUP, false, 0 },
	{ VIRT_STATE_PAUSED, VIRT_JOB_BACKUP, false, GATE_PAUSED },
	{ VIRT_STATE_RUNNING, VIRT_JOB_DUMP, false, GATE_JOB },
	{ VIRT_STATE_PAUSED, VIRT_JOB_DUMP, false, GATE_JOB },
	{ VIRT_STATE_PAUSED, VIRT_JOB_SAVE, false, GATE_JOB },
	{ VIRT_STATE_RUNNING, VIRT_JOB_SNAPSHOT, false, GATE_JOB },
	{ VIRT_STATE_RUNNING, VIRT_JOB_OTHER, false, GATE_JOB },
	{ VIRT_STATE_RUNNING, VIRT_JOB_MIGRATION_OUT, false, GATE_MIGRATING },
	{ VIRT_STATE_PAUSED, VIRT_JOB_MIGRATION_IN, false, GATE_MIGRATING },
	{ VIRT_STATE_RUNNING, VIRT_JOB_NONE, true, GATE_MIGRATING },
};

/* A guest that libvirt pauses for its work is not simply "paused". */
START_TEST(work_of_libvirt_closes_its_own_gate)
{
	struct snap_guest snap;
	struct scene s;

	scene_begin(&s);
	answer(&s, lives[_i].state, lives[_i].job, lives[_i].is_postcopy);
	guest_snapshot(s.guest, &snap);
	ck_assert_uint_eq(snap.gates, GATE_NO_MAP | lives[_i].gates);
	scene_end(&s);
}
END_TEST

/* Its end may come without an event. */
START_TEST(libvirt_is_asked_again_while_it_works_on_the_guest)
{
	struct scene s;
	bool is_busy = lives[_i].job != VIRT_JOB_NONE || lives[_i].is_postcopy;
	uint64_t now_ns;

	scene_begin(&s);
	answer(&s, lives[_i].state, lives[_i].job, lives[_i].is_postcopy);
	now_ns = s.guest->asked_ns + NS_PER_S;
	guest_pursue(s.guest, now_ns);
	ck_assert(!s.guest->wants_state);
	guest_pursue(s.guest, now_ns + 1);
	ck_assert(s.guest->wants_state == is_busy);
	ck_assert(!s.guest->wants_domain);
	scene_end(&s);
}
END_TEST

/* So may the beginning of work that our job has to make way for. */
START_TEST(libvirt_is_asked_again_while_we_work_on_the_guest)
{
	struct scene s;

	scene_begin(&s);
	answer(&s, VIRT_STATE_RUNNING, VIRT_JOB_NONE, false);
	s.guest->active_job = 3;
	guest_pursue(s.guest, s.guest->asked_ns + NS_PER_S + 1);
	ck_assert(s.guest->wants_state);
	ck_assert(!s.guest->wants_domain);
	scene_end(&s);
}
END_TEST

/* What only the state was asked of is known from the answer before. */
START_TEST(answer_without_xml_changes_the_state_only)
{
	const struct virt_domain paused = {
		.state = VIRT_STATE_PAUSED,
		.job = VIRT_JOB_SAVE,
	};
	struct snap_guest snap;
	struct scene s;

	scene_begin(&s);
	answer(&s, VIRT_STATE_RUNNING, VIRT_JOB_NONE, false);
	guest_take_domain(s.guest, 0, &paused, NULL);
	ck_assert(s.guest->has_domain);
	ck_assert_str_eq(s.guest->name, "web");
	guest_snapshot(s.guest, &snap);
	ck_assert_uint_eq(snap.gates, GATE_NO_MAP | GATE_JOB);
	scene_end(&s);
}
END_TEST

static void set_thread(struct scene *s, int tid, const char *comm,
		       const char *mems)
{
	char path[64], text[160];

	snprintf(path, sizeof(path), "/proc/500/task/%d/comm", tid);
	fake_file(s->host, path, comm);
	snprintf(path, sizeof(path), "/proc/500/task/%d/stat", tid);
	fake_file(s->host, path,
		  "1 (CPU 0/KVM) S 1 1 1 0 -1 0 0 0 0 0 7 1 0 0 20 0 1 0 7 1 1 "
		  "1 1 1 1 1 1 1 1 1 1 1 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n");
	snprintf(path, sizeof(path), "/proc/500/task/%d/status", tid);
	snprintf(text, sizeof(text),
		 "Name:\tqemu\nUid:\t1\t1\t1\t1\nCpus_allowed_list:\t0\n"
		 "Mems_allowed:\t3\nMems_allowed_list:\t%s\n",
		 mems);
	fake_file(s->host, path, text);
}

/* Two vCPUs; what all threads may use. */
static void set_process(struct scene *s, const char *mems)
{
	set_thread(s, 500, "qemu-system-x86\n", mems);
	set_thread(s, 501, "CPU 0/KVM\n", mems);
	set_thread(s, 502, "CPU 1/KVM\n", mems);
}

/* When others have changed the cpuset of the guest, 0 never. */
static uint64_t others_changed_ns(struct scene *s)
{
	struct topology topo = { 0 };
	struct snap_guest snap;

	topo.has_memory.bits = 3;
	fake_advance_ns(s->host, NS_PER_S);
	ck_assert_int_eq(guest_sample(s->guest, &topo), 0);
	guest_snapshot(s->guest, &snap);
	return snap.cpuset_ns;
}

/* Threads are looked at some at a time: it takes eight looks to be sure. */
START_TEST(cpuset_that_others_change_is_noticed_once)
{
	struct scene s;
	uint64_t then_ns = 0;

	scene_begin(&s);
	s.guest->sampler = sampler_create(&s.sys, 500);
	set_process(&s, "0");
	for (int i = 0; i < 10; i++)
		ck_assert_uint_eq(others_changed_ns(&s), 0);
	set_process(&s, "0-1");
	for (int i = 0; i < 8; i++)
		then_ns = others_changed_ns(&s);
	ck_assert_uint_gt(then_ns, 0);
	for (int i = 0; i < 10; i++)
		ck_assert_uint_eq(others_changed_ns(&s), then_ns);
	ck_assert_uint_eq(s.guest->cpuset.was.bits, 1);
	ck_assert_uint_eq(s.guest->mems_allowed.bits, 3);
	scene_end(&s);
}
END_TEST

START_TEST(cpuset_that_libvirt_makes_at_the_start_is_nobody_elses)
{
	struct scene s;

	scene_begin(&s);
	s.guest->sampler = sampler_create(&s.sys, 500);
	s.guest->started_ns = s.sys.ops->now_ns(s.sys.self);
	set_process(&s, "0-1");
	ck_assert_uint_eq(others_changed_ns(&s), 0);
	set_process(&s, "0");
	for (int i = 0; i < 8; i++)
		ck_assert_uint_eq(others_changed_ns(&s), 0);
	ck_assert_uint_eq(s.guest->mems_allowed.bits, 1);
	/* nor when a vCPU is plugged in */
	fake_advance_ns(s.host, 60 * NS_PER_S);
	set_thread(&s, 503, "CPU 2/KVM\n", "1");
	set_process(&s, "0-1");
	sampler_refresh(s.guest->sampler);
	ck_assert_uint_eq(others_changed_ns(&s), 0);
	ck_assert_uint_eq(s.guest->n_vcpus, 3);
	ck_assert_uint_eq(s.guest->mems_allowed.bits, 2);
	scene_end(&s);
}
END_TEST

static void let_one_vcpu_run(struct scene *s, unsigned int ticks)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "501 (CPU 0/KVM) R 1 1 1 0 -1 0 0 0 0 0 %u 0 0 0 20 0 1 0 7 1 "
		 "1 1 1 1 1 1 1 1 1 1 1 1 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 "
		 "0\n",
		 ticks);
	fake_file(s->host, "/proc/500/task/501/stat", text);
}

/* In three ticks of four it shows the policy its last look, and how old it is. */
START_TEST(calm_guest_keeps_its_last_look)
{
	static const struct topology topo = { .has_cpu = { 1 },
					      .has_memory = { 1 } };
	struct snap_guest snap;
	uint64_t last_ns = 0;
	unsigned int looks = 0;
	struct scene s;

	scene_begin(&s);
	fake_file(s.host, "/proc/500/task/501/comm", "CPU 0/KVM\n");
	s.guest->sampler = sampler_create(&s.sys, 500);
	for (unsigned int tick = 1; tick <= SAMPLE_CALM + 1 + 40; tick++) {
		fake_advance_ns(s.host, NS_PER_S);
		let_one_vcpu_run(&s, tick);
		ck_assert_int_eq(guest_sample(s.guest, &topo), 0);
		guest_snapshot(s.guest, &snap);
		ck_assert_uint_eq(snap.n_vcpus, 1);
		if (snap.sampled_ns != last_ns) {
			looks++;
			ck_assert_uint_eq(snap.vcpus[0].run_ns,
					  tick * NS_PER_S / 100);
		}
		last_ns = snap.sampled_ns;
	}
	/* the first look was two: what its cpuset allows was not known */
	ck_assert_uint_eq(looks, SAMPLE_CALM + 40 / SAMPLE_STRETCH);
	scene_end(&s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("guest");
	TCase *tc = tcase_create("guest");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, work_of_libvirt_closes_its_own_gate, 0,
			    N(lives));
	tcase_add_loop_test(tc,
			    libvirt_is_asked_again_while_it_works_on_the_guest,
			    0, N(lives));
	tcase_add_test(tc, libvirt_is_asked_again_while_we_work_on_the_guest);
	tcase_add_test(tc, answer_without_xml_changes_the_state_only);
	tcase_add_test(tc, cpuset_that_others_change_is_noticed_once);
	tcase_add_test(tc,
		       cpuset_that_libvirt_makes_at_the_start_is_nobody_elses);
	tcase_add_test(tc, calm_guest_keeps_its_last_look);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
