/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an administrator asked for and is not done yet, and which guests were
 * adopted, on disk, so that a daemon that starts again takes it up where the old
 * one left it. Automatic
 * jobs are not written down: the next tick finds the same reasons again. A text
 * file, replaced as a whole at each change.
 */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "guest/adopt.h"
#include "order.h"
#include "uuid.h"
#include "why.h"

/* More orders than guests make no sense. */
#define JOURNAL_RECORDS_MAX 1024

/* One order that was being carried out. */
struct journal_record {
	uint64_t id; /* number of its job */
	struct uuid uuid; /* whose memory */
	pid_t pid; /* its process */
	uint64_t start_ticks; /* when that process started */
	struct job_order order; /* what was asked; without trigger_ns */
};

/* One adopted guest. Its texts hold no control characters. */
struct journal_adopted {
	pid_t pid; /* its process */
	uint64_t start_ticks; /* when that process started */
	char qmp_path[ADOPT_PATH_MAX + 1]; /* its monitor's socket, "" none */
	char name[ADOPT_NAME_MAX + 1]; /* what it is called */
};

struct journal {
	uint64_t last_id; /* newest job number that was given out */
	struct journal_record *records; /* owned */
	size_t n_records; /* length of records */
	struct journal_adopted *adopted; /* owned */
	size_t n_adopted; /* length of adopted */
};

void journal_finish(struct journal *journal); /* takes a zeroed struct */

/* 0, also when there is no such file: then *ret_journal is empty. -EINVAL and
 * why when it cannot be understood. */
int journal_load(const char *path, struct journal *ret_journal,
		 struct why *why);

/* Replaces the file, by a new one beside it and a rename. -errno and why. */
int journal_save(const char *path, const struct journal *journal,
		 struct why *why);

#endif
