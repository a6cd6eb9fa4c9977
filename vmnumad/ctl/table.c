/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thin layer over libsmartcols: its calls fail for want of memory only, which
 * ends the program as everywhere else.
 */
#include "ctl/table.h"

#include <libsmartcols.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "xalloc.h"

struct table {
	struct libscols_table *scols; /* owned */
	struct libscols_line *line; /* the last row, borrowed from scols */
};

static void must(int is_ok)
{
	if (is_ok)
		return;
	fputs("out of memory\n", stderr);
	abort();
}

struct table *table_create(const struct table_column *columns)
{
	struct table *table = xcalloc(1, sizeof(*table));

	table->scols = scols_new_table();
	must(table->scols != NULL);
	must(scols_table_set_column_separator(table->scols, "  ") == 0);
	/* texts are clean already: see ctl/text.h */
	scols_table_enable_noencoding(table->scols, 1);
	for (; columns->title; columns++) {
		int flags = 0;

		if (columns->flags & TABLE_RIGHT)
			flags |= SCOLS_FL_RIGHT;
		if (columns->flags & TABLE_CUT)
			flags |= SCOLS_FL_TRUNC;
		must(scols_table_new_column(table->scols, columns->title, 0,
					    flags) != NULL);
	}
	if (!isatty(STDOUT_FILENO))
		scols_table_set_termforce(table->scols, SCOLS_TERMFORCE_NEVER);
	return table;
}

void table_destroy(struct table *table)
{
	if (!table)
		return;
	scols_unref_table(table->scols);
	free(table);
}

void table_row(struct table *table)
{
	table->line = scols_table_new_line(table->scols, NULL);
	must(table->line != NULL);
}

void table_cell(struct table *table, size_t column, const char *fmt, ...)
{
	va_list ap;
	char *text;
	int len;

	va_start(ap, fmt);
	len = vasprintf(&text, fmt, ap);
	va_end(ap);
	must(len >= 0);
	must(scols_line_refer_data(table->line, column, text) == 0);
}

/* One line, without the blanks that libsmartcols pads the last column with. */
static void line_print(const char *line, size_t len, bool is_indented)
{
	while (len && line[len - 1] == ' ')
		len--;
	printf("%s%.*s\n", is_indented ? "  " : "", (int)len, line);
}

void table_print(struct table *table, bool is_indented)
{
	struct winsize size;
	char *text;
	char *line;
	char *nl;

	if (scols_table_get_nlines(table->scols) == 0)
		return;
	if (is_indented && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 &&
	    size.ws_col > 20)
		scols_table_set_termwidth(table->scols, size.ws_col - 2u);
	must(scols_print_table_to_string(table->scols, &text) == 0);
	for (line = text; (nl = strchr(line, '\n')); line = nl + 1)
		line_print(line, (size_t)(nl - line), is_indented);
	if (*line)
		line_print(line, strlen(line), is_indented);
	free(text);
}
