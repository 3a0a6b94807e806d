/* See split.h. */
#include "site-gen/split.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"

struct part {
    const json_t *snapshot;
    const char *const *closed;
    const char *shown;
    json_t *tasks, *models, *runs; /* those that belong to it: name or id -> true */
    json_t *used;                  /* models that something of it is about */
};

/* ---- what belongs to it ---- */

static bool is_closed(const struct part *p, const char *suite) {
    for (const char *const *c = p->closed; *c; c++) {
        if (!strcmp(*c, suite))
            return true;
    }
    return false;
}

static bool is_shown(const struct part *p, const char *suite) {
    return p->shown ? !strcmp(p->shown, suite) : !is_closed(p, suite);
}

/* May this reader know what the suite was asked for? */
static bool is_known(const struct part *p, const char *suite) {
    return !is_closed(p, suite) || is_shown(p, suite);
}

static const char *text(const json_t *row, const char *key) {
    return json_get_string(row, key, "");
}

static void find_tasks(struct part *p) {
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(p->snapshot, "suite_tasks"), i, row) {
        if (is_shown(p, text(row, "suite")))
            json_object_set_new(p->tasks, text(row, "task"), json_true());
    }
}

static void find_models(struct part *p) {
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(p->snapshot, "asked"), i, row) {
        if (is_known(p, text(row, "suite")))
            json_object_set_new(p->models, text(row, "model"), json_true());
    }
}

/* ---- rows ---- */

typedef bool keep_row(struct part *p, const json_t *row);

static const char *run_id(const json_t *row, char id[32]) {
    snprintf(id, 32, "%lld", json_get_int(row, "run_id", 0));
    return id;
}

static bool of_suite(struct part *p, const json_t *row) {
    return is_shown(p, text(row, "suite"));
}

static bool of_task(struct part *p, const json_t *row) {
    return json_object_get(p->tasks, text(row, "task")) != NULL;
}

static bool of_model(struct part *p, const json_t *row) {
    return json_object_get(p->models, text(row, "model")) != NULL;
}

/* A private board lists the models that it has something of; the open site lists all. */
static bool listed(struct part *p, const json_t *row) {
    return of_model(p, row) && (!p->shown || json_object_get(p->used, text(row, "model")));
}

static bool of_board(struct part *p, const json_t *row) {
    return of_suite(p, row) && of_model(p, row);
}

static bool of_both(struct part *p, const json_t *row) {
    bool keep = of_task(p, row) && of_model(p, row);
    if (keep)
        json_object_set_new(p->used, text(row, "model"), json_true());
    return keep;
}

static bool of_run(struct part *p, const json_t *row) {
    char id[32];
    return json_object_get(p->runs, run_id(row, id)) != NULL;
}

static bool a_run(struct part *p, const json_t *row) {
    char id[32];
    bool keep = of_both(p, row);
    if (keep)
        json_object_set_new(p->runs, run_id(row, id), json_true());
    return keep;
}

static bool never(struct part *p, const json_t *row) {
    (void)p, (void)row;
    return false;
}

/* In this order: results ask which runs there are, models which were used. */
static const struct {
    const char *key;
    keep_row *keep;
} LISTS[] = {
    { "suites", of_suite },
    { "suite_tasks", of_suite },
    { "imported", of_board },
    { "board", of_board },
    { "tasks", of_task },
    { "overlaps", of_task },
    { "runs", a_run },
    { "results", of_run },
    { "queue", of_both },
    { "models", listed },
    { "tombstones", of_model },
    { "corrections", of_both },
    { "nights", never },
    { "asked", never },
};

static json_t *filter(struct part *p, const json_t *rows, keep_row *keep) {
    json_t *out = json_array(), *row;
    size_t i;
    json_array_foreach(rows, i, row) {
        if (keep(p, row))
            json_array_append(out, row);
    }
    return out;
}

/* What is kept by the numbers of runs. */
static json_t *filter_by_run(struct part *p, const char *key) {
    json_t *out = json_object(), *list;
    const char *id;
    json_object_foreach(json_object_get(p->snapshot, key), id, list) {
        if (json_object_get(p->runs, id))
            json_object_set(out, id, list);
    }
    return out;
}

json_t *split_part(const json_t *snapshot, const char *const *closed, const char *shown) {
    struct part p = { snapshot, closed, shown, json_object(), json_object(), json_object(),
        json_object() };
    json_t *doc = json_pack("{s:O*, s:O*, s:O*, s:O*}", "schema",
        json_object_get(snapshot, "schema"), "workers", json_object_get(snapshot, "workers"),
        "stats", json_object_get(snapshot, "stats"), "from_files",
        json_object_get(snapshot, "from_files"));
    find_tasks(&p);
    find_models(&p);
    for (size_t i = 0; i < sizeof LISTS / sizeof *LISTS; i++)
        json_object_set_new(
            doc, LISTS[i].key, filter(&p, json_object_get(snapshot, LISTS[i].key), LISTS[i].keep));
    json_object_set_new(doc, "samples", filter_by_run(&p, "samples"));
    json_object_set_new(doc, "samples_gone", filter_by_run(&p, "samples_gone"));
    json_decref(p.tasks);
    json_decref(p.models);
    json_decref(p.runs);
    json_decref(p.used);
    return doc;
}
