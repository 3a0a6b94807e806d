/* What single documents add to a statistic (see statistic.h). */
#include "evaluator/metric/statistic.h"

#include <math.h>

#include "base/mem.h"

typedef void influence_fn(statistic_fn *f, const void *data, size_t n, double *out);

static size_t *all_of(size_t n) {
    size_t *index = xcalloc(n + 1, sizeof *index);
    for (size_t i = 0; i < n; i++)
        index[i] = i;
    return index;
}

static void of_mean(statistic_fn *f, const void *data, size_t n, double *out) {
    const double *x = data;
    (void)f;
    for (size_t i = 0; i < n; i++)
        out[i] = x[i];
}

static void of_perplexity(statistic_fn *f, const void *data, size_t n, double *out) {
    const double *x = data, middle = mean(x, n), value = exp(-middle);
    (void)f;
    for (size_t i = 0; i < n; i++)
        out[i] = value + value * (middle - x[i]);
}

/* The derivative of sum loglik / sum weight, and what was asked about it. */
static void of_ratio(statistic_fn *f, const void *data, size_t n, double *out) {
    const struct weighted *w = data;
    double loglik = 0, weight = 0;
    for (size_t i = 0; i < n; i++) {
        loglik += w->loglik[i];
        weight += w->weight[i];
    }
    double ratio = loglik / weight;
    for (size_t i = 0; i < n; i++) {
        double d = (double)n * (w->loglik[i] - ratio * w->weight[i]) / weight;
        out[i] = f == statistic_weighted_perplexity ? exp(-ratio) - exp(-ratio) * d
                                                    : -(ratio + d) / log(2);
    }
}

static double without(statistic_fn *f, const void *data, size_t n, size_t i, size_t *index) {
    size_t kept = index[i];
    index[i] = index[n - 1];
    double value = f(data, index, n - 1);
    index[i] = kept;
    return value;
}

/* Documents of equal label and prediction add the same. */
static void of_labels(statistic_fn *f, const void *data, size_t n, double *out) {
    const struct labelled *l = data;
    size_t classes = l->n_classes, *index = all_of(n);
    double *known = xcalloc(classes * classes + 1, sizeof *known), value = f(data, index, n);
    for (size_t i = 0; i < classes * classes; i++)
        known[i] = NAN;
    for (size_t i = 0; i < n; i++) {
        double *add = &known[l->gold[i] * classes + l->predicted[i]];
        if (isnan(*add) && n > 1)
            *add = (double)n * value - (double)(n - 1) * without(f, data, n, i, index);
        out[i] = n > 1 ? *add : value;
    }
    free(known);
    free(index);
}

static void of_spearman(statistic_fn *f, const void *data, size_t n, double *out) {
    const struct pairs *p = data;
    (void)f;
    spearman_influence(p->x, p->y, n, out);
}

static void of_pearson(statistic_fn *f, const void *data, size_t n, double *out) {
    const struct pairs *p = data;
    (void)f;
    pearson_influence(p->x, p->y, n, out);
}

static void of_average_precision(statistic_fn *f, const void *data, size_t n, double *out) {
    (void)f;
    (void)n;
    average_precision_influence(data, out);
}

static void of_best_cut(statistic_fn *f, const void *data, size_t n, double *out) {
    (void)n;
    best_cut_influence(f, data, out);
}

static const struct {
    statistic_fn *statistic;
    influence_fn *influence;
} TABLE[] = {
    { statistic_mean, of_mean },
    { statistic_perplexity, of_perplexity },
    { statistic_weighted_perplexity, of_ratio },
    { statistic_bits_per_weight, of_ratio },
    { statistic_accuracy, of_labels },
    { statistic_mcc, of_labels },
    { statistic_f1, of_labels },
    { statistic_f1_macro, of_labels },
    { statistic_spearman, of_spearman },
    { statistic_pearson, of_pearson },
    { statistic_average_precision, of_average_precision },
    { statistic_best_accuracy, of_best_cut },
    { statistic_best_f1, of_best_cut },
    { statistic_best_precision, of_best_cut },
    { statistic_best_recall, of_best_cut },
};

void influence(statistic_fn *f, const void *data, size_t n, double *out) {
    for (size_t i = 0; i < sizeof TABLE / sizeof *TABLE; i++)
        if (TABLE[i].statistic == f) {
            TABLE[i].influence(f, data, n, out);
            return;
        }
    err_bug(__FILE__, __LINE__, "no influence of this statistic");
}
