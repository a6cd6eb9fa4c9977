/* SPDX-License-Identifier: Apache-2.0 */
/* Questions under a budget, and bisection. See map_probe.h. */
#include "guest/map_probe.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "qmp/text.h"
#include "sys.h"
#include "xalloc.h"

/* Where one page of the guest is. */
struct page {
	struct gpa gpa; /* the page */
	struct qmp_gpa2hva at; /* QEMU's answer for it */
};

int map_asker_check(const struct map_asker *asker, struct why *why)
{
	uint64_t now_ns = asker->sys->ops->now_ns(asker->sys->self);

	if (now_ns < asker->deadline_ns)
		return 0;
	why_set(why,
		"QEMU took too long, %u questions in all, to say where "
		"its memory is",
		asker->n_asked);
	return -ETIMEDOUT;
}

int map_ask(struct map_asker *asker, const struct qmp_command *command,
	    struct qmp_value **ret_value, struct why *why)
{
	int err = map_asker_check(asker, why);

	if (err)
		return err;
	if (asker->n_asked == MAP_QUESTIONS_MAX) {
		why_set(why,
			"the guest's memory is in too many pieces: more "
			"than %d questions",
			MAP_QUESTIONS_MAX);
		return -E2BIG;
	}
	asker->n_asked++;
	return asker->monitor->ops->ask(asker->monitor->self, command,
					ret_value, why);
}

const char *map_block_name(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash ? slash + 1 : name;
}

static int ask_page(struct map_asker *asker, uint64_t gpa,
		    struct page *ret_page, struct why *why)
{
	const struct qmp_command command = { QMP_HMP_GPA2HVA, { gpa } };
	struct page page = { .gpa = { gpa } };
	struct qmp_value *value;
	const char *text;
	size_t len;
	int err = map_ask(asker, &command, &value, why);

	if (err)
		return err;
	err = qmp_parse_hmp(value, &text, &len, why);
	if (!err)
		err = qmp_text_gpa2hva(text, len, page.gpa, &page.at, why);
	qmp_value_free(value);
	if (!err)
		*ret_page = page;
	return err;
}

static bool is_one_piece(const struct page *first, const struct page *last)
{
	return first->at.mapped == QMP_MAPPED &&
	       last->at.mapped == QMP_MAPPED &&
	       strcmp(first->at.name, last->at.name) == 0 &&
	       last->at.hva.v - first->at.hva.v == last->gpa.v - first->gpa.v;
}

static void add_piece(struct map_pieces *pieces, const struct page *first,
		      const struct page *last)
{
	struct map_piece *p;

	if (first->at.mapped != QMP_MAPPED)
		return;
	pieces->pieces = xreallocarray(pieces->pieces, pieces->n + 1,
				       sizeof(pieces->pieces[0]));
	p = &pieces->pieces[pieces->n++];
	p->gpa = first->gpa;
	p->hva = first->at.hva;
	p->size_bytes = last->gpa.v - first->gpa.v + PAGE_4K_BYTES;
	strcpy(p->block, map_block_name(first->at.name));
}

/* Halves until each half is one piece or one page: at most 40 deep, as
 * addresses have 52 bits. Two holes at both ends are taken for one hole. */
static int bisect(struct map_asker *asker, const struct page *first,
		  const struct page *last, struct map_pieces *pieces,
		  struct why *why)
{
	uint64_t n_pages = (last->gpa.v - first->gpa.v) / PAGE_4K_BYTES + 1;
	uint64_t middle = first->gpa.v + n_pages / 2 * PAGE_4K_BYTES;
	struct page below;
	struct page above;
	int err;

	if (n_pages == 1 || is_one_piece(first, last)) {
		add_piece(pieces, first, last);
		return 0;
	}
	if (first->at.mapped != QMP_MAPPED && last->at.mapped != QMP_MAPPED)
		return 0;
	if (n_pages == 2) {
		add_piece(pieces, first, first);
		add_piece(pieces, last, last);
		return 0;
	}
	err = ask_page(asker, middle - PAGE_4K_BYTES, &below, why);
	if (!err)
		err = ask_page(asker, middle, &above, why);
	if (!err)
		err = bisect(asker, first, &below, pieces, why);
	if (!err)
		err = bisect(asker, &above, last, pieces, why);
	return err;
}

int map_probe(struct map_asker *asker, struct gpa gpa, uint64_t size_bytes,
	      struct map_pieces *pieces, struct why *why)
{
	struct page first;
	struct page last;
	int err = ask_page(asker, gpa.v, &first, why);

	if (!err)
		err = ask_page(asker, gpa.v + size_bytes - PAGE_4K_BYTES, &last,
			       why);
	if (!err)
		err = bisect(asker, &first, &last, pieces, why);
	return err;
}
