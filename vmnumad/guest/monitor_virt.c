/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QMP questions as texts through libvirt, with a deadline; see monitor_virt.h.
 * Runs on task threads.
 */
#include "guest/monitor_virt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libvirt/libvirt-qemu.h>

#include "guest/virt_inside.h"
#include "qmp/message.h"
#include "xalloc.h"

struct monitor_virt {
	struct virt_lines *lines; /* a reference */
	struct uuid uuid; /* which guest */
	struct call_desk *desk; /* a reference */
	unsigned int timeout_ms; /* for one command */
};

struct ask_work {
	struct virt_lines *lines; /* a reference */
	struct uuid uuid; /* which guest */
	char text[QMP_COMMAND_TEXT_SIZE]; /* the command */
	char *reply; /* result, owned, from libvirt's malloc */
	int err; /* result */
	struct why why; /* its reason */
};

static void release_ask(void *arg)
{
	struct ask_work *work = arg;

	virt_lines_unref(work->lines);
	free(work->reply);
	free(work);
}

/* The words of monitor.h: nobody else's monitor breaks with this guest's. */
static int monitor_word(int err)
{
	switch (err) {
	case -EBUSY:
	case -EPERM:
		return err;
	case -EOPNOTSUPP: /* this driver of libvirt has no passthrough */
		return -EPERM;
	default:
		return -ECONNRESET;
	}
}

static void ask_qemu(struct ask_work *work, virConnectPtr conn)
{
	virDomainPtr domain;

	domain = virDomainLookupByUUIDString(conn, work->uuid.text);
	if (!domain || virDomainQemuMonitorCommand(
			       domain, work->text, &work->reply,
			       VIR_DOMAIN_QEMU_MONITOR_COMMAND_DEFAULT) < 0)
		work->err = monitor_word(virt_errno(&work->why));
	if (domain)
		virDomainFree(domain);
}

static void run_ask(void *arg)
{
	struct ask_work *work = arg;
	struct virt_line line;

	work->err = virt_line_take(work->lines, &line, &work->why);
	if (work->err) {
		work->err = monitor_word(work->err);
		return;
	}
	ask_qemu(work, line.conn);
	virt_line_give(work->lines, &line);
}

static int read_reply(const struct ask_work *work, struct qmp_value **ret_value,
		      struct why *why)
{
	if (work->err) {
		why_set(why, "%s", work->why.text);
		return work->err;
	}
	if (!work->reply) {
		why_set(why, "libvirt gave no reply of QEMU");
		return -EBADMSG;
	}
	return qmp_reply_parse(work->reply, strlen(work->reply), ret_value,
			       why);
}

static int run_in_time(struct monitor_virt *monitor, struct ask_work *work,
		       struct qmp_value **ret_value, struct why *why)
{
	char about[CALL_ABOUT_SIZE];
	int err;

	snprintf(about, sizeof(about), "monitor %s", monitor->uuid.text);
	err = call_desk_run(monitor->desk, about, monitor->timeout_ms, run_ask,
			    release_ask, work, why);
	if (err == -ETIMEDOUT)
		return err;
	if (!err)
		err = read_reply(work, ret_value, why);
	release_ask(work);
	return err == -EAGAIN ? -EBUSY : err;
}

static int monitor_virt_ask(void *self, const struct qmp_command *command,
			    struct qmp_value **ret_value, struct why *why)
{
	struct monitor_virt *monitor = self;
	struct ask_work *work = xcalloc(1, sizeof(*work));
	int err;

	/* without an id: libvirt adds its own and fails if there is one */
	err = qmp_command_text(command, NULL, work->text, sizeof(work->text));
	if (err) {
		free(work);
		return err;
	}
	work->lines = virt_lines_ref(monitor->lines);
	work->uuid = monitor->uuid;
	return run_in_time(monitor, work, ret_value, why);
}

static void monitor_virt_close(void *self)
{
	struct monitor_virt *monitor = self;

	virt_lines_unref(monitor->lines);
	call_desk_unref(monitor->desk);
	free(monitor);
}

static const struct monitor_ops monitor_virt_ops = {
	.ask = monitor_virt_ask,
	.close = monitor_virt_close,
};

int monitor_virt_open(struct virt *virt, const struct uuid *uuid,
		      struct monitor *ret_monitor, struct why *why)
{
	struct monitor_virt *monitor;

	if (virt_is_read_only(virt)) {
		why_set(why, "the connection to libvirt is read-only, so "
			     "QEMU cannot be asked");
		return -EPERM;
	}
	if (!virt_is_up(virt)) {
		why_set(why, "libvirt is not connected");
		return -ENOTCONN;
	}
	monitor = xcalloc(1, sizeof(*monitor));
	monitor->lines = virt_lines_ref(virt->lines);
	monitor->uuid = *uuid;
	monitor->desk = call_desk_ref(virt->desk);
	monitor->timeout_ms = virt->options.call_ms;
	*ret_monitor =
		(struct monitor) { .ops = &monitor_virt_ops, .self = monitor };
	return 0;
}
