/* assay suite board: the leaderboard of a suite, as a table. Ranks, means and the reasons in their
 * place are those of the website. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "evaluator/cli/command.h"
#include "evaluator/cli/database.h"
#include "evaluator/cli/print.h"
#include "evaluator/cli/table.h"
#include "site-gen/site.h"

/* One figure: 53.7 for 0.537 where the metric is a share. */
static void add_figure(struct table *t, const json_t *figure, bool share, const char *why) {
    double scale = share ? 100 : 1, value = json_get_number(figure, "value", NAN);
    double low = json_get_number(figure, "low", NAN), high = json_get_number(figure, "high", NAN);
    if (isnan(value)) {
        char *text = printable(why, 120);
        table_cell(t, NULL);
        table_cell(t, text);
        table_cell(t, NULL);
        free(text);
        return;
    }
    table_cellf(t, "%.*f", share ? 1 : 2, scale * value);
    if (isnan(low) || isnan(high)) {
        table_cell(t, NULL);
    } else {
        table_cellf(t, "%.*f to %.*f", share ? 1 : 2, scale * low, share ? 1 : 2, scale * high);
    }
    table_cellf(t, "%lld", json_get_int(figure, "n", 0));
}

static void begin_row(struct table *t, const json_t *row, const char *task, const char *metric) {
    table_cell(t, json_get_string(json_object_get(row, "model"), "name", ""));
    table_cell(t, task);
    table_cell(t, metric);
}

/* 2 (1-4): second by the figure, first to fourth by what the data can tell. */
static void add_rank(struct table *t, const json_t *row) {
    long long rank = json_get_int(row, "rank", 0), low = json_get_int(row, "rank_low", 0),
              high = json_get_int(row, "rank_high", 0);
    if (!rank) {
        table_cell(t, NULL);
    } else if (low == high) {
        table_cellf(t, "%lld", rank);
    } else {
        table_cellf(t, "%lld (%lld-%lld)", rank, low, high);
    }
}

static void add_means(struct table *t, const json_t *section, const json_t *row) {
    const json_t *groups = json_object_get(section, "groups");
    add_rank(t, row);
    begin_row(t, row, "mean", json_get_string(section, "mean", ""));
    add_figure(t, json_object_get(row, "mean"), true, json_get_string(row, "reason", ""));
    for (size_t i = 0; i < json_array_size(groups); i++) {
        const json_t *group = json_array_get(json_object_get(row, "groups"), i);
        table_cell(t, NULL);
        begin_row(t, row, json_get_string(json_array_get(groups, i), "name", ""), "mean");
        add_figure(t, json_object_get(group, "mean"), true, json_get_string(group, "reason", ""));
    }
}

static void add_tasks(struct table *t, const json_t *section, const json_t *row) {
    size_t i;
    json_t *column;
    json_array_foreach(json_object_get(section, "tasks"), i, column) {
        const json_t *cell = json_array_get(json_object_get(row, "cells"), i),
                     *metric = json_object_get(column, "metric");
        table_cell(t, NULL);
        begin_row(t, row, json_get_string(column, "name", ""), json_get_string(metric, "name", ""));
        add_figure(
            t, cell, json_get_bool(metric, "percent", true), json_get_string(cell, "missing", ""));
    }
}

static void print_board(const json_t *board) {
    struct table *t =
        table_new(">Rank", "Model", "Task", "Metric", ">Score", ">95 % interval", ">n", NULL);
    size_t i, k;
    json_t *section, *row;
    json_array_foreach(json_object_get(board, "sections"), i, section) {
        json_array_foreach(json_object_get(section, "rows"), k, row) {
            add_means(t, section, row);
            add_tasks(t, section, row);
        }
    }
    table_print(t, true);
}

static void print_json(const json_t *board, json_t *rows) {
    json_t *document = json_pack("{s:s, s:O, s:o, s:O}", "schema", "assay.board/1", "suite",
        json_object_get(board, "suite"), "rows", rows, "sections",
        json_object_get(board, "sections"));
    print_document(document, true);
    json_decref(document);
}

static bool run(const struct args *args, struct err *err) {
    const char *suite = args->operands[0];
    struct rows rows = { 0 };
    struct db *db = database_open(args, err);
    bool ok = db && db_query(db, "site_board", DB_ARGS(db_text(suite)), &rows, err);
    if (ok && rows.n == 0) {
        ok = err_set(err, ERR_NOT_FOUND, "there are no results of suite '%s'", suite);
        err_hint(err, "submit a model to it: assay submit MODEL -s %s", suite);
    }
    json_t *board = NULL, *list = NULL;
    ok = ok && site_board(db, suite, &board, err) && (list = rows_to_json(&rows, err)) != NULL;
    if (ok && args_has(args, "json")) {
        print_json(board, json_incref(list));
    } else if (ok) {
        print_board(board);
    }
    json_decref(list);
    json_decref(board);
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
