/* The pairs of a ranking: which models differ, decided on the documents that they share.
 *
 * Two models are compared by McNemar's mid-p where the ranking is by one task of right and wrong
 * answers, else by the t-test of the mean over tasks, clustered where a task has clusters
 * (base/stats). Where one of two has no scores of its documents, scores of other documents, or
 * scores that do not come to its published figure, the figures decide: the unpaired test, which
 * claims less. A figure without an error differs from nothing. */
#ifndef ASSAY_SITE_PAIRING_H
#define ASSAY_SITE_PAIRING_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/stats/resample.h"

struct figure {
    double value, se; /* se NaN: unknown */
};

/* What models are ranked by: the mean of parts, a task each. */
struct part {
    struct figure figure;
    const json_t *scores; /* of a record ("scores"), or NULL */
};
struct contest {
    size_t n_rows, n_parts;
    double *values;     /* [n_rows]: the means themselves */
    struct part *parts; /* [n_rows, n_parts] */
    double *weights;    /* [n_parts]: what the mean grows by with a part; a constant is no matter */
    bool higher;        /* is better */
};

/* Every pair, at pair_at(n_rows, i, j): i less j. */
struct pairing {
    const struct contest *contest;
    struct difference_sum *sums; /* of the mean's difference */
    unsigned char *unpaired;     /* in one part or more */
    double *p;
};
void pairing_init(struct pairing *p, const struct contest *r);
void pairing_release(struct pairing *p);

/* The same resampled, for what p values don't say: each document's draw is shared by all models.
 * out: as many as pairs; NaN for pairs that are not paired in every part. */
MUST_CHECK bool pairing_resample(const struct contest *r, size_t n_resamples, uint64_t seed,
    struct resampled *out, struct err *err);

#endif
