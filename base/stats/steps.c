/* See steps.h. Points are few (STEPS_POINTS_MAX), so all distances are held: n * n of them. */
#include "base/stats/steps.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define PIECES_MAX 32 /* more of them are no history, they are noise */

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_sorted(const double *x, size_t n) {
    return n % 2 ? x[n / 2] : 0.5 * (x[n / 2 - 1] + x[n / 2]);
}

/* Puts v into its place among the n sorted ones. */
static void insert(double *sorted, size_t n, double v) {
    size_t at = n;
    while (at > 0 && sorted[at - 1] > v) {
        sorted[at] = sorted[at - 1];
        at--;
    }
    sorted[at] = v;
}

static double deviation(const double *x, size_t n, double level) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += fabs(x[i] - level);
    }
    return sum;
}

/* cost[i * n + j]: the points i..j as one piece. */
static double *all_costs(const double *x, size_t n) {
    double *cost = xcalloc(n * n, sizeof *cost), sorted[STEPS_POINTS_MAX];
    for (size_t i = 0; i < n; i++) {
        for (size_t j = i; j < n; j++) {
            insert(sorted, j - i, x[j]);
            cost[i * n + j] = deviation(x + i, j - i + 1, median_sorted(sorted, j - i + 1));
        }
    }
    return cost;
}

struct search {
    size_t n, least;
    const double *cost;
    double *best;   /* [k * n + j]: points 0..j in k + 1 pieces */
    uint16_t *from; /* where the last of those begins */
};

static void try_last_piece(struct search *s, size_t k, size_t j, size_t i) {
    double sum = s->best[(k - 1) * s->n + i - 1] + s->cost[i * s->n + j];
    if (sum < s->best[k * s->n + j]) {
        s->best[k * s->n + j] = sum;
        s->from[k * s->n + j] = (uint16_t)i;
    }
}

static void fill(struct search *s, size_t k) {
    for (size_t j = 0; j < s->n; j++) {
        s->best[k * s->n + j] = j + 1 < s->least ? INFINITY : k ? INFINITY : s->cost[j];
        s->from[k * s->n + j] = 0;
        for (size_t i = k * s->least; k && i + s->least <= j + 1; i++) {
            try_last_piece(s, k, j, i);
        }
    }
}

/* The cut into k + 1 pieces, from its end. */
static void cut(const struct search *s, const double *x, size_t k, struct piece *pieces) {
    double sorted[STEPS_POINTS_MAX];
    size_t to = s->n;
    for (size_t p = k + 1; p-- > 0;) {
        size_t from = s->from[p * s->n + to - 1];
        memcpy(sorted, x + from, (to - from) * sizeof *x);
        qsort(sorted, to - from, sizeof *sorted, by_value);
        double level = median_sorted(sorted, to - from);
        pieces[p] = (struct piece) { from, to, level,
            deviation(x + from, to - from, level) / (double)(to - from) };
        to = from;
    }
}

/* Below this, deviations are as good as none. */
static double noise_floor(const struct piece *pieces, size_t n) {
    double least = INFINITY;
    for (size_t p = 1; n > 2 && p < n; p++) {
        least = fmin(least, 0.1 * fabs(pieces[p].level - pieces[p - 1].level));
    }
    for (size_t p = 0; n <= 2 && p < n; p++) {
        least = fmin(least, 0.001 * fabs(pieces[p].level));
    }
    return fmax(least, 1e-300);
}

/* A cut between equal levels is none. */
static bool all_jump(const struct piece *pieces, size_t n) {
    for (size_t p = 1; p < n; p++) {
        if (pieces[p].level == pieces[p - 1].level) {
            return false;
        }
    }
    return true;
}

static double objective(const struct search *s, const struct piece *pieces, size_t k) {
    double deviations = s->best[k * s->n + s->n - 1];
    return 4 * log((double)s->n) / (double)s->n * (double)(k + 1) +
           log(noise_floor(pieces, k + 1) + deviations);
}

static size_t choose(struct search *s, const double *x, struct piece *pieces) {
    struct piece tried[PIECES_MAX];
    size_t n_best = 0;
    double least = INFINITY;
    for (size_t k = 0; k < PIECES_MAX && (k + 1) * s->least <= (k ? s->n : s->n + s->least); k++) {
        fill(s, k);
        if (k && !isfinite(s->best[k * s->n + s->n - 1])) {
            break;
        }
        cut(s, x, k, tried);
        double value = objective(s, tried, k);
        if (value < least && all_jump(tried, k + 1)) {
            least = value;
            n_best = k + 1;
            memcpy(pieces, tried, n_best * sizeof *pieces);
        }
    }
    return n_best;
}

size_t steps_find(const double *x, size_t n, size_t least, struct piece *pieces) {
    BUG_IF(n > STEPS_POINTS_MAX || least == 0);
    if (n == 0) {
        return 0;
    }
    double *cost = all_costs(x, n);
    struct search s = { .n = n,
        .least = least < n ? least : n,
        .cost = cost,
        .best = xcalloc(PIECES_MAX * n, sizeof *s.best),
        .from = xcalloc(PIECES_MAX * n, sizeof *s.from) };
    size_t n_pieces = choose(&s, x, pieces);
    free(s.best);
    free(s.from);
    free(cost);
    return n_pieces;
}
