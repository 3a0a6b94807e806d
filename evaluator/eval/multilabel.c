/* Classification with any number of labels a text: what most of a text's nearest neighbours among
 * the examples have, as mteb has it. The labels that there are to predict are those of the
 * documents that are scored; an example's others are nobody's. A sample holds what every experiment
 * said. */
#include <math.h>
#include <string.h>

#include "evaluator/eval/labels.h"
#include "evaluator/metric/classes.h"
#include "evaluator/metric/learn.h"

struct label_set {
    const struct task_label *items;
    size_t n;
};

struct numbers {
    size_t n_experiments;
    struct label_set *gold, *predicted; /* [n], [n_experiments, n] */
    double *adds, *sum;                 /* [n] */
};

static struct numbers *make_numbers(struct eval *e, size_t n_experiments) {
    struct numbers *x = arena_alloc(&e->arena, sizeof *x);
    e->kind = x;
    x->n_experiments = n_experiments;
    x->gold = arena_alloc(&e->arena, e->n * sizeof *x->gold);
    x->predicted = arena_alloc(&e->arena, n_experiments * e->n * sizeof *x->predicted);
    x->adds = arena_alloc(&e->arena, 2 * e->n * sizeof *x->adds);
    x->sum = x->adds + e->n;
    return x;
}

/* All labels of documents from..from + n. */
static struct label_table labels_of(
    struct arena *arena, const struct numbers *x, size_t from, size_t n) {
    size_t n_all = 0;
    for (size_t i = from; i < from + n; i++) {
        n_all += x->gold[i].n;
    }
    struct task_label *all = xcalloc(n_all + 1, sizeof *all);
    n_all = 0;
    for (size_t i = from; i < from + n; i++) {
        for (size_t l = 0; l < x->gold[i].n; l++) {
            all[n_all++] = x->gold[i].items[l];
        }
    }
    struct label_table table = label_table_of(arena, all, n_all);
    free(all);
    return table;
}

/* A set as a row of 0 and 1; labels that the table lacks are left out. */
static void set_row(
    const struct label_table *table, const struct task_label *items, size_t n, uint8_t *row) {
    memset(row, 0, table->n);
    for (size_t i = 0; i < n; i++) {
        long class = label_table_find(table, &items[i]);
        if (class >= 0) {
            row[class] = 1;
        }
    }
}

/* ---- asking ---- */

struct subset {
    struct eval *e;
    struct lessons lessons;
    struct label_table labels;
    const struct lesson_vectors *all;
    float *tests;
    size_t from, n;
    struct arena *arenas; /* one an experiment, for the sets that it predicts */
};

/* The labels of a row; in an arena, since experiments run side by side. */
static struct label_set set_of(
    struct arena *arena, const struct label_table *table, const uint8_t *row) {
    size_t n = 0;
    struct task_label *items = arena_alloc(arena, (table->n + 1) * sizeof *items);
    for (size_t l = 0; l < table->n; l++) {
        if (row[l]) {
            items[n++] = table->items[l];
        }
    }
    return (struct label_set) { items, n };
}

static bool predict(const struct subset *s, const struct vectors *x, const uint8_t *has,
    uint8_t *out, struct err *err) {
    return neighbours_predict(
        x, has, s->labels.n, s->e->info->neighbours, s->tests, s->n, out, err);
}

static bool run_experiment(void *arg, size_t item, struct err *err) {
    struct subset *s = arg;
    struct numbers *numbers = s->e->kind;
    const struct task_experiment *lesson = &s->lessons.experiments[item];
    const struct task_example *examples = s->e->training->examples;
    size_t n_labels = s->labels.n, *at = xcalloc(lesson->n, sizeof *at);
    uint8_t *has = xcalloc((lesson->n + s->n) * n_labels + 1, 1), *out = has + lesson->n * n_labels;
    for (size_t i = 0; i < lesson->n; i++) {
        const struct task_example *example = &examples[lesson->examples[i]];
        at[i] = s->all->of_examples[lesson->examples[i]];
        set_row(&s->labels, example->labels, example->n_labels, has + i * n_labels);
    }
    struct vectors x = { s->all->vectors, s->e->subject->width, at, lesson->n };
    bool ok = predict(s, &x, has, out, err);
    for (size_t i = 0; ok && i < s->n; i++) {
        numbers->predicted[item * s->e->n + s->from + i] =
            set_of(&s->arenas[item], &s->labels, out + i * n_labels);
    }
    free(has);
    free(at);
    return ok || err_wrap(err, "experiment %zu", item + 1);
}

static bool run_subset(struct subset *s, struct err *err) {
    const char *name = s->e->docs[s->from].subset;
    if (!lessons_find(s->e, name, s->all->n_experiments, &s->lessons, err)) {
        return false;
    }
    s->labels = labels_of(&s->e->arena, s->e->kind, s->from, s->n);
    s->tests = lessons_tests(s->e, s->all, s->from, s->n, err);
    bool ok = s->tests && experiments_run(s->lessons.n, run_experiment, s, err);
    free(s->tests);
    return ok;
}

/* Sets live as long as the evaluation: each experiment's arena is copied into it. */
static void keep_sets(struct eval *e, struct numbers *x) {
    for (size_t i = 0; i < x->n_experiments * e->n; i++) {
        size_t bytes = x->predicted[i].n * sizeof *x->predicted[i].items;
        struct task_label *items = arena_alloc(&e->arena, bytes + 1);
        if (bytes) {
            memcpy(items, x->predicted[i].items, bytes);
        }
        x->predicted[i].items = items;
    }
}

static bool run_all(struct eval *e, const struct lesson_vectors *all, struct err *err) {
    struct numbers *x = e->kind;
    struct arena *arenas = xcalloc(x->n_experiments, sizeof *arenas);
    bool ok = true;
    for (size_t from = 0, to; ok && from < e->n; from = to) {
        to = labels_subset_end(e, from);
        struct subset s = { .e = e, .all = all, .from = from, .n = to - from, .arenas = arenas };
        ok = run_subset(&s, err);
    }
    if (ok) {
        keep_sets(e, x);
    }
    for (size_t k = 0; k < x->n_experiments; k++) {
        arena_release(&arenas[k]);
    }
    free(arenas);
    return ok;
}

static bool multilabel_ask(struct eval *e, struct err *err) {
    struct lesson_vectors all;
    if (!lessons_embed(e, &all, err)) {
        return false;
    }
    struct numbers *numbers = make_numbers(e, all.n_experiments);
    for (size_t i = 0; i < e->n; i++) {
        numbers->gold[i] = (struct label_set) { e->docs[i].labels, e->docs[i].n_labels };
    }
    bool ok = e->plan || run_all(e, &all, err);
    free(all.vectors);
    return ok;
}

/* ---- taking back what was said ---- */

/* predictions: a list of labels an experiment. */
static bool recall_predictions(struct eval *e, size_t i, const json_t *sample, struct err *err) {
    const json_t *lists = json_object_get(sample, "predictions");
    size_t n = json_array_size(lists);
    struct numbers *x = i ? e->kind : make_numbers(e, n);
    if (n == 0 || n != x->n_experiments) {
        return recall_fail(sample, "'predictions' is not one an experiment", err);
    }
    for (size_t k = 0; k < n; k++) {
        const json_t *list = json_array_get(lists, k);
        size_t n_labels = json_array_size(list);
        struct task_label *items = arena_alloc(&e->arena, (n_labels + 1) * sizeof *items);
        for (size_t l = 0; l < n_labels; l++) {
            if (!label_recall(e, sample, json_array_get(list, l), "predictions", &items[l], err)) {
                return false;
            }
        }
        x->predicted[k * e->n + i] = (struct label_set) { items, n_labels };
    }
    return true;
}

static bool multilabel_recall(
    struct eval *e, size_t i, const json_t *sample, struct task_doc *doc, struct err *err) {
    if (!recall_predictions(e, i, sample, err)) {
        return false;
    }
    doc->labels = labels_recall(e, sample, "gold", &doc->n_labels, err);
    ((struct numbers *)e->kind)->gold[i] = (struct label_set) { doc->labels, doc->n_labels };
    return doc->labels && recall_text(e, sample, "text", &doc->text, err);
}

/* ---- measuring ---- */

struct rows {
    struct arena arena;
    struct label_table table;
    uint8_t *gold, *predicted; /* [n, labels], of one experiment */
};

static void rows_init(struct rows *r, const struct numbers *x, size_t from, size_t n) {
    *r = (struct rows) { 0 };
    r->table = labels_of(&r->arena, x, from, n);
    r->gold = xcalloc(2 * n * r->table.n + 1, 1);
    r->predicted = r->gold + n * r->table.n;
    for (size_t i = 0; i < n; i++) {
        set_row(&r->table, x->gold[from + i].items, x->gold[from + i].n, r->gold + i * r->table.n);
    }
}

static void rows_release(struct rows *r) {
    free(r->gold);
    arena_release(&r->arena);
}

static double score_one(const struct eval *e, const char *metric, struct rows *r, size_t experiment,
    size_t from, size_t n, double *adds) {
    const struct label_set *predicted =
        ((const struct numbers *)e->kind)->predicted + experiment * e->n + from;
    for (size_t i = 0; i < n; i++) {
        set_row(&r->table, predicted[i].items, predicted[i].n, r->predicted + i * r->table.n);
    }
    struct labelsets s = { r->gold, r->predicted, n, r->table.n };
    return labelsets_score(metric, &s, adds);
}

static bool multilabel_measure(struct eval *e, const char *metric, size_t from, size_t n,
    struct estimate *out, struct err *err) {
    struct numbers *x = e->kind;
    struct rows rows;
    double value = 0, share = 1 / (double)x->n_experiments;
    if (!labelsets_know(metric)) {
        return eval_unknown(metric, err);
    }
    rows_init(&rows, x, from, n);
    memset(x->sum + from, 0, n * sizeof *x->sum);
    for (size_t k = 0; k < x->n_experiments; k++) {
        value += score_one(e, metric, &rows, k, from, n, x->adds + from) * share;
        for (size_t i = from; i < from + n; i++) {
            x->sum[i] += x->adds[i] * share;
        }
    }
    rows_release(&rows);
    *out = labels_estimate(e, value, x->sum, from, n);
    return true;
}

static json_t *multilabel_detail(struct eval *e, size_t from, size_t n) {
    const struct numbers *x = e->kind;
    struct rows rows;
    json_t *out = json_object();
    rows_init(&rows, x, from, n);
    for (size_t m = 0; m < e->info->report.n; m++) {
        const char *metric = e->info->report.items[m];
        json_t *list = json_array();
        for (size_t k = 0; k < x->n_experiments; k++) {
            json_array_append_new(list, json_real(score_one(e, metric, &rows, k, from, n, NULL)));
        }
        json_object_set_new(out, metric, list);
    }
    rows_release(&rows);
    return out;
}

static void write_set(const struct label_set *set, struct json_writer *w) {
    jw_array(w);
    for (size_t l = 0; l < set->n; l++) {
        label_write(&set->items[l], w);
    }
    jw_end_array(w);
}

static bool has(const struct label_set *set, const struct task_label *label) {
    for (size_t l = 0; l < set->n; l++) {
        if (task_label_compare(&set->items[l], label) == 0) {
            return true;
        }
    }
    return false;
}

/* Predicted sets hold a label once; given ones may hold it twice. */
static bool same_sets(const struct label_set *gold, const struct label_set *predicted) {
    bool same = true;
    for (size_t l = 0; same && l < gold->n; l++) {
        same = has(predicted, &gold->items[l]);
    }
    for (size_t l = 0; same && l < predicted->n; l++) {
        same = has(gold, &predicted->items[l]);
    }
    return same;
}

static void multilabel_sample(const struct eval *e, size_t i, struct json_writer *w) {
    const struct numbers *x = e->kind;
    size_t hits = 0;
    eval_prompt_hash(w, (const char *[]) { e->docs[i].text }, 1);
    jw_kv_string(w, "text", e->docs[i].text);
    jw_key(w, "gold");
    write_set(&x->gold[i], w);
    jw_key(w, "predictions");
    jw_array(w);
    for (size_t k = 0; k < x->n_experiments; k++) {
        const struct label_set *predicted = &x->predicted[k * e->n + i];
        hits += same_sets(&x->gold[i], predicted);
        write_set(predicted, w);
    }
    jw_end_array(w);
    jw_key(w, "metrics");
    jw_object(w);
    jw_kv_double(w, "accuracy", (double)hits / (double)x->n_experiments);
    jw_end_object(w);
}

const struct eval_kind eval_multilabel = { .ask = multilabel_ask,
    .measure = multilabel_measure,
    .sample = multilabel_sample,
    .recall = multilabel_recall,
    .detail = multilabel_detail,
    .together = true };
