/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets in the file system: what may lie in the way, and what is left.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "serve/socket.h"

static char folder[64];
static char path[128];
static struct socket_file file;
static struct why why;

static void setup(void)
{
	strcpy(folder, "/tmp/test-socket-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/run/control.sock", folder);
	file.fd = -1;
	why.text[0] = '\0';
}

static void teardown(void)
{
	char run[80];

	socket_file_close(&file);
	unlink(path);
	snprintf(run, sizeof(run), "%s/run", folder);
	if (rmdir(run))
		unlink(run);
	snprintf(run, sizeof(run), "%s/elsewhere", folder);
	rmdir(run);
	rmdir(folder);
}

static int try_open(int type)
{
	struct socket_want want = {
		.path = path, .type = type, .mode = 0660, .gid = (gid_t)-1
	};

	return socket_file_open(&want, &file, &why);
}

static void run_make(mode_t mode)
{
	char run[80];

	snprintf(run, sizeof(run), "%s/run", folder);
	ck_assert_int_eq(mkdir(run, 0700), 0);
	ck_assert_int_eq(chmod(run, mode), 0);
}

START_TEST(folder_and_socket_are_made_with_their_rights)
{
	char run[80];
	struct stat st;

	umask(0);
	ck_assert_int_eq(try_open(SOCK_STREAM), 0);
	snprintf(run, sizeof(run), "%s/run", folder);
	ck_assert_int_eq(stat(run, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0750);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0660);
	ck_assert_uint_eq(umask(022), 0);
	socket_file_close(&file);
	ck_assert_int_eq(access(path, F_OK), -1);
	socket_file_close(&file);
}
END_TEST

START_TEST(dead_socket_is_replaced)
{
	struct socket_file dead;

	ck_assert_int_eq(try_open(SOCK_STREAM), 0);
	dead = file;
	close(dead.fd);
	file.fd = -1;
	ck_assert_int_eq(access(path, F_OK), 0);
	ck_assert_int_eq(try_open(SOCK_STREAM), 0);
}
END_TEST

START_TEST(living_socket_is_left_alone)
{
	struct socket_file living;

	ck_assert_int_eq(try_open(_i), 0);
	living = file;
	ck_assert_int_eq(try_open(_i), -EADDRINUSE);
	ck_assert_ptr_nonnull(strstr(why.text, path));
	file = living;
	ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

START_TEST(file_in_the_way_is_not_removed)
{
	FILE *out;

	run_make(0750);
	out = fopen(path, "w");
	ck_assert_ptr_nonnull(out);
	fclose(out);
	ck_assert_int_eq(try_open(SOCK_STREAM), -EEXIST);
	ck_assert_int_eq(access(path, F_OK), 0);
	ck_assert_ptr_nonnull(strstr(why.text, path));
}
END_TEST

START_TEST(symbolic_link_in_the_way_is_not_followed)
{
	run_make(0750);
	ck_assert_int_eq(symlink("/etc/passwd", path), 0);
	ck_assert_int_eq(try_open(SOCK_STREAM), -EEXIST);
}
END_TEST

START_TEST(folder_that_is_a_symbolic_link_is_refused)
{
	char run[80];
	char elsewhere[80];

	snprintf(run, sizeof(run), "%s/run", folder);
	snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", folder);
	ck_assert_int_eq(mkdir(elsewhere, 0700), 0);
	ck_assert_int_eq(symlink(elsewhere, run), 0);
	ck_assert_int_eq(try_open(SOCK_STREAM), -ELOOP);
	ck_assert_ptr_nonnull(strstr(why.text, run));
}
END_TEST

START_TEST(folder_that_others_can_change_is_refused)
{
	run_make(_i ? 0770 : 0757);
	ck_assert_int_eq(try_open(SOCK_STREAM), -EACCES);
}
END_TEST

START_TEST(path_must_be_absolute_and_short)
{
	strcpy(path, "control.sock");
	ck_assert_int_eq(try_open(SOCK_STREAM), -EINVAL);
	memset(path, 'x', 120);
	path[0] = '/';
	path[120] = '\0';
	ck_assert_int_eq(try_open(SOCK_STREAM), -ENAMETOOLONG);
	strcpy(path, "/nowhere/at/all/control.sock");
	ck_assert_int_eq(try_open(SOCK_STREAM), -ENOENT);
	ck_assert_str_eq(why.text, "cannot make the folder /nowhere/at/all: "
				   "No such file or directory");
}
END_TEST

START_TEST(socket_of_somebody_else_survives_our_end)
{
	struct socket_file other;

	ck_assert_int_eq(try_open(SOCK_STREAM), 0);
	other = file;
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(try_open(SOCK_STREAM), 0);
	socket_file_close(&other);
	ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

int main(void)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM };
	Suite *suite = suite_create("socket");
	TCase *tcase = tcase_create("socket");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, folder_and_socket_are_made_with_their_rights);
	tcase_add_test(tcase, dead_socket_is_replaced);
	tcase_add_loop_test(tcase, living_socket_is_left_alone, types[0],
			    types[1] + 1);
	tcase_add_test(tcase, file_in_the_way_is_not_removed);
	tcase_add_test(tcase, symbolic_link_in_the_way_is_not_followed);
	tcase_add_test(tcase, folder_that_is_a_symbolic_link_is_refused);
	tcase_add_loop_test(tcase, folder_that_others_can_change_is_refused, 0,
			    2);
	tcase_add_test(tcase, path_must_be_absolute_and_short);
	tcase_add_test(tcase, socket_of_somebody_else_survives_our_end);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? 1 : 0;
}
