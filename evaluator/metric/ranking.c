/* Scores of one ranked list by trec_eval's rules, which pytrec_eval and so MTEB use: a document is
 * relevant where its gain is above 0, gains are linear, the discount is log2(rank + 1), and a query
 * with nothing relevant scores 0. */
#include "evaluator/metric/metric.h"

#include <math.h>

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

static double count_relevant(const double *gains, size_t n) {
    double count = 0;
    for (size_t i = 0; i < n; i++)
        count += gains[i] > 0;
    return count;
}

static double dcg(const double *gains, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        if (gains[i] > 0)
            sum += gains[i] / log2((double)(i + 2));
    return sum;
}

double ndcg_at(const struct ranking *r, size_t k) {
    double ideal = dcg(r->ideal, least(r->n_ideal, k));
    return ideal > 0 ? dcg(r->gains, least(r->n, k)) / ideal : 0;
}

double map_at(const struct ranking *r, size_t k) {
    double relevant = count_relevant(r->ideal, r->n_ideal), found = 0, sum = 0;
    for (size_t i = 0; i < least(r->n, k); i++)
        if (r->gains[i] > 0)
            sum += ++found / (double)(i + 1);
    return relevant > 0 ? sum / relevant : 0;
}

double recall_at(const struct ranking *r, size_t k) {
    double relevant = count_relevant(r->ideal, r->n_ideal);
    return relevant > 0 ? count_relevant(r->gains, least(r->n, k)) / relevant : 0;
}

double precision_at(const struct ranking *r, size_t k) {
    return k > 0 ? count_relevant(r->gains, least(r->n, k)) / (double)k : 0;
}

double mrr_at(const struct ranking *r, size_t k) {
    for (size_t i = 0; i < least(r->n, k); i++)
        if (r->gains[i] > 0)
            return 1 / (double)(i + 1);
    return 0;
}

double hit_rate_at(const struct ranking *r, size_t k) {
    return count_relevant(r->gains, least(r->n, k)) > 0;
}

double recall_cap_at(const struct ranking *r, size_t k) {
    double most = fmin(count_relevant(r->ideal, r->n_ideal), (double)k);
    return most > 0 ? count_relevant(r->gains, least(r->n, k)) / most : 0;
}
