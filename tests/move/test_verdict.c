/* SPDX-License-Identifier: Apache-2.0 */
/* The table of verdicts, row by row. */
#include "move/verdict.h"

#include <errno.h>
#include <string.h>

#include "move/receipt.h"
#include "run.h"
#include "sys.h"

static const struct {
	const char *what; /* the case */
	long result; /* of move_pages(2) */
	enum call_verdict verdict; /* what it means */
} calls[] = {
	{ "all moved", 0, CALL_CLEAN },
	{ "one failed", 1, CALL_MIXED },
	{ "failed and untried together", 1048, CALL_MIXED },
	{ "more than were asked for", 1l << 40, CALL_MIXED },
	{ "no memory", -ENOMEM, CALL_NOMEM },
	{ "cpuset", -EACCES, CALL_CPUSET },
	{ "no such node", -ENODEV, CALL_NODE_GONE },
	{ "no right", -EPERM, CALL_DENIED },
	{ "no such process", -ESRCH, CALL_PROCESS_GONE },
	{ "no memory of its own any more", -EINVAL, CALL_PROCESS_GONE },
	{ "no move_pages", -ENOSYS, CALL_UNSUPPORTED },
	{ "our arrays", -EFAULT, CALL_BROKEN },
	{ "interrupted", -EINTR, CALL_BROKEN },
	{ "too many", -E2BIG, CALL_BROKEN },
	{ "no errno at all", -4096, CALL_BROKEN },
	{ "not even an int", -(1l << 40), CALL_BROKEN },
};

START_TEST(answer_of_a_call_has_one_meaning)
{
	enum call_verdict verdict = verdict_of_call(calls[_i].result);

	ck_assert_msg(verdict == calls[_i].verdict, "%s", calls[_i].what);
	ck_assert_uint_gt(strlen(call_verdict_text(verdict)), 0);
}
END_TEST

static const struct {
	const char *what; /* the case */
	int status; /* of a page, in a call to node 1 */
	enum verdict verdict; /* what it means */
} pages[] = {
	{ "on the target", 1, VERDICT_MOVED },
	{ "a hole", -ENOENT, VERDICT_ABSENT },
	{ "a hole before Linux 6.12", -EFAULT, VERDICT_ABSENT },
	{ "shared", -EACCES, VERDICT_SHARED },
	{ "isolated", -EBUSY, VERDICT_BUSY },
	{ "still on another node", 0, VERDICT_STRIKE },
	{ "on a node beyond all nodes", 5000, VERDICT_STRIKE },
	{ "no errno at all", -4094, VERDICT_STRIKE },
	{ "the kernel before 4.17", -ENOMEM, VERDICT_STRIKE },
	{ "not written", PAGE_STATUS_UNWRITTEN, VERDICT_STRIKE },
};

START_TEST(status_of_a_page_has_one_meaning)
{
	ck_assert_msg(verdict_of_status(pages[_i].status, 1) ==
			      pages[_i].verdict,
		      "%s", pages[_i].what);
}
END_TEST

START_TEST(refusals_to_make_huge_pages_are_counted)
{
	static const struct {
		int answer; /* of sys->collapse */
		unsigned int after_2; /* refusals in a row, 2 before it */
	} answers[] = {
		{ 0, 0 },
		{ -EAGAIN, 2 },
		{ -EBUSY, 2 },
		{ -ENOMEM, 3 },
		{ -EINVAL, 3 },
		{ -EPERM, COLLAPSE_REFUSALS_MAX },
		{ -ENOSYS, COLLAPSE_REFUSALS_MAX },
		{ -ESRCH, COLLAPSE_REFUSALS_MAX },
	};

	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++)
		ck_assert_uint_eq(verdict_count_refusals(2, answers[i].answer),
				  answers[i].after_2);
	ck_assert_uint_eq(
		verdict_count_refusals(COLLAPSE_REFUSALS_MAX, -EINVAL),
		COLLAPSE_REFUSALS_MAX);
}
END_TEST

START_TEST(every_class_result_and_phase_has_a_word)
{
	for (int i = 0; i < RESIDUE_COUNT; i++)
		ck_assert_uint_gt(strlen(residue_text(i)), 0);
	for (int i = JOB_RUNNING; i <= JOB_FAILED; i++)
		ck_assert_uint_gt(strlen(job_result_text(i)), 0);
	for (int i = PHASE_SCAN; i <= PHASE_ENDED; i++)
		ck_assert_uint_gt(strlen(job_phase_text(i)), 0);
	ck_assert_str_eq(residue_text(RESIDUE_NOMEM), "nomem");
	ck_assert_str_eq(job_result_text(JOB_PARTIAL), "partial");
}
END_TEST

/* Of what was not seen, what is missing of the plan at most. */
START_TEST(what_is_left_is_all_residue_but_absent)
{
	struct receipt receipt = { .moved_bytes = 5000 };
	uint64_t seen_bytes = 0;

	for (int i = 0; i < RESIDUE_COUNT; i++) {
		receipt.residue_bytes[i] = 1ull << i;
		if (i != RESIDUE_ABSENT && i != RESIDUE_UNSEEN)
			seen_bytes += 1ull << i;
	}
	ck_assert_uint_eq(receipt_left_bytes(&receipt), seen_bytes);
	receipt.planned_bytes = 5000 + seen_bytes;
	ck_assert_uint_eq(receipt_left_bytes(&receipt), seen_bytes);
	receipt.planned_bytes += 3;
	ck_assert_uint_eq(receipt_left_bytes(&receipt), seen_bytes + 3);
	receipt.planned_bytes += GIB;
	ck_assert_uint_eq(receipt_left_bytes(&receipt),
			  seen_bytes + (1ull << RESIDUE_UNSEEN));
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, answer_of_a_call_has_one_meaning, 0,
			    (int)(sizeof(calls) / sizeof(*calls)));
	tcase_add_loop_test(tests, status_of_a_page_has_one_meaning, 0,
			    (int)(sizeof(pages) / sizeof(*pages)));
	tcase_add_test(tests, refusals_to_make_huge_pages_are_counted);
	tcase_add_test(tests, every_class_result_and_phase_has_a_word);
	tcase_add_test(tests, what_is_left_is_all_residue_but_absent);
}

int main(void)
{
	return run_tests("move: verdicts", add_tests);
}
