/* L-BFGS-B as scipy runs it where no variable has a bound: ten corrections, the direction from the
 * factorised middle matrix, and the line search of Moré and Thuente. Steps, tests and their order
 * are those of version 3.0 (Morales and Nocedal 2011), so that it stops after the same number of
 * iterations at the same place, as far as the order of sums allows. */
#ifndef ASSAY_METRIC_LBFGS_H
#define ASSAY_METRIC_LBFGS_H

#include <stdbool.h>
#include <stddef.h>

/* The value at x, and the gradient there. */
typedef double objective_fn(void *arg, const double *x, double *gradient);

struct lbfgs_options {
    unsigned max_iter;
    unsigned max_steps; /* evaluations of one line search */
    double f_tol;       /* stops where f falls by no more than this share of max(|f|, 1) */
    double g_tol;       /* ... where no component of the gradient is larger */
};

struct lbfgs_end {
    unsigned n_iter, n_evaluations;
    bool converged; /* by either tolerance */
    double value;
};

/* From x to the minimum that is found, in x. */
struct lbfgs_end lbfgs(
    objective_fn *f, void *arg, double *x, size_t n, const struct lbfgs_options *options);

/* ---- the line search (linesearch.c) ---- */

/* A step that makes f fall enough and its slope flat enough: the state of a search along one
 * direction, `step` being the next to try. */
struct line_search {
    double step, step_max;
    double f_start, slope_start;
    bool bracketed, second_stage;
    double x, fx, gx; /* the best step so far, value and slope there */
    double y, fy, gy; /* the other end of the interval */
    double low, high; /* between which the next step lies */
    double width, width_before;
};

void line_search_begin(struct line_search *s, double step, double step_max, double f, double slope);
/* Takes value and slope at s->step. True: that step will do, or none better is to be had. */
bool line_search_take(struct line_search *s, double f, double slope);

#endif
