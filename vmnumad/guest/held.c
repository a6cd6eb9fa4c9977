/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that hold a process' memory; see held.h. */
#include "guest/held.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LINK_SIZE 256

/* What only a QEMU with such a device has open; QEMU closes it when the device
 * is unplugged. Type 1 of VFIO pins memory by the container (/dev/vfio/vfio) and
 * the group (/dev/vfio/3), iommufd by the device (/dev/vfio/devices/vfio0);
 * /dev/iommu alone pins nothing. Seen with QEMU 7.2 on Linux 6.12, but for
 * iommufd and vDPA. */
static const struct {
	const char *start; /* of what the link of the descriptor says */
	const char *text; /* for people */
} files[] = {
	{ "/dev/vfio/", "a device that it was given (VFIO)" },
	{ "anon_inode:[vfio-device]", "a device that it was given (VFIO)" },
	{ "/dev/vhost-vdpa-", "a device that it was given (vDPA)" },
};

/* A search through the descriptors of a process. */
struct search {
	const struct sys *sys; /* borrowed */
	pid_t pid; /* whose */
	const char *by; /* found, or NULL */
};

static int on_descriptor(void *arg, const char *name)
{
	struct search *s = arg;
	char path[64];
	char link[LINK_SIZE];

	snprintf(path, sizeof(path), "/proc/%d/fd/%.20s", (int)s->pid, name);
	if (s->sys->ops->read_link(s->sys->self, path, link, sizeof(link)))
		return 0; /* closed meanwhile */
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (strncmp(link, files[i].start, strlen(files[i].start)) == 0)
			s->by = files[i].text;
	return s->by != NULL;
}

int held_by(const struct sys *sys, pid_t pid, const char **ret_by)
{
	struct search search = { .sys = sys, .pid = pid };
	char path[64];
	int err;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	err = sys->ops->each_entry(sys->self, path, on_descriptor, &search);
	*ret_by = err ? NULL : search.by;
	return err;
}
