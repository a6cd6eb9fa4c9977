/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables on standard output, by libsmartcols, which is included nowhere else.
 * On a terminal wide columns are cut to its width; elsewhere nothing is cut.
 */
#ifndef CTL_TABLE_H
#define CTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>

struct table;

enum table_flag {
	TABLE_RIGHT = 1 << 0, /* aligned to the right: numbers */
	TABLE_CUT = 1 << 1, /* may be cut on a narrow terminal: names, texts */
};

/* One column. */
struct table_column {
	const char *title; /* NULL ends the list */
	unsigned int flags; /* set of enum table_flag */
};

struct table *table_create(const struct table_column *columns);
void table_destroy(struct table *table); /* takes NULL */

/* Begins the next row; its cells are empty. */
void table_row(struct table *table);

/* Sets a cell of the last row. Text from outside must have been through
 * text_name() or text_clean(). */
__attribute__((format(printf, 3, 4))) void table_cell(struct table *table,
						      size_t column,
						      const char *fmt, ...);

/* Prints titles and rows, each line indented by two blanks when is_indented;
 * nothing at all when there is no row. */
void table_print(struct table *table, bool is_indented);

#endif
