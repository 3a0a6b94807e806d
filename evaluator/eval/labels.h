/* What the kinds of labelled texts have in common: texts that are embedded once however often they
 * occur, labels as small numbers, and experiments side by side on threads. */
#ifndef ASSAY_EVAL_LABELS_H
#define ASSAY_EVAL_LABELS_H

#include "base/strmap.h"
#include "evaluator/eval/internal.h"

/* ---- distinct texts ---- */

struct texts {
    const char **items;
    size_t n, capacity;
    struct strmap *known;
};
void texts_init(struct texts *t, size_t expected);
size_t texts_add(struct texts *t, const char *text); /* its number */
/* Their vectors (the caller's), as what the task's prompt for queries makes of them. */
MUST_CHECK float *texts_embed(struct eval *e, const struct texts *t, struct err *err);
void texts_release(struct texts *t);

/* ---- labels ---- */

/* Distinct labels in their order; a label's class is its place. */
struct label_table {
    struct task_label *items;
    size_t n;
};
/* Of the labels in a list, which is sorted for it in a copy. */
struct label_table label_table_of(struct arena *a, const struct task_label *labels, size_t n);
/* -1: not in it. */
long label_table_find(const struct label_table *t, const struct task_label *label);

void label_write(const struct task_label *label, struct json_writer *w);
MUST_CHECK bool label_recall(struct eval *e, const json_t *sample, const json_t *v,
    const char *field, struct task_label *label, struct err *err);
/* A list of them, in the arena; NULL on failure. */
MUST_CHECK struct task_label *labels_recall(
    struct eval *e, const json_t *sample, const char *field, size_t *n, struct err *err);

/* ---- experiments ---- */

/* Runs fn for items 0 .. n - 1 on as many threads as there are; an item's numbers may depend on
 * nothing but its number. The first error, by number, is the whole's. */
typedef bool experiment_fn(void *arg, size_t item, struct err *err);
MUST_CHECK bool experiments_run(size_t n, experiment_fn *fn, void *arg, struct err *err);

/* The end of a subset that begins at document `from`. */
size_t labels_subset_end(const struct eval *e, size_t from);
bool labels_same_subset(const char *a, const char *b);

/* A value with the error of what documents add to it (mean of adds[from..from + n]). */
struct estimate labels_estimate(
    const struct eval *e, double value, const double *adds, size_t from, size_t n);

/* ---- classification, multilabel: what the experiments of one subset learn from ---- */

struct lessons {
    const struct task_experiment *experiments;
    size_t n;
};
/* Of each subset there are as many. */
MUST_CHECK bool lessons_find(const struct eval *e, const char *subset, size_t n_experiments,
    struct lessons *out, struct err *err);

/* The distinct texts of all examples and documents as vectors, and which of them each one is. */
struct lesson_vectors {
    float *vectors; /* the caller's */
    size_t *of_examples, *of_docs, n_experiments;
};
MUST_CHECK bool lessons_embed(struct eval *e, struct lesson_vectors *out, struct err *err);
/* Those of documents from..from + n, one after the other; the caller's. */
MUST_CHECK float *lessons_tests(
    const struct eval *e, const struct lesson_vectors *v, size_t from, size_t n, struct err *err);

#endif
