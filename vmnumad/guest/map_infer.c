/* SPDX-License-Identifier: Apache-2.0 */
/* Memory by inference. See map_infer.h. */
#include "guest/map_infer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/maps_text.h"
#include "host/proc_text.h"
#include "xalloc.h"

/* QEMU's memory without -m. */
#define DEFAULT_BYTES (128 * MIB)

/* More than QEMU's largest machine takes. */
#define VCPUS_MAX 4096

/* A block of memory that the command line asks for. */
struct block {
	char name[QMP_NAME_SIZE]; /* id of its backend, or "pc.ram" */
	int cell; /* of the guest */
	uint64_t size_bytes; /* how large it is */
	struct hva hva; /* where it was found, 0 not yet */
};

struct inference {
	const char *cmdline; /* borrowed: arguments with NULs between them */
	size_t len; /* of cmdline */
	const char *maps; /* borrowed: text of /proc/PID/maps */
	struct block *blocks; /* owned, in the order of the cells */
	size_t n_blocks; /* length of blocks */
	struct why *why; /* borrowed */
};

/* The command line ---------------------------------------------------------- */

/* The value of the next option of this name ("-numa", "--numa") from *at on,
 * which is moved behind it; NULL: there is none. */
static const char *next_value(const struct inference *in, const char *option,
			      size_t *at)
{
	while (*at < in->len) {
		const char *arg = in->cmdline + *at;
		bool is_it = arg[0] == '-' && (strcmp(arg, option) == 0 ||
					       strcmp(arg + 1, option) == 0);

		*at += strlen(arg) + 1;
		if (is_it && *at < in->len) {
			arg = in->cmdline + *at;
			*at += strlen(arg) + 1;
			return arg;
		}
	}
	return NULL;
}

/* The value of key in "first,key=value,key=value", from *at on, which is moved
 * behind it. False: there is none, or it does not fit. */
static bool next_key(const char **at, const char *key, char *buf, size_t size)
{
	size_t key_len = strlen(key);

	while (**at) {
		const char *pair = *at;
		size_t len = strcspn(pair, ",");

		*at = pair + len + (pair[len] == ',');
		if (len <= key_len || pair[key_len] != '=' ||
		    strncmp(pair, key, key_len) != 0)
			continue;
		len -= key_len + 1;
		if (len >= size)
			return false;
		memcpy(buf, pair + key_len + 1, len);
		buf[len] = '\0';
		return true;
	}
	return false;
}

static bool get_key(const char *value, const char *key, char *buf, size_t size)
{
	return next_key(&value, key, buf, size);
}

/* -ENOTSUP: no "-object memory-backend-…,id=ID" with a size as we read them
 * (QEMU takes JSON too, and libvirt writes it). */
static int find_backend(const struct inference *in, const char *id,
			uint64_t *ret_bytes)
{
	char text[QMP_NAME_SIZE];
	const char *value;
	size_t at = 0;

	while ((value = next_value(in, "-object", &at))) {
		if (strncmp(value, "memory-backend-", 15) != 0 ||
		    !get_key(value, "id", text, sizeof(text)) ||
		    strcmp(text, id) != 0)
			continue;
		if (get_key(value, "size", text, sizeof(text)) &&
		    cell_size_parse(text, 0, ret_bytes) == 0)
			return 0;
	}
	why_set(in->why, "the size of memory backend %.60s is not understood",
		id);
	return -ENOTSUP;
}

static struct block *add_block(struct inference *in, const char *name, int cell)
{
	struct block *block;
	size_t i = in->n_blocks;

	in->blocks = xreallocarray(in->blocks, i + 1, sizeof(*in->blocks));
	while (i > 0 && in->blocks[i - 1].cell > cell) {
		in->blocks[i] = in->blocks[i - 1];
		i--;
	}
	block = &in->blocks[i];
	*block = (struct block) { .cell = cell };
	snprintf(block->name, sizeof(block->name), "%s", name);
	in->n_blocks++;
	return block;
}

/* "-m 1024", "-m 1G", "-m size=1G,slots=2,maxmem=4G". */
static int machine_bytes(const struct inference *in, uint64_t *ret_bytes)
{
	const char *value = proc_cmdline_value(in->cmdline, in->len, "-m");
	char text[QMP_NAME_SIZE];
	size_t n;

	*ret_bytes = DEFAULT_BYTES;
	if (!value)
		return 0;
	n = strcspn(value, ",");
	if (!get_key(value, "size", text, sizeof(text)))
		snprintf(text, sizeof(text), "%.*s", (int)(n < 32 ? n : 32),
			 value);
	if (cell_size_parse(text, 20, ret_bytes) == 0)
		return 0;
	why_set(in->why, "QEMU's -m %.60s is not understood", value);
	return -ENOTSUP;
}

/* Memory in one block: of a backend that -machine names, or of its own. */
static int take_machine(struct inference *in)
{
	char id[QMP_NAME_SIZE];
	uint64_t bytes;
	const char *value =
		proc_cmdline_value(in->cmdline, in->len, "-machine");
	int err;

	if (!value)
		value = proc_cmdline_value(in->cmdline, in->len, "-M");
	if (value && get_key(value, "memory-backend", id, sizeof(id))) {
		err = find_backend(in, id, &bytes);
	} else {
		strcpy(id, "pc.ram");
		err = machine_bytes(in, &bytes);
	}
	if (!err)
		add_block(in, id, 0)->size_bytes = bytes;
	return err;
}

static int take_blocks(struct inference *in, const struct cell_layout *layout)
{
	uint64_t bytes;

	if (layout->n_memdevs == 0)
		return take_machine(in);
	for (size_t i = 0; i < layout->n_memdevs; i++) {
		const struct cell_memdev *memdev = &layout->memdevs[i];
		int err = find_backend(in, memdev->id, &bytes);

		if (err)
			return err;
		add_block(in, memdev->id, memdev->cell)->size_bytes = bytes;
	}
	return 0;
}

/* "2" or "2-3" */
static int add_cpus(struct qmp_cpus *cpus, const char *text, int cell)
{
	unsigned int first, last;
	char more;
	int n = sscanf(text, "%u-%u%c", &first, &last, &more);

	if (n == 1)
		last = first;
	else if (n != 2)
		return -EINVAL;
	if (last < first || last >= VCPUS_MAX ||
	    cpus->n + (last - first) >= VCPUS_MAX)
		return -EINVAL;
	cpus->cpus = xreallocarray(cpus->cpus, cpus->n + last - first + 1,
				   sizeof(*cpus->cpus));
	for (unsigned int i = first; i <= last; i++)
		cpus->cpus[cpus->n++] =
			(struct qmp_cpu) { .index = i, .cell = cell };
	return 0;
}

/* Cells of vCPUs: "-numa node,nodeid=0,cpus=0-1". By sockets and cores ("-numa
 * cpu"), or left to QEMU, they are not known. */
static int take_cpus(const struct inference *in,
		     const struct cell_layout *layout,
		     struct qmp_cpus *ret_cpus)
{
	char text[QMP_NAME_SIZE];
	const char *value;
	int n_nodes = 0;
	size_t at = 0;
	int err = 0;

	if (layout->n_cells <= 1)
		return 0;
	while (!err && (value = next_value(in, "-numa", &at))) {
		const char *rest = value;
		int cell = n_nodes;

		if (strncmp(value, "cpu", 3) == 0)
			err = -EINVAL;
		if (strncmp(value, "node", 4) != 0)
			continue;
		n_nodes++;
		if (get_key(value, "nodeid", text, sizeof(text)))
			cell = atoi(text); /* cell_layout_parse() checked it */
		while (!err && next_key(&rest, "cpus", text, sizeof(text)))
			err = add_cpus(ret_cpus, text, cell);
	}
	if (!err && ret_cpus->n > 0)
		return 0;
	why_set(in->why, "the command line does not say by number to which "
			 "cells the vCPUs belong");
	return -ENOTSUP;
}

/* The mappings -------------------------------------------------------------- */

/* The file that QEMU makes for a backend in a directory (mem-path) is called
 * qemu_back_mem.ID.XXXXXX. */
static bool is_named(const struct maps_entry *e, const char *id)
{
	autofree char *name = xasprintf("/qemu_back_mem.%s.", id);

	return memmem(e->path, e->path_len, name, strlen(name)) != NULL;
}

static bool is_named_at_all(const struct maps_entry *e)
{
	static const char name[] = "/qemu_back_mem.";

	return memmem(e->path, e->path_len, name, sizeof(name) - 1) != NULL;
}

/* A mapping of just this size that can be guest memory. */
static bool is_candidate(const struct inference *in, const struct maps_entry *e,
			 uint64_t size_bytes)
{
	struct maps_cover cover;
	struct why why;

	return e->end.v - e->start.v == size_bytes &&
	       maps_cover(in->maps, e->start, size_bytes, &cover, &why) == 0;
}

/* Finds blocks whose files carry their names. */
static int find_named(struct inference *in)
{
	const char *text = in->maps;
	struct maps_entry e;
	int more;

	while ((more = maps_next(&text, &e)) > 0) {
		if (!is_named_at_all(&e))
			continue;
		for (size_t i = 0; i < in->n_blocks; i++)
			if (is_named(&e, in->blocks[i].name) &&
			    is_candidate(in, &e, in->blocks[i].size_bytes))
				in->blocks[i].hva = e.start;
	}
	if (more < 0)
		why_set(in->why, "/proc/PID/maps is not understood");
	return more;
}

/* Blocks of one size that are not found yet. */
static size_t count_open(const struct inference *in, uint64_t size_bytes,
			 int cell, bool *ret_is_one_cell)
{
	size_t n = 0;

	*ret_is_one_cell = true;
	for (size_t i = 0; i < in->n_blocks; i++) {
		if (in->blocks[i].hva.v ||
		    in->blocks[i].size_bytes != size_bytes)
			continue;
		n++;
		if (in->blocks[i].cell != cell)
			*ret_is_one_cell = false;
	}
	return n;
}

/* Gives the mappings of this size to the open blocks of this size; returns how
 * many there are. */
static size_t assign(struct inference *in, uint64_t size_bytes, bool is_trial)
{
	const char *text = in->maps;
	struct maps_entry e;
	size_t at = 0, n = 0;

	while (maps_next(&text, &e) > 0) {
		if (is_named_at_all(&e) || !is_candidate(in, &e, size_bytes))
			continue;
		n++;
		if (is_trial)
			continue;
		while (in->blocks[at].hva.v ||
		       in->blocks[at].size_bytes != size_bytes)
			at++;
		in->blocks[at].hva = e.start;
	}
	return n;
}

static int find_block(struct inference *in, const struct block *block)
{
	uint64_t size_bytes = block->size_bytes;
	bool is_one_cell;
	size_t n_blocks = count_open(in, size_bytes, block->cell, &is_one_cell);
	size_t n_found = assign(in, size_bytes, true);

	if (!is_one_cell) {
		why_set(in->why,
			"cells have equally large memory (%llu MiB), and only "
			"QEMU's monitor could tell them apart",
			(unsigned long long)(size_bytes / MIB));
		return -ENOTSUP;
	}
	if (n_found != n_blocks) {
		why_set(in->why,
			"memory %.40s is %llu MiB, and there are %zu mappings "
			"of that size",
			block->name, (unsigned long long)(size_bytes / MIB),
			n_found);
		return -ENOTSUP;
	}
	assign(in, size_bytes, false);
	return 0;
}

static int find_blocks(struct inference *in)
{
	int err = find_named(in);

	for (size_t i = 0; !err && i < in->n_blocks; i++)
		if (!in->blocks[i].hva.v)
			err = find_block(in, &in->blocks[i]);
	return err;
}

static void give_pieces(const struct inference *in,
			struct map_pieces *ret_pieces)
{
	uint64_t at = 0;

	ret_pieces->n = in->n_blocks;
	ret_pieces->pieces = xcalloc(in->n_blocks, sizeof(*ret_pieces->pieces));
	for (size_t i = 0; i < in->n_blocks; i++) {
		struct map_piece *piece = &ret_pieces->pieces[i];
		const struct block *block = &in->blocks[i];

		*piece = (struct map_piece) {
			.gpa = { at },
			.size_bytes = block->size_bytes,
			.hva = block->hva,
		};
		strcpy(piece->block, block->name);
		at += block->size_bytes;
	}
}

int map_infer(const char *cmdline, size_t len, const struct cell_layout *layout,
	      const char *maps, struct map_pieces *ret_pieces,
	      struct qmp_cpus *ret_cpus, struct why *why)
{
	struct inference in = {
		.cmdline = cmdline,
		.len = len,
		.maps = maps,
		.why = why,
	};
	struct qmp_cpus cpus = { 0 };
	int err = take_blocks(&in, layout);

	if (!err)
		err = take_cpus(&in, layout, &cpus);
	if (!err)
		err = find_blocks(&in);
	if (!err) {
		give_pieces(&in, ret_pieces);
		*ret_cpus = cpus;
	} else {
		qmp_cpus_finish(&cpus);
	}
	free(in.blocks);
	return err;
}
