/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cells, what backs their memory, and how numatune binds it. Called by
 * domain.c.
 */
#include "guest/domain_parts.h"

#include <errno.h>
#include <string.h>

#include "guest/domain_xml.h"
#include "xalloc.h"

#define VCPU_WORDS (DOMAIN_VCPUS_MAX / 64)
#define CELL_WORDS (DOMAIN_CELLS_MAX / 64)

static bool bit_is_set(const uint64_t *bits, size_t i)
{
	return bits[i / 64] >> (i % 64) & 1;
}

static size_t count_cells(const xmlNode *numa)
{
	size_t n = 0;

	for (const xmlNode *c = xml_child(numa, "cell"); c; c = xml_next(c))
		n++;
	return n;
}

/* Cells of old texts carry no id: their order is their number. */
static int cell_number(const xmlNode *node, size_t position, size_t n_cells,
		       uint64_t *seen, uint64_t *ret_cell, struct why *why)
{
	uint64_t cell = position;
	int err = xml_attr_number(node, "id", n_cells - 1, &cell, why);

	if (err)
		return err;
	if (bit_is_set(seen, cell)) {
		why_set(why, "domain XML line %ld: cell %u occurs twice",
			xmlGetLineNo(node), (unsigned int)cell);
		return -EINVAL;
	}
	seen[cell / 64] |= 1ull << (cell % 64);
	*ret_cell = cell;
	return 0;
}

/* taken: vCPUs that another cell has. */
static int read_cell_vcpus(const xmlNode *node, struct domain_info *info,
			   uint8_t cell, uint64_t *taken, struct why *why)
{
	uint64_t vcpus[VCPU_WORDS] = { 0 };
	int err = xml_attr_list(node, "cpus", vcpus, info->vcpus_max, why);

	if (err)
		return err;
	for (size_t i = 0; i < info->vcpus_max; i++) {
		if (!bit_is_set(vcpus, i))
			continue;
		if (bit_is_set(taken, i)) {
			why_set(why,
				"domain XML line %ld: vCPU %zu is in two cells",
				xmlGetLineNo(node), i);
			return -EINVAL;
		}
		taken[i / 64] |= 1ull << (i % 64);
		info->vcpu_cells[i] = cell;
	}
	return 0;
}

static int read_cell(const xmlNode *node, struct domain_info *info,
		     uint64_t number, uint64_t *taken, struct why *why)
{
	struct domain_cell *cell = &info->cells[number];

	if (xml_attr_is(node, "memAccess", "shared"))
		cell->is_shared = true;
	else if (xml_attr_is(node, "memAccess", "private"))
		cell->is_shared = false;
	if (xml_attr_size(node, "memory", &cell->size_bytes, why))
		return -EINVAL;
	return read_cell_vcpus(node, info, (uint8_t)number, taken, why);
}

/* vCPUs that no cell claims stay with cell 0, as QEMU and libvirt have it. */
static int read_cells(const xmlNode *numa, bool is_shared,
		      struct domain_info *info, struct why *why)
{
	uint64_t taken[VCPU_WORDS] = { 0 };
	uint64_t seen[CELL_WORDS] = { 0 };
	size_t n_cells = count_cells(numa);
	const xmlNode *node = xml_child(numa, "cell");
	uint64_t number;
	int err = 0;

	if (n_cells > DOMAIN_CELLS_MAX) {
		why_set(why, "domain XML has %zu cells, more than QEMU's %u",
			n_cells, DOMAIN_CELLS_MAX);
		return -EINVAL;
	}
	info->has_vnuma = n_cells > 0;
	info->n_cells = n_cells ? n_cells : 1;
	info->cells = xcalloc(info->n_cells, sizeof(*info->cells));
	info->vcpu_cells = xcalloc(info->vcpus_max, sizeof(*info->vcpu_cells));
	for (size_t i = 0; i < info->n_cells; i++)
		info->cells[i].is_shared = is_shared;
	if (!n_cells)
		info->cells[0].size_bytes = info->memory_bytes;
	for (size_t i = 0; i < n_cells && !err; i++, node = xml_next(node)) {
		err = cell_number(node, i, n_cells, seen, &number, why);
		if (!err)
			err = read_cell(node, info, number, taken, why);
	}
	return err;
}

/* The page size of the cells in nodeset, of all others when it has none. A
 * <page> of the base size means: no hugetlb for these cells. */
static int read_page(const xmlNode *page, struct domain_info *info,
		     uint64_t *named, struct why *why)
{
	uint64_t cells[CELL_WORDS] = { 0 };
	char *nodeset = xml_attr(page, "nodeset");
	bool is_for_some = nodeset != NULL;
	uint64_t bytes;

	xmlFree(nodeset);
	if (xml_attr_size(page, "size", &bytes, why) ||
	    xml_attr_list(page, "nodeset", cells, info->n_cells, why))
		return -EINVAL;
	for (size_t i = 0; i < info->n_cells; i++) {
		struct domain_cell *cell = &info->cells[i];

		if (is_for_some ? !bit_is_set(cells, i) : bit_is_set(named, i))
			continue;
		if (is_for_some)
			named[i / 64] |= 1ull << (i % 64);
		cell->is_hugetlb = bytes > PAGE_4K_BYTES;
		cell->huge_bytes = cell->is_hugetlb ? bytes : 0;
	}
	return 0;
}

static int read_hugepages(const xmlNode *backing, struct domain_info *info,
			  struct why *why)
{
	const xmlNode *huge = xml_child(backing, "hugepages");
	const xmlNode *page = xml_child(huge, "page");
	uint64_t named[CELL_WORDS] = { 0 };

	for (size_t i = 0; huge && !page && i < info->n_cells; i++)
		info->cells[i].is_hugetlb = true;
	for (; page; page = xml_next(page)) {
		if (read_page(page, info, named, why))
			return -EINVAL;
	}
	return 0;
}

static int read_backing(const xmlNode *backing, struct domain_info *info,
			struct why *why)
{
	const xmlNode *source = xml_child(backing, "source");

	if (xml_attr_is(source, "type", "memfd"))
		info->source = DOMAIN_MEMFD;
	else if (xml_attr_is(source, "type", "file"))
		info->source = DOMAIN_FILE;
	info->is_locked = xml_child(backing, "locked") != NULL;
	info->is_merged = xml_child(backing, "nosharepages") == NULL;
	return read_hugepages(backing, info, why);
}

static int read_tune(const xmlNode *node, struct domain_tune *ret_tune,
		     struct why *why)
{
	struct domain_tune tune = { .mode = DOMAIN_TUNE_STRICT };
	bool is_known = false;
	char text[16];

	xml_attr_copy(node, "mode", text, sizeof(text));
	for (int m = DOMAIN_TUNE_STRICT; m <= DOMAIN_TUNE_RESTRICTIVE; m++) {
		if (strcmp(text, domain_tune_text(m)) == 0) {
			tune.mode = m;
			is_known = true;
		}
	}
	/* no mode means strict in libvirt's schema */
	if (*text && !is_known) {
		why_set(why,
			"domain XML line %ld: numatune mode '%s' is unknown",
			xmlGetLineNo(node), text);
		return -EINVAL;
	}
	if (xml_attr_list(node, "nodeset", &tune.nodes.bits, NODES_MAX, why))
		return -EINVAL;
	*ret_tune = tune;
	return 0;
}

static int read_numatune(const xmlNode *root, struct domain_info *info,
			 struct why *why)
{
	const xmlNode *numatune = xml_child(root, "numatune");
	const xmlNode *memory = xml_child(numatune, "memory");
	const xmlNode *node = xml_child(numatune, "memnode");

	info->is_auto_placed =
		xml_attr_is(memory, "placement", "auto") ||
		xml_attr_is(xml_child(root, "vcpu"), "placement", "auto");
	if (memory && read_tune(memory, &info->tune, why))
		return -EINVAL;
	for (; node; node = xml_next(node)) {
		uint64_t cell = info->n_cells;

		if (xml_attr_number(node, "cellid", info->n_cells - 1, &cell,
				    why))
			return -EINVAL;
		if (cell == info->n_cells) {
			why_set(why,
				"domain XML line %ld: memnode has no cellid",
				xmlGetLineNo(node));
			return -EINVAL;
		}
		if (read_tune(node, &info->cells[cell].tune, why))
			return -EINVAL;
	}
	return 0;
}

int domain_read_memory(const xmlNode *root, struct domain_info *info,
		       struct why *why)
{
	const xmlNode *numa = xml_child(xml_child(root, "cpu"), "numa");
	const xmlNode *backing = xml_child(root, "memoryBacking");
	bool is_shared =
		xml_attr_is(xml_child(backing, "access"), "mode", "shared");
	int err = read_cells(numa, is_shared, info, why);

	if (!err)
		err = read_backing(backing, info, why);
	if (!err)
		err = read_numatune(root, info, why);
	return err;
}
