/* See paired.h. */
#include "base/stats/paired.h"

#include <math.h>
#include <stdlib.h>

#include "base/stats/distribution.h"
#include "base/stats/interval.h"
#include "base/mem.h"

/* ---- right or wrong ---- */

struct flips flips_count(const double *a, const double *b, size_t n) {
    struct flips f = { 0 };
    for (size_t i = 0; i < n; i++) {
        bool right_a = a[i] != 0, right_b = b[i] != 0;
        f.both += right_a && right_b;
        f.neither += !right_a && !right_b;
        f.only_a += right_a && !right_b;
        f.only_b += !right_a && right_b;
    }
    return f;
}

double mcnemar_exact(double only_a, double only_b) {
    return fmin(1, 2 * binomial_at_most(fmin(only_a, only_b), only_a + only_b, 0.5));
}

double mcnemar_mid(double only_a, double only_b) {
    double k = fmin(only_a, only_b), n = only_a + only_b;
    return fmin(1, 2 * binomial_at_most(k, n, 0.5) - binomial_at(k, n, 0.5));
}

/* ---- any score ---- */

/* Without any spread all df + 1 differences are the same: how likely it is that as many fair coins
 * fall alike, either way. */
double difference_p(double value, double se, double df) {
    if (se == 0)
        return value == 0 ? 1 : pow(2, -df);
    return student_two_sided(value / se, df);
}

static uint32_t n_keys(const uint32_t *cluster, size_t n) {
    uint32_t most = 0;
    for (size_t i = 0; i < n; i++)
        most = cluster[i] >= most ? cluster[i] + 1 : most;
    return most;
}

static double at(const double *a, const double *b, size_t i) {
    return b ? a[i] - b[i] : a[i];
}

/* The sum of squares of the clusters' errors; *n_clusters counts those that have a document. */
static double clustered_squares(const double *a, const double *b, double mean,
    const uint32_t *cluster, size_t n, double *n_clusters) {
    uint32_t keys = n_keys(cluster, n);
    double *sums = xcalloc((size_t)keys + 1, sizeof *sums), squares = 0;
    bool *seen = xcalloc((size_t)keys + 1, sizeof *seen);
    for (size_t i = 0; i < n; i++) {
        sums[cluster[i]] += at(a, b, i) - mean;
        seen[cluster[i]] = true;
    }
    *n_clusters = 0;
    for (uint32_t c = 0; c < keys; c++) {
        squares += sums[c] * sums[c];
        *n_clusters += seen[c];
    }
    free(sums);
    free(seen);
    return squares;
}

struct difference paired_mean(const double *a, const double *b, const uint32_t *cluster, size_t n) {
    double sum = 0, squares = 0, count = (double)n;
    for (size_t i = 0; i < n; i++)
        sum += at(a, b, i);
    double mean = n ? sum / count : NAN;
    if (cluster)
        squares = clustered_squares(a, b, mean, cluster, n, &count);
    else
        for (size_t i = 0; i < n; i++)
            squares += (at(a, b, i) - mean) * (at(a, b, i) - mean);
    struct difference d = { .value = mean, .df = count - 1 };
    d.se = count > 1 ? sqrt(squares * count / (count - 1)) / (double)n : NAN;
    d.p = difference_p(d.value, d.se, d.df);
    return d;
}

void difference_sum_add(
    struct difference_sum *s, double weight, double value, double variance, double df) {
    double part = weight * weight * variance;
    s->value += weight * value;
    s->variance += part;
    s->spread += isinf(df) ? 0 : part * part / df;
    s->units += df + 1;
}

struct difference difference_sum_close(const struct difference_sum *s) {
    struct difference d = { .value = s->value, .se = sqrt(s->variance) };
    d.df = s->spread > 0 ? s->variance * s->variance / s->spread : INFINITY;
    if (s->variance == 0)
        d.df = s->units - 1;
    d.p = difference_p(d.value, d.se, d.df);
    return d;
}

/* ---- power ---- */

/* Both tails: the wrong one counts where the power asked for is small. */
static double power_over(double shift, const void *power) {
    return normal_cdf(shift - Z95) + normal_cdf(-shift - Z95) - *(const double *)power;
}

double detectable_difference(double se, double power) {
    if (!(power > 0.05 && power < 1))
        return power > 0 && power <= 0.05 ? 0 : NAN;
    return se * crossing(power_over, &power, 0, 50);
}
