/* SPDX-License-Identifier: Apache-2.0 */
/* A domain XML: what is accepted must keep the promises of guest/domain.h. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "guest/domain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct domain_info *info)
{
	assert(strlen(info->uuid.text) == UUID_TEXT_LEN);
	assert(info->name);
	assert(info->n_cells >= 1);
	assert(info->vcpus_max >= 1 && info->vcpus_max <= DOMAIN_VCPUS_MAX);
	assert(info->vcpus_now <= info->vcpus_max);
	for (unsigned int i = 0; i < info->vcpus_max; i++)
		assert(info->vcpu_cells[i] < info->n_cells);
	for (size_t i = 0; i < info->n_cells; i++)
		assert(domain_tune_text(domain_cell_tune(info, i)->mode));
	for (size_t i = 0; i < info->n_memories; i++) {
		const struct domain_memory *memory = &info->memories[i];

		assert(memory->current_bytes <= memory->size_bytes);
		assert(memory->cell >= 0 &&
		       (size_t)memory->cell < info->n_cells);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct domain_info info = { 0 };
	struct why why;

	if (domain_parse((const char *)data, size, &info, &why))
		return 0;
	check(&info);
	domain_finish(&info);
	return 0;
}
