/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two halves of domain_parse(): memory (guest/domain_memory.c) and devices
 * with metadata (guest/domain_device.c). For guest/domain.c only. Each fills
 * its fields of an info that is all zero there, returns 0 or -EINVAL with the
 * reason, and leaves what it allocated to domain_finish().
 */
#ifndef GUEST_DOMAIN_PARTS_H
#define GUEST_DOMAIN_PARTS_H

#include <libxml/tree.h>

#include "guest/domain.h"

/* cells, vcpu_cells, numatune, memoryBacking; memory_bytes and vcpus_max must
 * be set before. */
int domain_read_memory(const xmlNode *root, struct domain_info *info,
		       struct why *why);

/* Memory devices, pinned_by, shared_with; n_cells must be set before. */
int domain_read_devices(const xmlNode *root, struct domain_info *info,
			struct why *why);

/* Our metadata element; what is wrong in it goes to policy.wrong. */
void domain_read_policy(const xmlNode *root, struct domain_policy *policy);

#endif
