/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest/virt_fetch.c and guest/monitor_virt.c against libvirt's test driver,
 * which has guests but no monitor.
 */
#include "guest/virt.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest/monitor_virt.h"
#include "virt_seen.h"
#include "xalloc.h"

static void on_fetched(void *arg, const struct uuid *uuid, int err,
		       const struct virt_domain *domain, const struct why *why)
{
	struct seen *seen = arg;

	seen->n_fetched++;
	seen->fetch_err = err;
	if (err) {
		ck_assert_ptr_null(domain);
		seen->why = *why;
	} else {
		ck_assert_uint_eq(domain->xml ? strlen(domain->xml) : 0,
				  domain->xml_len);
		seen->domain = *domain;
		free(seen->xml);
		seen->xml = domain->xml ? xstrdup(domain->xml) : NULL;
	}
	seen_look(seen);
}

static bool has_answer(struct seen *seen)
{
	return seen->n_fetched > 0;
}

static void fetch(struct seen *seen, const struct uuid *uuid, bool with_xml)
{
	seen->n_fetched = 0;
	ck_assert_int_eq(
		virt_fetch(seen->virt, uuid, with_xml, on_fetched, seen), 0);
	ck_assert_int_eq(virt_fetch(seen->virt, uuid, true, on_fetched, seen),
			 -EALREADY);
	seen_run_until(seen, has_answer);
	ck_assert_uint_eq(seen->n_fetched, 1);
}

START_TEST(fetch_brings_xml_state_and_job)
{
	struct seen *seen = seen_start_and_list();
	struct uuid uuid = seen->events[0].uuid;
	virConnectPtr conn;
	virDomainPtr domain = admin_domain(&conn);

	fetch(seen, &uuid, true);
	ck_assert_int_eq(seen->fetch_err, 0);
	ck_assert_ptr_nonnull(strstr(seen->xml, "<name>test</name>"));
	ck_assert_int_eq(seen->domain.state, VIRT_STATE_RUNNING);
	ck_assert_int_eq(seen->domain.job, VIRT_JOB_NONE);
	ck_assert(!seen->domain.is_postcopy);
	ck_assert_int_eq(virDomainSuspend(domain), 0);
	fetch(seen, &uuid, false);
	ck_assert_int_eq(seen->domain.state, VIRT_STATE_PAUSED);
	ck_assert_ptr_null(seen->xml);
	ck_assert_int_eq(virDomainDestroy(domain), 0);
	fetch(seen, &uuid, true);
	ck_assert_int_eq(seen->domain.state, VIRT_STATE_OFF);
	admin_finish(conn, domain);
	seen_finish(seen);
}
END_TEST

START_TEST(fetch_of_a_guest_that_is_not_there_says_so)
{
	const struct uuid unknown = { "00000000-0000-4000-8000-000000000000" };
	struct seen *seen = seen_start_and_list();

	fetch(seen, &unknown, false);
	ck_assert_int_eq(seen->fetch_err, -ENOENT);
	ck_assert_ptr_nonnull(strstr(seen->why.text, "not found"));
	seen_finish(seen);
}
END_TEST

START_TEST(fetch_under_way_is_not_answered_after_destroy)
{
	struct seen *seen = seen_start_and_list();

	ck_assert_int_eq(virt_fetch(seen->virt, &seen->events[0].uuid, true,
				    on_fetched, seen),
			 0);
	virt_stop(seen->virt);
	seen_finish(seen);
}
END_TEST

START_TEST(read_only_connection_lists_and_has_no_monitor)
{
	const struct virt_options options = {
		.uri = TEST_URI,
		.is_read_only = true,
	};
	struct seen *seen = seen_start(&options);
	struct monitor monitor;
	struct why why;

	seen_run_until(seen, seen_has_list);
	ck_assert(virt_is_read_only(seen->virt));
	ck_assert_int_eq(monitor_virt_open(seen->virt, &seen->events[0].uuid,
					   &monitor, &why),
			 -EPERM);
	ck_assert_ptr_nonnull(strstr(why.text, "read-only"));
	seen_finish(seen);
}
END_TEST

START_TEST(driver_without_passthrough_refuses_questions)
{
	const struct qmp_command question = { .question = QMP_QUERY_STATUS };
	struct seen *seen = seen_start_and_list();
	struct uuid unknown = { "00000000-0000-4000-8000-000000000000" };
	struct qmp_value *value;
	struct monitor monitor;
	struct why why;

	ck_assert_int_eq(monitor_virt_open(seen->virt, &seen->events[0].uuid,
					   &monitor, &why),
			 0);
	ck_assert_int_eq(
		monitor.ops->ask(monitor.self, &question, &value, &why),
		-EPERM);
	monitor.ops->close(monitor.self);
	ck_assert_int_eq(
		monitor_virt_open(seen->virt, &unknown, &monitor, &why), 0);
	ck_assert_int_eq(
		monitor.ops->ask(monitor.self, &question, &value, &why),
		-ECONNRESET);
	monitor.ops->close(monitor.self);
	seen_finish(seen);
}
END_TEST

/* virt_tuned_fn */
static void on_tuned(void *arg, int err, const struct why *why)
{
	struct seen *seen = arg;

	seen->n_fetched++;
	seen->fetch_err = err;
	seen->why = *why;
	seen_look(seen);
}

static void set_nodes(struct seen *seen, const struct uuid *uuid, int node)
{
	seen->n_fetched = 0;
	ck_assert_int_eq(virt_set_nodes(seen->virt, uuid, node_mask_of(node),
					on_tuned, seen),
			 0);
	seen_run_until(seen, has_answer);
}

START_TEST(nodes_are_set_by_libvirt_and_the_xml_says_so)
{
	struct seen *seen = seen_start_and_list();
	struct uuid uuid = seen->events[0].uuid;
	struct uuid unknown = { "00000000-0000-4000-8000-000000000000" };

	set_nodes(seen, &uuid, 1);
	ck_assert_msg(seen->fetch_err == 0, "%s", seen->why.text);
	fetch(seen, &uuid, true);
	ck_assert_ptr_nonnull(strstr(seen->xml, "nodeset='1'"));
	set_nodes(seen, &unknown, 1);
	ck_assert_int_eq(seen->fetch_err, -ENOENT);
	seen_finish(seen);
}
END_TEST

START_TEST(nodes_are_not_set_over_a_read_only_connection)
{
	const struct virt_options options = {
		.uri = TEST_URI,
		.is_read_only = true,
	};
	struct seen *seen = seen_start(&options);

	seen_run_until(seen, seen_has_list);
	ck_assert_int_eq(virt_set_nodes(seen->virt, &seen->events[0].uuid,
					node_mask_of(0), on_tuned, seen),
			 -EPERM);
	seen_finish(seen);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("virt_fetch");
	TCase *tc = tcase_create("virt_fetch");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, fetch_brings_xml_state_and_job);
	tcase_add_test(tc, fetch_of_a_guest_that_is_not_there_says_so);
	tcase_add_test(tc, fetch_under_way_is_not_answered_after_destroy);
	tcase_add_test(tc, read_only_connection_lists_and_has_no_monitor);
	tcase_add_test(tc, driver_without_passthrough_refuses_questions);
	tcase_add_test(tc, nodes_are_set_by_libvirt_and_the_xml_says_so);
	tcase_add_test(tc, nodes_are_not_set_over_a_read_only_connection);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
