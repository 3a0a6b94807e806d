/* From the published views to one document (site.h). All of it is read in one snapshot. */
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/mem.h"
#include "db/db.h"
#include "site-gen/site.h"
#include "site-gen/view.h"

#define SAMPLES_A_RUN 20

/* "2026-11-21 12:00:00.5+01" as PostgreSQL prints it, to "2026-11-21T11:00:00Z". */
static json_t *utc_time(const char *text) {
    struct tm tm = { 0 };
    const char *rest = strptime(text, "%Y-%m-%d %H:%M:%S", &tm);
    if (!rest)
        return json_string(text);
    rest += strspn(rest, ".0123456789");
    int hours = 0, minutes = 0;
    if (sscanf(rest, "%3d:%2d", &hours, &minutes) < 1)
        hours = 0;
    time_t t = timegm(&tm) - hours * 3600 - (*rest == '-' ? -minutes : minutes) * 60;
    char out[32];
    strftime(out, sizeof out, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
    return json_string(out);
}

static bool is_time(const char *key) {
    size_t n = strlen(key);
    return (n > 3 && strcmp(key + n - 3, "_at") == 0) || strcmp(key, "last_seen") == 0;
}

static void tidy_times(json_t *rows) {
    size_t i;
    json_t *row, *value;
    const char *key;
    void *next;
    json_array_foreach(rows, i, row) {
        json_object_foreach_safe(row, next, key, value) {
            if (is_time(key) && json_is_string(value))
                json_object_set_new(row, key, utc_time(json_string_value(value)));
        }
    }
}

/* A statement's first argument is a suite's name, or NULL; what else it has is NULL. */
static bool read_list(struct db *db, json_t *doc, const char *key, const char *statement,
    size_t n_args, const char *suite, struct err *err) {
    const struct db_arg values[3] = { suite ? db_text(suite) : db_null(), db_null(), db_null() };
    struct rows rows = { 0 };
    if (!db_query(db, statement, values, n_args, &rows, err))
        return false;
    json_t *list = rows_to_json(&rows, err);
    rows_release(&rows);
    if (!list)
        return false;
    tidy_times(list);
    json_object_set_new(doc, key, list);
    return true;
}

/* The first lines of a chunk, as objects. */
static bool take_samples(
    json_t *list, const void *body, size_t size, const char *name, struct err *err) {
    size_t n = 0;
    char *text = chunk_unpack(body, size, &n, err);
    bool ok = text != NULL;
    for (char *at = text; ok && (size_t)(at - text) < n && json_array_size(list) < SAMPLES_A_RUN;) {
        char *end = memchr(at, '\n', n - (size_t)(at - text));
        size_t len = end ? (size_t)(end - at) : n - (size_t)(at - text);
        json_t *line = json_parse(at, len, name, err);
        ok = line != NULL;
        if (ok)
            json_array_append_new(list, line);
        at += len + 1;
    }
    free(text);
    return ok;
}

static bool read_samples(struct db *db, json_t *samples, long long run, struct err *err) {
    char name[32];
    snprintf(name, sizeof name, "%lld", run);
    struct rows rows = { 0 };
    if (!db_query(db, "site_first_samples", DB_ARGS(db_int(run)), &rows, err))
        return false;
    json_t *list = json_array();
    bool ok = true;
    for (int i = 0; ok && i < rows.n; i++) {
        size_t size;
        void *body = rows_bytes(&rows, i, "body", &size);
        ok = take_samples(list, body, size, name, err);
        free(body);
    }
    rows_release(&rows);
    json_object_set_new(samples, name, list);
    return ok || err_wrap(err, "samples of run %lld", run);
}

/* Texts that a task withholds are not even read. */
static json_t *withheld_tasks(const json_t *doc) {
    json_t *out = json_object(), *task;
    size_t i;
    json_array_foreach(json_object_get(doc, "tasks"), i, task) {
        if (!json_get_bool(json_object_get(task, "definition"), "publish_samples", true)) {
            char id[32];
            snprintf(id, sizeof id, "%lld", json_get_int(task, "task_id", 0));
            json_object_set_new(out, id, json_true());
        }
    }
    return out;
}

static bool read_all_samples(struct db *db, json_t *doc, struct err *err) {
    json_t *samples = json_object(), *withheld = withheld_tasks(doc), *run;
    size_t i;
    bool ok = true;
    json_object_set_new(doc, "samples", samples);
    json_array_foreach(json_object_get(doc, "runs"), i, run) {
        char id[32];
        snprintf(id, sizeof id, "%lld", json_get_int(run, "task_id", 0));
        if (ok && json_get_int(run, "n_chunks", 0) > 0 && !json_object_get(withheld, id))
            ok = read_samples(db, samples, json_get_int(run, "run_id", 0), err);
    }
    json_decref(withheld);
    return ok;
}

static bool read_all(struct db *db, json_t *doc, struct err *err) {
    static const struct {
        const char *key, *statement;
        size_t n_args;
    } LISTS[] = { { "suites", "site_suites", 0 }, { "suite_tasks", "site_suite_tasks", 1 },
        { "board", "site_board", 1 }, { "models", "site_models", 0 }, { "tasks", "site_tasks", 0 },
        { "runs", "site_runs", 3 }, { "results", "site_results", 1 }, { "queue", "site_queue", 0 },
        { "workers", "site_workers", 0 }, { "stats", "queue_stats", 0 } };
    for (size_t i = 0; i < sizeof LISTS / sizeof *LISTS; i++) {
        if (!read_list(db, doc, LISTS[i].key, LISTS[i].statement, LISTS[i].n_args, NULL, err))
            return false;
    }
    json_t *stats = json_incref(json_array_get(json_object_get(doc, "stats"), 0));
    json_object_set_new(doc, "stats", stats ? stats : json_object());
    return read_all_samples(db, doc, err);
}

bool site_load(struct db *db, json_t **snapshot, struct err *err) {
    if (!db_snapshot_begin(db, err))
        return false;
    json_t *doc = json_pack("{s:s}", "schema", "assay.site/1");
    bool ok = read_all(db, doc, err);
    db_snapshot_end(db);
    if (!ok) {
        json_decref(doc);
        return err_wrap(err, "could not read the published results");
    }
    *snapshot = doc;
    return true;
}

/* ---- one board ---- */

static bool read_board(struct db *db, json_t *doc, const char *suite, struct err *err) {
    static const struct {
        const char *key, *statement;
        size_t n_args;
    } LISTS[] = { { "suites", "site_suites", 0 }, { "suite_tasks", "site_suite_tasks", 1 },
        { "board", "site_board", 1 }, { "models", "site_models", 0 }, { "tasks", "site_tasks", 0 },
        { "runs", "board_runs", 1 }, { "queue", "site_queue", 0 } };
    for (size_t i = 0; i < sizeof LISTS / sizeof *LISTS; i++) {
        const char *of = LISTS[i].n_args ? suite : NULL;
        if (!read_list(db, doc, LISTS[i].key, LISTS[i].statement, LISTS[i].n_args, of, err))
            return false;
    }
    return true;
}

static const json_t *find_suite(const json_t *doc, const char *name) {
    size_t i;
    json_t *suite;
    json_array_foreach(json_object_get(doc, "suites"), i, suite) {
        if (strcmp(json_get_string(suite, "suite", ""), name) == 0)
            return suite;
    }
    return NULL;
}

static json_t *view_of(const json_t *doc, const char *name, struct err *err) {
    const json_t *suite = find_suite(doc, name);
    struct world world;
    if (!suite) {
        err_set(err, ERR_NOT_FOUND, "there are no results of suite '%.100s'", name);
        return NULL;
    }
    json_t *board = NULL;
    if (world_init(&world, doc, NULL, err)) {
        board = view_board(&world, suite);
        world_release(&world);
    }
    return board;
}

bool site_board(struct db *db, const char *suite, json_t **board, struct err *err) {
    if (!db_snapshot_begin(db, err))
        return false;
    json_t *doc = json_pack("{s:s, s:[], s:[], s:{}, s:{}}", "schema", "assay.site/1", "results",
        "workers", "stats", "samples");
    bool ok = read_board(db, doc, suite, err);
    db_snapshot_end(db);
    *board = ok ? view_of(doc, suite, err) : NULL;
    json_decref(doc);
    return *board != NULL;
}
