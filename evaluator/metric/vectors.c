/* Similarities of two vectors: float in, double arithmetic from left to right, so that one pair
 * gives the same bits wherever it stands. What ranks millions of pairs is top_k(), in single
 * precision. */
#include "evaluator/metric/metric.h"

#include <math.h>

size_t argmax_first(const double *x, size_t n) {
    size_t best = 0;
    for (size_t i = 0; i < n; i++) {
        if (isnan(x[i])) /* as numpy.argmax: the first NaN wins */
            return i;
        if (x[i] > x[best])
            best = i;
    }
    return best;
}

double dot(const float *a, const float *b, size_t width) {
    double sum = 0;
    for (size_t i = 0; i < width; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

/* By the distance of the two at unit length, as scikit-learn has it: equal vectors are exactly 1,
 * so that such pairs are ties. */
double cosine(const float *a, const float *b, size_t width) {
    double aa = sqrt(dot(a, a, width)), bb = sqrt(dot(b, b, width)), sum = 0;
    if (aa == 0 || bb == 0)
        return 0;
    for (size_t i = 0; i < width; i++) {
        double d = (double)a[i] / aa - (double)b[i] / bb;
        sum += d * d;
    }
    return 1 - sum / 2;
}

double manhattan(const float *a, const float *b, size_t width) {
    double sum = 0;
    for (size_t i = 0; i < width; i++)
        sum += fabs((double)a[i] - (double)b[i]);
    return sum;
}

double euclidean(const float *a, const float *b, size_t width) {
    double sum = 0;
    for (size_t i = 0; i < width; i++) {
        double d = (double)a[i] - (double)b[i];
        sum += d * d;
    }
    return sqrt(sum);
}
