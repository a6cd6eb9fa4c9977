/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmnumactl hook: what libvirt's hook script calls. libvirt waits for the
 * script, and kills the guest when it fails, so this sends one datagram without
 * waiting, prints nothing and ends with 0 whatever happens. NAME is taken as it
 * is: guests may be called "--help".
 */
#include "ctl/verb.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "serve/hook.h"

#define HOOK_SOCKET "hook.sock"

static void on_alarm(int signal)
{
	_exit(0);
}

/* hook.sock lies beside the control socket. */
static bool address_make(const char *control_path, struct sockaddr_un *ret_addr)
{
	const char *slash = strrchr(control_path, '/');
	int folder_len = slash ? (int)(slash - control_path) + 1 : 0;
	int len;

	memset(ret_addr, 0, sizeof(*ret_addr));
	ret_addr->sun_family = AF_UNIX;
	len = snprintf(ret_addr->sun_path, sizeof(ret_addr->sun_path),
		       "%.*s" HOOK_SOCKET, folder_len, control_path);
	return len > 0 && (size_t)len < sizeof(ret_addr->sun_path);
}

static void datagram_send(const struct sockaddr_un *addr, const char *text,
			  size_t len)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return;
	/* nobody to tell when it fails: the daemon finds the guest anyway */
	sendto(fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL,
	       (const struct sockaddr *)addr, sizeof(*addr));
	close(fd);
}

static int run(struct ctl *ctl, int argc, char **argv)
{
	struct sockaddr_un addr;
	char text[HOOK_TEXT_MAX + 1];
	int len;

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		ctl_print_help(ctl->verb);
		return CTL_DONE;
	}
	signal(SIGALRM, on_alarm);
	alarm(1);
	if (argc == 5 && strcmp(argv[1], "--") == 0)
		argv++;
	else if (argc != 4)
		return CTL_DONE;
	len = snprintf(text, sizeof(text), "%s %s %s", argv[2], argv[3],
		       argv[1]);
	if (len > 0 && (size_t)len < sizeof(text) &&
	    address_make(ctl->socket_path, &addr))
		datagram_send(&addr, text, (size_t)len);
	return CTL_DONE;
}

const struct verb verb_hook = {
	.name = "hook",
	.args = "[--] NAME OP SUBOP",
	.summary = "Tell vmnumad what libvirt's hook was called with",
	.help = "Never waits over a second, prints nothing, and always ends "
		"with 0.\n",
	.run = run,
};
