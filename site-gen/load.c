/* From the published views to one document (site.h). All of it is read in one snapshot. */
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/mem.h"
#include "db/db.h"
#include "site-gen/load.h"
#include "site-gen/site.h"
#include "site-gen/view.h"

#define SAMPLES_A_RUN 20

/* What PostgreSQL prints where its time zone is UTC, as ours is: "2026-11-21 12:00:00.5+00". */
static bool is_utc(const char *text) {
    static const char FORM[] = "0000-00-00 00:00:00";
    for (size_t i = 0; FORM[i]; i++) {
        bool digit = text[i] >= '0' && text[i] <= '9';
        if (FORM[i] == '0' ? !digit : text[i] != FORM[i])
            return false;
    }
    const char *rest = text + sizeof FORM - 1;
    rest += *rest == '.' ? 1 + strspn(rest + 1, "0123456789") : 0;
    return strcmp(rest, "+00") == 0;
}

/* "2026-11-21 12:00:00.5+01" as PostgreSQL prints it, to "2026-11-21T11:00:00Z". */
static json_t *utc_time(const char *text) {
    if (is_utc(text))
        return json_sprintf("%.10sT%.8sZ", text, text + 11);
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

void tidy_row(json_t *row) {
    json_t *value;
    const char *key;
    void *next;
    json_object_foreach_safe(row, next, key, value) {
        if (is_time(key) && json_is_string(value))
            json_object_set_new(row, key, utc_time(json_string_value(value)));
    }
}

void tidy_times(json_t *rows) {
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) tidy_row(row);
}

/* A list of the document: the statement, how many parameters it has, the first of them (or NULL).
 */
struct list {
    const char *key, *statement;
    size_t n_args;
};

static bool read_list(
    struct db *db, json_t *doc, const struct list *l, const char *first, struct err *err) {
    const struct db_arg args[3] = { db_text(first), db_null(), db_null() };
    const char *key = l->key;
    struct rows rows = { 0 };
    if (!db_query(db, l->statement, args, l->n_args, &rows, err))
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

static bool read_samples(struct db *db, json_t *doc, long long run, struct err *err) {
    char name[32];
    snprintf(name, sizeof name, "%lld", run);
    struct rows rows = { 0 };
    if (!db_query(db, "site_first_samples", DB_ARGS(db_int(run)), &rows, err))
        return false;
    json_t *list = json_array();
    bool ok = true;
    for (int i = 0; ok && i < rows.n; i++) {
        size_t size;
        if (rows_null(&rows, i, "body")) { /* where to, its page says */
            const char *gone = rows_bool(&rows, i, "dropped") ? "dropped" : "archived";
            json_object_set_new(json_object_get(doc, "samples_gone"), name, json_string(gone));
            continue;
        }
        void *body = rows_bytes(&rows, i, "body", &size);
        ok = take_samples(list, body, size, name, err);
        free(body);
    }
    rows_release(&rows);
    json_object_set_new(json_object_get(doc, "samples"), name, list);
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
    json_t *withheld = withheld_tasks(doc), *run;
    size_t i;
    bool ok = true;
    json_object_set_new(doc, "samples", json_object());
    json_object_set_new(doc, "samples_gone", json_object());
    json_array_foreach(json_object_get(doc, "runs"), i, run) {
        char id[32];
        snprintf(id, sizeof id, "%lld", json_get_int(run, "task_id", 0));
        if (ok && json_get_int(run, "n_chunks", 0) > 0 && !json_object_get(withheld, id))
            ok = read_samples(db, doc, json_get_int(run, "run_id", 0), err);
    }
    json_decref(withheld);
    return ok;
}

static bool read_each(
    struct db *db, json_t *doc, const struct list *lists, const char *first, struct err *err) {
    for (; lists->key; lists++) {
        if (!read_list(db, doc, lists, first, err))
            return false;
    }
    return true;
}

static bool read_lists(
    struct db *db, json_t *doc, const struct list *lists, const char *first, struct err *err) {
    if (!read_each(db, doc, lists, first, err))
        return false;
    json_t *stats = json_incref(json_array_get(json_object_get(doc, "stats"), 0));
    json_object_set_new(doc, "stats", stats ? stats : json_object());
    return true;
}

/* All that there is not one of for each run. */
static bool read_light(struct db *db, json_t *doc, struct err *err) {
    static const struct list LISTS[] = { { "suites", "site_suites", 0 },
        { "suite_tasks", "site_suite_tasks", 1 }, { "models", "site_models", 0 },
        { "tasks", "site_tasks", 0 }, { "queue", "site_queue", 0 },
        { "tombstones", "site_tombstones", 0 }, { "asked", "site_asked", 0 },
        { "nights", "site_nights", 0 }, { "copies", "site_copies", 0 },
        { "corrections", "site_corrections", 0 }, { "workers", "site_workers", 0 },
        { "imported", "site_imported", 1 }, { "overlaps", "site_overlaps", 0 },
        { "stats", "queue_stats", 0 }, { NULL, NULL, 0 } };
    return read_lists(db, doc, LISTS, NULL, err);
}

static bool read_all(struct db *db, json_t *doc, struct err *err) {
    static const struct list LISTS[] = { { "board", "site_board", 1 },
        { "runs", "site_shown_runs", 0 }, { "results", "site_shown_results", 0 },
        { NULL, NULL, 0 } };
    return read_light(db, doc, err) && read_each(db, doc, LISTS, NULL, err) &&
           read_all_samples(db, doc, err);
}

static bool load(struct db *db, json_t *doc, const char *suite, struct err *err) {
    static const struct list LISTS[] = { { "suites", "site_suites", 0 },
        { "suite_tasks", "site_suite_tasks", 1 }, { "board", "site_board", 1 },
        { "models", "site_models", 0 }, { "tasks", "site_tasks", 0 }, { "runs", "board_runs", 1 },
        { "imported", "site_imported", 1 }, { "queue", "site_queue", 0 }, { NULL, NULL, 0 } };
    static const char *const NONE[] = { "results", "workers" };
    if (!suite)
        return read_all(db, doc, err);
    for (size_t i = 0; i < sizeof NONE / sizeof *NONE; i++)
        json_object_set_new(doc, NONE[i], json_array());
    return read_lists(db, doc, LISTS, suite, err);
}

static bool load_snapshot(struct db *db, const char *suite, json_t **snapshot, struct err *err) {
    if (!db_snapshot_begin(db, err))
        return false;
    json_t *doc = json_pack("{s:s}", "schema", "assay.site/1");
    bool ok = load(db, doc, suite, err);
    db_snapshot_end(db);
    if (!ok) {
        json_decref(doc);
        return err_wrap(err, "could not read the published results");
    }
    *snapshot = doc;
    return true;
}

bool site_load(struct db *db, json_t **snapshot, struct err *err) {
    return load_snapshot(db, NULL, snapshot, err);
}

bool site_load_board(struct db *db, const char *suite, json_t **snapshot, struct err *err) {
    return load_snapshot(db, suite, snapshot, err);
}

bool load_light(struct db *db, json_t **doc, struct err *err) {
    static const char *const ELSEWHERE[] = { "board", "runs", "results" };
    json_t *light = json_pack("{s:s}", "schema", "assay.site/1");
    for (size_t i = 0; i < sizeof ELSEWHERE / sizeof *ELSEWHERE; i++)
        json_object_set_new(light, ELSEWHERE[i], json_array());
    if (!read_light(db, light, err)) {
        json_decref(light);
        return err_wrap(err, "could not read the published results");
    }
    *doc = light;
    return true;
}
