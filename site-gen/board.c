/* The board of a suite: sections by what is asked of a model, each with its own ranking (view.h).
 *
 * A section holds the suite's tasks of one family. Its mean is over the tasks that are scored from
 * 0 to 1, made as the suite says, and is given only where all of them were measured on the same
 * data: a row that lacks one has no mean, no rank, and the reason in their place. */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "site-gen/shelf.h"
#include "site-gen/training.h"
#include "site-gen/traits.h"
#include "site-gen/view.h"

static const struct family {
    const char *id, *title, *asked;
    const char *kinds[12];
} FAMILIES[] = {
    { "embedding", "Embedding", "Models turn texts into vectors; the tasks use nothing else.",
        { "sts", "retrieval", "rerank", "classification", "multilabel", "clustering", "pair",
            "bitext", "summary", "instruction_retrieval" } },
    { "language", "Language model", "Models say how likely a text is, or write one.",
        { "choice", "loglikelihood", "rolling", "generate" } },
};
#define N_FAMILIES (sizeof FAMILIES / sizeof *FAMILIES)

enum { AMONG_LEAST = 3 };

/* Pages of models show how all models lie, and are made again with each of them. Beyond so many the
 * pages of tasks alone show that, and ranges end at round numbers: so a model's page stays as it is
 * until something that it says of the model is another. */
enum { AMONG_MOST = 400 };
#define ROUND_RANGE 0.05

static const struct family *family_of(const char *kind) {
    for (size_t f = 0; f < N_FAMILIES; f++) {
        for (const char *const *k = FAMILIES[f].kinds; *k; k++) {
            if (strcmp(*k, kind) == 0)
                return &FAMILIES[f];
        }
    }
    return &FAMILIES[1];
}

/* ---- columns ---- */

static json_t *column_view(const json_t *row) {
    static const char *const COPIED[] = { "position", "task_id", "version", "kind", "profile",
        "shots", "sample_limit", "seed", NULL };
    const json_t *definition = json_object_get(row, "definition");
    json_t *c = task_ref(json_get_string(row, "task", ""));
    copy_fields(c, row, COPIED);
    const char *metric = json_get_string(row, "main", "");
    json_object_set_new(c, "metric", metric_view(metric, metric, definition));
    copy_number(c, definition, "baseline");
    return c;
}

static bool in_mean(const json_t *column) {
    const json_t *m = json_object_get(column, "metric");
    return json_get_bool(m, "percent", false) && json_get_bool(m, "higher", false);
}

static json_t *section_view(const struct world *w, const char *suite, const struct family *f) {
    json_t *columns = json_array(), *row;
    size_t i;
    json_array_foreach(world_list(w, "suite_tasks"), i, row) {
        if (strcmp(json_get_string(row, "suite", ""), suite) == 0 &&
            family_of(json_get_string(row, "kind", "")) == f)
            json_array_append_new(columns, column_view(row));
    }
    return json_pack("{s:s, s:s, s:s, s:o, s:[]}", "id", f->id, "title", f->title, "asked",
        f->asked, "tasks", columns, "rows");
}

/* ---- rows ---- */

static bool same_text(const json_t *a, const json_t *b, const char *key) {
    return strcmp(json_get_string(a, key, ""), json_get_string(b, key, "")) == 0;
}

static bool same_entry(const json_t *entry, const json_t *row) {
    return strcmp(json_get_string(entry, "id", ""), json_get_string(row, "model", "")) == 0 &&
           same_text(entry, row, "revision") && same_text(entry, row, "precision") &&
           same_text(entry, row, "weight_type");
}

static json_t *entry_new(const struct world *w, const json_t *row) {
    static const char *const COPIED[] = { "revision", "licence", "architecture", "params",
        "size_bytes", "precision", "weight_type", NULL };
    json_t *e = json_object();
    json_object_set(e, "id", json_object_get(row, "model")); /* until the section is finished */
    json_object_set_new(e, "model", model_ref(w, json_get_string(row, "model", "")));
    copy_fields(e, row, COPIED);
    json_object_set_new(e, "by_task", json_object());
    return e;
}

/* A shelf's rows say themselves what a snapshot has of their runs. */
static const json_t *run_of(const struct world *w, const json_t *row) {
    return w->shelf ? row : world_run(w, json_get_int(row, "run_id", 0));
}

static json_t *cell_view(const struct world *w, const json_t *row) {
    long long id = json_get_int(row, "run_id", 0);
    json_t *cell = figure_view(row);
    json_object_set_new(cell, "run", json_integer(id));
    json_object_set_new(cell, "path", run_path(w, json_get_string(row, "model", ""), id));
    copy_field(cell, row, "dtype");
    copy_field(cell, run_of(w, row), "data_sha256");
    return cell;
}

static void add_row(const struct world *w, json_t *section, const json_t *row) {
    json_t *rows = json_object_get(section, "rows");
    json_t *entry = json_array_get(rows, json_array_size(rows) - 1); /* rows come sorted */
    if (!entry || !same_entry(entry, row)) {
        entry = entry_new(w, row);
        json_array_append_new(rows, entry);
    }
    char id[32];
    snprintf(id, sizeof id, "%lld", json_get_int(row, "task_id", 0));
    json_object_set_new(json_object_get(entry, "by_task"), id, cell_view(w, row));
    if (!json_object_get(entry, "dtype"))
        copy_field(entry, row, "dtype");
    mark_dtype(entry, row);
    row_add_run(entry, run_of(w, row));
}

static void fill_sections(const struct world *w, const char *suite, json_t *const *sections) {
    size_t i;
    json_t *row;
    json_array_foreach(world_list(w, "board"), i, row) {
        const struct family *f = family_of(json_get_string(row, "kind", ""));
        if (strcmp(json_get_string(row, "suite", ""), suite) == 0 &&
            json_get_bool(row, "newest", true))
            add_row(w, sections[f - FAMILIES], row);
    }
}

/* ---- rows from a shelf ---- */

struct filling {
    const struct world *w;
    json_t *const *sections;
};

/* Where cells are compared by the scores of documents, these stay with their runs. */
static void take_row(void *to, const json_t *row) {
    static const char *const COPIED[] = { "run_id", "model", NULL };
    const struct filling *f = to;
    json_t *scores = json_object_get(row, "scores");
    if (scores && !json_is_null(scores)) {
        json_t *run = json_pack("{s:{s:O}}", "record", "scores", scores);
        copy_fields(run, row, COPIED);
        char id[32];
        snprintf(id, sizeof id, "%lld", json_get_int(row, "run_id", 0));
        json_object_set_new(f->w->runs, id, run);
    }
    add_row(f->w, f->sections[family_of(json_get_string(row, "kind", "")) - FAMILIES], row);
}

static void fill_from_shelf(const struct world *w, const json_t *suite, json_t *const *sections) {
    struct filling f = { w, sections };
    const char *name = json_get_string(suite, "suite", "");
    json_t *apart = shelf_apart(w->shelf, name);
    world_show(w, apart, NULL);
    bool scores = json_get_int(suite, "n_models", 0) <= PAIRED_ROWS_MAX;
    shelf_board(w->shelf, name, scores, take_row, &f);
    json_decref(apart);
}

/* ---- what was imported ---- */

/* Below the rows: models with what is said of them elsewhere, in no rank. */
static void add_imported(const struct world *w, json_t *section, const json_t *row) {
    json_t *list = json_object_get(section, "imported"), *line;
    if (!list)
        json_object_set_new(section, "imported", list = json_array());
    const char *model = json_get_string(row, "model", "");
    long long id = json_get_int(row, "run_id", 0);
    line = json_pack("{s:o, s:s, s:o, s:o, s:o, s:o}", "model", model_ref(w, model), "origin",
        "imported", "task", task_ref(json_get_string(row, "task", "")), "figure", figure_view(row),
        "run", json_integer(id), "path", run_path(w, model, id));
    const json_t *task = world_task(w, json_get_int(row, "task_id", 0));
    const char *main = json_get_string(task, "main", json_get_string(row, "metric", ""));
    json_object_set_new(
        line, "metric", metric_view(main, main, json_object_get(task, "definition")));
    copy_field(line, row, "profile");
    copy_field(line, row, "shots");
    mark_dtype(line, row);
    json_array_append_new(list, line);
}

static void fill_imported(const struct world *w, const char *suite, json_t *const *sections) {
    size_t i;
    json_t *row;
    json_array_foreach(world_list(w, "imported"), i, row) {
        json_t *section = sections[family_of(json_get_string(row, "kind", "")) - FAMILIES];
        if (strcmp(json_get_string(row, "suite", ""), suite) != 0)
            continue;
        if (w->rank_imported)
            add_row(w, section, row);
        else
            add_imported(w, section, row);
    }
}

/* ---- cells ---- */

static json_t *cell_of(const json_t *entry, const json_t *column) {
    char id[32];
    snprintf(id, sizeof id, "%lld", json_get_int(column, "task_id", 0));
    return json_object_get(json_object_get(entry, "by_task"), id);
}

/* The data that most rows were measured on; the one seen first where there are as many. */
static const char *usual_data(const json_t *rows, const json_t *column) {
    json_t *counts = json_object(), *row;
    const char *best = NULL;
    long long most = 0;
    size_t i;
    json_array_foreach(rows, i, row) {
        const char *data = json_get_string(cell_of(row, column), "data_sha256", NULL);
        if (data) {
            long long n = json_get_int(counts, data, 0) + 1;
            json_object_set_new(counts, data, json_integer(n));
            if (n > most) {
                most = n;
                best = data;
            }
        }
    }
    json_decref(counts);
    return best;
}

/* A run of the same task that is not the suite's: what sets it apart. NULL if nothing is known. */
static json_t *why_apart(const json_t *run, const json_t *column) {
    static const char *const SETTINGS[][2] = { { "profile", "profile" }, { "shots", "shots" },
        { "limit", "sample_limit" } };
    if (strcmp(json_get_string(run, "origin", ""), "imported") == 0)
        return json_string("imported, not measured");
    const json_t *config = json_object_get(run, "config");
    long long version = json_get_int(run, "task_version", 0);
    if (version != json_get_int(column, "version", version))
        return json_sprintf("measured as version %lld of the task, not %lld", version,
            json_get_int(column, "version", 0));
    for (size_t i = 0; i < sizeof SETTINGS / sizeof *SETTINGS; i++) {
        const json_t *got = json_object_get(config, SETTINGS[i][0]),
                     *want = json_object_get(column, SETTINGS[i][1]);
        if (got && want && !json_equal(got, want))
            return json_string_value(got)
                       ? json_sprintf("measured under '%.40s'", json_string_value(got))
                       : json_sprintf("measured with %s %lld, not %lld", SETTINGS[i][0],
                             json_integer_value(got), json_integer_value(want));
    }
    return json_get_int(run, "task_id", 0) == json_get_int(column, "task_id", 0)
               ? NULL
               : json_string("measured with another file of the task");
}

static json_t *why_not(const struct world *w, const char *model, const json_t *column) {
    const json_t *runs = json_object_get(w->runs_of, model), *run;
    size_t i;
    json_array_foreach(runs, i, run) {
        if (strcmp(json_get_string(run, "task", ""), json_get_string(column, "name", "")) == 0 &&
            json_get_bool(run, "current", true)) {
            json_t *apart = why_apart(run, column);
            if (apart)
                return apart;
        }
    }
    return json_string("not measured");
}

static json_t *why_missing(const struct world *w, const char *model, const json_t *column) {
    static const char *const WORDS[][2] = { { "leased", "running" }, { "queued", "queued" },
        { "waiting", "waiting to be tried again" }, { "cancelled", "cancelled" } };
    const json_t *job = world_job(w, model, json_get_string(column, "name", ""));
    const char *state = json_get_string(job, "state", "");
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
        if (strcmp(WORDS[i][0], state) == 0)
            return json_string(WORDS[i][1]);
    }
    if (strcmp(state, "dead") == 0)
        return json_sprintf(
            "failed: %.40s", json_get_string(job, "error_class", "no reason given"));
    return why_not(w, model, column);
}

static void fill_column(const struct world *w, json_t *rows, json_t *column) {
    const char *data = usual_data(rows, column);
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        json_t *cells = json_object_get(row, "cells"), *cell = cell_of(row, column);
        if (!cells) {
            cells = json_array();
            json_object_set_new(row, "cells", cells);
        }
        if (!cell) {
            cell = json_pack(
                "{s:o}", "missing", why_missing(w, json_get_string(row, "id", ""), column));
            json_array_append_new(cells, cell);
            continue;
        }
        const char *other = json_get_string(cell, "data_sha256", NULL);
        if (data && other && strcmp(data, other) != 0)
            json_object_set_new(cell, "differs", json_string("measured on other data"));
        json_array_append(cells, cell);
    }
}

static void colour_column(const json_t *rows, const json_t *column, size_t at) {
    size_t n = json_array_size(rows), m = 0;
    double *values = xcalloc(n + 1, sizeof *values);
    for (size_t i = 0; i < n; i++) {
        const json_t *cell = json_array_get(json_object_get(json_array_get(rows, i), "cells"), at);
        double v = json_get_number(cell, "value", NAN);
        if (!isnan(v))
            values[m++] = v;
    }
    struct heat_scale scale = heat_scale(values, m);
    bool higher = json_get_bool(json_object_get(column, "metric"), "higher", true);
    for (size_t i = 0; i < n; i++) {
        json_t *cell = json_array_get(json_object_get(json_array_get(rows, i), "cells"), at);
        double v = json_get_number(cell, "value", NAN);
        if (!isnan(v))
            json_object_set_new(cell, "heat", json_integer(heat_bucket(scale, v, higher)));
    }
    free(values);
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of the sorted values, how many are below `v`. */
static size_t count_below(const double *values, size_t n, double v) {
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (values[middle] < v)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static size_t count_to(const double *values, size_t n, double v) {
    return count_below(values, n, nextafter(v, INFINITY));
}

/* Each cell's "better": than which share of the others it is, in whole percent. Sorts the values.
 */
static void tell_better(json_t *cells, double *values, size_t n, bool higher) {
    size_t i;
    json_t *row;
    qsort(values, n, sizeof *values, by_value);
    if (n < AMONG_LEAST)
        return;
    json_array_foreach(cells, i, row) {
        json_t *cell = json_object_get(row, "f");
        double v = json_get_number(cell, "value", NAN);
        size_t worse = higher ? count_below(values, n, v) : n - count_to(values, n, v);
        json_object_set_new(
            cell, "better", json_integer(lround(100 * (double)worse / (double)(n - 1))));
    }
}

static void round_range(json_t *range) {
    double low = json_get_number(range, "low", 0), high = json_get_number(range, "high", 1);
    double step = ROUND_RANGE * pow(10, floor(log10(fmax(high - low, 1e-9)) + 1));
    json_object_set_new(range, "low", json_real(floor(low / step) * step));
    json_object_set_new(range, "high", json_real(ceil(high / step) * step));
}

/* How many of the column's values lie where, for the strips of the model pages. */
static void gather_spread(const json_t *rows, json_t *column, size_t at) {
    json_t *cells = json_array(), *row;
    size_t i, n = 0;
    json_array_foreach(rows, i, row) {
        json_t *cell = json_array_get(json_object_get(row, "cells"), at);
        if (json_object_get(cell, "value"))
            json_array_append_new(cells, json_pack("{s:O}", "f", cell));
    }
    double *values = xcalloc(json_array_size(cells) + 1, sizeof *values);
    json_array_foreach(cells, i, row) values[n++] =
        json_get_number(json_object_get(row, "f"), "value", NAN);
    json_t *range = range_of(cells, "f", json_get_number(column, "baseline", NAN));
    char spread[SPREAD_PLACES + 1];
    places_of(
        values, n, json_get_number(range, "low", 0), json_get_number(range, "high", 1), spread);
    if (n > AMONG_MOST)
        round_range(range);
    else
        json_object_set_new(column, "spread", json_string(spread));
    json_object_set_new(column, "range", range);
    tell_better(cells, values, n, json_get_bool(json_object_get(column, "metric"), "higher", true));
    free(values);
    json_decref(cells);
}

/* ---- models without a row ---- */

static json_t *names_of(const json_t *rows) {
    json_t *names = json_object(), *row;
    size_t i;
    json_array_foreach(rows, i, row)
        json_object_set_new(names, json_get_string(row, "id", ""), json_true());
    return names;
}

/* Models that have a job for a task of this section and no result in it, with the reason. */
static json_t *others_view(const struct world *w, const json_t *section) {
    json_t *others = json_array(), *names = names_of(json_object_get(section, "rows")), *revisions;
    const json_t *columns = json_object_get(section, "tasks");
    const char *model;
    json_object_foreach(w->models, model, revisions) {
        (void)revisions;
        for (size_t i = 0; i < json_array_size(columns) && !json_object_get(names, model); i++) {
            const json_t *column = json_array_get(columns, i);
            if (world_job(w, model, json_get_string(column, "name", ""))) {
                json_array_append_new(others, json_pack("{s:o, s:o}", "model", model_ref(w, model),
                                                  "reason", why_missing(w, model, column)));
                break;
            }
        }
    }
    json_decref(names);
    return others;
}

static void finish_section(const struct world *w, json_t *section, const json_t *definition) {
    json_t *rows = json_object_get(section, "rows"), *columns = json_object_get(section, "tasks");
    json_t *column, *row;
    size_t i;
    json_array_foreach(columns, i, column) {
        fill_column(w, rows, column);
        colour_column(rows, column, i);
        gather_spread(rows, column, i);
        json_object_set_new(column, "in_mean", json_boolean(in_mean(column)));
    }
    bool by_votes;
    long long ranked = 0;
    mark_training(w, section);
    json_object_set_new(section, "others", others_view(w, section));
    fill_means(w, section, definition);
    by_votes = strcmp(json_get_string(section, "mean", ""), "borda") == 0;
    json_array_foreach(rows, i, row) {
        row_traits(w, row, strcmp(json_get_string(section, "id", ""), "embedding") == 0);
        json_object_del(row, "by_task");
        json_object_del(row, "id");
        ranked += by_votes || json_object_get(row, "mean");
    }
    json_object_set_new(
        section, "tests", rank_rows(rows, "mean", true, json_object_get(section, "weights")));
    if (by_votes)
        rank_by_votes(rows);
    if (!w->keep_parts)
        drop_parts(rows);
    drop_undetectable(json_object_get(section, "tests"), 1); /* of means of shares */
    json_object_set_new(section, "range", range_of(rows, "mean", NAN));
    json_object_set_new(section, "n_ranked", json_integer(ranked));
    json_object_set_new(section, "marks", marks_of(rows));
}

json_t *view_board(const struct world *w, const json_t *suite) {
    static const char *const COPIED[] = { "version", "sha256", "n_tasks", "n_models", "updated_at",
        NULL };
    const char *name = json_get_string(suite, "suite", "");
    json_t *sections[N_FAMILIES], *kept = json_array();
    char *part = slug(name);
    json_t *board =
        json_pack("{s:s, s:s, s:O*, s:o}", "schema", "assay.site.board/1", "suite", name, "title",
            json_object_get(w->suite_titles, name), "path", json_sprintf("/s/%s/", part));
    free(part);
    copy_fields(board, suite, COPIED);
    copy_text(board, json_object_get(suite, "definition"), "description");
    copy_text(board, json_object_get(suite, "definition"), "licence");
    for (size_t f = 0; f < N_FAMILIES; f++)
        sections[f] = section_view(w, name, &FAMILIES[f]);
    if (w->shelf)
        fill_from_shelf(w, suite, sections);
    else
        fill_sections(w, name, sections);
    fill_imported(w, name, sections);
    for (size_t f = 0; f < N_FAMILIES; f++) {
        if (json_array_size(json_object_get(sections[f], "tasks"))) {
            finish_section(w, sections[f], json_object_get(suite, "definition"));
            json_array_append(kept, sections[f]);
        }
        json_decref(sections[f]);
    }
    json_object_set_new(board, "sections", kept);
    return board;
}
