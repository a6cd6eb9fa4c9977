/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors, timers, signals and letters. */
#include "loop.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "run.h"

#define NS_PER_MS 1000000ull

/* What the callbacks of a test have done. */
struct seen {
	struct loop *loop; /* runs */
	struct loop_fd *watch; /* on one end of a pair */
	struct loop_timer *timer; /* for tests that use one */
	int pair[2]; /* sockets */
	unsigned int n; /* calls */
	unsigned int last; /* argument or events of the last one */
	bool is_in_order; /* letters came in order */
};

static void stop(void *arg)
{
	loop_stop(((struct seen *)arg)->loop);
}

/* A test that hangs ends after half a minute. */
static void guard(void *arg)
{
	ck_abort_msg("the loop hangs");
}

static void run(struct seen *seen)
{
	struct loop_timer *timer = loop_timer_add(seen->loop, guard, seen);

	loop_timer_set(timer, 30000 * NS_PER_MS);
	ck_assert_int_eq(loop_run(seen->loop), 0);
	loop_timer_remove(timer);
}

static void on_fd(void *arg, unsigned int events)
{
	struct seen *seen = arg;
	char byte;

	seen->n++;
	seen->last = events;
	if (events & LOOP_READ)
		ck_assert_int_ge(read(seen->pair[0], &byte, 1), 0);
	loop_stop(seen->loop);
}

static struct seen seen_create(void)
{
	struct seen seen = { .loop = loop_create(), .is_in_order = true };

	ck_assert_ptr_nonnull(seen.loop);
	ck_assert_int_eq(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, seen.pair),
		0);
	return seen;
}

static void seen_destroy(struct seen *seen)
{
	loop_fd_remove(seen->watch);
	loop_timer_remove(seen->timer);
	close(seen->pair[0]);
	close(seen->pair[1]);
	loop_destroy(seen->loop);
}

START_TEST(descriptor_tells_of_bytes_room_and_the_end)
{
	struct seen seen = seen_create();

	seen.watch =
		loop_fd_add(seen.loop, seen.pair[0], LOOP_READ, on_fd, &seen);
	ck_assert_int_eq(write(seen.pair[1], "x", 1), 1);
	run(&seen);
	ck_assert_uint_eq(seen.last, LOOP_READ);
	loop_fd_set(seen.watch, LOOP_WRITE);
	run(&seen);
	ck_assert_uint_eq(seen.last, LOOP_WRITE);
	loop_fd_set(seen.watch, LOOP_READ);
	shutdown(seen.pair[1], SHUT_RDWR);
	run(&seen);
	ck_assert_uint_eq(seen.last, LOOP_READ);
	ck_assert_uint_eq(seen.n, 3);
	seen_destroy(&seen);
}
END_TEST

START_TEST(descriptor_watched_for_nothing_is_silent)
{
	struct seen seen = seen_create();

	seen.watch = loop_fd_add(seen.loop, seen.pair[0], 0, on_fd, &seen);
	ck_assert_int_eq(write(seen.pair[1], "x", 1), 1);
	seen.timer = loop_timer_add(seen.loop, stop, &seen);
	loop_timer_set(seen.timer, 20 * NS_PER_MS);
	run(&seen);
	ck_assert_uint_eq(seen.n, 0);
	seen_destroy(&seen);
}
END_TEST

static void remove_itself(void *arg, unsigned int events)
{
	struct seen *seen = arg;

	loop_fd_remove(seen->watch);
	seen->watch = NULL;
	loop_stop(seen->loop);
}

START_TEST(watch_may_be_removed_by_its_own_callback)
{
	struct seen seen = seen_create();

	seen.watch = loop_fd_add(seen.loop, seen.pair[0], LOOP_WRITE,
				 remove_itself, &seen);
	run(&seen);
	ck_assert_ptr_null(seen.watch);
	seen_destroy(&seen);
}
END_TEST

static void count_and_stop(void *arg)
{
	struct seen *seen = arg;

	seen->n++;
	loop_stop(seen->loop);
}

START_TEST(timer_fires_once_and_not_before_its_time)
{
	struct seen seen = seen_create();
	uint64_t start_ns = loop_now_ns(seen.loop);
	struct loop_timer *late = loop_timer_add(seen.loop, stop, &seen);

	seen.timer = loop_timer_add(seen.loop, count_and_stop, &seen);
	loop_timer_set(seen.timer, 1);
	loop_timer_set(seen.timer, 30 * NS_PER_MS);
	run(&seen);
	ck_assert_uint_ge(loop_now_ns(seen.loop) - start_ns, 29 * NS_PER_MS);
	loop_timer_set(late, 60 * NS_PER_MS);
	run(&seen);
	ck_assert_uint_eq(seen.n, 1);
	loop_timer_set(seen.timer, 10 * NS_PER_MS);
	loop_timer_clear(seen.timer);
	loop_timer_set(late, 30 * NS_PER_MS);
	run(&seen);
	ck_assert_uint_eq(seen.n, 1);
	loop_timer_remove(late);
	seen_destroy(&seen);
}
END_TEST

static void remove_timer(void *arg)
{
	struct seen *seen = arg;

	loop_timer_remove(seen->timer);
	seen->timer = NULL;
	loop_stop(seen->loop);
}

START_TEST(timer_may_be_removed_by_its_own_callback)
{
	struct seen seen = seen_create();

	seen.timer = loop_timer_add(seen.loop, remove_timer, &seen);
	loop_timer_set(seen.timer, 0);
	run(&seen);
	ck_assert_ptr_null(seen.timer);
	seen_destroy(&seen);
}
END_TEST

START_TEST(signal_is_told_in_the_loop)
{
	struct seen seen = seen_create();

	ck_assert_int_eq(
		loop_signal_add(seen.loop, SIGUSR1, count_and_stop, &seen), 0);
	raise(SIGUSR1);
	run(&seen);
	ck_assert_uint_eq(seen.n, 1);
	seen_destroy(&seen);
}
END_TEST

#define LETTERS 1000

/* A letter that knows its place in the order. */
struct numbered {
	struct seen *seen; /* borrowed */
	unsigned int number; /* of the letter */
};

static void on_letter(void *arg)
{
	struct numbered *letter = arg;
	struct seen *seen = letter->seen;

	seen->is_in_order &= letter->number == seen->n;
	if (++seen->n == LETTERS)
		loop_stop(seen->loop);
}

static void *post_all(void *arg)
{
	struct numbered *letters = arg;

	for (unsigned int i = 0; i < LETTERS; i++)
		loop_post(letters[i].seen->loop, on_letter, &letters[i]);
	return NULL;
}

START_TEST(letters_of_another_thread_come_in_order)
{
	struct numbered *letters = calloc(LETTERS, sizeof(*letters));
	struct seen seen = seen_create();
	pthread_t thread;

	for (unsigned int i = 0; i < LETTERS; i++)
		letters[i] = (struct numbered) { &seen, i };
	ck_assert_int_eq(pthread_create(&thread, NULL, post_all, letters), 0);
	run(&seen);
	pthread_join(thread, NULL);
	ck_assert(seen.is_in_order);
	ck_assert_uint_eq(seen.n, LETTERS);
	seen_destroy(&seen);
	free(letters);
}
END_TEST

static void post_again(void *arg)
{
	struct seen *seen = arg;

	if (++seen->n == 3)
		loop_stop(seen->loop);
	else
		loop_post(seen->loop, post_again, seen);
}

START_TEST(letter_may_be_posted_from_a_letter)
{
	struct seen seen = seen_create();

	loop_post(seen.loop, post_again, &seen);
	run(&seen);
	ck_assert_uint_eq(seen.n, 3);
	ck_assert_uint_gt(loop_longest_ns(seen.loop), 0);
	seen_destroy(&seen);
}
END_TEST

START_TEST(letters_that_nobody_reads_are_dropped)
{
	struct seen seen = seen_create();

	for (int i = 0; i < 10; i++)
		loop_post(seen.loop, count_and_stop, &seen);
	seen_destroy(&seen);
	ck_assert_uint_eq(seen.n, 0);
	loop_destroy(NULL);
	loop_fd_remove(NULL);
	loop_timer_remove(NULL);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, descriptor_tells_of_bytes_room_and_the_end);
	tcase_add_test(tests, descriptor_watched_for_nothing_is_silent);
	tcase_add_test(tests, watch_may_be_removed_by_its_own_callback);
	tcase_add_test(tests, timer_fires_once_and_not_before_its_time);
	tcase_add_test(tests, timer_may_be_removed_by_its_own_callback);
	tcase_add_test(tests, signal_is_told_in_the_loop);
	tcase_add_test(tests, letters_of_another_thread_come_in_order);
	tcase_add_test(tests, letter_may_be_posted_from_a_letter);
	tcase_add_test(tests, letters_that_nobody_reads_are_dropped);
}

int main(void)
{
	return run_tests("the loop", add_tests);
}
