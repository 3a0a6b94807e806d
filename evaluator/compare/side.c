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

bool candidate_samples(
    const struct side *s, const struct candidate *c, char **text, size_t *n, struct err *err) {
    struct strbuf out = { .max = SAMPLES_MAX };
    bool ok = c->run    ? run_samples(s->db, c->run, &out, err)
              : c->path ? file_read(c->path, SAMPLES_MAX, &out, err)
                        : true;
    *n = out.len;
    *text = ok && out.len ? strbuf_take(&out) : NULL;
    strbuf_release(&out);
    return ok;
}
