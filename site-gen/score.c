/* Ranks, means and heat (see score.h). */
#include "site-gen/score.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define HEAT_TOP 20

/* ---- ranks ---- */

/* Sorts what it is given. */
static double detectable_by_neighbours(double *se, size_t n) {
    qsort(se, n, sizeof *se, by_number);
    return detectable_difference(n ? quantile_of_sorted(se, n, 0.5) : NAN, 0.8);
}

static double detectable_of_pairs(const struct pairing *p) {
    size_t n = 0;
    double *se = xcalloc(p->contest->n_rows + 1, sizeof *se);
    for (size_t row = 0; row + 1 < p->contest->n_rows; row++) {
        double variance = p->sums[pair_at(p->contest->n_rows, row, row + 1)].variance;
        if (isfinite(variance))
            se[n++] = sqrt(variance);
    }
    double found = detectable_by_neighbours(se, n);
    free(se);
    return found;
}

static void rank_by_pairs(
    const struct contest *r, const double *values, struct standing *out, struct ranked *ranked) {
    struct pairing p;
    pairing_init(&p, r);
    standings(values, p.p, r->n_rows, out);
    ranked->detectable = detectable_of_pairs(&p);
    for (size_t i = 0; i < ranked->n_pairs; i++)
        ranked->n_paired += !p.unpaired[i];
    pairing_release(&p);
}

/* The variance of the mean of a row: that of a difference of two rows is the sum of theirs. */
static double variance_of(const struct contest *r, size_t row) {
    double sum = 0;
    for (size_t part = 0; part < r->n_parts; part++) {
        double error = r->weights[part] * r->parts[row * r->n_parts + part].figure.se;
        sum += error * error;
    }
    return sum;
}

static void rank_by_figures(
    const struct contest *r, const double *values, struct standing *out, struct ranked *ranked) {
    double *variances = xcalloc(r->n_rows + 1, sizeof *variances),
           *se = xcalloc(r->n_rows + 1, sizeof *se);
    size_t n = 0;
    for (size_t row = 0; row < r->n_rows; row++)
        variances[row] = variance_of(r, row);
    for (size_t row = 0; row + 1 < r->n_rows; row++) {
        double variance = variances[row] + variances[row + 1];
        if (isfinite(variance))
            se[n++] = sqrt(variance);
    }
    standings_of_figures(values, variances, r->n_rows, out);
    ranked->detectable = detectable_by_neighbours(se, n);
    free(variances);
    free(se);
}

static bool has_scores(const struct contest *r) {
    for (size_t i = 0; i < r->n_rows * r->n_parts; i++)
        if (r->parts[i].scores)
            return true;
    return false;
}

struct ranked rank_parts(const struct contest *r, struct standing *out) {
    double *values = xcalloc(r->n_rows + 1, sizeof *values);
    struct ranked ranked = { .n_pairs = pair_count(r->n_rows) };
    bool by_pairs = r->n_rows <= PAIRED_ROWS_MAX && (has_scores(r) || r->n_rows < 2);
    for (size_t row = 0; row < r->n_rows; row++)
        values[row] = r->higher ? r->values[row] : -r->values[row];
    if (by_pairs)
        rank_by_pairs(r, values, out, &ranked);
    else
        rank_by_figures(r, values, out, &ranked);
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

void places_of(
    const double *values, size_t n, double low, double high, char out[SPREAD_PLACES + 1]) {
    size_t counts[SPREAD_PLACES] = { 0 }, most = 1;
    for (size_t i = 0; i < n; i++) {
        double at = (values[i] - low) / (high - low) * SPREAD_PLACES;
        if (isnan(at))
            continue;
        size_t *count = &counts[(size_t)fmin(fmax(at, 0), SPREAD_PLACES - 1)];
        if (++*count > most)
            most = *count;
    }
    for (size_t i = 0; i < SPREAD_PLACES; i++) /* one of many still shows */
        out[i] = (char)('0' + (counts[i] ? 1 + lround(8 * (double)counts[i] / (double)most) : 0));
    out[SPREAD_PLACES] = '\0';
}
