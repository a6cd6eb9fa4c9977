/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmnumactl hook against a socket whose queue is full, and against one that
 * takes the datagram: run as test_hook_full VMNUMACTL.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Ends a test that hangs. */
#define ALARM_S 30

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Exit status of the hook, -1 when it took a second or more. */
static int hook_run(const char *program, const char *control_path)
{
	double start = seconds();
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execl(program, program, "--socket", control_path, "hook", "--",
		      "--help", "started", "begin", NULL);
		_exit(99);
	}
	if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) ||
	    seconds() - start >= 1)
		return -1;
	return WEXITSTATUS(status);
}

static int check(int fd, const struct sockaddr_un *addr, const char *program,
		 const char *control_path)
{
	char text[64];
	ssize_t n;
	int sender = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (hook_run(program, control_path) != 0)
		return 1;
	n = recv(fd, text, sizeof(text), MSG_DONTWAIT);
	if (n != 20 || memcmp(text, "started begin --help", 20) != 0)
		return 2;
	while (sendto(sender, "x", 1, MSG_DONTWAIT,
		      (const struct sockaddr *)addr, sizeof(*addr)) == 1)
		;
	close(sender);
	if (errno != EAGAIN || hook_run(program, control_path) != 0)
		return 3;
	return 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char folder[] = "/tmp/test-hook-full-XXXXXX";
	char control_path[80];
	int failed;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	alarm(ALARM_S);
	if (argc != 2 || fd < 0 || !mkdtemp(folder))
		return 99;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/hook.sock", folder);
	snprintf(control_path, sizeof(control_path), "%s/control.sock", folder);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return 99;
	failed = check(fd, &addr, argv[1], control_path);
	if (failed)
		fprintf(stderr, "check %d failed\n", failed);
	unlink(addr.sun_path);
	rmdir(folder);
	return failed;
}
