/* Look-ups in a snapshot (see world.h). */
#include "site-gen/world.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "site-gen/shelf.h"
#include "site-gen/training.h"

#define SLUG_MAX 100

const json_t *world_list(const struct world *w, const char *key) {
    return json_object_get(w->snapshot, key);
}

static void id_text(char text[32], long long id) {
    snprintf(text, 32, "%lld", id);
}

static const json_t *by_id(const json_t *map, long long id) {
    char key[32];
    id_text(key, id);
    return json_object_get(map, key);
}

const json_t *world_run(const struct world *w, long long id) {
    return by_id(w->runs, id);
}

const json_t *world_task(const struct world *w, long long id) {
    return by_id(w->tasks, id);
}

const json_t *world_revision(const struct world *w, const char *model, const char *revision) {
    const json_t *all = json_object_get(w->models, model), *one;
    size_t i;
    json_array_foreach(all, i, one) {
        if (strcmp(json_get_string(one, "revision", ""), revision) == 0)
            return one;
    }
    return NULL;
}

static char *job_key(const char *model, const char *task) {
    struct strbuf b = { 0 };
    strbuf_addf(&b, "%s %s", model, task);
    return strbuf_take(&b);
}

const json_t *world_job(const struct world *w, const char *model, const char *task) {
    char *key = job_key(model, task);
    const json_t *job = json_object_get(w->jobs, key);
    free(key);
    return job;
}

/* ---- names ---- */

static bool slug_char(char c) {
    return isalnum((unsigned char)c) || c == '-' || c == '_' || c == '.';
}

char *slug(const char *name) {
    size_t n = strlen(name);
    bool plain = n > 0 && n <= SLUG_MAX && *name != '.' && *name != '-';
    struct strbuf b = { 0 };
    for (size_t i = 0; i < n; i++) {
        plain = plain && slug_char(name[i]);
        bool keep = slug_char(name[i]) && (b.len || isalnum((unsigned char)name[i]));
        if (keep && b.len < SLUG_MAX)
            strbuf_addc(&b, name[i]);
    }
    if (plain)
        return strbuf_take(&b);
    char hex[65];
    sha256_hex(name, n, hex);
    strbuf_addf(&b, "%s%.10s", b.len ? "-" : "x", hex);
    return strbuf_take(&b);
}

static const json_t *newest_revision(const struct world *w, const char *name) {
    const json_t *all = json_object_get(w->models, name);
    return all ? json_array_get(all, json_array_size(all) - 1) : NULL;
}

/* Where a model's name is cut: behind the organisation, or the last slash of a path. */
static const char *short_name(const char *name) {
    size_t n = strlen(name);
    while (n > 1 && name[n - 1] == '/')
        n--;
    const char *slash = memrchr(name, '/', n);
    return slash && slash[1] ? slash + 1 : name;
}

static char *model_path(const char *name, const char *org, const char *part, bool local) {
    char *a = slug(org), *b = slug(local ? name : part);
    struct strbuf path = { 0 };
    strbuf_addf(&path, "/m/%s/%s/", a, b);
    free(a);
    free(b);
    return strbuf_take(&path);
}

json_t *model_ref(const struct world *w, const char *name) {
    const char *kind = json_get_string(newest_revision(w, name), "kind", "hub"),
               *part = short_name(name);
    bool local = strcmp(kind, "hub") != 0 && !repo_id_valid(name);
    char *org = local || part == name ? xstrdup(kind) : xstrndup(name, (size_t)(part - name - 1));
    char *path = model_path(name, org, part, local);
    json_t *ref = json_pack("{s:o, s:s, s:s, s:s, s:s}", "name",
        local ? json_string(part) : json_string(name), "org", org, "short", part, "path", path,
        "kind", kind);
    free(path);
    free(org);
    return ref;
}

json_t *task_ref(const char *name) {
    char *part = slug(name);
    json_t *ref = json_pack("{s:s, s:o}", "name", name, "path", json_sprintf("/t/%s/", part));
    free(part);
    return ref;
}

bool has_page(const struct world *w, long long run) {
    return run > w->last_listed;
}

json_t *run_path(const struct world *w, const char *model, long long run) {
    json_t *ref = model_ref(w, model);
    json_t *path = json_sprintf(
        has_page(w, run) ? "%sr/%lld/" : "%sr/#run-%lld", json_get_string(ref, "path", ""), run);
    json_decref(ref);
    return path;
}

void copy_field(json_t *to, const json_t *from, const char *key) {
    json_t *v = json_object_get(from, key);
    if (v && !json_is_null(v))
        json_object_set(to, key, v);
}

void copy_fields(json_t *to, const json_t *from, const char *const *keys) {
    for (; *keys; keys++)
        copy_field(to, from, *keys);
}

void copy_text(json_t *to, const json_t *from, const char *key) {
    if (json_is_string(json_object_get(from, key)))
        copy_field(to, from, key);
}

void copy_number(json_t *to, const json_t *from, const char *key) {
    if (json_is_number(json_object_get(from, key)))
        copy_field(to, from, key);
}

/* ---- the index ---- */

static void set_by_id(json_t *map, const json_t *row, const char *key) {
    char id[32];
    id_text(id, json_get_int(row, key, 0));
    json_object_set(map, id, (json_t *)(uintptr_t)row);
}

static void append_to(json_t *map, const char *key, json_t *row) {
    json_t *list = json_object_get(map, key);
    if (!list) {
        list = json_array();
        json_object_set_new(map, key, list);
    }
    json_array_append(list, row);
}

static void see_time(struct world *w, const json_t *row, const char *key) {
    const char *t = json_get_string(row, key, "");
    if (strlen(t) < sizeof w->as_of && strcmp(t, w->as_of) > 0)
        memcpy(w->as_of, t, strlen(t) + 1);
}

static void index_job(struct world *w, const json_t *job) {
    char *key = job_key(json_get_string(job, "model", ""), json_get_string(job, "task", ""));
    const json_t *known = json_object_get(w->jobs, key);
    if (!known || json_get_int(known, "job_id", 0) < json_get_int(job, "job_id", 0))
        json_object_set(w->jobs, key, (json_t *)(uintptr_t)job);
    free(key);
    see_time(w, job, "created_at");
    see_time(w, job, "queued_at");
    see_time(w, job, "finished_at");
}

static void index_runs(const struct world *w, const json_t *runs, const json_t *results) {
    size_t i;
    json_t *row;
    json_array_foreach(runs, i, row) {
        set_by_id(w->runs, row, "run_id");
        append_to(w->runs_of, json_get_string(row, "model", ""), row);
    }
    json_array_foreach(results, i, row) {
        char id[32];
        id_text(id, json_get_int(row, "run_id", 0));
        append_to(w->results, id, row);
    }
}

static void index_all(struct world *w) {
    size_t i;
    json_t *row;
    see_time(w, w->snapshot, "as_of");
    index_runs(w, world_list(w, "runs"), world_list(w, "results"));
    json_array_foreach(world_list(w, "runs"), i, row) {
        see_time(w, row, "finished_at");
        see_time(w, row, "superseded_at");
    }
    w->n_runs = (long long)json_array_size(world_list(w, "runs"));
    json_array_foreach(world_list(w, "tasks"), i, row) set_by_id(w->tasks, row, "task_id");
    json_array_foreach(world_list(w, "models"), i, row)
        append_to(w->models, json_get_string(row, "model", ""), row);
    json_array_foreach(world_list(w, "queue"), i, row) index_job(w, row);
    json_array_foreach(world_list(w, "suites"), i, row) {
        const char *name = json_get_string(row, "suite", "");
        const char *title = json_get_string(json_object_get(row, "definition"), "title", name);
        bool blank = !title[strspn(title, " \t\r\n")];
        json_object_set_new(w->suite_titles, name, json_string(blank ? name : title));
    }
}

void world_show(const struct world *w, const json_t *runs, const json_t *results) {
    json_object_clear(w->runs);
    json_object_clear(w->runs_of);
    json_object_clear(w->results);
    index_runs(w, runs, results);
}

bool world_init(struct world *w, const json_t *snapshot, const char *hub_url, struct err *err) {
    static const char *const LISTS[] = { "suites", "suite_tasks", "board", "models", "tasks",
        "runs", "results", "queue", "workers" };
    *w = (struct world) { .snapshot = snapshot, .hub_url = hub_url };
    const char *schema = json_get_string(snapshot, "schema", "");
    if (strcmp(schema, "assay.site/1") != 0)
        return err_set(
            err, ERR_SCHEMA, "a snapshot of schema '%.60s' instead of 'assay.site/1'", schema);
    for (size_t i = 0; i < sizeof LISTS / sizeof *LISTS; i++) {
        if (!json_is_array(world_list(w, LISTS[i])))
            return err_set(err, ERR_INPUT, "the snapshot has no list '%s'", LISTS[i]);
    }
    w->runs = json_object();
    w->tasks = json_object();
    w->models = json_object();
    w->results = json_object();
    w->runs_of = json_object();
    w->jobs = json_object();
    w->suite_titles = json_object();
    w->kin = kin_load();
    index_all(w);
    return true;
}

bool world_init_shelf(struct world *w, const json_t *snapshot, struct shelf *shelf,
    const char *hub_url, struct err *err) {
    if (!world_init(w, snapshot, hub_url, err))
        return false;
    w->shelf = shelf;
    return shelf_ok(shelf, err);
}

static int by_number_down(const void *a, const void *b) {
    long long x = *(const long long *)a, y = *(const long long *)b;
    return (x < y) - (x > y);
}

static long long last_listed_of(const json_t *runs, size_t paged) {
    size_t n = json_array_size(runs), i;
    json_t *run;
    if (n <= paged)
        return 0;
    long long *ids = xcalloc(n, sizeof *ids);
    json_array_foreach(runs, i, run) ids[i] = json_get_int(run, "run_id", 0);
    qsort(ids, n, sizeof *ids, by_number_down);
    long long last = ids[paged];
    free(ids);
    return last;
}

void world_page_runs(struct world *w, long long n) {
    long long paged = n > 0 ? n : RUN_PAGES_MAX;
    if (!w->shelf) {
        w->last_listed = last_listed_of(world_list(w, "runs"), (size_t)paged);
        return;
    }
    json_t *extent = shelf_extent(w->shelf, paged);
    w->n_runs = json_get_int(extent, "n_runs", 0);
    w->last_listed = json_get_int(extent, "last_listed", 0);
    see_time(w, extent, "finished_at");
    see_time(w, extent, "superseded_at");
    json_decref(extent);
}

void world_release(struct world *w) {
    json_decref(w->runs);
    json_decref(w->tasks);
    json_decref(w->models);
    json_decref(w->results);
    json_decref(w->runs_of);
    json_decref(w->jobs);
    json_decref(w->suite_titles);
    json_decref(w->kin);
    *w = (struct world) { 0 };
}
