/* The board of a suite: sections by what is asked of a model, each with its own ranking (view.h).
 *
 * A section holds the suite's tasks of one family. Its mean is over the tasks that are scored from
 * 0 to 1, of equal weight, and is given only where all of them were measured on the same data: a
 * row that lacks one has no mean, no rank, and the reason in their place. */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "site-gen/view.h"

#define POINTS_MAX 200

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
    json_object_set_new(c, "metric", metric_view(json_get_string(row, "main", ""), definition));
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

static json_t *cell_view(const struct world *w, const json_t *row) {
    long long id = json_get_int(row, "run_id", 0);
    json_t *cell = figure_view(row);
    json_object_set_new(cell, "run", json_integer(id));
    json_object_set_new(cell, "path", run_path(w, json_get_string(row, "model", ""), id));
    copy_field(cell, row, "dtype");
    copy_field(cell, world_run(w, id), "data_sha256");
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

static json_t *why_missing(const struct world *w, const char *model, const char *task) {
    static const char *const WORDS[][2] = { { "leased", "running" }, { "queued", "queued" },
        { "waiting", "waiting to be tried again" }, { "cancelled", "cancelled" } };
    const json_t *job = world_job(w, model, task);
    const char *state = json_get_string(job, "state", "");
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
        if (strcmp(WORDS[i][0], state) == 0)
            return json_string(WORDS[i][1]);
    }
    if (strcmp(state, "dead") == 0)
        return json_sprintf(
            "failed: %.40s", json_get_string(job, "error_class", "no reason given"));
    return json_string("not measured");
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
            cell = json_pack("{s:o}", "missing",
                why_missing(
                    w, json_get_string(row, "id", ""), json_get_string(column, "name", "")));
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

/* Values of a column, for the strips of the model pages: all, or some that are spread evenly. */
static void gather_points(const json_t *rows, json_t *column, size_t at) {
    json_t *points = json_array(), *cells = json_array(), *row;
    size_t i;
    json_array_foreach(rows, i, row) {
        json_t *cell = json_array_get(json_object_get(row, "cells"), at);
        if (json_object_get(cell, "value"))
            json_array_append_new(cells, json_pack("{s:O}", "f", cell));
    }
    size_t n = json_array_size(cells), shown = n < POINTS_MAX ? n : POINTS_MAX;
    for (i = 0; i < shown; i++) {
        row = json_array_get(cells, i * n / shown);
        json_array_append(points, json_object_get(json_object_get(row, "f"), "value"));
    }
    double baseline = json_get_number(column, "baseline", NAN);
    json_object_set_new(column, "range", range_of(cells, "f", baseline));
    json_object_set_new(column, "points", points);
    json_decref(cells);
}

/* ---- means ---- */

static void add_reason(struct strbuf *why, const json_t *column, const char *what) {
    strbuf_addf(why, "%s%s %s", why->len ? "; " : "", json_get_string(column, "name", ""), what);
}

/* Sets the mean, or the reason why there is none. */
static void fill_mean(json_t *row, const json_t *columns) {
    size_t n = json_array_size(columns), asked = 0, done = 0, i;
    struct figure *parts = xcalloc(n + 1, sizeof *parts);
    struct strbuf why = { 0 };
    json_t *column;
    json_array_foreach(columns, i, column) {
        const json_t *cell = json_array_get(json_object_get(row, "cells"), i);
        const char *problem =
            json_get_string(cell, "missing", json_get_string(cell, "differs", NULL));
        asked += in_mean(column);
        if (problem && in_mean(column))
            add_reason(&why, column, problem);
        else if (in_mean(column))
            parts[done++] = (struct figure) { json_get_number(cell, "value", NAN),
                json_get_number(cell, "se", NAN) };
    }
    json_object_set_new(row, "n_done", json_integer((json_int_t)done));
    json_object_set_new(row, "n_tasks", json_integer((json_int_t)asked));
    if (done == asked && done > 0) {
        struct figure mean = figure_mean(parts, done);
        json_t *as_row = json_pack("{s:f}", "value", mean.value);
        if (isfinite(mean.se))
            json_object_set_new(as_row, "stderr", json_real(mean.se));
        json_object_set_new(row, "mean", figure_view(as_row));
        json_decref(as_row);
    } else {
        json_object_set_new(row, "reason", json_string(strbuf_str(&why)));
    }
    strbuf_release(&why);
    free(parts);
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
            const char *task = json_get_string(json_array_get(columns, i), "name", "");
            if (world_job(w, model, task)) {
                json_array_append_new(others, json_pack("{s:o, s:o}", "model", model_ref(w, model),
                                                  "reason", why_missing(w, model, task)));
                break;
            }
        }
    }
    json_decref(names);
    return others;
}

static void finish_section(const struct world *w, json_t *section) {
    json_t *rows = json_object_get(section, "rows"), *columns = json_object_get(section, "tasks");
    json_t *column, *row;
    size_t i;
    json_array_foreach(columns, i, column) {
        fill_column(w, rows, column);
        colour_column(rows, column, i);
        gather_points(rows, column, i);
        json_object_set_new(column, "in_mean", json_boolean(in_mean(column)));
    }
    long long ranked = 0;
    json_object_set_new(section, "others", others_view(w, section));
    json_array_foreach(rows, i, row) {
        fill_mean(row, columns);
        json_object_del(row, "by_task");
        json_object_del(row, "id");
        ranked += json_object_get(row, "mean") != NULL;
    }
    rank_rows(rows, "mean", true);
    json_object_set_new(section, "range", range_of(rows, "mean", NAN));
    json_object_set_new(section, "n_ranked", json_integer(ranked));
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
    fill_sections(w, name, sections);
    for (size_t f = 0; f < N_FAMILIES; f++) {
        if (json_array_size(json_object_get(sections[f], "tasks"))) {
            finish_section(w, sections[f]);
            json_array_append(kept, sections[f]);
        }
        json_decref(sections[f]);
    }
    json_object_set_new(board, "sections", kept);
    return board;
}
