/* From the pairs of a board to ranks that the data can stand for.
 *
 * Every pair is tested, and Holm's rule over all pairs of the board keeps the chance of even one
 * false difference at 5 %. A model's rank is then an interval: from 1 + how many are significantly
 * better to n - how many are significantly worse. Tiers run down the board; a new one begins with
 * the first model that differs significantly from any model of the tier so far, so that inside a
 * tier no pair differs. */
#ifndef ASSAY_STANDING_H
#define ASSAY_STANDING_H

#include <stdbool.h>
#include <stddef.h>

#define SIGNIFICANT 0.05

/* The n * (n - 1) / 2 pairs of n things as one array: where pair (i, j), i != j, is. */
size_t pair_count(size_t n);
size_t pair_at(size_t n, size_t i, size_t j);

/* Holm's rule: those p that are at most what this returns are rejected (-1: none). A NaN is no
 * test: it is neither counted nor rejected. */
double holm_cut(const double *p, size_t n, double alpha);
/* The same as adjusted values, each to be compared with alpha by itself. */
void holm_adjust(const double *p, size_t n, double *adjusted);

struct standing {
    int rank;      /* 1 + how many have a better value; equal values share it */
    int low, high; /* the rank's interval */
    int tier;      /* from 1; 0 for what has no value (NaN) */
    bool opens_tier;
};
/* Values in any order, larger is better; p[pair_at(n, i, j)], NaN where a pair cannot be tested. */
void standings(const double *values, const double *p, size_t n, struct standing *out);
/* The same where every pair is tested by the figures alone, so that a difference has the sum of two
 * variances (NaN: not known): no p is kept, and few pairs are looked at, so it serves for ten
 * thousand models as well. */
void standings_of_figures(
    const double *values, const double *variances, size_t n, struct standing *out);

#endif
