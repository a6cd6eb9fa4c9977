/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virt_fetch(): domain XML, state and job of one guest. None of the first three
 * calls below waits for the guest's job lock or its monitor (libvirt 9.0), so a
 * broken guest still answers; the fourth does, and has its own deadline. The
 * third knows of short jobs only: during a migration, save or dump it says "ok"
 * most of the time, so the fourth asks for these in any case.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libvirt/virterror.h>

#include "guest/virt.h"
#include "guest/virt_inside.h"
#include "xalloc.h"

/* What the job is matters less than that there is one. */
#define JOB_STATS_MS 2000

struct fetch_work {
	struct virt_lines *lines; /* a reference */
	struct uuid uuid; /* which guest */
	bool with_xml; /* not its state and job only */
	struct call_desk *desk; /* a reference, for the inner call */
	char *xml; /* result, owned */
	struct virt_domain domain; /* result, xml apart */
	int err; /* result */
	struct why why; /* its reason */
};

struct job_work {
	struct virt_lines *lines; /* a reference */
	struct uuid uuid; /* which guest */
	enum virt_job job; /* result */
};

static void release_fetch(void *arg)
{
	struct fetch_work *work = arg;

	virt_lines_unref(work->lines);
	call_desk_unref(work->desk);
	free(work->xml);
	free(work);
}

static enum virt_state state_of(int state)
{
	switch (state) {
	case VIR_DOMAIN_RUNNING:
	case VIR_DOMAIN_BLOCKED:
	case VIR_DOMAIN_NOSTATE:
		return VIRT_STATE_RUNNING;
	case VIR_DOMAIN_PAUSED:
	case VIR_DOMAIN_PMSUSPENDED:
		return VIRT_STATE_PAUSED;
	case VIR_DOMAIN_SHUTOFF:
		return VIRT_STATE_OFF;
	default:
		return VIRT_STATE_CRASHED;
	}
}

static bool is_postcopy(int state, int reason)
{
	return (state == VIR_DOMAIN_RUNNING &&
		reason == VIR_DOMAIN_RUNNING_POSTCOPY) ||
	       (state == VIR_DOMAIN_PAUSED &&
		(reason == VIR_DOMAIN_PAUSED_POSTCOPY ||
		 reason == VIR_DOMAIN_PAUSED_POSTCOPY_FAILED));
}

static enum virt_job job_of(int operation)
{
	switch (operation) {
	case VIR_DOMAIN_JOB_OPERATION_MIGRATION_IN:
		return VIRT_JOB_MIGRATION_IN;
	case VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT:
		return VIRT_JOB_MIGRATION_OUT;
	case VIR_DOMAIN_JOB_OPERATION_SAVE:
	case VIR_DOMAIN_JOB_OPERATION_RESTORE:
		return VIRT_JOB_SAVE;
	case VIR_DOMAIN_JOB_OPERATION_DUMP:
		return VIRT_JOB_DUMP;
	case VIR_DOMAIN_JOB_OPERATION_SNAPSHOT:
	case VIR_DOMAIN_JOB_OPERATION_SNAPSHOT_REVERT:
		return VIRT_JOB_SNAPSHOT;
	case VIR_DOMAIN_JOB_OPERATION_BACKUP:
		return VIRT_JOB_BACKUP;
	default:
		return VIRT_JOB_OTHER;
	}
}

static void release_job(void *arg)
{
	struct job_work *work = arg;

	virt_lines_unref(work->lines);
	free(work);
}

/* The host that receives a guest has no statistics of it, and says so (libvirt
 * 9.0). Without a running guest, or a driver with jobs, there is none. */
static enum virt_job job_of_error(int code)
{
	switch (code) {
	case VIR_ERR_OPERATION_UNSUPPORTED:
		return VIRT_JOB_MIGRATION_IN;
	case VIR_ERR_OPERATION_INVALID:
	case VIR_ERR_NO_DOMAIN:
	case VIR_ERR_NO_SUPPORT:
		return VIRT_JOB_NONE;
	default:
		return VIRT_JOB_OTHER;
	}
}

static void read_job(struct job_work *work, virDomainPtr domain)
{
	virTypedParameterPtr params = NULL;
	int operation = VIR_DOMAIN_JOB_OPERATION_UNKNOWN;
	int n_params = 0;
	int type = VIR_DOMAIN_JOB_NONE;

	if (virDomainGetJobStats(domain, &type, &params, &n_params, 0) < 0) {
		work->job = job_of_error(virGetLastErrorCode());
		return;
	}
	virTypedParamsGetInt(params, n_params, VIR_DOMAIN_JOB_OPERATION,
			     &operation);
	work->job =
		type == VIR_DOMAIN_JOB_NONE ? VIRT_JOB_NONE : job_of(operation);
	virTypedParamsFree(params, n_params);
}

static void run_job(void *arg)
{
	struct job_work *work = arg;
	struct virt_line line;
	virDomainPtr domain;

	if (virt_line_take(work->lines, &line, NULL))
		return;
	domain = virDomainLookupByUUIDString(line.conn, work->uuid.text);
	if (domain) {
		read_job(work, domain);
		virDomainFree(domain);
	}
	virt_line_give(work->lines, &line);
}

static enum virt_job ask_job(const struct fetch_work *work)
{
	struct job_work *job_work = xcalloc(1, sizeof(*job_work));
	enum virt_job job = VIRT_JOB_OTHER;
	char about[CALL_ABOUT_SIZE];
	int err;

	job_work->lines = virt_lines_ref(work->lines);
	job_work->uuid = work->uuid;
	job_work->job = VIRT_JOB_OTHER;
	snprintf(about, sizeof(about), "job %s", work->uuid.text);
	err = call_desk_run(work->desk, about, JOB_STATS_MS, run_job,
			    release_job, job_work, NULL);
	if (!err)
		job = job_work->job;
	if (err != -ETIMEDOUT)
		release_job(job_work);
	return job;
}

static void fetch_job(struct fetch_work *work, virDomainPtr domain)
{
	virDomainControlInfo control;

	if (virDomainGetControlInfo(domain, &control, 0) == 0)
		work->domain.is_monitor_busy =
			control.state == VIR_DOMAIN_CONTROL_OCCUPIED;
	if (!work->domain.is_monitor_busy)
		work->domain.job = ask_job(work);
}

static int fetch_domain(struct fetch_work *work, virDomainPtr domain)
{
	int state;
	int reason;

	if (work->with_xml) {
		work->xml = virDomainGetXMLDesc(domain, 0);
		if (!work->xml)
			return virt_errno(&work->why);
		work->domain.xml = work->xml;
		work->domain.xml_len = strlen(work->xml);
	}
	if (virDomainGetState(domain, &state, &reason, 0) < 0)
		return virt_errno(&work->why);
	work->domain.state = state_of(state);
	work->domain.is_postcopy = is_postcopy(state, reason);
	if (work->domain.state != VIRT_STATE_OFF)
		fetch_job(work, domain);
	return 0;
}

static void run_fetch(void *arg)
{
	struct fetch_work *work = arg;
	struct virt_line line;
	virDomainPtr domain;

	work->err = virt_line_take(work->lines, &line, &work->why);
	if (work->err)
		return;
	domain = virDomainLookupByUUIDString(line.conn, work->uuid.text);
	if (domain) {
		work->err = fetch_domain(work, domain);
		virDomainFree(domain);
	} else {
		work->err = virt_errno(&work->why);
	}
	virt_line_give(work->lines, &line);
}

static void finish_fetch(struct virt *virt, struct virt_task *task)
{
	struct fetch_work *work = task->work;
	int err = task->err ? task->err : work->err;

	if (err)
		task->fetched(task->arg, &task->uuid, err, NULL,
			      task->err ? &task->why : &work->why);
	else
		task->fetched(task->arg, &task->uuid, 0, &work->domain, NULL);
}

static bool is_fetching(const struct virt *virt, const struct uuid *uuid)
{
	const struct virt_task *t = virt->tasks;

	while (t && !(t->fetched && uuid_is_equal(&t->uuid, uuid)))
		t = t->next;
	return t != NULL;
}

int virt_fetch(struct virt *virt, const struct uuid *uuid, bool with_xml,
	       virt_fetched_fn *fn, void *arg)
{
	struct fetch_work *work;
	struct virt_task *task;
	int err;

	if (!virt->link)
		return -ENOTCONN;
	if (is_fetching(virt, uuid))
		return -EALREADY;
	work = xcalloc(1, sizeof(*work));
	work->lines = virt_lines_ref(virt->lines);
	work->uuid = *uuid;
	work->with_xml = with_xml;
	work->desk = call_desk_ref(virt->desk);
	task = xcalloc(1, sizeof(*task));
	task->run = run_fetch;
	task->release = release_fetch;
	task->work = work;
	task->finish = finish_fetch;
	task->uuid = *uuid;
	task->fetched = fn;
	task->arg = arg;
	snprintf(task->about, sizeof(task->about), "fetch %s", uuid->text);
	err = virt_submit(virt, task);
	if (err) {
		release_fetch(work);
		free(task);
	}
	return err;
}
