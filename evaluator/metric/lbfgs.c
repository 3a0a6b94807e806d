/* See lbfgs.h. The corrections lie in a ring; all matrices of inner products are indexed from the
 * oldest. With every variable free the middle matrix of the compact form,
 *
 *     [ D + YᵀY / theta    Rᵀ ]      D: diagonal, R: upper triangle of SᵀY
 *     [ R                  0  ]
 *
 * is factorised as L E Lᵀ with two Cholesky factors, as in formk and subsm of the reference. */
#include "evaluator/metric/lbfgs.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"

enum { M = 10, M2 = 2 * M, LANES = 8 };

struct state {
    size_t n;
    double *s, *y; /* [M, n]: steps, and what the gradient changed by */
    size_t head, col, n_updates;
    double theta;
    double yy[M][M], sy[M][M], ss[M][M]; /* sy[i][j] = s_i · y_j */
    double k[M2][M2];                    /* upper factor, rows of it */
    double *x, *g, *direction, *x_before, *g_before;
    double f, f_before, slope, slope_before, length, square; /* length: of the direction */
};

/* Lanes are added in one order, whatever the compiler does. */
static double product(const double *a, const double *b, size_t n) {
    double lanes[LANES] = { 0 }, sum = 0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (size_t l = 0; l < LANES; l++) {
            lanes[l] += a[i + l] * b[i + l];
        }
    }
    for (size_t l = 0; l < LANES; l++) {
        sum += lanes[l];
    }
    for (; i < n; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

static double largest(const double *g, size_t n) {
    double max = 0;
    for (size_t i = 0; i < n; i++) {
        if (isnan(g[i])) {
            return g[i];
        }
        max = fmax(max, fabs(g[i]));
    }
    return max;
}

static double *ring(const struct state *z, double *rows, size_t i) {
    return rows + (z->head + i) % M * z->n;
}

static void forget(struct state *z) {
    z->col = z->head = z->n_updates = 0;
    z->theta = 1;
}

/* ---- small triangular systems; matrices are [M2][M2], `from` the first row and column ---- */

/* a = UᵀU in its upper triangle; false where it is not positive. */
static bool cholesky(double a[M2][M2], size_t from, size_t n) {
    for (size_t j = from; j < from + n; j++) {
        for (size_t i = from; i <= j; i++) {
            double sum = a[i][j];
            for (size_t k = from; k < i; k++) {
                sum -= a[k][i] * a[k][j];
            }
            if (i == j && !(sum > 0)) {
                return false;
            }
            a[i][j] = i == j ? sqrt(sum) : sum / a[i][i];
        }
    }
    return true;
}

static void solve_lower(double a[M2][M2], size_t n, double *v) { /* Uᵀ v' = v */
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < i; k++) {
            v[i] -= a[k][i] * v[k];
        }
        v[i] /= a[i][i];
    }
}

static void solve_upper(double a[M2][M2], size_t n, double *v) {
    for (size_t i = n; i-- > 0;) {
        for (size_t k = i + 1; k < n; k++) {
            v[i] -= a[i][k] * v[k];
        }
        v[i] /= a[i][i];
    }
}

/* ---- the matrices ---- */

static void shift(double a[M][M]) {
    for (size_t i = 0; i + 1 < M; i++) {
        memmove(a[i], &a[i + 1][1], (M - 1) * sizeof **a);
    }
}

/* The newest step and change of gradient; dr = step · change. */
static void remember(
    struct state *z, const double *step, const double *change, double dr, double step_square) {
    if (++z->n_updates <= M) {
        z->col = z->n_updates;
    } else {
        z->head = (z->head + 1) % M;
        shift(z->yy);
        shift(z->sy);
        shift(z->ss);
    }
    size_t last = z->col - 1, n = z->n;
    memcpy(ring(z, z->s, last), step, n * sizeof *step);
    memcpy(ring(z, z->y, last), change, n * sizeof *change);
    for (size_t i = 0; i <= last; i++) {
        z->yy[last][i] = product(change, ring(z, z->y, i), n);
        z->sy[last][i] = product(step, ring(z, z->y, i), n);
        z->sy[i][last] = product(ring(z, z->s, i), change, n);
        z->ss[i][last] = product(ring(z, z->s, i), step, n);
    }
    z->theta = z->yy[last][last] / dr;
    z->sy[last][last] = dr;
    z->ss[last][last] = step_square;
}

/* The other matrix of the compact form, theta SᵀS + L D⁻¹ Lᵀ: made here only because the reference
 * begins anew where it is not positive. */
static bool is_positive(const struct state *z) {
    double t[M2][M2];
    for (size_t j = 0; j < z->col; j++) {
        for (size_t i = 0; i <= j; i++) {
            double sum = 0;
            for (size_t k = 0; k < i; k++) {
                sum += z->sy[i][k] * z->sy[j][k] / z->sy[k][k];
            }
            t[i][j] = sum + z->theta * z->ss[i][j];
        }
    }
    return cholesky(t, 0, z->col);
}

static bool factorise(struct state *z) {
    size_t c = z->col;
    for (size_t j = 0; j < c; j++) {
        for (size_t i = 0; i <= j; i++) {
            z->k[i][j] = z->yy[j][i] / z->theta;
        }
        z->k[j][j] += z->sy[j][j];
    }
    if (!cholesky(z->k, 0, c)) {
        return false;
    }
    for (size_t j = 0; j < c; j++) { /* L⁻¹ Rᵀ, a column a time */
        double column[M] = { 0 };
        for (size_t i = j; i < c; i++) {
            column[i] = z->sy[j][i];
        }
        solve_lower(z->k, c, column);
        for (size_t i = 0; i < c; i++) {
            z->k[i][c + j] = column[i];
        }
    }
    for (size_t i = c; i < 2 * c; i++) {
        for (size_t j = i; j < 2 * c; j++) {
            z->k[i][j] = 0;
            for (size_t k = 0; k < c; k++) {
                z->k[i][j] += z->k[k][i] * z->k[k][j];
            }
        }
    }
    return cholesky(z->k, c, c);
}

/* ---- one iteration ---- */

/* The quasi-Newton step; without corrections, down the gradient. */
static void find_direction(struct state *z) {
    size_t n = z->n, c = z->col;
    double v[M2] = { 0 }, *d = z->direction;
    for (size_t i = 0; i < n; i++) {
        d[i] = -z->g[i];
    }
    for (size_t i = 0; i < c; i++) {
        v[i] = product(ring(z, z->y, i), d, n);
        v[c + i] = z->theta * product(ring(z, z->s, i), d, n);
    }
    solve_lower(z->k, 2 * c, v);
    for (size_t i = 0; i < c; i++) {
        v[i] = -v[i];
    }
    solve_upper(z->k, 2 * c, v);
    for (size_t j = 0; j < c; j++) {
        const double *y = ring(z, z->y, j), *s = ring(z, z->s, j);
        for (size_t i = 0; i < n; i++) {
            d[i] += y[i] * v[j] / z->theta + s[i] * v[c + j];
        }
    }
    double scale = 1 / z->theta;
    for (size_t i = 0; i < n; i++) {
        d[i] *= scale;
    }
}

static void step_to(struct state *z, double step) {
    for (size_t i = 0; i < z->n; i++) {
        z->x[i] = step * z->direction[i] + z->x_before[i];
    }
}

/* Along the direction, from where x is; false where no step was found: x is there again. */
static bool search(struct state *z, objective_fn *f, void *arg, bool first,
    const struct lbfgs_options *options, struct lbfgs_end *end, double *step) {
    struct line_search s;
    size_t bytes = z->n * sizeof *z->x;
    z->square = product(z->direction, z->direction, z->n);
    z->length = sqrt(z->square);
    memcpy(z->x_before, z->x, bytes);
    memcpy(z->g_before, z->g, bytes);
    z->f_before = z->f;
    z->slope = z->slope_before = product(z->g, z->direction, z->n);
    line_search_begin(&s, first ? fmin(1 / z->length, 1e10) : 1, 1e10, z->f, z->slope);
    for (unsigned tries = 0; z->slope_before < 0 && tries < options->max_steps; tries++) {
        *step = s.step;
        step_to(z, s.step);
        z->f = f(arg, z->x, z->g);
        end->n_evaluations++;
        z->slope = product(z->g, z->direction, z->n);
        if (line_search_take(&s, z->f, z->slope)) {
            return true;
        }
    }
    memcpy(z->x, z->x_before, bytes);
    memcpy(z->g, z->g_before, bytes);
    z->f = z->f_before;
    return false;
}

/* What the step taught. False: the factors are as they were. */
static void learn(struct state *z, double step) {
    double *change = z->g_before;
    for (size_t i = 0; i < z->n; i++) {
        change[i] = z->g[i] - z->g_before[i];
        z->direction[i] *= step;
    }
    double dr = (z->slope - z->slope_before) * step;
    if (dr <= DBL_EPSILON * (-z->slope_before * step)) {
        return;
    }
    remember(z, z->direction, change, dr, step * step * z->square);
    if (!is_positive(z) || !factorise(z)) {
        forget(z);
    }
}

static bool converged(const struct state *z, const struct lbfgs_options *options) {
    double size = fmax(fmax(fabs(z->f_before), fabs(z->f)), 1);
    return largest(z->g, z->n) <= options->g_tol || z->f_before - z->f <= options->f_tol * size;
}

static void iterate(struct state *z, objective_fn *f, void *arg,
    const struct lbfgs_options *options, struct lbfgs_end *end) {
    double step = 1;
    for (;;) {
        find_direction(z);
        if (!search(z, f, arg, end->n_iter == 0, options, end, &step)) {
            if (z->col == 0) {
                return;
            }
            forget(z);
            continue;
        }
        end->n_iter++;
        end->converged = converged(z, options);
        if (end->n_iter >= options->max_iter || end->converged) {
            return;
        }
        learn(z, step);
    }
}

struct lbfgs_end lbfgs(
    objective_fn *f, void *arg, double *x, size_t n, const struct lbfgs_options *options) {
    struct lbfgs_end end = { .n_evaluations = 1 };
    struct state *z = xcalloc(1, sizeof *z);
    double *room = xcalloc((2 * M + 4) * n, sizeof *room);
    z->n = n;
    z->s = room;
    z->y = z->s + M * n;
    z->x = x;
    z->g = z->y + M * n;
    z->direction = z->g + n;
    z->x_before = z->direction + n;
    z->g_before = z->x_before + n;
    forget(z);
    z->f = f(arg, x, z->g);
    end.converged = largest(z->g, n) <= options->g_tol;
    if (!end.converged && options->max_iter) {
        iterate(z, f, arg, options, &end);
    }
    end.value = z->f;
    free(room);
    free(z);
    return end;
}
