/* See items.h. */
#include "site-gen/items.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/stats/scores.h"
#include "site-gen/samples.h"
#include "site-gen/view.h"

enum { BINS = 24, MODELS_LEAST = 2, SPREAD_LEAST = 5 };

/* ---- how scores are spread ---- */

static void add_spread(json_t *group) {
    const json_t *rows = json_object_get(group, "rows"), *range = json_object_get(group, "range");
    double low = json_get_number(range, "low", NAN), high = json_get_number(range, "high", NAN);
    long long bins[BINS] = { 0 }, most = 0;
    size_t i;
    json_t *row, *list;
    if (json_array_size(rows) < SPREAD_LEAST || !(high > low))
        return;
    json_array_foreach(rows, i, row) {
        double v = json_get_number(json_object_get(row, "figure"), "value", NAN);
        if (v >= low && v <= high) {
            long long *bin = &bins[(int)fmin(BINS - 1, BINS * (v - low) / (high - low))];
            ++*bin;
            most = *bin > most ? *bin : most;
        }
    }
    list = json_array();
    for (i = 0; i < BINS; i++)
        json_array_append_new(list, json_integer(bins[i]));
    json_object_set_new(group, "spread",
        json_pack("{s:f, s:f, s:o, s:I}", "low", low, "high", high, "bins", list, "most",
            (json_int_t)most));
}

/* ---- what nobody solves, and everybody ---- */

struct items {
    const json_t *docs; /* of the first model: others must have the same */
    size_t n, models;
    uint16_t *solved, *missed; /* [n]: by how many models */
};

static void items_release(struct items *it) {
    free(it->solved);
    free(it->missed);
}

static void count_scores(struct items *it, const struct scores *s) {
    for (size_t i = 0; i < s->n; i++) {
        double v = scores_at(s, i);
        it->solved[i] = (uint16_t)(it->solved[i] + (v >= 1 - 1e-6));
        it->missed[i] = (uint16_t)(it->missed[i] + (v <= 1e-6));
    }
    it->models++;
}

/* A record with subsets has them apart, so that a place in it is no place among the samples: such a
 * task has no such lists. */
static void add_model(struct items *it, const json_t *run) {
    const json_t *kept = json_object_get(json_object_get(run, "record"), "scores"),
                 *docs = json_object_get(kept, "docs"), *parts = json_object_get(kept, "parts");
    struct scores s;
    if (json_array_size(parts) != 1 || it->models == UINT16_MAX ||
        (it->docs && !json_equal(it->docs, docs)) || !scores_parse(&s, json_array_get(parts, 0)))
        return;
    if (!it->docs && docs && (long long)s.n == json_get_int(run, "n", (long long)s.n)) {
        it->docs = docs;
        it->n = s.n;
        it->solved = xcalloc(s.n + 1, sizeof *it->solved);
        it->missed = xcalloc(s.n + 1, sizeof *it->missed);
    }
    if (it->docs && s.n == it->n)
        count_scores(it, &s);
    scores_release(&s);
}

static json_t *list_items(const struct items *it, const uint16_t *counts) {
    json_t *list = json_array();
    long long n = 0;
    for (size_t i = 0; i < it->n; i++) {
        if (counts[i] == it->models && n++ < ITEMS_SHOWN)
            json_array_append_new(list, json_pack("{s:I}", "d", (json_int_t)i));
    }
    return json_pack("{s:I, s:o}", "n", (json_int_t)n, "items", list);
}

static void add_items(const struct world *w, json_t *view, const json_t *rows) {
    struct items it = { 0 };
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        const json_t *run = world_run(w, json_get_int(row, "run_id", 0));
        if (sample_form_of(w, run).graded)
            add_model(&it, run);
    }
    if (it.models >= MODELS_LEAST)
        json_object_set_new(view, "items",
            json_pack("{s:I, s:I, s:o, s:o}", "n", (json_int_t)it.n, "models",
                (json_int_t)it.models, "nobody", list_items(&it, it.missed), "everybody",
                list_items(&it, it.solved)));
    items_release(&it);
}

/* ---- what they look like ---- */

static void want_items(json_t *places, const json_t *list) {
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(list, "items"), i, item)
        json_array_append(places, json_object_get(item, "d"));
}

static void show_items(const json_t *list, const json_t *samples, const char *path) {
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(list, "items"), i, item) {
        char place[32];
        snprintf(place, sizeof place, "%lld", json_get_int(item, "d", 0));
        if (json_object_get(samples, place)) { /* they may have been archived */
            json_object_set(item, "sample", json_object_get(samples, place));
            json_object_set_new(item, "path", json_sprintf("%s#d=%s", path, place));
        }
    }
}

/* The best model's run that has a page of samples. */
static const json_t *leader_of(const struct world *w, const json_t *rows) {
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        const json_t *run = world_run(w, json_get_int(row, "run_id", 0));
        if (json_get_int(run, "n_chunks", 0) > 0 && has_page(w, json_get_int(run, "run_id", 0)))
            return run;
    }
    return NULL;
}

static bool show(const struct world *w, json_t *view, const json_t *rows, struct err *err) {
    const json_t *run = leader_of(w, rows);
    json_t *items = json_object_get(view, "items"), *places = json_pack("[i]", 0), *samples = NULL;
    want_items(places, json_object_get(items, "nobody"));
    want_items(places, json_object_get(items, "everybody"));
    bool ok = !run || samples_at(w, run, places, &samples, err);
    if (run && ok) {
        json_t *page =
                   run_path(w, json_get_string(run, "model", ""), json_get_int(run, "run_id", 0)),
               *path = json_sprintf("%ssamples/", json_string_value(page));
        show_items(json_object_get(items, "nobody"), samples, json_string_value(path));
        show_items(json_object_get(items, "everybody"), samples, json_string_value(path));
        if (json_object_get(samples, "0") && sample_form_of(w, run).published)
            json_object_set_new(view, "example",
                json_pack("{s:O, s:O}", "sample", json_object_get(samples, "0"), "path", path));
        json_decref(path);
        json_decref(page);
    }
    json_decref(samples);
    json_decref(places);
    return ok;
}

/* Of a task that very many models have, documents are not counted one by one. */
static bool with_scores(const struct world *w, const json_t *view) {
    const json_t *task = world_task(w, json_get_int(view, "task_id", 0));
    return json_get_int(task, "n_models", 0) <= PAIRED_ROWS_MAX;
}

bool items_add(const struct world *w, json_t *view, struct err *err) {
    const json_t *largest = NULL;
    size_t i;
    json_t *group;
    json_array_foreach(json_object_get(view, "groups"), i, group) {
        const json_t *rows = json_object_get(group, "rows");
        add_spread(group);
        if (json_array_size(rows) > json_array_size(largest))
            largest = rows;
    }
    if (with_scores(w, view))
        add_items(w, view, largest);
    return show(w, view, largest, err);
}

/* ---- over the revisions ---- */

/* Runs that differ in nothing but the revision. */
static json_t *group_of(json_t *groups, const json_t *run) {
    char *config = json_text(json_object_get(run, "config"), JSON_SORT_KEYS | JSON_ENCODE_ANY);
    struct strbuf key = { 0 };
    strbuf_addf(&key, "%lld %s %s %s", json_get_int(run, "task_id", 0),
        json_get_string(run, "dtype", ""), json_get_string(run, "data_sha256", ""),
        config ? config : "");
    json_t *group = json_object_get(groups, strbuf_str(&key));
    if (!group) {
        group = json_object();
        json_object_set_new(groups, strbuf_str(&key), group);
    }
    strbuf_release(&key);
    free(config);
    return group;
}

/* Each revision's newest run that stands, by group and revision. */
static json_t *standing_runs(const struct world *w, const char *model) {
    json_t *groups = json_object(), *run;
    size_t i;
    json_array_foreach(json_object_get(w->runs_of, model), i, run) { /* newest first */
        const char *revision = json_get_string(run, "revision", "");
        if (strcmp(json_get_string(run, "purpose", ""), "eval") ||
            json_is_string(json_object_get(run, "superseded_at")))
            continue;
        json_t *group = group_of(groups, run);
        if (!json_object_get(group, revision))
            json_object_set(group, revision, run);
    }
    return groups;
}

static json_t *points_of(const struct world *w, const char *model, const json_t *by_revision) {
    json_t *points = json_array(), *row;
    size_t i;
    json_array_foreach(json_object_get(w->models, model), i, row) { /* oldest first */
        const char *revision = json_get_string(row, "revision", "");
        const json_t *run = json_object_get(by_revision, revision);
        if (run) {
            long long id = json_get_int(run, "run_id", 0);
            json_t *point = json_pack("{s:s, s:o, s:o, s:I}", "revision", revision, "figure",
                figure_view(run), "path", run_path(w, model, id), "run_id", (json_int_t)id);
            copy_field(point, row, "created_at");
            json_array_append_new(points, point);
        }
    }
    return points;
}

json_t *history_view(const struct world *w, const char *model) {
    json_t *groups = standing_runs(w, model), *list = json_array(), *group;
    const char *key;
    json_object_foreach(groups, key, group) {
        const json_t *run = json_object_iter_value(json_object_iter(group));
        json_t *points = json_object_size(group) > 1 ? points_of(w, model, group) : NULL;
        if (json_array_size(points) > 1) {
            const char *metric = json_get_string(run, "main", "");
            const json_t *definition =
                json_object_get(world_task(w, json_get_int(run, "task_id", 0)), "definition");
            json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:O}", "task",
                                            task_ref(json_get_string(run, "task", "")), "metric",
                                            metric_view(metric, metric, definition), "range",
                                            range_of(points, "figure", NAN), "points", points));
        }
        json_decref(points);
    }
    json_decref(groups);
    return list;
}
