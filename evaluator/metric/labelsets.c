/* See classes.h: sets of labels as rows of 0 and 1. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "evaluator/metric/classes.h"

typedef double row_score_fn(const uint8_t *gold, const uint8_t *predicted, size_t n);

static double same_set(const uint8_t *gold, const uint8_t *predicted, size_t n) {
    return memcmp(gold, predicted, n) == 0;
}

/* What both have, of what either has. */
static double hamming(const uint8_t *gold, const uint8_t *predicted, size_t n) {
    size_t both = 0, either = 0;
    for (size_t l = 0; l < n; l++) {
        both += gold[l] & predicted[l];
        either += gold[l] | predicted[l];
    }
    return either ? (double)both / (double)either : 1;
}

/* Label ranking average precision where a label scores 1 if it is predicted, else 0: for each right
 * label, the share of right ones among those that score no less. */
static double ranking(const uint8_t *gold, const uint8_t *predicted, size_t n) {
    size_t right = 0, predicted_all = 0, predicted_right = 0;
    for (size_t l = 0; l < n; l++) {
        right += gold[l];
        predicted_all += predicted[l];
        predicted_right += gold[l] & predicted[l];
    }
    if (right == 0 || right == n) {
        return 1;
    }
    double found = predicted_all ? (double)predicted_right / (double)predicted_all : 0;
    double missed = (double)right / (double)n;
    return ((double)predicted_right * found + (double)(right - predicted_right) * missed) /
           (double)right;
}

static const struct {
    const char *name;
    row_score_fn *score;
} ROWS[] = {
    { "accuracy", same_set },
    { "hamming", hamming },
    { "lrap", ranking },
};

static row_score_fn *find(const char *metric) {
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        if (!strcmp(ROWS[i].name, metric)) {
            return ROWS[i].score;
        }
    }
    return NULL;
}

bool labelsets_know(const char *metric) {
    return find(metric) || !strcmp(metric, "f1");
}

static double mean_over_rows(row_score_fn *score, const struct labelsets *s, double *adds) {
    double sum = 0;
    for (size_t i = 0; i < s->n; i++) {
        double one = score(s->gold + i * s->n_labels, s->predicted + i * s->n_labels, s->n_labels);
        sum += one;
        if (adds) {
            adds[i] = one;
        }
    }
    return sum / (double)s->n;
}

/* ---- F1, the mean over labels ---- */

struct counts {
    double either, both; /* documents that have it by one or the other, twice if by both; by both */
};

static double f1_of(struct counts c) {
    return c.either > 0 ? 2 * c.both / c.either : 0;
}

/* The sum over labels without document i. */
static double sum_without(
    const struct counts *counts, const struct labelsets *s, size_t i, double sum) {
    const uint8_t *gold = s->gold + i * s->n_labels, *predicted = s->predicted + i * s->n_labels;
    for (size_t l = 0; l < s->n_labels; l++) {
        if (gold[l] | predicted[l]) {
            struct counts rest = { counts[l].either - gold[l] - predicted[l],
                counts[l].both - (gold[l] & predicted[l]) };
            sum += f1_of(rest) - f1_of(counts[l]);
        }
    }
    return sum;
}

static double f1(const struct labelsets *s, double *adds) {
    struct counts *counts = xcalloc(s->n_labels + 1, sizeof *counts);
    double sum = 0, n = (double)s->n, n_labels = (double)s->n_labels;
    for (size_t at = 0; at < s->n * s->n_labels; at++) {
        struct counts *c = &counts[at % s->n_labels];
        c->either += s->gold[at] + s->predicted[at];
        c->both += s->gold[at] & s->predicted[at];
    }
    for (size_t l = 0; l < s->n_labels; l++) {
        sum += f1_of(counts[l]);
    }
    for (size_t i = 0; adds && i < s->n; i++) {
        double rest = sum_without(counts, s, i, sum);
        adds[i] = (s->n > 1 ? n * sum - (n - 1) * rest : sum) / n_labels;
    }
    free(counts);
    return sum / n_labels;
}

double labelsets_score(const char *metric, const struct labelsets *s, double *adds) {
    row_score_fn *score = find(metric);
    if (s->n == 0 || s->n_labels == 0) {
        return NAN;
    }
    return score ? mean_over_rows(score, s, adds) : f1(s, adds);
}
