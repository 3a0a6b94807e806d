/* Sections column by column (see columns.h). */
#include "site-gen/columns.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "site-gen/world.h"

#define SHARE_SCALE 10000

static const json_t *rows_of(const json_t *section) {
    return json_object_get(section, "rows");
}

/* ---- keys ---- */

static bool is_reserved(const char *key) {
    static const char *const OTHERS[] = { "rank", "model", "tier", "mean", "mean2", "votes", "size",
        "mem", "speed", "type", "lic", "prec", "arch", "open", "date", "zero", NULL };
    for (const char *const *k = OTHERS; *k; k++) {
        if (strcmp(*k, key) == 0)
            return true;
    }
    return strncmp(key, "type-", 5) == 0 || strncmp(key, "group-", 6) == 0;
}

static json_t *key_of(const char *kind, const char *name) {
    char *part = slug(name);
    json_t *key = json_sprintf("%s%s", *kind || !is_reserved(part) ? kind : "task-", part);
    free(part);
    return key;
}

void columns_name(json_t *section) {
    json_t *type_keys = json_array(), *item;
    size_t i;
    json_array_foreach(json_object_get(section, "types"), i, item)
        json_array_append_new(type_keys, key_of("type-", json_string_value(item)));
    json_object_set_new(section, "type_keys", type_keys);
    json_array_foreach(json_object_get(section, "groups"), i, item)
        json_object_set_new(item, "key", key_of("group-", json_get_string(item, "name", "")));
    json_array_foreach(json_object_get(section, "tasks"), i, item)
        json_object_set_new(item, "key", key_of("", json_get_string(item, "name", "")));
}

/* ---- lists ---- */

struct codes {
    json_t *values, *of, *places; /* text -> place in values */
};

static struct codes codes_new(void) {
    return (struct codes) { json_array(), json_array(), json_object() };
}

static json_t *place_of(struct codes *c, const char *text) {
    json_t *at = json_object_get(c->places, text);
    if (at)
        return json_incref(at);
    at = json_integer((json_int_t)json_array_size(c->values));
    json_array_append_new(c->values, json_string(text));
    json_object_set(c->places, text, at);
    return at;
}

static void codes_add(struct codes *c, const char *text) {
    json_array_append_new(c->of, text ? place_of(c, text) : json_null());
}

static json_t *codes_take(struct codes *c) {
    json_decref(c->places);
    return json_pack("{s:o, s:o}", "values", c->values, "of", c->of);
}

/* A text of each row, or of the object under `within` in it. */
static json_t *coded(const json_t *section, const char *within, const char *key) {
    struct codes c = codes_new();
    size_t i;
    json_t *row;
    json_array_foreach(rows_of(section), i, row) {
        const json_t *from = within ? json_object_get(row, within) : row;
        codes_add(&c, json_get_string(from, key, NULL));
    }
    return codes_take(&c);
}

/* The organisation, where a name is shown with it (model_name.html). */
static json_t *shown_orgs(const json_t *section) {
    struct codes c = codes_new();
    size_t i;
    json_t *row;
    json_array_foreach(rows_of(section), i, row) {
        const json_t *m = json_object_get(row, "model");
        const char *org = json_get_string(m, "org", "");
        bool shown = strcmp(org, "local") == 0 ||
                     strcmp(json_get_string(m, "name", ""), json_get_string(m, "short", "")) != 0;
        codes_add(&c, shown ? org : NULL);
    }
    return codes_take(&c);
}

static json_t *values_of(const json_t *section, const char *within, const char *key) {
    json_t *list = json_array(), *row;
    size_t i;
    json_array_foreach(rows_of(section), i, row) {
        json_t *v = json_object_get(within ? json_object_get(row, within) : row, key);
        json_array_append_new(list, v ? json_incref(v) : json_null());
    }
    return list;
}

/* ---- figures ---- */

static json_t *scaled(double v, bool share) {
    if (!isfinite(v))
        return json_null();
    if (share)
        return json_integer((json_int_t)lround(v * SHARE_SCALE));
    char text[32];
    snprintf(text, sizeof text, "%.6g", v);
    return json_real(strtod(text, NULL));
}

struct figures {
    json_t *v, *l, *h, *n, *run;
    struct strbuf heat;
    struct codes why, notes; /* why there is no figure; what is to be said of one: "word: more" */
    bool share;
};

/* What a cell shows beside its figure; of what it was measured on before what the model was trained
 * on. */
static void add_note(struct codes *c, const json_t *cell) {
    const char *differs = json_get_string(cell, "differs", NULL),
               *trained = json_get_string(cell, "trained", NULL);
    json_t *note = differs && trained
                       ? json_sprintf("other data, trained: %s; %s", differs, trained)
                   : differs ? json_sprintf("other data: %s", differs)
                   : trained ? json_sprintf("trained: %s", trained)
                             : NULL;
    codes_add(c, json_string_value(note));
    json_decref(note);
}

static void add_figure(struct figures *f, const json_t *cell, const char *reason) {
    double v = json_get_number(cell, "value", NAN);
    json_t *n = json_object_get(cell, "n"), *run = json_object_get(cell, "run");
    json_array_append_new(f->v, scaled(v, f->share));
    json_array_append_new(f->l, scaled(v - json_get_number(cell, "low", NAN), f->share));
    json_array_append_new(f->h, scaled(json_get_number(cell, "high", NAN) - v, f->share));
    json_array_append_new(f->n, n ? json_incref(n) : json_null());
    json_array_append_new(f->run, run ? json_incref(run) : json_null());
    strbuf_addc(&f->heat, (char)('a' + json_get_int(cell, "heat", 0)));
    codes_add(&f->why, isfinite(v) ? NULL : reason);
    add_note(&f->notes, cell);
}

/* One number where all that are there are that number: most rows answered the same questions. */
static json_t *counts_of(json_t *list) {
    json_t *first = NULL, *one;
    size_t i;
    bool same = true;
    json_array_foreach(list, i, one) {
        if (!first && !json_is_null(one))
            first = one;
        same = same && (json_is_null(one) || json_equal(one, first));
    }
    json_t *out = same ? (first ? json_incref(first) : json_null()) : json_incref(list);
    json_decref(list);
    return out;
}

static void take_if_any(json_t *to, const char *key, json_t *list) {
    size_t i;
    json_t *one;
    bool any = false;
    json_array_foreach(list, i, one) any = any || !json_is_null(one);
    if (any)
        json_object_set(to, key, list);
    json_decref(list);
}

static void put_codes(json_t *to, const char *key, struct codes *c) {
    bool any = json_array_size(c->values) > 0;
    json_t *coded = codes_take(c);
    if (any)
        json_object_set(to, key, coded);
    json_decref(coded);
}

static json_t *figures_take(struct figures *f) {
    json_t *data = json_pack("{s:o, s:o, s:o}", "v", f->v, "l", f->l, "n", counts_of(f->n));
    if (!json_equal(f->l, f->h))
        json_object_set(data, "h", f->h);
    json_decref(f->h);
    take_if_any(data, "run", f->run);
    put_codes(data, "why", &f->why);
    put_codes(data, "notes", &f->notes);
    json_object_set_new(data, "heat", json_string(strbuf_str(&f->heat)));
    strbuf_release(&f->heat);
    return data;
}

static struct figures figures_new(bool share) {
    return (struct figures) { .v = json_array(),
        .l = json_array(),
        .h = json_array(),
        .n = json_array(),
        .run = json_array(),
        .why = codes_new(),
        .notes = codes_new(),
        .share = share };
}

/* A mean of each row: the object itself, or under `list` the one at `at`. */
static json_t *mean_data(const json_t *section, const char *list, const char *key, size_t at) {
    struct figures f = figures_new(true);
    size_t i;
    json_t *row;
    json_array_foreach(rows_of(section), i, row) {
        const json_t *from = list ? json_object_get(row, list) : row;
        from = key ? json_object_get(from, key) : list ? json_array_get(from, at) : from;
        add_figure(&f, json_object_get(from, "mean"), json_get_string(from, "reason", NULL));
    }
    return figures_take(&f);
}

static json_t *task_data(const json_t *section, size_t at) {
    const json_t *task = json_array_get(json_object_get(section, "tasks"), at);
    struct figures f =
        figures_new(json_get_bool(json_object_get(task, "metric"), "percent", false));
    size_t i;
    json_t *row;
    json_array_foreach(rows_of(section), i, row) {
        const json_t *cell = json_array_get(json_object_get(row, "cells"), at);
        add_figure(&f, cell, json_get_string(cell, "missing", "not measured"));
    }
    return figures_take(&f);
}

json_t *columns_of_tasks(const json_t *section, size_t from) {
    json_t *list = json_array();
    size_t n = json_array_size(json_object_get(section, "tasks"));
    for (size_t i = from; i < n && i < from + COLUMNS_A_FILE; i++)
        json_array_append_new(list, task_data(section, i));
    return json_pack("{s:s, s:o}", "schema", "assay.site.columns/1", "data", list);
}

/* ---- the columns' own facts ---- */

static void add_mean(json_t *columns, const char *key, const char *title, const char *kind,
    const json_t *section, const char *list, const char *mean, size_t at) {
    json_array_append_new(columns,
        json_pack("{s:s, s:s, s:s, s:{s:b, s:b}, s:o}", "key", key, "title", title, "kind", kind,
            "metric", "percent", 1, "higher", 1, "data", mean_data(section, list, mean, at)));
}

static void add_votes(json_t *columns, const json_t *section) {
    struct figures f = figures_new(false);
    size_t i;
    json_t *row;
    json_array_foreach(rows_of(section), i, row) {
        json_t *cell =
            json_pack("{s:O*}", "value", json_object_get(json_object_get(row, "borda"), "votes"));
        add_figure(&f, cell, "no votes");
        json_decref(cell);
    }
    json_array_append_new(columns,
        json_pack("{s:s, s:s, s:s, s:{s:b, s:b}, s:o}", "key", "votes", "title", "Borda votes",
            "kind", "votes", "metric", "percent", 0, "higher", 1, "data", figures_take(&f)));
}

/* As the page's template has them, in its order. */
static void add_means(json_t *columns, const json_t *section) {
    static const char *const TITLES[] = { "Mean (Task)", "Mean (TaskType)" };
    const json_t *types = json_object_get(section, "types"), *item;
    bool one = json_array_size(json_object_get(section, "tasks")) == 1,
         votes = json_array_size(types) > 0 && !one,
         by_type = strcmp(json_get_string(section, "mean", ""), "type") == 0;
    size_t i;
    add_mean(columns, "mean",
        one     ? "Score"
        : votes ? TITLES[by_type]
                : "Mean",
        "mean", section, NULL, NULL, 0);
    if (votes) {
        add_mean(columns, "mean2", TITLES[!by_type], "second", section, "means",
            by_type ? "task" : "type", 0);
        add_votes(columns, section);
        json_array_foreach(types, i, item) {
            const json_t *key = json_array_get(json_object_get(section, "type_keys"), i);
            add_mean(columns, json_string_value(key), json_string_value(item), "type", section,
                "types", NULL, i);
        }
    }
    json_array_foreach(json_object_get(section, "groups"), i, item) {
        if (!one)
            add_mean(columns, json_get_string(item, "key", ""),
                json_get_string(item, "title", json_get_string(item, "name", "")), "group", section,
                "groups", NULL, i);
    }
}

static void add_tasks(json_t *columns, const json_t *section) {
    static const char *const COPIED[] = { "key", "path", "metric", "baseline", "in_mean", "overlap",
        NULL };
    size_t i;
    json_t *task;
    json_array_foreach(json_object_get(section, "tasks"), i, task) {
        json_t *column =
            json_pack("{s:O, s:s, s:O*, s:i, s:i}", "title", json_object_get(task, "name"), "kind",
                "task", "task_kind", json_object_get(task, "kind"), "file",
                (int)(i / COLUMNS_A_FILE), "at", (int)(i % COLUMNS_A_FILE));
        copy_fields(column, task, COPIED);
        json_array_append_new(columns, column);
    }
}

/* Which of a coded list's values stand for a licence that permits. */
static json_t *permissive_values(const json_t *section, const json_t *licences) {
    const json_t *values = json_object_get(licences, "values"), *value;
    json_t *list = json_array(), *row;
    size_t i, k;
    json_array_foreach(values, k, value) {
        bool yes = false;
        json_array_foreach(rows_of(section), i, row) {
            if (json_equal(json_object_get(row, "lic"), value)) {
                yes = json_get_bool(row, "permissive", false);
                break;
            }
        }
        json_array_append_new(list, json_boolean(yes));
    }
    return list;
}

static void put_facts(json_t *doc, const json_t *section) {
    static const char *const TEXTS[] = { "type", "lic", "prec", "arch", "weight_type", "reason",
        NULL };
    static const char *const NUMBERS[] = { "rank", "rank_low", "rank_high", "tier_number", "params",
        "memory_bytes", "tokens_per_s", "n_done", "n_tasks", NULL };
    for (const char *const *k = TEXTS; *k; k++)
        json_object_set_new(doc, *k, coded(section, NULL, *k));
    for (const char *const *k = NUMBERS; *k; k++)
        json_object_set_new(doc, *k, values_of(section, NULL, *k));
    json_object_set_new(doc, "open", coded(section, NULL, "openness"));
    json_object_set_new(doc, "zero", coded(section, "zero_shot", "state"));
    json_object_set_new(doc, "zero_percent", values_of(section, "zero_shot", "percent"));
    json_object_set_new(doc, "zero_told", coded(section, "zero_shot", "told"));
    json_object_set_new(doc, "permissive", permissive_values(section, json_object_get(doc, "lic")));
}

/* Days without their hour. */
static json_t *days_of(const json_t *section) {
    struct codes c = codes_new();
    size_t i;
    json_t *row;
    json_array_foreach(rows_of(section), i, row) {
        const char *at = json_get_string(row, "measured_at", NULL);
        char day[11];
        snprintf(day, sizeof day, "%.10s", at ? at : "");
        codes_add(&c, at ? day : NULL);
    }
    return codes_take(&c);
}

json_t *columns_core(const json_t *board, const json_t *section, const json_t *files) {
    json_t *columns = json_array();
    json_t *doc = json_pack("{s:s, s:O, s:O, s:I, s:O}", "schema", "assay.site.columns/1", "suite",
        json_object_get(board, "suite"), "section", json_object_get(section, "id"), "n",
        (json_int_t)json_array_size(rows_of(section)), "files", files);
    json_object_set_new(doc, "key", values_of(section, NULL, "key"));
    json_object_set_new(doc, "org", shown_orgs(section));
    json_object_set_new(doc, "short", values_of(section, "model", "short"));
    json_object_set_new(doc, "mark", coded(section, "mark", "word"));
    put_facts(doc, section);
    json_object_set_new(doc, "day", days_of(section));
    add_means(columns, section);
    add_tasks(columns, section);
    json_object_set_new(doc, "columns", columns);
    return doc;
}
