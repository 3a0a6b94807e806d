/* 95 % intervals, one for each kind of number. Both ends NaN: not defined. */
#ifndef ASSAY_INTERVAL_H
#define ASSAY_INTERVAL_H

#include <stddef.h>

#define Z95 1.959963984540054 /* the normal distribution's quantile at 0.975 */

struct interval {
    double low, high;
};

/* A share p of n: Wilson's, which stays within 0..1 and has a width at 0 and at 1. */
struct interval interval_share(double p, double n);
/* The same where documents come in clusters and the share has a clustered standard error with df
 * degrees of freedom: Wilson's with as many documents as would have that error by themselves (Korn
 * and Graubard), never more than there are. */
struct interval interval_share_clustered(double p, double n, double se, double df);
/* A mean with its standard error: Student's t. df of infinity: the normal. */
struct interval interval_mean(double mean, double se, double df);
/* The difference of two shares of the same n documents, of which `only_a` had a success of the
 * first alone and `only_b` of the second alone: Tango's score interval. It holds zero where
 * McNemar's test without correction does not reject. */
struct interval interval_paired_shares(double only_a, double only_b, double n);

/* Of n numbers in ascending order, numpy's default: linear between the two neighbours. */
double quantile_of_sorted(const double *sorted, size_t n, double q);
int by_number(const void *a, const void *b); /* for qsort, ascending */

#endif
