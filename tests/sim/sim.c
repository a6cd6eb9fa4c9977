/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs one scenario twice and compares the logs: the same input gives the same
 * plans, byte for byte. Usage: sim [--log] SCENARIO; exit status 1 when a
 * property is broken, 99 when the scenario cannot be read: meson takes that for
 * an error also where a test should fail.
 */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

#define EXIT_UNREADABLE 99

static int run(const char *path, char **ret_log)
{
	struct sim sim = { .name = path,
			   .rate_bytes = 500 * MIB,
			   .ram_per_hour = 2 };
	FILE *file = fopen(path, "r");
	size_t size;
	int status = EXIT_UNREADABLE;

	*ret_log = NULL;
	if (!file) {
		perror(path);
		return EXIT_UNREADABLE;
	}
	sim.log = open_memstream(ret_log, &size);
	if (sim.log && script_run(&sim, file) == 0)
		status = sim.is_failed ? 1 : 0;
	if (sim.log)
		fclose(sim.log);
	fclose(file);
	world_destroy(sim.w);
	free(sim.guests);
	return status;
}

int main(int argc, char **argv)
{
	bool is_shown = argc == 3 && !strcmp(argv[1], "--log");
	char *first, *second = NULL;
	int status;

	if (argc != 2 && !is_shown) {
		fprintf(stderr, "usage: sim [--log] SCENARIO\n");
		return EXIT_UNREADABLE;
	}
	status = run(argv[argc - 1], &first);
	if (is_shown && first)
		fputs(first, stdout);
	if (!status)
		status = run(argv[argc - 1], &second);
	if (!status && strcmp(first, second) != 0) {
		fprintf(stderr, "%s: two runs differ\n", argv[argc - 1]);
		status = 1;
	}
	free(first);
	free(second);
	return status;
}
