/* Classification by logistic regressions on a few examples of each label, as mteb has it: a score
 * is the mean over the experiments.
 *
 * All models learn from the same examples, so what a score's error is about is the documents: an
 * error is that of what each document adds, its mean over the experiments. A sample holds what
 * every experiment said. */
#include <math.h>
#include <string.h>

#include "evaluator/eval/labels.h"
#include "evaluator/metric/classes.h"
#include "evaluator/metric/learn.h"

struct numbers {
    size_t n_experiments;
    struct task_label *gold, *predicted; /* [n], [n_experiments, n] */
    /* for measuring, made of them the first time: */
    struct label_table labels;
    uint32_t *gold_class, *predicted_class;
    double *values, *adds, *sum; /* of classes; [n] */
};

static struct numbers *make_numbers(struct eval *e, size_t n_experiments) {
    struct numbers *x = arena_alloc(&e->arena, sizeof *x);
    e->kind = x;
    x->n_experiments = n_experiments;
    x->gold = arena_alloc(&e->arena, e->n * sizeof *x->gold);
    x->predicted = arena_alloc(&e->arena, n_experiments * e->n * sizeof *x->predicted);
    return x;
}

/* ---- asking ---- */

/* What the experiments of one subset share. */
struct subset {
    struct eval *e;
    struct lessons lessons;
    const struct lesson_vectors *all;
    float *tests; /* [n, width], the documents' */
    size_t from, n;
};

/* Fits one regression and asks it about every document. */
static bool learn(struct subset *s, size_t experiment, const struct vectors *x, struct err *err) {
    const struct task_experiment *lesson = &s->lessons.experiments[experiment];
    const struct task_example *examples = s->e->training->examples;
    struct numbers *numbers = s->e->kind;
    struct arena arena = { 0 };
    struct logistic l = { 0 };
    struct task_label *labels = arena_alloc(&arena, lesson->n * sizeof *labels);
    uint32_t *classes = arena_alloc(&arena, (lesson->n + s->n) * sizeof *classes);
    uint32_t *predicted = classes + lesson->n;
    for (size_t i = 0; i < lesson->n; i++) {
        labels[i] = examples[lesson->examples[i]].labels[0];
    }
    struct label_table table = label_table_of(&arena, labels, lesson->n);
    for (size_t i = 0; i < lesson->n; i++) {
        classes[i] = (uint32_t)label_table_find(&table, &labels[i]);
    }
    bool ok = logistic_fit(&l, x, classes, (uint32_t)table.n, err) &&
              logistic_predict(&l, s->tests, s->n, predicted, err);
    for (size_t i = 0; ok && i < s->n; i++) {
        numbers->predicted[experiment * s->e->n + s->from + i] = table.items[predicted[i]];
    }
    logistic_release(&l);
    arena_release(&arena);
    return ok;
}

static bool run_experiment(void *arg, size_t item, struct err *err) {
    struct subset *s = arg;
    const struct task_experiment *lesson = &s->lessons.experiments[item];
    size_t *at = xcalloc(lesson->n, sizeof *at);
    for (size_t i = 0; i < lesson->n; i++) {
        at[i] = s->all->of_examples[lesson->examples[i]];
    }
    struct vectors x = { s->all->vectors, s->e->subject->width, at, lesson->n };
    bool ok = learn(s, item, &x, err);
    free(at);
    return ok || err_wrap(err, "experiment %zu", item + 1);
}

static bool run_subset(struct subset *s, struct err *err) {
    size_t n_experiments = s->all->n_experiments;
    const char *name = s->e->docs[s->from].subset;
    if (!lessons_find(s->e, name, n_experiments, &s->lessons, err)) {
        return false;
    }
    s->tests = lessons_tests(s->e, s->all, s->from, s->n, err);
    bool ok = s->tests && experiments_run(n_experiments, run_experiment, s, err);
    free(s->tests);
    return ok;
}

static bool classification_ask(struct eval *e, struct err *err) {
    struct lesson_vectors all;
    if (!lessons_embed(e, &all, err)) {
        return false;
    }
    struct numbers *numbers = make_numbers(e, all.n_experiments);
    for (size_t i = 0; i < e->n; i++) {
        numbers->gold[i] = e->docs[i].labels[0];
    }
    bool ok = true;
    for (size_t from = 0, to; ok && !e->plan && from < e->n; from = to) {
        to = labels_subset_end(e, from);
        struct subset s = { .e = e, .all = &all, .from = from, .n = to - from };
        ok = run_subset(&s, err);
    }
    free(all.vectors);
    return ok;
}

/* ---- taking back what was said ---- */

static bool classification_recall(
    struct eval *e, size_t i, const json_t *sample, struct task_doc *doc, struct err *err) {
    size_t n;
    struct task_label *predicted = labels_recall(e, sample, "predictions", &n, err);
    if (!predicted) {
        return false;
    }
    struct numbers *numbers = i ? e->kind : make_numbers(e, n);
    if (n != numbers->n_experiments || n == 0) {
        return recall_fail(sample, "'predictions' is not one an experiment", err);
    }
    for (size_t k = 0; k < n; k++) {
        numbers->predicted[k * e->n + i] = predicted[k];
    }
    doc->labels = &numbers->gold[i];
    doc->n_labels = 1;
    return recall_text(e, sample, "text", &doc->text, err) &&
           label_recall(e, sample, json_object_get(sample, "gold"), "gold", &numbers->gold[i], err);
}

/* ---- measuring ---- */

static void number_classes(struct eval *e, struct numbers *x) {
    size_t n = e->n, n_all = (x->n_experiments + 1) * n;
    struct task_label *all = xcalloc(n_all, sizeof *all);
    memcpy(all, x->gold, n * sizeof *all);
    memcpy(all + n, x->predicted, x->n_experiments * n * sizeof *all);
    x->labels = label_table_of(&e->arena, all, n_all);
    x->gold_class = arena_alloc(&e->arena, n_all * sizeof *x->gold_class);
    x->predicted_class = x->gold_class + n;
    for (size_t i = 0; i < n_all; i++) {
        x->gold_class[i] = (uint32_t)label_table_find(&x->labels, &all[i]);
    }
    x->values = arena_alloc(&e->arena, (x->labels.n + 2 * n) * sizeof *x->values);
    x->adds = x->values + x->labels.n;
    x->sum = x->adds + n;
    for (size_t k = 0; k < x->labels.n; k++) {
        x->values[k] = x->labels.items[k].text ? NAN : (double)x->labels.items[k].number;
    }
    free(all);
}

/* One experiment's score over documents from..from + n. */
static double score_one(const struct eval *e, const char *metric, size_t experiment, size_t from,
    size_t n, double *adds) {
    const struct numbers *x = e->kind;
    struct classified c = { x->gold_class + from, x->predicted_class + experiment * e->n + from, n,
        (uint32_t)x->labels.n, x->values };
    return classes_score(metric, &c, adds);
}

static bool classification_measure(struct eval *e, const char *metric, size_t from, size_t n,
    struct estimate *out, struct err *err) {
    struct numbers *x = e->kind;
    double value = 0, share = 1 / (double)x->n_experiments;
    if (!classes_know(metric)) {
        return eval_unknown(metric, err);
    }
    if (!x->gold_class) {
        number_classes(e, x);
    }
    memset(x->sum + from, 0, n * sizeof *x->sum);
    for (size_t k = 0; k < x->n_experiments; k++) {
        value += score_one(e, metric, k, from, n, x->adds + from) * share;
        for (size_t i = from; i < from + n; i++) {
            x->sum[i] += x->adds[i] * share;
        }
    }
    if (isnan(value)) {
        return err_set(
            err, ERR_TASK, "'%s' needs two labels that are numbers, one of them 1", metric);
    }
    *out = labels_estimate(e, value, x->sum, from, n);
    return true;
}

/* {metric: [its value in each experiment]} */
static json_t *classification_detail(struct eval *e, size_t from, size_t n) {
    const struct numbers *x = e->kind;
    json_t *out = json_object();
    for (size_t m = 0; m < e->info->report.n; m++) {
        json_t *list = json_array();
        for (size_t k = 0; k < x->n_experiments; k++) {
            json_array_append_new(
                list, json_real(score_one(e, e->info->report.items[m], k, from, n, NULL)));
        }
        json_object_set_new(out, e->info->report.items[m], list);
    }
    return out;
}

static void classification_sample(const struct eval *e, size_t i, struct json_writer *w) {
    const struct numbers *x = e->kind;
    size_t hits = 0;
    eval_prompt_hash(w, (const char *[]) { e->docs[i].text }, 1);
    jw_kv_string(w, "text", e->docs[i].text);
    jw_key(w, "gold");
    label_write(&x->gold[i], w);
    jw_key(w, "predictions");
    jw_array(w);
    for (size_t k = 0; k < x->n_experiments; k++) {
        const struct task_label *predicted = &x->predicted[k * e->n + i];
        hits += task_label_compare(predicted, &x->gold[i]) == 0;
        label_write(predicted, w);
    }
    jw_end_array(w);
    jw_key(w, "metrics");
    jw_object(w);
    jw_kv_double(w, "accuracy", (double)hits / (double)x->n_experiments);
    jw_end_object(w);
}

const struct eval_kind eval_classification = { .ask = classification_ask,
    .measure = classification_measure,
    .sample = classification_sample,
    .recall = classification_recall,
    .detail = classification_detail };
