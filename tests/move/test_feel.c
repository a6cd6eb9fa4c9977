/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest feels of a call. */
#include "move/feel.h"

#include <errno.h>

#include "move/kvm_stats.h"
#include "run.h"
#include "scene.h"

#define KVM_DIR "/sys/kernel/debug/kvm/"
#define KICKS   KVM_DIR "42-9/remote_tlb_flush"

/* A guest of one vCPU, whose run delay stands at 1 ms. */
static struct fake_sys *guest_host(struct sys *ret_sys)
{
	struct fake_sys *fake = fake_sys_create(FAKE_LINUX_6_12);

	fake_file(fake, "/proc/42/task/43/comm", "CPU 0/KVM\n");
	fake_file(fake, "/proc/42/task/43/schedstat", "5 1000000 7\n");
	*ret_sys = fake_sys_door(fake);
	return fake;
}

/* What one call of 10 ms shows, in which the vCPU waited 1 ms and the counter
 * of kicks goes from one text to another. NULL: there is none. */
static unsigned int feel_one_call(const char *path, const char *before,
				  const char *after)
{
	struct feel feel;
	struct sys sys;
	struct fake_sys *fake = guest_host(&sys);
	unsigned int waited;

	if (path)
		fake_file(fake, path, before);
	feel_init(&feel, &sys, 42);
	feel_begin_call(&feel, NS_PER_S);
	fake_file(fake, "/proc/42/task/43/schedstat", "5 2000000 7\n");
	if (path)
		fake_file(fake, path, after);
	waited = feel_end_call(&feel, false, NS_PER_S + 10 * NS_PER_MS);
	feel_finish(&feel);
	ck_assert_uint_eq(fake_open_handles(fake), 0);
	fake_sys_destroy(fake);
	return waited;
}

static const struct {
	const char *what; /* the case */
	const char *path; /* of the counter of kicks, NULL: none */
	const char *before; /* its text as the call begins */
	const char *after; /* and as it ends */
	unsigned int waited; /* what is felt, thousandths */
} calls[] = {
	{ "without the folder only waiting counts", NULL, NULL, NULL, 100 },
	{ "1000 kicks of 2 us in 10 ms", KICKS, "500\n", "1500\n", 300 },
	{ "no more than the whole time", KICKS, "0\n", "1000000\n", 1000 },
	{ "folder of another pid", KVM_DIR "421-9/remote_tlb_flush", "0\n",
	  "1000\n", 100 },
	{ "folder of a shorter pid", KVM_DIR "4-2/remote_tlb_flush", "0\n",
	  "1000\n", 100 },
	{ "counter that goes backwards", KICKS, "1500\n", "500\n", 100 },
	{ "text that is no number", KICKS, "0\n", "many\n", 100 },
	{ "nothing", KICKS, "0\n", "", 100 },
	{ "number that is too large", KICKS, "0\n",
	  "99999999999999999999999999\n", 100 },
};

START_TEST(kicks_are_felt_besides_waiting)
{
	unsigned int waited = feel_one_call(calls[_i].path, calls[_i].before,
					    calls[_i].after);

	/* Shares are binary fractions: one thousandth may be lost. */
	ck_assert_msg(waited == calls[_i].waited ||
			      waited + 1 == calls[_i].waited,
		      "%s: %u", calls[_i].what, waited);
}
END_TEST

/* That a mover runs beside them has nothing to do with kicks. */
START_TEST(kicks_are_no_crowd)
{
	struct feel feel;
	struct sys sys;
	struct fake_sys *fake = guest_host(&sys);

	fake_file(fake, KICKS, "0\n");
	feel_init(&feel, &sys, 42);
	feel_begin_call(&feel, NS_PER_S);
	feel_end_call(&feel, false, NS_PER_S + 10 * NS_PER_MS);
	/* there was no pause yet */
	ck_assert_int_eq(feel_seat(&feel, 1).where, SEAT_ANY);
	feel_begin_call(&feel, 2 * NS_PER_S);
	fake_file(fake, KICKS, "4000\n");
	ck_assert_uint_ge(
		feel_end_call(&feel, false, 2 * NS_PER_S + 10 * NS_PER_MS),
		700);
	ck_assert_int_eq(feel_seat(&feel, 1).where, SEAT_ON_NODE);
	ck_assert_int_eq(feel_seat(&feel, 1).node, 1);
	feel_finish(&feel);
	fake_sys_destroy(fake);
}
END_TEST

/* A vCPU whose place a call takes waits for it; that is the price, and no sign
 * that somebody else is in its way. */
START_TEST(waiting_for_a_call_in_its_place_is_not_felt)
{
	struct feel feel;
	struct sys sys;
	struct fake_sys *fake = guest_host(&sys);

	feel_init(&feel, &sys, 42);
	feel_begin_call(&feel, NS_PER_S);
	feel_end_call(&feel, true, NS_PER_S + 10 * NS_PER_MS);
	feel_begin_call(&feel, 2 * NS_PER_S);
	fake_file(fake, "/proc/42/task/43/schedstat", "5 9000000 7\n");
	ck_assert_uint_eq(
		feel_end_call(&feel, true, 2 * NS_PER_S + 10 * NS_PER_MS), 0);
	ck_assert_int_eq(feel_seat(&feel, 1).where, SEAT_ON_NODE);
	feel_finish(&feel);
	fake_sys_destroy(fake);
}
END_TEST

#define STAT_BEGIN                                                             \
	"43 (CPU 0/KVM) S 1 1 1 0 -1 4 0 0 0 0 7 8 0 0 20 0 9 0 100 0 0 "
#define STAT_MORE "18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 -1 "

static const struct {
	const char *text; /* of the thread's stat, NULL: there is none */
	int cpu; /* found in it, or -errno */
} stats[] = {
	{ STAT_BEGIN STAT_MORE "5 0 0 0 0 0\n", 5 },
	{ STAT_BEGIN STAT_MORE "5 1 1 0 0 0\n", -EBUSY },
	{ STAT_BEGIN STAT_MORE "5\n", -EINVAL },
	{ "43 (a) b) 9 9) S 1 1 1 0 -1 4 0 0 0 0 7 8 0 0 20 0 9 0 100 0 0 " STAT_MORE
	  "63 0 0\n",
	  63 },
	{ STAT_BEGIN STAT_MORE "\n", -EINVAL },
	{ STAT_BEGIN STAT_MORE "-3 0\n", -EINVAL },
	{ STAT_BEGIN STAT_MORE "x 0\n", -EINVAL },
	{ STAT_BEGIN "\n", -EINVAL },
	{ "43 (CPU 0/KVM", -EINVAL },
	{ "", -EINVAL },
	{ NULL, -ENOENT },
};

START_TEST(cpu_of_a_vcpu_is_read)
{
	struct feel feel;
	struct sys sys;
	struct fake_sys *fake = guest_host(&sys);

	if (stats[_i].text)
		fake_file(fake, "/proc/42/task/43/stat", stats[_i].text);
	feel_init(&feel, &sys, 42);
	ck_assert_int_eq(feel_cpu(&feel, 0), stats[_i].cpu);
	feel_finish(&feel);
	ck_assert_uint_eq(fake_open_handles(fake), 0);
	fake_sys_destroy(fake);
}
END_TEST

/* The time that the vCPU has run until then. */
static void ran(struct fake_sys *fake, unsigned int ms)
{
	char text[64];

	snprintf(text, sizeof(text), "%u 1000000 7\n", ms * 1000000);
	fake_file(fake, "/proc/42/task/43/schedstat", text);
}

/* A vCPU that works for 64 of 80 ms, but in calls for 10 of 20: of 480 ms that it
 * would have worked in 600, it loses 5 times 6; the first call is not judged. */
START_TEST(work_that_is_lost_in_calls_is_told_of_the_whole_time)
{
	struct feel feel;
	struct sys sys;
	struct fake_sys *fake = guest_host(&sys);
	unsigned int ms = 0, lost = 0;
	uint64_t at_ns = NS_PER_S;

	ran(fake, ms);
	feel_init(&feel, &sys, 42);
	ck_assert(!feel_lost(&feel, NS_PER_S, &lost));
	for (int i = 0; i < 6; i++) {
		feel_begin_call(&feel, at_ns);
		ran(fake, ms += 10);
		feel_end_call(&feel, false, at_ns + 20 * NS_PER_MS);
		ran(fake, ms += 64);
		at_ns += 100 * NS_PER_MS;
	}
	ck_assert(feel_lost(&feel, 600 * NS_PER_MS, &lost));
	ck_assert_uint_ge(lost, 61); /* 30 of 480 are 62 thousandths */
	ck_assert_uint_le(lost, 63);
	feel_finish(&feel);
	fake_sys_destroy(fake);
}
END_TEST

/* In 2 ms the kernel may not have come to account for it. */
START_TEST(short_pause_says_little)
{
	struct feel feel;
	struct sys sys;
	struct fake_sys *fake = guest_host(&sys);

	ran(fake, 0);
	feel_init(&feel, &sys, 42);
	feel_look(&feel, NS_PER_S);
	feel_begin_call(&feel, NS_PER_S + 2 * NS_PER_MS);
	ck_assert(!feel_is_busy(&feel));
	feel_end_call(&feel, false, NS_PER_S + 20 * NS_PER_MS);
	ran(fake, 60);
	feel_begin_call(&feel, NS_PER_S + 80 * NS_PER_MS);
	ck_assert(feel_is_busy(&feel));
	feel_finish(&feel);
	fake_sys_destroy(fake);
}
END_TEST

START_TEST(who_does_nothing_has_nothing_to_lose)
{
	struct feel feel;
	struct sys sys;
	struct fake_sys *fake = guest_host(&sys);
	unsigned int lost = 0;

	feel_init(&feel, &sys, 42);
	for (uint64_t i = 1; i < 10; i++) {
		feel_begin_call(&feel, i * NS_PER_S);
		feel_end_call(&feel, false, i * NS_PER_S + 20 * NS_PER_MS);
	}
	ck_assert(!feel_lost(&feel, 10 * NS_PER_S, &lost));
	feel_finish(&feel);
	fake_sys_destroy(fake);
}
END_TEST

START_TEST(kicks_between_calls_are_the_calm)
{
	struct feel feel;
	struct sys sys;
	struct fake_sys *fake = guest_host(&sys);
	char text[32];
	unsigned int waited = 1000;

	fake_file(fake, KICKS, "0\n");
	feel_init(&feel, &sys, 42);
	for (uint64_t i = 1; i < 100; i++) {
		snprintf(text, sizeof(text), "%llu\n",
			 (unsigned long long)i * 1000);
		fake_file(fake, KICKS, text);
		if (i % 2)
			feel_begin_call(&feel, i * 10 * NS_PER_MS);
		else
			waited =
				feel_end_call(&feel, false, i * 10 * NS_PER_MS);
	}
	ck_assert_uint_le(waited, 1);
	feel_finish(&feel);
	fake_sys_destroy(fake);
}
END_TEST

START_TEST(kicks_are_one_read_a_reading)
{
	struct feel feel;
	struct sys sys;
	struct fake_sys *fake = guest_host(&sys);
	struct fake_books before, after;

	fake_file(fake, KICKS, "0\n");
	feel_init(&feel, &sys, 42);
	before = fake_books(fake);
	feel_begin_call(&feel, NS_PER_S);
	after = fake_books(fake);
	ck_assert_uint_eq(
		after.calls[FAKE_READ_FD] - before.calls[FAKE_READ_FD], 1);
	ck_assert_uint_eq(
		after.calls[FAKE_READ_FILE] - before.calls[FAKE_READ_FILE], 1);
	ck_assert_uint_eq(after.calls[FAKE_OPEN_FILE],
			  before.calls[FAKE_OPEN_FILE]);
	feel_finish(&feel);
	fake_sys_destroy(fake);
}
END_TEST

START_TEST(guest_without_vcpu_names_feels_kicks)
{
	struct feel feel;
	struct sys sys;
	struct fake_sys *fake = fake_sys_create(FAKE_LINUX_6_12);

	sys = fake_sys_door(fake);
	fake_file(fake, KICKS, "0\n");
	feel_init(&feel, &sys, 42);
	feel_begin_call(&feel, NS_PER_S);
	fake_file(fake, KICKS, "2500\n");
	ck_assert_uint_ge(
		feel_end_call(&feel, false, NS_PER_S + 10 * NS_PER_MS), 499);
	feel_finish(&feel);
	fake_sys_destroy(fake);
}
END_TEST

/* Counts huge mappings before and after a job of so many lanes. */
static struct receipt move_with_mappings(unsigned int lanes)
{
	struct scene *s = scene_create(FAKE_LINUX_6_12);
	struct receipt receipt;

	fake_file(s->fake, KVM_DIR "42-9/pages_2m", "32\n");
	scene_memory(s, 0, 64 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	s->spec.pace.lanes_max = lanes;
	scene_job(s);
	ck_assert_int_ne(scene_step(s, 0), JOB_ENDED);
	ck_assert_uint_eq(s->receipt.kvm_pages_2m_after, KVM_STAT_UNKNOWN);
	fake_file(s->fake, KVM_DIR "42-9/pages_2m", "30\n");
	scene_run(s);
	receipt = s->receipt;
	scene_destroy(s);
	return receipt;
}

START_TEST(receipt_has_the_huge_mappings_of_the_guest)
{
	struct receipt receipt = move_with_mappings((unsigned int)_i);

	ck_assert_uint_eq(receipt.kvm_pages_2m_before, 32);
	ck_assert_uint_eq(receipt.kvm_pages_2m_after, 30);
}
END_TEST

START_TEST(huge_mappings_are_unknown_without_debugfs)
{
	struct scene *s = scene_create(FAKE_LINUX_6_12);

	scene_memory(s, 0, 4 * MIB, PAGE_2M_BYTES, 0, FAKE_ANON, 0);
	scene_move(s);
	ck_assert_uint_eq(s->receipt.kvm_pages_2m_before, KVM_STAT_UNKNOWN);
	ck_assert_uint_eq(s->receipt.kvm_pages_2m_after, KVM_STAT_UNKNOWN);
	scene_destroy(s);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, kicks_are_felt_besides_waiting, 0,
			    (int)(sizeof(calls) / sizeof(*calls)));
	tcase_add_test(tests, kicks_are_no_crowd);
	tcase_add_test(tests,
		       work_that_is_lost_in_calls_is_told_of_the_whole_time);
	tcase_add_test(tests, short_pause_says_little);
	tcase_add_test(tests, who_does_nothing_has_nothing_to_lose);
	tcase_add_test(tests, kicks_between_calls_are_the_calm);
	tcase_add_test(tests, waiting_for_a_call_in_its_place_is_not_felt);
	tcase_add_loop_test(tests, cpu_of_a_vcpu_is_read, 0,
			    (int)(sizeof(stats) / sizeof(*stats)));
	tcase_add_test(tests, kicks_are_one_read_a_reading);
	tcase_add_test(tests, guest_without_vcpu_names_feels_kicks);
	tcase_add_loop_test(tests, receipt_has_the_huge_mappings_of_the_guest,
			    1, 3);
	tcase_add_test(tests, huge_mappings_are_unknown_without_debugfs);
}

int main(void)
{
	return run_tests("move: what the guest feels", add_tests);
}
