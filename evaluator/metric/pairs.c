/* Pairs with a label of 0 or 1 and a similarity: average precision by scikit-learn's rule, and the
 * best that any threshold gives by mteb's (2.26), which lies between two similarities that differ:
 * equal ones come in at once, and never all there are. */
#include <math.h>

#include "base/mem.h"
#include "evaluator/metric/statistic.h"

/* ---- order ---- */

struct place {
    double score;
    uint32_t at;
};

static int by_score_descending(const void *a, const void *b) {
    const struct place *x = a, *y = b;
    return x->score < y->score ? 1 : x->score > y->score ? -1 : (x->at > y->at) - (x->at < y->at);
}

void ordered_sort(const double *score, size_t n, uint32_t *order) {
    struct place *places = xcalloc(n + 1, sizeof *places);
    for (size_t i = 0; i < n; i++)
        places[i] = (struct place) { score[i], (uint32_t)i };
    qsort(places, n, sizeof *places, by_score_descending);
    for (size_t i = 0; i < n; i++)
        order[i] = places[i].at;
    free(places);
}

/* ---- the walk ---- */

/* How often a resample has each pair; NULL index: each once. */
static uint32_t *count_pairs(const struct ordered *o, const size_t *index, size_t n) {
    uint32_t *counts = xcalloc(o->n + 1, sizeof *counts);
    for (size_t i = 0; i < n; i++)
        counts[index ? index[i] : i]++;
    return counts;
}

/* What lies above a threshold, and what there is. */
struct cut {
    double positives, taken, all_positives, all;
};

typedef double cut_fn(const struct cut *c);

static double accuracy_of(const struct cut *c) {
    double negatives_left = c->all - c->all_positives - (c->taken - c->positives);
    return (c->positives + negatives_left) / c->all;
}

static double f1_of(const struct cut *c) {
    double precision = c->positives / c->taken, recall = c->positives / c->all_positives;
    return c->positives > 0 ? 2 * precision * recall / (precision + recall) : 0;
}

static struct cut whole(const struct ordered *o, const uint32_t *counts, size_t n) {
    struct cut c = { .all = (double)n };
    for (size_t i = 0; i < o->n; i++)
        c.all_positives += o->gold[i] > 0 ? counts[i] : 0;
    return c;
}

/* Takes the pairs of one similarity, from the i-th on; returns where the next ones begin. */
static size_t take_equal(const struct ordered *o, const uint32_t *counts, size_t i, struct cut *c) {
    const double score = o->score[o->order[i]];
    for (; i < o->n && o->score[o->order[i]] == score; i++) {
        const uint32_t at = o->order[i];
        c->taken += counts[at];
        c->positives += o->gold[at] > 0 ? counts[at] : 0;
    }
    return i;
}

/* The first cut of all at which f is highest; none is above 0: nothing taken. */
static struct cut best_cut(const struct ordered *o, const uint32_t *counts, size_t n, cut_fn *f) {
    struct cut c = whole(o, counts, n), best = c;
    double highest = 0;
    for (size_t i = 0; i < o->n;) {
        i = take_equal(o, counts, i, &c);
        double value = c.taken > 0 && c.taken < c.all ? f(&c) : 0;
        best = value > highest ? c : best;
        highest = value > highest ? value : highest;
    }
    return best;
}

static struct cut best_of(const void *data, const size_t *index, size_t n, cut_fn *f) {
    const struct ordered *o = data;
    uint32_t *counts = count_pairs(o, index, n);
    struct cut best = best_cut(o, counts, n, f);
    free(counts);
    return best;
}

/* ---- statistics ---- */

/* All pairs of one similarity come in at once. */
double statistic_average_precision(const void *data, const size_t *index, size_t n) {
    const struct ordered *o = data;
    uint32_t *counts = count_pairs(o, index, n);
    struct cut c = whole(o, counts, n);
    double sum = 0;
    for (size_t i = 0; i < o->n;) {
        double before = c.positives;
        i = take_equal(o, counts, i, &c);
        sum += c.positives > before ? (c.positives - before) * c.positives / c.taken : 0;
    }
    free(counts);
    return c.all_positives > 0 ? sum / c.all_positives : 0;
}

double statistic_best_accuracy(const void *data, const size_t *index, size_t n) {
    struct cut c = best_of(data, index, n, accuracy_of);
    return c.taken > 0 ? accuracy_of(&c) : 0;
}

double statistic_best_f1(const void *data, const size_t *index, size_t n) {
    struct cut c = best_of(data, index, n, f1_of);
    return c.taken > 0 ? f1_of(&c) : 0;
}

double statistic_best_precision(const void *data, const size_t *index, size_t n) {
    struct cut c = best_of(data, index, n, f1_of);
    return c.taken > 0 ? c.positives / c.taken : 0;
}

double statistic_best_recall(const void *data, const size_t *index, size_t n) {
    struct cut c = best_of(data, index, n, f1_of);
    return c.taken > 0 ? c.positives / c.all_positives : 0;
}

double statistic_highest(const void *data, const size_t *index, size_t n) {
    const struct highest *h = data;
    double best = -INFINITY;
    for (size_t i = 0; i < h->n; i++)
        best = fmax(best, h->statistic(&h->of[i], index, n));
    return best;
}

/* ---- what single pairs add ---- */

/* The derivative of average precision in a pair's weight: what it gains where it stands, and what
 * it takes from the precision at it and below. */
void average_precision_influence(const struct ordered *o, double *out) {
    size_t n = o->n, next;
    double *below = xcalloc(n + 1, sizeof *below), *precision = xcalloc(n + 1, sizeof *precision);
    double *group = xcalloc(n + 1, sizeof *group); /* positives of those of one similarity */
    struct cut c = { 0 };
    for (size_t i = 0; i < n; i = next) {
        double before = c.positives;
        for (next = i; next < n && o->score[o->order[next]] == o->score[o->order[i]]; next++) {
            c.taken++;
            c.positives += o->gold[o->order[next]] > 0;
        }
        for (size_t k = i; k < next; k++) {
            precision[k] = c.positives / c.taken;
            group[k] = k + 1 == next ? c.positives - before : 0;
            below[k] = c.taken;
        }
    }
    double value = 0, lift = 0, cost = 0, total = c.positives;
    for (size_t k = 0; k < n; k++)
        value += total > 0 ? group[k] * precision[k] / total : 0;
    for (size_t end = n; end > 0; end = next) { /* groups from below */
        for (next = end - 1; next > 0 && below[next - 1] == below[end - 1];)
            next--;
        lift += group[end - 1] / below[end - 1];
        cost += group[end - 1] * precision[end - 1] / below[end - 1];
        for (size_t k = next; k < end; k++) {
            double y = o->gold[o->order[k]] > 0;
            double d = total > 0 ? (y * precision[k] + y * lift - cost - y * value) / total : 0;
            out[o->order[k]] = value + (double)n * d;
        }
    }
    free(below);
    free(precision);
    free(group);
}

/* The threshold is taken as given. */
void best_cut_influence(statistic_fn *f, const struct ordered *o, double *out) {
    bool accuracy = f == statistic_best_accuracy;
    struct cut c = best_of(o, NULL, o->n, accuracy ? accuracy_of : f1_of);
    double value = f(o, NULL, o->n), n = (double)o->n;
    for (size_t i = 0; i < o->n; i++) {
        double y = o->gold[o->order[i]] > 0, p = (double)i < c.taken, d = 0;
        if (accuracy)
            d = ((p == y) - value) / n;
        else if (c.taken > 0 && f == statistic_best_f1)
            d = (2 * p * y - value * (p + y)) / (c.taken + c.all_positives);
        else if (c.taken > 0 && f == statistic_best_precision)
            d = (p * y - value * p) / c.taken;
        else if (c.taken > 0)
            d = (p * y - value * y) / c.all_positives;
        out[o->order[i]] = value + n * d;
    }
}
