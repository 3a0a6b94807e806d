/* assay result ls | show. */
#include <math.h>

#include "evaluator/cli/command.h"
#include "evaluator/cli/database.h"
#include "evaluator/cli/print.h"
#include "evaluator/cli/table.h"

static const struct option options_result[] = {
    { "task", 't', "T", "only this task" },
    { NULL, 0, NULL, NULL },
};

static void print_runs(const struct rows *rows) {
    struct table *t =
        table_new(">Run", "Model", "Task", "Metric", ">Value", "Stderr", ">n", "Dtype", NULL);
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

static bool run_show(const struct args *args, struct err *err) {
    char *end;
    long long run = strtoll(args->operands[0], &end, 10);
    struct rows rows = { 0 };
    if (*end || run <= 0) {
        return err_set(err, ERR_USAGE, "'%s' is not the number of a run", args->operands[0]);
    }
    bool ok = query(args, NULL, run, &rows, err);
    if (ok && rows.n == 0) {
        ok = err_set(err, ERR_NOT_FOUND, "there is no run %lld", run);
    }
    json_t *list = ok ? rows_to_json(&rows, err) : NULL;
    if (list) {
        print_document(json_array_get(list, 0), args_has(args, "json"));
    }
    ok = list != NULL;
    json_decref(list);
    rows_release(&rows);
    return ok;
}

const struct command cmd_result_ls = {
    .name = "result ls",
    .operands = "[MODEL]",
    .summary = "list stored runs with their scores, newest first",
    .options = { options_result, options_database },
    .max_operands = 1,
    .run = run_ls,
};

const struct command cmd_result_show = {
    .name = "result show",
    .operands = "RUN",
    .summary = "everything about a stored run",
    .options = { options_result, options_database },
    .min_operands = 1,
    .max_operands = 1,
    .run = run_show,
};
