/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libvirt's event callbacks: each copies what it is told into one letter for
 * the loop and returns. They run on libvirt's event thread, some on threads
 * that are inside a libvirt call, so they take no lock but the box's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libvirt/libvirt.h>

#include "guest/virt_box.h"
#include "guest/virt_link.h"
#include "log.h"
#include "xalloc.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What each callback carries. */
struct virt_hook {
	struct virt_box *box; /* a hook's reference */
	uint64_t generation; /* connection it belongs to */
	enum virt_event_kind kind; /* for callbacks that serve several */
};

static struct virt_hook *hook_create(const struct virt_link *link,
				     enum virt_event_kind kind)
{
	struct virt_hook *hook = xcalloc(1, sizeof(*hook));

	virt_box_hook(link->box);
	hook->box = link->box;
	hook->generation = link->generation;
	hook->kind = kind;
	return hook;
}

static void hook_free(void *arg)
{
	struct virt_hook *hook = arg;

	virt_box_unhook(hook->box);
	free(hook);
}

__attribute__((format(printf, 5, 6))) static void put(struct virt_hook *hook,
						      enum virt_event_kind kind,
						      virDomainPtr domain,
						      uint64_t bytes,
						      const char *fmt, ...)
{
	struct virt_letter letter = { .generation = hook->generation };
	va_list ap;

	letter.event.kind = kind;
	letter.event.bytes = bytes;
	va_start(ap, fmt);
	vsnprintf(letter.event.detail, sizeof(letter.event.detail), fmt, ap);
	va_end(ap);
	if (virt_uuid(domain, &letter.event.uuid))
		virt_box_put(hook->box, &letter);
}

static const char *word(const char *const *words, size_t n, int i)
{
	return i >= 0 && (size_t)i < n ? words[i] : "unknown";
}

/* The words follow the order of libvirt's virDomainEvent…DetailType. */
static const char *started_word(int detail)
{
	static const char *const words[] = { "booted", "migrated", "restored",
					     "from-snapshot", "wakeup" };

	return word(words, COUNT(words), detail);
}

static const char *paused_word(int detail)
{
	static const char *const words[] = { "paused",         "migrated",
					     "ioerror",        "watchdog",
					     "restored",       "from-snapshot",
					     "api-error",      "postcopy",
					     "postcopy-failed" };

	return word(words, COUNT(words), detail);
}

static const char *resumed_word(int detail)
{
	static const char *const words[] = { "unpaused", "migrated",
					     "from-snapshot", "postcopy",
					     "postcopy-failed" };

	return word(words, COUNT(words), detail);
}

static const char *stopped_word(int detail)
{
	static const char *const words[] = { "shutdown",     "destroyed",
					     "crashed",      "migrated",
					     "saved",        "failed",
					     "from-snapshot" };

	return word(words, COUNT(words), detail);
}

static int on_lifecycle(virConnectPtr conn, virDomainPtr domain, int event,
			int detail, void *arg)
{
	struct virt_hook *hook = arg;

	switch (event) {
	case VIR_DOMAIN_EVENT_STARTED:
		put(hook, VIRT_STARTED, domain, 0, "%s", started_word(detail));
		break;
	case VIR_DOMAIN_EVENT_SUSPENDED:
		put(hook, VIRT_PAUSED, domain, 0, "%s", paused_word(detail));
		break;
	case VIR_DOMAIN_EVENT_RESUMED:
		put(hook, VIRT_RESUMED, domain, 0, "%s", resumed_word(detail));
		break;
	case VIR_DOMAIN_EVENT_STOPPED:
		put(hook, VIRT_STOPPED, domain, 0, "%s", stopped_word(detail));
		break;
	case VIR_DOMAIN_EVENT_SHUTDOWN: /* vCPUs have ended, QEMU not yet */
		put(hook, VIRT_PAUSED, domain, 0, "shutdown");
		break;
	case VIR_DOMAIN_EVENT_PMSUSPENDED:
		put(hook, VIRT_PAUSED, domain, 0, "pmsuspended");
		break;
	case VIR_DOMAIN_EVENT_CRASHED:
		put(hook, VIRT_CRASHED, domain, 0, "panicked");
		break;
	default: /* defined, undefined: not about what runs */
		break;
	}
	return 0;
}

static void on_plain(virConnectPtr conn, virDomainPtr domain, void *arg)
{
	struct virt_hook *hook = arg;

	put(hook, hook->kind, domain, 0, "%s", "");
}

static void on_alias(virConnectPtr conn, virDomainPtr domain, const char *alias,
		     void *arg)
{
	struct virt_hook *hook = arg;

	put(hook, hook->kind, domain, 0, "%s", alias ? alias : "");
}

static void on_metadata(virConnectPtr conn, virDomainPtr domain, int type,
			const char *uri, void *arg)
{
	struct virt_hook *hook = arg;

	put(hook, VIRT_METADATA, domain, 0, "%s", uri ? uri : "");
}

static void on_balloon(virConnectPtr conn, virDomainPtr domain,
		       unsigned long long actual_kib, void *arg)
{
	struct virt_hook *hook = arg;

	put(hook, VIRT_BALLOON, domain, (uint64_t)actual_kib * 1024, "%s", "");
}

#if LIBVIR_CHECK_VERSION(7, 9, 0)
static void on_memory_size(virConnectPtr conn, virDomainPtr domain,
			   const char *alias, unsigned long long size_kib,
			   void *arg)
{
	struct virt_hook *hook = arg;

	put(hook, VIRT_MEMORY_SIZE, domain, (uint64_t)size_kib * 1024, "%s",
	    alias ? alias : "");
}
#endif

static void on_iteration(virConnectPtr conn, virDomainPtr domain, int iteration,
			 void *arg)
{
	struct virt_hook *hook = arg;

	put(hook, VIRT_MIGRATION, domain, 0, "%d", iteration);
}

static void on_job_end(virConnectPtr conn, virDomainPtr domain,
		       virTypedParameterPtr params, int n_params, void *arg)
{
	struct virt_hook *hook = arg;

	put(hook, VIRT_JOB_END, domain, 0, "%s", "");
}

static int format_param(const virTypedParameter *p, char *buf, size_t size)
{
	switch (p->type) {
	case VIR_TYPED_PARAM_STRING:
		return snprintf(buf, size, "%s=%s", p->field,
				p->value.s ? p->value.s : "");
	case VIR_TYPED_PARAM_INT:
		return snprintf(buf, size, "%s=%d", p->field, p->value.i);
	case VIR_TYPED_PARAM_UINT:
		return snprintf(buf, size, "%s=%u", p->field, p->value.ui);
	case VIR_TYPED_PARAM_LLONG:
		return snprintf(buf, size, "%s=%lld", p->field, p->value.l);
	case VIR_TYPED_PARAM_ULLONG:
		return snprintf(buf, size, "%s=%llu", p->field, p->value.ul);
	default:
		return snprintf(buf, size, "%s", p->field);
	}
}

static void on_tuned(virConnectPtr conn, virDomainPtr domain,
		     virTypedParameterPtr params, int n_params, void *arg)
{
	char text[sizeof(((struct virt_event *)0)->detail)] = "";
	struct virt_hook *hook = arg;
	size_t used = 0;

	for (int i = 0; i < n_params && used + 2 < sizeof(text); i++) {
		if (used)
			text[used++] = ' ';
		used += (size_t)format_param(&params[i], text + used,
					     sizeof(text) - used);
	}
	put(hook, VIRT_TUNED, domain, 0, "%s", text);
}

static void on_close(virConnectPtr conn, int reason, void *arg)
{
	static const char *const reasons[] = {
		[VIR_CONNECT_CLOSE_REASON_ERROR] = "the connection to libvirt "
						   "broke",
		[VIR_CONNECT_CLOSE_REASON_EOF] = "libvirt closed the "
						 "connection",
		[VIR_CONNECT_CLOSE_REASON_KEEPALIVE] = "libvirt does not "
						       "answer any more",
		[VIR_CONNECT_CLOSE_REASON_CLIENT] = "the connection was given "
						    "up on this side",
	};
	struct virt_hook *hook = arg;
	struct virt_letter letter = {
		.generation = hook->generation,
		.is_close = true,
	};

	snprintf(letter.event.detail, sizeof(letter.event.detail), "%s",
		 word(reasons, COUNT(reasons), reason));
	virt_box_put(hook->box, &letter);
}

/* kind matters to on_plain and on_alias only. */
static const struct {
	int id; /* VIR_DOMAIN_EVENT_ID_… */
	virConnectDomainEventGenericCallback fn; /* cast as libvirt asks */
	enum virt_event_kind kind; /* for the hook */
} hook_table[] = {
	{ VIR_DOMAIN_EVENT_ID_LIFECYCLE,
	  VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle), VIRT_STARTED },
	{ VIR_DOMAIN_EVENT_ID_TUNABLE, VIR_DOMAIN_EVENT_CALLBACK(on_tuned),
	  VIRT_TUNED },
	{ VIR_DOMAIN_EVENT_ID_REBOOT, VIR_DOMAIN_EVENT_CALLBACK(on_plain),
	  VIRT_REBOOT },
	{ VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, VIR_DOMAIN_EVENT_CALLBACK(on_alias),
	  VIRT_DEVICE_ADDED },
	{ VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED,
	  VIR_DOMAIN_EVENT_CALLBACK(on_alias), VIRT_DEVICE_REMOVED },
	{ VIR_DOMAIN_EVENT_ID_METADATA_CHANGE,
	  VIR_DOMAIN_EVENT_CALLBACK(on_metadata), VIRT_METADATA },
	{ VIR_DOMAIN_EVENT_ID_BALLOON_CHANGE,
	  VIR_DOMAIN_EVENT_CALLBACK(on_balloon), VIRT_BALLOON },
	{ VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION,
	  VIR_DOMAIN_EVENT_CALLBACK(on_iteration), VIRT_MIGRATION },
	{ VIR_DOMAIN_EVENT_ID_JOB_COMPLETED,
	  VIR_DOMAIN_EVENT_CALLBACK(on_job_end), VIRT_JOB_END },
#if LIBVIR_CHECK_VERSION(7, 9, 0)
	{ VIR_DOMAIN_EVENT_ID_MEMORY_DEVICE_SIZE_CHANGE,
	  VIR_DOMAIN_EVENT_CALLBACK(on_memory_size), VIRT_MEMORY_SIZE },
#endif
};

static int add_hook(struct virt_link *link, size_t row)
{
	struct virt_hook *hook = hook_create(link, hook_table[row].kind);
	int number = virConnectDomainEventRegisterAny(
		link->conn, NULL, hook_table[row].id, hook_table[row].fn, hook,
		hook_free);

	if (number < 0) {
		hook_free(hook);
		return -EIO;
	}
	link->hooks[link->n_hooks++] = number;
	return 0;
}

int virt_hooks_add(struct virt_link *link, struct why *why)
{
	struct virt_hook *hook;

	_Static_assert(COUNT(hook_table) <= LINK_HOOKS_MAX, "too many hooks");
	for (size_t i = 0; i < COUNT(hook_table); i++) {
		if (!add_hook(link, i))
			continue;
		if (hook_table[i].id == VIR_DOMAIN_EVENT_ID_LIFECYCLE)
			return virt_errno(why);
		log_debug("virt", "libvirt has no event %d", hook_table[i].id);
	}
	hook = hook_create(link, VIRT_LISTED);
	if (virConnectRegisterCloseCallback(link->conn, on_close, hook, NULL) <
	    0)
		hook_free(hook);
	else
		link->close_hook = hook;
	return 0;
}

/*
 * On a broken connection libvirt drops the callbacks and then fails to tell the
 * daemon: nothing to be done about it. The close callback's hook is freed here,
 * since drivers without close events accept it and then forget it (libvirt
 * 9.0); unregistering waits for a callback that is at work.
 */
void virt_hooks_remove(struct virt_link *link)
{
	for (size_t i = 0; i < link->n_hooks; i++)
		virConnectDomainEventDeregisterAny(link->conn, link->hooks[i]);
	link->n_hooks = 0;
	if (!link->close_hook)
		return;
	virConnectUnregisterCloseCallback(link->conn, on_close);
	hook_free(link->close_hook);
	link->close_hook = NULL;
}
