/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest/virt.c: lists, events and attempts to connect, against libvirt's test
 * driver and against libvirts that cannot be reached or do not answer.
 */
#include "guest/virt.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "virt_seen.h"
#include "xalloc.h"

static bool has_new_event(struct seen *seen)
{
	return seen->n_events > seen->n_read;
}

static void expect(struct seen *seen, enum virt_event_kind kind,
		   const struct uuid *uuid, const char *detail)
{
	const struct virt_event *event;

	seen_run_until(seen, has_new_event);
	event = &seen->events[seen->n_read++];
	ck_assert_int_eq(event->kind, kind);
	ck_assert_str_eq(event->uuid.text, uuid->text);
	ck_assert_str_eq(event->detail, detail);
}

START_TEST(running_guests_are_listed_after_connecting)
{
	struct seen *seen = seen_start_and_list();

	ck_assert_uint_eq(seen->n_up, 1);
	ck_assert_uint_eq(seen->n_down, 0);
	ck_assert_uint_eq(seen->n_events, 2);
	ck_assert_int_eq(seen->events[0].kind, VIRT_LISTED);
	ck_assert_str_eq(seen->events[0].uuid.text,
			 "6695eb01-f6a4-8304-79aa-97f2502e193f");
	ck_assert(virt_is_up(seen->virt));
	ck_assert(!virt_is_read_only(seen->virt));
	seen_finish(seen);
}
END_TEST

START_TEST(lifecycle_and_metadata_events_arrive_in_order)
{
	struct seen *seen = seen_start_and_list();
	struct uuid uuid = seen->events[0].uuid;
	virConnectPtr conn;
	virDomainPtr domain = admin_domain(&conn);

	ck_assert_int_eq(virDomainSuspend(domain), 0);
	expect(seen, VIRT_PAUSED, &uuid, "paused");
	ck_assert_int_eq(virDomainResume(domain), 0);
	expect(seen, VIRT_RESUMED, &uuid, "unpaused");
	ck_assert_int_eq(virDomainSetMetadata(domain,
					      VIR_DOMAIN_METADATA_ELEMENT,
					      "<policy follow='pin'/>", "v",
					      "urn:vmnumad:policy:1", 0),
			 0);
	expect(seen, VIRT_METADATA, &uuid, "urn:vmnumad:policy:1");
	ck_assert_int_eq(virDomainDestroy(domain), 0);
	expect(seen, VIRT_STOPPED, &uuid, "destroyed");
	ck_assert_int_eq(virDomainCreate(domain), 0);
	expect(seen, VIRT_STARTED, &uuid, "booted");
	admin_finish(conn, domain);
	seen_finish(seen);
}
END_TEST

START_TEST(new_list_leaves_out_what_has_stopped)
{
	struct seen *seen = seen_start_and_list();
	struct uuid uuid = seen->events[0].uuid;
	virConnectPtr conn;
	virDomainPtr domain = admin_domain(&conn);

	ck_assert_int_eq(virDomainDestroy(domain), 0);
	expect(seen, VIRT_STOPPED, &uuid, "destroyed");
	ck_assert_int_eq(virt_relist(seen->virt), 0);
	ck_assert_int_eq(virt_relist(seen->virt), -EALREADY);
	expect(seen, VIRT_LIST_END, &(struct uuid) { "" }, "");
	ck_assert_int_eq(virDomainCreate(domain), 0);
	expect(seen, VIRT_STARTED, &uuid, "booted");
	admin_finish(conn, domain);
	seen_finish(seen);
}
END_TEST

/* Stops and starts as fast as the driver can while lists are made. */
static void *storm(void *arg)
{
	virConnectPtr conn;
	virDomainPtr domain = admin_domain(&conn);

	for (int i = 0; i < 200; i++) {
		ck_assert_int_eq(virDomainDestroy(domain), 0);
		ck_assert_int_eq(virDomainCreate(domain), 0);
	}
	ck_assert_int_eq(virDomainDestroy(domain), 0);
	admin_finish(conn, domain);
	return NULL;
}

/* The state that an owner would derive from what it was told: listed or
 * started runs, stopped or not listed does not. */
static bool runs_in_the_end(const struct seen *seen)
{
	bool is_running = false;
	bool is_listed = false;

	for (size_t i = 0; i < seen->n_events; i++) {
		switch (seen->events[i].kind) {
		case VIRT_LISTED:
			is_listed = true;
			is_running = true;
			break;
		case VIRT_LIST_END:
			is_running = is_running && is_listed;
			is_listed = false;
			break;
		case VIRT_STARTED:
			is_running = true;
			break;
		case VIRT_STOPPED:
			is_running = false;
			break;
		default:
			break;
		}
	}
	return is_running;
}

static bool has_201_stops(struct seen *seen)
{
	size_t n = 0;

	if (seen->n_events % 8 == 0)
		virt_relist(seen->virt);
	for (size_t i = 0; i < seen->n_events; i++)
		n += seen->events[i].kind == VIRT_STOPPED;
	return n == 201;
}

START_TEST(lists_made_in_a_storm_of_events_lead_to_the_truth)
{
	struct seen *seen = seen_start_and_list();
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, storm, NULL), 0);
	seen_run_until(seen, has_201_stops);
	pthread_join(thread, NULL);
	virt_relist(seen->virt); /* or one is under way already */
	seen_run_until(seen, seen_has_list);
	ck_assert(!runs_in_the_end(seen));
	seen_finish(seen);
}
END_TEST

static bool has_five_downs(struct seen *seen)
{
	return seen->n_down >= 5;
}

START_TEST(failed_attempts_are_told_and_wait_longer_each_time)
{
	const struct virt_options options = {
		.uri = "test:///nowhere/at/all.xml",
		.retry_first_ms = 20,
		.retry_max_ms = 100,
	};
	static const unsigned int retry_ms[] = { 20, 40, 80, 100, 100 };
	struct seen *seen = seen_start(&options);

	seen_run_until(seen, has_five_downs);
	for (size_t i = 0; i < 5; i++)
		ck_assert_uint_eq(seen->retry_ms[i], retry_ms[i]);
	for (size_t i = 0; i < 4; i++)
		ck_assert_uint_ge(seen->down_ns[i + 1] - seen->down_ns[i],
				  (retry_ms[i] - 1) * NS_PER_MS);
	ck_assert_uint_eq(seen->n_up, 0);
	ck_assert_uint_eq(seen->n_events, 0);
	ck_assert_ptr_nonnull(strstr(seen->why.text, "libvirt: "));
	ck_assert(!virt_is_up(seen->virt));
	ck_assert_int_eq(virt_relist(seen->virt), -ENOTCONN);
	seen_finish(seen);
}
END_TEST

START_TEST(nothing_is_told_after_stop)
{
	const struct virt_options options = {
		.uri = "test:///nowhere.xml",
		.retry_first_ms = 1,
		.retry_max_ms = 1,
	};
	struct seen *seen = seen_start(&options);
	struct loop_timer *timer;
	unsigned int n_down;

	seen_run_until(seen, has_five_downs);
	virt_stop(seen->virt);
	n_down = seen->n_down;
	timer = loop_timer_add(seen->loop, (loop_fn *)loop_stop, seen->loop);
	loop_timer_set(timer, 50 * NS_PER_MS);
	loop_run(seen->loop);
	loop_timer_remove(timer);
	ck_assert_uint_eq(seen->n_down, n_down);
	seen_finish(seen);
}
END_TEST

/* A socket of a libvirtd that is there but never says a word. */
static int silent_daemon(char *dir, char *ret_uri, size_t size)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/sock", dir);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)),
			 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	snprintf(ret_uri, size, "qemu+unix:///system?socket=%s",
		 address.sun_path);
	return fd;
}

static void silent_daemon_ends(const char *dir, int fd)
{
	autofree char *path = xasprintf("%s/sock", dir);

	close(fd);
	unlink(path);
	rmdir(dir);
}

static bool has_two_downs(struct seen *seen)
{
	return seen->n_down >= 2;
}

static bool has_no_late_call(struct seen *seen)
{
	if (virt_calls_late(seen->virt) == 0)
		return true;
	loop_post(seen->loop, seen_look, seen);
	return false;
}

START_TEST(silent_libvirt_costs_one_thread_and_no_time)
{
	char dir[] = "/tmp/test_virt.XXXXXX";
	char uri[256];
	int fd = silent_daemon(dir, uri, sizeof(uri));
	const struct virt_options options = {
		.uri = uri,
		.retry_first_ms = 10,
		.retry_max_ms = 10,
		.call_ms = 100,
	};
	struct seen *seen = seen_start(&options);

	seen_run_until(seen, has_two_downs);
	ck_assert_uint_eq(virt_calls_late(seen->virt), 1);
	ck_assert_ptr_nonnull(strstr(seen->why.text, "hangs"));
	seen_run_until(seen, has_five_downs);
	ck_assert_uint_eq(virt_calls_late(seen->virt), 1);
	ck_assert_uint_lt(loop_longest_ns(seen->loop), 50 * NS_PER_MS);
	/* its end frees the call, and attempts go on */
	silent_daemon_ends(dir, fd);
	seen_run_until(seen, has_no_late_call);
	seen_finish(seen);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("virt");
	TCase *tc = tcase_create("virt");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, running_guests_are_listed_after_connecting);
	tcase_add_test(tc, lifecycle_and_metadata_events_arrive_in_order);
	tcase_add_test(tc, new_list_leaves_out_what_has_stopped);
	tcase_add_test(tc, lists_made_in_a_storm_of_events_lead_to_the_truth);
	tcase_add_test(tc, failed_attempts_are_told_and_wait_longer_each_time);
	tcase_add_test(tc, nothing_is_told_after_stop);
	tcase_add_test(tc, silent_libvirt_costs_one_thread_and_no_time);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
