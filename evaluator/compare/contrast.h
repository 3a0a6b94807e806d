/* One task of a comparison: the difference, what it stands for, and how small a one would show. */
#ifndef ASSAY_COMPARE_CONTRAST_H
#define ASSAY_COMPARE_CONTRAST_H

#include "base/stats/paired.h"
#include "base/stats/resample.h"
#include "evaluator/compare/aligned.h"

struct contrast {
    double a, b;                  /* the metric of each over the shared documents */
    struct difference difference; /* the second less the first */
    double low, high;
    const char *test;   /* "mcnemar", "t", "bootstrap" */
    double p_exact;     /* McNemar's; NaN for other tests */
    struct flips flips; /* a document is a flip for whom it scores higher with */
    double agreement;   /* of right and wrong: the share that is alike; else the correlation */
    size_t n_clusters;  /* 0: none */
    double detectable;
    float *replicates; /* [n_resamples] of the difference; they share no draws across tasks */
};

struct pool;

/* Draws come from `seed`, which no two tasks of a comparison share. */
MUST_CHECK bool contrast_make(struct contrast *c, const struct aligned *d, uint64_t seed,
    struct pool *pool, const struct compare_options *o, struct err *err);
void contrast_release(struct contrast *c);

#endif
