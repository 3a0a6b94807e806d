/* Reads the samples of runs and makes the files of them (see samples.h). */
#include "site-gen/samples.h"

#include <string.h>

#include "base/base64.h"
#include "base/json.h"
#include "base/mem.h"
#include "db/db.h"

/* ---- where they come from ---- */

/* Where a chunk is no longer in the database, none is read: places would be others. */
static const char *gone_of(const struct rows *rows) {
    for (int i = 0; i < rows->n; i++) {
        if (rows_null(rows, i, "body"))
            return rows_bool(rows, i, "dropped") ? "dropped" : "archived";
    }
    return NULL;
}

static bool take_lines(
    const char *text, size_t n, sample_fn *take, void *to, const char *name, struct err *err) {
    struct json_lines walk = { text, n, 0 };
    const char *line;
    bool ok = true;
    for (size_t len; ok && json_lines_next(&walk, &line, &len);) {
        json_t *sample = len ? json_parse(line, len, name, err) : NULL;
        ok = len == 0 || (sample && take(to, sample, err));
        json_decref(sample);
    }
    return ok;
}

static bool take_chunk(
    const struct rows *rows, int row, sample_fn *take, void *to, struct err *err) {
    size_t size, n = 0;
    void *body = rows_bytes(rows, row, "body", &size);
    char *text = chunk_unpack(body, size, &n, err);
    bool ok = text && take_lines(text, n, take, to, "samples", err);
    free(text);
    free(body);
    return ok;
}

static bool read_database(
    void *db, long long run, sample_fn *take, void *to, const char **gone, struct err *err) {
    struct rows rows = { 0 };
    if (!db_query(db, "site_samples", DB_ARGS(db_int(run)), &rows, err))
        return err_wrap(err, "samples of run %lld", run);
    *gone = gone_of(&rows);
    bool ok = true;
    for (int i = 0; ok && !*gone && i < rows.n; i++)
        ok = take_chunk(&rows, i, take, to, err);
    rows_release(&rows);
    return ok || err_wrap(err, "samples of run %lld", run);
}

struct sample_source site_samples_in(struct db *db) {
    return (struct sample_source) { read_database, db };
}

static bool read_snapshot(const json_t *snapshot, long long run, sample_fn *take, void *to,
    const char **gone, struct err *err) {
    char id[32];
    size_t i;
    json_t *sample;
    snprintf(id, sizeof id, "%lld", run);
    *gone = json_get_string(json_object_get(snapshot, "samples_gone"), id, NULL);
    json_array_foreach(json_object_get(json_object_get(snapshot, "samples"), id), i, sample) {
        if (json_is_object(sample) && !take(to, sample, err))
            return false;
    }
    return true;
}

static bool read_run(const struct world *w, const json_t *run, sample_fn *take, void *to,
    const char **gone, struct err *err) {
    long long id = json_get_int(run, "run_id", 0);
    *gone = NULL;
    if (json_get_int(run, "n_chunks", 1) == 0)
        return true;
    return w->samples ? w->samples->read(w->samples->arg, id, take, to, gone, err)
                      : read_snapshot(w->snapshot, id, take, to, gone, err);
}

/* ---- files ---- */

struct shards {
    const struct world *w;
    const json_t *run;
    struct sample_form form;
    put_file_fn *put;
    void *arg;
    json_t *batch, *head; /* the file being filled; the first, which waits for the map */
    json_t *first;        /* those that stand in the page */
    struct strbuf map, text;
    long long n, counts[4];
};

static bool put_json(struct shards *s, long long number, const json_t *file, struct err *err) {
    struct json_writer w;
    char name[32];
    snprintf(name, sizeof name, "%03lld.json", number);
    strbuf_reset(&s->text);
    json_writer_init(&w, &s->text, false);
    jw_json(&w, file);
    strbuf_addc(&s->text, '\n');
    return s->put(s->arg, name, s->text.text, s->text.len, err);
}

static json_t *new_file(const struct shards *s) {
    return json_pack("{s:s, s:I, s:I, s:[]}", "schema", "assay.site.samples/1", "run",
        (json_int_t)json_get_int(s->run, "run_id", 0), "from", (json_int_t)s->n, "samples");
}

/* The file is full, or there are no more. */
static bool close_file(struct shards *s, struct err *err) {
    json_t *file = s->batch;
    long long from = json_get_int(file, "from", 0);
    s->batch = NULL;
    if (from == 0 && file) {
        s->head = file;
        return true;
    }
    bool ok = !file || put_json(s, from / SHARD, file, err);
    json_decref(file);
    return ok;
}

static void note_verdict(struct shards *s, enum verdict v) {
    if (s->n % 4 == 0)
        strbuf_addc(&s->map, '\0');
    unsigned char *last = (unsigned char *)&s->map.text[s->map.len - 1];
    *last = (unsigned char)(*last | (unsigned)v << 2 * (s->n % 4));
    s->counts[v]++;
}

static bool take_sample(void *to, const json_t *sample, struct err *err) {
    struct shards *s = to;
    enum verdict verdict;
    if (s->n % SHARD == 0 && !close_file(s, err))
        return false;
    if (!s->batch)
        s->batch = new_file(s);
    json_t *view = sample_view(&s->form, sample, s->n, &verdict);
    json_array_append(json_object_get(s->batch, "samples"), view);
    if (s->n < SHOWN_AT_ONCE)
        json_array_append(s->first, view);
    json_decref(view);
    note_verdict(s, verdict);
    s->n++;
    return true;
}

static json_t *counts_view(const struct shards *s) {
    return json_pack("{s:I, s:I, s:I}", "right", (json_int_t)s->counts[VERDICT_RIGHT], "wrong",
        (json_int_t)s->counts[VERDICT_WRONG], "part", (json_int_t)s->counts[VERDICT_PART]);
}

/* What the page and the first file both say. */
static void tell(const struct shards *s, json_t *to) {
    json_object_set_new(to, "n", json_integer(s->n));
    json_object_set_new(to, "shard", json_integer(SHARD));
    json_object_set_new(to, "kind", json_string(s->form.kind));
    json_object_set_new(to, "metric", json_string(s->form.main));
    json_object_set_new(to, "graded", json_boolean(s->form.graded));
    json_object_set_new(to, "published", json_boolean(s->form.published));
    json_object_set_new(to, "counts", counts_view(s));
}

static bool put_head(struct shards *s, struct err *err) {
    struct strbuf map = { 0 };
    if (!s->head)
        return true;
    tell(s, s->head);
    base64_add(&map, strbuf_str(&s->map), s->map.len);
    json_object_set_new(s->head, "map", json_string(strbuf_str(&map)));
    strbuf_release(&map);
    return put_json(s, 0, s->head, err);
}

static json_t *page_of(const struct shards *s, const char *gone) {
    json_t *page = json_pack("{s:s, s:I, s:O, s:I, s:s*}", "schema", "assay.site.samples.page/1",
        "run_id", (json_int_t)json_get_int(s->run, "run_id", 0), "first", s->first, "n_files",
        (json_int_t)((s->n + SHARD - 1) / SHARD), "gone", gone);
    tell(s, page);
    return page;
}

bool samples_make(const struct world *w, const json_t *run, put_file_fn *put, void *arg,
    json_t **page, struct err *err) {
    struct shards s = { .w = w,
        .run = run,
        .form = sample_form_of(w, run),
        .put = put,
        .arg = arg,
        .first = json_array() };
    const char *gone;
    bool ok =
        read_run(w, run, take_sample, &s, &gone, err) && close_file(&s, err) && put_head(&s, err);
    if (ok)
        *page = page_of(&s, gone);
    json_decref(s.batch);
    json_decref(s.head);
    json_decref(s.first);
    strbuf_release(&s.map);
    strbuf_release(&s.text);
    return ok;
}

json_t *samples_brief(const json_t *page, const char *path) {
    static const char *const COPIED[] = { "published", "gone", "n", "counts", NULL };
    json_t *brief = json_pack("{s:s, s:[]}", "path", path, "first");
    copy_fields(brief, page, COPIED);
    for (size_t i = 0; i < SHOWN_ON_RUN; i++)
        json_array_append(
            json_object_get(brief, "first"), json_array_get(json_object_get(page, "first"), i));
    return brief;
}

void samples_finish(json_t *page, const json_t *run_view) {
    static const char *const COPIED[] = { "model", "task", "path", "figure", "revision", NULL };
    copy_fields(page, run_view, COPIED);
    copy_field(page, run_view, "metric");
    json_object_set(page, "of", json_object_get(run_view, "n"));
}

/* ---- a few of them ---- */

struct chosen {
    struct sample_form form;
    json_t *wanted, *out;
    long long n;
};

static bool take_chosen(void *to, const json_t *sample, struct err *err) {
    struct chosen *c = to;
    char place[32];
    enum verdict unused;
    (void)err;
    snprintf(place, sizeof place, "%lld", c->n);
    if (json_object_get(c->wanted, place))
        json_object_set_new(c->out, place, sample_view(&c->form, sample, c->n, &unused));
    c->n++;
    return true;
}

bool samples_at(
    const struct world *w, const json_t *run, const json_t *places, json_t **out, struct err *err) {
    struct chosen c = {
        .form = sample_form_of(w, run), .wanted = json_object(), .out = json_object()
    };
    const char *gone;
    size_t i;
    json_t *place;
    json_array_foreach(places, i, place) {
        char key[32];
        snprintf(key, sizeof key, "%lld", (long long)json_integer_value(place));
        json_object_set_new(c.wanted, key, json_true());
    }
    bool ok = read_run(w, run, take_chosen, &c, &gone, err);
    json_decref(c.wanted);
    if (ok)
        *out = c.out;
    else
        json_decref(c.out);
    return ok;
}
