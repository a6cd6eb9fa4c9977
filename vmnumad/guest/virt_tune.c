/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virt_set_nodes(): the one call that has libvirt change a guest. What numatune
 * restrictive allows is changed by libvirt's own hand, so that its XML goes on
 * saying what is so. Called by rehome.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest/virt.h"
#include "guest/virt_inside.h"
#include "host/list.h"
#include "xalloc.h"

struct tune_work {
	struct virt_lines *lines; /* a reference */
	struct uuid uuid; /* which guest */
	char nodes[LIST_NODES_TEXT]; /* what it may use */
	int err; /* result */
	struct why why; /* its reason */
};

static void release_tune(void *arg)
{
	struct tune_work *work = arg;

	virt_lines_unref(work->lines);
	free(work);
}

static int set_nodes(struct tune_work *work, virDomainPtr domain)
{
	virTypedParameterPtr params = NULL;
	int n_params = 0, max_params = 0, err = 0;

	if (virTypedParamsAddString(&params, &n_params, &max_params,
				    VIR_DOMAIN_NUMA_NODESET, work->nodes) < 0 ||
	    virDomainSetNumaParameters(domain, params, n_params,
				       VIR_DOMAIN_AFFECT_LIVE) < 0)
		err = virt_errno(&work->why);
	virTypedParamsFree(params, n_params);
	return err;
}

static void run_tune(void *arg)
{
	struct tune_work *work = arg;
	struct virt_line line;
	virDomainPtr domain;

	work->err = virt_line_take(work->lines, &line, &work->why);
	if (work->err)
		return;
	domain = virDomainLookupByUUIDString(line.conn, work->uuid.text);
	if (domain) {
		work->err = set_nodes(work, domain);
		virDomainFree(domain);
	} else {
		work->err = virt_errno(&work->why);
	}
	virt_line_give(work->lines, &line);
}

static void finish_tune(struct virt *virt, struct virt_task *task)
{
	struct tune_work *work = task->work;

	task->tuned(task->arg, task->err ? task->err : work->err,
		    task->err ? &task->why : &work->why);
}

int virt_set_nodes(struct virt *virt, const struct uuid *uuid,
		   struct node_mask nodes, virt_tuned_fn *fn, void *arg)
{
	struct tune_work *work;
	struct virt_task *task;
	int err;

	if (!virt->link)
		return -ENOTCONN;
	if (virt->link->is_read_only)
		return -EPERM;
	work = xcalloc(1, sizeof(*work));
	work->lines = virt_lines_ref(virt->lines);
	work->uuid = *uuid;
	list_format_nodes(nodes, work->nodes, sizeof(work->nodes));
	task = xcalloc(1, sizeof(*task));
	task->run = run_tune;
	task->release = release_tune;
	task->work = work;
	task->finish = finish_tune;
	task->uuid = *uuid;
	task->tuned = fn;
	task->arg = arg;
	snprintf(task->about, sizeof(task->about), "nodes %s", uuid->text);
	err = virt_submit(virt, task);
	if (err) {
		release_tune(work);
		free(task);
	}
	return err;
}
