/* The documents that two results share, side by side. */
#ifndef ASSAY_COMPARE_ALIGNED_H
#define ASSAY_COMPARE_ALIGNED_H

#include "evaluator/compare/side.h"
#include "evaluator/eval/eval.h"

struct aligned {
    const json_t *declared; /* names of the subsets that count; NULL: all do */
    size_t n, n_subsets;
    size_t *start;        /* [n_subsets + 1]: documents of a subset lie together */
    const char **subsets; /* names, "" where there are none; NULL where they are not known */
    double *a, *b;        /* a number each, whose mean over a subset is the metric there */
    uint32_t *cluster;    /* NULL: none */
    bool binary;          /* all are 0 or 1 */
    size_t n_a, n_b;      /* documents that each of the two has */
    size_t n_prompts, n_other_prompts; /* of n: both say what was asked; and it is not the same */

    /* Where the metric is no mean: statistic(data, positions), as eval.h has it; else NULL. */
    statistic_fn *statistic;
    size_t *index_a, *index_b; /* [n]: places in the two samples */

    /* Of each document, where samples are there; else NULL. */
    struct sample_scores samples_a, samples_b;
    char *text_a, *text_b;
};

/* From samples where both have them, else from what their records keep. ERR_INPUT, with the reason,
 * where they cannot be laid side by side. */
MUST_CHECK bool aligned_open(struct aligned *d, const struct side *a, const struct candidate *x,
    const struct side *b, const struct candidate *y, const struct compare_options *o,
    struct err *err);
void aligned_close(struct aligned *d);

/* The metric of one of the two over the shared documents, the mean over subsets. */
double aligned_value(const struct aligned *d, bool second);

#endif
