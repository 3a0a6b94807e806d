/* A board's section for scripts: column by column, numbers as integers, texts that recur as places
 * in a list. What chooses and orders rows comes in one document, the tasks' columns in further
 * ones, of some tasks each.
 *
 *     {"schema": "assay.site.columns/1", "n": rows, "key": [...], "org": coded, "short": [...],
 *      "rank": [...], ..., "type": coded, ..., "columns": [{"key", "title", "kind", "metric", ...,
 *      "data": {"v", "l", "h", "n", "run", "heat", "why", "notes"}} or, in place of data, "file",
 * "at"]} coded: {"values": [...], "of": [place in values or null, ...]}
 *
 * "v" is in ten-thousandths where the metric is a share, and so is how far the interval reaches
 * from there, "l" below and "h" above (absent: as far). */
#ifndef ASSAY_SITE_COLUMNS_H
#define ASSAY_SITE_COLUMNS_H

#include <jansson.h>

#include "base/strbuf.h"

#define COLUMNS_A_FILE 8

/* Gives what a section's columns are called by in addresses: "key" in tasks and groups, "type_keys"
 * for its types. */
void columns_name(json_t *section);

/* The document of the tasks [from, from + COLUMNS_A_FILE); new. */
json_t *columns_of_tasks(const json_t *section, size_t from);
/* The other; `files` has the names of those of the tasks, in order. New. */
json_t *columns_core(const json_t *board, const json_t *section, const json_t *files);

#endif
