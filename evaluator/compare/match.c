/* Pairing by task (see match.h). A fact that one of two results doesn't say holds nothing up. */
#include "evaluator/compare/match.h"

#include <fnmatch.h>
#include <string.h>

#include "base/mem.h"

/* ---- one pair ---- */

/* What has to be the same, most telling first; and how people call what is not. */
static const struct rule {
    const char *fact, *what;
    bool short_hash, may_differ; /* if asked for by --across */
} RULES[] = {
    { "metric", "other metrics", false, false },
    { "task_sha256", "other versions of the task", true, false },
    { "version", "other versions of the task", false, false },
    { "data_sha256", "other data", true, false },
    { "profile", "other profiles", false, true },
    { "template", "other templates", false, true },
    { "add_bos", "other rules for the first token (add_bos)", false, true },
    { "shots", "other numbers of examples (shots)", false, true },
    { "seed", "other draws of examples (seed)", false, true },
};

static bool is_across(const struct compare_options *o, const char *fact) {
    size_t i;
    const json_t *item;
    json_array_foreach(o->across, i, item) {
        if (!strcmp(json_string_value(item), fact)) {
            return true;
        }
    }
    return false;
}

/* Seeds decide nothing where no examples are drawn. */
static bool applies(const struct rule *r, const json_t *a, const struct compare_options *o) {
    bool drawn = json_get_int(a, "shots", 1) != 0;
    return !(r->may_differ && is_across(o, r->fact)) && (strcmp(r->fact, "seed") || drawn);
}

static void add_fact(struct strbuf *out, const json_t *v, const struct rule *r) {
    if (json_is_string(v)) {
        strbuf_addf(out, r->short_hash ? "%.12s" : "%.60s", json_string_value(v));
    } else if (json_is_real(v)) {
        strbuf_addf(out, "%g", json_real_value(v));
    } else {
        strbuf_addf(out, "%lld", (long long)json_integer_value(v));
    }
}

static bool same(const json_t *x, const json_t *y) {
    return json_is_number(x) && json_is_number(y) ? json_number_value(x) == json_number_value(y)
                                                  : json_equal(x, y);
}

/* NULL if the two can be paired, else why not; the caller frees. */
static char *mismatch(const json_t *a, const json_t *b, const struct compare_options *o) {
    for (size_t i = 0; i < sizeof RULES / sizeof *RULES; i++) {
        const struct rule *r = &RULES[i];
        const json_t *x = json_object_get(a, r->fact), *y = json_object_get(b, r->fact);
        if (x && y && !same(x, y) && applies(r, a, o)) {
            struct strbuf why = { 0 };
            strbuf_addf(&why, "%s: ", r->what);
            add_fact(&why, x, r);
            strbuf_adds(&why, " and ");
            add_fact(&why, y, r);
            return strbuf_take(&why);
        }
    }
    return NULL;
}

/* ---- all tasks ---- */

static const char *task_of(const struct candidate *c) {
    return json_get_string(c->facts, "task", "");
}

static bool wanted(const char *task, const struct compare_options *o) {
    size_t i;
    const json_t *item;
    json_array_foreach(o->tasks, i, item) {
        if (fnmatch(json_string_value(item), task, 0) == 0) {
            return true;
        }
    }
    return !o->tasks;
}

static const struct candidate *first_of(const struct side *s, const char *task) {
    for (size_t i = 0; i < s->n; i++) {
        if (!strcmp(task_of(&s->items[i]), task)) {
            return &s->items[i];
        }
    }
    return NULL;
}

/* The newest pair of all that can be paired; else why the two newest cannot. */
static void find_pair(
    struct match *m, const struct side *a, const struct side *b, const struct compare_options *o) {
    for (size_t i = 0; i < a->n; i++) {
        for (size_t j = 0; j < b->n; j++) {
            const struct candidate *x = &a->items[i], *y = &b->items[j];
            if (strcmp(task_of(x), m->task) || strcmp(task_of(y), m->task)) {
                continue;
            }
            char *why = mismatch(x->facts, y->facts, o);
            if (!why) {
                free(m->why);
                *m = (struct match) { m->task, x, y, NULL, false };
                return;
            }
            if (m->why) {
                free(why);
            } else {
                m->why = why;
            }
        }
    }
}

static void match_one(
    struct match *m, const struct side *a, const struct side *b, const struct compare_options *o) {
    const struct candidate *x = first_of(a, m->task), *y = first_of(b, m->task);
    if (x && y) {
        find_pair(m, a, b, o);
    } else {
        struct strbuf why = { 0 };
        strbuf_addf(&why, "'%.200s' has no result of it", x ? b->name : a->name);
        m->why = strbuf_take(&why);
        m->missing = true;
    }
}

static int by_task(const void *a, const void *b) {
    return strcmp(((const struct match *)a)->task, ((const struct match *)b)->task);
}

static void add_tasks(
    struct match *list, size_t *n, const struct side *s, const struct compare_options *o) {
    for (size_t i = 0; i < s->n; i++) {
        const char *task = task_of(&s->items[i]);
        bool known = !wanted(task, o);
        for (size_t k = 0; k < *n && !known; k++) {
            known = !strcmp(list[k].task, task);
        }
        if (!known) {
            list[(*n)++] = (struct match) { .task = task };
        }
    }
}

struct match *match_tasks(
    const struct side *a, const struct side *b, const struct compare_options *o, size_t *n) {
    struct match *list = xcalloc(a->n + b->n + 1, sizeof *list);
    *n = 0;
    add_tasks(list, n, a, o);
    add_tasks(list, n, b, o);
    qsort(list, *n, sizeof *list, by_task);
    for (size_t i = 0; i < *n; i++) {
        match_one(&list[i], a, b, o);
    }
    return list;
}

void match_release(struct match *matches, size_t n) {
    for (size_t i = 0; i < n; i++) {
        free(matches[i].why);
    }
    free(matches);
}
