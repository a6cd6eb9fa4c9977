/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening, listing, closing, and libvirt's errors as ours; see virt_link.h.
 * Called on the threads of virt_call.c.
 */
#include "guest/virt_link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libvirt/virterror.h>

#include "guest/virt_box.h"
#include "log.h"
#include "xalloc.h"

/* A dead libvirtd is noticed after 5 s times 3 or a little more. */
#define KEEPALIVE_S     5
#define KEEPALIVE_COUNT 3

/* libvirt tells a closed socket as an internal error, so its text decides (seen
 * in 9.0: "internal error: client socket is closed"). */
static bool is_broken_link(const virError *error)
{
	const char *text = error->message ? error->message : "";

	return error->code == VIR_ERR_INTERNAL_ERROR &&
	       strstr(text, "client socket is closed");
}

static int error_number(const virError *error)
{
	const char *text = error->message ? error->message : "";

	if (strstr(text, "cannot acquire state change lock"))
		return -EBUSY;
	if (is_broken_link(error))
		return -ECONNRESET;
	switch (error->code) {
	case VIR_ERR_NO_DOMAIN:
		return -ENOENT;
	case VIR_ERR_OPERATION_TIMEOUT:
	case VIR_ERR_RESOURCE_BUSY:
		return -EBUSY;
	case VIR_ERR_OPERATION_DENIED:
	case VIR_ERR_ACCESS_DENIED:
	case VIR_ERR_AUTH_FAILED:
	case VIR_ERR_AUTH_CANCELLED:
	case VIR_ERR_AUTH_UNAVAILABLE:
		return -EPERM;
	case VIR_ERR_OPERATION_INVALID:
		return -ESRCH;
	case VIR_ERR_NO_SUPPORT:
	case VIR_ERR_OPERATION_UNSUPPORTED:
	case VIR_ERR_ARGUMENT_UNSUPPORTED:
		return -EOPNOTSUPP;
	case VIR_ERR_NO_CONNECT:
	case VIR_ERR_INVALID_CONN:
	case VIR_ERR_RPC:
		return -ECONNRESET;
	case VIR_ERR_SYSTEM_ERROR:
		/* int1 is errno there; sockets refuse with EACCES */
		if (error->int1 == EACCES || error->int1 == EPERM)
			return -EPERM;
		return -ECONNRESET;
	default:
		return -EIO;
	}
}

int virt_errno(struct why *why)
{
	const virError *error = virGetLastError();

	if (!error || error->code == VIR_ERR_OK) {
		why_set(why, "libvirt gave an error without a reason");
		return -EIO;
	}
	why_set(why, "libvirt: %s", error->message ? error->message : "?");
	return error_number(error);
}

bool virt_uuid(virDomainPtr domain, struct uuid *ret_uuid)
{
	char text[VIR_UUID_STRING_BUFLEN];

	_Static_assert(sizeof(text) == sizeof(ret_uuid->text), "uuid sizes");
	if (virDomainGetUUIDString(domain, text) < 0)
		return false;
	memcpy(ret_uuid->text, text, sizeof(text));
	return true;
}

static int open_any(const char *uri, bool *is_read_only,
		    virConnectPtr *ret_conn, struct why *why)
{
	virConnectPtr conn;
	int err;

	if (!*is_read_only) {
		conn = virConnectOpen(uri);
		if (conn) {
			*ret_conn = conn;
			return 0;
		}
		err = virt_errno(why);
		if (err != -EPERM)
			return err;
	}
	conn = virConnectOpenReadOnly(uri);
	if (!conn)
		return virt_errno(why);
	*is_read_only = true;
	*ret_conn = conn;
	return 0;
}

int virt_connect(const char *uri, bool *is_read_only, virConnectPtr *ret_conn,
		 struct why *why)
{
	int err = open_any(uri, is_read_only, ret_conn, why);

	/* drivers inside our process have no keepalive and need none */
	if (!err &&
	    virConnectSetKeepAlive(*ret_conn, KEEPALIVE_S, KEEPALIVE_COUNT) < 0)
		log_debug("virt", "no keepalive on this connection");
	return err;
}

int virt_link_open(const char *uri, bool is_read_only, struct virt_box *box,
		   uint64_t generation, struct virt_link **ret_link,
		   struct why *why)
{
	struct virt_link *link;
	virConnectPtr conn;
	int err = virt_connect(uri, &is_read_only, &conn, why);

	if (err)
		return err;
	link = xcalloc(1, sizeof(*link));
	link->conn = conn;
	link->box = virt_box_ref(box);
	link->generation = generation;
	link->is_read_only = is_read_only;
	err = virt_hooks_add(link, why);
	if (err)
		virt_link_close(link);
	else
		*ret_link = link;
	return err;
}

int virt_link_list(virConnectPtr conn, struct virt_list *ret_list,
		   struct why *why)
{
	struct virt_list list = { 0 };
	virDomainPtr *domains;
	int n = virConnectListAllDomains(conn, &domains,
					 VIR_CONNECT_LIST_DOMAINS_ACTIVE);

	if (n < 0)
		return virt_errno(why);
	list.uuids = xcalloc((size_t)n, sizeof(*list.uuids));
	for (int i = 0; i < n; i++) {
		if (virt_uuid(domains[i], &list.uuids[list.n]))
			list.n++;
		virDomainFree(domains[i]);
	}
	free(domains);
	*ret_list = list;
	return 0;
}

void virt_link_close(struct virt_link *link)
{
	if (!link)
		return;
	virt_hooks_remove(link);
	virConnectClose(link->conn);
	virt_box_unref(link->box);
	free(link);
}
