/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three steps. QEMU's flat view gives the ranges that are guest memory; the
 * monitor is asked for the place in QEMU of both ends of each (map_probe.c); and
 * each piece must be covered by mappings in /proc/PID/maps that can be guest
 * memory. A piece that is not so is left out and told, never touched: a QEMU
 * that lies harms its own guest alone.
 */
#include "guest/map_build.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/map_facts.h"
#include "guest/map_probe.h"
#include "guest/run_state.h"
#include "host/maps_text.h"
#include "host/read_all.h"
#include "log.h"
#include "sys.h"
#include "xalloc.h"

/* A process has at most 65530 mappings (vm.max_map_count) of some 100 bytes
 * each; administrators raise the number. */
#define MAPS_TEXT_MAX (64u * 1024u * 1024u)

/* x86: VGA window, then ROM shadowed by RAM, each mapped twice or not at all. */
#define LEGACY_START 0xa0000ull
#define LEGACY_END   0x100000ull

/* A QEMU that lies does not fill the journal. */
#define WARNINGS_MAX 8

/* Work in progress. */
struct builder {
	struct map_asker asker; /* questions and their budget */
	const struct identity *identity; /* borrowed: whose memory */
	struct map_facts facts; /* what QEMU says */
	char *maps; /* owned: /proc/PID/maps */
	struct region *regions; /* owned: found so far */
	size_t n_regions; /* length of regions */
	struct map_skipped *skipped; /* owned: left out so far */
	size_t n_skipped; /* length of skipped */
	unsigned int n_warnings; /* lines logged about this map */
};

static bool may_warn(struct builder *b)
{
	return b->n_warnings++ < WARNINGS_MAX;
}

static void copy_block_name(char *block, const char *name)
{
	snprintf(block, BLOCK_NAME_SIZE, "%.*s", BLOCK_NAME_SIZE - 1, name);
}

static void skip(struct builder *b, struct gpa gpa, uint64_t size_bytes,
		 const char *block, enum map_skip reason)
{
	struct map_skipped *s;

	b->skipped = xreallocarray(b->skipped, b->n_skipped + 1,
				   sizeof(b->skipped[0]));
	s = &b->skipped[b->n_skipped++];
	s->gpa = gpa;
	s->size_bytes = size_bytes;
	s->skip = reason;
	copy_block_name(s->block, block);
}

/* QEMU 8 and later say where a block begins: one more witness. */
static void cross_check(struct builder *b, const struct map_piece *piece,
			uint64_t offset)
{
	const struct qmp_ramblock *block =
		map_facts_block(&b->facts, piece->block);

	if (!block || !block->has_hva)
		return;
	if (block->hva.v + offset == piece->hva.v &&
	    offset < block->total_bytes &&
	    piece->size_bytes <= block->total_bytes - offset)
		return;
	if (!may_warn(b))
		return;
	log_warning("map",
		    "pid %d: block %s at guest address 0x%" PRIx64
		    " is at 0x%" PRIx64 " by gpa2hva and 0x%" PRIx64
		    " by ramblock; going on with gpa2hva",
		    (int)b->identity->pid, piece->block, piece->gpa.v,
		    piece->hva.v, block->hva.v + offset);
}

/* What the kernel says of a mapped file, or, where we lack the right to ask,
 * what its name and QEMU say. -ENOTSUP: on a disk, or not to be told. */
static int file_backing(const struct builder *b, const struct maps_cover *cover,
			const char *name, struct region *region)
{
	const struct sys *sys = b->asker.sys;
	const struct qmp_ramblock *block = map_facts_block(&b->facts, name);
	struct backing backing;
	int err = sys->ops->backing(sys->self, b->identity->pid,
				    cover->first_start, cover->first_end,
				    &backing);

	if (err) {
		backing.page_bytes = block ? block->page_bytes : PAGE_4K_BYTES;
		backing.is_hugetlb = backing.page_bytes > PAGE_4K_BYTES;
		backing.is_shmem =
			cover->kind == MAPS_ANON || cover->kind == MAPS_MEMFD;
		if (cover->kind == MAPS_HUGETLB && !backing.is_hugetlb)
			return -ENOTSUP;
	}
	region->page_bytes = backing.page_bytes;
	if (backing.is_hugetlb)
		region->backing = BACKING_HUGETLB;
	else if (backing.is_shmem)
		region->backing = BACKING_MEMFD;
	else
		return -ENOTSUP;
	return 0;
}

/* Ask /proc about one piece; a region comes of it, or an entry of skipped. */
static void confirm(struct builder *b, const struct map_piece *piece, int cell)
{
	struct region region = {
		.gpa = piece->gpa,
		.size_bytes = piece->size_bytes,
		.hva = piece->hva,
		.page_bytes = PAGE_4K_BYTES,
		.backing = BACKING_ANON,
		.cell = cell,
	};
	struct maps_cover cover;
	struct why why = { "" };

	if (maps_cover(b->maps, piece->hva, piece->size_bytes, &cover, &why)) {
		if (may_warn(b))
			log_warning("map",
				    "pid %d: %" PRIu64
				    " bytes of block %s are left "
				    "alone: %s",
				    (int)b->identity->pid, piece->size_bytes,
				    piece->block, why.text);
		skip(b, piece->gpa, piece->size_bytes, piece->block,
		     MAP_SKIP_REFUSED);
		return;
	}
	region.is_shared = cover.is_shared;
	if ((cover.kind != MAPS_ANON || cover.is_shared) &&
	    file_backing(b, &cover, piece->block, &region)) {
		skip(b, piece->gpa, piece->size_bytes, piece->block,
		     MAP_SKIP_FILE);
		return;
	}
	copy_block_name(region.block, piece->block);
	b->regions = xreallocarray(b->regions, b->n_regions + 1,
				   sizeof(b->regions[0]));
	b->regions[b->n_regions++] = region;
}

/* The cell of a piece and how far it reaches. -ENOENT: nothing says it. */
static int find_cell(const struct builder *b, const char *block,
		     uint64_t offset, int *ret_cell, uint64_t *ret_left_bytes)
{
	const struct qmp_memory_device *device =
		map_facts_device(&b->facts, block);

	if (!device)
		return cell_layout_find(&b->facts.layout, block, offset,
					ret_cell, ret_left_bytes);
	*ret_cell = device->cell >= 0 ? device->cell : 0;
	*ret_left_bytes = UINT64_MAX;
	return 0;
}

/* A piece, cut where a cell ends: old machines keep all cells in one block.
 * offset: of the piece in its block. */
static int take_piece(struct builder *b, const struct map_piece *piece,
		      uint64_t offset, struct why *why)
{
	struct map_piece part = *piece;
	uint64_t left = piece->size_bytes;

	cross_check(b, piece, offset);
	while (left > 0) {
		uint64_t cell_left;
		int cell;
		int err = map_asker_check(&b->asker, why);

		if (err)
			return err;
		if (find_cell(b, part.block, offset, &cell, &cell_left)) {
			if (may_warn(b))
				log_warning(
					"map",
					"pid %d: nothing says to which guest cell "
					"block %s belongs; it is left alone",
					(int)b->identity->pid, part.block);
			skip(b, part.gpa, left, part.block, MAP_SKIP_CELL);
			return 0;
		}
		part.size_bytes = u64_min(left, cell_left);
		confirm(b, &part, cell);
		part.gpa.v += part.size_bytes;
		part.hva.v += part.size_bytes;
		offset += part.size_bytes;
		left -= part.size_bytes;
	}
	return 0;
}

static int changed(uint64_t gpa, struct why *why)
{
	why_set(why,
		"the memory at guest address 0x%" PRIx64
		" changed while it was mapped",
		gpa);
	return -EAGAIN;
}

/* Part of a range. may_have_holes: memory that comes and goes by blocks. */
static int take_run(struct builder *b, const struct qmp_range *range,
		    uint64_t gpa, uint64_t end, bool may_have_holes,
		    struct why *why)
{
	const char *block = map_block_name(range->name);
	struct map_pieces pieces = { 0 };
	uint64_t found_bytes = 0;
	int err = map_probe(&b->asker, (struct gpa) { gpa }, end - gpa, &pieces,
			    why);

	for (size_t i = 0; !err && i < pieces.n; i++) {
		const struct map_piece *p = &pieces.pieces[i];

		found_bytes += p->size_bytes;
		if (strcmp(p->block, block) != 0)
			err = changed(p->gpa.v, why);
		else
			err = take_piece(b, p,
					 range->offset +
						 (p->gpa.v - range->start.v),
					 why);
	}
	if (!err && found_bytes != end - gpa && !may_have_holes)
		err = changed(gpa, why);
	free(pieces.pieces);
	return err;
}

/* One range of the flat view, whatever it is. */
static int take_range(struct builder *b, const struct qmp_range *range,
		      struct why *why)
{
	const char *block = map_block_name(range->name);
	const struct qmp_memory_device *device =
		map_facts_device(&b->facts, block);
	bool is_growing = device && device->kind == QMP_VIRTIO_MEM;
	uint64_t start = range->start.v;
	uint64_t end = start + range->size_bytes;
	int err = 0;

	if (range->kind == QMP_RANGE_NV_RAM ||
	    (device &&
	     (device->kind == QMP_NVDIMM || device->kind == QMP_VIRTIO_PMEM))) {
		skip(b, range->start, range->size_bytes, block,
		     MAP_SKIP_DEVICE);
		return 0;
	}
	if (range->kind != QMP_RANGE_RAM ||
	    !map_facts_is_memory(&b->facts, block))
		return 0;
	if (is_growing) {
		start = u64_max(start, device->start.v);
		end = u64_min(end, device->start.v + device->max_bytes);
	}
	if (start < u64_min(end, LEGACY_START))
		err = take_run(b, range, start, u64_min(end, LEGACY_START),
			       is_growing, why);
	start = u64_max(start, LEGACY_END);
	if (!err && start < end)
		err = take_run(b, range, start, end, is_growing, why);
	return err;
}

static int read_maps(struct builder *b, struct why *why)
{
	char path[64];
	size_t len;
	int err;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)b->identity->pid);
	err = read_all_file(b->asker.sys, path, MAPS_TEXT_MAX, &b->maps, &len);
	if (!err && len == 0)
		err = -ESRCH; /* what the kernel gives of a zombie */
	if (err)
		why_set(why, "cannot read %s: %s", path, strerror(-err));
	return err;
}

/* Part of a whole block that was inferred, given by where it begins and ends in
 * the guest. */
static int take_inferred_part(struct builder *b, const struct map_piece *block,
			      uint64_t start, uint64_t end, struct why *why)
{
	struct map_piece part = *block;
	uint64_t offset;

	start = u64_max(start, block->gpa.v);
	end = u64_min(end, block->gpa.v + block->size_bytes);
	if (start >= end)
		return 0;
	offset = start - block->gpa.v;
	part.gpa.v += offset;
	part.hva.v += offset;
	part.size_bytes = end - start;
	return take_piece(b, &part, offset, why);
}

/* Without a monitor: the same pieces by inference. */
static int build_inferred(struct builder *b, struct why *why)
{
	struct map_pieces blocks = { 0 };
	int err = read_maps(b, why);

	if (!err)
		err = map_facts_infer(b->asker.sys, b->identity, b->maps,
				      &b->facts, &blocks, why);
	for (size_t i = 0; !err && i < blocks.n; i++) {
		err = take_inferred_part(b, &blocks.pieces[i], 0, LEGACY_START,
					 why);
		if (!err)
			err = take_inferred_part(b, &blocks.pieces[i],
						 LEGACY_END, UINT64_MAX, why);
	}
	free(blocks.pieces);
	return err;
}

static int build_asked(struct builder *b, struct why *why)
{
	int err = map_facts_ask(&b->asker, b->identity, &b->facts, why);

	if (!err)
		err = read_maps(b, why);
	for (size_t i = 0; !err && i < b->facts.ranges.n; i++)
		err = take_range(b, &b->facts.ranges.ranges[i], why);
	return err;
}

static int build(struct builder *b, struct why *why)
{
	int err =
		b->asker.monitor ? build_asked(b, why) : build_inferred(b, why);

	if (!err && b->n_regions == 0) {
		why_set(why, "no memory of the guest can be moved: %s",
			b->n_skipped ? map_skip_text(b->skipped[0].skip)
				     : "QEMU names none");
		err = -EINVAL;
	}
	return err;
}

/* vCPUs of a guest without vNUMA are those of its only cell. */
static void take_cpus(struct builder *b, struct qmp_cpus *ret_cpus)
{
	*ret_cpus = b->facts.cpus;
	memset(&b->facts.cpus, 0, sizeof(b->facts.cpus));
	for (size_t i = 0; i < ret_cpus->n; i++)
		if (ret_cpus->cpus[i].cell < 0)
			ret_cpus->cpus[i].cell = 0;
}

static void builder_finish(struct builder *b)
{
	map_facts_finish(&b->facts);
	free(b->maps);
	free(b->regions);
	free(b->skipped);
}

static int gone(const struct identity *identity, struct why *why)
{
	why_set(why, "process %d is gone", (int)identity->pid);
	return -ESRCH;
}

int map_build(const struct sys *sys, const struct identity *identity,
	      struct monitor *monitor, uint64_t deadline_ns,
	      struct map_result *ret_result, struct why *why)
{
	struct builder b = {
		.asker = { sys, monitor, deadline_ns, 0 },
		.identity = identity,
	};
	struct map_result result = { 0 };
	int err;

	if (identity_check(sys, identity))
		return gone(identity, why);
	err = build(&b, why);
	/* The pid in every path above meant this process if it still lives. */
	if (identity_check(sys, identity))
		err = gone(identity, why);
	if (!err)
		err = guest_map_build(b.regions, b.n_regions, &result.map, why);
	if (!err) {
		take_cpus(&b, &result.cpus);
		result.skipped = b.skipped;
		result.n_skipped = b.n_skipped;
		b.skipped = NULL;
		result.n_questions = b.asker.n_asked;
		result.is_inferred = monitor == NULL;
		result.devices = run_state_devices(&b.facts.devices);
		snprintf(result.qemu_version, sizeof(result.qemu_version),
			 "%u.%u.%u", b.facts.version.major,
			 b.facts.version.minor, b.facts.version.micro);
		*ret_result = result;
	}
	builder_finish(&b);
	return err;
}

void map_result_finish(struct map_result *result)
{
	guest_map_unref(result->map);
	qmp_cpus_finish(&result->cpus);
	free(result->skipped);
	memset(result, 0, sizeof(*result));
}

const char *map_skip_text(enum map_skip skip)
{
	switch (skip) {
	case MAP_SKIP_DEVICE:
		return "it is persistent memory";
	case MAP_SKIP_FILE:
		return "it is a file, maybe on a disk";
	case MAP_SKIP_CELL:
		return "nothing says to which guest cell it belongs";
	case MAP_SKIP_REFUSED:
		return "/proc/PID/maps does not show it as guest memory";
	}
	return "unknown";
}
