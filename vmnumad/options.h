/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's command line; `vmnumad --help` and vmnumad(8) say the same. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>

struct options {
	const char *config_path; /* --config, NULL: the default path */
	const char *uri; /* --connect, NULL: the configuration's */
	const char *socket_path; /* --socket, NULL: the configuration's */
	const char *trace_path; /* --trace, NULL: none */
	bool is_check; /* --check-config: read it, say so, end */
	bool is_dry_run; /* --dry-run: decide and count, move nothing */
	bool is_verbose; /* --verbose: debug lines too */
};

/* 0: go on; 1: done (help, version); -EINVAL: wrong usage, a sentence was
 * printed. Strings are borrowed from argv. */
int options_parse(int argc, char **argv, struct options *ret_options);

#endif
