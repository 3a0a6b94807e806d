/* See distribution.h. The beta function's share is Lentz's continued fraction; Student's t and the
 * binomial are read off it. Quantiles are found by halving or by Newton's method on the function
 * itself, so that there is one approximation each and no table of coefficients. */
#include "base/stats/distribution.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>

static const double DF_NORMAL = 1e8; /* from here on t differs from the normal by less than 1e-7 */

double crossing(crossing_fn *f, const void *arg, double low, double high) {
    bool falls = f(low, arg) > f(high, arg);
    for (int i = 0; i < 200; i++) {
        double middle = low + (high - low) / 2;
        if (middle <= low || middle >= high)
            break;
        bool above = f(middle, arg) > 0;
        if (above == falls)
            low = middle;
        else
            high = middle;
    }
    return low + (high - low) / 2;
}

/* ---- normal ---- */

double normal_cdf(double z) {
    return erfc(-z / sqrt(2)) / 2;
}

double normal_two_sided(double z) {
    return erfc(fabs(z) / sqrt(2));
}

/* z with P(Z >= z) = tail <= 1/2: Newton on the logarithm, which is nearly a parabola and so takes
 * a handful of steps from anywhere. */
static double normal_upper(double tail) {
    double z = sqrt(-2 * log(tail)) * (tail < 0.1 ? 0.9 : 0.6) - (tail < 0.1 ? 0 : 0.7);
    for (int i = 0; i < 60; i++) {
        double q = erfc(z / sqrt(2)) / 2, density = exp(-z * z / 2) / sqrt(2 * M_PI);
        double step = log(q / tail) * q / density;
        z += step;
        if (fabs(step) <= 1e-15 * fabs(z) + 1e-300)
            break;
    }
    return z;
}

double normal_quantile(double p) {
    return p == 0.5 ? 0 : p > 0.5 ? normal_upper(1 - p) : -normal_upper(p);
}

/* ---- beta ---- */

/* What Stirling's formula leaves of log gamma; x >= 10. */
static double stirling_rest(double x) {
    double q = 1 / (x * x);
    return (1.0 / 12 - q * (1.0 / 360 - q * (1.0 / 1260 - q * (1.0 / 1680 - q / 1188)))) / x;
}

static double log_gamma(double x) {
    int sign;
    return lgamma_r(x, &sign);
}

/* Of the larger argument only differences count: taken before they cancel. */
static double log_beta(double a, double b) {
    double large = a > b ? a : b, small = a > b ? b : a, sum = a + b;
    if (large < 10)
        return log_gamma(a) + log_gamma(b) - log_gamma(sum);
    return log_gamma(small) - (large - 0.5) * log1p(small / large) - small * log(sum) + small +
           stirling_rest(large) - stirling_rest(sum);
}

static double away_from_zero(double x) {
    return fabs(x) < DBL_MIN ? DBL_MIN : x;
}

/* The continued fraction of I_x(a, b), good for x below the mean. */
static double beta_fraction(double x, double a, double b) {
    double c = 1, d = 1 / away_from_zero(1 - (a + b) * x / (a + 1)), h = d;
    for (int m = 1; m < 100000; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        d = 1 / away_from_zero(1 + even * d);
        c = away_from_zero(1 + even / c);
        h *= d * c;
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 / away_from_zero(1 + odd * d);
        c = away_from_zero(1 + odd / c);
        h *= d * c;
        if (fabs(d * c - 1) < 1e-15)
            break;
    }
    return h;
}

/* Logarithm of x, from whichever of x and 1 - x is small. */
static double log_of(double x, double y) {
    return x < y ? log(x) : log1p(-y);
}

double beta_share(double x, double y, double a, double b) {
    if (isnan(x) || isnan(a) || isnan(b))
        return NAN;
    if (x <= 0 || y <= 0)
        return x > 0;
    double front = exp(a * log_of(x, y) + b * log_of(y, x) - log_beta(a, b));
    if (x < (a + 1) / (a + b + 2))
        return front * beta_fraction(x, a, b) / a;
    return 1 - front * beta_fraction(y, b, a) / b;
}

/* ---- Student ---- */

double student_two_sided(double t, double df) {
    if (isnan(t) || isnan(df) || !(df > 0))
        return NAN;
    if (df > DF_NORMAL)
        return normal_two_sided(t);
    double square = t * t;
    if (isinf(square))
        return 0;
    return beta_share(df / (df + square), square / (df + square), df / 2, 0.5);
}

struct student {
    double df, tail; /* of both sides */
};

static double student_over(double t, const void *arg) {
    const struct student *s = arg;
    return student_two_sided(t, s->df) - s->tail;
}

double student_quantile(double p, double df) {
    struct student s = { df, 2 * (p < 0.5 ? p : 1 - p) };
    if (df > DF_NORMAL || p == 0.5)
        return normal_quantile(p);
    double high = 1;
    while (student_over(high, &s) > 0)
        high *= 2;
    double t = crossing(student_over, &s, 0, high);
    return p < 0.5 ? -t : t;
}

/* ---- binomial ---- */

double binomial_at(double k, double n, double p) {
    if (k < 0 || k > n)
        return 0;
    if (p <= 0 || p >= 1)
        return k == (p <= 0 ? 0 : n);
    double ways = -log1p(n) - log_beta(k + 1, n - k + 1);
    return exp(ways + k * log(p) + (n - k) * log1p(-p));
}

double binomial_at_most(double k, double n, double p) {
    if (k < 0)
        return 0;
    return k >= n ? 1 : beta_share(1 - p, p, n - k, k + 1);
}
