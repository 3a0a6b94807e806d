/* Two models on the same documents: what tells them apart, and how sure that is.
 *
 * A difference is first minus second. Its p is two-sided. With clusters (documents of one passage,
 * questions of one subject) the errors of a cluster are summed before they are squared: Miller's
 * standard error (arXiv 2411.00640) with the factor C / (C - 1). */
#ifndef ASSAY_PAIRED_H
#define ASSAY_PAIRED_H

#include <stddef.h>
#include <stdint.h>

/* ---- right or wrong ---- */

struct flips {
    size_t both, neither, only_a, only_b; /* documents that both got right, neither, one alone */
};
struct flips flips_count(const double *a, const double *b, size_t n); /* of scores 0 and 1 */

/* McNemar's test on the documents that one of two got right alone. Exact: never rejects more often
 * than it says. Mid-p counts half of what was observed, and keeps its promise in practice
 * (Fagerland et al. 2013): the one to use. */
double mcnemar_exact(double only_a, double only_b);
double mcnemar_mid(double only_a, double only_b);

/* ---- any score ---- */

struct difference {
    double value, se, df; /* se NaN: not known, and then p too */
    double p;
};

/* The difference of two means with the paired t-test. cluster[i] is a small integer key; NULL: each
 * document stands for itself. b NULL: the mean of a alone, tested against zero. */
struct difference paired_mean(const double *a, const double *b, const uint32_t *cluster, size_t n);
/* p of a difference from its value, error and degrees of freedom. Where there is no error, it is
 * the sign test's: 1 without a difference. */
double difference_p(double value, double se, double df);

/* The weighted sum of independent differences, degrees of freedom by Satterthwaite: what a mean
 * over tasks differs by. Parts are added one by one to a zeroed struct. */
struct difference_sum {
    double value, variance, spread; /* spread: sum of variance^2 / df */
    double units;                   /* of which there are df + 1 in a part */
};
void difference_sum_add(
    struct difference_sum *s, double weight, double value, double variance, double df);
struct difference difference_sum_close(const struct difference_sum *s);

/* ---- power ---- */

/* The smallest true difference that a two-sided test at 5 % finds with this probability (0.8 is
 * customary), where differences have the standard error `se`. Paired: the se of the paired
 * difference; unpaired: sqrt(se_a^2 + se_b^2). Of few documents it can be more than any two values
 * differ by: then there is no such difference, and who shows it says so. */
double detectable_difference(double se, double power);

#endif
