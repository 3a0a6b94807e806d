/* assay result ls. */
#include "evaluator/cli/command.h"
#include "evaluator/cli/database.h"
#include "evaluator/cli/runs.h"
#include "evaluator/cli/table.h"

static const struct option options_result[] = {
    { "task", 't', "T", "only this task" },
    { NULL, 0, NULL, NULL },
};

static void print_runs(const struct rows *rows) {
    struct table *t = table_new(
        ">Run", "Model", "Task", "Metric", ">Value", "Stderr", ">n", "Dtype", "State", NULL);
    for (int i = 0; i < rows->n; i++) {
        table_cell(t, rows_text(rows, i, "run_id"));
        table_cell(t, rows_text(rows, i, "model"));
        table_cell(t, rows_text(rows, i, "task"));
        table_cell(t, rows_text(rows, i, "main"));
        table_cellf(t, "%.4f", rows_real(rows, i, "value"));
        if (rows_null(rows, i, "stderr")) {
            table_cell(t, NULL);
        } else {
            table_cellf(t, "± %.4f", rows_real(rows, i, "stderr"));
        }
        table_cell(t, rows_text(rows, i, "n"));
        table_cell(t, rows_text(rows, i, "dtype"));
        table_cell(t, run_state(rows, i));
    }
    table_print(t, false);
}

/* Runs of a model, a task or a number; *rows is the caller's to release. */
static bool query(
    const struct args *args, const char *model, long long run, struct rows *rows, struct err *err) {
    struct db *db = database_open(args, err);
    bool ok = db && db_query(db, "site_runs",
                        DB_ARGS(db_text(model), db_text(args_get(args, "task", NULL)),
                            run ? db_int(run) : db_null()),
                        rows, err);
    db_close(db);
    return ok;
}

static bool run_ls(const struct args *args, struct err *err) {
    struct rows rows = { 0 };
    bool ok = query(args, args->n_operands ? args->operands[0] : NULL, 0, &rows, err);
    if (ok && args_has(args, "json")) {
        ok = database_print(&rows, "assay.results/1", "results", err);
    } else if (ok) {
        print_runs(&rows);
    }
    rows_release(&rows);
    return ok;
}

const struct command cmd_result_ls = {
    .name = "result ls",
    .operands = "[MODEL]",
    .summary = "list stored runs with their scores, newest first",
    .details =
        "State: 'stands' is the run that boards show for its configuration; 'older' was\n"
        "followed by another, 'withdrawn' says why in result show, 'reproduction' and 'canary'\n"
        "stand beside; 'imported' was measured elsewhere.\n\n"
        "  assay result ls\n"
        "  assay result ls org/name --task hellaswag\n",
    .options = { options_result, options_database },
    .max_operands = 1,
    .run = run_ls,
};
