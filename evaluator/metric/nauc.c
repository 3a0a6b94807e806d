/* How well a model knows when it is right: the score of those that are left when the least sure
 * tenth, two tenths ... are given up, between what giving up at random and what giving up the worst
 * would leave (nAUC, as mteb computes it). */
#include <math.h>

#include "base/mem.h"
#include "evaluator/metric/statistic.h"

enum { RATES = 10 }; /* 0, 0.1, ..., 0.9 */

struct item {
    double key, value;
    size_t at;
};

static int by_key(const void *a, const void *b) {
    const struct item *x = a, *y = b;
    return x->key < y->key ? -1 : x->key > y->key ? 1 : (x->at > y->at) - (x->at < y->at);
}

/* Of items that are equally sure each counts as their mean: which of them would be given up is
 * nobody's choice. */
static void share_values(struct item *items, size_t n) {
    for (size_t i = 0, next; i < n; i = next) {
        double sum = 0;
        for (next = i; next < n && items[next].key == items[i].key; next++)
            sum += items[next].value;
        for (size_t k = i; k < next; k++)
            items[k].value = sum / (double)(next - i);
    }
}

/* Means of what is left, the items of low keys given up first. */
static void curve(struct item *items, size_t n, double out[RATES]) {
    qsort(items, n, sizeof *items, by_key);
    share_values(items, n);
    double sum = 0;
    size_t left = n;
    for (int rate = RATES - 1; rate >= 0; rate--) {
        size_t given_up = (size_t)nearbyint(0.1 * rate * (double)n); /* halves to even */
        given_up = given_up < n ? given_up : n - 1;
        while (left > given_up)
            sum += items[--left].value;
        out[rate] = sum / (double)(n - given_up);
    }
}

static double area(const double y[RATES]) {
    double sum = 0;
    for (int i = 1; i < RATES; i++)
        sum += (y[i - 1] + y[i]) / 2 * 0.1;
    return sum;
}

double statistic_nauc(const void *data, const size_t *index, size_t n) {
    const struct pairs *p = data;
    struct item *items = xcalloc(n + 1, sizeof *items);
    double by_confidence[RATES] = { 0 }, by_value[RATES] = { 0 };
    for (size_t i = 0; i < n; i++)
        items[i] = (struct item) { p->x[index[i]], p->y[index[i]], i };
    if (n > 0)
        curve(items, n, by_confidence);
    for (size_t i = 0; i < n; i++)
        items[i] = (struct item) { p->y[index[i]], p->y[index[i]], i };
    if (n > 0)
        curve(items, n, by_value);
    free(items);
    double flat = 0.9 * by_value[0], best = area(by_value) - flat;
    return fabs(best) > 1e-12 ? (area(by_confidence) - flat) / best : 0;
}
