/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rights by the kernel's word on real sockets of other users. Takes root, to
 * become those users; ends with 77 (skipped) without.
 */
#include <check.h>
#include <grp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "serve/peer.h"

#define READERS 7001
#define ADMINS  7002
#define OTHERS  7003

static const struct {
	const char *what;
	uid_t uid;
	gid_t gid;
	size_t n_groups;
	gid_t groups[2];
	bool can_read;
	bool can_change;
	bool is_root;
} callers[] = {
	{ "stranger", 5000, OTHERS, 1, { OTHERS }, false, false, false },
	{ "no groups", 5000, OTHERS, 0, { 0 }, false, false, false },
	{ "reader", 5000, OTHERS, 2, { OTHERS, READERS }, true, false, false },
	{ "reader by main group", 5000, READERS, 0, { 0 }, true, false, false },
	{ "admin", 5000, OTHERS, 2, { READERS, ADMINS }, true, true, false },
	{ "admin only", 5000, OTHERS, 1, { ADMINS }, true, true, false },
	{ "root", 0, 0, 0, { 0 }, true, true, true },
	{ "root in no group of ours", 0, OTHERS, 0, { 0 }, true, true, true },
};

static const struct peer_groups groups = { .has_read = true,
					   .read_gid = READERS,
					   .has_admin = true,
					   .admin_gid = ADMINS };

/* A socket pair made by that caller; we are root again afterwards. */
static void pair_make(size_t i, int fds[2])
{
	ck_assert_int_eq(setgroups(callers[i].n_groups, callers[i].groups), 0);
	ck_assert_int_eq(setegid(callers[i].gid), 0);
	ck_assert_int_eq(seteuid(callers[i].uid), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	ck_assert_int_eq(seteuid(0), 0);
}

START_TEST(groups_of_the_caller_decide)
{
	struct peer peer;
	int fds[2];

	pair_make((size_t)_i, fds);
	ck_assert_int_eq(peer_of(fds[0], &groups, &peer), 0);
	ck_assert_msg(peer.can_read == callers[_i].can_read, "%s",
		      callers[_i].what);
	ck_assert_msg(peer.can_change == callers[_i].can_change, "%s",
		      callers[_i].what);
	ck_assert_msg(peer.is_root == callers[_i].is_root, "%s",
		      callers[_i].what);
	ck_assert_uint_eq(peer.uid, callers[_i].uid);
	ck_assert_int_eq(peer.pid, getpid());
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(groups_that_do_not_exist_give_no_rights)
{
	const struct peer_groups none = { .read_gid = READERS,
					  .admin_gid = ADMINS };
	struct peer peer;
	int fds[2];

	pair_make(4, fds);
	ck_assert_int_eq(peer_of(fds[0], &none, &peer), 0);
	ck_assert(!peer.can_read && !peer.can_change);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(something_else_than_a_socket_is_an_error)
{
	struct peer peer;

	ck_assert_int_lt(peer_of(-1, &groups, &peer), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("peer");
	TCase *tcase = tcase_create("peer");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	if (geteuid() != 0)
		return 77;
	tcase_add_loop_test(tcase, groups_of_the_caller_decide, 0,
			    sizeof(callers) / sizeof(callers[0]));
	tcase_add_test(tcase, groups_that_do_not_exist_give_no_rights);
	tcase_add_test(tcase, something_else_than_a_socket_is_an_error);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? 1 : 0;
}
