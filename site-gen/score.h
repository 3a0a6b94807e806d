/* What a board says of its numbers: means with their error, ranks as intervals, tiers, heat. Which
 * models differ is pairing.h's to say; ranks and tiers are base/stats/standing.h's. */
#ifndef ASSAY_SITE_SCORE_H
#define ASSAY_SITE_SCORE_H

#include "base/stats/interval.h"
#include "base/stats/standing.h"
#include "site-gen/pairing.h"

struct ranked {
    size_t n_pairs, n_paired; /* pairs; those that were tested on shared documents */
    double detectable; /* the difference that rows next to each other are told apart by four times
                        * out of five; the median, NaN where there are no errors */
};
/* Beyond this many rows pairs are told apart by figures alone, which claims less and is said on the
 * page (n_paired): their documents would take gigabytes. */
#define PAIRED_ROWS_MAX 3000

/* out[i] belongs to row i. */
struct ranked rank_parts(const struct contest *r, struct standing *out);

/* Colour of a cell, 0..20, between the 5th and the 95th percentile of its column. */
struct heat_scale {
    double low, high;
};
struct heat_scale heat_scale(const double *values, size_t n);
int heat_bucket(struct heat_scale scale, double value, bool higher);

/* How values lie between low and high: a digit for each of so many places, 0 for none of them, 9
 * for the place that has most. Of many values it stays the same when one of them moves. */
#define SPREAD_PLACES 70
void places_of(
    const double *values, size_t n, double low, double high, char out[SPREAD_PLACES + 1]);

#endif
