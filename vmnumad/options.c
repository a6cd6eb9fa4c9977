/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's command line; see options.h. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>

static const char help[] =
	"Usage: vmnumad [OPTION ...]\n"
	"Keep the memory of KVM guests on the NUMA nodes of their vCPUs.\n"
	"\n"
	"  --config FILE   read FILE and FILE.d/*.conf in place of\n"
	"                  /etc/vmnumad/vmnumad.conf\n"
	"  --check-config  check the configuration and end\n"
	"  --connect URI   libvirt to connect to, such as qemu:///system\n"
	"  --socket PATH   control socket, /run/vmnumad/control.sock\n"
	"  --dry-run       decide and count, but move nothing\n"
	"  --trace FILE    write each look at and each move of a guest to FILE\n"
	"  --verbose       log what is done in detail\n"
	"  --version       print the version and end\n"
	"  --help          print this and end\n";

int options_parse(int argc, char **argv, struct options *ret_options)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check-config", no_argument, NULL, 'k' },
		{ "connect", required_argument, NULL, 'u' },
		{ "socket", required_argument, NULL, 's' },
		{ "dry-run", no_argument, NULL, 'd' },
		{ "trace", required_argument, NULL, 't' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct options o = { 0 };
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			o.config_path = optarg;
			break;
		case 'k':
			o.is_check = true;
			break;
		case 'u':
			o.uri = optarg;
			break;
		case 's':
			o.socket_path = optarg;
			break;
		case 'd':
			o.is_dry_run = true;
			break;
		case 't':
			o.trace_path = optarg;
			break;
		case 'v':
			o.is_verbose = true;
			break;
		case 'V':
			puts("vmnumad " VMNUMAD_VERSION);
			return 1;
		case 'h':
			fputs(help, stdout);
			return 1;
		default:
			fputs("Try \"vmnumad --help\".\n", stderr);
			return -EINVAL;
		}
	}
	if (optind < argc) {
		fprintf(stderr,
			"vmnumad: \"%s\" is not an option. Try \"vmnumad "
			"--help\".\n",
			argv[optind]);
		return -EINVAL;
	}
	*ret_options = o;
	return 0;
}
