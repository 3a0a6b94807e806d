/* See labels.h. */
#include "evaluator/eval/labels.h"

#include <math.h>
#include <string.h>

#include "base/pool.h"

/* ---- distinct texts ---- */

void texts_init(struct texts *t, size_t expected) {
    *t = (struct texts) { .known = strmap_new(expected) };
}

size_t texts_add(struct texts *t, const char *text) {
    int32_t at = strmap_find(t->known, text, strlen(text));
    if (at < 0) {
        at = (int32_t)t->n;
        strmap_add(t->known, text, strlen(text), at);
        mem_grow(&t->items, &t->capacity, t->n + 1, sizeof *t->items);
        t->items[t->n++] = text;
    }
    return (size_t)at;
}

float *texts_embed(struct eval *e, const struct texts *t, struct err *err) {
    return eval_embed(e, SUBJECT_TEXT, e->info->prompt_query, t->items, t->n, err);
}

void texts_release(struct texts *t) {
    free(t->items);
    strmap_free(t->known);
    *t = (struct texts) { 0 };
}

/* ---- labels ---- */

struct label_table label_table_of(struct arena *a, const struct task_label *labels, size_t n) {
    struct label_table t = { arena_alloc(a, (n + 1) * sizeof *t.items), 0 };
    struct task_label *sorted = xcalloc(n + 1, sizeof *sorted);
    if (n) {
        memcpy(sorted, labels, n * sizeof *sorted);
    }
    qsort(sorted, n, sizeof *sorted, task_label_compare);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || task_label_compare(&sorted[i], &sorted[i - 1])) {
            t.items[t.n++] = sorted[i];
        }
    }
    free(sorted);
    return t;
}

long label_table_find(const struct label_table *t, const struct task_label *label) {
    const struct task_label *found =
        bsearch(label, t->items, t->n, sizeof *t->items, task_label_compare);
    return found ? found - t->items : -1;
}

void label_write(const struct task_label *label, struct json_writer *w) {
    if (label->text) {
        jw_string(w, label->text);
    } else {
        jw_int(w, label->number);
    }
}

bool label_recall(struct eval *e, const json_t *sample, const json_t *v, const char *field,
    struct task_label *label, struct err *err) {
    size_t n = json_string_length(v);
    *label = (struct task_label) { .number = json_integer_value(v) };
    if (json_is_string(v) && !memchr(json_string_value(v), 0, n)) {
        label->text = arena_strndup(&e->arena, json_string_value(v), n);
    } else if (!json_is_integer(v)) {
        char what[100];
        snprintf(what, sizeof what, "'%s' is not made of labels", field);
        return recall_fail(sample, what, err);
    }
    return true;
}

struct task_label *labels_recall(
    struct eval *e, const json_t *sample, const char *field, size_t *n, struct err *err) {
    const json_t *list = json_object_get(sample, field);
    *n = json_array_size(list);
    struct task_label *labels = arena_alloc(&e->arena, (*n + 1) * sizeof *labels);
    if (!json_is_array(list)) {
        recall_fail(sample, "it has no list of labels", err);
        return NULL;
    }
    for (size_t i = 0; i < *n; i++) {
        if (!label_recall(e, sample, json_array_get(list, i), field, &labels[i], err)) {
            return NULL;
        }
    }
    return labels;
}

/* ---- experiments ---- */

struct run {
    experiment_fn *fn;
    void *arg;
    struct err *errors;
    bool *failed;
};

static void run_item(void *arg, unsigned thread, size_t item) {
    struct run *r = arg;
    (void)thread;
    r->failed[item] = !r->fn(r->arg, item, &r->errors[item]);
}

bool experiments_run(size_t n, experiment_fn *fn, void *arg, struct err *err) {
    unsigned threads = pool_default_threads();
    struct pool *pool = pool_new(n < threads ? (unsigned)(n ? n : 1) : threads, err);
    if (!pool) {
        return false;
    }
    struct run r = { fn, arg, xcalloc(n + 1, sizeof *r.errors), xcalloc(n + 1, sizeof *r.failed) };
    bool ok = true;
    pool_run(pool, n, run_item, &r);
    for (size_t i = 0; ok && i < n; i++) {
        if (r.failed[i]) {
            *err = r.errors[i];
            ok = false;
        }
    }
    free(r.errors);
    free(r.failed);
    pool_free(pool);
    return ok;
}

bool labels_same_subset(const char *a, const char *b) {
    return a == b || (a && b && !strcmp(a, b));
}

size_t labels_subset_end(const struct eval *e, size_t from) {
    size_t to = from;
    while (to < e->n && labels_same_subset(e->docs[to].subset, e->docs[from].subset)) {
        to++;
    }
    return to;
}

struct estimate labels_estimate(
    const struct eval *e, double value, const double *adds, size_t from, size_t n) {
    struct estimate out = eval_mean(e, adds, from, n);
    double shift = value - out.value;
    out.value = value;
    out.low += shift;
    out.high += shift;
    return out;
}

static bool find(const struct eval *e, const char *subset, struct lessons *out, struct err *err) {
    const struct task_training *t = e->training;
    *out = (struct lessons) { 0 };
    for (size_t i = 0; t && i < t->n_experiments; i++) {
        if (labels_same_subset(t->experiments[i].subset, subset)) {
            out->experiments = out->n++ ? out->experiments : &t->experiments[i];
        }
    }
    return out->n || err_set(err, ERR_INPUT, "there is nothing to learn from for '%s'",
                         subset ? subset : e->info->name);
}

bool lessons_find(const struct eval *e, const char *subset, size_t n_experiments,
    struct lessons *out, struct err *err) {
    return find(e, subset, out, err) &&
           (out->n == n_experiments ||
               err_set(err, ERR_INPUT, "subsets differ in their numbers of experiments"));
}

bool lessons_embed(struct eval *e, struct lesson_vectors *out, struct err *err) {
    const struct task_training *t = e->training;
    struct lessons first;
    struct texts texts;
    if (!find(e, e->docs[0].subset, &first, err)) {
        return false;
    }
    out->n_experiments = first.n;
    out->of_examples = arena_alloc(&e->arena, (t->n_examples + e->n) * sizeof *out->of_examples);
    out->of_docs = out->of_examples + t->n_examples;
    texts_init(&texts, t->n_examples + e->n);
    for (size_t i = 0; i < t->n_examples; i++) {
        out->of_examples[i] = texts_add(&texts, t->examples[i].text);
    }
    for (size_t i = 0; i < e->n; i++) {
        out->of_docs[i] = texts_add(&texts, e->docs[i].text);
    }
    out->vectors = texts_embed(e, &texts, err);
    texts_release(&texts);
    return out->vectors != NULL;
}

float *lessons_tests(
    const struct eval *e, const struct lesson_vectors *v, size_t from, size_t n, struct err *err) {
    size_t width = e->subject->width;
    float *tests = mem_try(n * width, sizeof *tests, "vectors", err);
    for (size_t i = 0; tests && i < n; i++) {
        memcpy(tests + i * width, v->vectors + v->of_docs[from + i] * width, width * sizeof *tests);
    }
    return tests;
}
