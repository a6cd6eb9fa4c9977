/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration files: every key, every mistake with its file and line. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "addr.h"
#include "run.h"
#include "xalloc.h"

#define NS_PER_MS 1000000ull
#define NS_PER_S  1000000000ull

/* A directory with vmnumad.conf and vmnumad.conf.d/ in it. */
struct place {
	char dir[64]; /* of mkdtemp */
	char path[128]; /* of the configuration file */
	struct config config; /* with defaults at first */
	struct why why; /* of load() */
};

static struct place *place_create(void)
{
	struct place *place = xcalloc(1, sizeof(*place));
	char drop_ins[160];

	snprintf(place->dir, sizeof(place->dir), "/tmp/vmnumad-config-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(place->dir));
	snprintf(place->path, sizeof(place->path), "%s/vmnumad.conf",
		 place->dir);
	snprintf(drop_ins, sizeof(drop_ins), "%s.d", place->path);
	ck_assert_int_eq(mkdir(drop_ins, 0700), 0);
	config_init(&place->config);
	return place;
}

static void write_file(struct place *place, const char *name, const char *text)
{
	autofree char *path = xasprintf("%s/%s", place->dir, name);
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

static int load(struct place *place, const char *text)
{
	write_file(place, "vmnumad.conf", text);
	return config_load(&place->config, place->path, true, &place->why);
}

static void remove_all(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		autofree char *inner = xasprintf("%s/%s", path, entry->d_name);

		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		if (unlink(inner) < 0)
			remove_all(inner);
	}
	if (dir)
		closedir(dir);
	rmdir(path);
}

static void place_destroy(struct place *place)
{
	config_finish(&place->config);
	remove_all(place->dir);
	free(place);
}

START_TEST(missing_file_is_an_error_only_where_it_must_exist)
{
	struct place *p = place_create();

	ck_assert_int_eq(config_load(&p->config, p->path, false, &p->why), 0);
	ck_assert_int_eq(config_load(&p->config, p->path, true, &p->why),
			 -ENOENT);
	ck_assert_ptr_nonnull(strstr(p->why.text, p->path));
	place_destroy(p);
}
END_TEST

START_TEST(defaults_stand_where_nothing_is_said)
{
	struct place *p = place_create();

	ck_assert_int_eq(load(p, "# nothing\n\n[follow]\n[move]\n"), 0);
	ck_assert_int_eq(p->config.follow, MODE_AUTO);
	ck_assert(p->config.is_passthrough);
	ck_assert(!p->config.is_read_only);
	ck_assert(!p->config.grows_pools);
	ck_assert_int_eq(p->config.collapse, COLLAPSE_AUTO);
	ck_assert_ptr_null(p->config.uri);
	ck_assert_uint_eq(p->config.duty, 0);
	ck_assert_uint_ge(p->config.n_movers, 1);
	ck_assert_ptr_null(config_find_guest(&p->config, "web"));
	place_destroy(p);
}
END_TEST

START_TEST(keys_are_taken_in_their_units)
{
	struct place *p = place_create();
	int err = load(p, "[daemon]\n"
			  "connect = qemu:///session\n"
			  "socket = /run/a.sock\n"
			  "hook_socket = /run/b.sock\n"
			  "read_only = yes\n"
			  "log = debug\n"
			  "[monitor]\n"
			  "passthrough = no\n"
			  "[follow]\n"
			  "mode = pin\n"
			  "inferred = yes\n"
			  "sample_ms = 250\n"
			  "dwell_s = 7\n"
			  "cooldown_s = 8\n"
			  "settle_s = 0\n"
			  "payback_s = 9\n"
			  "ram_per_hour = 3\n"
			  "host_per_hour = 2T\n"
			  "[move]\n"
			  "max_stall_ms = 4\n"
			  "share = 35\n"
			  "rate = 300M\n"
			  "reserve = 1G\n"
			  "threads = 3\n"
			  "calls_per_second = 77\n"
			  "room_wait_s = 0\n"
			  "collapse = yes\n"
			  "grow_pools = yes\n");
	const struct config *c = &p->config;

	ck_assert_msg(err == 0, "%s", p->why.text);
	ck_assert_str_eq(c->uri, "qemu:///session");
	ck_assert_str_eq(c->socket_path, "/run/a.sock");
	ck_assert_str_eq(c->hook_path, "/run/b.sock");
	ck_assert_int_eq(c->log_level, LOG_LEVEL_DEBUG);
	ck_assert(c->is_read_only);
	ck_assert(!c->is_passthrough);
	ck_assert_int_eq(c->follow, MODE_PIN);
	ck_assert(c->follows_inferred);
	ck_assert_uint_eq(c->sample_ns, 250 * NS_PER_MS);
	ck_assert_uint_eq(c->policy.period_ns, 250 * NS_PER_MS);
	ck_assert_uint_eq(c->policy.dwell_ns, 7 * NS_PER_S);
	ck_assert_uint_eq(c->policy.cooldown_ns, 8 * NS_PER_S);
	ck_assert_uint_eq(c->policy.settle_ns, 0);
	ck_assert_uint_eq(c->policy.payback_ns, 9 * NS_PER_S);
	ck_assert_uint_eq(c->policy.ram_per_hour, 3);
	ck_assert_uint_eq(c->policy.host_bytes_per_hour, 2 * TIB);
	ck_assert_uint_eq(c->stall_ns, 4 * NS_PER_MS);
	ck_assert_uint_eq(c->duty, 350);
	ck_assert_uint_eq(c->rate_bytes_per_s, 300 * MIB);
	ck_assert_uint_eq(c->reserve_bytes, GIB);
	ck_assert_uint_eq(c->n_movers, 3);
	ck_assert_uint_eq(c->calls_per_s, 77);
	ck_assert_uint_eq(c->room_wait_ns, 0);
	ck_assert_int_eq(c->collapse, COLLAPSE_YES);
	ck_assert(c->grows_pools);
	place_destroy(p);
}
END_TEST

START_TEST(guest_has_a_section_of_its_own)
{
	struct place *p = place_create();
	const struct config_guest *guest;
	int err = load(p, "[guest web 1]\n"
			  "follow = off\n"
			  "[guest db]\n"
			  "rehome = yes\n"
			  "[guest web 1]\n"
			  "qmp = /run/web.sock\n");

	ck_assert_msg(err == 0, "%s", p->why.text);
	ck_assert_uint_eq(p->config.n_guests, 2);
	guest = config_find_guest(&p->config, "web 1");
	ck_assert_ptr_nonnull(guest);
	ck_assert(guest->has_follow && !guest->has_rehome);
	ck_assert_int_eq(guest->follow, MODE_OFF);
	ck_assert_str_eq(guest->qmp_path, "/run/web.sock");
	guest = config_find_guest(&p->config, "db");
	ck_assert(guest->has_rehome && guest->is_rehome);
	ck_assert_ptr_null(config_find_guest(&p->config, "web"));
	place_destroy(p);
}
END_TEST

START_TEST(drop_ins_come_after_the_file_in_order)
{
	struct place *p = place_create();

	write_file(p, "vmnumad.conf.d/20-late.conf", "[move]\nshare = 20\n");
	write_file(p, "vmnumad.conf.d/10-early.conf",
		   "[move]\nshare = 10\nthreads = 4\n");
	write_file(p, "vmnumad.conf.d/30-other.txt", "nonsense\n");
	write_file(p, "vmnumad.conf.d/.hidden.conf", "nonsense\n");
	ck_assert_int_eq(load(p, "[move]\nshare = 5\nthreads = 1\n"), 0);
	ck_assert_uint_eq(p->config.duty, 200);
	ck_assert_uint_eq(p->config.n_movers, 4);
	place_destroy(p);
}
END_TEST

START_TEST(mistake_in_a_drop_in_names_that_file)
{
	struct place *p = place_create();

	write_file(p, "vmnumad.conf.d/10-bad.conf", "[move]\n\nshare = 0\n");
	ck_assert_int_eq(load(p, "[move]\nshare = 5\n"), -EINVAL);
	ck_assert_msg(strstr(p->why.text, "10-bad.conf:3: ") != NULL, "%s",
		      p->why.text);
	place_destroy(p);
}
END_TEST

static const struct {
	const char *text; /* of the file */
	unsigned int line; /* of the mistake */
} mistakes[] = {
	{ "[move]\nspeed = 5\n", 2 },
	{ "[moves]\nshare = 5\n", 2 },
	{ "share = 5\n", 1 },
	{ "[move]\nshare\n", 2 },
	{ "[move\nshare = 5\n", 1 },
	{ "[move]\nshare = 0\n", 2 },
	{ "[move]\nshare = 101\n", 2 },
	{ "[move]\nshare = -1\n", 2 },
	{ "[move]\nshare = 5x\n", 2 },
	{ "[move]\nshare =\n", 2 },
	{ "[move]\nshare = 99999999999999999999999\n", 2 },
	{ "[move]\nthreads = 1000\n", 2 },
	{ "[move]\nrate = 5Q\n", 2 },
	{ "[move]\nrate = 5MB\n", 2 },
	{ "[move]\nrate = 99999999999T\n", 2 },
	{ "[move]\nrate = M\n", 2 },
	{ "[move]\nrate = -5M\n", 2 },
	{ "\n[follow]\n\n# auto is right\nmode = Auto\n", 5 },
	{ "[follow]\nsample_ms = 99\n", 2 },
	{ "[daemon]\nlog = loud\n", 2 },
	{ "[daemon]\nsocket =\n", 2 },
	{ "[monitor]\npassthrough = true\n", 2 },
	{ "[guest ]\nfollow = auto\n", 2 },
	{ "[guest web]\nfollow = sometimes\n", 2 },
	{ "[guest web]\ncolour = blue\n", 2 },
	{ "[move]\nshare = 5\nshare = 0\nspeed = 1\n", 3 },
};

START_TEST(mistake_is_named_with_file_and_line)
{
	struct place *p = place_create();
	autofree char *where = xasprintf("%s:%u: ", p->path, mistakes[_i].line);
	int err = load(p, mistakes[_i].text);

	ck_assert_msg(err == -EINVAL, "\"%s\" is taken", mistakes[_i].text);
	ck_assert_msg(strncmp(p->why.text, where, strlen(where)) == 0,
		      "\"%s\": %s", mistakes[_i].text, p->why.text);
	ck_assert_uint_gt(strlen(p->why.text), strlen(where));
	place_destroy(p);
}
END_TEST

START_TEST(modes_have_words)
{
	enum guest_mode mode;

	ck_assert_int_eq(guest_mode_parse("observe", &mode), 0);
	ck_assert_int_eq(mode, MODE_OBSERVE);
	ck_assert_str_eq(guest_mode_text(mode), "observe");
	ck_assert_int_eq(guest_mode_parse("", &mode), -EINVAL);
	ck_assert_int_eq(guest_mode_parse("off ", &mode), -EINVAL);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests,
		       missing_file_is_an_error_only_where_it_must_exist);
	tcase_add_test(tests, defaults_stand_where_nothing_is_said);
	tcase_add_test(tests, keys_are_taken_in_their_units);
	tcase_add_test(tests, guest_has_a_section_of_its_own);
	tcase_add_test(tests, drop_ins_come_after_the_file_in_order);
	tcase_add_test(tests, mistake_in_a_drop_in_names_that_file);
	tcase_add_loop_test(tests, mistake_is_named_with_file_and_line, 0,
			    (int)(sizeof(mistakes) / sizeof(*mistakes)));
	tcase_add_test(tests, modes_have_words);
}

int main(void)
{
	return run_tests("configuration", add_tests);
}
