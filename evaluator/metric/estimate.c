/* Means with their standard errors and intervals.
 *
 * Sums run from left to right in double and squares go through pow(), because that is what
 * lm-evaluation-harness's Python does and its standard errors are matched to the last bit (pow(x,
 * 2) is not always x * x). The clustered standard error is Miller's (arXiv 2411.00640) with the
 * factor C / (C - 1), as inspect_ai has it (base/stats). */
#include "evaluator/metric/metric.h"

#include <math.h>

#include "base/mem.h"
#include "base/stats/interval.h"
#include "base/stats/paired.h"

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

static void take_interval(struct estimate *e, struct interval i) {
    e->low = i.low;
    e->high = i.high;
}

struct estimate estimate_mean(const double *x, size_t n) {
    struct estimate e = { .value = mean(x, n) };
    e.stderr_ = sample_sd(x, n) / sqrt((double)n);
    take_interval(&e, all_0_or_1(x, n) ? interval_share(e.value, (double)n)
                                       : interval_mean(e.value, e.stderr_, (double)n - 1));
    return e;
}

struct estimate estimate_mean_clustered(const double *x, const uint32_t *cluster, size_t n) {
    struct difference d = paired_mean(x, NULL, cluster, n);
    struct estimate e = { .value = d.value, .stderr_ = d.se };
    take_interval(&e, all_0_or_1(x, n) ? interval_share_clustered(d.value, (double)n, d.se, d.df)
                                       : interval_mean(d.value, d.se, d.df));
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
        qsort(replicates, kept, sizeof *replicates, by_number);
        e.low = quantile_of_sorted(replicates, kept, 0.025);
        e.high = quantile_of_sorted(replicates, kept, 0.975);
    }
    free(replicates);
    free(index);
    return e;
}
