/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of a guest object in words.
 */
#include "ctl/guest.h"

#include <stdio.h>
#include <stdlib.h>

#include "ctl/field.h"
#include "ctl/text.h"
#include "xalloc.h"

/* A text that grows. */
struct words {
	FILE *out; /* write here */
	char *text; /* the result after words_end() */
	size_t size; /* stdio's */
	unsigned int n; /* items so far */
};

static void words_begin(struct words *words)
{
	*words = (struct words) { 0 };
	words->out = open_memstream(&words->text, &words->size);
	if (!words->out)
		abort(); /* for want of memory only */
}

static void words_next(struct words *words)
{
	if (words->n++)
		fputs(", ", words->out);
}

static char *words_end(struct words *words, const char *when_empty)
{
	if (!words->n)
		fputs(when_empty, words->out);
	fclose(words->out);
	return words->text;
}

char *guest_vcpus(struct json_object *guest)
{
	unsigned int on[NODES_MAX] = { 0 };
	unsigned int unknown = 0;
	struct words words;

	for (size_t i = 0; i < field_count(guest, "vcpus"); i++) {
		uint64_t node = field_u64(field_at(guest, "vcpus", i), "node",
					  NODES_MAX);

		if (node < NODES_MAX)
			on[node]++;
		else
			unknown++;
	}
	words_begin(&words);
	for (int node = 0; node < NODES_MAX; node++) {
		if (!on[node])
			continue;
		words_next(&words);
		fprintf(words.out, "%u on %d", on[node], node);
	}
	if (unknown) {
		words_next(&words);
		fprintf(words.out, "%u on ?", unknown);
	}
	return words_end(&words, "-");
}

static char *bytes_words(const struct field_nodes *nodes)
{
	struct words words;

	words_begin(&words);
	node_each (node, nodes->present) {
		if (!nodes->bytes[node])
			continue;
		words_next(&words);
		fprintf(words.out, "%d: %s", node,
			text_size(nodes->bytes[node]).s);
	}
	return words_end(&words, "-");
}

char *guest_node_bytes(struct json_object *object)
{
	struct field_nodes nodes;

	field_node_bytes(object, "node_bytes", &nodes);
	return bytes_words(&nodes);
}

char *guest_memory(struct json_object *guest)
{
	struct field_nodes sum = { 0 };

	for (size_t i = 0; i < field_count(guest, "cells"); i++) {
		struct field_nodes cell;

		field_node_bytes(field_at(guest, "cells", i), "node_bytes",
				 &cell);
		sum.present.bits |= cell.present.bits;
		node_each (node, cell.present)
			sum.bytes[node] += cell.bytes[node];
	}
	return bytes_words(&sum);
}

char *guest_home(struct json_object *cell)
{
	size_t n = field_count(cell, "home");
	double sum = 0;
	struct words words;

	for (size_t i = 0; i < n; i++)
		sum += field_double(field_at(cell, "home", i), "weight", 0);
	words_begin(&words);
	for (size_t i = 0; i < n; i++) {
		struct json_object *part = field_at(cell, "home", i);
		double weight = field_double(part, "weight", 0);
		uint64_t node = field_u64(part, "node", NODES_MAX);

		if (!(weight > 0) || node >= NODES_MAX)
			continue;
		words_next(&words);
		fprintf(words.out, "node %d", (int)node);
		if (weight < sum)
			fprintf(words.out, " (%s)", text_share(weight / sum).s);
	}
	return words_end(&words, "not known yet");
}

char *guest_job(struct json_object *guest)
{
	struct json_object *job = field_object(guest, "job");
	uint64_t number =
		job ? field_u64(job, "job", 0) : field_u64(guest, "job", 0);

	return number ? xasprintf("%llu", (unsigned long long)number)
		      : xstrdup("-");
}

void guest_print_problem(struct json_object *guest)
{
	const char *problem = field_text(guest, "problem", "");
	autofree char *clean = text_clean(problem);

	if (*problem)
		printf("Where its memory lies is not known: %s.\n", clean);
}
