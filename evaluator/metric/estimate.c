/* Means with their standard errors and intervals.
 *
 * Sums run from left to right in double and squares go through pow(), because that is what
 * lm-evaluation-harness's Python does and its standard errors are matched to the last bit (pow(x,
 * 2) is not always x * x). The clustered standard error is Miller's (arXiv 2411.00640) with the
 * factor C / (C - 1), as inspect_ai has it. */
#include "evaluator/metric/metric.h"

#include <math.h>

#include "base/mem.h"

static const double Z_95 = 1.959963984540054; /* the normal distribution's quantile at 0.975 */

double mean(const double *x, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return n > 0 ? sum / (double)n : NAN;
}

/* Python's x ** 2. The exponent is read at run time so that the compiler keeps the call. */
static double python_square(double x) {
    volatile double two = 2;
    return pow(x, two);
}

/* sd with n - 1; NaN below two values. */
static double sample_sd(const double *x, size_t n) {
    double middle = mean(x, n), sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += python_square(x[i] - middle);
    return n > 1 ? sqrt(sum / (double)(n - 1)) : NAN;
}

static bool all_0_or_1(const double *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (x[i] != 0 && x[i] != 1)
            return false;
    return n > 0;
}

static void interval_normal(struct estimate *e) {
    e->low = e->value - Z_95 * e->stderr_;
    e->high = e->value + Z_95 * e->stderr_;
}

/* Wilson's score interval: stays within 0..1 and has a width at 0 and at 1. */
static void interval_wilson(struct estimate *e, size_t n) {
    double p = e->value, trials = (double)n, z2 = Z_95 * Z_95;
    double centre = (p + z2 / (2 * trials)) / (1 + z2 / trials);
    double half =
        Z_95 * sqrt(p * (1 - p) / trials + z2 / (4 * trials * trials)) / (1 + z2 / trials);
    e->low = p == 0 ? 0 : centre - half;
    e->high = p == 1 ? 1 : centre + half;
}

struct estimate estimate_mean(const double *x, size_t n) {
    struct estimate e = { .value = mean(x, n) };
    e.stderr_ = sample_sd(x, n) / sqrt((double)n);
    if (all_0_or_1(x, n))
        interval_wilson(&e, n);
    else
        interval_normal(&e);
    return e;
}

struct estimate estimate_mean_clustered(const double *x, const uint32_t *cluster, size_t n) {
    struct estimate e = { .value = mean(x, n) };
    uint32_t n_keys = 0;
    for (size_t i = 0; i < n; i++)
        if (cluster[i] >= n_keys)
            n_keys = cluster[i] + 1;
    double *sums = xcalloc((size_t)n_keys + 1, sizeof *sums);
    bool *seen = xcalloc((size_t)n_keys + 1, sizeof *seen);
    for (size_t i = 0; i < n; i++) {
        sums[cluster[i]] += x[i] - e.value;
        seen[cluster[i]] = true;
    }
    double variance = 0, clusters = 0;
    for (uint32_t c = 0; c < n_keys; c++) {
        variance += sums[c] * sums[c];
        clusters += seen[c];
    }
    free(sums);
    free(seen);
    e.stderr_ = clusters > 1 ? sqrt(variance * clusters / (clusters - 1)) / (double)n : NAN;
    interval_normal(&e);
    return e;
}

/* ---- bootstrap ---- */

static void resample(statistic_fn *f, const void *data, size_t n, struct mt19937 *r, size_t *index,
    double *out, size_t count) {
    for (size_t i = 0; i < count; i++) {
        python_choices(r, n, n, index);
        out[i] = f(data, index, n);
    }
}

double bootstrap_stderr(statistic_fn *f, const void *data, size_t n, unsigned iterations) {
    unsigned chunk = iterations < 1000 ? iterations : 1000;
    if (n == 0 || chunk == 0)
        return NAN;
    unsigned n_chunks = iterations / chunk;
    size_t total = (size_t)n_chunks * chunk;
    size_t *index = xcalloc(n, sizeof *index);
    double *replicates = xcalloc(total, sizeof *replicates);
    struct mt19937 r;
    for (unsigned i = 0; i < n_chunks; i++) {
        python_seed(&r, i);
        resample(f, data, n, &r, index, replicates + (size_t)i * chunk, chunk);
    }
    double sd = sample_sd(replicates, total);
    free(replicates);
    free(index);
    return sd;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* numpy.percentile's default: linear between the two neighbours. */
static double quantile(const double *sorted, size_t n, double q) {
    double position = q * (double)(n - 1);
    size_t below = (size_t)position;
    if (below + 1 >= n)
        return sorted[n - 1];
    return sorted[below] + (sorted[below + 1] - sorted[below]) * (position - (double)below);
}

/* A resample may have no value (one class only): such replicates say nothing and are left out. */
static size_t keep_numbers(double *x, size_t n) {
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (!isnan(x[i]))
            x[kept++] = x[i];
    return kept;
}

struct estimate estimate_bootstrap(
    statistic_fn *f, const void *data, size_t n, unsigned iterations, uint64_t seed) {
    struct estimate e = { .value = NAN, .stderr_ = NAN, .low = NAN, .high = NAN };
    if (n == 0)
        return e;
    size_t *index = xcalloc(n, sizeof *index);
    double *replicates = xcalloc((size_t)iterations + 1, sizeof *replicates);
    for (size_t i = 0; i < n; i++)
        index[i] = i;
    e.value = f(data, index, n);
    struct mt19937 r;
    python_seed(&r, seed);
    resample(f, data, n, &r, index, replicates, iterations);
    size_t kept = keep_numbers(replicates, iterations);
    if (kept > 1) {
        e.stderr_ = sample_sd(replicates, kept);
        qsort(replicates, kept, sizeof *replicates, by_value);
        e.low = quantile(replicates, kept, 0.025);
        e.high = quantile(replicates, kept, 0.975);
    }
    free(replicates);
    free(index);
    return e;
}
