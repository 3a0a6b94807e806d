/* Correlations. Spearman's is Pearson's on average ranks, computed in integers: ranks are multiples
 * of one half and sum to a known mean, so that covariance and variances are exact and the result
 * doesn't depend on the order of rows. */
#include "evaluator/metric/metric.h"

#include <math.h>

#include "base/mem.h"
#include "evaluator/metric/statistic.h"

struct ranked {
    double value;
    size_t row;
};

static int by_value(const void *a, const void *b) {
    double x = ((const struct ranked *)a)->value, y = ((const struct ranked *)b)->value;
    return (x > y) - (x < y);
}

/* twice[i] = 2 * (average rank of x[i], from 1) - (n + 1): an integer, 0 in the middle. */
static void centre_ranks(const double *x, size_t n, int64_t *twice) {
    struct ranked *order = xcalloc(n, sizeof *order);
    for (size_t i = 0; i < n; i++)
        order[i] = (struct ranked) { x[i], i };
    qsort(order, n, sizeof *order, by_value);
    for (size_t from = 0, to; from < n; from = to) {
        for (to = from + 1; to < n && order[to].value == order[from].value; to++)
            ;
        for (size_t i = from; i < to; i++)
            twice[order[i].row] = (int64_t)(from + 1 + to) - (int64_t)(n + 1);
    }
    free(order);
}

static bool any_nan(const double *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (isnan(x[i]))
            return true;
    return false;
}

double spearman(const double *x, const double *y, size_t n) {
    if (n < 2 || any_nan(x, n) || any_nan(y, n))
        return NAN;
    int64_t *a = xcalloc(n, sizeof *a), *b = xcalloc(n, sizeof *b);
    centre_ranks(x, n, a);
    centre_ranks(y, n, b);
    __int128 ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) {
        ab += (__int128)a[i] * b[i];
        aa += (__int128)a[i] * a[i];
        bb += (__int128)b[i] * b[i];
    }
    free(a);
    free(b);
    if (aa == 0 || bb == 0)
        return NAN;
    if (aa == bb && (ab == aa || ab == -aa))
        return ab > 0 ? 1 : -1;
    return (double)ab / (sqrt((double)aa) * sqrt((double)bb));
}

double pearson(const double *x, const double *y, size_t n) {
    if (n < 2)
        return NAN;
    double mx = mean(x, n), my = mean(y, n), xy = 0, xx = 0, yy = 0;
    for (size_t i = 0; i < n; i++) {
        double dx = x[i] - mx, dy = y[i] - my;
        xy += dx * dy;
        xx += dx * dx;
        yy += dy * dy;
    }
    if (xx == 0 || yy == 0)
        return NAN;
    double r = xy / (sqrt(xx) * sqrt(yy));
    return r > 1 ? 1 : r < -1 ? -1 : r;
}

/* ---- what each pair adds ---- */

/* From the derivatives of a covariance and of two variances to those of their correlation. */
static void correlation_influence(
    const double means[3], const double (*d)[3], size_t n, double *out) {
    double xy = means[0], xx = means[1], yy = means[2], r = xy / (sqrt(xx) * sqrt(yy));
    for (size_t i = 0; i < n; i++)
        out[i] = r + d[i][0] / (sqrt(xx) * sqrt(yy)) - r / 2 * (d[i][1] / xx + d[i][2] / yy);
}

/* d[i]: products of the centred values less their means, which become means[3]. */
static void centred_products(
    const double *x, const double *y, size_t n, double means[3], double (*d)[3]) {
    for (size_t i = 0; i < n; i++) {
        d[i][0] = x[i] * y[i];
        d[i][1] = x[i] * x[i];
        d[i][2] = y[i] * y[i];
        for (int k = 0; k < 3; k++)
            means[k] += d[i][k] / (double)n;
    }
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < 3; k++)
            d[i][k] -= means[k];
}

void pearson_influence(const double *x, const double *y, size_t n, double *out) {
    double mx = mean(x, n), my = mean(y, n), means[3] = { 0 };
    double *cx = xcalloc(2 * n + 1, sizeof *cx), *cy = cx + n;
    double(*d)[3] = xcalloc(n + 1, sizeof *d);
    for (size_t i = 0; i < n; i++) {
        cx[i] = x[i] - mx;
        cy[i] = y[i] - my;
    }
    centred_products(cx, cy, n, means, d);
    correlation_influence(means, d, n, out);
    free(d);
    free(cx);
}

/* sums[i]: of y over those above x[i], and half of it over those equal to x[i]. */
static void sum_above(const double *x, const double *y, size_t n, double *sums) {
    struct ranked *order = xcalloc(n + 1, sizeof *order);
    double above = 0;
    for (size_t i = 0; i < n; i++)
        order[i] = (struct ranked) { x[i], i };
    qsort(order, n, sizeof *order, by_value);
    for (size_t to = n, from; to > 0; to = from) {
        double equal = 0;
        for (from = to; from > 0 && order[from - 1].value == order[to - 1].value; from--)
            equal += y[order[from - 1].row];
        for (size_t i = from; i < to; i++)
            sums[order[i].row] = above + equal / 2;
        above += equal;
    }
    free(order);
}

/* A pair counts in the products of ranks, and it lifts the rank of all that lie above it. */
void spearman_influence(const double *x, const double *y, size_t n, double *out) {
    int64_t *twice = xcalloc(n + 1, sizeof *twice);
    double *r = xcalloc(3 * n + 1, sizeof *r), *s = r + n, *sums = s + n, means[3] = { 0 };
    double(*d)[3] = xcalloc(n + 1, sizeof *d);
    for (int side = 0; side < 2; side++) {
        centre_ranks(side ? y : x, n, twice);
        for (size_t i = 0; i < n; i++)
            (side ? s : r)[i] = (double)twice[i];
    }
    centred_products(r, s, n, means, d);
    const struct {
        const double *lifted, *times;
        int part;
        double factor;
    } lifts[] = { { x, s, 0, 2 }, { y, r, 0, 2 }, { x, r, 1, 4 }, { y, s, 2, 4 } };
    for (size_t l = 0; l < sizeof lifts / sizeof *lifts; l++) {
        sum_above(lifts[l].lifted, lifts[l].times, n, sums);
        double each = lifts[l].factor / 2 * means[lifts[l].part];
        for (size_t i = 0; i < n; i++)
            d[i][lifts[l].part] += lifts[l].factor * sums[i] - each;
    }
    correlation_influence(means, d, n, out);
    free(d);
    free(r);
    free(twice);
}
