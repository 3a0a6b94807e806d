/* Results written in other programs' formats, and as tables. */
#ifndef ASSAY_CLI_EXPORT_H
#define ASSAY_CLI_EXPORT_H

#include <jansson.h>

#include "evaluator/cli/args.h"

extern const struct option options_export_files[];

/* Whether --to names a format, and no folder. */
bool export_is_format(const char *to);
/* The results that the operands name (as for rescore), to --out. */
MUST_CHECK bool export_results(const struct args *args, const char *to, struct err *err);

/* ---- between the two files ---- */

struct export_report {
    size_t n_results, n_files, n_left; /* n_left: results that the format has no place for */
};

/* A table of all numbers of results, with its schema and both files' hashes beside. */
struct export_table;
bool export_table_find(const char *format);
struct export_table *export_table_new(const char *format, const char *dir);
void export_table_free(struct export_table *t);

void export_table_add(struct export_table *t, const json_t *result, long long run);
MUST_CHECK bool export_table_write(
    struct export_table *t, struct export_report *report, struct err *err);

#endif
