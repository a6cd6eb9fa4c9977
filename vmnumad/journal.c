/* SPDX-License-Identifier: Apache-2.0 */
/* The journal of orders; see journal.h. Used by moves.c. */
#include "journal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/list.h"
#include "xalloc.h"

/*
 * vmnumad journal 1 LAST-ID
 * job ID UUID PID START-TICKS HURRY REHOME STALL-NS RATE TO [CELL=TO ...]
 * adopted PID START-TICKS QMP-PATH NAME
 *
 * TO is a node list, "-" for none. The words of an adopted guest's line are
 * separated by single tabs, as a name may hold blanks; QMP-PATH may be empty.
 */
#define HEAD           "vmnumad journal 1 "
#define ADOPTED        "adopted\t"
#define LINE_MAX_BYTES 16384

void journal_finish(struct journal *journal)
{
	free(journal->records);
	free(journal->adopted);
	*journal = (struct journal) { 0 };
}

static int parse_nodes(const char *text, struct node_mask *ret_nodes)
{
	*ret_nodes = (struct node_mask) { 0 };
	if (strcmp(text, "-") == 0)
		return 0;
	return list_parse_nodes(text, ret_nodes, NULL);
}

/* "0=1-2" */
static int parse_cell(char *text, struct job_order *order)
{
	struct request_cell *cell = &order->cells[order->n_cells];
	char *equals = strchr(text, '=');
	char *end;

	if (!equals || order->n_cells == ORDER_CELLS_MAX)
		return -EINVAL;
	cell->cell = (int)strtol(text, &end, 10);
	if (end != equals || parse_nodes(equals + 1, &cell->to) < 0)
		return -EINVAL;
	order->n_cells++;
	return 0;
}

static int parse_record(char *line, struct journal_record *ret_record)
{
	struct journal_record r = { 0 };
	char to[LIST_NODES_TEXT];
	char *rest = NULL, *word;
	int hurry, rehome, pid, used = 0;

	if (sscanf(line,
		   "job %" SCNu64 " %36s %d %" SCNu64 " %d %d %" SCNu64
		   " %" SCNu64 " %191s%n",
		   &r.id, r.uuid.text, &pid, &r.start_ticks, &hurry, &rehome,
		   &r.order.stall_ns, &r.order.rate_bytes_per_s, to,
		   &used) != 9 ||
	    strlen(r.uuid.text) != UUID_TEXT_LEN || pid <= 0 ||
	    parse_nodes(to, &r.order.to) < 0)
		return -EINVAL;
	r.pid = pid;
	r.order.is_hurried = hurry != 0;
	r.order.is_rehome = rehome != 0;
	for (word = strtok_r(line + used, " \n", &rest); word;
	     word = strtok_r(NULL, " \n", &rest))
		if (parse_cell(word, &r.order) < 0)
			return -EINVAL;
	*ret_record = r;
	return 0;
}

static int take_job(struct journal *journal, char *line)
{
	struct journal_record record;

	if (journal->n_records == JOURNAL_RECORDS_MAX ||
	    parse_record(line, &record) < 0)
		return -EINVAL;
	journal->records = xreallocarray(
		journal->records, journal->n_records + 1, sizeof(record));
	journal->records[journal->n_records++] = record;
	return 0;
}

static int take_adopted(struct journal *journal, char *line)
{
	struct journal_adopted adopted;
	char *rest = line + strlen(ADOPTED);
	const char *pid = strsep(&rest, "\t");
	const char *ticks = strsep(&rest, "\t");
	const char *path = strsep(&rest, "\t");
	const char *name = strsep(&rest, "\n");

	if (!name || journal->n_adopted == JOURNAL_RECORDS_MAX)
		return -EINVAL;
	adopted.pid = (pid_t)strtol(pid, NULL, 10);
	adopted.start_ticks = strtoull(ticks, NULL, 10);
	if (adopted.pid <= 0 || adopted.start_ticks == 0 ||
	    (*path && !adopt_is_text(path, ADOPT_PATH_MAX)) ||
	    !adopt_is_text(name, ADOPT_NAME_MAX))
		return -EINVAL;
	strcpy(adopted.qmp_path, path);
	strcpy(adopted.name, name);
	journal->adopted = xreallocarray(
		journal->adopted, journal->n_adopted + 1, sizeof(adopted));
	journal->adopted[journal->n_adopted++] = adopted;
	return 0;
}

static int parse_file(FILE *file, struct journal *journal)
{
	char line[LINE_MAX_BYTES];
	int err = 0;

	if (!fgets(line, sizeof(line), file) ||
	    sscanf(line, HEAD "%" SCNu64, &journal->last_id) != 1)
		return -EINVAL;
	while (!err && fgets(line, sizeof(line), file))
		err = strncmp(line, ADOPTED, strlen(ADOPTED)) == 0
			      ? take_adopted(journal, line)
			      : take_job(journal, line);
	return err;
}

int journal_load(const char *path, struct journal *ret_journal, struct why *why)
{
	struct journal journal = { 0 };
	FILE *file = fopen(path, "re");
	int err;

	if (!file && errno != ENOENT) {
		err = -errno;
		why_set(why, "%s: %s", path, strerror(-err));
		return err;
	}
	err = file ? parse_file(file, &journal) : 0;
	if (file)
		fclose(file);
	if (err < 0) {
		journal_finish(&journal);
		why_set(why, "%s is not a journal of vmnumad", path);
		return err;
	}
	*ret_journal = journal;
	return 0;
}

static const char *nodes_text(struct node_mask nodes, char *buf, size_t size)
{
	return node_mask_is_empty(nodes) ? "-"
					 : list_format_nodes(nodes, buf, size);
}

static void print_record(FILE *file, const struct journal_record *r)
{
	const struct job_order *order = &r->order;
	char to[LIST_NODES_TEXT];

	fprintf(file,
		"job %" PRIu64 " %s %d %" PRIu64 " %d %d %" PRIu64 " %" PRIu64
		" %s",
		r->id, r->uuid.text, (int)r->pid, r->start_ticks,
		order->is_hurried, order->is_rehome, order->stall_ns,
		order->rate_bytes_per_s, nodes_text(order->to, to, sizeof(to)));
	for (size_t i = 0; i < order->n_cells; i++)
		fprintf(file, " %d=%s", order->cells[i].cell,
			nodes_text(order->cells[i].to, to, sizeof(to)));
	fputc('\n', file);
}

static int write_file(const char *path, const struct journal *journal)
{
	FILE *file = fopen(path, "we");
	int err = 0;

	if (!file)
		return -errno;
	fprintf(file, HEAD "%" PRIu64 "\n", journal->last_id);
	for (size_t i = 0; i < journal->n_records; i++)
		print_record(file, &journal->records[i]);
	for (size_t i = 0; i < journal->n_adopted; i++)
		fprintf(file, ADOPTED "%d\t%" PRIu64 "\t%s\t%s\n",
			(int)journal->adopted[i].pid,
			journal->adopted[i].start_ticks,
			journal->adopted[i].qmp_path, journal->adopted[i].name);
	if (ferror(file))
		err = -EIO;
	if (fclose(file) != 0 && err == 0)
		err = -errno;
	return err;
}

int journal_save(const char *path, const struct journal *journal,
		 struct why *why)
{
	autofree char *fresh = xasprintf("%s.new", path);
	int err = write_file(fresh, journal);

	if (err == 0 && rename(fresh, path) < 0)
		err = -errno;
	if (err < 0) {
		unlink(fresh);
		why_set(why, "%s: %s", path, strerror(-err));
	}
	return err;
}
