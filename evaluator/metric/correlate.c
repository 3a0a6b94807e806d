/* Correlations. Spearman's is Pearson's on average ranks, computed in integers: ranks are multiples
 * of one half and sum to a known mean, so that covariance and variances are exact and the result
 * doesn't depend on the order of rows. */
#include "evaluator/metric/metric.h"

#include <math.h>

#include "base/mem.h"

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
