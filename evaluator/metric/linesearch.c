/* Moré and Thuente 1994, with the tolerances that L-BFGS-B uses. The interval that is kept holds a
 * minimum of f(step) - f(0) - F_TOL step f'(0) until one of f itself is in it (second stage). */
#include <math.h>

#include "evaluator/metric/lbfgs.h"

static const double F_TOL = 1e-3, G_TOL = 0.9, X_TOL = 0.1;

/* A step with value and slope there. */
struct point {
    double x, f, g;
};

/* The cubic through two points with their slopes, measured from `from`: r such that the minimum
 * lies at from + r (to - from). `floor` keeps the root real where rounding made it none. */
struct cubic {
    double gamma, theta;
};

static struct cubic cubic_of(struct point a, struct point b, bool floor, bool negative) {
    double theta = 3 * (a.f - b.f) / (b.x - a.x) + a.g + b.g;
    double s = fmax(fabs(theta), fmax(fabs(a.g), fabs(b.g)));
    double square = pow(theta / s, 2) - (a.g / s) * (b.g / s);
    double gamma = s * sqrt(floor ? fmax(0, square) : square);
    return (struct cubic) { negative ? -gamma : gamma, theta };
}

/* A higher value: the minimum is bracketed. */
static double step_after_rise(struct point best, struct point p) {
    struct cubic c = cubic_of(best, p, false, p.x < best.x);
    double r = ((c.gamma - best.g) + c.theta) / (((c.gamma - best.g) + c.gamma) + p.g);
    double cubic = best.x + r * (p.x - best.x);
    double quadratic =
        best.x + ((best.g / ((best.f - p.f) / (p.x - best.x) + best.g)) / 2) * (p.x - best.x);
    return fabs(cubic - best.x) < fabs(quadratic - best.x) ? cubic
                                                           : cubic + (quadratic - cubic) / 2;
}

/* A lower value, and the slope has changed its sign: bracketed as well. */
static double step_after_turn(struct point best, struct point p) {
    struct cubic c = cubic_of(best, p, false, p.x > best.x);
    double r = ((c.gamma - p.g) + c.theta) / (((c.gamma - p.g) + c.gamma) + best.g);
    double cubic = p.x + r * (best.x - p.x);
    double secant = p.x + (p.g / (p.g - best.g)) * (best.x - p.x);
    return fabs(cubic - p.x) > fabs(secant - p.x) ? cubic : secant;
}

/* A lower value and a flatter slope of the same sign. */
static double step_downhill(const struct line_search *s, struct point best, struct point p) {
    struct cubic c = cubic_of(best, p, true, p.x > best.x);
    double r = ((c.gamma - p.g) + c.theta) / ((c.gamma + (best.g - p.g)) + c.gamma);
    double cubic = r < 0 && c.gamma != 0 ? p.x + r * (best.x - p.x)
                   : p.x > best.x        ? s->high
                                         : s->low;
    double secant = p.x + (p.g / (p.g - best.g)) * (best.x - p.x);
    bool cubic_is_nearer = fabs(cubic - p.x) < fabs(secant - p.x);
    if (s->bracketed) {
        double limit = p.x + 0.66 * (s->y - p.x), step = cubic_is_nearer ? cubic : secant;
        return p.x > best.x ? fmin(limit, step) : fmax(limit, step);
    }
    double step = fabs(cubic - p.x) > fabs(secant - p.x) ? cubic : secant;
    return fmax(s->low, fmin(s->high, step));
}

/* A lower value, and the slope is no flatter. */
static double step_faster(
    const struct line_search *s, struct point best, struct point other, struct point p) {
    if (!s->bracketed) {
        return p.x > best.x ? s->high : s->low;
    }
    struct cubic c = cubic_of(p, other, false, p.x > other.x);
    double r = ((c.gamma - p.g) + c.theta) / (((c.gamma - p.g) + c.gamma) + other.g);
    return p.x + r * (other.x - p.x);
}

/* The next step to try, and the interval with p in it. */
static double take_point(
    struct line_search *s, struct point *best, struct point *other, struct point p) {
    bool turned = p.g * (best->g / fabs(best->g)) < 0;
    double step;
    if (p.f > best->f) {
        step = step_after_rise(*best, p);
        s->bracketed = true;
        *other = p;
        return step;
    }
    if (turned) {
        step = step_after_turn(*best, p);
        s->bracketed = true;
        *other = *best;
    } else if (fabs(p.g) < fabs(best->g)) {
        step = step_downhill(s, *best, p);
    } else {
        step = step_faster(s, *best, *other, p);
    }
    *best = p;
    return step;
}

/* The same on f, or on the function that is f less what it has to fall by. */
static double next_step(struct line_search *s, double f, double slope, double tilt) {
    struct point best = { s->x, s->fx - s->x * tilt, s->gx - tilt };
    struct point other = { s->y, s->fy - s->y * tilt, s->gy - tilt };
    struct point p = { s->step, f - s->step * tilt, slope - tilt };
    double step = take_point(s, &best, &other, p);
    s->x = best.x;
    s->fx = best.f + best.x * tilt;
    s->gx = best.g + tilt;
    s->y = other.x;
    s->fy = other.f + other.x * tilt;
    s->gy = other.g + tilt;
    return step;
}

void line_search_begin(
    struct line_search *s, double step, double step_max, double f, double slope) {
    *s = (struct line_search) { .step = step,
        .step_max = step_max,
        .f_start = f,
        .slope_start = slope,
        .fx = f,
        .gx = slope,
        .fy = f,
        .gy = slope,
        .high = step + 4 * step,
        .width = step_max,
        .width_before = 2 * step_max };
}

static bool is_done(const struct line_search *s, double f, double slope, double f_enough) {
    double enough = F_TOL * s->slope_start;
    bool stuck = s->bracketed &&
                 (s->step <= s->low || s->step >= s->high || s->high - s->low <= X_TOL * s->high);
    bool farthest = s->step == s->step_max && f <= f_enough && slope <= enough;
    bool nearest = s->step == 0 && (f > f_enough || slope >= enough);
    bool good = f <= f_enough && fabs(slope) <= G_TOL * -s->slope_start;
    return stuck || farthest || nearest || good;
}

/* Where the interval does not shrink, it is halved. */
static void limit_step(struct line_search *s) {
    if (s->bracketed) {
        if (fabs(s->y - s->x) >= 0.66 * s->width_before) {
            s->step = s->x + 0.5 * (s->y - s->x);
        }
        s->width_before = s->width;
        s->width = fabs(s->y - s->x);
        s->low = fmin(s->x, s->y);
        s->high = fmax(s->x, s->y);
    } else {
        s->low = s->step + 1.1 * (s->step - s->x);
        s->high = s->step + 4 * (s->step - s->x);
    }
    s->step = fmin(fmax(s->step, 0), s->step_max);
    bool spent = s->step <= s->low || s->step >= s->high || s->high - s->low <= X_TOL * s->high;
    if (s->bracketed && spent) {
        s->step = s->x;
    }
}

bool line_search_take(struct line_search *s, double f, double slope) {
    double tilt = F_TOL * s->slope_start, f_enough = s->f_start + s->step * tilt;
    if (!s->second_stage && f <= f_enough && slope >= 0) {
        s->second_stage = true;
    }
    if (is_done(s, f, slope, f_enough)) {
        return true;
    }
    bool falls_too_little = !s->second_stage && f <= s->fx && f > f_enough;
    s->step = next_step(s, f, slope, falls_too_little ? tilt : 0);
    limit_step(s);
    return false;
}
