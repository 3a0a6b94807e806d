/* See wide_dot() in learn.h. Sixteen lanes in double, lane l taking elements l, l + 16, ..., added
 * pairwise at the end; nothing is fused. The order is the same for every instruction set, and so
 * are the bits. */
#include <string.h>

#include "evaluator/metric/learn.h"

enum { HALF = 8, LANES = 2 * HALF };

typedef float floats __attribute__((vector_size(HALF * sizeof(float)), aligned(4)));
typedef double doubles __attribute__((vector_size(HALF * sizeof(double)), aligned(8)));
typedef double wide_dot_fn(const float *a, const float *b, size_t n);

/* sum += a * b, eight numbers of each. */
static inline __attribute__((always_inline)) void add_products(
    doubles *sum, const float *a, const float *b) {
    *sum += __builtin_convertvector(*(const floats *)(const void *)a, doubles) *
            __builtin_convertvector(*(const floats *)(const void *)b, doubles);
}

static inline __attribute__((always_inline)) double body(const float *a, const float *b, size_t n) {
    doubles low = { 0 }, high = { 0 };
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        add_products(&low, a + i, b + i);
        add_products(&high, a + i + HALF, b + i + HALF);
    }
    if (i < n) {
        float x[LANES] = { 0 }, y[LANES] = { 0 };
        memcpy(x, a + i, (n - i) * sizeof *x);
        memcpy(y, b + i, (n - i) * sizeof *y);
        add_products(&low, x, y);
        add_products(&high, x + HALF, y + HALF);
    }
    double sums[HALF];
    low += high;
    memcpy(sums, &low, sizeof sums);
    for (size_t half = HALF / 2; half > 0; half /= 2) {
        for (size_t l = 0; l < half; l++) {
            sums[l] += sums[l + half];
        }
    }
    return sums[0];
}

static double dot_plain(const float *a, const float *b, size_t n) {
    return body(a, b, n);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static double dot_avx2(const float *a, const float *b, size_t n) {
    return body(a, b, n);
}

__attribute__((target("avx512f"))) static double dot_avx512(
    const float *a, const float *b, size_t n) {
    return body(a, b, n);
}

static wide_dot_fn *choose(void) {
    if (__builtin_cpu_supports("avx512f")) {
        return dot_avx512;
    }
    return __builtin_cpu_supports("avx2") ? dot_avx2 : dot_plain;
}
#else
static wide_dot_fn *choose(void) {
    return dot_plain;
}
#endif

void wide_dots(const float *a, const float *const *rows, size_t n_rows, size_t n, double *out) {
    wide_dot_fn *f = choose();
    for (size_t i = 0; i < n_rows; i++) {
        out[i] = f(a, rows[i], n);
    }
}

double wide_dot(const float *a, const float *b, size_t n) {
    double out;
    wide_dots(a, &b, 1, n, &out);
    return out;
}
