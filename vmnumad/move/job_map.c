/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that is mapped anew while a job works on it: memory was plugged in or
 * out. The walk begins again over the new map, so that what came goes the way of
 * the rest, and what is gone is never looked at again. Called by job.c with the
 * job's lock held; job_set_map() by anybody.
 */
#include <string.h>

#include "move/job_state.h"

void job_set_map(struct job *job, struct guest_map *map)
{
	guest_map_unref(atomic_exchange(&job->next_map, guest_map_ref(map)));
}

bool job_is_map_due(struct job *job)
{
	struct guest_map *next = atomic_exchange(&job->next_map, NULL);

	if (!next)
		return job->due_map != NULL;
	guest_map_unref(job->due_map);
	job->due_map = next;
	if (!guest_map_is_equal(next, job->map))
		return true;
	guest_map_unref(next);
	job->due_map = NULL;
	return false;
}

/* What waits is known by its place in the old map: it is found again. What was
 * left behind is tried again too: other memory may have taken its place. */
void job_take_map(struct job *job)
{
	job->n_retries = 0;
	job->n_rests = 0;
	job->n_splits = 0;
	job->n_alongs = 0;
	job->along_bytes = 0;
	job->is_repairing = false;
	job->pass = 0;
	for (size_t i = 0; i < job->n_cells; i++)
		memset(job->cells[i].before_bytes, 0,
		       sizeof(job->cells[i].before_bytes));
	ledger_finish(&job->ledger);
	guest_map_unref(job->map);
	job->map = job->due_map;
	job->due_map = NULL;
	job->receipt.scope_bytes = job_scope_bytes(job);
	job_begin_pass(job);
}
