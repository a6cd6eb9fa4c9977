/* SPDX-License-Identifier: Apache-2.0 */
/* One moving call, and what it says became of each folio. */
#include "move/call.h"

#include <errno.h>

#include "run.h"
#include "scene.h"

static const enum fake_kernel kernels[] = { FAKE_LINUX_6_1, FAKE_LINUX_6_12 };

#define KERNELS (int)(sizeof(kernels) / sizeof(*kernels))
#define PAGES   64

/* PAGES pages of 4 KiB on node 0, all in the first call. */
static struct scene *call_scene(enum fake_kernel kernel)
{
	struct scene *s = scene_create(kernel);

	scene_memory(s, 0, PAGES * PAGE_4K_BYTES, PAGE_4K_BYTES, 0, FAKE_ANON,
		     0);
	scene_build_map(s);
	call_reset(&s->calls[0], &s->map->regions[0], 1, false);
	for (uint64_t i = 0; i < PAGES; i++) {
		struct folio folio = { .at = { BASE + i * PAGE_4K_BYTES },
				       .pages = 1 };

		ck_assert(call_add(&s->calls[0], &folio));
	}
	return s;
}

static const struct call *run(struct scene *s)
{
	struct identity identity = { .pid = PID, .pidfd = -1 };

	call_run(&s->calls[0], &s->sys, &identity);
	return &s->calls[0];
}

static size_t count(const struct call *call, enum verdict verdict)
{
	size_t n = 0;

	for (size_t i = 0; i < call->n; i++)
		n += call->verdicts[i] == verdict;
	return n;
}

START_TEST(clean_call_asks_nothing_more)
{
	struct scene *s = call_scene(kernels[_i]);
	const struct call *call = run(s);

	ck_assert_int_eq(call->verdict, CALL_CLEAN);
	ck_assert_uint_eq(count(call, VERDICT_MOVED), PAGES);
	ck_assert_uint_eq(call->bytes, PAGES * PAGE_4K_BYTES);
	ck_assert_uint_gt(call->took_ns, 0);
	ck_assert_uint_eq(fake_books(s->fake).where_pages, 0);
	scene_destroy(s);
}
END_TEST

START_TEST(clean_call_tells_busy_absent_shared_and_moved)
{
	struct scene *s = call_scene(kernels[_i]);
	const struct call *call;

	scene_folio(s, 0)->busy_calls = 1;
	scene_folio(s, 5 * PAGE_4K_BYTES)->node = NODE_NONE;
	scene_folio(s, 9 * PAGE_4K_BYTES)->is_ksm = true;
	scene_folio(s, 20 * PAGE_4K_BYTES)->node = 1;
	call = run(s);
	ck_assert_int_eq(call->verdict, CALL_CLEAN);
	ck_assert_int_eq(call->verdicts[0], VERDICT_BUSY);
	ck_assert_int_eq(call->verdicts[5], VERDICT_ABSENT);
	ck_assert_int_eq(call->verdicts[9], VERDICT_SHARED);
	ck_assert_int_eq(call->verdicts[20], VERDICT_MOVED);
	ck_assert_uint_eq(count(call, VERDICT_MOVED), PAGES - 3);
	scene_destroy(s);
}
END_TEST

START_TEST(pinned_page_is_a_strike_and_the_rest_has_moved)
{
	struct scene *s = call_scene(kernels[_i]);
	const struct call *call;

	scene_folio(s, 30 * PAGE_4K_BYTES)->pin_calls = FAKE_ALWAYS;
	call = run(s);
	ck_assert_int_eq(call->verdict, CALL_MIXED);
	ck_assert_int_eq(call->verdicts[30], VERDICT_STRIKE);
	ck_assert_uint_eq(count(call, VERDICT_MOVED), PAGES - 1);
	ck_assert_uint_eq(fake_books(s->fake).where_pages, PAGES);
	scene_destroy(s);
}
END_TEST

START_TEST(pages_behind_a_breaker_are_untried)
{
	struct scene *s = call_scene(kernels[_i]);
	const struct call *call;

	scene_folio(s, 10 * PAGE_4K_BYTES)->pin_calls = FAKE_ALWAYS;
	scene_folio(s, 30 * PAGE_4K_BYTES)->busy_calls = 1;
	call = run(s);
	ck_assert_int_eq(call->verdict, CALL_MIXED);
	ck_assert_int_eq(call->verdicts[10], VERDICT_STRIKE);
	ck_assert_int_eq(call->verdicts[30], VERDICT_BUSY);
	ck_assert_uint_eq(count(call, VERDICT_MOVED), 29);
	ck_assert_uint_eq(count(call, VERDICT_UNTRIED), PAGES - 31);
	for (size_t i = 31; i < PAGES; i++)
		ck_assert_int_eq(call->verdicts[i], VERDICT_UNTRIED);
	scene_destroy(s);
}
END_TEST

START_TEST(failure_behind_a_breaker_is_a_strike)
{
	struct scene *s = call_scene(kernels[_i]);
	const struct call *call;

	scene_folio(s, 10 * PAGE_4K_BYTES)->busy_calls = 1;
	scene_folio(s, 30 * PAGE_4K_BYTES)->pin_calls = FAKE_ALWAYS;
	call = run(s);
	ck_assert_int_eq(call->verdict, CALL_MIXED);
	ck_assert_int_eq(call->verdicts[10], VERDICT_BUSY);
	ck_assert_int_eq(call->verdicts[30], VERDICT_STRIKE);
	ck_assert_uint_eq(count(call, VERDICT_MOVED), PAGES - 2);
	scene_destroy(s);
}
END_TEST

START_TEST(shortage_in_the_middle_counts_what_has_moved)
{
	struct scene *s = call_scene(kernels[_i]);
	const struct call *call;

	s->nodes[1]->free_bytes = 40 * PAGE_4K_BYTES;
	call = run(s);
	ck_assert_int_eq(call->verdict, CALL_NOMEM);
	ck_assert_uint_eq(count(call, VERDICT_MOVED), 40);
	ck_assert_uint_eq(count(call, VERDICT_STOPPED), PAGES - 40);
	scene_destroy(s);
}
END_TEST

static const struct {
	int result; /* of pages_move */
	enum call_verdict verdict; /* of the call */
} errors[] = {
	{ -ENOMEM, CALL_NOMEM },        { -EPERM, CALL_DENIED },
	{ -EACCES, CALL_CPUSET },       { -ENODEV, CALL_NODE_GONE },
	{ -EINVAL, CALL_PROCESS_GONE }, { -ESRCH, CALL_PROCESS_GONE },
	{ -ENOSYS, CALL_UNSUPPORTED },  { -EFAULT, CALL_BROKEN },
	{ -EINTR, CALL_BROKEN },        { -E2BIG, CALL_BROKEN },
};

START_TEST(error_stops_all_pages_and_counts_none_as_moved)
{
	struct scene *s = call_scene(FAKE_LINUX_6_12);
	const struct call *call;

	fake_fault(s->fake, FAKE_PAGES_MOVE, 1, errors[_i].result);
	call = run(s);
	ck_assert_int_eq(call->verdict, errors[_i].verdict);
	ck_assert_uint_eq(count(call, VERDICT_STOPPED), PAGES);
	scene_destroy(s);
}
END_TEST

START_TEST(question_that_fails_after_a_mixed_call_has_its_own_verdict)
{
	struct scene *s = call_scene(kernels[_i]);
	const struct call *call;

	scene_folio(s, 0)->pin_calls = FAKE_ALWAYS;
	fake_fault(s->fake, FAKE_PAGES_WHERE, 1, -EPERM);
	call = run(s);
	ck_assert_int_eq(call->verdict, CALL_DENIED);
	ck_assert_uint_eq(count(call, VERDICT_STOPPED), PAGES);
	scene_destroy(s);
}
END_TEST

/* One folio of 512 pages that is taken for a huge page. */
static const struct call *run_guess(struct scene *s)
{
	struct folio folio = { .at = { BASE },
			       .pages = PAGES_PER_2M,
			       .is_guess = true };

	scene_build_map(s);
	call_reset(&s->calls[0], &s->map->regions[0], 1, false);
	call_add(&s->calls[0], &folio);
	return run(s);
}

START_TEST(right_guess_has_moved)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 2 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	ck_assert_int_eq(run_guess(s)->verdicts[0], VERDICT_MOVED);
	scene_destroy(s);
}
END_TEST

START_TEST(wrong_guess_has_moved_its_head)
{
	struct scene *s = scene_create(kernels[_i]);

	scene_memory(s, 0, 2 * MIB, PAGE_4K_BYTES, 0, FAKE_ANON, 0);
	ck_assert_int_eq(run_guess(s)->verdicts[0], VERDICT_HEAD_MOVED);
	ck_assert_uint_eq(scene_on(s, 1), PAGE_4K_BYTES);
	scene_destroy(s);
}
END_TEST

START_TEST(full_call_takes_no_more)
{
	struct scene *s = scene_create(kernels[_i]);
	struct region region = { .page_bytes = PAGE_4K_BYTES };
	struct folio folio = { .pages = 1 };

	call_reset(&s->calls[0], &region, 1, false);
	for (int i = 0; i < CALL_FOLIOS_MAX; i++)
		ck_assert(call_add(&s->calls[0], &folio));
	ck_assert(!call_add(&s->calls[0], &folio));
	ck_assert_uint_eq(s->calls[0].n, CALL_FOLIOS_MAX);
	ck_assert_uint_eq(s->calls[0].bytes, CALL_FOLIOS_MAX * PAGE_4K_BYTES);
	scene_destroy(s);
}
END_TEST

static void add_tests(TCase *tests)
{
	const TTest *const all[] = {
		clean_call_asks_nothing_more,
		clean_call_tells_busy_absent_shared_and_moved,
		pinned_page_is_a_strike_and_the_rest_has_moved,
		pages_behind_a_breaker_are_untried,
		failure_behind_a_breaker_is_a_strike,
		shortage_in_the_middle_counts_what_has_moved,
		question_that_fails_after_a_mixed_call_has_its_own_verdict,
		right_guess_has_moved,
		wrong_guess_has_moved_its_head,
		full_call_takes_no_more,
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		tcase_add_loop_test(tests, all[i], 0, KERNELS);
	tcase_add_loop_test(tests,
			    error_stops_all_pages_and_counts_none_as_moved, 0,
			    (int)(sizeof(errors) / sizeof(*errors)));
}

int main(void)
{
	return run_tests("move: one call", add_tests);
}
