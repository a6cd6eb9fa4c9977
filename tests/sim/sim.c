/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs one scenario twice and compares the logs: the same input gives the same
 * plans, byte for byte. Usage: sim [--log|--plans] SCENARIO; exit status 1 when
 * a property is broken, 99 when the scenario cannot be read: meson takes that
 * for an error also where a test should fail.
 */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

#define EXIT_UNREADABLE 99

/* What the program is asked to print. */
enum show {
	SHOW_NOTHING,
	SHOW_LOG, /* what the daemon tells */
	SHOW_PLANS, /* the scenario's lines, with the plans behind them */
};

static int run(const char *path, enum show show, char **ret_text)
{
	struct sim sim = { .name = path,
			   .rate_bytes = 500 * MIB,
			   .ram_per_hour = 2 };
	FILE *file = fopen(path, "r");
	FILE *text;
	size_t size;
	int status = EXIT_UNREADABLE;

	*ret_text = NULL;
	if (!file) {
		perror(path);
		return EXIT_UNREADABLE;
	}
	text = open_memstream(ret_text, &size);
	*(show == SHOW_PLANS ? &sim.plans : &sim.log) = text;
	if (text && script_run(&sim, file) == 0)
		status = sim.is_failed ? 1 : 0;
	host_finish(&sim);
	if (text)
		fclose(text);
	fclose(file);
	return status;
}

static enum show show_of(const char *option)
{
	if (!strcmp(option, "--log"))
		return SHOW_LOG;
	return !strcmp(option, "--plans") ? SHOW_PLANS : SHOW_NOTHING;
}

int main(int argc, char **argv)
{
	enum show show = argc == 3 ? show_of(argv[1]) : SHOW_NOTHING;
	char *first, *second = NULL;
	int status;

	if (argc != 2 && !show) {
		fprintf(stderr, "usage: sim [--log|--plans] SCENARIO\n");
		return EXIT_UNREADABLE;
	}
	status = run(argv[argc - 1], show, &first);
	if (show && first)
		fputs(first, stdout);
	if (!status)
		status = run(argv[argc - 1], show, &second);
	if (!status && strcmp(first, second) != 0) {
		fprintf(stderr, "%s: two runs differ\n", argv[argc - 1]);
		status = 1;
	}
	free(first);
	free(second);
	return status;
}
