/* A sheet: the scores of several models on the same documents of one task, a row a model. All pairs
 * of a sheet are tested together, and all its models are resampled together (resample.h). */
#ifndef ASSAY_SHEET_H
#define ASSAY_SHEET_H

#include "base/stats/paired.h"
#include "base/stats/scores.h"

struct sheet {
    size_t n_rows, n_docs;
    bool binary;   /* so are all rows */
    bool *present; /* [n_rows]: a row may be empty */
    double *low, *step;
    uint16_t *level;   /* [n_rows, n_docs] */
    uint16_t *cluster; /* [n_docs], of all rows; NULL: each document stands for itself */
    size_t n_clusters;
};

void sheet_init(struct sheet *s, size_t n_rows);
void sheet_release(struct sheet *s);
/* False where the scores are of other documents than those of the rows before: the row stays empty.
 */
bool sheet_put(struct sheet *s, size_t row, const struct scores *scores);
double sheet_mean(const struct sheet *s, size_t row);

/* Adds the paired difference of every pair of rows that are there, times `weight`, to sums[pair_at(
 * n_rows, i, j)]: first minus second, clustered where the sheet has clusters. */
void sheet_add_pairs(const struct sheet *s, double weight, struct difference_sum *sums);

/* McNemar's mid-p for each such pair; false (nothing done) where it doesn't apply: scores other
 * than 0 and 1, or clusters. */
bool sheet_mcnemar(const struct sheet *s, double *p);

#endif
