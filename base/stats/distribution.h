/* Distribution functions that tests and intervals stand on: normal, Student's t, beta, binomial.
 *
 * Tails are computed as tails, not as one minus the rest, so that a p of 1e-40 has its digits:
 * relative error about 1e-12 (recorded against scipy). A df of infinity is the normal. */
#ifndef ASSAY_DISTRIBUTION_H
#define ASSAY_DISTRIBUTION_H

double normal_cdf(double z);
double normal_two_sided(double z); /* P(|Z| >= |z|) */
double normal_quantile(double p);  /* 0 < p < 1 */

double student_two_sided(double t, double df); /* P(|T| >= |t|) */
double student_quantile(double p, double df);  /* 0 < p < 1, df > 0 */

/* The regularised incomplete beta function I_x(a, b); `y` is 1 - x, said by who can say it without
 * cancellation. */
double beta_share(double x, double y, double a, double b);

double binomial_at(double k, double n, double p);      /* P(X = k) */
double binomial_at_most(double k, double n, double p); /* P(X <= k) */

/* Where f, which rises or falls through zero once between low and high, does so: by halving, to
 * the last bit or nearly. */
typedef double crossing_fn(double x, const void *arg);
double crossing(crossing_fn *f, const void *arg, double low, double high);

#endif
