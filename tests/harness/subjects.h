/* What can be asked of a model, all asked alike: a list of requests, each answered by a list of
 * numbers. So one matrix of ways to run a list (test_same_bits.c) serves scores, texts and vectors.
 *
 * Requests are made from their own number and the model's sizes alone, whichever list they stand
 * in. Their lengths stand around the borders of everything that works in blocks. */
#ifndef ASSAY_TESTS_SUBJECTS_H
#define ASSAY_TESTS_SUBJECTS_H

#include "harness/harness.h"

struct answer {
    double *numbers;
    size_t n, capacity;
};
void answer_release(struct answer *a);

struct subject {
    const char *name; /* "scores" */
    uint32_t n;       /* requests that there are; number 0 is the longest, and memory that holds it
                         holds any */
    /* Asks which[0 .. n) as one list and appends what request which[i] got to answers[i]. False
     * with *err also where a single request failed. */
    bool (*ask)(struct model *m, const uint32_t *which, size_t n, const struct run_options *run,
        struct answer *answers, struct err *err);
};
extern const struct subject subject_scores, subject_texts, subject_vectors;

#endif
