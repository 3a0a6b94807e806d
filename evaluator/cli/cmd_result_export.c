/* assay result export. */
#include <stdio.h>

#include "evaluator/cli/command.h"
#include "evaluator/cli/database.h"
#include "evaluator/cli/export.h"
#include "evaluator/cli/print.h"
#include "evaluator/cli/snapshot.h"
#include "site-gen/results.h"
#include "site-gen/split.h"

static const struct option options_export[] = {
    { "to", 0, "DIR|FORMAT",
        "the folder to write to, such as results/; or lm-eval, mteb, model-index, eval-results, "
        "csv, tsv, json" },
    { "private", 0, "SUITE", "leave out what only this board has (repeatable)" },
    { NULL, 0, NULL, NULL },
};

enum { CLOSED_MAX = 32 };

static void print_report(const struct args *args, const char *dir, const struct results_report *r) {
    if (args_has(args, "json")) {
        json_t *doc = json_pack("{s:s, s:s, s:i, s:i, s:i, s:i}", "schema", "assay.export/1", "to",
            dir, "runs", r->n_runs, "files", r->n_files, "changed", r->n_changed, "removed",
            r->n_removed);
        print_document(doc, true);
        json_decref(doc);
        return;
    }
    printf("%s: %d runs in %d files, %d changed, %d removed\n", dir, r->n_runs, r->n_files,
        r->n_changed, r->n_removed);
}

static bool write_open(const struct args *args, const json_t *open, const char *dir,
    struct results_report *report, struct err *err) {
    struct db *db = database_open(args, err);
    struct sample_source samples = site_samples_in(db);
    bool ok = db && results_write(open, &samples, dir, report, err);
    db_close(db);
    return ok;
}

static bool run_export(const struct args *args, struct err *err) {
    const char *dir = args_get(args, "to", NULL), *closed[CLOSED_MAX];
    struct results_report report;
    json_t *snapshot = NULL;
    if (!dir || !*dir) {
        return err_set(err, ERR_USAGE, "no folder to write to: --to DIR");
    }
    if (export_is_format(dir)) {
        return export_results(args, dir, err);
    }
    if (args->n_operands || args_has(args, "out")) {
        err_set(err, ERR_USAGE, "'%s' is no format, and a folder gets all that is published", dir);
        return err_hint(err, "--to lm-eval, mteb, model-index, eval-results, csv, tsv or json");
    }
    if (!args_list(args, "private", closed, CLOSED_MAX, err) ||
        !snapshot_load(args, &snapshot, err)) {
        return false;
    }
    json_t *open = closed[0] ? split_part(snapshot, closed, NULL) : json_incref(snapshot);
    bool ok = write_open(args, open, dir, &report, err);
    if (ok) {
        print_report(args, dir, &report);
    }
    json_decref(open);
    json_decref(snapshot);
    return ok;
}

const struct command cmd_result_export = {
    .name = "result export",
    .operands = "[RUN|MODEL|FILE|DIR...]",
    .summary = "write results as plain JSON files, as tables, or as other programs do",
    .details =
        "One file a run with its record, metrics and samples, one a model, and an index\n"
        "with the size and SHA-256 of each. What did not change keeps its bytes, so that the\n"
        "folder can be kept under version control; runs that are no longer published go from it,\n"
        "other files in it stay. 'assay site build --from DIR' makes the site from it.\n\n"
        "With a format in place of the folder, the runs, models, records or folders of records "
        "that\n"
        "are named (none: all that stands) are written to --out: lm-eval and mteb as those "
        "programs\n"
        "write their files, model-index and eval-results below models/ORG/NAME/ as the hub's\n"
        "repositories have them (a README that is there keeps all but its model-index), csv, tsv\n"
        "and json as one table with a schema and SHA256SUMS. A folder that is called like a format "
        "is\n"
        "./csv.\n\n"
        "  assay result export --to results\n"
        "  assay result export org/name --to lm-eval --out runs --samples\n"
        "  assay result export --to csv --out tables -t hellaswag\n",
    .options = { options_export, options_export_files, options_database },
    .max_operands = ARGS_MAX_VALUES,
    .run = run_export,
};
