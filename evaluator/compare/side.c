/* What both kinds of sides have in common (see side.h). */
#include "evaluator/compare/side.h"

#include "base/file.h"
#include "base/mem.h"
#include "db/db.h"

#define SAMPLES_MAX ((size_t)1 << 30)

void side_add(struct side *s, json_t *facts, char *path, long long run) {
    mem_grow(&s->items, &s->capacity, s->n + 1, sizeof *s->items);
    s->items[s->n++] = (struct candidate) { facts, path, run };
}

void side_release(struct side *s) {
    for (size_t i = 0; i < s->n; i++) {
        json_decref(s->items[i].facts);
        free(s->items[i].path);
    }
    free(s->items);
    *s = (struct side) { 0 };
}

void copy_facts(json_t *to, const json_t *from, const char *const *keys) {
    for (; *keys; keys++) {
        json_t *v = json_object_get(from, *keys);
        if (v && !json_is_null(v)) {
            json_object_set(to, *keys, v);
        }
    }
}

static bool unpack_chunks(const struct rows *rows, struct strbuf *out, struct err *err) {
    bool ok = true;
    for (int i = 0; ok && i < rows->n; i++) {
        size_t size, n;
        void *body = rows_bytes(rows, i, "body", &size);
        char *text = chunk_unpack(body, size, &n, err);
        ok = text != NULL;
        if (ok) {
            strbuf_add(out, text, n);
        }
        free(text);
        free(body);
    }
    return ok && (!out->overflow || err_set(err, ERR_RESOURCE, "the samples do not fit memory"));
}

static bool stored_samples(struct db *db, long long run, struct strbuf *out, struct err *err) {
    struct rows rows = { 0 };
    bool ok = db_query(db, "site_samples", DB_ARGS(db_int(run)), &rows, err) &&
              unpack_chunks(&rows, out, err);
    rows_release(&rows);
    return ok || err_wrap(err, "samples of run %lld", run);
}

bool candidate_samples(
    const struct side *s, const struct candidate *c, char **text, size_t *n, struct err *err) {
    struct strbuf out = { .max = SAMPLES_MAX };
    bool ok = c->run    ? stored_samples(s->db, c->run, &out, err)
              : c->path ? file_read(c->path, SAMPLES_MAX, &out, err)
                        : true;
    *n = out.len;
    *text = ok && out.len ? strbuf_take(&out) : NULL;
    strbuf_release(&out);
    return ok;
}
