/* SPDX-License-Identifier: Apache-2.0 */
/* Counting by scanning; see measure.h. Called by guest/guest.c. */
#include "move/measure.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "move/scan.h"
#include "xalloc.h"

static void init_cells(struct measure *measure, const struct guest_map *map)
{
	int n = guest_map_n_cells(map);

	measure->cells = xcalloc((size_t)n, sizeof(*measure->cells));
	for (int cell = 0; cell < n; cell++) {
		uint64_t bytes = guest_map_cell_bytes(map, cell);

		if (bytes == 0)
			continue;
		measure->cells[measure->n_cells++] = (struct measure_cell) {
			.cell = cell,
			.size_bytes = bytes,
		};
	}
}

/* Equal slots of whole 2 MiB blocks; a region begins a new one. */
static void init_slots(struct measure *measure, const struct guest_map *map)
{
	uint64_t slot_bytes = map->total_bytes / (MEASURE_SLOTS_MAX / 2);
	size_t room = MEASURE_SLOTS_MAX;

	slot_bytes = addr_down(slot_bytes, PAGE_2M_BYTES) + PAGE_2M_BYTES;
	measure->slots = xcalloc(room, sizeof(*measure->slots));
	for (size_t i = 0; i < map->n_regions; i++) {
		const struct region *region = &map->regions[i];
		uint64_t at = 0;

		while (at < region->size_bytes && measure->n_slots < room) {
			uint64_t left = region->size_bytes - at;
			bool is_last_slot = measure->n_slots + 1 == room;
			uint64_t size =
				is_last_slot ? left : u64_min(left, slot_bytes);

			measure->slots[measure->n_slots++] =
				(struct measure_slot) {
					.gpa = { region->gpa.v + at },
					.size_bytes = size,
				};
			at += size;
		}
	}
}

static struct measure_slot *find_slot(struct measure *measure, uint64_t gpa)
{
	size_t low = 0, high = measure->n_slots;

	while (low + 1 < high) {
		size_t middle = low + (high - low) / 2;

		if (measure->slots[middle].gpa.v <= gpa)
			low = middle;
		else
			high = middle;
	}
	return &measure->slots[low];
}

static void add_to_cell(struct measure *measure,
			const struct scan_window *window)
{
	for (size_t i = 0; i < measure->n_cells; i++) {
		if (measure->cells[i].cell != window->region->cell)
			continue;
		for (int node = 0; node < NODES_MAX; node++)
			measure->cells[i].node_bytes[node] +=
				window->node_bytes[node];
		return;
	}
}

/* A huge page may reach over several slots. */
static void add_to_slot(struct measure *measure, uint64_t gpa, uint64_t bytes,
			int node)
{
	struct measure_slot *slot = find_slot(measure, gpa);
	const struct measure_slot *last = &measure->slots[measure->n_slots - 1];

	while (slot < last && gpa + bytes > slot[1].gpa.v) {
		uint64_t part = slot[1].gpa.v - gpa;

		slot->node_bytes[node] += part;
		bytes -= part;
		gpa += part;
		slot++;
	}
	slot->node_bytes[node] += bytes;
}

static void add_to_slots(struct measure *measure,
			 const struct scan_window *window)
{
	const struct region *region = window->region;

	for (size_t i = 0; i < window->n_folios; i++) {
		const struct folio *folio = &window->folios[i];
		uint64_t gpa = region->gpa.v + (folio->at.v - region->hva.v);

		add_to_slot(measure, gpa, folio->pages * PAGE_4K_BYTES,
			    folio->node);
	}
}

int measure_guest(const struct sys *sys, const struct identity *identity,
		  const struct guest_map *map, struct measure_ask ask,
		  struct measure *ret_measure)
{
	uint64_t start_ns = sys->ops->now_ns(sys->self);
	struct measure measure = { 0 };
	struct scan_cursor cursor = { .window_bytes = WINDOW_BYTES_MAX };
	struct scan_window window;
	struct scan scan;
	int got;

	init_cells(&measure, map);
	if (ask.with_slots)
		init_slots(&measure, map);
	scan_init(&scan, sys, identity->pid);
	scan.is_sampling = !ask.is_exact;
	scan.round = ask.round;
	while ((got = scan_next(&scan, map, &cursor, &window)) > 0) {
		add_to_cell(&measure, &window);
		if (ask.with_slots)
			add_to_slots(&measure, &window);
	}
	measure.queried_pages = scan.queried_pages;
	scan_finish(&scan);
	if (got == 0)
		got = identity_poll(sys, identity);
	if (got < 0) {
		measure_finish(&measure);
		return got;
	}
	measure.start_ns = start_ns;
	measure.took_ns = sys->ops->now_ns(sys->self) - start_ns;
	*ret_measure = measure;
	return 0;
}

void measure_finish(struct measure *measure)
{
	free(measure->cells);
	free(measure->slots);
	*measure = (struct measure) { 0 };
}
