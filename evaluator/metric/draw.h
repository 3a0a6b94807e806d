/* Which rows mteb takes: to learn from, and to leave a test set of bearable size. Positions count
 * from 0; classes are small integers. */
#ifndef ASSAY_METRIC_DRAW_H
#define ASSAY_METRIC_DRAW_H

#include "evaluator/metric/metric.h"

/* A row's classes, in one list: row i has list[first[i]] .. list[first[i + 1] - 1]. */
struct draw_labels {
    const uint32_t *list;
    const size_t *first; /* [n + 1] */
    size_t n;
    uint32_t n_classes;
};

/* Rows in this order until every class has `per_label`: a row is taken where one of its classes
 * still lacks some. Returns how many; out has room for n. */
size_t draw_undersample(
    const struct draw_labels *labels, const size_t *order, size_t per_label, size_t *out);

/* datasets' train_test_split(test_size=k, seed=seed): its test part. */
void draw_split(size_t n, size_t k, uint64_t seed, size_t *out);
/* The same with stratify_by_column; classes[i] < n_classes by the order of their names. False where
 * it cannot be done: a class of one row, or fewer rows than classes on either side. */
MUST_CHECK bool draw_stratified(const uint32_t *classes, size_t n, uint32_t n_classes, size_t k,
    uint64_t seed, size_t *out, struct err *err);
/* mteb's iterative stratification by pairs of labels, which leaves about k; returns how many. */
size_t draw_iterative(const struct draw_labels *labels, size_t k, uint32_t seed, size_t *out);

#endif
