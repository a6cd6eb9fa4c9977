/* SPDX-License-Identifier: Apache-2.0 */
/*
 * make-room on a host without guests: what is free already, beside the reserve
 * and beside what the pools have promised, and what is refused in which words.
 * The plans are tested in tests/policy/, the jobs in the lab.
 */
#include <check.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon.h"
#include "harness.h"
#include "history.h"
#include "serve/answer.h"

/* Nodes 0 and 1 have 1 GiB, 600 MiB free, and 20 free pages in the pool, of
 * which 4 of the host's are promised. */
static const struct {
	const char *part; /* of a path */
	const char *text; /* in the file */
} files[] = {
	{ "/meminfo", "Node 0 MemTotal: 1048576 kB\n"
		      "Node 0 MemFree: 614400 kB\n" },
	{ "2048kB/free_hugepages", "20\n" },
	{ "2048kB/nr_hugepages", "30\n" },
	{ "2048kB/resv_hugepages", "4\n" },
};

static int read_file(void *self, const char *path, char *buf, size_t size,
		     size_t *ret_len)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		if (!strstr(path, files[i].part))
			continue;
		*ret_len = (size_t)snprintf(buf, size, "%s", files[i].text);
		return 0;
	}
	return -ENOENT;
}

static uint64_t now_ns(void *self)
{
	return 1;
}

static struct daemon *host; /* that is asked */

static int make_room(void *arg, struct control_call *call,
		     struct json_object *params)
{
	return answer_make_room(host, call, params);
}

static const struct control_verb verbs[] = {
	{ "make-room", CONTROL_CHANGE, make_room },
	{ NULL },
};

static void setup(void)
{
	static const struct sys_ops ops = { .read_file = read_file,
					    .now_ns = now_ns };
	struct node_mask nodes = { 3 };

	serve_setup();
	host = calloc(1, sizeof(*host));
	ck_assert_ptr_nonnull(host);
	host->sys = (struct sys) { .ops = &ops };
	host->config.policy = policy_config_default();
	host->config.reserve_bytes = 80 * MIB;
	host->topo.online = nodes;
	host->topo.has_memory = nodes;
	host->topo.node[0].high_bytes = 20 * MIB;
	host->topo.node[1].high_bytes = 20 * MIB;
	host->ticks = 1;
	host->history = history_create();
	host->jobs = jobs_create(0, (struct mover) { 0 });
	start_with(verbs, 0);
}

static void teardown(void)
{
	serve_teardown();
	jobs_destroy(host->jobs);
	history_destroy(host->history);
	free(host);
}

static const struct {
	const char *what; /* the case */
	const char *params; /* of the call */
	const char *answer; /* has this in it */
} dialogs[] = {
	{ "what is free beside the reserve", "\"node\":0,\"bytes\":524288000",
	  "\"bytes_free_before\":524288000,\"bytes_planned\":0" },
	{ "nothing has to move then", "\"node\":0,\"bytes\":524288000",
	  "\"result\":\"done\",\"bytes_moved\":0,\"bytes_free\":524288000" },
	{ "a dry run says so", "\"node\":1,\"bytes\":1048576,\"dry_run\":true",
	  "\"result\":\"dry-run\"" },
	{ "a byte more is refused", "\"node\":0,\"bytes\":524288001",
	  "\"message\":\"node 0 can have 500 MiB free at most: 500 MiB are, "
	  "and 0 MiB could be moved\",\"data\":{\"exit\":4}" },
	{ "pages of the pool, but those that are promised",
	  "\"node\":0,\"bytes\":33554432,\"page_bytes\":2097152",
	  "\"result\":\"done\",\"bytes_moved\":0,\"bytes_free\":33554432" },
	{ "a page more is refused",
	  "\"node\":0,\"bytes\":33554433,\"page_bytes\":2097152",
	  "\"message\":\"node 0 can have 32 MiB free in its pool of 2 MiB "
	  "pages at most: 32 MiB are, and 0 MiB could be moved\","
	  "\"data\":{\"exit\":4}" },
	{ "pages of another size",
	  "\"node\":0,\"bytes\":1,\"page_bytes\":1073741824",
	  "\"message\":\"room in a pool can be made with pages of 2 MiB only, "
	  "not with pages of 1048576 KiB\",\"data\":{\"exit\":4}" },
	{ "another node", "\"node\":2,\"bytes\":1",
	  "\"message\":\"node 2 is offline or has no memory; this host's nodes "
	  "with memory are 0-1\",\"data\":{\"exit\":2}" },
	{ "no node at all", "\"node\":64,\"bytes\":1", "\"exit\":2" },
	{ "no size", "\"node\":0", "\"exit\":2" },
	{ "a size of nothing", "\"node\":0,\"bytes\":0", "\"exit\":2" },
	{ "an unknown word", "\"node\":0,\"bytes\":1,\"guest\":\"web\"",
	  "\"exit\":2" },
};

START_TEST(room_is_counted_exactly_or_refused_with_a_reason)
{
	char line[4096] = "";
	int fd = client_open();

	snprintf(line, sizeof(line),
		 "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"make-room\","
		 "\"params\":{%s}}\n",
		 dialogs[_i].params);
	say(fd, line);
	hear(fd, line, sizeof(line));
	ck_assert_msg(strstr(line, dialogs[_i].answer), "%s: %s",
		      dialogs[_i].what, line);
	close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("make-room");
	TCase *tc = tcase_create("make-room");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc,
			    room_is_counted_exactly_or_refused_with_a_reason, 0,
			    (int)(sizeof(dialogs) / sizeof(*dialogs)));
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
