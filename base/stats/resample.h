/* The paired bootstrap: all models of a board on the same resampled documents.
 *
 * Documents (or clusters of them) are drawn with replacement, task by task, and every model's mean
 * is taken over the same draw, so that what they have in common cancels in their difference. Draws
 * depend on the seed, the task's number and the resample's number alone; sums are integers. The
 * numbers are the same with any count of threads and on every instruction set. */
#ifndef ASSAY_RESAMPLE_H
#define ASSAY_RESAMPLE_H

#include "base/err.h"
#include "base/stats/sheet.h"

struct pool;

struct resample {
    size_t n_rows, n; /* models, resamples */
    uint64_t seed;
    struct pool *pool; /* the caller's */
    float *means;      /* [n_rows, n] */
    double *observed;  /* [n_rows]: the same of the documents as they are */
};

MUST_CHECK bool resample_init(
    struct resample *r, size_t n_rows, size_t n, uint64_t seed, struct pool *pool, struct err *err);
void resample_release(struct resample *r);

/* Adds weight times the mean over each resample of the sheet's documents. `number` tells the tasks
 * of a board apart: the same number draws the same documents. Rows that the sheet lacks become NaN.
 */
MUST_CHECK bool resample_add(
    struct resample *r, const struct sheet *sheet, double weight, uint64_t number, struct err *err);

/* What resampling says of a difference: 95 % interval by percentiles; p is two-sided and at least
 * 2 / (n + 1). */
struct resampled {
    double value, se, low, high, p;
};
/* First minus second. Replicates go to `scratch`, n floats. */
void resample_pair(
    const struct resample *r, size_t i, size_t j, float *scratch, struct resampled *out);
/* Every pair: out[pair_at(n_rows, i, j)]. */
MUST_CHECK bool resample_pairs(const struct resample *r, struct resampled *out, struct err *err);

/* The same from replicates that were made elsewhere; reorders nothing. */
void resampled_from(const float *replicates, size_t n, double observed, struct resampled *out);

#endif
