/* See statistic.h. Sums run in the order of the positions, as the references' do. */
#include "evaluator/metric/statistic.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "evaluator/metric/metric.h"

enum { MAX_CLASSES = 64 };

double statistic_mean(const void *data, const size_t *index, size_t n) {
    const double *x = data;
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[index[i]];
    return n > 0 ? sum / (double)n : NAN;
}

double statistic_perplexity(const void *data, const size_t *index, size_t n) {
    return exp(-statistic_mean(data, index, n));
}

/* Per class: how often it is right, predicted, and true. */
struct counts {
    double hit[MAX_CLASSES], predicted[MAX_CLASSES], gold[MAX_CLASSES];
};

static void count(struct counts *c, const struct labelled *l, const size_t *index, size_t n) {
    BUG_IF(l->n_classes > MAX_CLASSES);
    *c = (struct counts) { 0 };
    for (size_t i = 0; i < n; i++) {
        uint32_t gold = l->gold[index[i]], predicted = l->predicted[index[i]];
        BUG_IF(gold >= l->n_classes || predicted >= l->n_classes);
        c->gold[gold]++;
        c->predicted[predicted]++;
        c->hit[gold] += gold == predicted;
    }
}

double statistic_accuracy(const void *data, const size_t *index, size_t n) {
    const struct labelled *l = data;
    size_t hits = 0;
    for (size_t i = 0; i < n; i++)
        hits += l->gold[index[i]] == l->predicted[index[i]];
    return n > 0 ? (double)hits / (double)n : NAN;
}

double statistic_mcc(const void *data, const size_t *index, size_t n) {
    const struct labelled *l = data;
    struct counts c;
    count(&c, l, index, n);
    double hits = 0, both = 0, pp = 0, gg = 0, total = (double)n;
    for (uint32_t i = 0; i < l->n_classes; i++) {
        hits += c.hit[i];
        both += c.gold[i] * c.predicted[i];
        pp += c.predicted[i] * c.predicted[i];
        gg += c.gold[i] * c.gold[i];
    }
    double cov = hits * total - both, cov_p = total * total - pp, cov_g = total * total - gg;
    return cov_p * cov_g == 0 ? 0 : cov / sqrt(cov_g * cov_p);
}

static double f1_of(const struct counts *c, uint32_t class) {
    double both = c->gold[class] + c->predicted[class];
    return both > 0 ? 2 * c->hit[class] / both : 0;
}

double statistic_f1(const void *data, const size_t *index, size_t n) {
    const struct labelled *l = data;
    struct counts c;
    count(&c, l, index, n);
    return l->n_classes > 1 ? f1_of(&c, 1) : 0;
}

double statistic_f1_macro(const void *data, const size_t *index, size_t n) {
    const struct labelled *l = data;
    struct counts c;
    count(&c, l, index, n);
    double sum = 0, classes = 0;
    for (uint32_t i = 0; i < l->n_classes; i++)
        if (c.gold[i] + c.predicted[i] > 0) {
            sum += f1_of(&c, i);
            classes++;
        }
    return classes > 0 ? sum / classes : 0;
}

static double loglik_per_weight(const void *data, const size_t *index, size_t n) {
    const struct weighted *w = data;
    double loglik = 0, weight = 0;
    for (size_t i = 0; i < n; i++) {
        loglik += w->loglik[index[i]];
        weight += w->weight[index[i]];
    }
    return loglik / weight;
}

double statistic_weighted_perplexity(const void *data, const size_t *index, size_t n) {
    return exp(-loglik_per_weight(data, index, n));
}

double statistic_bits_per_weight(const void *data, const size_t *index, size_t n) {
    return -loglik_per_weight(data, index, n) / log(2);
}

static double correlate(double (*f)(const double *, const double *, size_t), const struct pairs *p,
    const size_t *index, size_t n) {
    double *x = xcalloc(2 * n + 1, sizeof *x), *y = x + n;
    for (size_t i = 0; i < n; i++) {
        x[i] = p->x[index[i]];
        y[i] = p->y[index[i]];
    }
    double r = f(x, y, n);
    free(x);
    return r;
}

double statistic_spearman(const void *data, const size_t *index, size_t n) {
    return correlate(spearman, data, index, n);
}

double statistic_pearson(const void *data, const size_t *index, size_t n) {
    return correlate(pearson, data, index, n);
}
