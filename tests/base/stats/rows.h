/* Made-up scores for the tests of sheets and resampling. */
#ifndef ASSAY_TESTS_STATS_ROWS_H
#define ASSAY_TESTS_STATS_ROWS_H

#include "base/stats/draw.h"
#include "base/stats/sheet.h"
#include "tests/vectors.h"

/* [rows, docs]: documents of different difficulty, rows of different strength. */
static inline double *made_scores(size_t rows, size_t docs, bool binary, uint64_t seed) {
    double *x = xcalloc(rows * docs + 1, sizeof *x);
    struct draw d = draw_stream(seed, 0);
    for (size_t i = 0; i < docs; i++) {
        double difficulty = draw_normal(&d);
        for (size_t r = 0; r < rows; r++) {
            double share = 1 / (1 + exp(difficulty - 0.4 * (double)r)), u = draw_unit(&d);
            x[r * docs + i] = binary ? u < share : 3 * share - u;
        }
    }
    return x;
}

static inline uint32_t *made_clusters(size_t docs, uint32_t n, uint64_t seed) {
    uint32_t *cluster = xcalloc(docs + 1, sizeof *cluster);
    struct draw d = draw_stream(seed, 1);
    for (size_t i = 0; i < docs; i++)
        cluster[i] = draw_below(&d, n);
    return cluster;
}

static inline void put_row(
    struct sheet *s, size_t row, const double *x, const uint32_t *cluster, size_t docs) {
    struct scores scores;
    scores_pack(&scores, x, cluster, docs);
    assert_true(sheet_put(s, row, &scores));
    scores_release(&scores);
}

static inline void made_sheet(
    struct sheet *s, size_t rows, size_t docs, const double *x, const uint32_t *cluster) {
    sheet_init(s, rows);
    for (size_t r = 0; r < rows; r++)
        put_row(s, r, x + r * docs, cluster, docs);
}

#endif
