/* SPDX-License-Identifier: Apache-2.0 */
/* Residue by guest-physical range; see ledger.h. Called by job.c. */
#include "move/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

void ledger_init(struct ledger *ledger)
{
	*ledger = (struct ledger) { 0 };
}

void ledger_finish(struct ledger *ledger)
{
	free(ledger->ranges);
	*ledger = (struct ledger) { 0 };
}

static uint64_t range_end(const struct ledger_range *range)
{
	return range->gpa.v + range->size_bytes;
}

/* Index of the first range that ends after gpa. */
static size_t first_after(const struct ledger *ledger, uint64_t gpa)
{
	size_t low = 0, high = ledger->n_ranges;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (range_end(&ledger->ranges[middle]) > gpa)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

const struct ledger_range *ledger_find(const struct ledger *ledger,
				       struct gpa gpa)
{
	size_t i = first_after(ledger, gpa.v);

	if (i == ledger->n_ranges || ledger->ranges[i].gpa.v > gpa.v)
		return NULL;
	return &ledger->ranges[i];
}

static void insert_at(struct ledger *ledger, size_t i,
		      const struct ledger_range *range)
{
	if (ledger->n_ranges == LEDGER_RANGES_MAX) {
		ledger->unlisted_bytes += range->size_bytes;
		return;
	}
	if (ledger->n_ranges == ledger->cap_ranges) {
		ledger->cap_ranges =
			ledger->cap_ranges ? ledger->cap_ranges * 2 : 16;
		ledger->ranges =
			xreallocarray(ledger->ranges, ledger->cap_ranges,
				      sizeof(*ledger->ranges));
	}
	memmove(&ledger->ranges[i + 1], &ledger->ranges[i],
		(ledger->n_ranges - i) * sizeof(*ledger->ranges));
	ledger->ranges[i] = *range;
	ledger->n_ranges++;
}

static void remove_at(struct ledger *ledger, size_t i)
{
	ledger->n_ranges--;
	memmove(&ledger->ranges[i], &ledger->ranges[i + 1],
		(ledger->n_ranges - i) * sizeof(*ledger->ranges));
}

void ledger_forget(struct ledger *ledger, struct gpa gpa, uint64_t size_bytes)
{
	uint64_t end = gpa.v + size_bytes;
	size_t i = first_after(ledger, gpa.v);

	while (i < ledger->n_ranges && ledger->ranges[i].gpa.v < end) {
		struct ledger_range old = ledger->ranges[i];
		struct ledger_range tail = old;

		remove_at(ledger, i);
		if (old.gpa.v < gpa.v) {
			old.size_bytes = gpa.v - old.gpa.v;
			insert_at(ledger, i++, &old);
		}
		if (range_end(&tail) > end) {
			tail.size_bytes = range_end(&tail) - end;
			tail.gpa.v = end;
			insert_at(ledger, i, &tail);
			return;
		}
	}
}

void ledger_keep(struct ledger *ledger, const struct guest_map *map)
{
	uint64_t end = 0;

	for (size_t i = 0; i < map->n_regions; i++) {
		const struct region *region = &map->regions[i];

		ledger_forget(ledger, (struct gpa) { end },
			      region->gpa.v - end);
		end = region->gpa.v + region->size_bytes;
	}
	ledger_forget(ledger, (struct gpa) { end }, UINT64_MAX - end);
}

/* True when b continues a. */
static bool continues(const struct ledger_range *a,
		      const struct ledger_range *b)
{
	return range_end(a) == b->gpa.v && a->residue == b->residue &&
	       a->cell == b->cell;
}

void ledger_note(struct ledger *ledger, const struct ledger_range *range)
{
	struct ledger_range *ranges;
	size_t i;

	ledger_forget(ledger, range->gpa, range->size_bytes);
	i = first_after(ledger, range->gpa.v);
	ranges = ledger->ranges;
	if (i > 0 && continues(&ranges[i - 1], range)) {
		ranges[i - 1].size_bytes += range->size_bytes;
		if (i < ledger->n_ranges &&
		    continues(&ranges[i - 1], &ranges[i])) {
			ranges[i - 1].size_bytes += ranges[i].size_bytes;
			remove_at(ledger, i);
		}
	} else if (i < ledger->n_ranges && continues(range, &ranges[i])) {
		ranges[i].gpa = range->gpa;
		ranges[i].size_bytes += range->size_bytes;
	} else {
		insert_at(ledger, i, range);
	}
}

void ledger_copy(const struct ledger *from, struct ledger *ret_to)
{
	struct ledger to = *from;

	to.cap_ranges = from->n_ranges;
	to.ranges = NULL;
	if (from->n_ranges > 0) {
		to.ranges = xcalloc(from->n_ranges, sizeof(*to.ranges));
		memcpy(to.ranges, from->ranges,
		       from->n_ranges * sizeof(*to.ranges));
	}
	*ret_to = to;
}
