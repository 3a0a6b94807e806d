/* Statistics of a whole corpus in the form that the bootstrap resamples: data and a list of
 * positions in it. Formulas are those of lm-evaluation-harness and, for the two on labels, of
 * scikit-learn. */
#ifndef ASSAY_METRIC_STATISTIC_H
#define ASSAY_METRIC_STATISTIC_H

#include <stddef.h>
#include <stdint.h>

#include "evaluator/metric/metric.h"

/* data: const double * */
double statistic_mean(const void *data, const size_t *index, size_t n);
double statistic_perplexity(const void *data, const size_t *index, size_t n); /* exp(-mean) */

/* data: struct labelled. Classes are 0..n_classes - 1. */
struct labelled {
    const uint32_t *gold, *predicted;
    uint32_t n_classes; /* at most 64 */
};
double statistic_accuracy(const void *data, const size_t *index, size_t n);
double statistic_mcc(
    const void *data, const size_t *index, size_t n); /* Matthews; 0 where undefined */
double statistic_f1(
    const void *data, const size_t *index, size_t n); /* of class 1; 0 where undefined */
double statistic_f1_macro(
    const void *data, const size_t *index, size_t n); /* mean over classes that occur */

/* data: struct weighted: exp(-sum loglik / sum weight), for word and byte perplexity; _bits is the
 * same in bits. */
struct weighted {
    const double *loglik, *weight;
};
double statistic_weighted_perplexity(const void *data, const size_t *index, size_t n);
double statistic_bits_per_weight(const void *data, const size_t *index, size_t n);

/* data: struct pairs. Spearman's correlation of the resampled pairs. */
struct pairs {
    const double *x, *y;
};
double statistic_spearman(const void *data, const size_t *index, size_t n);
double statistic_pearson(const void *data, const size_t *index, size_t n);

/* The same: x is how sure a model was, y its score. Normalised area under the curve of abstention;
 * 0 where all scores are the same. */
double statistic_nauc(const void *data, const size_t *index, size_t n);

/* data: struct ordered. Labels (0 or 1) and similarities: average precision by scikit-learn's rule;
 * accuracy and F1 at the threshold where they are highest, precision and recall at F1's. */
struct ordered {
    const double *gold, *score;
    const uint32_t *order; /* positions by score descending, equal ones as they come */
    size_t n;
};
void ordered_sort(const double *score, size_t n, uint32_t *order);
double statistic_average_precision(const void *data, const size_t *index, size_t n);
double statistic_best_accuracy(const void *data, const size_t *index, size_t n);
double statistic_best_f1(const void *data, const size_t *index, size_t n);
double statistic_best_precision(const void *data, const size_t *index, size_t n);
double statistic_best_recall(const void *data, const size_t *index, size_t n);

/* data: struct highest: the highest that one of these gives for several similarities. */
struct highest {
    statistic_fn *statistic;
    const struct ordered *of;
    size_t n;
};
double statistic_highest(const void *data, const size_t *index, size_t n);

/* What each document adds: n numbers whose mean is the statistic of all documents and whose
 * standard error is its standard error, so that two models can be compared document by document.
 * Derivatives in a document's weight (the infinitesimal jackknife); for labels, leaving one out.
 * All NaN where the statistic is. */
void influence(statistic_fn *f, const void *data, size_t n, double *out);
void spearman_influence(const double *x, const double *y, size_t n, double *out);
void pearson_influence(const double *x, const double *y, size_t n, double *out);
void average_precision_influence(const struct ordered *o, double *out);
void best_cut_influence(statistic_fn *f, const struct ordered *o, double *out);

#endif
