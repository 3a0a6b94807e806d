/* Ranks, means and heat (see score.h). */
#include "site-gen/score.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define HEAT_TOP 20

bool figure_above(struct figure a, struct figure b) {
    return a.value - b.value > Z95 * sqrt(a.se * a.se + b.se * b.se);
}

static int by_value_down(const void *a, const void *b) {
    const struct figure *const *x = a, *const *y = b;
    return ((*x)->value < (*y)->value) - ((*x)->value > (*y)->value);
}

static struct figure turned(struct figure f, bool higher) {
    return (struct figure) { higher ? f.value : -f.value, f.se };
}

static void stand(const struct figure *all, size_t n, size_t i, struct standing *out) {
    *out = (struct standing) { .rank = 1, .low = 1, .high = (int)n };
    for (size_t j = 0; j < n; j++) {
        out->rank += all[j].value > all[i].value;
        out->low += figure_above(all[j], all[i]);
        out->high -= figure_above(all[i], all[j]);
    }
}

void rank_figures(const struct figure *figures, size_t n, bool higher, struct standing *out) {
    struct figure *all = xcalloc(n + 1, sizeof *all);
    const struct figure **order = xcalloc(n + 1, sizeof *order);
    for (size_t i = 0; i < n; i++) {
        all[i] = turned(figures[i], higher);
        order[i] = &all[i];
    }
    for (size_t i = 0; i < n; i++)
        stand(all, n, i, &out[i]);
    qsort(order, n, sizeof *order, by_value_down);
    const struct figure *head = n ? order[0] : NULL;
    for (size_t i = 1; i < n; i++) {
        if (figure_above(*head, *order[i])) {
            head = order[i];
            out[head - all].opens_tier = true;
        }
    }
    free(order);
    free(all);
}

static int by_number(const void *a, const void *b) {
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static double percentile(const double *sorted, size_t n, double p) {
    double at = p * (double)(n - 1);
    size_t below = (size_t)at;
    double above = below + 1 < n ? sorted[below + 1] : sorted[below];
    return sorted[below] + (above - sorted[below]) * (at - (double)below);
}

struct heat_scale heat_scale(const double *values, size_t n) {
    if (n == 0)
        return (struct heat_scale) { 0, 0 };
    double *sorted = xcalloc(n, sizeof *sorted);
    memcpy(sorted, values, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_number);
    struct heat_scale s = { percentile(sorted, n, 0.05), percentile(sorted, n, 0.95) };
    free(sorted);
    return s;
}

int heat_bucket(struct heat_scale scale, double value, bool higher) {
    double width = scale.high - scale.low;
    if (!(width > 0))
        return 0;
    double at = (value - scale.low) / width;
    at = fmin(1, fmax(0, higher ? at : 1 - at));
    return (int)lround(at * HEAT_TOP);
}
