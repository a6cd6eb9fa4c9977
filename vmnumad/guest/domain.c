/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame of domain_parse(): what every guest has. Its halves are in
 * domain_memory.c and domain_device.c. See domain.h.
 */
#include "guest/domain.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "guest/domain_parts.h"
#include "guest/domain_xml.h"
#include "xalloc.h"

const char *domain_tune_text(enum domain_tune_mode mode)
{
	switch (mode) {
	case DOMAIN_TUNE_STRICT:
		return "strict";
	case DOMAIN_TUNE_PREFERRED:
		return "preferred";
	case DOMAIN_TUNE_INTERLEAVE:
		return "interleave";
	case DOMAIN_TUNE_RESTRICTIVE:
		return "restrictive";
	case DOMAIN_TUNE_NONE:
		break;
	}
	return "none";
}

void domain_finish(struct domain_info *info)
{
	free(info->name);
	free(info->vcpu_cells);
	free(info->cells);
	free(info->memories);
	memset(info, 0, sizeof(*info));
}

static bool uuid_copy(const char *text, struct uuid *ret_uuid)
{
	struct uuid uuid = { 0 };
	size_t i;

	for (i = 0; i < UUID_TEXT_LEN; i++) {
		bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
		unsigned char c = (unsigned char)text[i];

		if (is_dash ? c != '-' : !isxdigit(c))
			return false;
		uuid.text[i] = (char)tolower(c);
	}
	if (text[i] != '\0')
		return false;
	*ret_uuid = uuid;
	return true;
}

static int missing(const char *element, struct why *why)
{
	why_set(why, "domain XML has no usable <%s>", element);
	return -EINVAL;
}

static int read_identity(const xmlNode *root, struct domain_info *info,
			 struct why *why)
{
	const xmlNode *uuid = xml_child(root, "uuid");
	const xmlNode *name = xml_child(root, "name");
	char *text = uuid ? (char *)xmlNodeGetContent(uuid) : NULL;
	bool is_good = text && uuid_copy(text, &info->uuid);

	xmlFree(text);
	if (!is_good)
		return missing("uuid", why);
	text = name ? (char *)xmlNodeGetContent(name) : NULL;
	if (text && *text)
		info->name = xstrdup(text);
	xmlFree(text);
	return info->name ? 0 : missing("name", why);
}

static int read_machine(const xmlNode *root, struct domain_info *info,
			struct why *why)
{
	const xmlNode *type = xml_child(xml_child(root, "os"), "type");
	uint64_t id = UINT64_MAX;
	int err = xml_attr_number(root, "id", INT_MAX, &id, why);

	if (err)
		return err;
	info->id = id == UINT64_MAX ? -1 : (int)id;
	if (xml_attr_is(root, "type", "kvm"))
		info->type = DOMAIN_KVM;
	else if (xml_attr_is(root, "type", "qemu"))
		info->type = DOMAIN_QEMU;
	xml_attr_copy(type, "arch", info->arch, sizeof(info->arch));
	xml_attr_copy(type, "machine", info->machine, sizeof(info->machine));
	xml_attr_copy(xml_child(root, "launchSecurity"), "type",
		      info->confidential, sizeof(info->confidential));
	return 0;
}

static int read_amounts(const xmlNode *root, struct domain_info *info,
			struct why *why)
{
	const xmlNode *memory = xml_child(root, "memory");
	const xmlNode *current = xml_child(root, "currentMemory");
	const xmlNode *vcpu = xml_child(root, "vcpu");
	uint64_t max;
	uint64_t now;
	int err;

	if (!memory)
		return missing("memory", why);
	err = xml_size(memory, &info->memory_bytes, why);
	info->current_bytes = info->memory_bytes;
	if (!err && current)
		err = xml_size(current, &info->current_bytes, why);
	if (err)
		return err;
	if (!vcpu)
		return missing("vcpu", why);
	err = xml_number(vcpu, DOMAIN_VCPUS_MAX, &max, why);
	if (err)
		return err;
	now = max;
	err = xml_attr_number(vcpu, "current", max, &now, why);
	if (err)
		return err;
	info->vcpus_max = (unsigned int)max;
	info->vcpus_now = (unsigned int)now;
	return max ? 0 : missing("vcpu", why);
}

static int read_root(const xmlNode *root, struct domain_info *info,
		     struct why *why)
{
	int err;

	if (!xmlStrEqual(root->name, BAD_CAST "domain")) {
		why_set(why, "this is no domain XML: its root is <%.40s>",
			(const char *)root->name);
		return -EINVAL;
	}
	err = read_identity(root, info, why);
	if (!err)
		err = read_machine(root, info, why);
	if (!err)
		err = read_amounts(root, info, why);
	if (!err)
		err = domain_read_memory(root, info, why);
	if (!err)
		err = domain_read_devices(root, info, why);
	if (!err)
		domain_read_policy(root, &info->policy);
	return err;
}

int domain_parse(const char *text, size_t len, struct domain_info *ret_info,
		 struct why *why)
{
	struct domain_info info = { 0 };
	xmlDoc *doc;
	int err;

	if (len > DOMAIN_XML_MAX_BYTES) {
		why_set(why,
			"domain XML of %zu bytes is over the limit of 4 MiB",
			len);
		return -E2BIG;
	}
	err = xml_parse(text, len, &doc, why);
	if (err)
		return err;
	err = read_root(xmlDocGetRootElement(doc), &info, why);
	xmlFreeDoc(doc);
	if (err)
		domain_finish(&info);
	else
		*ret_info = info;
	return err;
}
