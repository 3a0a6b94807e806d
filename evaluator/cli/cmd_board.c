/* assay suite board: the leaderboard of a suite, as a table. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "evaluator/cli/command.h"
#include "evaluator/cli/database.h"
#include "evaluator/cli/print.h"
#include "evaluator/cli/table.h"

/* Rows come a model and task each, all tasks of a model together. */
static bool same_model(const struct rows *rows, int a, int b) {
    static const char *const KEYS[] = { "model", "revision", "precision", "weight_type" };
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++) {
        if (strcmp(rows_text(rows, a, KEYS[i]), rows_text(rows, b, KEYS[i]))) {
            return false;
        }
    }
    return true;
}

static void print_model(struct table *t, const struct rows *rows, int from, int to) {
    for (int i = from; i < to; i++) {
        table_cell(t, rows_text(rows, i, "model"));
        table_cell(t, rows_text(rows, i, "task"));
        table_cell(t, rows_text(rows, i, "metric"));
        table_cellf(t, "%.1f", 100 * rows_real(rows, i, "value"));
        if (rows_null(rows, i, "low") || rows_null(rows, i, "high")) {
            table_cell(t, NULL);
        } else {
            table_cellf(t, "%.1f to %.1f", 100 * rows_real(rows, i, "low"),
                100 * rows_real(rows, i, "high"));
        }
        table_cell(t, rows_text(rows, i, "n"));
    }
}

static void print_board(const struct rows *rows) {
    struct table *t = table_new("Model", "Task", "Metric", ">Score", ">95 % interval", ">n", NULL);
    for (int from = 0; from < rows->n;) {
        int to = from + 1;
        while (to < rows->n && same_model(rows, from, to)) {
            to++;
        }
        print_model(t, rows, from, to);
        from = to;
    }
    table_print(t, true);
}

static bool run(const struct args *args, struct err *err) {
    struct rows rows = { 0 };
    struct db *db = database_open(args, err);
    bool ok = db && db_query(db, "site_board", DB_ARGS(db_text(args->operands[0])), &rows, err);
    if (ok && rows.n == 0) {
        ok = err_set(err, ERR_NOT_FOUND, "there are no results of suite '%s'", args->operands[0]);
        err_hint(err, "submit a model to it: assay submit MODEL -s %s", args->operands[0]);
    }
    if (ok && args_has(args, "json")) {
        ok = database_print(&rows, "assay.board/1", "rows", err);
    } else if (ok) {
        print_board(&rows);
    }
    rows_release(&rows);
    db_close(db);
    return ok;
}

const struct command cmd_suite_board = {
    .name = "suite board",
    .operands = "SUITE",
    .summary = "the leaderboard of a suite, as a table",
    .options = { options_database },
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
