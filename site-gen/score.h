/* What a board says of its numbers: means with their error, ranks as intervals, tiers, heat.
 *
 * A figure is a score with its standard error. Two figures differ significantly if their distance
 * is more than 1.96 times sqrt(se_a^2 + se_b^2): the unpaired test, two-sided at 5 %. Models answer
 * the same questions, so this claims less than a paired test would, never more. A figure without an
 * error differs significantly from nothing. */
#ifndef ASSAY_SITE_SCORE_H
#define ASSAY_SITE_SCORE_H

#include <stdbool.h>
#include <stddef.h>

#define Z95 1.959963984540054

struct figure {
    double value, se; /* se NaN: unknown */
};

bool figure_above(struct figure a, struct figure b); /* significantly */

struct standing {
    int rank;        /* 1 + how many have a better value; equal values share it */
    int low, high;   /* [1 + significantly better, n - significantly worse] */
    bool opens_tier; /* significantly below the first figure of the tier above it */
};
/* Figures in any order, best first if `higher`; out[i] belongs to figures[i]. */
void rank_figures(const struct figure *figures, size_t n, bool higher, struct standing *out);

/* Colour of a cell, 0..20, between the 5th and the 95th percentile of its column. */
struct heat_scale {
    double low, high;
};
struct heat_scale heat_scale(const double *values, size_t n);
int heat_bucket(struct heat_scale scale, double value, bool higher);

#endif
