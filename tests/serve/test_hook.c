/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hook's datagrams: the text, and the socket.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "loop.h"
#include "serve/hook.h"

static const struct {
	const char *text;
	const char *op; /* NULL: it is refused */
	const char *subop;
	const char *name;
} words[] = {
	{ "started begin web3", "started", "begin", "web3" },
	{ "release end --help", "release", "end", "--help" },
	{ "started begin  ", "started", "begin", " " },
	{ "started begin a b  c", "started", "begin", "a b  c" },
	{ "started begin a\";id;\"", "started", "begin", "a\";id;\"" },
	{ "reconnect begin b\\c\xc3\xa4", "reconnect", "begin",
	  "b\\c\xc3\xa4" },
	{ "started - web3", "started", "-", "web3" },
	{ "", NULL, NULL, NULL },
	{ "started", NULL, NULL, NULL },
	{ "started ", NULL, NULL, NULL },
	{ "started begin", NULL, NULL, NULL },
	{ "started begin ", NULL, NULL, NULL },
	{ " started begin web3", NULL, NULL, NULL },
	{ "started  begin web3", NULL, NULL, NULL },
	{ "STARTED begin web3", NULL, NULL, NULL },
	{ "started be/gin web3", NULL, NULL, NULL },
	{ "started begin web\n3", NULL, NULL, NULL },
	{ "started begin \033[31m", NULL, NULL, NULL },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa begin web3", NULL, NULL, NULL },
};

START_TEST(text_is_parsed_or_refused)
{
	struct hook_word word;
	int rc = hook_parse(words[_i].text, strlen(words[_i].text), &word);

	if (!words[_i].op) {
		ck_assert_int_eq(rc, -EINVAL);
		return;
	}
	ck_assert_int_eq(rc, 0);
	ck_assert_str_eq(word.op, words[_i].op);
	ck_assert_str_eq(word.subop, words[_i].subop);
	ck_assert_str_eq(word.name, words[_i].name);
}
END_TEST

START_TEST(nul_and_too_long_texts_are_refused)
{
	char text[HOOK_TEXT_MAX + 1];
	struct hook_word word;

	ck_assert_int_eq(hook_parse("started begin a\0b", 17, &word), -EINVAL);
	memset(text, 'x', sizeof(text));
	memcpy(text, "started begin ", 14);
	ck_assert_int_eq(hook_parse(text, HOOK_TEXT_MAX, &word), 0);
	ck_assert_int_eq(hook_parse(text, HOOK_TEXT_MAX + 1, &word), -EINVAL);
}
END_TEST

struct heard {
	struct loop *loop; /* stopped when something was heard */
	struct hook_word word; /* the last */
	int n; /* how many */
};

static void on_word(void *arg, const struct hook_word *word)
{
	struct heard *heard = arg;

	heard->word = *word;
	heard->n++;
	loop_stop(heard->loop);
}

START_TEST(bad_datagrams_are_dropped_and_the_good_one_arrives)
{
	struct heard heard = { .loop = loop_create() };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char folder[] = "/tmp/test-hook-XXXXXX";
	char big[2000];
	struct hook *hook;
	int fd;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/hook.sock", folder);
	ck_assert_int_eq(hook_create(heard.loop, addr.sun_path, on_word, &heard,
				     &hook, NULL),
			 0);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&addr, sizeof(addr)),
			 0);
	memset(big, 'x', sizeof(big));
	memcpy(big, "started begin ", 14);
	ck_assert_int_eq(send(fd, big, sizeof(big), 0), (int)sizeof(big));
	ck_assert_int_eq(send(fd, "", 0, 0), 0);
	ck_assert_int_eq(send(fd, "garbage", 7, 0), 7);
	ck_assert_int_eq(send(fd, "started begin web3", 18, 0), 18);
	loop_run(heard.loop);
	ck_assert_int_eq(heard.n, 1);
	ck_assert_str_eq(heard.word.name, "web3");
	close(fd);
	hook_destroy(hook);
	loop_destroy(heard.loop);
	ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hook");
	TCase *tcase = tcase_create("hook");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_loop_test(tcase, text_is_parsed_or_refused, 0,
			    sizeof(words) / sizeof(words[0]));
	tcase_add_test(tcase, nul_and_too_long_texts_are_refused);
	tcase_add_test(tcase,
		       bad_datagrams_are_dropped_and_the_good_one_arrives);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? 1 : 0;
}
