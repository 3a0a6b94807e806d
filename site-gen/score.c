/* Ranks, means and heat (see score.h). */
#include "site-gen/score.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define HEAT_TOP 20

/* ---- ranks ---- */

static double detectable_by_neighbours(const struct pairing *p) {
    size_t n = 0;
    double *se = xcalloc(p->contest->n_rows + 1, sizeof *se);
    for (size_t row = 0; row + 1 < p->contest->n_rows; row++) {
        double variance = p->sums[pair_at(p->contest->n_rows, row, row + 1)].variance;
        if (isfinite(variance))
            se[n++] = sqrt(variance);
    }
    qsort(se, n, sizeof *se, by_number);
    double median = n ? quantile_of_sorted(se, n, 0.5) : NAN;
    free(se);
    return detectable_difference(median, 0.8);
}

struct ranked rank_parts(const struct contest *r, struct standing *out) {
    double *values = xcalloc(r->n_rows + 1, sizeof *values);
    struct pairing p;
    for (size_t row = 0; row < r->n_rows; row++)
        values[row] = r->higher ? r->values[row] : -r->values[row];
    pairing_init(&p, r);
    standings(values, p.p, r->n_rows, out);
    struct ranked ranked = { .n_pairs = pair_count(r->n_rows) };
    ranked.detectable = detectable_by_neighbours(&p);
    for (size_t i = 0; i < ranked.n_pairs; i++)
        ranked.n_paired += !p.unpaired[i];
    pairing_release(&p);
    free(values);
    return ranked;
}

/* ---- heat ---- */

struct heat_scale heat_scale(const double *values, size_t n) {
    if (n == 0)
        return (struct heat_scale) { 0, 0 };
    double *sorted = xcalloc(n, sizeof *sorted);
    memcpy(sorted, values, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_number);
    struct heat_scale s = { quantile_of_sorted(sorted, n, 0.05),
        quantile_of_sorted(sorted, n, 0.95) };
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
