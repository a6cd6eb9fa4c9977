/* SPDX-License-Identifier: Apache-2.0 */
/* Guests that libvirt does not manage; see adopt.h. */
#include "guest/adopt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest/guest.h"
#include "guest/held.h"
#include "guest/inspect.h"
#include "guest/monitor_socket.h"
#include "host/maps_text.h"
#include "host/proc_text.h"
#include "host/read_all.h"
#include "log.h"
#include "xalloc.h"

#define MAPS_TEXT_MAX (64u * 1024u * 1024u)
#define STATUS_SIZE   16384

/* A monitor is asked how its guest is so often; one that somebody else holds less
 * and less often: each time a thread waits for it. */
#define STATE_PERIOD_NS    (5ull * 1000000000ull)
#define STATE_LIVE_NS      (1ull * 1000000000ull) /* while something is at work */
#define STATE_FAILURES_MAX 3

struct adoption *adoption_create(pid_t pid)
{
	struct adoption *adoption = xcalloc(1, sizeof(*adoption));

	adoption->pid = pid;
	adoption->identity.pidfd = -1;
	adoption->maps_fd = -1;
	adoption->state.state = VIRT_STATE_RUNNING;
	adoption->confidential = "";
	return adoption;
}

static void close_maps(const struct sys *sys, int fd)
{
	if (fd >= 0)
		sys->ops->close_fd(sys->self, fd);
}

void adoption_free(const struct sys *sys, struct adoption *adoption)
{
	if (!adoption)
		return;
	identity_close(sys, &adoption->identity);
	close_maps(sys, adoption->maps_fd);
	if (adoption->built.map)
		map_result_finish(&adoption->built);
	free(adoption->name);
	free(adoption->qmp_path);
	free(adoption);
}

void adopted_free(const struct sys *sys, struct adopted *adopted)
{
	if (!adopted)
		return;
	close_maps(sys, adopted->maps_fd);
	free(adopted->qmp_path);
	free(adopted);
}

bool adopt_is_text(const char *text, size_t max)
{
	size_t len = strlen(text);

	if (len == 0 || len > max)
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return false;
	return true;
}

/* Checks -------------------------------------------------------------------- */

static int check_identity(const struct sys *sys, struct adoption *a,
			  struct why *why)
{
	int pid = (int)a->pid;
	int err;

	if (a->pid == getpid()) {
		why_set(why, "process %d is vmnumad itself", pid);
		return -EINVAL;
	}
	err = identity_open(sys, a->pid, NULL, &a->identity, why);
	if (err == -ESRCH)
		why_set(why, "there is no process %d", pid);
	else if (err == -EINVAL)
		why_set(why,
			"process %d is no guest: its program is not called "
			"qemu-something or kvm",
			pid);
	if (!err && a->start_ticks &&
	    a->identity.start_ticks != a->start_ticks) {
		why_set(why, "process %d is another one by now", pid);
		err = -ESRCH;
	}
	return err;
}

/* "NSpid: 4711" of a process of our namespace; "4711 1" of one further in, whose
 * files and sockets are not ours either. */
static int check_namespace(const struct sys *sys, const struct adoption *a,
			   struct why *why)
{
	char path[64];
	char text[STATUS_SIZE];
	char pids[256];
	size_t len;
	int err;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)a->pid);
	err = sys->ops->read_file(sys->self, path, text, sizeof(text), &len);
	if (err) {
		why_set(why, "cannot read %s: %s", path, strerror(-err));
		return err;
	}
	if (proc_status_field(text, "NSpid", pids, sizeof(pids)) ||
	    !strpbrk(pids, " \t"))
		return 0;
	why_set(why,
		"process %d belongs to another pid namespace, that of a "
		"container",
		(int)a->pid);
	return -EPERM;
}

static int check_devices(const struct sys *sys, struct adoption *a,
			 struct why *why)
{
	int err = held_by(sys, a->pid, &a->held_by);

	if (err)
		why_set(why, "cannot read /proc/%d/fd: %s", (int)a->pid,
			strerror(-err));
	return err;
}

static bool path_holds(const struct maps_entry *e, const char *part)
{
	return memmem(e->path, e->path_len, part, strlen(part)) != NULL;
}

/* A process with KVM vCPUs has the page that it shares with KVM for each of
 * them mapped; a qemu-img and a QEMU that emulates CPUs have none. */
static int check_mappings(const struct sys *sys, struct adoption *a,
			  struct why *why)
{
	struct maps_entry e;
	char path[64];
	bool has_vcpu = false;
	char *text;
	const char *rest;
	size_t len;
	int err;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)a->pid);
	err = sys->ops->open_file(sys->self, path, &a->maps_fd);
	if (!err)
		err = read_all_file(sys, path, MAPS_TEXT_MAX, &text, &len);
	if (err) {
		why_set(why, "cannot read %s: %s", path, strerror(-err));
		return err;
	}
	rest = text;
	while (maps_next(&rest, &e) > 0) {
		if (path_holds(&e, "anon_inode:kvm-vcpu:"))
			has_vcpu = true;
	}
	free(text);
	if (has_vcpu)
		return 0;
	why_set(why,
		"process %d is no guest: it is called like a QEMU, but has no "
		"KVM vCPU",
		(int)a->pid);
	return -EINVAL;
}

/* Is arg an -object of this type, "TYPE,id=…" or as JSON? */
static bool is_object(const char *arg, const char *type)
{
	autofree char *json = xasprintf("\"%s\"", type);
	size_t len = strlen(type);

	return (strncmp(arg, type, len) == 0 &&
		(arg[len] == ',' || arg[len] == '\0')) ||
	       strstr(arg, json);
}

/* What is confidential stays so, and shows on the command line. */
static void take_argument(struct adoption *a, const char *arg)
{
	static const struct {
		const char *object; /* of a -object */
		const char *text; /* for people */
	} kinds[] = {
		{ "sev-guest", "sev" },
		{ "sev-snp-guest", "sev" },
		{ "tdx-guest", "tdx" },
		{ "s390-pv-guest", "s390-pv" },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (is_object(arg, kinds[i].object))
			a->confidential = kinds[i].text;
	/* a property of -machine that names such an object, known or not */
	if (!*a->confidential &&
	    (strstr(arg, "confidential-guest-support=") ||
	     strstr(arg, "\"confidential-guest-support\"")))
		a->confidential = "confidential";
}

static int read_cmdline(const struct sys *sys, struct adoption *a,
			struct why *why)
{
	char path[64];
	char name[ADOPT_NAME_MAX + 1];
	char *text;
	size_t len;
	int err;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)a->pid);
	err = read_all_file(sys, path, IDENTITY_CMDLINE_SIZE, &text, &len);
	if (err) {
		why_set(why, "cannot read %s: %s", path, strerror(-err));
		return err;
	}
	for (size_t at = 0; at < len; at += strlen(text + at) + 1)
		take_argument(a, text + at);
	if (!a->name) {
		if (proc_cmdline_guest_name(text, len, name, sizeof(name)) ||
		    !adopt_is_text(name, ADOPT_NAME_MAX))
			snprintf(name, sizeof(name), "qemu-%d", (int)a->pid);
		a->name = xstrdup(name);
	}
	free(text);
	return 0;
}

/* A guest is known by a uuid: this one names a pid and its start for good, in
 * the form of RFC 9562's version 8. */
static void make_uuid(struct identity *identity)
{
	if (strspn(identity->uuid.text, "0123456789abcdef-") == UUID_TEXT_LEN)
		return;
	snprintf(identity->uuid.text, sizeof(identity->uuid.text),
		 "%08x-766e-8000-8000-%012llx", (unsigned int)identity->pid,
		 (unsigned long long)identity->start_ticks & 0xffffffffffffull);
}

/* A search for a thread with the name of a vCPU. */
struct vcpu_search {
	const struct sys *sys; /* borrowed */
	pid_t pid; /* whose threads */
	bool is_found; /* there is one */
};

static int on_task(void *arg, const char *tid)
{
	struct vcpu_search *s = arg;
	char path[128];
	char comm[PROC_NAME_SIZE];
	unsigned int vcpu;
	size_t len;

	snprintf(path, sizeof(path), "/proc/%d/task/%.20s/comm", (int)s->pid,
		 tid);
	s->is_found = !s->sys->ops->read_file(s->sys->self, path, comm,
					      sizeof(comm), &len) &&
		      !proc_comm_vcpu(comm, &vcpu);
	return s->is_found;
}

/* Without a monitor vCPU threads are known by their names alone. */
static int check_threads(const struct sys *sys, const struct adoption *a,
			 struct why *why)
{
	struct vcpu_search search = { .sys = sys, .pid = a->pid };
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task", (int)a->pid);
	sys->ops->each_entry(sys->self, path, on_task, &search);
	if (search.is_found)
		return 0;
	why_set(why,
		"which threads of process %d are vCPUs cannot be seen: give "
		"the socket of its monitor (--qmp), or start it with -name "
		"debug-threads=on",
		(int)a->pid);
	return -EINVAL;
}

static int find_memory(const struct sys *sys, struct adoption *a,
		       struct why *why)
{
	struct monitor monitor = { 0 };
	struct why unsaid;
	int err;

	if (a->qmp_path)
		err = monitor_socket_open(sys, a->qmp_path, a->pid, &monitor,
					  why);
	else
		err = check_threads(sys, a, why);
	/* what is wrong with its answers the map will tell */
	if (!err && monitor.ops)
		inspect_state(sys, &monitor, &a->state, &unsaid);
	if (!err)
		err = inspect_map(sys, &a->identity, &monitor, &a->built, why);
	if (err && a->may_lack_map) {
		a->map_why = *why;
		err = 0;
	}
	return err;
}

int adopt_check(const struct sys *sys, struct adoption *a, struct why *why)
{
	int err = check_identity(sys, a, why);

	if (!err)
		err = check_namespace(sys, a, why);
	if (!err)
		err = check_mappings(sys, a, why);
	if (!err)
		err = check_devices(sys, a, why);
	if (!err)
		err = read_cmdline(sys, a, why);
	if (!err)
		err = find_memory(sys, a, why);
	/* all that was read was read of this process if it still lives */
	if (a->identity.pidfd >= 0 && identity_check(sys, &a->identity)) {
		why_set(why, "process %d is gone", (int)a->pid);
		err = -ESRCH;
	}
	if (!err)
		make_uuid(&a->identity);
	return err;
}

/* Guests -------------------------------------------------------------------- */

void adopt_take_cells(struct guest *guest)
{
	const struct qmp_cpus *cpus = &guest->built.cpus;
	struct domain_info *domain = &guest->domain;

	domain->vcpus_max = 0;
	for (size_t i = 0; i < cpus->n; i++)
		if (cpus->cpus[i].index < DOMAIN_VCPUS_MAX &&
		    cpus->cpus[i].index >= domain->vcpus_max)
			domain->vcpus_max = cpus->cpus[i].index + 1;
	free(domain->vcpu_cells);
	domain->vcpu_cells = xcalloc(domain->vcpus_max + 1, 1);
	for (size_t i = 0; i < cpus->n; i++)
		if (cpus->cpus[i].index < domain->vcpus_max)
			domain->vcpu_cells[cpus->cpus[i].index] =
				(uint8_t)cpus->cpus[i].cell;
}

void adopt_guest(struct guest *guest, struct adoption *a)
{
	const struct sys *sys = guest->env->sys;
	struct domain_info *domain = &guest->domain;

	guest->adopted = xcalloc(1, sizeof(*guest->adopted));
	*guest->adopted = (struct adopted) {
		.qmp_path = a->qmp_path,
		.maps_fd = a->maps_fd,
		.state_asked_ns = sys->ops->now_ns(sys->self),
	};
	a->qmp_path = NULL;
	a->maps_fd = -1;
	free(guest->name);
	guest->name = xstrdup(a->name);
	guest->has_domain = true;
	guest->state = a->state.state;
	guest->job = a->state.job;
	guest->is_postcopy = a->state.is_postcopy;
	domain->uuid = guest->uuid;
	domain->name = xstrdup(a->name);
	domain->type = DOMAIN_KVM;
	snprintf(domain->confidential, sizeof(domain->confidential), "%s",
		 a->confidential);
	guest->held_by = a->held_by;
	guest->identity = a->identity;
	a->identity.pidfd = -1;
	guest->sampler = sampler_create(sys, guest->identity.pid);
	guest->wants_domain = false;
	guest->map_why = a->map_why;
	if (!a->built.map)
		return;
	guest->built = a->built;
	a->built = (struct map_result) { 0 };
	guest->wants_map = false;
	guest->wants_measure = true;
	sampler_set_hint(guest->sampler, &guest->built.cpus);
	adopt_take_cells(guest);
}

bool adopt_is_state_due(const struct guest *guest, uint64_t now_ns)
{
	const struct adopted *adopted = guest->adopted;
	uint64_t period_ns = STATE_PERIOD_NS;

	if (!adopted || !adopted->qmp_path)
		return false;
	if (adopted->state_failures > 0)
		period_ns <<= adopted->state_failures;
	else if (guest->active_job || guest->job != VIRT_JOB_NONE)
		period_ns = STATE_LIVE_NS;
	return now_ns > adopted->state_asked_ns + period_ns;
}

void adopt_ask_state(const struct guest *guest, struct inspection *i)
{
	const struct adopted *adopted = guest->adopted;
	const struct sys *sys = guest->env->sys;

	if (!adopted || !adopted->qmp_path ||
	    (adopted->state_failures > 0 &&
	     !adopt_is_state_due(guest, sys->ops->now_ns(sys->self))))
		return;
	if (!i->qmp_path)
		i->qmp_path = xstrdup(adopted->qmp_path);
	i->is_qmp_checked = true;
	i->asks_state = true;
}

static void note_no_state(struct guest *guest, const struct why *why)
{
	struct adopted *adopted = guest->adopted;

	if (adopted->state_failures == 0)
		log_info("adopt",
			 "guest %s: its monitor does not say how it is: %s; "
			 "moving nothing by itself, and asking again later",
			 guest->name, why->text);
	if (adopted->state_failures < STATE_FAILURES_MAX)
		adopted->state_failures++;
}

void adopt_take_state(struct guest *guest, const struct inspection *i)
{
	const struct sys *sys = guest->env->sys;

	if (!guest->adopted || !i->asks_state || i->err)
		return;
	guest->adopted->state_asked_ns = sys->ops->now_ns(sys->self);
	if (i->state_err) {
		note_no_state(guest, &i->state_why);
		return;
	}
	guest->adopted->state_failures = 0;
	if (guest->state != i->state.state || guest->job != i->state.job)
		log_info("adopt", "guest %s is %s now%s", guest->name,
			 virt_state_text(i->state.state),
			 i->state.job ? ", and QEMU is at work on it" : "");
	guest->state = i->state.state;
	guest->job = i->state.job;
	guest->is_postcopy = i->state.is_postcopy;
	if (guest->built.map && !guest->built.is_inferred &&
	    guest->built.devices != i->state.devices)
		guest->wants_map = true;
}

int adopt_poll(const struct guest *guest)
{
	const struct sys *sys = guest->env->sys;
	char some[64];
	size_t len = 0;
	int err = identity_poll(sys, &guest->identity);

	/* execve(2) ends all threads; and this file is read under a lock that a
	 * move may hold for as long as a call lasts */
	if (err || guest->n_vcpus > 0)
		return err;
	err = sys->ops->read_fd(sys->self, guest->adopted->maps_fd, some,
				sizeof(some), &len);
	/* of the memory that it had when it was adopted: there is more of it
	 * than fits, or none at all */
	return err == 0 && len == 0 ? -ENOEXEC : 0;
}
