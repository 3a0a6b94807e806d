/* See groups.h. What has no scale from 0 to 1 (a perplexity), and what is better the lower it is,
 * takes no part in a mean; nor does a task that is for another kind of model. */
#include "evaluator/cli/groups.h"

#include <math.h>
#include <string.h>

#include "base/average.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "evaluator/cli/table.h"

struct results {
    const json_t *results, *skipped;
    const char *model;
};

static bool same_profile(const json_t *result, const json_t *leaf) {
    const char *want = json_get_string(leaf, "profile", NULL);
    return !want || !strcmp(json_get_string(result, "profile", ""), want);
}

/* The result with the leaf's number of shots, under its profile; the first one where it says none,
 * or has none such because the task does not let it be changed. */
static const json_t *find_result(const struct results *r, const json_t *leaf) {
    const json_t *first = NULL;
    size_t i;
    json_t *result;
    json_array_foreach(r->results, i, result) {
        if (strcmp(json_get_string(result, "model", ""), r->model) ||
            strcmp(json_get_string(result, "task", ""), json_get_string(leaf, "task", "")) ||
            !same_profile(result, leaf)) {
            continue;
        }
        first = first ? first : result;
        if (json_equal(json_object_get(result, "shots"), json_object_get(leaf, "shots"))) {
            return result;
        }
    }
    return first;
}

static bool takes_part(const json_t *result) {
    const char *metric = json_get_string(result, "main", "");
    return metric_averages(metric_rule_of(metric, metric, result));
}

static void find_part(const json_t *leaf, void *arg, struct average_part *out) {
    const struct results *r = arg;
    const json_t *result = find_result(r, leaf);
    const char *main_metric = json_get_string(result, "main", "");
    const json_t *m = json_object_get(json_object_get(result, "metrics"), main_metric);
    out->left_out = result ? !takes_part(result)
                           : json_object_get(r->skipped, json_get_string(leaf, "task", "")) != NULL;
    out->value = json_get_number(m, "value", NAN);
    out->se = json_get_number(m, "stderr", NAN);
    out->n = json_get_number(result, "n", 0);
    out->baseline = json_get_number(result, "baseline", NAN);
    out->profile = json_get_string(result, "profile", NULL);
    out->metric = main_metric;
    out->kind = json_get_string(result, "kind", NULL);
    out->problem = !result             ? "not measured"
                   : isnan(out->value) ? "has no overall value without all of its subsets"
                                       : NULL;
}

json_t *groups_of(
    const json_t *trees, const json_t *results, const json_t *skipped, const char *model) {
    struct results r = { results, skipped, model };
    json_t *groups = json_array(), *tree, *row;
    size_t i, k;
    json_array_foreach(trees, i, tree) {
        json_t *rows = average_tree(tree, find_part, &r);
        json_array_foreach(rows, k, row) {
            json_object_set_new(row, "model", json_string(model));
        }
        json_array_extend(groups, rows);
        json_decref(rows);
    }
    return groups;
}

/* The rows of one suite, a model each. The caller owns the list. */
static json_t *rows_of(const json_t *groups, const char *suite) {
    json_t *rows = json_array(), *row;
    size_t i;
    json_array_foreach(groups, i, row) {
        if (!strcmp(json_get_string(row, "suite", ""), suite) &&
            json_get_int(row, "depth", 0) == 0 && json_object_get(row, "means")) {
            json_array_append(rows, row);
        }
    }
    return rows;
}

static void vote(const json_t *tree, const json_t *results, const json_t *rows) {
    size_t n = json_array_size(rows), width = json_array_size(json_object_get(tree, "members")), i;
    double *scores = xcalloc(n * width + 1, sizeof *scores), *votes = xcalloc(n + 1, sizeof *votes);
    size_t *rank = xcalloc(n + 1, sizeof *rank);
    json_t *row;
    json_array_foreach(rows, i, row) {
        struct results r = { results, NULL, json_get_string(row, "model", "") };
        average_scores(tree, find_part, &r, scores + i * width);
    }
    average_borda(scores, n, width, votes, rank);
    json_array_foreach(rows, i, row) {
        json_object_set_new(row, "borda",
            json_pack("{s:I, s:f, s:I}", "rank", (json_int_t)rank[i], "votes", votes[i], "models",
                (json_int_t)n));
    }
    free(scores);
    free(votes);
    free(rank);
}

void groups_vote(const json_t *trees, const json_t *results, json_t *groups) {
    size_t i;
    json_t *tree;
    json_array_foreach(trees, i, tree) {
        json_t *rows = rows_of(groups, json_get_string(tree, "name", ""));
        if (json_array_size(rows) > 1) {
            vote(tree, results, rows);
        }
        json_decref(rows);
    }
}

static void add_figures(struct table *t, const json_t *row) {
    double stderr_ = json_get_number(row, "stderr", NAN);
    table_cellf(t, "%.4f", json_get_number(row, "value", NAN));
    if (isfinite(stderr_)) {
        table_cellf(t, "± %.4f", stderr_);
        table_cellf(
            t, "%.4f to %.4f", json_get_number(row, "low", NAN), json_get_number(row, "high", NAN));
    } else {
        table_cell(t, NULL);
        table_cell(t, NULL);
    }
}

static void add_score(struct table *t, const json_t *row) {
    if (json_is_number(json_object_get(row, "value"))) {
        add_figures(t, row);
    } else {
        table_cell(t, NULL);
        table_cell(t, NULL);
        table_cell(t, json_get_string(row, "reason", NULL));
    }
}

/* A score within a suite: `of` has the number of tasks. */
static void add_part(struct table *t, const json_t *suite, const char *name, const char *mean,
    const json_t *of, const json_t *score) {
    table_cell(t, json_get_string(suite, "model", ""));
    table_cellf(t, "%*s%s", 2 * (int)json_get_int(suite, "depth", 0) + 2, "", name);
    table_cell(t, mean);
    table_cell(t, NULL);
    table_cellf(t, "%lld", json_get_int(of, "n_tasks", 0));
    table_cell(t, NULL);
    add_score(t, score);
}

static void add_votes(struct table *t, const json_t *row, const json_t *borda) {
    table_cell(t, json_get_string(row, "model", ""));
    table_cellf(t, "%*sBorda", 2 * (int)json_get_int(row, "depth", 0) + 2, "");
    table_cell(t, "borda");
    table_cell(t, NULL);
    table_cellf(t, "%lld", json_get_int(row, "n_tasks", 0));
    table_cell(t, NULL);
    table_cellf(t, "%g", json_get_number(borda, "votes", 0));
    table_cell(t, NULL);
    table_cellf(
        t, "rank %lld of %lld", json_get_int(borda, "rank", 0), json_get_int(borda, "models", 0));
}

/* mteb's means and those of the types, below the suite that they are of. */
static void add_means(struct table *t, const json_t *row) {
    const json_t *means = json_object_get(row, "means"), *type;
    size_t i;
    if (means) {
        add_part(t, row, "Mean (Task)", "task", row, json_object_get(means, "task"));
        add_part(t, row, "Mean (TaskType)", "type", row, json_object_get(means, "type"));
    }
    if (json_object_get(row, "borda")) {
        add_votes(t, row, json_object_get(row, "borda"));
    }
    json_array_foreach(json_object_get(row, "types"), i, type) {
        add_part(t, row, json_get_string(type, "type", ""), "task", type, type);
    }
}

static void add_row(struct table *t, const json_t *row) {
    table_cell(t, json_get_string(row, "model", ""));
    table_cellf(
        t, "%*s%s", 2 * (int)json_get_int(row, "depth", 0), "", json_get_string(row, "suite", ""));
    table_cell(t, json_get_string(row, "mean", ""));
    table_cell(t, json_get_string(row, "metric", NULL));
    table_cellf(t, "%lld", json_get_int(row, "n_tasks", 0));
    table_cellf(t, "%lld", json_get_int(row, "n", 0));
    add_score(t, row);
    add_means(t, row);
}

void groups_print(const json_t *groups) {
    struct table *t = table_new(
        "Model", "Suite", "Mean", "Metric", ">Tasks", ">n", ">Value", "Stderr", "95 % CI", NULL);
    size_t i;
    json_t *row;
    json_array_foreach(groups, i, row) {
        add_row(t, row);
    }
    table_print(t, true);
}
