/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs on paper: a mover (move/mover.h) whose jobs take the routes of their spec
 * one after the other, a number of bytes each second. They look at the world,
 * not at what the daemon knows of it, and end when their guest's process is
 * gone, as move/job.c does.
 */
#include <string.h>

#include "loop.h"
#include "sim.h"
#include "xalloc.h"

struct job {
	struct job *next; /* in sim.jobs, which owns it */
	struct sim *sim; /* borrowed */
	uint64_t id; /* its number in the daemon's book */
	size_t guest; /* whose memory */
	pid_t pid; /* of its QEMU when the job began */
	struct job_route *routes; /* owned; bytes: those still to be tried */
	uint64_t *stuck_bytes; /* owned: of each route, tried in vain */
	size_t n_routes; /* length of both */
	struct cell_count *cells; /* owned */
	size_t n_cells; /* length of cells */
	struct receipt receipt; /* as it is now */
	bool is_held; /* until libvirt has done */
};

static bool is_gone(const struct job *job)
{
	return job->sim->guests[job->guest].pid != job->pid;
}

static struct snap_cell *find_cell(const struct job *job, int cell)
{
	struct snap_cell *c = job->sim->w->guests[job->guest].cells;

	while (c->id != cell)
		c++;
	return c;
}

static void count(struct job *job)
{
	for (size_t i = 0; i < job->n_cells && !is_gone(job); i++)
		memcpy(job->cells[i].after_bytes,
		       find_cell(job, job->cells[i].cell)->node_bytes,
		       sizeof(job->cells[i].after_bytes));
}

const struct job_entry *paper_entry(const struct job *job)
{
	return jobs_find(job->sim->daemon.jobs, job->id);
}

/* Ending -------------------------------------------------------------------- */

/* In the loop, as daemon_on_job_ended() of vmnumad/ends.c without a journal. */
static void deliver(void *arg)
{
	struct job *job = arg;
	struct daemon *daemon = &job->sim->daemon;
	struct job_entry *entry = jobs_find(daemon->jobs, job->id);

	core_end_job(daemon, entry);
	core_close_job(daemon, entry);
}

static void end(struct job *job, enum job_result result, const char *why,
		uint64_t end_ns)
{
	struct receipt *r = &job->receipt;

	if (r->result != JOB_RUNNING)
		return;
	count(job);
	r->result = result;
	r->phase = PHASE_ENDED;
	r->ended_ns = end_ns;
	if (!r->started_ns) /* it took no time */
		r->started_ns = end_ns;
	if (why)
		why_set(&r->why, "%s", why);
	job->sim->guests[job->guest].job_end_s = job->sim->lived_s;
	loop_post(job->sim->loop, deliver, job);
}

/* The bytes that nobody has tried. */
static uint64_t untried_bytes(const struct job *job)
{
	const struct receipt *r = &job->receipt;
	uint64_t tried_bytes = r->moved_bytes + r->residue_bytes[RESIDUE_BUSY];

	return r->planned_bytes - u64_min(tried_bytes, r->planned_bytes);
}

/* Moving -------------------------------------------------------------------- */

/* The share of the time in which calls are made, as at the usual pace. */
#define CALLING 0.2

/* The reserve is for policy to keep: check.c looks whether it did. */
static uint64_t room_of(const struct snap_node *node)
{
	return node->is_online ? node->free_bytes : 0;
}

/* What can still be tried of a route. */
static uint64_t route_bytes(const struct job *job, size_t i)
{
	const struct job_route *route = &job->routes[i];
	uint64_t bytes = find_cell(job, route->cell)->node_bytes[route->from];

	bytes -= u64_min(bytes, job->stuck_bytes[i]);
	return u64_min(bytes, route->bytes);
}

/* Of a cell on a node, what a job can move. */
static uint64_t loose_bytes(const struct job *job, const struct snap_cell *c,
			    int node)
{
	const struct sim_guest *g = &job->sim->guests[job->guest];
	size_t i = (size_t)(c - job->sim->w->guests[job->guest].cells);

	return c->node_bytes[node] -
	       u64_min(c->node_bytes[node], g->stuck[i][node]);
}

/* So much of a route, in this second; what cannot move is not tried again. */
static void move_part(struct job *job, size_t i, uint64_t part)
{
	struct sim_guest *g = &job->sim->guests[job->guest];
	struct snap_node *nodes = job->sim->w->s.nodes;
	struct job_route *route = &job->routes[i];
	struct snap_cell *c = find_cell(job, route->cell);
	uint64_t bytes =
		u64_min(part * g->success / 1000, room_of(&nodes[route->to]));

	bytes = u64_min(bytes, loose_bytes(job, c, route->from));
	c->node_bytes[route->from] -= bytes;
	c->node_bytes[route->to] += bytes;
	nodes[route->from].free_bytes += bytes;
	nodes[route->to].free_bytes -= bytes;
	if (route->bytes != UINT64_MAX)
		route->bytes -= part;
	job->stuck_bytes[i] += part - bytes;
	job->receipt.moved_bytes += bytes;
	job->receipt.call_ns += (uint64_t)((double)bytes * CALLING /
					   (double)job->sim->rate_bytes * 1e9);
	job->receipt.residue_bytes[RESIDUE_BUSY] += part - bytes;
	check_moved(job->sim, job->guest, route->to, bytes,
		    !paper_entry(job)->order.is_automatic);
}

static void step(struct job *job)
{
	struct receipt *r = &job->receipt;
	uint64_t rate_bytes = job->sim->rate_bytes, left_bytes = rate_bytes;
	uint64_t now_ns = job->sim->w->s.now_ns;

	if (r->result != JOB_RUNNING)
		return;
	if (is_gone(job)) {
		end(job, JOB_FAILED, "the guest has ended", now_ns);
		return;
	}
	if (job->is_held)
		return;
	if (!r->started_ns)
		r->started_ns = now_ns;
	for (size_t i = 0; i < job->n_routes; i++) {
		uint64_t part = u64_min(left_bytes, route_bytes(job, i));

		if (part > 0)
			move_part(job, i, part);
		left_bytes -= part;
		if (route_bytes(job, i) > 0)
			return;
	}
	end(job, r->residue_bytes[RESIDUE_BUSY] ? JOB_PARTIAL : JOB_DONE, NULL,
	    now_ns +
		    (rate_bytes - left_bytes) / KIB * SEC / (rate_bytes / KIB));
}

void paper_second(struct sim *sim)
{
	for (struct job *job = sim->jobs; job; job = job->next)
		step(job);
}

/* The mover ----------------------------------------------------------------- */

static size_t guest_of(const struct sim *sim, pid_t pid)
{
	size_t guest = 0;

	while (sim->guests[guest].pid != pid)
		guest++;
	return guest;
}

static struct job *start(void *self, const struct job_spec *spec)
{
	struct sim *sim = self;
	struct job **link = &sim->jobs;
	struct job *job = xcalloc(1, sizeof(*job));

	job->sim = sim;
	job->id = spec->id;
	job->guest = guest_of(sim, spec->identity.pid);
	job->pid = spec->identity.pid;
	job->n_routes = spec->n_routes;
	job->routes = xcalloc(spec->n_routes, sizeof(*job->routes));
	memcpy(job->routes, spec->routes,
	       spec->n_routes * sizeof(*job->routes));
	job->stuck_bytes = xcalloc(spec->n_routes, sizeof(*job->stuck_bytes));
	job->n_cells = spec->n_cells;
	job->cells = xcalloc(spec->n_cells, sizeof(*job->cells));
	for (size_t i = 0; i < spec->n_cells; i++) {
		job->cells[i].cell = spec->cells[i].cell;
		job->cells[i].home = spec->cells[i].home;
	}
	count(job);
	for (size_t i = 0; i < spec->n_cells; i++)
		memcpy(job->cells[i].before_bytes, job->cells[i].after_bytes,
		       sizeof(job->cells[i].before_bytes));
	job->receipt.planned_bytes = spec->planned_bytes;
	for (; *link; link = &(*link)->next)
		if ((*link)->pid == job->pid)
			check_failed(sim, job->guest, "two jobs at a time");
	*link = job;
	sim->guests[job->guest].job = job;
	sim->guests[job->guest].n_jobs++;
	return job;
}

static void cancel(void *self, struct job *job, const char *why)
{
	job->receipt.residue_bytes[RESIDUE_UNTRIED] = untried_bytes(job);
	end(job, JOB_CANCELLED, why, job->sim->w->s.now_ns);
}

static void hold(void *self, struct job *job, bool is_held)
{
	job->is_held = is_held;
	job->receipt.phase = is_held ? PHASE_HELD : PHASE_MOVE;
}

static void wake(void *self, struct job *job)
{
	if (is_gone(job))
		step(job);
}

static void progress(void *self, struct job *job, struct receipt *ret_receipt,
		     struct cell_count *ret_cells)
{
	if (job->receipt.result == JOB_RUNNING)
		count(job);
	*ret_receipt = job->receipt;
	memcpy(ret_cells, job->cells, job->n_cells * sizeof(*ret_cells));
}

static void finish(void *self, struct job *job, struct ledger *ret_ledger)
{
	struct sim *sim = self;
	struct job **link = &sim->jobs;

	while (*link != job)
		link = &(*link)->next;
	*link = job->next;
	if (sim->guests[job->guest].job == job)
		sim->guests[job->guest].job = NULL;
	free(job->routes);
	free(job->stuck_bytes);
	free(job->cells);
	free(job);
}

struct mover paper_mover(struct sim *sim)
{
	/* nobody pauses jobs here, and what is mapped stays so */
	static const struct mover_ops ops = {
		.start = start,
		.cancel = cancel,
		.hold = hold,
		.wake = wake,
		.progress = progress,
		.finish = finish,
	};

	return (struct mover) { .ops = &ops, .self = sim };
}
