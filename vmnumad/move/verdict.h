/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What move_pages(2) meant: the one table from its answers to what we do. Pure.
 * Every row was seen on Linux 6.1 and 6.12; tests/assumptions/ has a program
 * for each belief.
 */
#ifndef MOVE_VERDICT_H
#define MOVE_VERDICT_H

/* What to do about one page, or about one folio by its one address. */
enum verdict {
	VERDICT_MOVED, /* it is on the target */
	VERDICT_HEAD_MOVED, /* its first page is: it was no huge page */
	VERDICT_ABSENT, /* nothing there: not an error, nothing to do */
	VERDICT_BUSY, /* somebody isolated it: soon again */
	VERDICT_STRIKE, /* the kernel tried ten times: later again */
	VERDICT_UNTRIED, /* the kernel stopped before it: at once again */
	VERDICT_SHARED, /* mapped elsewhere, and not ours to move */
	VERDICT_STOPPED, /* the whole call failed; see its call verdict */
};

/* What to do about a whole call. */
enum call_verdict {
	CALL_CLEAN, /* every status is written */
	CALL_MIXED, /* some failed, some were not tried: ask again */
	CALL_NOMEM, /* no memory of that kind on the target */
	CALL_CPUSET, /* the guest's cpuset lacks the target */
	CALL_NODE_GONE, /* the target is no node with memory (any more) */
	CALL_DENIED, /* we may not touch this process, or not in this way */
	CALL_PROCESS_GONE, /* it has ended */
	CALL_UNSUPPORTED, /* this kernel has no move_pages */
	CALL_BROKEN, /* an answer that should not be */
};

/* result: what sys->pages_move returned. */
enum call_verdict verdict_of_call(long result);

/* status: one written entry of status[] after a call to node to. */
enum verdict verdict_of_status(int status, int to);

/* Refusals in a row after which no more huge pages are made of small ones. */
#define COLLAPSE_REFUSALS_MAX 8

/*
 * How many refusals in a row there are after one more answer of sys->collapse,
 * 0 or -errno. A page in use (EAGAIN, EBUSY) says nothing of other blocks; a
 * missing right or call (EPERM, ENOSYS) says all at once; no free block (ENOMEM)
 * and EINVAL, which a kernel before 6.1 answers for all blocks and a newer one for
 * a single one that it cannot take, are believed when they come again and again.
 */
unsigned int verdict_count_refusals(unsigned int refusals, int answer);

/* A sentence for a person, such as "the target node has no room". */
const char *call_verdict_text(enum call_verdict verdict);

#endif
