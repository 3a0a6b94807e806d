/* Tables for people: padded columns on a terminal, tab-separated where stdout is not one. */
#ifndef ASSAY_TABLE_H
#define ASSAY_TABLE_H

#include <stdbool.h>
#include <stddef.h>

struct table;
/* Column titles, a leading '>' aligns to the right: table_new("model", ">score", NULL). */
struct table *table_new(const char *title, ...) __attribute__((sentinel));
/* One more column, before the first cell. */
void table_column(struct table *t, const char *title, bool right);
/* One cell after the other; a row ends when every column has one. NULL prints as "-". */
void table_cell(struct table *t, const char *text);
void table_cellf(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Prints and frees. `markdown` prints what can be pasted into a README. */
void table_print(struct table *t, bool markdown);
void table_free(struct table *t);

#endif
