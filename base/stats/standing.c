/* See standing.h. */
#include "base/stats/standing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/stats/interval.h"
#include "base/mem.h"

size_t pair_count(size_t n) {
    return n * (n - (n > 0)) / 2;
}

size_t pair_at(size_t n, size_t i, size_t j) {
    size_t a = i < j ? i : j, b = i < j ? j : i;
    return a * (2 * n - a - 1) / 2 + (b - a - 1);
}

/* ---- Holm ---- */

static size_t count_numbers(const double *p, size_t n) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += isnan(p[i]) ? 0 : 1;
    return count;
}

static size_t count_to(const double *p, size_t n, double cut) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += p[i] <= cut;
    return count;
}

/* Stepping down one p at a time is the same as stepping down to a threshold, counting, and taking
 * the next threshold from the count, until the count stays: no sorting of half a million. */
double holm_cut(const double *p, size_t n, double alpha) {
    size_t rejected = 0, before, n_tests = count_numbers(p, n);
    double cut = -1;
    do {
        before = rejected;
        cut = before < n_tests ? alpha / (double)(n_tests - before) : cut;
        rejected = count_to(p, n, cut);
    } while (rejected > before);
    return rejected ? cut : -1;
}

struct ordered {
    double p;
    size_t at;
};

static int by_p(const void *a, const void *b) {
    const struct ordered *x = a, *y = b;
    return isnan(x->p) || isnan(y->p) ? isnan(x->p) - isnan(y->p) : (x->p > y->p) - (x->p < y->p);
}

void holm_adjust(const double *p, size_t n, double *adjusted) {
    struct ordered *order = xcalloc(n + 1, sizeof *order);
    size_t n_tests = count_numbers(p, n);
    double most = 0;
    for (size_t i = 0; i < n; i++)
        order[i] = (struct ordered) { p[i], i };
    qsort(order, n, sizeof *order, by_p); /* what is no number comes last */
    for (size_t i = 0; i < n; i++) {
        most = i < n_tests ? fmin(1, fmax(most, order[i].p * (double)(n_tests - i))) : NAN;
        adjusted[order[i].at] = most;
    }
    free(order);
}

/* ---- standings ---- */

struct board {
    const double *values, *p;
    size_t n;
    double cut;
};

static bool differ(const struct board *b, size_t i, size_t j) {
    return b->p[pair_at(b->n, i, j)] <= b->cut;
}

static void stand(const struct board *b, size_t i, struct standing *out) {
    *out = (struct standing) { .rank = 1, .low = 1, .high = (int)b->n };
    for (size_t j = 0; j < b->n; j++) {
        bool better = b->values[j] > b->values[i], worse = b->values[j] < b->values[i];
        out->rank += better;
        out->low += better && differ(b, i, j);
        out->high -= worse && differ(b, i, j);
    }
}

static int by_value_down(const void *a, const void *b) {
    const double *const *x = a, *const *y = b;
    return **x != **y ? (**x < **y) - (**x > **y) : (*x > *y) - (*x < *y);
}

static void open_tiers(const struct board *b, struct standing *out) {
    const double **order = xcalloc(b->n + 1, sizeof *order);
    size_t first = 0, n = 0;
    for (size_t i = 0; i < b->n; i++)
        if (!isnan(b->values[i]))
            order[n++] = &b->values[i];
    qsort(order, n, sizeof *order, by_value_down);
    for (size_t i = 0; i < n; i++) {
        struct standing *s = &out[order[i] - b->values];
        s->tier = i ? out[order[i - 1] - b->values].tier : 1;
        for (size_t k = first; k < i && !s->opens_tier; k++)
            s->opens_tier =
                differ(b, (size_t)(order[i] - b->values), (size_t)(order[k] - b->values));
        if (s->opens_tier) {
            s->tier++;
            first = i;
        }
    }
    free(order);
}

void standings(const double *values, const double *p, size_t n, struct standing *out) {
    struct board b = { values, p, n, holm_cut(p, pair_count(n), SIGNIFICANT) };
    for (size_t i = 0; i < n; i++)
        stand(&b, i, &out[i]);
    open_tiers(&b, out);
}
