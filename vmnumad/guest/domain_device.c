/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices that hold, share or are memory, and our own metadata element. Called
 * by domain.c.
 */
#include "guest/domain_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest/domain_xml.h"
#include "xalloc.h"

#define QEMU_URI "http://libvirt.org/schemas/domain/qemu/1.0"

/* Devices that tell something about the memory by an attribute alone. */
static const struct {
	const char *element; /* child of <devices> */
	const char *attribute; /* that tells, of the element */
	const char *value; /* and what it then is */
	const char *text; /* for people */
	bool is_pinning; /* holds the memory; else only maps it */
} device_kinds[] = {
	{ "hostdev", "type", "pci", "hostdev pci", true },
	{ "hostdev", "type", "mdev", "hostdev mdev", true },
	{ "interface", "type", "hostdev", "interface hostdev", true },
	{ "interface", "type", "vdpa", "interface vdpa", true },
	{ "disk", "type", "vhostvdpa", "disk vhostvdpa", true },
	{ "disk", "type", "nvme", "disk nvme", true },
	{ "interface", "type", "vhostuser", "interface vhostuser", false },
	{ "disk", "type", "vhostuser", "disk vhostuser", false },
};

static void note(char *buf, size_t size, const char *text)
{
	if (!*buf)
		snprintf(buf, size, "%s", text);
}

static void read_kinds(const xmlNode *devices, struct domain_info *info)
{
	const size_t n = sizeof(device_kinds) / sizeof(device_kinds[0]);

	for (size_t i = 0; i < n; i++) {
		const xmlNode *d = xml_child(devices, device_kinds[i].element);

		while (d && !xml_attr_is(d, device_kinds[i].attribute,
					 device_kinds[i].value))
			d = xml_next(d);
		if (d && device_kinds[i].is_pinning)
			note(info->pinned_by, sizeof(info->pinned_by),
			     device_kinds[i].text);
		else if (d)
			note(info->shared_with, sizeof(info->shared_with),
			     device_kinds[i].text);
	}
}

static void read_filesystems(const xmlNode *devices, struct domain_info *info)
{
	const xmlNode *fs = xml_child(devices, "filesystem");

	for (; fs; fs = xml_next(fs)) {
		if (xml_attr_is(xml_child(fs, "driver"), "type", "virtiofs"))
			note(info->shared_with, sizeof(info->shared_with),
			     "filesystem virtiofs");
	}
}

/* <qemu:commandline> can bring devices that libvirt does not know of. */
static void read_commandline(const xmlNode *root, struct domain_info *info)
{
	const xmlNode *line = root->children;
	const xmlNode *arg;

	while (line &&
	       !(line->ns && xmlStrEqual(line->ns->href, BAD_CAST QEMU_URI)))
		line = line->next;
	for (arg = line ? line->children : NULL; arg; arg = arg->next) {
		char *value = arg->type == XML_ELEMENT_NODE
				      ? xml_attr(arg, "value")
				      : NULL;

		if (value && strstr(value, "vfio-"))
			note(info->pinned_by, sizeof(info->pinned_by),
			     "vfio on the command line");
		else if (value && strstr(value, "vhost-vdpa"))
			note(info->pinned_by, sizeof(info->pinned_by),
			     "vdpa on the command line");
		else if (value && strstr(value, "confidential-guest-support"))
			note(info->confidential, sizeof(info->confidential),
			     "confidential");
		xmlFree(value);
	}
}

static int read_memory(const xmlNode *node, struct domain_info *info,
		       struct domain_memory *ret_memory, struct why *why)
{
	const xmlNode *target = xml_child(node, "target");
	const xmlNode *size = xml_child(target, "size");
	const xmlNode *current = xml_child(target, "current");
	const xmlNode *cell = xml_child(target, "node");
	struct domain_memory memory = { 0 };
	uint64_t number = 0;

	xml_attr_copy(node, "model", memory.model, sizeof(memory.model));
	xml_attr_copy(xml_child(node, "alias"), "name", memory.alias,
		      sizeof(memory.alias));
	if (size && xml_size(size, &memory.size_bytes, why))
		return -EINVAL;
	memory.current_bytes = memory.size_bytes;
	if (current && xml_size(current, &memory.current_bytes, why))
		return -EINVAL;
	if (cell && xml_number(cell, info->n_cells - 1, &number, why))
		return -EINVAL;
	memory.cell = (int)number;
	*ret_memory = memory;
	return 0;
}

static int read_memories(const xmlNode *devices, struct domain_info *info,
			 struct why *why)
{
	const xmlNode *node = xml_child(devices, "memory");
	const xmlNode *m;
	size_t n = 0;
	int err = 0;

	for (m = node; m; m = xml_next(m))
		n++;
	if (n > DOMAIN_DEVICES_MAX) {
		why_set(why, "domain XML has %zu memory devices, more than %u",
			n, DOMAIN_DEVICES_MAX);
		return -EINVAL;
	}
	info->memories = n ? xcalloc(n, sizeof(*info->memories)) : NULL;
	for (m = node; m && !err; m = xml_next(m)) {
		err = read_memory(m, info, &info->memories[info->n_memories],
				  why);
		if (!err)
			info->n_memories++;
	}
	return err;
}

int domain_read_devices(const xmlNode *root, struct domain_info *info,
			struct why *why)
{
	const xmlNode *devices = xml_child(root, "devices");

	read_kinds(devices, info);
	read_filesystems(devices, info);
	read_commandline(root, info);
	return read_memories(devices, info, why);
}

static bool read_follow(const char *text, enum guest_mode *ret_mode)
{
	static const struct {
		const char *text;
		enum guest_mode mode;
	} modes[] = {
		{ "auto", MODE_AUTO },
		{ "pin", MODE_PIN },
		{ "observe", MODE_OBSERVE },
		{ "off", MODE_OFF },
	};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(text, modes[i].text) == 0) {
			*ret_mode = modes[i].mode;
			return true;
		}
	}
	return false;
}

static bool read_rehome(const char *text, bool *ret_rehome)
{
	if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
		return false;
	*ret_rehome = *text == 'y';
	return true;
}

/* An attribute is understood or the element counts as absent: half a policy
 * would be one that nobody wrote. */
static bool read_policy_attr(const char *name, const char *value,
			     struct domain_policy *policy)
{
	if (strcmp(name, "follow") == 0) {
		policy->has_follow = read_follow(value, &policy->follow);
		return policy->has_follow;
	}
	if (strcmp(name, "rehome") == 0) {
		policy->has_rehome = read_rehome(value, &policy->is_rehome);
		return policy->has_rehome;
	}
	return false;
}

static void read_policy(const xmlNode *node, struct domain_policy *ret_policy)
{
	struct domain_policy policy = { 0 };

	for (const xmlAttr *a = node->properties; a; a = a->next) {
		char *value =
			a->ns ? NULL : xml_attr(node, (const char *)a->name);

		if (value &&
		    !read_policy_attr((const char *)a->name, value, &policy)) {
			memset(&policy, 0, sizeof(policy));
			why_set(&policy.wrong,
				"metadata <policy> has %.32s='%.32s', which "
				"is not known",
				(const char *)a->name, value);
			xmlFree(value);
			break;
		}
		xmlFree(value);
	}
	*ret_policy = policy;
}

void domain_read_policy(const xmlNode *root, struct domain_policy *policy)
{
	const xmlNode *metadata = xml_child(root, "metadata");
	const xmlNode *node = metadata ? metadata->children : NULL;

	while (node &&
	       !(node->type == XML_ELEMENT_NODE && node->ns &&
		 xmlStrEqual(node->ns->href, BAD_CAST DOMAIN_POLICY_URI)))
		node = node->next;
	if (!node)
		return;
	if (xmlStrEqual(node->name, BAD_CAST "policy"))
		read_policy(node, policy);
	else
		why_set(&policy->wrong,
			"metadata has <%.32s> where <policy> belongs",
			(const char *)node->name);
}
