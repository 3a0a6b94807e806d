/* See interval.h. Wilson: J. Am. Stat. Assoc. 22 (1927) 209. Clusters: Korn and Graubard, Survey
 * Methodology 24 (1998) 193. Tango: Statistics in Medicine 17
 * (1998) 891, equations 5 to 8. */
#include "base/stats/interval.h"

#include <math.h>

#include "base/stats/distribution.h"

struct interval interval_share(double p, double n) {
    double z2 = Z95 * Z95, scale = 1 + z2 / n, centre = (p + z2 / (2 * n)) / scale;
    double half = Z95 * sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / scale;
    return (struct interval) { p == 0 ? 0 : centre - half, p == 1 ? 1 : centre + half };
}

struct interval interval_share_clustered(double p, double n, double se, double df) {
    if (isnan(se) || !(df > 0))
        return (struct interval) { NAN, NAN };
    double narrow = Z95 / (isinf(df) ? Z95 : student_quantile(0.975, df));
    double effective = se > 0 ? p * (1 - p) / (se * se) * narrow * narrow : n;
    return interval_share(p, fmin(n, effective));
}

struct interval interval_mean(double mean, double se, double df) {
    double half = df > 0 ? se * (isinf(df) ? Z95 : student_quantile(0.975, df)) : NAN;
    return (struct interval) { mean - half, mean + half };
}

/* ---- Tango ---- */

struct tango {
    double a, b, n, bound; /* discordant counts; the score at the end that is looked for */
};

/* How many standard errors the difference is from `delta`, which is taken to be true: the larger
 * root of a quadratic is the share of one kind of discordance that then fits best. */
static double tango_score(double delta, const struct tango *t) {
    double a = 2 * t->n, b = (2 * t->n - t->a + t->b) * delta - t->a - t->b;
    double c = -t->b * delta * (1 - delta);
    double share = (sqrt(fmax(0, b * b - 4 * a * c)) - b) / (2 * a);
    double variance = t->n * (2 * share + delta * (1 - delta));
    double distance = t->a - t->b - t->n * delta;
    return distance == 0 ? 0 : distance / sqrt(fmax(0, variance));
}

static double tango_over(double delta, const void *arg) {
    const struct tango *t = arg;
    return tango_score(delta, t) - t->bound;
}

struct interval interval_paired_shares(double only_a, double only_b, double n) {
    double d = (only_a - only_b) / n;
    struct tango low = { only_a, only_b, n, Z95 }, high = { only_a, only_b, n, -Z95 };
    if (!(n > 0))
        return (struct interval) { NAN, NAN };
    return (struct interval) { d <= -1 ? -1 : crossing(tango_over, &low, -1, d),
        d >= 1 ? 1 : crossing(tango_over, &high, d, 1) };
}

/* ---- order ---- */

int by_number(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double quantile_of_sorted(const double *sorted, size_t n, double q) {
    double position = q * (double)(n - 1);
    size_t below = (size_t)position;
    if (below + 1 >= n)
        return sorted[n - 1];
    return sorted[below] + (sorted[below + 1] - sorted[below]) * (position - (double)below);
}
