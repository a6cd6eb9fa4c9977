/* SPDX-License-Identifier: Apache-2.0 */
/* Reading of the configuration; see config.h. libinih lives here. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "xalloc.h"

#define NS_PER_MS 1000000ull
#define NS_PER_S  1000000000ull

void config_init(struct config *config)
{
	*config = (struct config) {
		.socket_path = xstrdup("/run/vmnumad/control.sock"),
		.hook_path = xstrdup("/run/vmnumad/hook.sock"),
		.journal_path = xstrdup("/var/lib/vmnumad/journal"),
		.log_level = LOG_LEVEL_INFO,
		.is_passthrough = true,
		.follow = MODE_AUTO,
		.sample_ns = NS_PER_S,
		.stall_ns = 10 * NS_PER_MS,
		.reserve_bytes = 128 * MIB,
		.n_movers = 4,
		.calls_per_s = 100,
		.room_wait_ns = 10 * NS_PER_S,
		.policy = policy_config_default(),
	};
}

void config_finish(struct config *config)
{
	for (size_t i = 0; i < config->n_guests; i++) {
		free(config->guests[i].name);
		free(config->guests[i].qmp_path);
	}
	free(config->guests);
	free(config->uri);
	free(config->socket_path);
	free(config->hook_path);
	free(config->journal_path);
	*config = (struct config) { 0 };
}

static const char *const mode_texts[] = {
	[MODE_AUTO] = "auto",
	[MODE_PIN] = "pin",
	[MODE_OBSERVE] = "observe",
	[MODE_OFF] = "off",
};

const char *guest_mode_text(enum guest_mode mode)
{
	return mode_texts[mode];
}

int guest_mode_parse(const char *text, enum guest_mode *ret_mode)
{
	for (size_t i = 0; i < sizeof(mode_texts) / sizeof(*mode_texts); i++) {
		if (strcmp(text, mode_texts[i]) == 0) {
			*ret_mode = (enum guest_mode)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* Values ------------------------------------------------------------------ */

static int take_number(const char *text, uint64_t min, uint64_t max,
		       uint64_t *ret_number, struct why *why)
{
	char *end;
	uint64_t number;

	errno = 0;
	number = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || number < min ||
	    number > max) {
		why_set(why, "\"%s\" is not a number from %llu to %llu", text,
			(unsigned long long)min, (unsigned long long)max);
		return -EINVAL;
	}
	*ret_number = number;
	return 0;
}

static int take_bool(const char *text, bool *ret_value, struct why *why)
{
	bool is_yes = strcmp(text, "yes") == 0;

	if (!is_yes && strcmp(text, "no") != 0) {
		why_set(why, "\"%s\" is neither yes nor no", text);
		return -EINVAL;
	}
	*ret_value = is_yes;
	return 0;
}

/* "200M": bytes with K, M, G or T; "0" is allowed. */
static int take_size(const char *text, uint64_t *ret_bytes, struct why *why)
{
	static const char units[] = "KMGT";
	char *end;
	uint64_t number, unit = 1;

	errno = 0;
	number = strtoull(text, &end, 10);
	if (*end && strchr(units, *end)) {
		for (const char *u = units; u <= strchr(units, *end); u++)
			unit *= KIB;
		end++;
	}
	if (*text < '0' || *text > '9' || *end || errno ||
	    __builtin_mul_overflow(number, unit, ret_bytes)) {
		why_set(why, "\"%s\" is not a size such as 512M or 2G", text);
		return -EINVAL;
	}
	return 0;
}

static int take_mode(const char *text, enum guest_mode *ret_mode,
		     struct why *why)
{
	int err = guest_mode_parse(text, ret_mode);

	if (err < 0)
		why_set(why, "\"%s\" is none of auto, pin, observe, off", text);
	return err;
}

static int take_text(const char *text, char **ret_text, struct why *why)
{
	if (!*text) {
		why_set(why, "the value is empty");
		return -EINVAL;
	}
	free(*ret_text);
	*ret_text = xstrdup(text);
	return 0;
}

static int take_log_level(const char *text, enum log_level *ret_level,
			  struct why *why)
{
	static const struct {
		const char *text;
		enum log_level level;
	} levels[] = {
		{ "error", LOG_LEVEL_ERROR },
		{ "warning", LOG_LEVEL_WARNING },
		{ "info", LOG_LEVEL_INFO },
		{ "debug", LOG_LEVEL_DEBUG },
	};

	for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++) {
		if (strcmp(text, levels[i].text) == 0) {
			*ret_level = levels[i].level;
			return 0;
		}
	}
	why_set(why, "\"%s\" is none of error, warning, info, debug", text);
	return -EINVAL;
}

/* Numbers in a unit of the file, kept in nanoseconds or thousandths. */
static int take_scaled(const char *text, uint64_t min, uint64_t max,
		       uint64_t scale, uint64_t *ret_value, struct why *why)
{
	uint64_t number;
	int err = take_number(text, min, max, &number, why);

	if (err == 0)
		*ret_value = number * scale;
	return err;
}

static int take_unsigned(const char *text, uint64_t min, uint64_t max,
			 unsigned int scale, unsigned int *ret_value,
			 struct why *why)
{
	uint64_t value;
	int err = take_scaled(text, min, max, scale, &value, why);

	if (err == 0)
		*ret_value = (unsigned int)value;
	return err;
}

/* Sections ---------------------------------------------------------------- */

/* -ENOENT: no such key. */
static int take_daemon(struct config *c, const char *key, const char *text,
		       struct why *why)
{
	if (strcmp(key, "connect") == 0)
		return take_text(text, &c->uri, why);
	if (strcmp(key, "read_only") == 0)
		return take_bool(text, &c->is_read_only, why);
	if (strcmp(key, "socket") == 0)
		return take_text(text, &c->socket_path, why);
	if (strcmp(key, "hook_socket") == 0)
		return take_text(text, &c->hook_path, why);
	if (strcmp(key, "journal") == 0)
		return take_text(text, &c->journal_path, why);
	if (strcmp(key, "log") == 0)
		return take_log_level(text, &c->log_level, why);
	return -ENOENT;
}

static int take_follow(struct config *c, const char *key, const char *text,
		       struct why *why)
{
	struct policy_config *p = &c->policy;

	if (strcmp(key, "mode") == 0)
		return take_mode(text, &c->follow, why);
	if (strcmp(key, "inferred") == 0)
		return take_bool(text, &c->follows_inferred, why);
	if (strcmp(key, "sample_ms") == 0)
		return take_scaled(text, 100, 60000, NS_PER_MS, &c->sample_ns,
				   why);
	if (strcmp(key, "dwell_s") == 0)
		return take_scaled(text, 1, 86400, NS_PER_S, &p->dwell_ns, why);
	if (strcmp(key, "cooldown_s") == 0)
		return take_scaled(text, 1, 86400, NS_PER_S, &p->cooldown_ns,
				   why);
	if (strcmp(key, "settle_s") == 0)
		return take_scaled(text, 0, 86400, NS_PER_S, &p->settle_ns,
				   why);
	if (strcmp(key, "payback_s") == 0)
		return take_scaled(text, 1, 86400, NS_PER_S, &p->payback_ns,
				   why);
	if (strcmp(key, "ram_per_hour") == 0)
		return take_unsigned(text, 1, 1000, 1, &p->ram_per_hour, why);
	if (strcmp(key, "host_per_hour") == 0)
		return take_size(text, &p->host_bytes_per_hour, why);
	return -ENOENT;
}

static int take_collapse(const char *text, enum collapse *ret_collapse,
			 struct why *why)
{
	bool is_yes = false;
	int err = 0;

	if (strcmp(text, "auto") == 0) {
		*ret_collapse = COLLAPSE_AUTO;
		return 0;
	}
	err = take_bool(text, &is_yes, why);
	if (err < 0) {
		why_set(why, "\"%s\" is not auto, yes or no", text);
		return err;
	}
	*ret_collapse = is_yes ? COLLAPSE_YES : COLLAPSE_NO;
	return 0;
}

static int take_move(struct config *c, const char *key, const char *text,
		     struct why *why)
{
	if (strcmp(key, "max_stall_ms") == 0)
		return take_scaled(text, 1, 60000, NS_PER_MS, &c->stall_ns,
				   why);
	if (strcmp(key, "share") == 0)
		return take_unsigned(text, 1, 100, 10, &c->duty, why);
	if (strcmp(key, "rate") == 0)
		return take_size(text, &c->rate_bytes_per_s, why);
	if (strcmp(key, "reserve") == 0)
		return take_size(text, &c->reserve_bytes, why);
	if (strcmp(key, "threads") == 0)
		return take_unsigned(text, 1, 8, 1, &c->n_movers, why);
	if (strcmp(key, "calls_per_second") == 0)
		return take_unsigned(text, 1, 10000, 1, &c->calls_per_s, why);
	if (strcmp(key, "room_wait_s") == 0)
		return take_scaled(text, 0, 3600, NS_PER_S, &c->room_wait_ns,
				   why);
	if (strcmp(key, "collapse") == 0)
		return take_collapse(text, &c->collapse, why);
	if (strcmp(key, "grow_pools") == 0)
		return take_bool(text, &c->grows_pools, why);
	return -ENOENT;
}

static int take_monitor(struct config *c, const char *key, const char *text,
			struct why *why)
{
	if (strcmp(key, "passthrough") == 0)
		return take_bool(text, &c->is_passthrough, why);
	return -ENOENT;
}

static struct config_guest *get_guest(struct config *c, const char *name)
{
	struct config_guest *guest;

	for (size_t i = 0; i < c->n_guests; i++)
		if (strcmp(c->guests[i].name, name) == 0)
			return &c->guests[i];
	if (c->n_guests == CONFIG_GUESTS_MAX)
		return NULL;
	c->guests =
		xreallocarray(c->guests, c->n_guests + 1, sizeof(*c->guests));
	guest = &c->guests[c->n_guests++];
	*guest = (struct config_guest) { .name = xstrdup(name) };
	return guest;
}

static int take_guest(struct config *c, const char *name, const char *key,
		      const char *text, struct why *why)
{
	struct config_guest *guest = get_guest(c, name);

	if (!guest) {
		why_set(why, "more than %d guests", CONFIG_GUESTS_MAX);
		return -EINVAL;
	}
	if (strcmp(key, "follow") == 0) {
		guest->has_follow = true;
		return take_mode(text, &guest->follow, why);
	}
	if (strcmp(key, "rehome") == 0) {
		guest->has_rehome = true;
		return take_bool(text, &guest->is_rehome, why);
	}
	if (strcmp(key, "qmp") == 0)
		return take_text(text, &guest->qmp_path, why);
	return -ENOENT;
}

static const struct {
	const char *name;
	int (*take)(struct config *c, const char *key, const char *text,
		    struct why *why);
} sections[] = {
	{ "daemon", take_daemon },
	{ "follow", take_follow },
	{ "move", take_move },
	{ "monitor", take_monitor },
};

static int take_key(struct config *c, const char *section, const char *key,
		    const char *text, struct why *why)
{
	int err = -ENOENT;

	if (strncmp(section, "guest ", 6) == 0 && section[6]) {
		err = take_guest(c, section + 6, key, text, why);
	} else {
		size_t n = sizeof(sections) / sizeof(*sections), i = 0;

		while (i < n && strcmp(sections[i].name, section) != 0)
			i++;
		if (i == n) {
			why_set(why, "there is no section [%s]", section);
			return -EINVAL;
		}
		err = sections[i].take(c, key, text, why);
	}
	if (err == -ENOENT)
		why_set(why, "[%s] has no key \"%s\"", section, key);
	return err;
}

/* Files ------------------------------------------------------------------- */

/* What on_key() works on. */
struct loading {
	struct config *config; /* being filled */
	struct why why; /* the first thing that was wrong */
	bool is_bad; /* why is set */
};

/* libinih: 0 is an error, and the line of the first one is returned. */
static int on_key(void *arg, const char *section, const char *key,
		  const char *text)
{
	struct loading *loading = arg;

	if (loading->is_bad)
		return 0;
	loading->is_bad = take_key(loading->config, section, key, text,
				   &loading->why) < 0;
	return !loading->is_bad;
}

static int load_file(struct config *config, const char *path, struct why *why)
{
	struct loading loading = { .config = config };
	FILE *file = fopen(path, "re");
	int line, err;

	if (!file) {
		err = -errno;
		why_set(why, "%s: %s", path, strerror(-err));
		return err;
	}
	line = ini_parse_file(file, on_key, &loading);
	fclose(file);
	if (line == 0)
		return 0;
	why_set(why, "%s:%d: %s", path, line < 0 ? 1 : line,
		loading.is_bad ? loading.why.text
			       : "this is not \"key = value\"");
	return -EINVAL;
}

static int is_drop_in(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 5 && entry->d_name[0] != '.' &&
	       strcmp(entry->d_name + len - 5, ".conf") == 0;
}

static int load_drop_ins(struct config *config, const char *path,
			 struct why *why)
{
	autofree char *dir = xasprintf("%s.d", path);
	struct dirent **entries;
	int n = scandir(dir, &entries, is_drop_in, alphasort);
	int err = 0;

	for (int i = 0; i < n; i++) {
		autofree char *file =
			xasprintf("%s/%s", dir, entries[i]->d_name);

		if (err == 0)
			err = load_file(config, file, why);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	return err;
}

int config_load(struct config *config, const char *path, bool must_exist,
		struct why *why)
{
	int err = load_file(config, path, why);

	if (err == -ENOENT && !must_exist)
		err = 0;
	if (!err)
		err = load_drop_ins(config, path, why);
	config->policy.period_ns = config->sample_ns;
	return err;
}

const struct config_guest *config_find_guest(const struct config *config,
					     const char *name)
{
	for (size_t i = 0; i < config->n_guests; i++)
		if (strcmp(config->guests[i].name, name) == 0)
			return &config->guests[i];
	return NULL;
}
