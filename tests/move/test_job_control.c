/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cancelling, pausing, and guests that end: at every step of a job, with the
 * books whole and no call made for a process that is gone.
 */
#include <errno.h>
#include <string.h>

#include "move/job_state.h"
#include "run.h"
#include "scene.h"

static const enum fake_kernel kernels[] = { FAKE_LINUX_6_1, FAKE_LINUX_6_12 };

#define KERNELS   (int)(sizeof(kernels) / sizeof(*kernels))
#define STEPS_CUT 40

/* A guest that keeps a job busy in each of its phases for a while. */
static struct scene *busy_scene(enum fake_kernel kernel)
{
	struct scene *s = scene_create(kernel);

	scene_memory(s, 0, 128 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	scene_memory(s, GIB, 2 * MIB, PAGE_4K_BYTES, 0, FAKE_ANON, 0);
	scene_folio(s, 0)->pin_calls = 2;
	scene_folio(s, GIB)->busy_calls = 2;
	scene_folio(s, GIB + MIB)->node = NODE_NONE;
	return s;
}

/* n steps, waiting where the job waits. True: it has not ended. */
static bool run_steps(struct scene *s, int n)
{
	for (int i = 0; i < n; i++) {
		uint64_t now_ns = scene_now_ns(s);

		if (scene_step(s, 0) == JOB_ENDED)
			return false;
		if (s->turn == JOB_WAIT && s->wake_ns > now_ns)
			fake_advance_ns(s->fake, s->wake_ns - now_ns);
	}
	return true;
}

START_TEST(cancel_is_obeyed_before_the_next_call)
{
	struct scene *s = busy_scene(FAKE_LINUX_6_12);
	size_t n_calls;

	scene_job(s);
	if (run_steps(s, _i)) {
		n_calls = s->n_calls;
		job_cancel(s->job, "an administrator asked for it");
		job_cancel(s->job, "not this one");
		ck_assert_int_eq(scene_step(s, 0), JOB_ENDED);
		ck_assert_uint_eq(s->n_calls, n_calls);
		ck_assert_int_eq(s->receipt.result, JOB_CANCELLED);
		ck_assert_str_eq(s->receipt.why.text,
				 "an administrator asked for it");
		ck_assert_uint_eq(s->receipt.moved_bytes, scene_on(s, 1));
	}
	scene_destroy(s);
}
END_TEST

START_TEST(cancelled_before_it_began_nothing_was_seen)
{
	struct scene *s = busy_scene(kernels[_i]);

	scene_job(s);
	job_receipt(s->job, &s->receipt);
	scene_check_residue(s, RESIDUE_UNSEEN, 130 * MIB, RESIDUE_COUNT);
	job_cancel(s->job, "too late");
	ck_assert_int_eq(scene_step(s, 0), JOB_ENDED);
	ck_assert_uint_gt(s->receipt.ended_ns, 0);
	ck_assert_uint_eq(s->receipt.started_ns, s->receipt.ended_ns);
	scene_check_residue(s, RESIDUE_UNSEEN, 130 * MIB, RESIDUE_COUNT);
	scene_destroy(s);
}
END_TEST

START_TEST(pause_is_obeyed_and_resume_goes_on)
{
	struct scene *s = busy_scene(FAKE_LINUX_6_12);
	size_t n_calls;

	scene_job(s);
	if (run_steps(s, _i)) {
		n_calls = s->n_calls;
		job_pause(s->job);
		ck_assert_int_eq(scene_step(s, 0), JOB_WAIT);
		ck_assert_uint_eq(s->wake_ns, JOB_NEVER_NS);
		ck_assert_int_eq(s->receipt.phase, PHASE_PAUSED);
		fake_advance_ns(s->fake, NS_PER_S);
		ck_assert_int_eq(scene_step(s, 0), JOB_WAIT);
		ck_assert_uint_eq(s->n_calls, n_calls);
		job_resume(s->job);
		scene_run(s);
		scene_check_end(s);
		ck_assert_int_eq(s->receipt.result, JOB_DONE);
	}
	scene_destroy(s);
}
END_TEST

/* Whoever asked for a pause is not to be woken by the end of the hold. */
START_TEST(held_job_makes_no_call_and_stays_paused_after_it)
{
	struct scene *s = busy_scene(kernels[_i]);
	size_t n_calls;

	scene_job(s);
	run_steps(s, 5);
	n_calls = s->n_calls;
	job_hold(s->job, true);
	ck_assert_int_eq(scene_step(s, 0), JOB_WAIT);
	ck_assert_uint_eq(s->wake_ns, JOB_NEVER_NS);
	ck_assert_int_eq(s->receipt.phase, PHASE_HELD);
	job_pause(s->job);
	job_hold(s->job, false);
	ck_assert_int_eq(scene_step(s, 0), JOB_WAIT);
	ck_assert_int_eq(s->receipt.phase, PHASE_PAUSED);
	ck_assert_uint_eq(s->n_calls, n_calls);
	job_resume(s->job);
	scene_run(s);
	scene_check_end(s);
	ck_assert_int_eq(s->receipt.result, JOB_DONE);
	scene_destroy(s);
}
END_TEST

START_TEST(paused_job_can_be_cancelled)
{
	struct scene *s = busy_scene(kernels[_i]);

	scene_job(s);
	run_steps(s, 5);
	job_pause(s->job);
	ck_assert_int_eq(scene_step(s, 0), JOB_WAIT);
	job_cancel(s->job, "enough");
	ck_assert_int_eq(scene_step(s, 0), JOB_ENDED);
	ck_assert_int_eq(s->receipt.result, JOB_CANCELLED);
	scene_destroy(s);
}
END_TEST

START_TEST(guest_that_ends_between_steps_gets_no_call)
{
	struct scene *s = busy_scene(FAKE_LINUX_6_12);

	scene_job(s);
	if (run_steps(s, _i)) {
		scene_kill(s);
		ck_assert_int_eq(scene_step(s, 0), JOB_ENDED);
		ck_assert_uint_eq(s->late_moves, 0);
		ck_assert_int_eq(s->receipt.result, JOB_FAILED);
		ck_assert_uint_eq(s->receipt.residue_bytes[RESIDUE_UNTRIED], 0);
		ck_assert_str_eq(s->receipt.why.text, "the guest has ended");
	}
	scene_destroy(s);
}
END_TEST

/* The guest dies at the argth call to the host. */
static void die_at(struct scene *s, enum fake_op op)
{
	if (s->arg-- == 0) {
		s->on_op = NULL;
		scene_kill(s);
	}
}

START_TEST(guest_that_ends_within_a_step_ends_the_job)
{
	struct scene *s = busy_scene(FAKE_LINUX_6_12);

	scene_job(s);
	s->on_op = die_at;
	s->arg = (uint64_t)_i * 3;
	scene_run(s);
	ck_assert_uint_le(s->late_moves, 1);
	if (s->is_dead) {
		ck_assert_int_eq(s->receipt.result, JOB_FAILED);
		ck_assert_uint_eq(s->receipt.residue_bytes[RESIDUE_UNTRIED], 0);
	}
	scene_destroy(s);
}
END_TEST

static void become_a_zombie(struct scene *s, enum fake_op op)
{
	if (op == FAKE_PAGES_MOVE && s->n_calls == 3) {
		s->is_dead = true;
		fake_process_exit(s->fake, PID);
	}
}

START_TEST(zombie_is_a_guest_that_has_ended)
{
	struct scene *s = busy_scene(kernels[_i]);

	scene_job(s);
	s->on_op = become_a_zombie;
	scene_run(s);
	ck_assert_int_eq(s->receipt.result, JOB_FAILED);
	ck_assert_uint_eq(s->n_calls, 3);
	ck_assert_uint_gt(s->receipt.residue_bytes[RESIDUE_GONE], 0);
	scene_destroy(s);
}
END_TEST

/* The number goes to a new process, which has memory at the same place. */
static void reuse_the_number(struct scene *s, enum fake_op op)
{
	if (op != FAKE_PAGES_MOVE || s->n_calls != 3)
		return;
	s->is_dead = true;
	fake_process_exit(s->fake, PID);
	fake_process_reuse(s->fake, PID);
	fake_region(s->fake, PID, BASE, 128 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON);
}

START_TEST(process_with_the_number_of_the_guest_is_left_alone)
{
	struct scene *s = busy_scene(kernels[_i]);
	uint64_t moved_bytes;

	scene_job(s);
	while (s->n_calls < 2)
		scene_step(s, 0);
	moved_bytes = s->receipt.moved_bytes;
	s->on_op = reuse_the_number;
	scene_run(s);
	ck_assert_int_eq(s->receipt.result, JOB_FAILED);
	ck_assert_uint_eq(s->n_calls, 3);
	ck_assert_uint_eq(s->receipt.moved_bytes, moved_bytes);
	scene_destroy(s);
}
END_TEST

static void exec_something(struct scene *s, enum fake_op op)
{
	if (op != FAKE_PAGES_MOVE || s->n_calls != 3)
		return;
	fake_process_exec(s->fake, PID);
	fake_region(s->fake, PID, BASE, 128 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON);
}

/* Its next program has memory where the guest's was. */
START_TEST(next_program_of_a_process_that_calls_exec_is_left_alone)
{
	struct scene *s = busy_scene(kernels[_i]);

	scene_job(s);
	s->on_op = exec_something;
	scene_run(s);
	ck_assert_int_eq(s->receipt.result, JOB_FAILED);
	ck_assert_str_eq(s->receipt.why.text, "the guest has ended");
	ck_assert_uint_gt(s->receipt.residue_bytes[RESIDUE_GONE], 0);
	ck_assert_uint_eq(s->n_calls, 3);
	scene_destroy(s);
}
END_TEST

static void exec_at_a_look(struct scene *s, enum fake_op op)
{
	if (op != FAKE_PAGES_WHERE || s->arg-- > 0)
		return;
	s->on_op = NULL;
	fake_process_exec(s->fake, PID);
	fake_region(s->fake, PID, BASE, 128 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON);
}

/* What was found is of the program before: no call is made of it. */
START_TEST(exec_between_a_look_and_its_call_is_noticed)
{
	struct scene *s = busy_scene(FAKE_LINUX_6_12);

	scene_job(s);
	s->on_op = exec_at_a_look;
	s->arg = (uint64_t)_i;
	while (s->on_op && scene_step(s, 0) != JOB_ENDED)
		;
	ck_assert_ptr_null(s->on_op);
	s->n_calls = 0;
	scene_run(s);
	ck_assert_uint_eq(s->n_calls, 0);
	ck_assert_int_eq(s->receipt.result, JOB_FAILED);
	ck_assert_str_eq(s->receipt.why.text, "the guest has ended");
	scene_destroy(s);
}
END_TEST

/* Counts in arg how often it is asked who the process is. */
static int count_stat(void *self, const char *path, char *buf, size_t size,
		      size_t *ret_len)
{
	struct scene *s = self;
	const struct sys *in = &s->pass.inner;
	size_t len = strlen(path);

	s->arg += len > 5 && strcmp(path + len - 5, "/stat") == 0;
	return in->ops->read_file(in->self, path, buf, size, ret_len);
}

/* Only whether it lives is asked at each step. */
START_TEST(who_it_is_is_asked_around_calls_and_not_at_each_look)
{
	struct scene *s = busy_scene(FAKE_LINUX_6_12);
	uint64_t looks;

	scene_job(s);
	s->ops.read_file = count_stat;
	scene_run(s);
	ck_assert_uint_gt(s->n_calls, 3);
	ck_assert_uint_ge(s->arg, 2 * s->n_calls);
	/* and at the beginning, at the end of each pass, and to repair */
	ck_assert_uint_le(s->arg, 2 * s->n_calls + 2 + PASSES_MAX);
	looks = s->steps;

	/* all is in its place now: one pass of looks */
	s->arg = 0;
	s->n_calls = 0;
	scene_job(s);
	scene_run(s);
	ck_assert_uint_eq(s->n_calls, 0);
	ck_assert_uint_gt(s->steps - looks, 3);
	ck_assert_uint_le(s->arg, 2);
	scene_destroy(s);
}
END_TEST

/* Only the first thread of QEMU has ended: the kernel finds no memory by this
 * number, while the pidfd says that the process lives. */
START_TEST(process_without_memory_ends_the_job_at_once)
{
	struct scene *s = busy_scene(kernels[_i]);

	for (unsigned int i = 3; i < 100; i++)
		fake_fault(s->fake, FAKE_PAGES_MOVE, i, -EINVAL);
	scene_job(s);
	scene_run(s);
	ck_assert_int_eq(s->receipt.result, JOB_FAILED);
	ck_assert_uint_eq(s->n_calls, 3);
	scene_destroy(s);
}
END_TEST

START_TEST(later_pass_that_is_cut_short_leaves_the_books_of_the_one_before)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, GIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	scene_folio(s, 0)->is_ksm = true;
	scene_job(s);
	while (s->receipt.moved_bytes == 0 ||
	       s->receipt.residue_bytes[RESIDUE_UNTRIED] ||
	       s->receipt.residue_bytes[RESIDUE_UNSEEN])
		run_steps(s, 1);
	run_steps(s, 2);
	job_cancel(s->job, "enough");
	ck_assert_int_eq(scene_step(s, 0), JOB_ENDED);
	ck_assert_uint_eq(s->receipt.moved_bytes, GIB - PAGE_2M_BYTES);
	scene_check_residue(s, RESIDUE_SHARED, PAGE_2M_BYTES, RESIDUE_COUNT);
	ck_assert_uint_eq(job_ledger(s->job)->n_ranges, 1);
	ck_assert_uint_eq(job_ledger(s->job)->ranges[0].size_bytes,
			  PAGE_2M_BYTES);
	scene_destroy(s);
}
END_TEST

static void add_tests(TCase *tests)
{
	const TTest *const all[] = {
		cancelled_before_it_began_nothing_was_seen,
		held_job_makes_no_call_and_stays_paused_after_it,
		paused_job_can_be_cancelled,
		zombie_is_a_guest_that_has_ended,
		process_with_the_number_of_the_guest_is_left_alone,
		next_program_of_a_process_that_calls_exec_is_left_alone,
		process_without_memory_ends_the_job_at_once,
		later_pass_that_is_cut_short_leaves_the_books_of_the_one_before,
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		tcase_add_loop_test(tests, all[i], 0, KERNELS);
	tcase_add_loop_test(tests, cancel_is_obeyed_before_the_next_call, 0,
			    STEPS_CUT);
	tcase_add_loop_test(tests, pause_is_obeyed_and_resume_goes_on, 0,
			    STEPS_CUT);
	tcase_add_loop_test(tests, guest_that_ends_between_steps_gets_no_call,
			    0, STEPS_CUT);
	tcase_add_loop_test(tests, guest_that_ends_within_a_step_ends_the_job,
			    0, STEPS_CUT);
	tcase_add_loop_test(tests, exec_between_a_look_and_its_call_is_noticed,
			    0, 3);
	tcase_add_test(tests,
		       who_it_is_is_asked_around_calls_and_not_at_each_look);
	tcase_set_timeout(tests, 60);
}

int main(void)
{
	return run_tests("move: cancel, pause, end of guests", add_tests);
}
