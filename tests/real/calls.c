/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The child stops itself before and after what is counted, each time by one
 * kill(2): the first is over when counting begins, the second is the last call
 * that is seen, and is taken off.
 */
#include "real/calls.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STOP_AT_CALL (SIGTRAP | 0x80)

static void be_counted(void (*prepare)(void *arg), void (*fn)(void *arg),
		       void *arg)
{
	pid_t self = getpid();

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_exit(EPERM);
	prepare(arg);
	kill(self, SIGSTOP);
	fn(arg);
	kill(self, SIGSTOP);
	_exit(0);
}

static void note_call(pid_t pid, struct call_counts *counts)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <= 0 ||
	    info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return;
	counts->all++;
	if (info.entry.nr < CALLS_NUMBERS)
		counts->by_number[info.entry.nr]++;
}

/* From one stop of its own to the next. */
static bool follow(pid_t pid, struct call_counts *counts)
{
	int status;

	for (;;) {
		if (ptrace(PTRACE_SYSCALL, pid, NULL, NULL) ||
		    waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
			return false;
		if (WSTOPSIG(status) == SIGSTOP)
			return true;
		if (WSTOPSIG(status) == STOP_AT_CALL)
			note_call(pid, counts);
	}
}

int calls_count(void (*prepare)(void *arg), void (*fn)(void *arg), void *arg,
		struct call_counts *ret_counts)
{
	struct call_counts counts = { 0 };
	int status, err = 0;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0)
		be_counted(prepare, fn, arg);
	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	if (!WIFSTOPPED(status))
		return WIFEXITED(status) && WEXITSTATUS(status) == EPERM
			       ? -EPERM
			       : -ECHILD;
	if (ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD) ||
	    !follow(pid, &counts))
		err = -ECHILD;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (err)
		return err;
	counts.all--;
	counts.by_number[SYS_kill]--;
	*ret_counts = counts;
	return 0;
}
