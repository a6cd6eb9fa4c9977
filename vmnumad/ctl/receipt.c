/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job in words. The first line is the whole story for somebody in a hurry;
 * the tables below are for somebody who wonders.
 */
#include "ctl/receipt.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "ctl/field.h"
#include "ctl/table.h"
#include "ctl/text.h"
#include "ctl/verb.h"

/* Members of a job that several sentences need. */
struct job_words {
	struct text_name guest; /* its name */
	struct text planned; /* bytes planned */
	struct text moved; /* bytes moved */
	struct text left; /* bytes not moved */
	struct text took; /* how long it took */
	struct text before; /* locality before */
	struct text after; /* locality after */
};

static const struct {
	const char *class;
	const char *meaning;
} residue_meanings[] = {
	{ "absent", "never used by the guest, or swapped out" },
	{ "busy", "in use by the kernel each time; try again later" },
	{ "pinned", "held by a device or the kernel for long" },
	{ "shared", "another process has it too, or KSM merged it" },
	{ "nomem", "no room, or no free huge page, on the target node" },
	{ "cpuset",
	  "the guest's cpuset forbids the target node; see --rehome" },
	{ "denied",
	  "the kernel refuses vmnumad this process: a right is missing" },
	{ "unmovable", "confidential, device or file memory: stays" },
	{ "gone", "the guest ended" },
	{ "untried", "the job ended before its turn" },
	{ "unseen", "the job ended before it had looked there" },
};

static const char *residue_meaning(const char *class)
{
	for (size_t i = 0;
	     i < sizeof(residue_meanings) / sizeof(residue_meanings[0]); i++) {
		if (strcmp(residue_meanings[i].class, class) == 0)
			return residue_meanings[i].meaning;
	}
	return "";
}

static struct job_words words_of(struct json_object *job)
{
	struct job_words words = {
		.guest = text_name(field_text(job, "guest", "?")),
		.planned = text_size(field_u64(job, "bytes_planned", 0)),
		.moved = text_size(field_u64(job, "bytes_moved", 0)),
		.left = text_size(field_u64(job, "bytes_left", 0)),
		.took = text_duration(field_double(job, "seconds", -1)),
		.before = text_share(field_double(job, "locality_before", -1)),
		.after = text_share(field_double(job, "locality_after", -1)),
	};

	return words;
}

static void reason_print(struct json_object *job)
{
	const char *reason = field_text(job, "why", "");
	char *clean = text_clean(reason);

	if (*clean)
		printf(": %s", clean);
	free(clean);
	puts(".");
}

static void nothing_print(struct json_object *job, const struct job_words *w)
{
	printf("%s: nothing to move", w->guest.s);
	if (field_has(job, "locality_before"))
		printf("; %s of its memory is local", w->before.s);
	puts(".");
}

static void done_print(struct json_object *job, const struct job_words *w)
{
	if (field_u64(job, "bytes_moved", 0) == 0) {
		nothing_print(job, w);
		return;
	}
	printf("%s: moved %s in %s", w->guest.s, w->moved.s, w->took.s);
	if (field_has(job, "locality_after"))
		printf("; %s of its memory is local now, %s before", w->after.s,
		       w->before.s);
	puts(".");
}

static void partial_print(struct json_object *job, const struct job_words *w)
{
	printf("%s: moved %s of %s in %s; %s could not be moved", w->guest.s,
	       w->moved.s, w->planned.s, w->took.s, w->left.s);
	reason_print(job);
	if (field_has(job, "locality_after"))
		printf("%s of its memory is local now, %s before.\n",
		       w->after.s, w->before.s);
}

static void stopped_print(struct json_object *job, const struct job_words *w,
			  const char *how)
{
	printf("%s: %s after %s; %s of %s had been moved and stays there",
	       w->guest.s, how, w->took.s, w->moved.s, w->planned.s);
	reason_print(job);
}

static void dry_run_print(struct json_object *job, const struct job_words *w)
{
	double payback_s = field_double(job, "payback_seconds", -1);

	if (field_u64(job, "bytes_planned", 0) == 0) {
		nothing_print(job, w);
		return;
	}
	printf("%s: would move %s in about %s, with stalls of up to %s",
	       w->guest.s, w->planned.s,
	       text_duration(field_double(job, "expected_seconds", -1)).s,
	       text_duration(field_double(job, "expected_stall_ms", -1e4) / 1e3)
		       .s);
	if (payback_s >= 0)
		printf("; repaid after %s", text_duration(payback_s).s);
	puts(".\nNothing was changed.");
}

static void running_print(struct json_object *job, const struct job_words *w)
{
	printf("%s: job %llu is at work: %s of %s moved", w->guest.s,
	       (unsigned long long)field_u64(job, "job", 0), w->moved.s,
	       w->planned.s);
	if (strcmp(field_text(job, "phase", ""), "paused") == 0)
		printf(", paused");
	puts(".");
}

static void sentence_print(struct json_object *job, const char *result)
{
	struct job_words w = words_of(job);

	if (strcmp(result, "done") == 0) {
		done_print(job, &w);
	} else if (strcmp(result, "partial") == 0) {
		partial_print(job, &w);
	} else if (strcmp(result, "dry-run") == 0) {
		dry_run_print(job, &w);
	} else if (strcmp(result, "cancelled") == 0) {
		stopped_print(job, &w, "cancelled");
	} else if (strcmp(result, "failed") == 0) {
		stopped_print(job, &w, "failed");
	} else if (strcmp(result, "refused") == 0) {
		printf("%s: refused", w.guest.s);
		reason_print(job);
	} else if (!field_has(job, "bytes_planned")) {
		printf("%s: job %llu has started.\n", w.guest.s,
		       (unsigned long long)field_u64(job, "job", 0));
	} else {
		running_print(job, &w);
	}
}

static void change_cell(struct table *table, uint64_t before, uint64_t after)
{
	if (after > before)
		table_cell(table, 3, "+%s", text_size(after - before).s);
	else if (before > after)
		table_cell(table, 3, "-%s", text_size(before - after).s);
}

static void nodes_print(struct json_object *job)
{
	static const struct table_column columns[] = {
		{ "NODE", TABLE_RIGHT },
		{ "BEFORE", TABLE_RIGHT },
		{ "AFTER", TABLE_RIGHT },
		{ "CHANGE", TABLE_RIGHT },
		{ NULL, 0 },
	};
	struct field_nodes before;
	struct field_nodes after;
	struct node_mask nodes;
	struct table *table;

	field_node_bytes(job, "before", &before);
	field_node_bytes(job, "after", &after);
	nodes.bits = before.present.bits | after.present.bits;
	if (node_mask_is_empty(nodes))
		return;
	table = table_create(columns);
	node_each (node, nodes) {
		table_row(table);
		table_cell(table, 0, "%d", node);
		table_cell(table, 1, "%s", text_size(before.bytes[node]).s);
		if (!field_has(job, "after"))
			continue;
		table_cell(table, 2, "%s", text_size(after.bytes[node]).s);
		change_cell(table, before.bytes[node], after.bytes[node]);
	}
	putchar('\n');
	table_print(table, true);
	table_destroy(table);
}

static void moves_print(struct json_object *job)
{
	static const struct table_column columns[] = {
		{ "CELL", TABLE_RIGHT }, { "FROM", TABLE_RIGHT },
		{ "TO", TABLE_RIGHT },   { "SIZE", TABLE_RIGHT },
		{ "REASON", TABLE_CUT }, { NULL, 0 },
	};
	size_t n = field_count(job, "moves");
	struct table *table;

	if (!n)
		return;
	table = table_create(columns);
	for (size_t i = 0; i < n; i++) {
		struct json_object *move = field_at(job, "moves", i);
		char *reason = text_clean(field_text(move, "reason", ""));

		table_row(table);
		table_cell(table, 0, "%d", (int)field_u64(move, "cell", 0));
		table_cell(table, 1, "%d", (int)field_u64(move, "from", 0));
		table_cell(table, 2, "%d", (int)field_u64(move, "to", 0));
		table_cell(table, 3, "%s",
			   text_size(field_u64(move, "bytes", 0)).s);
		table_cell(table, 4, "%s", reason);
		free(reason);
	}
	putchar('\n');
	table_print(table, true);
	table_destroy(table);
}

void residue_print(struct json_object *object)
{
	static const struct table_column columns[] = {
		{ "NOT MOVED", 0 },
		{ "SIZE", TABLE_RIGHT },
		{ "MEANING", TABLE_CUT },
		{ NULL, 0 },
	};
	size_t n = field_count(object, "residue");
	struct table *table = table_create(columns);
	size_t n_rows = 0;

	for (size_t i = 0; i < n; i++) {
		struct json_object *part = field_at(object, "residue", i);
		const char *class = field_text(part, "class", "?");
		uint64_t bytes = field_u64(part, "bytes", 0);

		if (!bytes)
			continue;
		if (n_rows++ == 0)
			putchar('\n');
		table_row(table);
		table_cell(table, 0, "%s", text_name(class).s);
		table_cell(table, 1, "%s", text_size(bytes).s);
		table_cell(table, 2, "%s", residue_meaning(class));
	}
	table_print(table, true);
	table_destroy(table);
}

static void cost_print(struct json_object *job)
{
	uint64_t splits = field_u64(job, "thp_splits", 0);

	if (field_u64(job, "calls", 0) == 0)
		return;
	printf("\n  %llu calls, %llu retries, longest call %s",
	       (unsigned long long)field_u64(job, "calls", 0),
	       (unsigned long long)field_u64(job, "retries", 0),
	       text_duration(field_double(job, "longest_call_ms", -1e4) / 1e3)
		       .s);
	if (splits)
		printf("\n  %llu huge pages were split, %llu of them rebuilt",
		       (unsigned long long)splits,
		       (unsigned long long)field_u64(job, "thp_repaired", 0));
	putchar('\n');
}

/* How good the estimate was. */
static void estimate_print(struct json_object *job, const char *result)
{
	double seconds = field_double(job, "expected_seconds", -1);

	if (seconds < 0 || field_u64(job, "calls", 0) == 0 ||
	    (strcmp(result, "done") && strcmp(result, "partial")))
		return;
	printf("  the plan expected %s, with stalls of up to %s\n",
	       text_duration(seconds).s,
	       text_duration(field_double(job, "expected_stall_ms", -1e4) / 1e3)
		       .s);
}

static void pool_print(struct json_object *pool)
{
	unsigned int node = (unsigned int)field_u64(pool, "node", 0);
	unsigned long long before = field_u64(pool, "before", 0);
	unsigned long long lent = field_u64(pool, "lent", 0);
	unsigned long long mib = field_u64(pool, "page_bytes", 0) / MIB;

	if (field_u64(pool, "now", 0) != before)
		printf("node %u's pool of %llu MiB pages has %llu pages, %llu before",
		       node, mib, (unsigned long long)field_u64(pool, "now", 0),
		       before);
	else if (lent)
		printf("node %u lends %llu pages of %llu MiB to the guest until it "
		       "ends",
		       node, lent, mib);
	else
		printf("node %u's pool of %llu MiB pages is %llu pages again",
		       node, mib, before);
}

/* One sentence on pools of huge pages that the job has changed. */
static void pools_print(struct json_object *job)
{
	size_t n = field_count(job, "pools");
	char *why = text_clean(field_text(job, "pools_why", ""));

	for (size_t i = 0; i < n; i++) {
		fputs(i ? "; " : "\n  ", stdout);
		pool_print(field_at(job, "pools", i));
	}
	if (n && *why)
		printf(": %s", why);
	if (n)
		putchar('\n');
	free(why);
}

void receipt_print(struct json_object *job)
{
	const char *result = field_text(job, "result", "running");

	sentence_print(job, result);
	nodes_print(job);
	moves_print(job);
	residue_print(job);
	pools_print(job);
	cost_print(job);
	estimate_print(job, result);
}

int receipt_exit(struct json_object *job)
{
	static const struct {
		const char *result;
		int exit;
	} table[] = {
		{ "partial", CTL_PARTIAL },
		{ "refused", CTL_REFUSED },
		{ "cancelled", CTL_FAILED },
		{ "failed", CTL_FAILED },
	};
	const char *result = field_text(job, "result", "running");

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (strcmp(table[i].result, result) == 0)
			return table[i].exit;
	}
	return CTL_DONE;
}
