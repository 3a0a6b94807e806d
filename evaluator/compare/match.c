/* Pairing by task (see match.h). A fact that one of two results doesn't say holds nothing up. */
#include "evaluator/compare/match.h"

#include <fnmatch.h>
#include <string.h>

#include "base/mem.h"
#include "base/precision.h"
#include "evaluator/task/task.h"

enum { OTHERS_SHOWN = 4 };

/* ---- one pair ---- */

/* What has to be the same, most telling first; how people call what is not, and the fact itself. */
static const struct rule {
    const char *fact, *what, *name;
    bool short_hash, may_differ; /* if asked for by --across */
} RULES[] = {
    { "metric", "other metrics", "metric", false, false },
    { "task_sha256", "other versions of the task", "the task's hash", true, false },
    { "version", "other versions of the task", "version", false, false },
    { "data_sha256", "other data", "the data's hash", true, false },
    { "profile", "other profiles", "profile", false, true },
    { "template", "other templates", "template", false, true },
    { "add_bos", "other rules for the first token (add_bos)", "add_bos", false, true },
    { "shots", "other numbers of examples (shots)", "shots", false, true },
    { "seed", "other draws of examples (seed)", "seed", false, true },
};
#define N_RULES (sizeof RULES / sizeof *RULES)

bool is_across(const struct compare_options *o, const char *fact) {
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
    for (size_t i = 0; i < N_RULES; i++) {
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

/* Asked as the task's protocol has it: nothing was varied on purpose. */
static bool is_plain(const struct candidate *c) {
    return !strchr(json_get_string(c->facts, "profile", ""), '+') &&
           json_get_int(c->facts, "seed", TASK_SEED) == TASK_SEED;
}

/* True where it is the pair that was looked for; the first reason why not is kept. */
static bool try_pair(struct match *m, const struct candidate *x, const struct candidate *y,
    const struct compare_options *o) {
    char *why = mismatch(x->facts, y->facts, o);
    if (why && m->why) {
        free(why);
    } else if (why) {
        m->why = why;
    } else {
        free(m->why);
        *m = (struct match) { m->task, x, y, NULL, false };
    }
    return m->why == NULL;
}

/* The newest pair of all that can be paired, those first that nothing was varied in; else why the
 * first two cannot. */
static void find_pair(
    struct match *m, const struct side *a, const struct side *b, const struct compare_options *o) {
    for (int varied = 0; varied < 2; varied++) {
        for (size_t k = 0; k < a->n * b->n; k++) {
            const struct candidate *x = &a->items[k / b->n], *y = &b->items[k % b->n];
            bool both = !strcmp(task_of(x), m->task) && !strcmp(task_of(y), m->task) &&
                        (is_plain(x) && is_plain(y)) == !varied;
            if (both && try_pair(m, x, y, o)) {
                return;
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

/* ---- what to know of a pair ---- */

static void add_unsaid(json_t *notes, const json_t *own, const json_t *other, const char *side,
    const struct compare_options *o) {
    struct strbuf text = { 0 };
    for (size_t i = 0; i < N_RULES; i++) {
        const struct rule *r = &RULES[i];
        if (json_object_get(other, r->fact) && !json_object_get(own, r->fact) &&
            applies(r, other, o)) {
            strbuf_addf(&text, "%s%s", text.len ? ", " : "", r->name);
        }
    }
    if (text.len) {
        json_array_append_new(notes, json_sprintf("not said by %s: %s", side, strbuf_str(&text)));
    }
    strbuf_release(&text);
}

/* "p, seed 7", as far as it is known. */
static void add_manner(struct strbuf *out, const struct candidate *c) {
    const char *profile = json_get_string(c->facts, "profile", NULL);
    const json_t *seed = json_object_get(c->facts, "seed");
    strbuf_addf(out, profile ? "%s" : "no profile", profile);
    if (seed) {
        strbuf_addf(out, ", seed %lld", (long long)json_integer_value(seed));
    }
}

static bool same_manner(const struct candidate *x, const struct candidate *y) {
    static const char *const FACTS[] = { "profile", "seed", "shots" };
    for (size_t i = 0; i < sizeof FACTS / sizeof *FACTS; i++) {
        if (!json_equal(json_object_get(x->facts, FACTS[i]), json_object_get(y->facts, FACTS[i]))) {
            return x->facts == y->facts;
        }
    }
    return true;
}

/* Other results of the task on the same side, that were asked in another way. */
static void add_others(
    json_t *notes, const struct side *s, const struct candidate *taken, const char *side) {
    struct strbuf text = { 0 };
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct candidate *c = &s->items[i];
        if (!strcmp(task_of(c), task_of(taken)) && !same_manner(c, taken)) {
            if (n++ < OTHERS_SHOWN) {
                strbuf_adds(&text, n > 1 ? "), (" : "");
                add_manner(&text, c);
            }
        }
    }
    if (n) {
        struct strbuf own = { 0 };
        add_manner(&own, taken);
        json_array_append_new(
            notes, json_sprintf("%s was asked in other ways too: (%s) is compared, not (%s%s)",
                       side, strbuf_str(&own), strbuf_str(&text), n > OTHERS_SHOWN ? "), (…" : ""));
        strbuf_release(&own);
    }
    strbuf_release(&text);
}

/* A side that was computed in a type which changes answers. */
static void add_caveat(json_t *notes, const char *side, const json_t *facts) {
    const char *dtype = json_get_string(facts, "dtype", NULL), *caveat = precision_caveat(dtype);
    if (caveat) {
        json_array_append_new(notes, json_sprintf("%s is in %s: %s", side, dtype, caveat));
    }
}

void match_notes(json_t *notes, const struct match *m, const struct side *a, const struct side *b,
    const struct compare_options *o) {
    const json_t *x = m->a->facts, *y = m->b->facts;
    add_others(notes, a, m->a, "A");
    add_others(notes, b, m->b, "B");
    add_unsaid(notes, x, y, "A", o);
    add_unsaid(notes, y, x, "B", o);
    add_caveat(notes, "A", x);
    add_caveat(notes, "B", y);
    for (size_t i = 0; i < N_RULES; i++) {
        const json_t *p = json_object_get(x, RULES[i].fact), *q = json_object_get(y, RULES[i].fact);
        if (p && q && !same(p, q) && RULES[i].may_differ && is_across(o, RULES[i].fact)) {
            json_array_append_new(notes, json_sprintf("%s differs", RULES[i].fact));
        }
    }
}

void match_release(struct match *matches, size_t n) {
    for (size_t i = 0; i < n; i++) {
        free(matches[i].why);
    }
    free(matches);
}
