/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a libvirt domain XML says about a guest: its cells, how its memory is
 * backed and bound, what keeps that memory where it is, and the policy that its
 * administrator wrote into the metadata. Text in, plain values out: no libvirt
 * call, no file. The text is untrusted. Used by the guest code of the daemon
 * with what virt_fetch() brought; libxml2 lives in guest/domain*.c only.
 */
#ifndef GUEST_DOMAIN_H
#define GUEST_DOMAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "node.h"
#include "snapshot.h"
#include "uuid.h"
#include "why.h"

/* Longer texts are refused; libvirt's own limit for one string is the same
 * (REMOTE_STRING_MAX of its remote protocol). */
#define DOMAIN_XML_MAX_BYTES (4 * MIB)

/* QEMU allows 4096 vCPUs on x86 (version 9.0) and 128 cells (MAX_NODES). */
#define DOMAIN_VCPUS_MAX   4096u
#define DOMAIN_CELLS_MAX   128u
#define DOMAIN_DEVICES_MAX 256u

/* Namespace of the metadata element <policy follow='auto|pin|observe|off'
 * rehome='yes|no'/>, to be set with virsh metadata or virDomainSetMetadata. */
#define DOMAIN_POLICY_URI "urn:vmnumad:policy:1"

enum domain_type {
	DOMAIN_OTHER, /* not QEMU, or a type of a later libvirt */
	DOMAIN_KVM, /* QEMU with KVM */
	DOMAIN_QEMU, /* QEMU that emulates the CPU (TCG) */
};

/* <source type=...> of <memoryBacking>. */
enum domain_source {
	DOMAIN_ANON, /* anonymous memory, the default */
	DOMAIN_MEMFD, /* a memfd */
	DOMAIN_FILE, /* a file in libvirt's memory_backing_dir */
};

/* Modes of <numatune>, https://libvirt.org/formatdomain.html. */
enum domain_tune_mode {
	DOMAIN_TUNE_NONE, /* no such element */
	DOMAIN_TUNE_STRICT,
	DOMAIN_TUNE_PREFERRED,
	DOMAIN_TUNE_INTERLEAVE,
	DOMAIN_TUNE_RESTRICTIVE, /* cpuset only, libvirt 7.3 */
};

/* One <memory> or <memnode> of <numatune>. */
struct domain_tune {
	enum domain_tune_mode mode; /* NONE: nothing said */
	struct node_mask nodes; /* host nodes; empty with placement auto */
};

/* One cell of the guest. */
struct domain_cell {
	uint64_t size_bytes; /* memory at boot, without memory devices */
	struct domain_tune tune; /* its <memnode>, mode NONE without one */
	bool is_shared; /* other processes may map it: memAccess, <access> */
	bool is_hugetlb; /* backed by hugetlb pages */
	uint64_t huge_bytes; /* of that size; 0: the host's default size */
};

/* One <memory> device: DIMM, NVDIMM, virtio-mem, virtio-pmem. */
struct domain_memory {
	char model[16]; /* as libvirt writes it */
	char alias[32]; /* QEMU's name of it, "" when not running */
	int cell; /* the guest cell it belongs to, 0 when it has none */
	uint64_t size_bytes; /* full size */
	uint64_t current_bytes; /* of these plugged now (virtio-mem) */
};

/* What the administrator wrote into the metadata of this guest. */
struct domain_policy {
	bool has_follow; /* follow was given */
	enum guest_mode follow; /* its value */
	bool has_rehome; /* rehome was given */
	bool is_rehome; /* its value */
	struct why wrong; /* what was not understood, "" if nothing; the
			   * element counts as absent then */
};

struct domain_info {
	struct uuid uuid; /* the guest's uuid */
	char *name; /* libvirt's name; any text, owned */
	enum domain_type type; /* what runs it */
	int id; /* libvirt's number while it runs, -1 when not */
	char arch[16]; /* "x86_64", "" when not said */
	char machine[64]; /* "pc-q35-7.2", "" when not said */
	uint64_t memory_bytes; /* most memory it can have, devices included */
	uint64_t current_bytes; /* what the balloon leaves it */
	unsigned int vcpus_max; /* vCPUs it can have, 1 to DOMAIN_VCPUS_MAX */
	unsigned int vcpus_now; /* vCPUs plugged */
	uint8_t *vcpu_cells; /* cell of each vCPU, vcpus_max long, owned */
	struct domain_cell *cells; /* index is the cell's number, owned */
	size_t n_cells; /* at least 1: no <numa> makes one cell 0 */
	bool has_vnuma; /* the guest sees the cells */
	struct domain_memory *memories; /* memory devices, owned */
	size_t n_memories; /* length of memories */
	enum domain_source source; /* backing of base memory */
	bool is_locked; /* <locked/>: mlock; does not stop moves */
	bool is_merged; /* KSM may merge its pages (no <nosharepages/>) */
	bool is_auto_placed; /* numad placed it at start */
	struct domain_tune tune; /* <numatune><memory>, for all cells */
	char confidential[16]; /* type of <launchSecurity>, "" without */
	char pinned_by[32]; /* first device that holds all memory for DMA:
			     * "hostdev pci", "vdpa", "nvme disk" …; "" none */
	char shared_with[32]; /* first device whose back end maps the memory
			       * (vhost-user, virtiofs); "" none */
	struct domain_policy policy; /* from our metadata element */
};

/* Read one domain XML of len bytes (no NUL needed). On success the caller owns
 * *ret_info and ends it with domain_finish(). -E2BIG more than
 * DOMAIN_XML_MAX_BYTES; -EINVAL not XML, has a document type or entities of its
 * own, lacks a uuid, name, memory or vCPU count, or contradicts itself; *why
 * says what and in which line. Elements that are not known are skipped. */
int domain_parse(const char *text, size_t len, struct domain_info *ret_info,
		 struct why *why);

/* Frees what info owns; takes one that is all zero. */
void domain_finish(struct domain_info *info);

/* "strict" and so on; "none". */
const char *domain_tune_text(enum domain_tune_mode mode);

/* The binding of a cell: its memnode, else that of the whole guest. */
static inline const struct domain_tune *domain_cell_tune(
	const struct domain_info *info, size_t cell)
{
	if (cell < info->n_cells &&
	    info->cells[cell].tune.mode != DOMAIN_TUNE_NONE)
		return &info->cells[cell].tune;
	return &info->tune;
}

#endif
