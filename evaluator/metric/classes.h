/* Scores of predicted labels, of sets of labels and of clusterings, by scikit-learn's definitions.
 * A class is a small integer. Where a score is no mean over documents, what each document adds to
 * it is given too (leaving it out: see influence() in statistic.h), so that it has an error. */
#ifndef ASSAY_METRIC_CLASSES_H
#define ASSAY_METRIC_CLASSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- one label a document (classes.c) ---- */

struct classified {
    const uint32_t *gold, *predicted; /* [n], below n_classes */
    size_t n;
    uint32_t n_classes;
    const double *values; /* [n_classes]: what a prediction of it scores, for "ap"; 1 is positive */
};

/* accuracy, f1, precision, recall (means over the classes that occur), each but the first also
 * "_weighted" by how often a class is right; ap, ap_weighted (of predicted labels, as mteb has it:
 * two classes, one of them 1). */
bool classes_know(const char *metric);
/* The score; NaN: not defined. adds[i], where not NULL, is what document i adds. */
double classes_score(const char *metric, const struct classified *c, double *adds);

/* ---- any number of labels a document (labelsets.c) ---- */

struct labelsets {
    const uint8_t *gold, *predicted; /* [n, n_labels], 0 or 1 */
    size_t n, n_labels;
};

/* accuracy (the whole set), f1 (mean over labels), lrap (of predicted labels), hamming (shared by
 * all): of the first, third and fourth adds[i] is document i's own. */
bool labelsets_know(const char *metric);
double labelsets_score(const char *metric, const struct labelsets *s, double *adds);

/* ---- clusterings (partition.c) ---- */

struct partition {
    const uint32_t *gold, *cluster; /* [n], below n_classes, n_clusters */
    const double *times;            /* [n]: how often each is counted; NULL: once */
    size_t n;
    uint32_t n_classes, n_clusters;
};
struct v_measure {
    double homogeneity, completeness, v;
};
struct v_measure v_measure(const struct partition *p);

#endif
