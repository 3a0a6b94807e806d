/* Steps in a series that is constant but for noise and a few jumps, as a benchmark's history is.
 *
 * The series is cut into pieces, each with its median as its level; for every number of pieces the
 * cut with the least sum of absolute deviations is found exactly (dynamic programming over
 * L1 distances), and the number is the one with the least
 *
 *     4 ln(n) / n * pieces + ln(noise floor + sum of absolute deviations)
 *
 * the penalty of asv's step detection, without its model of noise that is correlated, which takes
 * most of the power from histories as short as ours. The floor, below which differences are no
 * noise, is a tenth of the least jump between pieces (a thousandth of the level where there are not
 * three), so an exact series has a step wherever it changes and nowhere else. A piece of one point
 * at the end is a step that one more point may take back; callers that page people ask for more
 * (`least`). */
#ifndef ASSAY_STEPS_H
#define ASSAY_STEPS_H

#include <stddef.h>

#define STEPS_POINTS_MAX 500

struct piece {
    size_t from, to; /* points [from, to) */
    double level;    /* their median */
    double spread;   /* mean absolute deviation from it */
};

/* Pieces of x[0, n), n at most STEPS_POINTS_MAX, all finite; none shorter than `least` points (1:
 * any), unless n is. Returns how many were written to `pieces`, which has room for n. */
size_t steps_find(const double *x, size_t n, size_t least, struct piece *pieces);

#endif
