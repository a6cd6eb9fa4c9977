/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What other threads ask of a job and tell it while it is stepped: they never
 * wait for the job's lock, which is held while a window is scanned.
 */
#include <string.h>

#include "move/job_state.h"

unsigned int job_lanes(const struct job *job)
{
	return atomic_load(&job->n_lanes);
}

void job_cancel(struct job *job, const char *why)
{
	pthread_mutex_lock(&job->published_lock);
	if (!atomic_load(&job->is_cancelled))
		why_set(&job->cancel_why, "%s", why);
	pthread_mutex_unlock(&job->published_lock);
	atomic_store(&job->is_cancelled, true);
}

void job_pause(struct job *job)
{
	atomic_store(&job->is_paused, true);
}

void job_resume(struct job *job)
{
	atomic_store(&job->is_paused, false);
}

void job_hold(struct job *job, bool is_held)
{
	atomic_store(&job->is_held, is_held);
}

void job_receipt(struct job *job, struct receipt *ret_receipt)
{
	pthread_mutex_lock(&job->published_lock);
	*ret_receipt = job->published;
	pthread_mutex_unlock(&job->published_lock);
}

void job_cells(struct job *job, struct cell_count *ret_cells)
{
	pthread_mutex_lock(&job->published_lock);
	memcpy(ret_cells, job->published_cells,
	       job->n_cells * sizeof(*ret_cells));
	pthread_mutex_unlock(&job->published_lock);
}

const struct ledger *job_ledger(const struct job *job)
{
	return &job->ledger;
}

uint64_t job_id(const struct job *job)
{
	return job->id;
}

size_t job_n_cells(const struct job *job)
{
	return job->n_cells;
}
