/* What mteb puts behind vectors: classifiers and clusterings, as scikit-learn 1.9 fits them to f32
 * vectors. Which number is f32 and which is double is as it is there, and so is what is drawn from
 * the random numbers; only sums inside a matrix product have an order of their own, fixed and
 * independent of threads. Nothing here keeps state: fits may run side by side. */
#ifndef ASSAY_METRIC_LEARN_H
#define ASSAY_METRIC_LEARN_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Rows of a matrix of vectors [?, width], by number, in order. */
struct vectors {
    const float *rows;
    uint32_t width;
    const size_t *at; /* [n] */
    size_t n;
};

/* ---- logistic regression (logistic.c) ----
 *
 * LogisticRegression(max_iter=100): multinomial, with two classes binary; L2 on weights only, C =
 * 1, by L-BFGS. */

struct logistic {
    uint32_t n_classes, width;
    float *weights, *intercepts; /* [n_classes, width], [n_classes]; one row where n_classes is 2 */
    unsigned n_iter, n_evaluations;
    bool converged;
    double loss;
};

/* labels[i], below n_classes, is vector i's; every class must occur, and there are two or more. */
MUST_CHECK bool logistic_fit(struct logistic *l, const struct vectors *x, const uint32_t *labels,
    uint32_t n_classes, struct err *err);
void logistic_release(struct logistic *l);
/* The likeliest class of each row of x [n, width]; the first among equals. */
MUST_CHECK bool logistic_predict(
    const struct logistic *l, const float *x, size_t n, uint32_t *out, struct err *err);

/* ---- mini-batch k-means (kmeans.c) ----
 *
 * MiniBatchKMeans(n_clusters, batch_size, init="k-means++", n_init=1,
 * random_state=seed).fit_predict: at most 100 passes, and an end after ten batches without
 * improvement. */

struct kmeans_options {
    uint32_t n_clusters;
    size_t batch;
    uint32_t seed;
};
struct kmeans_end {
    unsigned n_steps; /* batches */
};
/* labels[i]: the cluster of vector i of x. Vectors may be named many times: equal numbers have
 * equal labels. Needs at least as many as clusters (ERR_INPUT). */
MUST_CHECK bool kmeans_fit(const struct vectors *x, const struct kmeans_options *options,
    uint32_t *labels, struct kmeans_end *end, struct err *err);

/* ---- nearest neighbours (neighbours.c) ----
 *
 * KNeighborsClassifier(k), brute force, on a matrix of labels: a label is predicted where more than
 * half of the k nearest by euclidean distance have it. Of equal distances the earlier vector is the
 * nearer. */

/* has [x->n, n_labels] and out [n, n_labels] hold 0 or 1. Needs at least k vectors (ERR_INPUT). */
MUST_CHECK bool neighbours_predict(const struct vectors *x, const uint8_t *has, size_t n_labels,
    uint32_t k, const float *queries, size_t n, uint8_t *out, struct err *err);

/* a · rows[i] in double, in lanes of one fixed order (wide.c). */
void wide_dots(const float *a, const float *const *rows, size_t n_rows, size_t n, double *out);
double wide_dot(const float *a, const float *b, size_t n);

/* numpy's sum of f32 numbers that lie side by side: pairwise, in blocks of 128 of eight lanes. */
float numpy_sum(const float *x, size_t n);

#endif
