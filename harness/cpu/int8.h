/* Products in eight bits (--dtype int8): a weight's columns and an activation's rows become whole
 * numbers of -127 to 127 with one factor each, a product's sums are exact in 32 bits, and the two
 * factors make an f32 of each. Because the sums are exact and everything else is done number by
 * number, every table here gives the same bits; kernels_int8_plain.c is the oracle.
 *
 * Numbers are rounded to nearest, ties to even; the largest magnitude becomes 127. A row or column
 * that holds a NaN or an infinity has the factor NaN, so that all of its products are NaN: none is
 * hidden behind a number that looks right. One whose largest magnitude is below INT8_TINY is zeros.
 */
#ifndef ASSAY_HARNESS_CPU_INT8_H
#define ASSAY_HARNESS_CPU_INT8_H

#include <math.h>

#include "harness/cpu/gemm.h"

enum {
    INT8_TOP = 127,
    INT8_K_MAX = INT32_MAX / (INT8_TOP * INT8_TOP), /* products that 32 bits hold the sum of */
};
#define INT8_TINY 0x1p-100F /* far from where 127 / x is infinite */

/* A micro-kernel's columns of a weight. */
struct int8_panel {
    const int8_t *numbers; /* [K / k_step, panel, k_step] */
    const int32_t *starts; /* [panel]: what sums begin with, -offset * (sum of the column) */
    const float *factors;  /* [panel] */
};

struct int8_kernels {
    const char *name;
    uint32_t tile, panel; /* rows of a micro-kernel, at most; its columns */
    uint32_t k_step;      /* numbers of a column that lie side by side; rows are as long */
    uint32_t row_bytes;   /* of a number of a quantised row */
    uint32_t offset; /* is added to the numbers of rows (for instructions that want none < 0) */

    /* n numbers of a bf16 row as this table's multiply takes them; zeros up to a multiple of
     * k_step. Returns the row's factor. */
    float (*quantise)(size_t n, const uint16_t *x, void *out);

    /* sums[rows, panel] = a[rows, k] · b times both factors; lda in numbers, k in full steps. */
    void (*multiply)(uint32_t rows, uint32_t k, const void *a, size_t lda, const float *factors,
        const struct int8_panel *b, float *sums, size_t stride);

    /* As struct roof of kernels.h. */
    float (*roof)(uint64_t steps);
    uint32_t roof_ops;
};

extern const struct int8_kernels int8_plain;
#if defined(__x86_64__)
extern const struct int8_kernels int8_avx2;
extern const struct int8_kernels int8_vnni;
#endif

/* The table that goes with an instruction set's other kernels on this processor (isa.c). */
const struct int8_kernels *int8_kernels_choose(const struct kernels *k);

/* Our GEMM of such weights: rows of a call are quantised, and have factors beside them. */
struct gemm *gemm_open_int8(const struct kernels *k);
const struct int8_kernels *gemm_int8_kernels(const struct gemm *g);

/* Numbers from one quantised row to the next. */
static inline size_t int8_stride(const struct gemm_weight *w) {
    uint32_t step = w->gemm->k_step;
    return ((size_t)w->k + step - 1) / step * step;
}

/* Of the largest magnitude: what numbers are multiplied by on the way to whole ones (0: they are
 * all zeros), and on the way back. */
static inline float int8_inverse(float top) {
    return top >= INT8_TINY && top < INFINITY ? INT8_TOP / top : 0;
}

static inline float int8_factor(float top) {
    if (!(top < INFINITY))
        return NAN;
    return top >= INT8_TINY ? top / INT8_TOP : 0;
}

/* x to the nearest whole number, ties to even, where |x| <= 2^22: what is added and taken away
 * again leaves no place for a fraction. */
static inline int8_t int8_round(float x) {
    const float shift = 0x1.8p23F;
    return (int8_t)((x + shift) - shift);
}

#endif
