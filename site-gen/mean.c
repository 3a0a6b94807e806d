/* Means of a board's rows (see view.h): the suite's tree says how they are made, base/average.h how
 * that is done. Columns are a section's tasks; a leaf of the tree without one belongs to another
 * section. */
#include <math.h>
#include <string.h>

#include "base/average.h"
#include "base/json.h"
#include "base/mem.h"
#include "site-gen/view.h"

/* Whose cells are asked about. */
struct row_cells {
    const json_t *columns, *cells;
};

/* The column of a leaf: of its task, and of its number of shots where the tree gives one. */
static size_t column_of(const json_t *columns, const json_t *leaf) {
    const json_t *shots = json_object_get(leaf, "shots"), *column;
    size_t i, found = json_array_size(columns);
    json_array_foreach(columns, i, column) {
        if (strcmp(json_get_string(column, "name", ""), json_get_string(leaf, "task", "")))
            continue;
        if (shots && json_equal(shots, json_object_get(column, "shots")))
            return i;
        found = found < json_array_size(columns) ? found : i;
    }
    return found;
}

static void find_part(const json_t *leaf, void *arg, struct average_part *out) {
    const struct row_cells *r = arg;
    size_t i = column_of(r->columns, leaf);
    const json_t *column = json_array_get(r->columns, i), *cell = json_array_get(r->cells, i);
    struct figure f = { json_get_number(cell, "value", NAN), json_get_number(cell, "se", NAN) };
    out->left_out = !column || !json_get_bool(column, "in_mean", false);
    out->value = f.value;
    out->se = f.se;
    out->n = json_get_number(cell, "n", 0);
    out->baseline = json_get_number(column, "baseline", NAN);
    out->profile = json_get_string(column, "profile", NULL);
    out->kind = json_get_string(column, "kind", NULL);
    out->metric = json_get_string(json_object_get(column, "metric"), "name", NULL);
    out->problem = json_get_string(cell, "missing", json_get_string(cell, "differs", NULL));
}

static void count_tasks(json_t *row, const struct row_cells *r) {
    size_t asked = 0, done = 0, i;
    json_t *column;
    json_array_foreach(r->columns, i, column) {
        const json_t *cell = json_array_get(r->cells, i);
        bool wanted = json_get_bool(column, "in_mean", false);
        asked += wanted;
        done += wanted && !json_object_get(cell, "missing") && !json_object_get(cell, "differs");
    }
    json_object_set_new(row, "n_done", json_integer((json_int_t)done));
    json_object_set_new(row, "n_tasks", json_integer((json_int_t)asked));
}

/* What the row is compared by: its tasks in the mean, in the order of the columns. */
static void put_parts(const struct world *w, json_t *row, const struct row_cells *r) {
    json_t *parts = json_array(), *column;
    size_t i;
    json_array_foreach(r->columns, i, column) {
        const json_t *cell = json_array_get(r->cells, i);
        if (json_get_bool(column, "in_mean", false))
            json_array_append_new(parts, part_view(w, cell, json_get_int(cell, "run", 0)));
    }
    json_object_set_new(row, "parts", parts);
}

/* A figure under "mean", or why there is none under "reason". */
static void put_mean(json_t *to, const json_t *average) {
    if (json_is_number(json_object_get(average, "value")))
        json_object_set_new(to, "mean", figure_view(average));
    else
        json_object_set_new(to, "reason",
            json_string(json_get_string(average, "reason", "no task of this suite has a mean")));
}

static json_t *mean_view(const json_t *average) {
    json_t *view = json_object();
    put_mean(view, average);
    return view;
}

/* mteb's means, and those of the types in the section's order; only where the suite has them. */
static void put_types(json_t *row, const json_t *average) {
    const json_t *means = json_object_get(average, "means"), *type;
    json_t *types = json_array();
    size_t i;
    json_array_foreach(json_object_get(average, "types"), i, type)
        json_array_append_new(types, mean_view(type));
    if (means) {
        json_object_set_new(row, "means",
            json_pack("{s:o, s:o}", "task", mean_view(json_object_get(means, "task")), "type",
                mean_view(json_object_get(means, "type"))));
        json_object_set(row, "types", types);
    }
    json_decref(types);
}

static void fill_row(
    const struct world *w, json_t *row, const json_t *columns, const json_t *tree) {
    struct row_cells r = { columns, json_object_get(row, "cells") };
    json_t *averages = average_tree(tree, find_part, &r), *groups = json_array(), *average;
    size_t i;
    count_tasks(row, &r);
    put_parts(w, row, &r);
    put_mean(row, json_array_get(averages, 0));
    put_types(row, json_array_get(averages, 0));
    json_array_foreach(averages, i, average) {
        json_t *group = i ? json_object() : NULL;
        if (group) {
            put_mean(group, average);
            json_array_append_new(groups, group);
        }
    }
    if (json_array_size(groups))
        json_object_set(row, "groups", groups);
    json_decref(groups);
    json_decref(averages);
}

/* Suites of before trees, and boards without a suite's file: all tasks of equal weight. */
static json_t *flat_tree(const json_t *columns) {
    json_t *members = json_array(), *column;
    size_t i;
    json_array_foreach(columns, i, column)
        json_array_append_new(members, json_pack("{s:O}", "task", json_object_get(column, "name")));
    return json_pack("{s:s, s:s, s:o}", "name", "", "mean", "task", "members", members);
}

/* Types of tasks, in the order in which any row has their means. */
static void name_types(json_t *section, const json_t *average) {
    json_t *names = json_array(), *type;
    size_t i;
    json_array_foreach(json_object_get(average, "types"), i, type)
        json_array_append(names, json_object_get(type, "type"));
    json_object_set_new(section, "types", names);
}

/* Names and titles of the suites within, as any row has them. */
static void name_groups(json_t *section, const json_t *tree) {
    struct row_cells nothing = { json_object_get(section, "tasks"), NULL };
    json_t *averages = average_tree(tree, find_part, &nothing), *groups = json_array(), *average;
    size_t i;
    json_array_foreach(averages, i, average) {
        if (i)
            json_array_append_new(
                groups, json_pack("{s:O, s:O*}", "name", json_object_get(average, "suite"), "title",
                            json_object_get(average, "title")));
    }
    json_object_set_new(section, "groups", groups);
    name_types(section, json_array_get(averages, 0));
    json_decref(averages);
}

/* ---- Borda's rule ---- */

/* Sets "borda" in each row: its rank among all that are on the board, and the votes that make it.
 */
static void put_votes(json_t *rows, const json_t *columns, const json_t *tree) {
    size_t n = json_array_size(rows), width = json_array_size(json_object_get(tree, "members")), i;
    double *scores = xcalloc(n * width + 1, sizeof *scores), *votes = xcalloc(n + 1, sizeof *votes);
    size_t *rank = xcalloc(n + 1, sizeof *rank), n_tasks = 0;
    json_t *row;
    json_array_foreach(rows, i, row) {
        struct row_cells r = { columns, json_object_get(row, "cells") };
        n_tasks = average_scores(tree, find_part, &r, scores + i * n_tasks);
    }
    average_borda(scores, n, n_tasks, votes, rank);
    json_array_foreach(rows, i, row) json_object_set_new(
        row, "borda", json_pack("{s:I, s:f}", "rank", (json_int_t)rank[i], "votes", votes[i]));
    free(scores);
    free(votes);
    free(rank);
}

/* ---- weights ---- */

/* Columns whose weights are summed up: a leaf may be named twice. */
struct weighing {
    const json_t *columns;
    double *weights;
};

static void weigh(const json_t *leaf, double weight, void *arg) {
    const struct weighing *k = arg;
    size_t i = column_of(k->columns, leaf);
    if (i < json_array_size(k->columns))
        k->weights[i] += weight;
}

/* A row that has a mean: how many documents its tasks have is how many they have for all. */
static const json_t *complete_row(const json_t *rows) {
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        if (json_object_get(row, "mean"))
            return row;
    }
    return NULL;
}

/* What the mean grows by with each of the parts. */
static json_t *weights_view(const json_t *rows, const json_t *columns, const json_t *tree) {
    struct row_cells r = { columns, json_object_get(complete_row(rows), "cells") };
    struct weighing k = { columns, xcalloc(json_array_size(columns) + 1, sizeof *k.weights) };
    json_t *list = json_array(), *column;
    size_t i;
    average_weights(tree, find_part, &r, weigh, &k);
    json_array_foreach(columns, i, column) {
        if (json_get_bool(column, "in_mean", false))
            json_array_append_new(list, json_real(isfinite(k.weights[i]) ? k.weights[i] : 0));
    }
    free(k.weights);
    return list;
}

void fill_means(const struct world *w, json_t *section, const json_t *suite_definition) {
    const json_t *columns = json_object_get(section, "tasks"),
                 *own = json_object_get(suite_definition, "tree");
    json_t *tree = own ? json_incref((json_t *)(uintptr_t)own) : flat_tree(columns), *row;
    size_t i;
    json_object_set_new(section, "mean", json_string(json_get_string(tree, "mean", "task")));
    name_groups(section, tree);
    json_array_foreach(json_object_get(section, "rows"), i, row) fill_row(w, row, columns, tree);
    if (json_array_size(json_object_get(section, "types")))
        put_votes(json_object_get(section, "rows"), columns, tree);
    json_object_set_new(
        section, "weights", weights_view(json_object_get(section, "rows"), columns, tree));
    json_decref(tree);
}
