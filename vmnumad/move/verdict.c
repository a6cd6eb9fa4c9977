/* SPDX-License-Identifier: Apache-2.0 */
/* The table of verdicts; see verdict.h. Called by call.c. */
#include "move/verdict.h"

#include <errno.h>
#include <stddef.h>

#include "node.h"

/* move_pages(2): errors of the whole call. */
static const struct {
	int error; /* negative errno */
	enum call_verdict verdict; /* what it means */
} call_errors[] = {
	/* no page of that kind on the node, or our own cpuset lacks it */
	{ -ENOMEM, CALL_NOMEM },
	/* as an errno: not in the guest's cpuset (a status means shared) */
	{ -EACCES, CALL_CPUSET },
	{ -ENODEV, CALL_NODE_GONE },
	/* no CAP_SYS_PTRACE for it, or no CAP_SYS_NICE for MOVE_ALL */
	{ -EPERM, CALL_DENIED },
	{ -ESRCH, CALL_PROCESS_GONE },
	/* the process has no memory any more: it is exiting */
	{ -EINVAL, CALL_PROCESS_GONE },
	{ -ENOSYS, CALL_UNSUPPORTED },
};

enum call_verdict verdict_of_call(long result)
{
	if (result == 0)
		return CALL_CLEAN;
	/* the number counts failed and untried together, and differs between
	 * kernels: only its sign has a meaning */
	if (result > 0)
		return CALL_MIXED;
	for (size_t i = 0; i < sizeof(call_errors) / sizeof(*call_errors); i++)
		if (call_errors[i].error == result)
			return call_errors[i].verdict;
	return CALL_BROKEN;
}

enum verdict verdict_of_status(int status, int to)
{
	if (status == to)
		return VERDICT_MOVED;
	switch (status) {
	case -ENOENT: /* a hole, swapped out, or on its way by other hands */
	case -EFAULT: /* no mapping, the zero page; a hole before Linux 6.12 */
		return VERDICT_ABSENT;
	case -EACCES: /* more than one process maps it */
		return VERDICT_SHARED;
	case -EBUSY: /* isolated: compaction, another mover, our own tail */
		return VERDICT_BUSY;
	default: /* another node, or a value no kernel we know writes */
		return VERDICT_STRIKE;
	}
}

unsigned int verdict_count_refusals(unsigned int refusals, int answer)
{
	switch (answer) {
	case 0:
		return 0;
	case -EAGAIN:
	case -EBUSY:
		return refusals;
	case -EPERM:
	case -ENOSYS:
	case -ESRCH:
		return COLLAPSE_REFUSALS_MAX;
	default:
		return refusals < COLLAPSE_REFUSALS_MAX ? refusals + 1
							: refusals;
	}
}

const char *call_verdict_text(enum call_verdict verdict)
{
	switch (verdict) {
	case CALL_CLEAN:
		return "all pages were answered for";
	case CALL_MIXED:
		return "some pages could not be moved";
	case CALL_NOMEM:
		return "the target node has no room";
	case CALL_CPUSET:
		return "the guest's cpuset does not include the target node";
	case CALL_NODE_GONE:
		return "the target node has no memory or is offline";
	case CALL_DENIED:
		return "the kernel does not let us move this process' memory";
	case CALL_PROCESS_GONE:
		return "the guest has ended";
	case CALL_UNSUPPORTED:
		return "this kernel has no move_pages";
	case CALL_BROKEN:
		break;
	}
	return "move_pages gave an answer that it should not give";
}
