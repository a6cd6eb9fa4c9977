/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest/virt_call.c: what happens to calls that do not end in time.
 */
#include "guest/virt_call.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* A call that ends when the test lets it. */
struct slow_call {
	pthread_mutex_t lock; /* held by the test: the call waits */
	atomic_bool is_released; /* release() was called */
};

static void run_slow(void *arg)
{
	struct slow_call *slow = arg;

	pthread_mutex_lock(&slow->lock);
	pthread_mutex_unlock(&slow->lock);
}

static void release_slow(void *arg)
{
	struct slow_call *slow = arg;

	atomic_store(&slow->is_released, true);
}

START_TEST(late_call_bars_its_own_kind_only_and_cleans_up)
{
	struct slow_call slow = { .lock = PTHREAD_MUTEX_INITIALIZER };
	struct slow_call quick = { .lock = PTHREAD_MUTEX_INITIALIZER };
	struct call_desk *desk = call_desk_create();
	struct why why;

	pthread_mutex_lock(&slow.lock);
	ck_assert_int_eq(call_desk_run(desk, "a", 10, run_slow, release_slow,
				       &slow, &why),
			 -ETIMEDOUT);
	ck_assert_uint_eq(call_desk_late(desk), 1);
	ck_assert_int_eq(call_desk_run(desk, "a", 10, run_slow, release_slow,
				       &quick, &why),
			 -EBUSY);
	ck_assert_int_eq(call_desk_run(desk, "b", 10000, run_slow, release_slow,
				       &quick, &why),
			 0);
	ck_assert(!atomic_load(&quick.is_released));
	pthread_mutex_unlock(&slow.lock);
	while (!atomic_load(&slow.is_released))
		sched_yield();
	ck_assert_uint_eq(call_desk_late(desk), 0);
	call_desk_unref(desk);
}
END_TEST

START_TEST(late_calls_are_limited_in_number)
{
	static struct slow_call slow[64];
	struct call_desk *desk = call_desk_create();
	char about[16];

	for (int i = 0; i < 64; i++) {
		pthread_mutex_init(&slow[i].lock, NULL);
		pthread_mutex_lock(&slow[i].lock);
		snprintf(about, sizeof(about), "%d", i);
		ck_assert_int_eq(call_desk_run(desk, about, 1, run_slow,
					       release_slow, &slow[i], NULL),
				 -ETIMEDOUT);
	}
	ck_assert_int_eq(call_desk_run(desk, "one more", 1, run_slow,
				       release_slow, &slow[0], NULL),
			 -EBUSY);
	for (int i = 0; i < 64; i++)
		pthread_mutex_unlock(&slow[i].lock);
	for (int i = 0; i < 64; i++) {
		while (!atomic_load(&slow[i].is_released))
			sched_yield();
	}
	ck_assert_uint_eq(call_desk_late(desk), 0);
	call_desk_unref(desk);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("virt_call");
	TCase *tc = tcase_create("virt_call");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, late_call_bars_its_own_kind_only_and_cleans_up);
	tcase_add_test(tc, late_calls_are_limited_in_number);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
