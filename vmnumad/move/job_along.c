/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Huge pages that several regions of the map have a part of: below 1 MiB the
 * guest's memory has holes, and what lies around them is one page in QEMU. Such
 * a page moves whole, whichever part asked for it. The other parts are found
 * where they are wanted later in the walk; here it is remembered that this job
 * brought them there. Called by job_take.c and job_settle.c with the job's lock
 * held.
 */
#include "move/job_state.h"
#include "xalloc.h"

/* The part of a page that a region has; false: none. */
static bool find_part(const struct region *region, struct hva page,
		      uint64_t page_bytes, struct along *ret_part)
{
	uint64_t start = u64_max(page.v, region->hva.v);
	uint64_t end = u64_min(page.v + page_bytes,
			       region->hva.v + region->size_bytes);

	if (start >= end)
		return false;
	*ret_part = (struct along) { .region = region,
				     .at = { start },
				     .bytes = end - start };
	return true;
}

static void drop(struct job *job, size_t i)
{
	job->along_bytes -= job->alongs[i].bytes;
	job->alongs[i] = job->alongs[--job->n_alongs];
}

/* Was this part noted? Then it is no more. */
static bool take_note(struct job *job, const struct along *part)
{
	for (size_t i = 0; i < job->n_alongs; i++) {
		if (job->alongs[i].region != part->region ||
		    job->alongs[i].at.v != part->at.v)
			continue;
		drop(job, i);
		return true;
	}
	return false;
}

static void note(struct job *job, const struct along *part)
{
	take_note(job, part); /* of an earlier move */
	if (job->n_alongs == job->cap_alongs) {
		job->cap_alongs = job->cap_alongs ? job->cap_alongs * 2 : 4;
		job->alongs = xreallocarray(job->alongs, job->cap_alongs,
					    sizeof(*job->alongs));
	}
	job->alongs[job->n_alongs++] = *part;
	job->along_bytes += part->bytes;
}

void job_note_along(struct job *job, const struct region *region,
		    const struct folio *folio)
{
	uint64_t page_bytes = folio_span_bytes(region, folio);
	struct hva page = { addr_down(folio->at.v, page_bytes) };
	struct along part;

	if (folio->pages * PAGE_4K_BYTES == page_bytes)
		return; /* all of it is this region's */
	/* Noted already: a call for another part moved the page, this one found
	 * it where it was wanted. */
	if (find_part(region, page, page_bytes, &part) && take_note(job, &part))
		return;
	for (size_t i = 0; i < job->map->n_regions; i++) {
		const struct region *other = &job->map->regions[i];

		if (other == region || !job_find_cell(job, other->cell) ||
		    !find_part(other, page, page_bytes, &part))
			continue;
		part.from = folio->node;
		part.to = folio->to;
		note(job, &part);
	}
}

/* Bytes of a part that the window shows at its new place. */
static uint64_t arrived_bytes(const struct scan_window *window,
			      const struct along *part, bool *ret_is_seen)
{
	uint64_t bytes = 0;

	*ret_is_seen = false;
	for (size_t i = 0; i < window->n_folios; i++) {
		const struct folio *folio = &window->folios[i];

		if (folio->at.v < part->at.v ||
		    folio->at.v >= part->at.v + part->bytes)
			continue;
		*ret_is_seen = true;
		if (folio->node == part->to)
			bytes += folio->pages * PAGE_4K_BYTES;
	}
	return bytes;
}

/* The walk has met a part that came along. */
static void book(struct job *job, const struct along *part, uint64_t bytes)
{
	struct cell_count *cell = job_find_cell(job, part->region->cell);

	if (job->pass == 0) { /* before, it was where the page came from */
		cell->before_bytes[part->to] -= bytes;
		cell->before_bytes[part->from] += bytes;
	}
	if (!node_mask_has(cell->home, part->to))
		return;
	job->all_moved_bytes += bytes;
	job_book_route(job, cell->cell, part->from, part->to, bytes, true);
}

void job_book_along(struct job *job)
{
	const struct scan_window *window = &job->window;

	for (size_t i = 0; i < job->n_alongs;) {
		struct along part = job->alongs[i];
		bool is_seen = false;
		uint64_t bytes = 0;

		if (part.region == window->region)
			bytes = arrived_bytes(window, &part, &is_seen);
		if (!is_seen) {
			i++;
			continue;
		}
		drop(job, i);
		if (bytes > 0)
			book(job, &part, bytes);
	}
}

bool job_take_along(struct job *job, const struct folio *folio)
{
	const struct region *region = job->window.region;

	for (size_t i = 0; i < job->n_alongs; i++) {
		const struct along *part = &job->alongs[i];

		if (part->region != region || part->at.v != folio->at.v ||
		    part->bytes != folio->pages * PAGE_4K_BYTES ||
		    part->from != folio->node || part->to != folio->to)
			continue;
		job_book_moved(job, region->cell, part->bytes, part->from,
			       part->to, RESIDUE_UNTRIED);
		drop(job, i);
		return true;
	}
	return false;
}

bool job_is_others(const struct job *job, const struct region *region,
		   const struct folio *folio)
{
	uint64_t page_bytes = folio_span_bytes(region, folio);
	struct hva page = { addr_down(folio->at.v, page_bytes) };
	uint64_t cell_bytes[GUEST_CELLS_MAX] = { 0 };
	struct along part;
	int most = 0;

	if (folio->pages * PAGE_4K_BYTES == page_bytes)
		return false;
	for (size_t i = 0; i < job->map->n_regions; i++)
		if (find_part(&job->map->regions[i], page, page_bytes, &part))
			cell_bytes[part.region->cell] += part.bytes;
	for (int cell = 1; cell < GUEST_CELLS_MAX; cell++)
		if (cell_bytes[cell] > cell_bytes[most])
			most = cell;
	return most != region->cell;
}
