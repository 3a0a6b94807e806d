/* assay suite board: the leaderboard of a suite, as its page on the site has it. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "evaluator/cli/command.h"
#include "evaluator/cli/database.h"
#include "evaluator/cli/print.h"
#include "evaluator/cli/table.h"
#include "site-gen/site.h"

#define TASKS_SHOWN 8 /* columns that still fit a screen */

static const struct option options_board[] = {
    { "pairs", 0, NULL, "also every pair of models: its difference, interval and p" },
    { "rank-imported", 0, NULL, "imported results among the measured ones, marked" },
    { "resamples", 0, "N", "of the shared documents, for the intervals of pairs (default: 10000)" },
    { "seed", 0, "N", "of the resamples (default: 0)" },
    { NULL, 0, NULL, NULL },
};

/* ---- numbers ---- */

static double scaled(const json_t *metric, double v) {
    return json_get_bool(metric, "percent", true) ? 100 * v : v;
}

static void value_cell(struct table *t, const json_t *metric, const json_t *figure) {
    double v = json_get_number(figure, "value", NAN);
    if (isfinite(v)) {
        table_cellf(t, json_get_bool(metric, "percent", true) ? "%.1f" : "%.3f", scaled(metric, v));
    } else {
        table_cell(t, NULL);
    }
}

static void interval_cell(struct table *t, const json_t *figure) {
    double low = json_get_number(figure, "low", NAN), high = json_get_number(figure, "high", NAN);
    if (isfinite(low) && isfinite(high)) {
        table_cellf(t, "%.1f to %.1f", 100 * low, 100 * high);
    } else {
        table_cell(t, NULL);
    }
}

static void p_cell(struct table *t, double p) {
    if (isfinite(p)) {
        table_cellf(t, p < 0.0001 ? "%.0e" : "%.4f", p);
    } else {
        table_cell(t, NULL);
    }
}

/* ---- a section ---- */

static const char *name_of(const json_t *row) {
    return json_get_string(json_object_get(row, "model"), "name", "");
}

static void number_cell(struct table *t, const json_t *row, const char *key) {
    if (json_object_get(row, key)) {
        table_cellf(t, "%lld", json_get_int(row, key, 0));
    } else {
        table_cell(t, NULL);
    }
}

static void rank_cells(struct table *t, const json_t *row) {
    long long low = json_get_int(row, "rank_low", 0), high = json_get_int(row, "rank_high", 0);
    number_cell(t, row, "tier_number");
    number_cell(t, row, "rank");
    if (low) { /* by Borda's rule a model has a rank also where its mean has none */
        table_cellf(t, low == high ? "%lld" : "%lld to %lld", low, high);
    } else {
        table_cell(t, NULL);
    }
}

static const struct {
    const char *key, *title;
} MEANS[] = { { "task", "Mean (Task)" }, { "type", "Mean (TaskType)" } };

/* Both of mteb's means, Borda's votes, and the means of the types, where the suite has them. */
static void add_mteb_columns(struct table *t, const json_t *section) {
    const json_t *types = json_object_get(section, "types"), *type;
    size_t i;
    if (json_array_size(types)) {
        table_column(t, MEANS[0].title, true);
        table_column(t, MEANS[1].title, true);
        table_column(t, "Borda", true);
    }
    json_array_foreach(types, i, type) table_column(t, json_string_value(type), true);
}

static void mteb_cells(struct table *t, const json_t *section, const json_t *row) {
    const json_t *means = json_object_get(row, "means"), *type;
    size_t i;
    if (json_array_size(json_object_get(section, "types"))) {
        for (i = 0; i < sizeof MEANS / sizeof *MEANS; i++)
            value_cell(t, NULL, json_object_get(json_object_get(means, MEANS[i].key), "mean"));
        table_cellf(t, "%g", json_get_number(json_object_get(row, "borda"), "votes", 0));
    }
    json_array_foreach(json_object_get(row, "types"), i, type)
        value_cell(t, NULL, json_object_get(type, "mean"));
}

static void print_rows(const json_t *section) {
    const json_t *tasks = json_object_get(section, "tasks"), *row, *task, *group;
    const json_t *groups = json_object_get(section, "groups");
    size_t n_tasks = json_array_size(tasks), i, k;
    bool each = n_tasks > 1 && n_tasks + json_array_size(groups) <= TASKS_SHOWN;
    struct table *t = table_new(">Tier", ">Rank", ">Ranks", "Model", "Dtype",
        n_tasks > 1 ? ">Mean" : ">Score", ">95 % interval", NULL);
    add_mteb_columns(t, section);
    json_array_foreach(groups, k, group) {
        if (k < TASKS_SHOWN) {
            table_column(t, json_get_string(group, "name", ""), true);
        }
    }
    json_array_foreach(tasks, k, task) {
        if (each) {
            table_column(t, json_get_string(task, "name", ""), true);
        }
    }
    json_array_foreach(json_object_get(section, "rows"), i, row) {
        const json_t *mean = json_object_get(row, "mean");
        rank_cells(t, row);
        table_cell(t, name_of(row));
        table_cell(t, json_get_string(row, "dtype", NULL));
        value_cell(t, NULL, mean);
        if (mean) {
            interval_cell(t, mean);
        } else {
            table_cell(t, json_get_string(row, "reason", NULL));
        }
        mteb_cells(t, section, row);
        json_array_foreach(groups, k, group) {
            if (k < TASKS_SHOWN) {
                value_cell(t, NULL,
                    json_object_get(json_array_get(json_object_get(row, "groups"), k), "mean"));
            }
        }
        json_array_foreach(tasks, k, task) {
            if (each) {
                value_cell(t, json_object_get(task, "metric"),
                    json_array_get(json_object_get(row, "cells"), k));
            }
        }
    }
    table_print(t, true);
}

/* Below the ranks, as the page has them. */
static void print_imported(const json_t *section) {
    const json_t *list = json_object_get(section, "imported"), *r;
    size_t i;
    if (json_array_size(list) == 0) {
        return;
    }
    puts("\nImported, in no rank (--rank-imported gives them one):\n");
    struct table *t = table_new("Model", "Task", ">Score", "Asked by", ">Run", NULL);
    json_array_foreach(list, i, r) {
        table_cell(t, name_of(r));
        table_cell(t, json_get_string(json_object_get(r, "task"), "name", ""));
        value_cell(t, json_object_get(r, "metric"), json_object_get(r, "figure"));
        table_cell(t, json_get_string(r, "profile", ""));
        table_cellf(t, "%lld", json_get_int(r, "run", 0));
    }
    table_print(t, true);
}

/* What the dtype of some rows means for them. */
static void print_marks(const json_t *section) {
    const json_t *mark;
    size_t i;
    json_array_foreach(json_object_get(section, "marks"), i, mark) printf(
        "\n%s: %s.\n", json_get_string(mark, "word", ""), json_get_string(mark, "means", ""));
}

static void print_tests(const json_t *section) {
    const json_t *tests = json_object_get(section, "tests");
    long long pairs = json_get_int(tests, "pairs", 0), paired = json_get_int(tests, "paired", 0);
    double detectable = json_get_number(tests, "detectable", NAN);
    if (pairs == 0) {
        return;
    }
    printf("\nInside a tier no two models differ significantly (paired tests, Holm's rule, 5 %%)");
    if (paired < pairs) {
        printf(";\n%lld of %lld pairs are compared by their errors alone", pairs - paired, pairs);
    }
    if (isfinite(detectable)) {
        printf(".\nA difference of %.1f between neighbours is found four times out of five",
            100 * detectable);
    }
    puts(".");
}

static void print_pairs(const json_t *section) {
    const json_t *rows = json_object_get(section, "rows"), *pair;
    struct table *t = table_new(
        "Model", "Against", ">Difference", ">95 % interval", ">p", ">p (Holm)", "Differ", NULL);
    size_t i;
    json_array_foreach(json_object_get(section, "pairs"), i, pair) {
        double holm = json_get_number(pair, "p_holm", NAN);
        table_cell(t, name_of(json_array_get(rows, (size_t)json_get_int(pair, "a", 0))));
        table_cell(t, name_of(json_array_get(rows, (size_t)json_get_int(pair, "b", 0))));
        table_cellf(t, "%+.1f", 100 * json_get_number(pair, "difference", NAN));
        interval_cell(t, pair);
        p_cell(t, json_get_number(pair, "p", NAN));
        p_cell(t, holm);
        table_cell(t, holm <= 0.05 ? "yes" : "no");
    }
    puts("");
    table_print(t, true);
}

static bool has_any(const json_t *section) {
    return json_array_size(json_object_get(section, "rows")) +
               json_array_size(json_object_get(section, "imported")) >
           0;
}

static void print_board(const json_t *board) {
    const json_t *section;
    size_t i;
    json_array_foreach(json_object_get(board, "sections"), i, section) {
        if (has_any(section)) {
            printf("%s## %s\n\n", i ? "\n" : "", json_get_string(section, "title", ""));
            print_rows(section);
            print_marks(section);
            print_tests(section);
            print_imported(section);
        }
        if (json_array_size(json_object_get(section, "pairs"))) {
            print_pairs(section);
        }
    }
}

/* ---- the command ---- */

static bool has_rows(const json_t *board) {
    const json_t *section;
    size_t i;
    json_array_foreach(json_object_get(board, "sections"), i, section) {
        if (has_any(section)) {
            return true;
        }
    }
    return false;
}

/* The page's document, with every result in a row of its own beside the sections. */
static void name_document(json_t *board, const json_t *snapshot) {
    json_object_set_new(board, "schema", json_string("assay.board/1"));
    json_object_set(board, "rows", json_object_get(snapshot, "board"));
}

static bool find_board(const struct args *args, json_t **board, struct err *err) {
    const char *suite = args->operands[0];
    unsigned long resamples, seed;
    json_t *snapshot = NULL;
    struct db *db = NULL;
    bool ok = args_get_uint(args, "resamples", 10000, 10000000, &resamples, err) &&
              args_get_uint(args, "seed", 0, UINT32_MAX, &seed, err) &&
              (db = database_open(args, err)) != NULL;
    ok = ok && site_load_board(db, suite, &snapshot, err);
    struct board_options options = { .pairs = args_has(args, "pairs"),
        .rank_imported = args_has(args, "rank-imported"),
        .n_resamples = ok ? resamples : 0,
        .seed = ok ? seed : 0 };
    ok = ok && site_board(snapshot, suite, &options, board, err);
    if (ok) {
        name_document(*board, snapshot);
    }
    json_decref(snapshot);
    db_close(db);
    return ok;
}

static bool run(const struct args *args, struct err *err) {
    const char *suite = args->operands[0];
    json_t *board = NULL;
    struct err why = ERR_INIT;
    bool ok = find_board(args, &board, &why);
    if (!ok && why.class != ERR_NOT_FOUND) {
        *err = why;
    } else if (!ok || !has_rows(board)) {
        ok = err_set(err, ERR_NOT_FOUND, "there are no results of suite '%s'", suite);
        err_hint(err, "submit a model to it: assay submit MODEL -s %s", suite);
    } else if (args_has(args, "json")) {
        print_document(board, true);
    } else {
        print_board(board);
    }
    json_decref(board);
    return ok;
}

const struct command cmd_suite_board = {
    .name = "suite board",
    .operands = "SUITE",
    .summary = "the leaderboard of a suite, as a table",
    .details =
        "Models are ranked by the mean over the suite's tasks, or as the suite says: by the mean "
        "over types of\n"
        "tasks, or by Borda's rule, as mteb ranks. A rank is an interval: from 1 + how "
        "many models\nare significantly better to n less those significantly worse. Whether two "
        "models differ is tested on the\ndocuments that they share, for all pairs, with Holm's "
        "rule at 5 %; inside a tier no two differ.\n\n"
        "  assay suite board wordnet\n"
        "  assay suite board wordnet --pairs          who differs from whom, and by how much\n"
        "  assay suite board wordnet --json\n\n"
        "Imported results (assay result import) stand below, without a rank, unless "
        "--rank-imported\nasks for one; what it would say of their documents is not known, so they "
        "are compared by errors\nalone, where they have any.\n",
    .options = { options_board, options_database },
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
