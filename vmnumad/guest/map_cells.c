/* SPDX-License-Identifier: Apache-2.0 */
/* Cells out of -numa options and names. See map_cells.h. */
#include "guest/map_cells.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

/* One "-numa node" option. */
struct numa_option {
	int cell; /* nodeid=, -1 without */
	char memdev[QMP_NAME_SIZE]; /* memdev=, empty without */
	bool has_size; /* mem= is there and understood */
	uint64_t size_bytes; /* mem= */
};

static int parse_cell(const char *text, int *ret_cell)
{
	char *end;
	unsigned long cell;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	cell = strtoul(text, &end, 10);
	if (*end != '\0' || cell >= GUEST_CELLS_MAX)
		return -EINVAL;
	*ret_cell = (int)cell;
	return 0;
}

int cell_size_parse(const char *text, unsigned int shift, uint64_t *ret_bytes)
{
	static const char letters[] = "BKMGTP";
	unsigned long long n;
	const char *letter;
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (*end != '\0') {
		letter = strchr(letters, *end & ~0x20);
		if (!letter || end[1] != '\0')
			return -EINVAL;
		shift = 10 * (unsigned int)(letter - letters);
	}
	if (errno || n > QMP_BLOCK_MAX_BYTES >> shift)
		return -EINVAL;
	*ret_bytes = (uint64_t)n << shift;
	return 0;
}

static int take_pair(struct numa_option *o, const char *pair)
{
	if (strncmp(pair, "nodeid=", 7) == 0)
		return parse_cell(pair + 7, &o->cell);
	if (strncmp(pair, "memdev=", 7) == 0) {
		if (strlen(pair + 7) >= sizeof(o->memdev))
			return -EINVAL;
		strcpy(o->memdev, pair + 7);
	} else if (strncmp(pair, "mem=", 4) == 0) {
		o->has_size =
			cell_size_parse(pair + 4, 20, &o->size_bytes) == 0;
	}
	return 0;
}

/* "node,nodeid=0,cpus=0-1,memdev=ram-node0"; other kinds (dist, cpu) say
 * nothing of memory: -ENOENT. Ids cannot hold a comma, so ",," need not be
 * understood. */
static int parse_option(const char *value, struct numa_option *ret_option)
{
	struct numa_option o = { .cell = -1 };
	autofree char *copy = xstrdup(value);
	char *rest = NULL;
	char *pair = strtok_r(copy, ",", &rest);
	int err = 0;

	if (!pair ||
	    (strcmp(pair, "node") != 0 && strcmp(pair, "type=node") != 0))
		return -ENOENT;
	while (!err && (pair = strtok_r(NULL, ",", &rest)))
		err = take_pair(&o, pair);
	if (!err)
		*ret_option = o;
	return err;
}

static int add_option(struct cell_layout *layout, const char *value)
{
	struct numa_option o;
	struct cell_memdev *m;
	int err = parse_option(value, &o);

	if (err)
		return err == -ENOENT ? 0 : err;
	if (layout->n_cells == GUEST_CELLS_MAX)
		return -EINVAL;
	if (o.cell < 0)
		o.cell = layout->n_cells; /* as QEMU numbers them */
	layout->n_cells++;
	if (o.has_size) {
		layout->has_sizes = true;
		layout->size_bytes[o.cell] = o.size_bytes;
	}
	if (!o.memdev[0])
		return 0;
	layout->memdevs = xreallocarray(layout->memdevs, layout->n_memdevs + 1,
					sizeof(layout->memdevs[0]));
	m = &layout->memdevs[layout->n_memdevs++];
	strcpy(m->id, o.memdev);
	m->cell = o.cell;
	return 0;
}

int cell_layout_parse(const char *cmdline, size_t len,
		      struct cell_layout *ret_layout, struct why *why)
{
	const char *end = cmdline + len;
	const char *arg = cmdline;
	bool is_value = false;

	memset(ret_layout, 0, sizeof(*ret_layout));
	while (arg < end) {
		if (is_value && add_option(ret_layout, arg)) {
			why_set(why, "cannot understand QEMU's -numa %.180s",
				arg);
			return -EINVAL;
		}
		is_value = !is_value && (strcmp(arg, "-numa") == 0 ||
					 strcmp(arg, "--numa") == 0);
		arg += strlen(arg) + 1;
	}
	return 0;
}

void cell_layout_finish(struct cell_layout *layout)
{
	free(layout->memdevs);
	memset(layout, 0, sizeof(*layout));
}

/* The cells share one block, one after the other. */
static int find_by_size(const struct cell_layout *layout, uint64_t offset,
			int *ret_cell, uint64_t *ret_left_bytes)
{
	uint64_t end = 0;

	for (int cell = 0; cell < GUEST_CELLS_MAX; cell++) {
		end += layout->size_bytes[cell];
		if (offset < end) {
			*ret_cell = cell;
			*ret_left_bytes = end - offset;
			return 0;
		}
	}
	return -ENOENT;
}

int cell_layout_find(const struct cell_layout *layout, const char *block,
		     uint64_t offset, int *ret_cell, uint64_t *ret_left_bytes)
{
	static const char libvirt_prefix[] = "ram-node";
	const size_t prefix_len = sizeof(libvirt_prefix) - 1;

	for (size_t i = 0; i < layout->n_memdevs; i++) {
		if (strcmp(layout->memdevs[i].id, block) != 0)
			continue;
		*ret_cell = layout->memdevs[i].cell;
		*ret_left_bytes = UINT64_MAX;
		return 0;
	}
	if (strncmp(block, libvirt_prefix, prefix_len) == 0 &&
	    parse_cell(block + prefix_len, ret_cell) == 0) {
		*ret_left_bytes = UINT64_MAX;
		return 0;
	}
	if (layout->n_cells <= 1) {
		*ret_cell = 0;
		*ret_left_bytes = UINT64_MAX;
		return 0;
	}
	if (!layout->has_sizes)
		return -ENOENT;
	return find_by_size(layout, offset, ret_cell, ret_left_bytes);
}
