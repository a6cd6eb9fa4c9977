/* SPDX-License-Identifier: Apache-2.0 */
/* vmnumad: options, configuration, the door to the host, the loop, the end. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#include "config.h"
#include "daemon.h"
#include "host/sys_linux.h"
#include "host/sys_null.h"
#include "host/sys_record.h"
#include "log.h"
#include "loop.h"
#include "options.h"

enum {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

/* The door that the options ask for: real, counting only, written down. */
struct doors {
	struct sys_null null; /* used with --dry-run */
	struct sys_record record; /* used with --trace */
	FILE *trace; /* owned, NULL without --trace */
	struct sys sys; /* to be used */
};

/* doors must not move afterwards: they point into each other. */
static int doors_open(struct doors *doors, const struct options *options)
{
	doors->sys = sys_linux();
	doors->trace = NULL;
	if (options->is_dry_run)
		doors->sys = sys_null_init(&doors->null, doors->sys);
	if (!options->trace_path)
		return 0;
	doors->trace = fopen(options->trace_path, "we");
	if (!doors->trace)
		return -errno;
	setvbuf(doors->trace, NULL, _IOLBF, 0); /* somebody reads along */
	doors->sys = sys_record_init(&doors->record, doors->sys, doors->trace);
	return 0;
}

static void doors_close(struct doors *doors)
{
	if (doors->trace)
		fclose(doors->trace);
}

/* A file stays open for each vCPU: as many as we may have, not the thousand that
 * a shell gives. */
static void allow_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files))
		return;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

static void on_end(void *arg)
{
	loop_stop(arg);
}

static void on_reload(void *arg)
{
	daemon_reload(arg);
}

static void tell_systemd(const char *state)
{
#ifdef HAVE_SYSTEMD
	sd_notify(0, state);
#endif
}

static int run(struct options *options, struct config *config,
	       struct doors *doors)
{
	struct loop *loop = loop_create();
	struct daemon daemon = { 0 };
	struct why why = { "" };
	int err;

	if (!loop) {
		log_error("main", "no event loop: %s", strerror(errno));
		return EXIT_FAILED;
	}
	allow_files();
	signal(SIGPIPE, SIG_IGN);
	loop_signal_add(loop, SIGTERM, on_end, loop);
	loop_signal_add(loop, SIGINT, on_end, loop);
	loop_signal_add(loop, SIGHUP, on_reload, &daemon);
	err = daemon_init(&daemon, loop, &doors->sys, options, config, &why);
	if (err == 0) {
		log_info("main", "vmnumad " VMNUMAD_VERSION " is ready%s",
			 options->is_dry_run ? ", and will move nothing" : "");
		tell_systemd("READY=1");
		err = loop_run(loop);
		tell_systemd("STOPPING=1");
	} else {
		log_error("main", "%s", why.text);
	}
	daemon_finish(&daemon);
	loop_destroy(loop);
	return err < 0 ? EXIT_FAILED : EXIT_DONE;
}

int main(int argc, char **argv)
{
	struct options options;
	struct config config;
	struct doors doors;
	struct why why;
	int err, status;

	err = options_parse(argc, argv, &options);
	if (err)
		return err < 0 ? EXIT_USAGE : EXIT_DONE;
	config_init(&config);
	if (config_load(&config,
			options.config_path ? options.config_path
					    : CONFIG_PATH_DEFAULT,
			options.config_path != NULL, &why) < 0) {
		fprintf(stderr, "vmnumad: %s\n", why.text);
		config_finish(&config);
		return EXIT_USAGE;
	}
	if (options.is_check) {
		puts("The configuration is sound.");
		config_finish(&config);
		return EXIT_DONE;
	}
	log_set_level(options.is_verbose ? LOG_LEVEL_DEBUG : config.log_level);
	if (doors_open(&doors, &options) < 0) {
		fprintf(stderr, "vmnumad: %s: %s\n", options.trace_path,
			strerror(errno));
		config_finish(&config);
		return EXIT_FAILED;
	}
	status = run(&options, &config, &doors);
	doors_close(&doors);
	config_finish(&config);
	return status;
}
