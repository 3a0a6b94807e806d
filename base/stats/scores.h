/* The scores of one model on the documents of a task, a number a document: what is kept of a run so
 * that models can be compared on the documents they share.
 *
 * Scores that are all 0 or 1 are kept as they are; others as one of 4,096 levels between the least
 * and the greatest, which is far finer than what a few thousand documents can show. As JSON (in a
 * run's record, assay.record/1):
 *     {"n": 200, "bits": BASE64}             document i is bit i % 8 of byte i / 8
 *     {"n": 200, "low": L, "step": S, "levels": BASE64}     score = L + S * level, 16 bits each,
 *                                                           little-endian
 * and, where documents belong together, "clusters": BASE64, a number of 16 bits for each. */
#ifndef ASSAY_SCORES_H
#define ASSAY_SCORES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SCORE_LEVELS = 4096, CLUSTERS_MAX = 65536 };

struct scores {
    size_t n;
    bool binary;
    double low, step; /* score = low + step * level */
    uint16_t *level;
    uint16_t *cluster; /* NULL: each document stands for itself */
};

/* From numbers, all finite. `cluster` may be NULL; keys are below CLUSTERS_MAX. */
void scores_pack(struct scores *s, const double *x, const uint32_t *cluster, size_t n);
void scores_release(struct scores *s); /* a zeroed struct is fine */
double scores_at(const struct scores *s, size_t i);

json_t *scores_json(const struct scores *s); /* the caller owns it */
/* False where it is none: what is read may be anybody's. */
bool scores_parse(struct scores *s, const json_t *json);

#endif
