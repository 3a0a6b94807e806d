/* See standing.h. */
#include "base/stats/standing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/stats/distribution.h"
#include "base/stats/interval.h"

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

/* ---- by figures ---- */

/* One thing that can be tested, and those after it in the order of values, best first. */
struct figured {
    double value, variance;
    size_t at; /* its place in the caller's order */
};

struct field {
    struct figured *items;
    size_t n;
    double most; /* the greatest variance */
};

static int by_figure(const void *a, const void *b) {
    const struct figured *x = a, *y = b;
    return x->value != y->value ? (x->value < y->value) - (x->value > y->value)
                                : (x->at > y->at) - (x->at < y->at);
}

static void field_init(struct field *f, const double *values, const double *variances, size_t n) {
    *f = (struct field) { .items = xcalloc(n + 1, sizeof *f->items) };
    for (size_t i = 0; i < n; i++)
        if (!isnan(values[i]) && !isnan(variances[i])) {
            f->items[f->n++] = (struct figured) { values[i], variances[i], i };
            f->most = fmax(f->most, variances[i]);
        }
    qsort(f->items, f->n, sizeof *f->items, by_figure);
}

static bool apart(const struct figured *a, const struct figured *b, double squared) {
    double d = a->value - b->value;
    return d != 0 && d * d >= squared * (a->variance + b->variance);
}

/* The first behind i from which on all are apart from it, whatever their variances are. */
static size_t all_apart_from(const struct field *f, size_t i, size_t from, double squared) {
    double d = sqrt(squared * (f->items[i].variance + f->most));
    while (from < f->n && !(f->items[i].value - f->items[from].value > d))
        from++;
    return from;
}

/* Where those begin moves on with i or nearly so: the search goes on from where the last one ended,
 * less as many as a smaller variance may leave out. */
static size_t next_apart(const struct field *f, size_t i, size_t last, double squared) {
    double d = sqrt(squared * (f->items[i].variance + f->most));
    size_t from = last > i ? last : i + 1;
    while (from > i + 1 && f->items[i].value - f->items[from - 1].value > d)
        from--;
    return all_apart_from(f, i, from, squared);
}

static size_t count_apart(const struct field *f, double squared) {
    size_t count = 0, far = 0;
    for (size_t i = 0; i < f->n; i++) {
        far = next_apart(f, i, far, squared);
        for (size_t j = i + 1; j < far; j++)
            count += apart(&f->items[i], &f->items[j], squared);
        count += f->n - far;
    }
    return count;
}

static double squared_bound(double p) {
    double z = normal_quantile(p / 2);
    return z * z;
}

/* As holm_cut, but what it answers is the square of the least z that is rejected; infinity: none.
 */
static double holm_bound(const struct field *f, double alpha) {
    size_t n_tests = pair_count(f->n), rejected = 0, before;
    double bound = INFINITY;
    do {
        before = rejected;
        bound = before < n_tests ? squared_bound(alpha / (double)(n_tests - before)) : bound;
        rejected = count_apart(f, bound);
    } while (rejected > before);
    return rejected ? bound : INFINITY;
}

static void count_differing(const struct field *f, double squared, struct standing *out) {
    size_t far = 0;
    int *from_here = xcalloc(f->n + 1, sizeof *from_here); /* all from here on are worse than one */
    for (size_t i = 0; i < f->n; i++) {
        struct standing *a = &out[f->items[i].at];
        far = next_apart(f, i, far, squared);
        for (size_t j = i + 1; j < far; j++)
            if (apart(&f->items[i], &f->items[j], squared)) {
                a->high--;
                out[f->items[j].at].low++;
            }
        a->high -= (int)(f->n - far);
        from_here[far]++;
    }
    int better = 0;
    for (size_t j = 0; j < f->n; j++)
        out[f->items[j].at].low += better += from_here[j];
    free(from_here);
}

static void number_tiers(
    const double *values, const double *variances, size_t n, double squared, struct standing *out) {
    struct figured *order = xcalloc(n + 1, sizeof *order), *first = order;
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
        if (!isnan(values[i]))
            order[m++] = (struct figured) { values[i], variances[i], i };
    qsort(order, m, sizeof *order, by_figure);
    for (size_t i = 0; i < m; i++) {
        struct standing *s = &out[order[i].at];
        bool tied = i && order[i].value == order[i - 1].value;
        s->rank = tied ? out[order[i - 1].at].rank : (int)i + 1;
        s->tier = i ? out[order[i - 1].at].tier : 1;
        for (const struct figured *k = first; k < &order[i] && !s->opens_tier; k++)
            s->opens_tier = apart(k, &order[i], squared);
        if (s->opens_tier) {
            s->tier++;
            first = &order[i];
        }
    }
    free(order);
}

void standings_of_figures(
    const double *values, const double *variances, size_t n, struct standing *out) {
    struct field f;
    for (size_t i = 0; i < n; i++)
        out[i] = (struct standing) { .rank = 1, .low = 1, .high = (int)n };
    field_init(&f, values, variances, n);
    double squared = holm_bound(&f, SIGNIFICANT);
    if (isfinite(squared))
        count_differing(&f, squared, out);
    number_tiers(values, variances, n, squared, out);
    free(f.items);
}
