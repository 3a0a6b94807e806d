/* The snapshot as files, and files as a snapshot (see results.h). */
#include "site-gen/results.h"

#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "site-gen/world.h"

#define INDEX "index.json"
#define INDEX_SCHEMA "assay.results.index/1"
#define FILE_MAX ((size_t)256 << 20)

/* Lists that are not in lists.json: they are in files of their own, or of the moment. */
static const char *const APART[] = { "schema", "runs", "results", "board", "models", "samples",
    "samples_gone", "queue", "workers", "stats", "as_of", "from_files", "run_files", NULL };

static bool is_apart(const char *key) {
    const char *const *a = APART;
    while (*a && strcmp(*a, key) != 0)
        a++;
    return *a != NULL;
}

static void id_of(const json_t *row, char id[32]) {
    snprintf(id, 32, "%lld", json_get_int(row, "run_id", 0));
}

/* "org__name" of "org/name", as mteb calls it. A name that has "__" itself is told apart by a hash.
 * The caller frees. */
static char *model_stem(const char *name) {
    struct strbuf b = { 0 };
    char hex[65];
    for (const char *s = name; *s; s++)
        *s == '/' ? strbuf_adds(&b, "__") : strbuf_addc(&b, *s);
    if (strstr(name, "__")) {
        sha256_hex(name, strlen(name), hex);
        strbuf_addf(&b, "-%.10s", hex);
    }
    char *stem = slug(strbuf_str(&b));
    strbuf_release(&b);
    return stem;
}

/* ---- writing ---- */

struct writer {
    const char *dir;
    const json_t *snapshot;
    const struct sample_source *samples;
    struct world world;
    json_t *by_run;        /* id -> {"results", "board"} */
    json_t *names;         /* paths written, each -> true */
    json_t *models, *runs; /* of the index */
    struct results_report *report;
    struct err *err;
};

static void print_json(const json_t *doc, struct strbuf *out) {
    struct json_writer w;
    json_writer_init(&w, out, true);
    jw_json(&w, doc);
    strbuf_addc(out, '\n');
}

static bool same_file(const char *path, const struct strbuf *body) {
    struct strbuf now = { 0 };
    struct err ignored = ERR_INIT;
    bool same = file_exists(path) && file_read(path, FILE_MAX, &now, &ignored) &&
                now.len == body->len && memcmp(strbuf_str(&now), body->text, now.len) == 0;
    strbuf_release(&now);
    return same;
}

static bool make_folder_of(char *path, struct err *err) {
    char *slash = strrchr(path, '/');
    *slash = '\0';
    bool ok = dir_exists(path) || dir_make(path, err);
    *slash = '/';
    return ok;
}

/* Its line of the index, new; NULL on failure. Takes `doc`. */
static json_t *put(struct writer *w, const char *name, json_t *doc) {
    struct strbuf body = { 0 };
    char hex[65], *path = path_join(w->dir, name);
    print_json(doc, &body);
    json_decref(doc);
    sha256_hex(body.text, body.len, hex);
    bool same = same_file(path, &body),
         ok = same || (make_folder_of(path, w->err) &&
                          file_write_atomic(path, body.text, body.len, w->err));
    w->report->n_files++;
    w->report->n_changed += !same;
    json_object_set_new(w->names, name, json_true());
    json_t *line = ok ? json_pack("{s:s, s:I, s:s}", "path", name, "bytes", (json_int_t)body.len,
                            "sha256", hex)
                      : NULL;
    strbuf_release(&body);
    free(path);
    return line;
}

static bool put_in(struct writer *w, json_t *list, const char *name, json_t *doc) {
    json_t *line = put(w, name, doc);
    return line && json_array_append_new(list, line) == 0;
}

/* Rows of a list under their run, without the number that the run has itself. */
static void gather(struct writer *w, const char *key) {
    json_t *row;
    size_t i;
    json_array_foreach(json_object_get(w->snapshot, key), i, row) {
        char id[32];
        id_of(row, id);
        json_t *of = json_object_get(w->by_run, id), *list;
        if (!of) {
            of = json_object();
            json_object_set_new(w->by_run, id, of);
        }
        list = json_object_get(of, key);
        if (!list) {
            list = json_array();
            json_object_set_new(of, key, list);
        }
        json_array_append(list, row);
    }
}

static bool add_sample(void *to, const json_t *sample, struct err *err) {
    (void)err;
    return json_array_append(to, (json_t *)(uintptr_t)sample) == 0;
}

/* Texts that a task withholds are not even read. */
static bool add_samples(struct writer *w, const json_t *run, const char *id, json_t *doc) {
    const json_t *task = world_task(&w->world, json_get_int(run, "task_id", 0));
    const char *gone = json_get_string(json_object_get(w->snapshot, "samples_gone"), id, NULL);
    json_t *list = json_incref(json_object_get(json_object_get(w->snapshot, "samples"), id));
    bool ok = true;
    if (!json_get_bool(json_object_get(task, "definition"), "publish_samples", true)) {
        json_decref(list);
        return true;
    }
    if (w->samples && json_get_int(run, "n_chunks", 0) > 0) {
        json_decref(list);
        list = json_array();
        gone = NULL;
        ok = w->samples->read(
            w->samples->arg, json_get_int(run, "run_id", 0), add_sample, list, &gone, w->err);
    }
    if (json_array_size(list))
        json_object_set(doc, "samples", list);
    if (gone)
        json_object_set_new(doc, "samples_gone", json_string(gone));
    json_decref(list);
    return ok;
}

static bool put_run(struct writer *w, json_t *run) {
    char id[32];
    id_of(run, id);
    json_t *doc = json_pack("{s:s, s:O}", "schema", "assay.result/1", "run", run);
    const json_t *of = json_object_get(w->by_run, id);
    copy_field(doc, of, "results");
    copy_field(doc, of, "board");
    if (!add_samples(w, run, id, doc)) {
        json_decref(doc);
        return false;
    }
    char *model = model_stem(json_get_string(run, "model", "")),
         *task = slug(json_get_string(run, "task", ""));
    struct strbuf name = { 0 };
    strbuf_addf(&name, "runs/%s/%s/%s.json", model, task, id);
    free(model);
    free(task);
    w->report->n_runs++;
    bool ok = put_in(w, w->runs, name.text, doc);
    strbuf_release(&name);
    return ok;
}

/* Revisions of one model lie side by side. */
static bool put_models(struct writer *w) {
    const json_t *all = json_object_get(w->snapshot, "models");
    for (size_t i = 0; i < json_array_size(all);) {
        const char *model = json_get_string(json_array_get(all, i), "model", "");
        json_t *revisions = json_array();
        for (; i < json_array_size(all) &&
               strcmp(json_get_string(json_array_get(all, i), "model", ""), model) == 0;
             i++)
            json_array_append(revisions, json_array_get(all, i));
        char *stem = model_stem(model);
        struct strbuf name = { 0 };
        strbuf_addf(&name, "models/%s.json", stem);
        bool ok = put_in(w, w->models, name.text,
            json_pack("{s:s, s:o}", "schema", "assay.model/1", "revisions", revisions));
        strbuf_release(&name);
        free(stem);
        if (!ok)
            return false;
    }
    return true;
}

static json_t *lists_of(const json_t *snapshot) {
    json_t *lists = json_pack("{s:s}", "schema", "assay.results.lists/1"), *value;
    const char *key;
    json_object_foreach((json_t *)(uintptr_t)snapshot, key, value) {
        if (!is_apart(key))
            json_object_set(lists, key, value);
    }
    return lists;
}

/* What an export before had written and this one didn't. */
static void remove_old(struct writer *w, const json_t *index) {
    static const char *const LISTS[] = { "models", "runs", NULL };
    for (const char *const *key = LISTS; *key; key++) {
        json_t *line;
        size_t i;
        json_array_foreach(json_object_get(index, *key), i, line) {
            const char *name = json_get_string(line, "path", "");
            if (json_object_get(w->names, name) || !path_stays_below(name))
                continue;
            char *path = path_join(w->dir, name);
            w->report->n_removed += unlink(path) == 0;
            for (char *slash; (slash = strrchr(path, '/')) && slash > path + strlen(w->dir);) {
                *slash = '\0'; /* folders that are empty now */
                if (rmdir(path) != 0)
                    break;
            }
            free(path);
        }
    }
}

/* The index before this one; NULL where there is none, with *ok false where it is another's. */
static json_t *old_index(const char *dir, bool *ok, struct err *err) {
    char *path = path_join(dir, INDEX);
    json_t *index = file_exists(path) ? json_parse_file(path, FILE_MAX, err) : NULL;
    *ok = !file_exists(path) ||
          (index && strcmp(json_get_string(index, "schema", ""), INDEX_SCHEMA) == 0);
    if (!*ok && index) {
        err_set(err, ERR_INPUT, "'%s' is no index of exported results", path);
        err_hint(err, "name another folder, or remove this file");
    }
    free(path);
    return index;
}

/* The index is written last: until then the old one tells of files that changed under it, and a
 * reader is told so rather than given half of each. */
static bool write_all(struct writer *w) {
    size_t i;
    json_t *run, *lists;
    gather(w, "results");
    gather(w, "board");
    lists = put(w, "lists.json", lists_of(w->snapshot));
    bool ok = lists && put_models(w);
    json_array_foreach(json_object_get(w->snapshot, "runs"), i, run) ok = ok && put_run(w, run);
    if (!ok) {
        json_decref(lists);
        return false;
    }
    json_t *line = put(w, INDEX,
        json_pack("{s:s, s:s, s:o, s:O, s:O}", "schema", INDEX_SCHEMA, "as_of", w->world.as_of,
            "lists", lists, "models", w->models, "runs", w->runs));
    json_decref(line);
    return line != NULL;
}

bool results_write(const json_t *snapshot, const struct sample_source *samples, const char *dir,
    struct results_report *report, struct err *err) {
    bool ok;
    *report = (struct results_report) { 0 };
    json_t *old = old_index(dir, &ok, err);
    struct writer w = { .dir = dir,
        .snapshot = snapshot,
        .samples = samples,
        .by_run = json_object(),
        .names = json_object(),
        .models = json_array(),
        .runs = json_array(),
        .report = report,
        .err = err };
    ok = ok && world_init(&w.world, snapshot, NULL, err) && write_all(&w);
    if (ok)
        remove_old(&w, old);
    json_decref(old);
    world_release(&w.world);
    json_decref(w.by_run);
    json_decref(w.names);
    json_decref(w.models);
    json_decref(w.runs);
    return ok || err_wrap(err, "could not export to '%s'", dir);
}

/* ---- reading ---- */

/* The document of a line of the index; NULL on failure. */
static json_t *take_doc(const char *dir, const json_t *line, const char *schema, struct err *err) {
    const char *name = json_get_string(line, "path", "");
    char hex[65];
    struct strbuf body = { 0 };
    json_t *doc = NULL;
    if (!path_stays_below(name)) {
        err_set(err, ERR_INPUT, "the index names '%.80s', which is no file of it", name);
        return NULL;
    }
    char *path = path_join(dir, name);
    if (file_read(path, FILE_MAX, &body, err)) {
        sha256_hex(strbuf_str(&body), body.len, hex);
        if (strcmp(hex, json_get_string(line, "sha256", "")) != 0) {
            err_set(err, ERR_INPUT, "'%s' has other bytes than the index says", path);
            err_hint(err, "export again, or put back the file as it was");
        } else {
            doc = json_parse(strbuf_str(&body), body.len, path, err);
        }
    }
    if (doc && strcmp(json_get_string(doc, "schema", ""), schema) != 0) {
        err_set(err, ERR_SCHEMA, "'%s' is of schema '%.60s' instead of '%s'", path,
            json_get_string(doc, "schema", ""), schema);
        json_decref(doc);
        doc = NULL;
    }
    strbuf_release(&body);
    free(path);
    return doc;
}

static void extend(json_t *snapshot, const char *key, const json_t *rows) {
    json_array_extend(json_object_get(snapshot, key), (json_t *)(uintptr_t)rows);
}

static bool read_run(const char *dir, const json_t *line, json_t *snapshot, struct err *err) {
    json_t *doc = take_doc(dir, line, "assay.result/1", err), *run = json_object_get(doc, "run");
    char id[32];
    if (!doc)
        return false;
    id_of(run, id);
    json_array_append(json_object_get(snapshot, "runs"), run);
    extend(snapshot, "results", json_object_get(doc, "results"));
    extend(snapshot, "board", json_object_get(doc, "board"));
    if (json_object_get(doc, "samples_gone"))
        json_object_set(
            json_object_get(snapshot, "samples_gone"), id, json_object_get(doc, "samples_gone"));
    json_object_set(json_object_get(snapshot, "run_files"), id, json_object_get(line, "path"));
    json_decref(doc);
    return true;
}

static bool read_model(const char *dir, const json_t *line, json_t *snapshot, struct err *err) {
    json_t *doc = take_doc(dir, line, "assay.model/1", err);
    extend(snapshot, "models", json_object_get(doc, "revisions"));
    json_decref(doc);
    return doc != NULL;
}

static bool read_lists(const char *dir, const json_t *line, json_t *snapshot, struct err *err) {
    json_t *doc = take_doc(dir, line, "assay.results.lists/1", err), *value;
    const char *key;
    json_object_foreach(doc, key, value) {
        if (!is_apart(key))
            json_object_set(snapshot, key, value);
    }
    json_decref(doc);
    return doc != NULL;
}

/* ---- the order of a board's rows, which its reader counts on (db/sql/site_board.sql) ---- */

struct board_row {
    json_t *row;
    long long revision; /* its place among the revisions of its model */
};

static int by_text(const json_t *a, const json_t *b, const char *key) {
    return strcmp(json_get_string(a, key, ""), json_get_string(b, key, ""));
}

static int by_int(long long a, long long b) {
    return (a > b) - (a < b);
}

static int as_published(const void *a, const void *b) {
    const struct board_row *x = a, *y = b;
    int order = by_text(x->row, y->row, "suite");
    order = order ? order : by_text(x->row, y->row, "model");
    order = order ? order : by_int(x->revision, y->revision);
    order = order ? order : by_text(x->row, y->row, "precision");
    order = order ? order : by_text(x->row, y->row, "weight_type");
    order = order
                ? order
                : by_int(json_get_int(x->row, "position", 0), json_get_int(y->row, "position", 0));
    return order ? order
                 : by_int(json_get_int(x->row, "run_id", 0), json_get_int(y->row, "run_id", 0));
}

static char *revision_key(const json_t *row) {
    struct strbuf b = { 0 };
    strbuf_addf(
        &b, "%s %s", json_get_string(row, "model", ""), json_get_string(row, "revision", ""));
    return strbuf_take(&b);
}

static void sort_board(json_t *snapshot) {
    json_t *board = json_object_get(snapshot, "board"), *places = json_object(), *row;
    size_t n = json_array_size(board), i;
    struct board_row *rows = xcalloc(n + 1, sizeof *rows);
    json_array_foreach(json_object_get(snapshot, "models"), i, row) {
        char *key = revision_key(row);
        json_object_set_new(places, key, json_integer((json_int_t)i));
        free(key);
    }
    for (i = 0; i < n; i++) {
        row = json_array_get(board, i);
        char *key = revision_key(row);
        rows[i] = (struct board_row) { json_incref(row),
            json_integer_value(json_object_get(places, key)) };
        free(key);
    }
    qsort(rows, n, sizeof *rows, as_published);
    for (i = 0; i < n; i++)
        json_array_set_new(board, i, rows[i].row);
    free(rows);
    json_decref(places);
}

static bool read_all(const char *dir, const json_t *index, json_t *snapshot, struct err *err) {
    json_t *line;
    size_t i;
    bool ok = read_lists(dir, json_object_get(index, "lists"), snapshot, err);
    json_array_foreach(json_object_get(index, "models"), i, line) ok =
        ok && read_model(dir, line, snapshot, err);
    json_array_foreach(json_object_get(index, "runs"), i, line) ok =
        ok && read_run(dir, line, snapshot, err);
    return ok;
}

bool results_read(const char *dir, json_t **snapshot, struct err *err) {
    bool ok;
    json_t *index = old_index(dir, &ok, err);
    if (!index) {
        if (!ok)
            return false;
        err_set(err, ERR_NOT_FOUND, "there are no exported results in '%s'", dir);
        return err_hint(err, "make them with 'assay result export --to %.100s'", dir);
    }
    json_t *doc = json_pack(
        "{s:s, s:O*, s:b, s:[], s:[], s:[], s:[], s:[], s:[], s:{}, s:{}, s:{}}", "schema",
        "assay.site/1", "as_of", json_object_get(index, "as_of"), "from_files", 1, "runs",
        "results", "board", "models", "queue", "workers", "run_files", "samples_gone", "stats");
    ok = ok && read_all(dir, index, doc, err);
    json_decref(index);
    if (!ok) {
        json_decref(doc);
        return false;
    }
    sort_board(doc);
    *snapshot = doc;
    return true;
}

static bool read_samples(
    void *arg, long long run, sample_fn *take, void *to, const char **gone, struct err *err) {
    const struct results_place *place = arg;
    char id[32];
    snprintf(id, sizeof id, "%lld", run);
    const char *name = json_get_string(json_object_get(place->snapshot, "run_files"), id, NULL);
    *gone = json_get_string(json_object_get(place->snapshot, "samples_gone"), id, NULL);
    if (!name)
        return true;
    char *path = path_join(place->dir, name);
    json_t *doc = json_parse_file(path, FILE_MAX, err), *sample;
    size_t i;
    bool ok = doc != NULL;
    json_array_foreach(json_object_get(doc, "samples"), i, sample) {
        if (ok && json_is_object(sample))
            ok = take(to, sample, err);
    }
    json_decref(doc);
    free(path);
    return ok;
}

struct sample_source results_samples(const struct results_place *place) {
    return (struct sample_source) { read_samples, (void *)(uintptr_t)place };
}
